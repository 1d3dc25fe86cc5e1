"""Letters of groups, and columns held against one: by their definition, and by Student's t for pairs."""

from io import StringIO
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from takd.reporting import tables
from takd.reporting.groups import groups, held_against, letters, told_apart
from takd.study.papers_kinds import Row, Table
from tests.unit.reporting.conftest import accuracies, context


def test_two_names_share_a_letter_unless_they_are_apart() -> None:
    random = np.random.default_rng(3)
    names = list("uvwxyz")
    for _ in range(50):
        apart = {pair for pair in combinations(names, 2) if random.random() < 0.4}
        found = letters(names, apart)
        assert {pair for pair in combinations(names, 2) if not {*found[pair[0]]} & {*found[pair[1]]}} == apart
        assert found["u"].startswith("a") and all(found.values())


def test_letters_of_known_cases() -> None:
    assert letters(["x", "y", "z"], []) == {"x": "a", "y": "a", "z": "a"}
    assert letters(["x", "y", "z"], [("x", "z")]) == {"x": "a", "y": "ab", "z": "b"}
    assert letters(["x", "y", "z"], [("x", "z"), ("x", "y"), ("y", "z")]) == {"x": "a", "y": "b", "z": "c"}
    assert letters([], []) == {}


def made_up(seeds: int = 5) -> pd.DataFrame:
    """Three columns over shared seeds that differ by much more than chance, or by much less; and one that wasn't run."""
    random = np.random.default_rng(4)
    means = pd.DataFrame([{"low": 80.0, "high": 84.0, "as high": 84.0, "not run": np.nan}] * seeds)
    return means + random.normal(0, 1, (seeds, 1)) + random.normal(0, 0.1, means.shape)


def test_what_is_far_apart_is_told_and_what_is_not_run_has_no_letter() -> None:
    assert set(told_apart(made_up())) == {("low", "high"), ("low", "as high")}
    assert groups(made_up()) == {"high": "a", "as high": "a", "low": "b"}
    assert set(groups(made_up(1)).values()) == {"a"}, "one seed tells nothing"


def test_two_columns_are_compared_by_students_t_for_pairs() -> None:
    values = made_up()[["low", "high"]]
    effect = held_against(values, "low")["high"]
    theirs = stats.ttest_rel(values["high"], values["low"])
    assert (effect.low, effect.high) == pytest.approx(tuple(theirs.confidence_interval(0.95)))


def test_a_table_says_how_far_columns_are_above_one_and_which_cannot_be_told_apart() -> None:
    chains = {"low": "26-8", "high": "26-8+dkd", "as high": "26-8+dist", "not run": "26-8+at"}
    row = Row(model="ResNet-8", family="resnet", chains=chains)
    spec = Table(kind="table", title="t", where="w", rows=(row,), against="low")
    run = made_up().drop(columns="not run")
    there = [(name, chain) for name, chain in chains.items() if name in run]
    of = context(
        accuracies([("cifar10", "resnet", chain, seed, run[name].iloc[seed]) for seed in range(len(run)) for name, chain in there]),
        ("cifar10",),
    )
    numbers = tables.numbers("t", spec, of)
    written = pd.read_csv(StringIO(tables.as_csv(numbers, against="low")), keep_default_na=False).iloc[0]
    assert [written[f"{name} group"] for name in chains] == ["b", "a", "a", ""]
    assert written["high over"] == pytest.approx((run["high"] - run["low"]).mean(), abs=0.005)
    assert written["high low"] > 3 and written["low over"] == "" and written["not run low"] == ""
    text = tables.as_markdown(spec, numbers, of)
    assert "over low" in text and "share a letter" in text and "| b " in text


def test_a_table_of_which_nothing_was_run_is_made_all_the_same() -> None:
    row = Row(model="m", family="plain", chains={"a": "2", "b": "10-2"})
    spec = Table(kind="table", title="t", where="w", rows=(row,), against="a")
    numbers = tables.numbers("t", spec, context(accuracies([]), ("cifar10",)))
    assert list(numbers["group"]) == ["", ""] and "not run" in tables.as_csv(numbers, against="a")
