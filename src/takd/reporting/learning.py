"""What the paper's theory says of rates of learning and approximation errors, as effects between fits.

An interval of a sum of independent fitted numbers is put together from theirs, which needn't be symmetric, by MOVER (Zou and Donner
2008): of x - y, the lower end is x - y - √((x - low of x)² + (high of y - y)²).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.optimize import bisect

from takd.reporting.effects import Effect
from takd.reporting.fitting import CANDIDATES, Fit
from takd.study.comparisons import Faster, Nearer, Pair
from takd.study.metric import Metric
from takd.study.names import hops_of

SUREST = 1e-12  # p below which nobody asks
SOFT_ALONE = "λ = 1"  # in the place of a variant


@dataclass(frozen=True)
class Term:
    """A fitted number in a sum. between: its interval at a level; an end is infinite where the data don't bound it."""

    weight: int
    value: float
    between: Callable[[float], tuple[float, float]]


@dataclass(frozen=True)
class OfFits(Effect):
    """A sum of fitted numbers. sides: what stands on each side, shown beside the effect."""

    terms: tuple[Term, ...] = ()
    sides: tuple[float, float] = (math.nan, math.nan)

    @property
    def has_interval(self) -> bool:
        """Whether all could be fitted."""
        return bool(self.terms)

    @property
    def low(self) -> float:
        """The interval's lower end; it may be infinite."""
        return self.effect - self._reach(self.level, -1) if self.terms else math.nan

    @property
    def high(self) -> float:
        """The interval's upper end; it may be infinite."""
        return self.effect + self._reach(self.level, 1) if self.terms else math.nan

    @property
    def p(self) -> float:
        """1 less the highest level whose interval leaves out zero."""
        if not self.terms:
            return math.nan
        towards = -1 if self.effect > 0 else 1

        def over(p: float) -> float:
            return self._reach(1 - p, towards) - abs(self.effect)

        if over(SUREST) <= 0:
            return SUREST
        return float(bisect(lambda p: min(over(p), 1e9), SUREST, 1 - SUREST, xtol=1e-7)) if over(1 - SUREST) < 0 else 1.0

    def _reach(self, level: float, towards: int) -> float:
        ends = [(term, term.between(level)) for term in self.terms]
        squares = [(term.weight * ((high if term.weight * towards > 0 else low) - term.value)) ** 2 for term, (low, high) in ends]
        return math.sqrt(sum(squares))


@dataclass(frozen=True)
class Trainings:
    """Accuracies of one data set, as accuracy.csv has them. teacher_seed: of every teacher; None where each seed has its own.
    metric: the column that networks are compared by.
    """

    accuracy: pd.DataFrame
    dataset: str
    teacher_seed: int | None
    metric: Metric = "accuracy"

    def fit(self, family: str, chain: str, variants: Sequence[str]) -> tuple[Fit, int]:
        """The fit to a chain's errors, and the fewest seeds of a share; 0 where one share wasn't run."""
        table = self._of(family, chain)
        if table.empty:
            return Fit(np.array([]), np.array([])), 0
        table = table[table["variant"].fillna("").isin(variants)]
        errors = 100 - table[self.metric].to_numpy(float)
        counts = table["variant"].fillna("").value_counts()
        return Fit(table["training_share"].to_numpy(float), errors), min(int(counts.get(variant, 0)) for variant in variants)

    def error(self, family: str, chain: str) -> float:
        """The mean error of the networks of a chain that taught, in per cent; NaN where there are none."""
        table = self._of(family, chain)
        table = table[table["variant"].fillna("") == ""]
        if self.teacher_seed is not None:
            table = table[table["seed"] == self.teacher_seed]
        return 100 - float(table[self.metric].mean())

    def _of(self, family: str, chain: str) -> pd.DataFrame:
        table = self.accuracy[self.accuracy[self.metric].notna()]
        return table[(table["dataset"] == self.dataset) & (table["family"] == family) & (table["chain"] == chain)]


def effects(said: Faster | Nearer, trainings: Trainings) -> list[OfFits]:
    """A comparison's effects at 95 % singly. Of `faster` α of a chain less that of another, of `nearer` ε of the direct hop less
    both of the path's, in points; above zero is what the paper says.
    """
    if isinstance(said, Nearer):
        return [_nearer(said, trainings)]
    fits = {chain: trainings.fit(said.family, chain, said.variants(chain)) for chain in said.compared}
    return [_faster(pair, fits) for pair in said.pairs()]


def _faster(pair: Pair, fits: dict[str, tuple[Fit, int]]) -> OfFits:
    (one, n), (other, m) = (fits[side[0]] for side in pair)
    found = OfFits(pair.better, pair.worse, n=min(n, m), method="fits" if min(n, m) else "")
    if not (one.is_known and other.is_known):
        return found
    terms = tuple(Term(weight, fit.rate, _unbounded(fit)) for weight, fit in ((1, one), (-1, other)))
    return replace(found, effect=one.rate - other.rate, terms=terms, sides=(one.rate, other.rate))


def _unbounded(fit: Fit) -> Callable[[float], tuple[float, float]]:
    """The interval of α, to 0 and to infinity where it reaches the ends of the candidates."""

    def between(level: float) -> tuple[float, float]:
        low, high = fit.rate_between(level)
        return (0.0 if low <= CANDIDATES[0] else low), (math.inf if high >= CANDIDATES[-1] else high)

    return between


def _nearer(said: Nearer, trainings: Trainings) -> OfFits:
    """ε of a hop is its asymptote less the error of the teacher that it had, which is known: that network is the one there is."""
    fits, counts = zip(
        *(trainings.fit(said.family, chain, said.variants(chain)) for chain in (*said.path, said.direct)), strict=True
    )
    assistant, teacher = said.path[0], "-".join(map(str, hops_of(said.direct)[:-1]))
    of_assistant, of_teacher = (trainings.error(said.family, chain) for chain in (assistant, teacher))
    found = OfFits(said.path, (said.direct,), n=min(counts), method="fits" if min(counts) else "")
    if not all(fit.is_known for fit in fits) or math.isnan(of_assistant + of_teacher):
        return found
    terms = tuple(Term(weight, fit.asymptote, fit.asymptote_between) for weight, fit in zip((-1, -1, 1), fits, strict=True))
    along = fits[0].asymptote - of_teacher + fits[1].asymptote - of_assistant
    direct = fits[2].asymptote - of_teacher
    return replace(found, effect=direct - along, terms=terms, sides=(along, direct))
