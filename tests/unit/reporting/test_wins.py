"""Which test images an assistant wins, counted by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from takd.reporting import kinds, wins
from takd.reporting.context import Context
from takd.reporting.kept_answers import KeptAnswers
from takd.study.further_kinds import Pairs, Wins
from tests.unit.reporting.conftest import ARTIFACTS, accuracies, context

SPEC = Wins(
    kind="wins", where="Wins", title="By image", rows=(Pairs(family="plain", pairs={"10-4-2": ("10-2",), "10-6-2": ("10-2",)}),)
)
LABELS = np.array([0, 1, 2, 2, 1])
CLASSES = ("cat", "dog | wolf", "hen")
# Right of 2 students each: 2 1 2 0 2 through the assistant, 2 2 0 0 1 by the teacher; seed 7 has no partner.
TAKD = {0: [0, 1, 2, 0, 1], 1: [0, 0, 2, 0, 1]}
BLKD = {0: [0, 1, 0, 1, 1], 1: [0, 1, 1, 1, 2], 7: [1, 0, 0, 2, 0]}


@pytest.fixture
def seen() -> Context:
    kept = {
        ("cifar10", "plain", chain, ""): {seed: np.array(one) for seed, one in its.items()}
        for chain, its in (("10-4-2", TAKD), ("10-2", BLKD))
    }
    run = accuracies([("cifar10", "plain", chain, seed, 60.0) for chain in ("10-4-2", "10-2", "10-6-2") for seed in (0, 1)])
    return replace(context(run, ("cifar10",)), kept=KeptAnswers(kept, {"cifar10": LABELS}, {"cifar10": CLASSES}))


def test_an_image_is_won_by_whose_students_get_it_right_more_often(seen: Context) -> None:
    table = wins.numbers("wins", SPEC, seen)
    assert list(table[["image", "class", "right", "right_of_other", "n"]].itertuples(index=False, name=None)) == [
        (1, 1, 1, 2, 2),
        (2, 2, 2, 0, 2),
        (4, 1, 2, 1, 2),
    ]
    assert list(table["label"]) == ["dog | wolf", "hen", "dog | wolf"]
    assert set(table["chain"]) == {"10-4-2"} and set(table["other"]) == {"10-2"}


def test_the_page_counts_images_and_names_classes(seen: Context, tmp_path: Path) -> None:
    """Won are 2 and 4, 2 by all students; lost is 1. A student gets 1 hen more; of dogs one is won and one lost."""
    csv, markdown = kinds.make("wins", SPEC, seen, tmp_path / "wins")
    said = "On CIFAR-10, students of 10-4-2 get 2 of 5 images right more often than those of 10-2, and 1 less often."
    assert said in markdown.read_text().splitlines()
    lines = [line for line in markdown.read_text().splitlines() if line.startswith("| CIFAR-10")]
    cells = [[cell.strip() for cell in line.split(" | ")] for line in lines]
    assert cells[0][1:] == ["10-4-2", "10-2", "2", "5", "2", "1", "1", "0", "hen +1.0", "|"]
    assert cells[1][3] == "not kept"
    assert len(pd.read_csv(csv)) == 3


def test_nothing_was_run_or_kept(tmp_path: Path) -> None:
    spec = ARTIFACTS["wins"]
    files = kinds.make("wins", spec, context(accuracies([])), tmp_path / "wins")
    assert files == kinds.files(spec, tmp_path / "wins")
    assert files[0].read_text().splitlines() == [",".join(wins.COLUMNS)] and files[1].read_text().count("| not run ") == 4


def test_classes_without_names_are_numbers(seen: Context) -> None:
    nameless = replace(seen, kept=replace(seen.kept, classes={}))
    assert list(wins.numbers("wins", SPEC, nameless)["label"]) == ["1", "2", "1"]
