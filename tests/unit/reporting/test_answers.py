"""The table of answers: a pair counted by hand, and the rows of networks that kept none."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from takd.data import prepared
from takd.errors import RecordError
from takd.records.metrics import Metrics, packed_answers
from takd.reporting import answers, kinds
from takd.reporting.context import Context
from takd.reporting.kept_answers import KeptAnswers, kept_of
from takd.study import claims
from takd.study.comparisons import Above, Order
from takd.study.further_kinds import Answers, Pairs
from tests.conftest import ROOT
from tests.unit.reporting.conftest import ARTIFACTS, BOTH, accuracies, context, record

LABELS = np.array([0, 1, 2, 3, 4])
ROWS = (Pairs(family="plain", pairs={"10-4-2": ("10-2", "2")}),)
SPEC = Answers(kind="answers", where="Answers", title="By image", rows=ROWS)


def of(chain: str) -> tuple[str, str, str, str]:
    return ("cifar10", "plain", chain, "")


def seen(kept: dict[tuple[str, str, str, str], dict[int, list[int]]], rows: list[tuple[str, int]]) -> Context:
    arrays = {chain: {seed: np.array(one) for seed, one in its.items()} for chain, its in kept.items()}
    run = accuracies([("cifar10", "plain", chain, seed, 60.0) for chain, seed in rows])
    return replace(context(run, ("cifar10",)), kept=KeptAnswers(arrays, {"cifar10": LABELS}))


TAKD, BLKD = {0: [0, 1, 2, 3, 0], 1: [0, 1, 2, 0, 0]}, {0: [0, 1, 0, 0, 0], 1: [0, 0, 0, 3, 0], 7: [0, 1, 2, 3, 4]}
RUN = [("10-4-2", 0), ("10-4-2", 1), ("10-2", 0), ("10-2", 1), ("10-2", 7), ("2", 0)]


def test_a_pair_is_counted_by_hand() -> None:
    """Of 5 images: 4 and 3 right, beside 2 and 2; seed 7 has no partner."""
    row = answers.numbers("answers", SPEC, seen({of("10-4-2"): TAKD, of("10-2"): BLKD}, RUN)).iloc[0]
    assert (row["chain"], row["other"], row["n"], row["images"], row["note"]) == ("10-4-2", "10-2", 2, 5, "")
    assert row["difference"] == pytest.approx((40 + 20) / 2)
    half = 12.7062047 * 14.1421356 / 2**0.5  # t of one degree of freedom, deviation of 40 and 20
    assert (row["students_low"], row["students_high"]) == pytest.approx((30 - half, 30 + half))
    assert (row["won"], row["lost"]) == (2, 0.5)  # seed 0: 2 and 0; seed 1: 2 and 1
    assert row["mcnemar_p"] == pytest.approx((0.5 + 1) / 2) and row["mcnemar_told"] == 0  # 2 of 2, 2 of 3, exactly
    assert row["agreement"] == pytest.approx(100 * (3 + 2) / 10)  # a common wrong answer is agreement, too


def test_networks_of_before_kept_none_and_others_were_not_run(tmp_path: Path) -> None:
    shown = seen({of("10-4-2"): TAKD}, RUN)
    table = answers.numbers("answers", SPEC, shown)
    assert list(table["note"]) == ["not kept", "not kept"] and table["difference"].isna().all()
    assert list(answers.numbers("answers", SPEC, seen({}, []))["note"]) == ["not run", "not run"]
    files = kinds.make("answers", SPEC, shown, tmp_path / "answers")
    assert files == kinds.files(SPEC, tmp_path / "answers")
    assert files[1].read_text().count("| not kept ") == 2


def test_one_student_a_chain_has_a_difference_without_an_interval() -> None:
    one = answers.numbers("answers", SPEC, seen({of("10-4-2"): {0: TAKD[0]}, of("10-2"): {0: BLKD[0]}}, RUN)).iloc[0]
    assert one["difference"] == pytest.approx(40) and np.isnan([one["students_low"], one["both_high"]]).all()


def test_the_table_has_what_claims_compare_chain_by_chain() -> None:
    """Of C1, C4 and C6, for students of the table's sizes: each path beside BLKD and NOKD."""
    spec = ARTIFACTS["answers"]
    assert isinstance(spec, Answers)
    there = {(first.dataset, first.family, first.chain, other.chain) for first, other in spec.pairs(BOTH)}
    paper = claims.load(ROOT / "paper/claims.yaml").claims
    asked = {
        (dataset, one.family, pair.better[0], pair.worse[0])
        for name in ("C1", "C4", "C6")
        for one in paper[name].comparisons
        if isinstance(one, Above | Order)
        for dataset in one.shown(BOTH)
        for pair in one.pairs()
        if pair.worse[0] in ("10-2", "2", "110-8", "8") and dataset in BOTH
    }
    assert asked <= there and {place[2:] for place in there - asked} <= {("10-2", "2"), ("110-8", "8")}


# Reading what records kept.


def digits_record(digits: Path, *, wrong: int, **values: Any) -> Metrics:
    data = prepared.load(digits)
    told = data.test.labels.clone()
    told[:wrong] = (told[:wrong] + 1) % 10
    accuracy = 100 * (len(told) - wrong) / len(told)
    given: dict[str, Any] = {
        "test_answers": packed_answers(told.tolist()),
        "data_digest": data.digest,
        "selected_accuracy": accuracy,
    }
    return record("digits/plain/2/seed0", (accuracy,), **(given | {"accuracy": accuracy, "best_test_accuracy": accuracy} | values))


@pytest.fixture
def root(digits: Path, tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/prepared").symlink_to(digits.parent)
    return tmp_path


def test_answers_are_held_against_the_images_labels(digits: Path, root: Path) -> None:
    kept = kept_of([("", digits_record(digits, wrong=7)), ("", record("digits/plain/4/seed0"))], root)
    ((chain, by_seed),) = kept.of_chain.items()
    assert chain == ("digits", "plain", "2", "") and (by_seed[0] != kept.labels["digits"]).sum() == 7
    first, second = kept.pair(chain, ("digits", "plain", "4", ""))
    assert first.shape == second.shape == (0, len(kept.labels["digits"]))


def test_answers_that_are_another_network_s_or_of_other_images_are_told(digits: Path, root: Path) -> None:
    answered = digits_record(digits, wrong=3).test_answers
    with pytest.raises(RecordError, match="digits/plain/2/seed0: its answers don't have its accuracy of 98"):
        kept_of([("", digits_record(digits, wrong=7, test_answers=answered))], root)
    with pytest.raises(RecordError, match="its answers don't have its accuracy"):
        kept_of([("", digits_record(digits, wrong=7, test_answers=packed_answers([1, 2])))], root)
    with pytest.raises(RecordError, match="isn't of the images that digits/plain/2/seed0 was judged on"):
        kept_of([("", digits_record(digits, wrong=0, data_digest="e" * 64))], root)


def test_nothing_is_read_where_nothing_was_kept(tmp_path: Path) -> None:
    assert kept_of([("", record("digits/plain/2/seed0"))], tmp_path) == KeptAnswers()
