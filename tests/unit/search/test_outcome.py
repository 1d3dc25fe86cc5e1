import re
from dataclasses import replace
from pathlib import Path

import pandas as pd

from takd.search.outcome import Outcome
from takd.search.trials import Tried
from takd.yaml_files import parse_yaml
from tests.unit.search.conftest import FIELDS

TRIALS = [
    Tried(0, {"trade_off": 0.5, "temperature": 4.25}, 70.0, "complete", 10.04),
    Tried(1, {"trade_off": 0.25, "temperature": 8.0}, 72.5, "complete", 11.0),
    Tried(2, {"trade_off": 1.0, "temperature": 20.0}, None, "diverged", None),
]
OUTCOME = Outcome("digits/plain/4-2", "held_out", FIELDS, TRIALS, TRIALS[1], {1: 71.0, 2: 72.0})


def test_the_files_say_what_was_found(tmp_path: Path) -> None:
    files = OUTCOME.write(tmp_path / "4-2.csv")
    table = pd.read_csv(files[0])
    assert list(table.columns) == ["number", "state", "accuracy", "seconds", "judged_on", "trade_off", "temperature"]
    assert table["accuracy"].tolist()[:2] == [70.0, 72.5] and table["accuracy"].isna().tolist() == [False, False, True]
    assert table["seconds"].tolist()[:2] == [10.0, 11.0] and set(table["judged_on"]) == {"held_out"}
    found = parse_yaml(files[2].read_text(), "found")
    assert found == {"judged_on": "held_out", "overrides": {"digits/plain/4-2/*": {"trade_off": 0.25, "temperature": 8.0}}}


def test_the_page_shows_the_pictures_beside_it() -> None:
    page = OUTCOME.as_markdown()
    assert "(4-2.history.png)" in page and "(4-2.importance.png)" in page
    assert OUTCOME.what == "accuracy on held-out images, %"


def test_the_luck_of_the_winner_stands_beside_it() -> None:
    """71 and 72 have mean 71.5 and deviation √½; the winner's 72.5 lies 1 above."""
    page = OUTCOME.as_markdown()
    assert "2 fresh seeds come to 71.50 ± 0.71 % (71.00, 72.00)" in page
    assert "had 72.50 %: 1.00 points above that mean" in page
    assert "2 trials ended, 1 diverged." in page
    rows = re.findall(r"^\| (\d) +\| ([\d.]*)", page, flags=re.MULTILINE)
    assert rows == [("1", "72.50"), ("0", "70.00"), ("2", "")]
    assert "one fresh seed comes to 71.00 % (71.00)" in replace(OUTCOME, fresh={1: 71.0}).as_markdown()
    assert "fresh seed" not in replace(OUTCOME, fresh={}).as_markdown().partition("## How much")[2]


def test_the_papers_protocol_is_marked() -> None:
    marked = replace(OUTCOME, judged_on="test")
    assert "**test images**" in marked.as_markdown() and "**test images**" not in OUTCOME.as_markdown()
    assert set(marked.as_table()["judged_on"]) == {"test"} and "judged_on: test" in marked.as_yaml(Path("x"))
