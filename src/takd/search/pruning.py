"""Pruning: a trial that is worse than most were at the same epoch ends there, and says so."""

import optuna
from optuna.pruners import BasePruner, MedianPruner, NopPruner
from optuna.trial import Trial

from takd.records.metrics import Epoch
from takd.study.search import Pruner

_PRUNERS: dict[Pruner, type[BasePruner]] = {"none": NopPruner, "median": MedianPruner}


def pruner_of(choice: Pruner) -> BasePruner:
    """Optuna's pruner of that name. The median's begins after five trials have ended."""
    return _PRUNERS[choice]()


class Watcher:
    """Hears of a trial's epochs. seconds: of those that it heard of."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.seconds = 0.0

    def hear(self, epoch: Epoch, before: int) -> None:
        """An epoch is done. before: how many the objective has before, in which accuracy says nothing.

        Raises optuna.TrialPruned where the trial's best accuracy is below the median of what others had by then.
        """
        self.seconds += epoch.seconds
        if epoch.epoch > before:
            self.trial.report(epoch.accuracy, epoch.epoch - before)
            if self.trial.should_prune():
                raise optuna.TrialPruned
