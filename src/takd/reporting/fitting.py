"""How fast error falls with the share of the data: error = asymptote + scale · share^-α, by least squares (decision 0016)."""

from collections.abc import Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

CONFIDENCE = 0.95
CANDIDATES = np.geomspace(0.02, 5, 2000)  # α; the theory expects ½ to 1
THINNED = 4  # of the candidates, one of so many stands beside each asymptote
NO_DEVIATION = 1e-6  # squared per cent that a fit to equal errors leaves, as of networks that all are at chance
ROUNDED = 1 + 1e-9  # what two ways to the same sum of squares may differ by
Floats = NDArray[np.float64]


class Rate(NamedTuple):
    """error = asymptote + scale * share^-rate. low, high: the 95 % interval of the rate; NaN where there are too few points."""

    rate: float
    low: float
    high: float
    asymptote: float
    asymptote_low: float
    asymptote_high: float
    scale: float


NOT_FITTED = Rate(*[np.nan] * 7)


class Fit:
    """The fit to errors in per cent, one a training; asymptote and scale are at least 0.

    For each candidate α the rest is linear and found exactly. An interval is that of the profile likelihood: every value whose
    squared error, the rest fitted to it, an F test with 1 and n - 3 degrees of freedom doesn't tell from the least.
    """

    def __init__(self, shares: Floats, errors: Floats) -> None:
        """shares, errors: (trainings,). shares: above 0, at most 1."""
        self.count, self.shares = len(errors), len(set(shares.tolist()))
        powers = shares[None, :] ** -CANDIDATES[:, None]
        self._x, self._xx, self._xy = powers.sum(axis=1), (powers**2).sum(axis=1), powers @ errors
        self._y, self._yy, self._largest = float(errors.sum()), float((errors**2).sum()), float(errors.max(initial=0))

    @property
    def is_known(self) -> bool:
        """Whether there are more trainings than parameters, on three shares or more, and what is left tells of chance."""
        return self.count > 3 and self.shares >= 3 and float(self._solved[2].min()) > NO_DEVIATION

    @cached_property
    def _solved(self) -> tuple[Floats, Floats, Floats]:
        """Asymptote, scale and squared error for each candidate."""
        spread = self.count * self._xx - self._x**2
        scale = (self.count * self._xy - self._x * self._y) / spread
        asymptote = (self._y - scale * self._x) / self.count
        asymptote, scale = np.where(scale < 0, self._y / self.count, asymptote), np.maximum(scale, 0)
        scale = np.where(asymptote < 0, self._xy / self._xx, scale)
        asymptote = np.maximum(asymptote, 0)
        return asymptote, scale, self._squares(asymptote, scale, slice(None))

    def _squares(self, asymptote: Floats, scale: Floats, places: slice | NDArray[np.int64]) -> Floats:
        x, xx, xy = self._x[places], self._xx[places], self._xy[places]
        constant = self._yy - 2 * asymptote * self._y + self.count * asymptote**2
        return np.asarray(constant - 2 * scale * (xy - asymptote * x) + scale**2 * xx)

    @cached_property
    def _best(self) -> int:
        return int(self._solved[2].argmin())

    @property
    def rate(self) -> float:
        """α."""
        return float(CANDIDATES[self._best])

    @property
    def asymptote(self) -> float:
        """What error would be left with endless data, in per cent."""
        return float(self._solved[0][self._best])

    def rate_between(self, level: float = CONFIDENCE) -> tuple[float, float]:
        """The interval of α; it ends at the ends of the candidates where the data don't bound it."""
        inside = CANDIDATES[self._solved[2] <= self._limit(level)]
        return float(inside.min()), float(inside.max())

    def asymptote_between(self, level: float = CONFIDENCE) -> tuple[float, float]:
        """The interval of the asymptote, from 0 to the largest error."""
        values, squares = self._of_asymptotes
        inside = values[squares <= self._limit(level)]
        return float(inside.min()), float(inside.max())

    @cached_property
    def _of_asymptotes(self) -> tuple[Floats, Floats]:
        """Asymptotes, and the squared error of each under the best α for it; the finer, the nearer to the best."""
        away = self._largest * np.geomspace(1e-5, 1, 400)
        values = np.concatenate([[0.0, self.asymptote, self._largest], self.asymptote - away, self.asymptote + away])
        values = np.unique(values[(values >= 0) & (values <= self._largest)])
        places = np.arange(self._best % THINNED, len(CANDIDATES), THINNED)
        against = self._xy[places] - values[:, None] * self._x[places]
        squares = self._squares(values[:, None], np.maximum(against / self._xx[places], 0), places)
        return values, squares.min(axis=1)

    def _limit(self, level: float) -> float:
        freedom = self.count - 3
        least = max(float(self._solved[2][self._best]), 0.0)
        return least * (1 + float(stats.f.ppf(level, 1, freedom)) / freedom) * ROUNDED + 1e-9

    @property
    def found(self) -> Rate:
        """All of it at 95 %."""
        if not self.is_known:
            return NOT_FITTED
        return Rate(self.rate, *self.rate_between(), self.asymptote, *self.asymptote_between(), float(self._solved[1][self._best]))


def fitted(shares: Sequence[float] | Floats, errors: Sequence[float] | Floats) -> Rate:
    """The rate at which errors, in per cent, one a training, fall with the share of the data; NaN where there are too few."""
    return Fit(np.asarray(shares, dtype=np.float64), np.asarray(errors, dtype=np.float64)).found
