"""What is said of a comparison, of a claim and of a premise, from effects and their intervals. What a word means is fixed here."""

import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from scipy import stats

from takd.reporting.effects import Effect, Premises

Verdict = Literal["reproduced", "contradicted", "equal", "undecided", "not run"]
OfClaim = Literal["reproduced", "reproduced so far", "reproduced in part", "contradicted", "equal", "undecided", "not run"]
OfPremise = Literal["met", "not met", "undecided", "not run"]
Unit = Literal[
    "points", "% of NOKD", "nats", "nats, matched", "α", "points of ε", "nats of entropy", "nats of divergence",
    "points of agreement", "points of agreement, training", "points, noise 0.04", "points, noise 0.08", "points, noise 0.16",
]  # fmt: skip
VERDICTS: tuple[Verdict, ...] = ("reproduced", "contradicted", "equal", "undecided", "not run")
# What people read of a study of one's own, in which there is nothing to reproduce; programs read the same words everywhere.
OF_OWN = {
    "reproduced": "confirmed", "reproduced so far": "confirmed so far", "reproduced in part": "confirmed in part",
}  # fmt: skip
POWER = 0.8  # Cohen's convention
MOST_SEEDS = 1000  # beyond which we don't say how many would decide


@dataclass(frozen=True)
class Row:
    """One comparison on a data set: that `better` is above `worse`.

    kind: the claim's predicate, or `joint`, whose label says which test it is. small: whether the whole interval lies within
    ± equal_within. better_mean, worse_mean: over all seeds of each side. paper: the paper's own effect; NaN where it lacks numbers.
    seeds_to_decide: how many tell the paper's effect from none four times out of five; None where that isn't known or needed.
    """

    claim: str
    dataset: str
    family: str
    variant: str
    kind: str
    unit: Unit
    better: str
    worse: str
    found: Effect
    verdict: Verdict
    small: bool = False
    better_mean: float = math.nan
    worse_mean: float = math.nan
    paper: float = math.nan
    seeds_to_decide: int | None = None
    label: str = ""

    @property
    def holds_paper(self) -> bool | None:
        """Whether the interval holds the paper's effect; None where one of them is missing."""
        return None if math.isnan(self.paper) or not self.found.has_interval else self.found.low <= self.paper <= self.found.high

    @property
    def same(self) -> tuple[str, ...]:
        """What makes rows of two claims one comparison."""
        among = " ".join(self.found.worse) if self.kind == "equal" else ""
        return (self.dataset, self.family, self.variant, self.unit, self.better, self.worse, among)


@dataclass(frozen=True)
class Model:
    """What was tested of one additive model, on which intervals of a claim rest."""

    claim: str
    dataset: str
    family: str
    variant: str
    chains: tuple[str, ...]
    premises: Premises


@dataclass(frozen=True)
class Judged:
    """What was found of all claims and premises, in their order. joint: rows of tests over several chains."""

    rows: list[Row] = field(default_factory=list)
    joint: list[Row] = field(default_factory=list)
    models: list[Model] = field(default_factory=list)

    def of(self, claim: str) -> list[Row]:
        """A claim's comparisons, without its joint tests."""
        return [row for row in self.rows if row.claim == claim]


def verdict_of(found: Effect, equal_within: float | None, *, said_equal: bool = False) -> tuple[Verdict, bool]:
    """What an interval says of "better is above worse", and whether all of it lies within ± equal_within.

    An interval off zero tells the sign, however small the effect: it is reproduced (or contradicted) and small. said_equal: the
    claim is that both are equal, so that is what is reproduced. equal_within: None for units in which nothing is called equal.
    """
    if not found.method:
        return "not run", False
    if not found.has_interval:
        return "undecided", False
    small = equal_within is not None and max(abs(found.low), abs(found.high)) <= equal_within
    if said_equal and equal_within is not None:
        apart = found.low > equal_within or found.high < -equal_within
        return ("reproduced" if small else "contradicted" if apart else "undecided"), small
    if found.low > 0 or found.high < 0:
        return ("reproduced" if found.low > 0 else "contradicted"), small
    return ("equal" if small else "undecided"), small


def of_claim(rows: Sequence[Row]) -> OfClaim:
    """A claim's verdict. It takes all comparisons to reproduce it, and one contradiction contradicts it.

    Nothing is widened for that: the rows' intervals hold together. Reproduced so far: the rest isn't run. Reproduced in part: the
    rest is equal, and nothing is open.
    """
    verdicts = {row.verdict for row in rows}
    if "contradicted" in verdicts:
        return "contradicted"
    if verdicts <= {"not run"}:
        return "not run"
    if verdicts == {"reproduced", "not run"}:
        return "reproduced so far"
    if verdicts & {"undecided", "not run"}:
        return "undecided"
    return "reproduced in part" if len(verdicts) > 1 else verdicts.pop()


def of_premise(rows: Sequence[Row]) -> OfPremise:
    """Whether a premise is met: not where a comparison is contradicted. That two are equal doesn't harm it."""
    verdict = of_claim(rows)
    words: dict[OfClaim, OfPremise] = {
        "contradicted": "not met", "undecided": "undecided", "reproduced so far": "undecided", "not run": "not run"
    }  # fmt: skip
    return words.get(verdict, "met")


def counted_once(rows: Sequence[Row]) -> list[Row]:
    """The rows less those that stand under an earlier claim, too."""
    first: dict[tuple[str, ...], Row] = {}
    for row in rows:
        first.setdefault(row.same, row)
    return list(first.values())


def seeds_to_decide(paper: float, found: Effect) -> int | None:
    """The fewest seeds by which pairs tell an effect of the paper's size from none with a probability of 80 % (noncentral t).

    By the deviation that was found, at the level of the interval. None where the paper has no effect, or it takes too many.
    """
    if not abs(paper) > 0 or not found.deviation > 0:
        return None
    counts = range(2, MOST_SEEDS + 1)
    place = bisect_left(counts, POWER, key=lambda n: _power(abs(paper) / found.deviation, n, 1 - found.level))
    return counts[place] if place < len(counts) else None


def _power(effect: float, n: int, alpha: float) -> float:
    """How likely Student's t of n pairs tells the sign of an effect of so many deviations, at alpha to either side together."""
    return float(stats.nct.sf(stats.t.isf(alpha / 2, n - 1), n - 1, effect * math.sqrt(n)))
