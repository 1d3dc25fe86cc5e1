"""Seeds until a comparison is decided: when to look, and what may be said at each look without being fooled by looking often.

The 5 % of false verdicts are spent over the looks, at each as much as the spending function of O'Brien and Fleming's kind gives it
(Lan and DeMets 1983): next to nothing early, half and more at the last. Each look's interval is Student's t of the differences
within seeds, at its own level. As the shares add up to 5 %, the intervals of all looks hold together in 95 of 100 cases, however
few the seeds (repeated confidence intervals, Jennison and Turnbull 1989). The joint law of the looks, which is usual, would make
the last interval some 10 % narrower. But it is the normal law's: with Student's t of 3 to 20 seeds 5.2 to 5.9 % were false.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
from scipy import stats

from takd.reporting.effects import CONFIDENCE, Effect, Numbers, by_pairs
from takd.reporting.verdicts import Verdict, verdict_of


@dataclass(frozen=True)
class Decision:
    """What a comparison came to. n: differences that were looked at when it was decided, or at the last look that there was.

    low, high: the interval at that look, at its own level. next: how many seeds the next look needs; None where it is decided, or
    no look is left.
    """

    verdict: Verdict
    n: int
    effect: float
    low: float
    high: float
    next: int | None


def decided(
    differences: Sequence[float] | Numbers,
    looks: Sequence[int],
    *,
    equal_within: float | None,
    comparisons: int = 1,
    said_equal: bool = False,
) -> Decision:
    """The verdict of the first look that gives one, from the differences (better less worse) of one seed after another.

    looks: numbers of seeds, rising, fixed before the first look; those beyond what is there are still to come. comparisons: how
    many are judged together, each of which gets its share of the 5 %. equal_within, said_equal: as `verdict_of` has them.
    Raises ValueError where looks don't rise from 2 on, or a difference isn't a number.
    """
    if not looks or looks[0] < 2 or any(later <= earlier for earlier, later in pairwise(looks)):
        raise ValueError(f"looks: expected rising numbers of seeds, from 2 on, not {list(looks)}")
    values = np.asarray(differences, dtype=float)
    if not np.isfinite(values).all():
        raise ValueError("differences: expected numbers; leave out seeds that one side doesn't have")
    decision = Decision("undecided" if len(values) else "not run", len(values), _mean(values), math.nan, math.nan, looks[0])
    for place, (n, level) in enumerate(zip(looks, _levels(tuple(looks), comparisons), strict=True)):
        if n > len(values):
            break
        found = by_pairs(Effect(("better",), ("worse",), n=n, level=level), values[:n])
        verdict, _ = verdict_of(found, equal_within, said_equal=said_equal)
        later = looks[place + 1] if place + 1 < len(looks) and verdict == "undecided" else None
        decision = Decision(verdict, n, found.effect, found.low, found.high, later)
        if verdict != "undecided":
            break
    return decision


@lru_cache
def _levels(looks: tuple[int, ...], comparisons: int) -> tuple[float, ...]:
    """The interval's level at each look: 1 less what is spent there."""
    alpha = (1 - CONFIDENCE) / comparisons
    spent = [0.0, *(4 * float(stats.norm.sf(stats.norm.isf(alpha / 4) / math.sqrt(n / looks[-1]))) for n in looks)]
    return tuple(1 - (later - earlier) for earlier, later in pairwise(spent))


def _mean(values: Numbers) -> float:
    return float(values.mean()) if len(values) else math.nan
