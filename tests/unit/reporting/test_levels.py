"""A path over several teachers: the difference by teacher, and what each hop adds to the variance."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf
from scipy import stats

from takd.records.metrics import Epoch
from takd.reporting import kinds, levels, not_run, show
from takd.reporting.context import Context
from takd.reporting.curves import Chain
from takd.study.further_kinds import Levels
from tests.unit.planning.project import Project, node
from tests.unit.reporting.conftest import ARTIFACTS, accuracies, context

SPEC = Levels(kind="levels", where="Levels", title="Over teachers", family="plain", path="10-4-2", direct="10-2", teachers=3)
OVER = (1.0, 0.0, 2.5)  # by teacher


def seen(left_out: tuple[str, int] | None = None) -> Context:
    """Students of three teachers, two a network: 12 of 10-4-2, 6 of 10-2."""
    rows = [("cifar10", "plain", "10-2", seed, 60 + seed // 2 + 0.2 * (seed % 2)) for seed in range(6)]
    for seed in range(12):
        teacher, assistant, student = seed // 4, seed // 2 % 2, seed % 2
        rows.append(("cifar10", "plain", "10-4-2", seed, 60.1 + teacher + OVER[teacher] + 0.4 * (assistant - 0.5) + student - 0.5))
    there = [row for row in rows if (row[2], row[3]) != left_out]
    return replace(context(accuracies(there), ("cifar10",)), seeds=2)


def test_the_path_is_held_against_the_direct_hop_under_each_teacher() -> None:
    table = levels.numbers("levels", SPEC, seen())
    over = table[table["level"] == "over"].iloc[0]
    expected = stats.ttest_1samp(OVER, 0).confidence_interval()
    assert over["networks"] == 3 and over["mean"] == pytest.approx(np.mean(OVER))
    assert (over["low"], over["high"]) == pytest.approx((expected.low, expected.high))
    by_teacher = table[table["level"].str.startswith("teacher")]
    assert list(by_teacher["mean"]) == pytest.approx(OVER)


def test_a_teacher_counts_where_all_of_its_students_are_there() -> None:
    table = levels.numbers("levels", SPEC, seen(left_out=("10-4-2", 5)))
    assert list(table["level"]) == ["over", "teacher 0", "teacher 2", "10", "4", "2", "10", "2"]
    assert table["networks"].iloc[0] == 2 and list(table["networks"].iloc[3:6]) == [2, 4, 8]


def test_hops_share_the_variance_as_a_mixed_model_has_it() -> None:
    """By restricted likelihood, which is the same for a balanced design where no component is zero."""
    random = np.random.default_rng(3)
    shape = (6, 4, 5)
    values = 70 + 2 * random.normal(size=(6, 1, 1)) + 1.2 * random.normal(size=(6, 4, 1)) + 0.7 * random.normal(size=shape)
    teacher, assistant, _ = np.indices(shape).reshape(3, -1)
    table = pd.DataFrame({"value": values.ravel(), "teacher": teacher, "assistant": assistant})
    fit = smf.mixedlm("value ~ 1", table, groups="teacher", re_formula="1", vc_formula={"assistant": "0 + C(assistant)"}).fit()
    found = levels.components(values)
    assert [level.networks for level in found] == [6, 24, 120]
    expected = [float(fit.cov_re.iloc[0, 0]), float(fit.vcomp[0]), float(fit.scale)]
    assert [level.variance for level in found] == pytest.approx(expected, rel=1e-3)
    assert [level.share for level in found] == pytest.approx([100 * each / sum(expected) for each in expected], rel=1e-3)


def test_a_hop_that_adds_nothing_has_no_share() -> None:
    """Teachers whose means are closer than chance would have them: the estimate is below zero, and told as zero."""
    found = levels.components(np.array([[1.0, 3.0], [3.0, 1.0]]))
    assert [level.variance for level in found] == [0, 2] and [level.share for level in found] == [0, 100]
    assert levels.components(np.ones((1, 3))) == [] and levels.components(np.ones((3, 1))) == []


def test_the_page_says_it_in_a_sentence(tmp_path: Path) -> None:
    csv, markdown = kinds.make("levels", SPEC, seen(), tmp_path / "levels")
    said = "it is better under 2 of 3 teachers: +1.00, +0.00, +2.50."
    assert said in markdown.read_text() and "10-4-2 is +1.17 points (-1.96 … +4.29) over 10-2" in markdown.read_text()
    assert list(pd.read_csv(csv).columns) == levels.COLUMNS


def test_it_is_said_once_that_recipes_were_chosen_on_the_test_images(tmp_path: Path) -> None:
    _, markdown = kinds.make("levels", SPEC, replace(seen(), chosen_on="test"), tmp_path / "levels")
    assert "Points of top-1 accuracy, RECIPES OR EPOCHS CHOSEN ON THE TEST IMAGES; intervals" in markdown.read_text()
    assert markdown.read_text().count("CHOSEN ON") == 1


def test_nothing_was_run(tmp_path: Path) -> None:
    _, markdown = kinds.make("levels", ARTIFACTS["levels"], context(accuracies([])), tmp_path / "levels")
    assert markdown.read_text().endswith("On CIFAR-10: not run.\n\nOn CIFAR-100: not run.\n")


def test_a_chain_without_the_other_is_nothing_to_report(tmp_path: Path) -> None:
    alone = accuracies([("cifar10", "plain", "10-2", seed, 60.0) for seed in range(6)])
    chains = [Chain("", "cifar10", "plain", "10-2")]
    for table, empty in ((alone, True), (seen().accuracy, False)):
        files = kinds.make("levels", SPEC, replace(context(table, ("cifar10",)), seeds=2), tmp_path / "levels")
        assert not_run.of_which_nothing(files[1:], {"levels": SPEC}, chains) == (files[1:] if empty else [])


def test_claims_are_judged_under_one_teacher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of one seed, 10-4-2 and 10-2 have the same teacher below `seeds` alone: the other students are no pairs."""
    project = Project(tmp_path)
    project.write(vary="every_hop", report=["levels"], run="there")
    project.train(epochs=1)
    for chain, count in (("10", 2), ("10-4", 4), ("10-2", 4), ("10-4-2", 8)):
        for seed in range(count):
            value = 60.0 + seed % 2 + (3 if chain == "10-4-2" and seed < 2 else 0)
            history = [Epoch(epoch=1, learning_rate=0.1, loss=1, accuracy=value, seconds=2.0)]
            same: dict[str, Any] = dict.fromkeys(("accuracy", "best_test_accuracy", "selected_accuracy"), value)
            project.make(node(f"digits/plain/{chain}/seed{seed}"), history=history, **same)
    monkeypatch.chdir(project.root)
    for what in ("levels", "accuracy", "claims"):
        show.make(project.workflow(), f"results/{what}.csv")
    claims = pd.read_csv("results/claims.csv")
    row = claims[(claims["claim"] == "C1") & (claims["better"] == "10-4-2")].iloc[0]
    assert (row["n"], row["effect"]) == (2, 3) and (row["better_mean"], row["worse_mean"]) == (63.5, 60.5)
    assert (
        "claims are judged by seeds 0 to 1, under the teacher and the assistants of seed 0."
        in Path("results/claims.md").read_text()
    )
    assert pd.read_csv("results/levels.csv").query("level == 'over'")["networks"].item() == 2  # and levels has all
