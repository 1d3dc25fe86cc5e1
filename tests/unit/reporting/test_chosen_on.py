"""What was chosen by the test images says so wherever its accuracies are shown, and nothing else does."""

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from takd.reporting import kinds, tables
from takd.reporting.context import CHOSEN_ON_TEST, of_all_accuracies
from takd.reporting.page import report_html
from takd.reporting.report import report_markdown
from takd.study import artifacts
from takd.study.papers_kinds import Table
from tests.unit.planning.project import Project, node
from tests.unit.reporting.conftest import accuracies, context, record

OWN = artifacts.of_own_study("plain", ["10", "2"])
TABLE = cast(Table, OWN["table"])
ROWS = accuracies([("digits", "plain", chain, seed, 50.0 + seed) for chain in ("2", "10-2", "10") for seed in (0, 1)])


@pytest.mark.parametrize("chosen_on", ["held_out", "test"])
def test_tables_figures_and_reports_say_so_where_it_is_so(chosen_on: Any, tmp_path: Path) -> None:
    given = replace(context(ROWS, ("digits",)), chosen_on=chosen_on)
    files = [*kinds.make("table", TABLE, given, tmp_path / "table"), *kinds.make("paths", OWN["paths"], given, tmp_path / "paths")]
    texts = {path.name: path.read_text() for path in files if path.suffix != ".png"}
    records = [("", record("digits/plain/2/seed0"))]
    texts["report.md"] = report_markdown("x", records, {}, [], None, chosen_on)
    texts["report.html"] = report_html("x", records, {}, [], None, "", chosen_on=chosen_on)
    marked = {name for name, text in texts.items() if CHOSEN_ON_TEST.lower() in text.lower()}
    assert marked == ({"table.md", "paths.svg", "report.md", "report.html"} if chosen_on == "test" else set())
    assert (texts["table.csv"].splitlines()[0].split(",")[2] == "chosen_on") == (chosen_on == "test")


def test_both_marks_may_stand_in_one_caption() -> None:
    held_out = replace(context(ROWS.assign(best_test_accuracy=float("nan")), ("digits",)), chosen_on="test")
    text = tables.as_markdown(TABLE, tables.numbers("table", TABLE, held_out), held_out)
    assert f", %, ON HELD-OUT TRAINING IMAGES, {CHOSEN_ON_TEST}; mean" in text
    assert of_all_accuracies(True, "test").count("\n\n") == 2 and of_all_accuracies(False, "held_out") == ""


def test_an_epoch_that_the_test_images_chose_counts_for_all_that_learnt_from_it(tmp_path: Path) -> None:
    project = Project(tmp_path)
    assert project.workflow().keys.chosen_on("results", [node("digits/plain/10-4-2/seed0")]) == "held_out"
    project.write(overrides={"digits/plain/10-4/*": {"select": "best_test"}})
    keys = project.workflow().keys
    said = {chain: keys.chosen_on("results", [node(f"digits/plain/{chain}/seed0")]) for chain in ("10", "10-2", "10-4", "10-4-2")}
    assert said == {"10": "held_out", "10-2": "held_out", "10-4": "test", "10-4-2": "test"}
