"""The tree-structured Parzen estimator (Bergstra et al. 2011), so seeded that a trial's number and its past decide its values."""

from collections.abc import Sequence
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

LARGEST_SEED = 2**32


class SeededTPE(BaseSampler):
    """Optuna's own sampler, seeded anew for each trial: a search that was interrupted draws what it would have drawn.

    Optuna's is seeded once a process: two workers would begin with the same values, and one that resumes with the first's.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.inner = TPESampler(seed=seed)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Seed it by the trial's number."""
        # Trials that run elsewhere count as bad ones, so that two workers don't try the same.
        self.inner = TPESampler(seed=(self.seed * 100_003 + trial.number) % LARGEST_SEED, constant_liar=True)
        self.inner.before_trial(study, trial)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Optuna's."""
        return self.inner.infer_relative_search_space(study, trial)

    def sample_relative(self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]) -> dict[str, Any]:
        """Optuna's."""
        return self.inner.sample_relative(study, trial, search_space)

    def sample_independent(self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution) -> Any:
        """Optuna's."""
        return self.inner.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Optuna's."""
        self.inner.after_trial(study, trial, state, values)
