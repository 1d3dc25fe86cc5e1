"""Effects between chains, with intervals over seeds: one additive model where chains share seeds, else pairs, else samples.

Within a claim intervals hold together: of m comparisons each has one at 1 - 0.05 / m (Bonferroni; Dunn 1961), and by it signs are
told, and what is equal or small. Holm's step-down would tell a few signs more, but intervals at its levels don't hold together: of
12 comparisons some interval would miss its effect in 15 of 100 claims (simulated).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats
from statsmodels.regression.linear_model import OLS

CONFIDENCE = 0.95
NO_DEVIATION = 1e-9  # of values up to 100: what a difference of equal ones leaves
DOUBT = 0.05  # p below which a premise of the model counts as failed
Numbers = npt.NDArray[np.floating[Any]]
Method = Literal["model", "pairs", "samples", "constant", "joint", "crossed", "fits", ""]


@dataclass(frozen=True)
class Effect:
    """The mean over the chains of `better` less the mean over those of `worse`, in the unit of the values.

    error: its standard error, by `freedom` degrees of freedom; NaN where fewer than two seeds, or equal differences, leave nothing
    to tell chance by. n: seeds that all chains have; of samples without common seeds the fewest. deviation: the standard deviation
    of one seed's difference. method: how it was found, see `SharedSeeds.effect`; empty where a side wasn't run. level: the
    interval's.
    """

    better: tuple[str, ...]
    worse: tuple[str, ...]
    effect: float = math.nan
    error: float = math.nan
    freedom: float = math.nan
    n: int = 0
    deviation: float = math.nan
    method: Method = ""
    level: float = CONFIDENCE

    @property
    def has_interval(self) -> bool:
        """Whether there is anything to tell chance by."""
        return not math.isnan(self.error)

    @property
    def low(self) -> float:
        """The interval's lower end."""
        return self.effect - self._half

    @property
    def high(self) -> float:
        """The interval's upper end."""
        return self.effect + self._half

    @property
    def p(self) -> float:
        """The probability of as large an effect, either way, if there were none."""
        return float(2 * stats.t.sf(abs(self.effect) / self.error, self.freedom)) if self.has_interval else math.nan

    @cached_property
    def _half(self) -> float:
        return float(stats.t.isf((1 - self.level) / 2, self.freedom)) * self.error if self.has_interval else math.nan


def together(effects: Sequence[Effect]) -> list[Effect]:
    """A claim's effects, at the level at which all of their intervals hold in 95 of 100 claims (Dunn 1961)."""
    count = sum(effect.has_interval for effect in effects)
    return [replace(effect, level=1 - (1 - CONFIDENCE) / max(count, 1)) for effect in effects]


@dataclass(frozen=True)
class Premises:
    """What the additive model supposes, by its p-values; NaN where there is too little to ask it of.

    additivity: chains differ by as much under each seed (Tukey's one degree of freedom, 1949). deviations: residuals scatter alike
    around each chain (Bartlett's test, 1937, of studentised residuals). Brown-Forsythe's is blind with three seeds: of nine chains,
    one ten times as scattered as the rest, it told in 2 of 100 simulations, Bartlett's in 84.
    """

    additivity: float = math.nan
    deviations: float = math.nan

    @property
    def hold(self) -> bool:
        """Whether neither fails."""
        return not (self.additivity < DOUBT or self.deviations < DOUBT)


class SharedSeeds:
    """Chains of one student, judged together. values: a row a seed, a column a chain; NaN where a network wasn't run.

    The model is value = chain + seed + chance, by least squares, over the chains and seeds that have two values or more. It needs
    three chains that seeds connect; with two it would be Student's t for pairs.
    """

    def __init__(self, values: pd.DataFrame) -> None:
        self.chains: list[str] = list(values.columns)
        self.values: Numbers = values.to_numpy(dtype=float)

    def effect(self, better: Sequence[str], worse: Sequence[str]) -> Effect:
        """The effect at 95 % singly: by the model where its premises hold, else by what differs within each seed.

        Where fewer than two seeds are shared, chains are samples of their own, of unequal deviations (Welch 1947).
        """
        found = Effect(tuple(better), tuple(worse))
        weights = {chain: 1 / len(better) for chain in better} | {chain: -1 / len(worse) for chain in worse}
        if not weights.keys() <= set(self.chains):
            return found
        columns = self.values[:, [self.chains.index(chain) for chain in weights]]
        samples = [column[~np.isnan(column)] for column in columns.T]
        fewest = min(map(len, samples))
        if fewest == 0:
            return found
        differences = columns @ np.array(list(weights.values()))
        differences = differences[~np.isnan(differences)]
        found = replace(found, n=len(differences))
        if self.model is not None and self.premises.hold and weights.keys() <= set(self.model.chains):
            return self.model.effect(found, weights)
        if len(differences) >= 2 or (len(differences) == 1 and fewest == 1):
            return by_pairs(found, differences)
        return _of_samples(replace(found, n=fewest), samples, np.array(list(weights.values())))

    @cached_property
    def model(self) -> "_Additive | None":
        """The additive model; None where there is too little for one."""
        rows, columns = np.full(len(self.values), True), np.full(len(self.chains), True)
        while True:  # leave out what nothing can be compared with, until nothing more is
            there = ~np.isnan(self.values) & rows[:, None] & columns
            if (rows == (there.sum(axis=1) >= 2)).all() and (columns == (there.sum(axis=0) >= 2)).all():
                break
            rows, columns = rows & (there.sum(axis=1) >= 2), columns & (there.sum(axis=0) >= 2)
        if columns.sum() < 3:
            return None
        model = _Additive(self.values[rows][:, columns], [self.chains[place] for place in np.flatnonzero(columns)])
        return model if model.is_known and math.sqrt(model.fit.scale) > NO_DEVIATION else None

    @cached_property
    def premises(self) -> Premises:
        """What the model supposes, tested."""
        return Premises() if self.model is None else Premises(self.model.additivity(), self.model.deviations())


class _Additive:
    """value = chain + seed + chance, by least squares. table: (seeds, chains)."""

    def __init__(self, table: Numbers, chains: list[str]) -> None:
        self.chains = chains
        self.of_seed, self.of_chain = np.nonzero(~np.isnan(table))
        of_chain = self.of_chain[:, None] == np.arange(len(chains))
        of_seed = self.of_seed[:, None] == np.arange(1, len(table))
        self.design = np.hstack([of_chain, of_seed]).astype(float)
        self.is_known = np.linalg.matrix_rank(self.design) == self.design.shape[1] <= len(self.design) - 2
        if self.is_known:
            self.fit: Any = OLS(table[self.of_seed, self.of_chain], self.design).fit()

    def effect(self, found: Effect, weights: dict[str, float]) -> Effect:
        """The effect of those weights, with its standard error."""
        row = np.zeros(self.design.shape[1])
        row[: len(self.chains)] = [weights.get(chain, 0.0) for chain in self.chains]
        test = self.fit.t_test(row)
        effect, error = float(test.effect.item()), float(test.sd.item())
        deviation = math.sqrt(self.fit.scale * float(row @ row))
        return replace(found, effect=effect, error=error, freedom=float(self.fit.df_resid), deviation=deviation, method="model")

    def additivity(self) -> float:
        """p of Tukey's one degree of freedom: whether the product of chain and seed effects explains what is left."""
        chain = self.fit.params[: len(self.chains)][self.of_chain]
        seed = np.append(0.0, self.fit.params[len(self.chains) :])[self.of_seed]
        product = (chain - chain.mean()) * (seed - seed.mean())
        left = product - self.design @ (self.fit.model.pinv_wexog @ product)
        if float(np.abs(left).max()) < NO_DEVIATION:
            return math.nan
        return float(OLS(self.fit.model.endog, np.column_stack([self.design, left])).fit().pvalues[-1])

    def deviations(self) -> float:
        """p of Bartlett's test, that residuals of each chain, studentised for its number of seeds, deviate equally."""
        free = 1 - np.einsum("ij,ji->i", self.design, self.fit.model.pinv_wexog)
        if (free < NO_DEVIATION).any():  # a value that the others say nothing about
            return math.nan
        residuals = self.fit.resid / np.sqrt(free)
        groups = [residuals[self.of_chain == chain] for chain in range(len(self.chains))]
        if min(float(group.std()) for group in groups) < NO_DEVIATION:  # a chain that follows the seeds to the digit
            return 0.0
        return float(stats.bartlett(*groups).pvalue)


def over_constant(values: "pd.Series[float]", better: str, worse: str, constant: float) -> Effect:
    """How far a chain is above one number, as a quoted one is: the interval knows the deviation of the chain alone."""
    known = values.dropna().to_numpy(dtype=np.float64)
    found = by_pairs(Effect((better,), (worse,), n=len(known)), known - constant)
    return replace(found, method="constant") if found.n else found


def by_pairs(found: Effect, differences: Numbers) -> Effect:
    """Student's t of the differences within each seed, shape (seeds,)."""
    n = len(differences)
    if n == 0:
        return found
    found = replace(found, effect=float(differences.mean()), method="pairs")
    deviation = float(differences.std(ddof=1)) if n > 1 else 0.0
    if deviation < NO_DEVIATION:  # one seed, or a few that happen to agree
        return found
    return replace(found, error=deviation / math.sqrt(n), freedom=float(n - 1), deviation=deviation)


def _of_samples(found: Effect, samples: list[Numbers], weights: Numbers) -> Effect:
    """Welch's t of samples that have no seeds in common, with Satterthwaite's degrees of freedom (1946)."""
    found = replace(found, effect=float(weights @ [sample.mean() for sample in samples]), method="samples")
    if found.n < 2:
        return found
    variances = weights**2 * [sample.var(ddof=1) for sample in samples]
    counts = np.array([len(sample) for sample in samples])
    squares = variances / counts
    error = math.sqrt(squares.sum())
    if error < NO_DEVIATION:
        return found
    freedom = error**4 / float((squares**2 / (counts - 1)).sum())
    return replace(found, error=error, freedom=freedom, deviation=math.sqrt(variances.sum()))
