"""Looking again and again: false verdicts are counted in simulations, and the shares against published ones."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from takd.errors import ParameterError
from takd.reporting.rounds import decided
from takd.study.looks import looks
from tests.conftest import ROOT

PLAN = (3, 6, 11, 20)


def most(rate: float, draws: int) -> float:
    """What a count at that rate stays below, but for one case in a thousand."""
    return rate + 3.1 * math.sqrt(rate * (1 - rate) / draws)


@pytest.mark.parametrize(
    ("effect", "false"),
    [(0.0, {"reproduced", "contradicted"}), (0.3, {"equal", "contradicted"}), (-0.3, {"equal", "reproduced"})],
)
def test_false_verdicts_stay_within_five_per_cent_however_often_one_looks(effect: float, false: set[str]) -> None:
    random = np.random.default_rng(1)
    drawn = [decided(random.normal(effect, 0.4, 20), PLAN, equal_within=0.3).verdict for _ in range(1000)]
    assert sum(verdict in false for verdict in drawn) / 1000 < most(0.05, 1000)


def told(differences: npt.NDArray[np.floating[Any]], plan: tuple[int, ...]) -> bool:
    return decided(differences, plan, equal_within=None).verdict in ("reproduced", "contradicted")


def test_a_plan_that_is_changed_after_a_look_errs_as_often_as_the_page_says() -> None:
    """Raised because the last look was undecided; lowered to what is there whenever that would decide."""
    random, draws = np.random.default_rng(2), 1000
    raised = lowered = fixed = 0
    for _ in range(draws):
        differences = random.normal(0, 0.4, 40)
        fixed += told(differences[:20], PLAN)
        raised += told(differences[:20], PLAN) or told(differences, looks(3, 40))
        lowered += any(told(differences[:count], looks(3, count)) for count in PLAN)
    assert fixed < raised < lowered
    for count, rate in ((fixed, 0.04), (raised, 0.075), (lowered, 0.13)):
        assert count / draws == pytest.approx(rate, abs=3.1 * (rate * (1 - rate) / draws) ** 0.5), rate


def test_looking_as_often_without_a_method_would_be_fooled() -> None:
    """That the simulation above could fail: Student's t at 95 % at each of the same looks."""
    random = np.random.default_rng(1)
    values = random.normal(0, 0.4, (1000, 20))
    told = [stats.ttest_1samp(values[:, :n], 0, axis=1).pvalue < 0.05 for n in PLAN]
    assert np.any(told, axis=0).mean() > 0.1


@pytest.mark.parametrize("plan", [(2, 3, 4), (3, 6, 11, 20), (10, 13, 16, 20)])
def test_ten_comparisons_share_the_five_per_cent(plan: tuple[int, ...]) -> None:
    random = np.random.default_rng(2)
    wrong = 0
    for _ in range(200):
        draws = random.normal(0, 0.4, (10, plan[-1]))
        wrong += any(decided(one, plan, equal_within=None, comparisons=10).verdict != "undecided" for one in draws)
    assert wrong / 200 < most(0.05, 200)


def test_a_clear_effect_is_told_before_the_last_look_and_equal_ones_are_told_too() -> None:
    random = np.random.default_rng(3)
    clear = [decided(random.normal(1.0, 0.4, 20), PLAN, equal_within=0.3) for _ in range(100)]
    assert all(one.verdict == "reproduced" for one in clear) and np.mean([one.n for one in clear]) < 12
    equal = [decided(random.normal(0.0, 0.25, 20), PLAN, equal_within=0.3) for _ in range(100)]
    assert sum(one.verdict == "equal" for one in equal) > 80
    said = [decided(random.normal(0.0, 0.25, 20), PLAN, equal_within=0.3, said_equal=True) for _ in range(100)]
    assert sum(one.verdict == "reproduced" for one in said) > 80


def test_the_shares_are_those_of_o_brien_and_fleming_s_kind() -> None:
    """Five even looks spend 0.0000, 0.0008, 0.0068, 0.0168, 0.0256 of 0.05 (Lan and DeMets' two-sided function)."""
    values = np.random.default_rng(4).normal(0, 1, 50)
    shares = []
    for n in (10, 20, 30, 40, 50):
        one = decided(values[:n], (10, 20, 30, 40, 50), equal_within=None)
        half = (one.high - one.low) / 2 / (values[:n].std(ddof=1) / math.sqrt(n))
        shares.append(float(2 * stats.t.sf(half, n - 1)))
    assert shares == pytest.approx([1e-6, 0.00078, 0.0068, 0.0168, 0.0256], abs=6e-5)
    assert sum(shares) == pytest.approx(0.05)


def test_the_example_of_the_page_is_what_comes_out() -> None:
    """docs/how-a-claim-is-judged.md. Shares by the formula: 4 (1 - Φ(z / √share)), z the point beyond which 0.05 / 4 lie."""
    page = " ".join((ROOT / "docs/how-a-claim-is-judged.md").read_text(encoding="utf-8").split())
    spent = [0.0, *(4 * stats.norm.sf(stats.norm.isf(0.0125) / math.sqrt(n / 20)) for n in PLAN)]
    shares = [f"{later - earlier:.4f}" for earlier, later in pairwise(spent)]
    assert f"They spend {', '.join(shares[:3])} and {shares[3]} of the 0.05" in page
    first, second = [0.9, 1.1, 1.0], [0.9, 1.1, 1.0, 0.8, 1.2, 1.0]
    for values, said in ((first, "+1.00 ± 483"), (second, "+1.00 ± 0.67: reproduced")):
        n = len(values)
        share = spent[PLAN.index(n) + 1] - spent[PLAN.index(n)]
        half = stats.t.isf(share / 2, n - 1) * np.std(values, ddof=1) / math.sqrt(n)
        one = decided(values, PLAN, equal_within=0.3)
        assert one.high - one.effect == pytest.approx(half) and said in page
        assert f"± {half:.0f}" in said or f"± {half:.2f}" in said
    assert decided(first, PLAN, equal_within=0.3).verdict == "undecided"
    assert decided(second, PLAN, equal_within=0.3).verdict == "reproduced"
    assert f"they are at {', '.join(map(str, PLAN[:3]))} and {PLAN[3]} students" in page and looks(3, 20) == PLAN


def test_one_look_is_student_s_interval() -> None:
    values = [0.1, 0.5, 0.3, 0.9]
    one = decided(values, (4,), equal_within=0.3)
    interval = stats.ttest_1samp(values, 0).confidence_interval()
    assert (one.low, one.high) == pytest.approx(tuple(interval)) and one.next is None


def test_the_next_look_is_said_until_there_is_none() -> None:
    values = [0.5, -0.4, 0.3, -0.2, 0.6, -0.7, 0.1, 0.2]
    assert decided([], PLAN, equal_within=0.1).verdict == "not run" and decided([], PLAN, equal_within=0.1).next == 3
    assert decided(values[:2], PLAN, equal_within=0.1).next == 3
    assert decided(values[:5], PLAN, equal_within=0.1).next == 6
    assert decided(values, PLAN, equal_within=0.1).n == 6, "between two looks nothing is looked at"
    last = decided(values, (3, 6, 8), equal_within=0.1)
    assert (last.verdict, last.n, last.next) == ("undecided", 8, None)
    clear = decided([5.0, 5.1, 4.9, 5.0, 5.1, 4.9, 5.0], PLAN, equal_within=0.1)
    assert (clear.verdict, clear.next) == ("reproduced", None)


def test_differences_that_agree_to_the_digit_decide_nothing() -> None:
    assert decided([1.0] * 20, PLAN, equal_within=0.3).verdict == "undecided"


@pytest.mark.parametrize(("there", "at_most"), [(3, 20), (10, 20), (0, 20), (1, 2), (2, 2), (20, 20), (19, 20), (3, 1000)])
def test_looks_begin_with_what_is_there_and_end_with_the_most(there: int, at_most: int) -> None:
    plan = looks(there, at_most)
    assert plan[0] == max(there, 2) and plan[-1] == at_most and len(plan) <= 4
    assert all(later > earlier for earlier, later in pairwise(plan))


@pytest.mark.parametrize(
    ("there", "at_most", "says"),
    [
        (10, 5, "seeds_at_most: 5 is below the 10 seeds that are there; give 10 or more"),
        (0, 1, "expected 2 to 1000 seeds, not 1"),
        (0, -3, "not -3"),
        (3, 1001, "not 1001"),
    ],
)
def test_a_number_of_seeds_that_can_t_be_is_said_in_one_line(there: int, at_most: int, says: str) -> None:
    with pytest.raises(ParameterError, match=says) as caught:
        looks(there, at_most)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("plan", [(), (1, 5), (5, 5), (6, 3)])
def test_looks_have_to_rise(plan: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="looks: expected rising numbers"):
        decided([0.1, 0.2], plan, equal_within=0.3)


def test_a_seed_that_one_side_lacks_is_no_difference() -> None:
    with pytest.raises(ValueError, match="leave out seeds"):
        decided([0.1, math.nan], PLAN, equal_within=0.3)
