"""What verdicts mean: intervals whose verdict is obvious, and how many seeds decide, against Cohen's tables."""

import math
from dataclasses import replace

import numpy as np
import pytest

from takd.reporting.effects import Effect, together
from takd.reporting.verdicts import Row, Unit, Verdict, counted_once, of_claim, of_premise, seeds_to_decide, verdict_of


def effect(low: float, high: float) -> Effect:
    """An effect of that interval at 95 %, by 2.228 standard errors of ten degrees of freedom."""
    return Effect(("a",), ("b",), (low + high) / 2, (high - low) / 2 / 2.2281388519649385, 10.0, 11, 1.0, "pairs")


@pytest.mark.parametrize(
    ("low", "high", "verdict", "small"),
    [
        (0.1, 0.9, "reproduced", False),
        (-0.9, -0.1, "contradicted", False),
        (-0.2, 0.25, "equal", True),
        (-0.2, 0.35, "undecided", False),
        (-0.35, 0.2, "undecided", False),
        (0.05, 0.25, "reproduced", True),  # the sign is told, however small the effect
        (-0.25, -0.05, "contradicted", True),
    ],
)
def test_a_verdict_is_read_from_the_interval(low: float, high: float, verdict: Verdict, small: bool) -> None:
    assert verdict_of(effect(low, high), 0.3) == (verdict, small)


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [
        (-0.2, 0.25, "reproduced"),
        (0.05, 0.25, "reproduced"),
        (0.2, 0.4, "undecided"),
        (0.31, 0.5, "contradicted"),
        (-0.5, -0.31, "contradicted"),
        (-0.5, 0.5, "undecided"),
    ],
)
def test_where_the_claim_is_that_both_are_equal(low: float, high: float, verdict: Verdict) -> None:
    assert verdict_of(effect(low, high), 0.3, said_equal=True)[0] == verdict


def test_in_other_units_nothing_is_called_equal() -> None:
    assert verdict_of(effect(-0.001, 0.001), None) == ("undecided", False)
    assert verdict_of(effect(0.001, 0.002), None) == ("reproduced", False)


def test_without_an_interval_nothing_is_decided() -> None:
    assert verdict_of(Effect(("a",), ("b",), 5.0, n=1, method="pairs"), 0.3) == ("undecided", False)
    assert verdict_of(Effect(("a",), ("b",)), 0.3) == ("not run", False)


def row(verdict: Verdict, claim: str = "C1", better: str = "10-2", unit: Unit = "points", paper: float = math.nan) -> Row:
    return Row(claim, "cifar10", "plain", "", "order", unit, better, "2", effect(0.1, 0.9), verdict, paper=paper)


@pytest.mark.parametrize(
    ("verdicts", "of_all", "premise"),
    [
        ((), "not run", "not run"),
        (("not run", "not run"), "not run", "not run"),
        (("reproduced", "reproduced"), "reproduced", "met"),
        (("reproduced", "equal"), "reproduced in part", "met"),
        (("equal", "equal"), "equal", "met"),
        (("reproduced", "undecided"), "undecided", "undecided"),
        (("reproduced", "not run"), "reproduced so far", "undecided"),
        (("reproduced", "not run", "equal"), "undecided", "undecided"),
        (("contradicted", "not run", "reproduced"), "contradicted", "not met"),
    ],
)
def test_a_claim_s_verdict_and_a_premise_s(verdicts: tuple[Verdict, ...], of_all: str, premise: str) -> None:
    rows = [row(verdict) for verdict in verdicts]
    assert (of_claim(rows), of_premise(rows)) == (of_all, premise)


def test_a_row_under_two_claims_counts_once_under_the_first() -> None:
    first, other = row("reproduced"), row("undecided", better="10-4-2")
    again, in_nats = row("undecided", claim="C4"), row("undecided", claim="C8", unit="nats")
    assert counted_once([first, other, again, in_nats]) == [first, other, in_nats]
    assert len(counted_once([first, replace(first, variant="comparison"), replace(first, dataset="cifar100")])) == 3
    equal = replace(first, kind="equal", found=replace(first.found, worse=("2", "4")))
    assert len(counted_once([equal, replace(equal, found=replace(equal.found, worse=("2", "6")))])) == 2


def test_whether_the_interval_holds_the_paper_s_effect() -> None:
    assert [row("reproduced", paper=paper).holds_paper for paper in (0.05, 0.5, 0.95, math.nan)] == [False, True, False, None]
    without = replace(row("undecided", paper=0.5), found=Effect(("a",), ("b",), 5.0, n=1, method="pairs"))
    assert without.holds_paper is None


# Sizes of a two-sided paired t-test at 5 % with a power of 80 %, for an effect of that many deviations (Cohen's tables; G*Power).
@pytest.mark.parametrize(("published", "pairs"), [(0.2, 199), (0.5, 34), (0.8, 15), (1.0, 10)])
def test_seeds_to_decide_are_those_of_a_paired_t_test_for_the_published_effect(published: float, pairs: int) -> None:
    assert seeds_to_decide(published, effect(-0.1, 0.2)) == pairs
    assert seeds_to_decide(2 * published, replace(effect(-0.1, 0.2), deviation=2.0)) == pairs
    stricter = seeds_to_decide(published, replace(effect(-0.1, 0.2), level=0.995))
    assert stricter is not None and stricter > pairs


# Numbers for which statsmodels has no power at some n, and simulation with 200,000 draws has these.
@pytest.mark.parametrize(("published", "alpha", "pairs"), [(3, 0.05 / 30, 7), (5, 0.05 / 12, 5), (8, 0.05, 3), (20, 0.05 / 30, 3)])
def test_few_seeds_decide_a_large_effect(published: float, alpha: float, pairs: int) -> None:
    assert seeds_to_decide(published, replace(effect(-0.1, 0.2), level=1 - alpha)) == pairs
    assert seeds_to_decide(-published, replace(effect(-0.1, 0.2), level=1 - alpha)) == pairs


@pytest.mark.parametrize("published", [0.0, math.nan, 0.001])
def test_where_the_paper_has_no_such_effect_or_too_small_a_one_there_is_no_number(published: float) -> None:
    assert seeds_to_decide(published, effect(-0.1, 0.2)) is None


def test_without_a_deviation_there_is_no_number_of_seeds() -> None:
    assert seeds_to_decide(1.0, Effect(("a",), ("b",), 5.0, n=1, method="pairs")) is None


def test_ten_that_differ_by_the_margin_are_falsely_called_equal_at_the_stated_rate() -> None:
    """So are those that are called small. Intervals at Holm's levels would err more often."""
    random = np.random.default_rng(1)
    wrong = narrow = small = 0
    for _ in range(500):
        error = 0.3 / 3.8
        drawn = random.normal(0.3, error, 10)
        effects = [Effect(("a",), ("b",), value, error, 1e6, 10, 1.0, "pairs") for value in drawn]
        held = together(effects)
        small += any(verdict_of(one, 0.3)[1] for one in held)
        wrong += any(verdict_of(one, 0.3)[0] == "equal" for one in held)
        open_ones = [one for one in held if one.low <= 0]
        narrow += any(verdict_of(replace(one, level=1 - 0.05 / len(open_ones)), 0.3)[0] == "equal" for one in open_ones)
    assert wrong <= small and small / 500 < 0.025 + 3.1 * math.sqrt(0.025 * 0.975 / 500)
    assert narrow / 500 > 0.1
