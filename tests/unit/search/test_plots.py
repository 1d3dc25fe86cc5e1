from pathlib import Path
from unittest.mock import patch

import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.patches import Rectangle
from PIL import Image

from takd.errors import DivergenceError
from takd.search import plots
from tests.unit.search.conftest import run


def diverges(which: str) -> None:
    if which == "trial1":
        raise DivergenceError("the loss is infinite")


def test_both_pictures_are_of_the_trials_that_ended(tmp_path: Path) -> None:
    study = run(tmp_path / "journal", 6, diverges)
    drawn = {}
    with patch.object(plots, "_save", lambda path: drawn.update({path.name: pyplot.gcf()})):
        files = plots.draw(study, "accuracy, %", tmp_path / "10-4.2.csv")
    history, importance = (drawn[path.name].axes[0] for path in files)
    assert [path.name for path in files] == ["10-4.2.history.png", "10-4.2.importance.png"]
    numbers, values = np.asarray(history.collections[0].get_offsets()).T
    assert numbers.tolist() == [0, 2, 3, 4, 5]  # the one that diverged isn't drawn at 0 %
    assert values.tolist() == [trial.value for trial in study.trials if trial.number != 1]
    assert {text.get_text() for text in importance.get_yticklabels()} == {"trade_off", "temperature"}
    assert sum(bar.get_width() for bar in importance.patches if isinstance(bar, Rectangle)) == pytest.approx(1)
    pyplot.close("all")


def test_the_same_trials_give_the_same_files_and_few_say_so(tmp_path: Path) -> None:
    study = run(tmp_path / "journal", 3)
    before = [path.read_bytes() for path in plots.draw(study, "accuracy, %", tmp_path / "a.csv")]
    assert [path.read_bytes() for path in plots.draw(study, "accuracy, %", tmp_path / "a.csv")] == before
    for name in ("history", "importance"):
        with Image.open(tmp_path / f"a.{name}.png") as picture:
            assert picture.width > 400


def test_trials_beyond_those_that_were_asked_for_are_not_drawn(tmp_path: Path) -> None:
    few = [path.read_bytes() for path in plots.draw(run(tmp_path / "journal", 5), "accuracy, %", tmp_path / "a.csv")]
    more = run(tmp_path / "journal", 8)
    assert [path.read_bytes() for path in plots.draw(more, "accuracy, %", tmp_path / "a.csv", 5)] == few
    assert [path.read_bytes() for path in plots.draw(more, "accuracy, %", tmp_path / "a.csv")] != few
