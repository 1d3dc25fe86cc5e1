"""A search without a training: its accuracies are a formula's."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import optuna

from takd.planning.workflow import Workflow
from takd.records.metrics import Epoch, Metrics
from takd.search.job import Hear, Trainer, _ignored, run_trials
from takd.search.journal import open_study
from takd.study.search import Pruner, Range
from takd.study.tree import Node
from tests.unit.planning.project import node
from tests.unit.records.examples import metrics

FIELDS = {"trade_off": Range(low=0.05, high=1), "temperature": Range(low=1, high=20, log=True)}


def accuracy(values: Mapping[str, Any]) -> float:
    """Highest, 90, where λ is 0.6 and τ is 4."""
    return 90.0 - 20 * (float(values["trade_off"]) - 0.6) ** 2 - abs(float(values["temperature"]) - 4)


class Pretended(Trainer):
    """Measures by a formula; `before` is called first."""

    def __init__(self, before: Callable[[str], None] = lambda which: None, epochs: int = 0) -> None:
        super().__init__(cast(Workflow, None), node("digits/plain/4-2/seed0", "results/search"), 1, "cpu")
        object.__setattr__(self, "before", before)
        object.__setattr__(self, "epochs", epochs)

    def train(self, seed: int, which: str, values: Mapping[str, Any], *, again: bool, hear: Hear = _ignored) -> Metrics:
        cast(Any, self).before(which)
        measured = accuracy(values)
        for number in range(1, cast(Any, self).epochs + 1):  # the first one says nothing
            hear(Epoch(epoch=number, learning_rate=0.1, loss=1, accuracy=0 if number == 1 else measured, seconds=2), 1)
        return metrics(accuracy=measured, selected_accuracy=measured, best_test_accuracy=None, history=[])


def run(
    journal: Path, count: int, before: Callable[[str], None] = lambda which: None, pruner: Pruner = "none", epochs: int = 0
) -> optuna.Study:
    """The study after trials until there are as many."""
    study = open_study(journal, "study", 7, pruner)
    assert run_trials(study, Pretended(before, epochs), FIELDS, count, on_test=False) == 0
    return study


__all__ = ["FIELDS", "Node", "Pretended", "accuracy", "run"]
