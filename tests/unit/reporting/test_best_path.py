import math
from dataclasses import replace
from pathlib import Path as File
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import stats

from takd.objectives.distillation import distillation_loss
from takd.planning.path_walk import Walked
from takd.reporting.best_path import Choice, Measured, choices, gap, gaps_of, numbers, write
from takd.reporting.context import CHOSEN_ON_TEST
from takd.study.paths import Path

# Teacher T, A and B between, student S: three seeds, S's own deviations on top of each path's mean.
MEANS: dict[Path, float] = {
    ("T",): 90, ("A",): 84, ("B",): 79, ("S",): 70, ("T", "A"): 85, ("T", "B"): 82, ("T", "A", "B"): 83, ("T", "S"): 72,
    ("T", "A", "S"): 73, ("T", "B", "S"): 74.8, ("T", "A", "B", "S"): 75,
}  # fmt: skip
SECONDS = {"T": 1000.0, "A": 100.0, "B": 10.0, "S": 1.0}
GAPS = {("T", "A"): 1.0, ("T", "B"): 4.0, ("T", "S"): 9.0, ("A", "S"): 6.0, ("B", "S"): 3.0, ("A", "B"): 0.5}
SIZES = {"T": 1000.0, "A": 100.0, "B": 50.0, "S": 10.0}
NOISE = {("T", "S"): (0.0, 0.5, -0.5), ("T", "A", "S"): (0.5, -0.5, 0.0)}


def measured(**changes: Any) -> Measured:
    accuracies = {path: {seed: mean + NOISE.get(path, (0, 0, 0))[seed] for seed in range(3)} for path, mean in MEANS.items()}
    accuracies["T",] = {0: 90.0}
    spent = {path: dict.fromkeys(values, SECONDS[path[-1]]) for path, values in accuracies.items()}
    whole = Measured(("T", "A", "B", "S"), Walked(accuracies, spent, None), SIZES, GAPS, within=0.3, exhaustive=True)
    return replace(whole, **changes)


def by_rule(of: Measured) -> dict[str, Choice]:
    return {choice.rule: choice for choice in choices(of)}


def rows(of: Measured) -> dict[str, Any]:
    """The table, a mapping of columns to values for each rule."""
    return {row["rule"]: row for row in numbers(of).to_dict("records")}


def test_what_each_rule_chooses() -> None:
    """The best is T-A-B-S with 75; T-B-S is behind by 0.2, and cheaper. T-B-S isn't among what the recursion trains."""
    paths = {rule: "-".join(choice.path) for rule, choice in by_rule(measured()).items()}
    assert paths == {
        "chosen": "T-B-S", "recursion": "T-A-B-S", "exhaustive": "T-B-S", "mean of ends": "T-B-S",  # (90 + 70) / 2
        "MiniDisc": "T-A-S",  # 0.85 + 0.18 to 0.82 + 0.19
        "constant ratio": "T-A-S",  # 1000 : 100 : 10
        "widest hop": "T-B-S", "no assistant": "T-S",
    }  # fmt: skip
    assert "-".join(by_rule(measured(within=0.1))["chosen"].path) == "T-A-B-S"
    assert "-".join(by_rule(measured(within=5))["recursion"].path) == "T-S"  # no assistant is an answer


def test_what_each_rule_takes() -> None:
    """Networks: the teacher is one, each other path's are three."""
    table = rows(measured())
    assert {rule: row["trainings"] for rule, row in table.items()} == {
        "chosen": 1 + 10 * 3, "exhaustive": 1 + 7 * 3,
        "recursion": 1 + 6 * 3,  # T-A, T-B, T-A-B, T-S, T-A-S, T-A-B-S
        "mean of ends": 1 + 3 * 3 + 2 * 3,  # A, B and S from labels, T-B, T-B-S
        "MiniDisc": 1 + 2 * 3 + 3,  # T-A, T-B, T-A-S
        "constant ratio": 1 + 2 * 3, "widest hop": 1 + 3 * 3 + 2 * 3, "no assistant": 1 + 3,
    }  # fmt: skip
    assert table["no assistant"]["core_seconds"] == 1000 + 3 * 1
    assert table["MiniDisc"]["core_seconds"] == 1000 + 3 * (100 + 10 + 1)
    assert table["MiniDisc"]["path_core_seconds"] == 1000 + 100 + 1


def test_how_far_each_choice_is_behind_the_best() -> None:
    table = rows(measured())
    assert table["recursion"]["behind_best"] == 0 and math.isnan(table["recursion"]["low"])
    assert table["chosen"]["behind_best"] == pytest.approx(0.2)
    assert table["no assistant"]["behind_best"] == pytest.approx(3)
    assert table["no assistant"]["low"] < 3 < table["no assistant"]["high"]


def only(*members: str) -> Measured:
    """A search among fewer members."""
    walked = measured().walked
    kept = [path for path in MEANS if set(path) <= set(members)]
    few = Walked({path: walked.accuracies[path] for path in kept}, {path: walked.spent[path] for path in kept}, None)
    return measured(members=members, walked=few, exhaustive=False)


def test_two_paths_are_compared_seed_by_seed() -> None:
    """T-A-S less T-S: 73.5 - 72, 72.5 - 72.5 and 73 - 71.5."""
    row = rows(only("T", "A", "S"))["no assistant"]
    interval = stats.ttest_1samp([1.5, 0.0, 1.5], 0).confidence_interval(0.95)
    assert (row["behind_best"], row["low"], row["high"]) == pytest.approx((1.0, *interval))


def test_where_nobody_lies_between_there_is_one_path() -> None:
    table = rows(only("T", "S"))
    assert list(table) == ["chosen", "recursion", "no assistant"] and {row["path"] for row in table.values()} == {"T-S"}


def test_without_assistants_rules_of_thumb_have_nothing_to_choose() -> None:
    walked = replace(measured().walked, assistants_at_most=0)
    assert list(by_rule(measured(walked=walked, exhaustive=False))) == ["chosen", "recursion", "no assistant"]


def test_accuracies_of_other_images_are_not_held_against_each_other() -> None:
    assert "mean of ends" not in by_rule(measured(labels_alike=False))


def test_a_gap_is_the_soft_target_loss() -> None:
    random = np.random.default_rng(0)
    teacher, student = random.normal(size=(2, 7, 5)).astype(np.float32) * 3
    logits, labels = torch.from_numpy(student), torch.zeros(7, dtype=torch.int64)
    expected = distillation_loss(
        logits, torch.from_numpy(teacher), labels, trade_off=1.0, temperature=4.0, kl_reduction="batchmean"
    )
    assert gap(teacher, student, 4.0) == pytest.approx(float(expected), rel=1e-4)
    assert gap(teacher, teacher, 4.0) == 0
    assert set(gaps_of({"T": teacher, "A": student, "S": teacher}, 4.0)) == {("T", "A"), ("T", "S"), ("A", "S")}


def test_the_page_says_what_is_chosen_and_the_table_can_be_read_again(tmp_path: File) -> None:
    csv, page = write("Digits, plain", measured(), tmp_path / "best_path")
    assert pd.read_csv(csv)[["rule", "path"]].to_numpy().tolist()[0] == ["chosen", "T-B-S"]
    text = page.read_text(encoding="utf-8")
    assert "Chosen: **T-B-S**, 1 of 2 assistants, 74.80 ± 0.00 %." in text and text.count("T-A-B-S") == 2
    assert "Chosen: **T-S**, no assistant" in write("", measured(within=5), tmp_path / "best_path")[1].read_text(encoding="utf-8")


def test_another_metric_and_recipes_chosen_by_test_images_are_marked_in_both_files(tmp_path: File) -> None:
    csv, page = write("", measured(), tmp_path / "best_path")
    assert not {"metric", "chosen_on"} & {*pd.read_csv(csv)} and "test images" not in page.read_text(encoding="utf-8")
    csv, page = write("", measured(metric="macro_f1", chosen_on="test"), tmp_path / "best_path")
    table, text = pd.read_csv(csv), page.read_text(encoding="utf-8")
    assert set(table["metric"]) == {"macro_f1"} and set(table["chosen_on"]) == {"test"}
    assert CHOSEN_ON_TEST in text and "Networks are compared by macro-F1, %, and not by top-1 accuracy." in text
