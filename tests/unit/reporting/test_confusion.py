"""The picture of a confusion matrix: what it shows at few and at many classes, and the counts as CSV."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot
from PIL import Image

from takd.reporting.confusion import draw, write

COUNTS = np.array([[999, 1, 0], [30, 70, 0], [0, 0, 0]])


def test_cells_have_per_cent_of_their_row() -> None:
    picture = draw(COUNTS, ("cat", "dog", "eel"), "a network")
    axis = picture.axes[0]
    assert [tick.get_text() for tick in axis.get_yticklabels()] == ["cat", "dog", "eel"]
    cells = {text.get_position(): text.get_text() for text in axis.texts}
    assert cells == {(0, 0): "100", (1, 0): "<1", (0, 1): "30", (1, 1): "70"}
    shown = axis.images[0].get_array()
    assert shown[1].tolist() == [30, 70, 0] and shown.mask[2].all() and not shown.mask[:2].any()
    pyplot.close(picture)


@pytest.mark.parametrize(("classes", "named"), [(100, True), (1000, False)])
def test_names_and_numbers_are_left_out_where_they_have_no_room(classes: int, named: bool) -> None:
    picture = draw(np.eye(classes, dtype=np.int64), [f"class {number}" for number in range(classes)], "a network")
    axis = picture.axes[0]
    names = [tick.get_text() for tick in axis.get_xticklabels()]
    assert not axis.texts and ("class 99" in names) == named
    if named:
        size = axis.get_xticklabels()[0].get_fontsize()
        picture.draw_without_rendering()
        row = axis.get_window_extent().height / classes * 72 / picture.dpi
        assert 4 <= size <= row  # points: legible, and no name lies over another
    pyplot.close(picture)


def test_a_picture_and_a_table_are_written(tmp_path: Path) -> None:
    labels = ("cat", "a, b", "e$1$l")
    write(tmp_path / "c.png", COUNTS, labels, "digits/plain/2/seed0")
    with Image.open(tmp_path / "c.png") as image:
        assert image.format == "PNG" and min(image.size) > 400
    write(tmp_path / "c.csv", COUNTS, labels, "digits/plain/2/seed0")
    table = pd.read_csv(tmp_path / "c.csv", index_col="class")
    assert (table.to_numpy() == COUNTS).all() and list(table.columns) == list(table.index) == list(labels)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.csv", "c.png"]


def test_names_in_a_script_that_the_font_lacks_are_no_warning(tmp_path: Path) -> None:
    write(tmp_path / "c.png", COUNTS, ("猫", "犬", "eel"), "a network")
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
