"""A search without a training: its accuracies are a formula's."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import optuna

from takd.planning.workflow import Workflow
from takd.records.metrics import Metrics
from takd.search.job import Trainer, run_trials
from takd.search.journal import open_study
from takd.study.search import Range
from takd.study.tree import Node
from tests.unit.planning.project import node
from tests.unit.records.examples import metrics

FIELDS = {"trade_off": Range(low=0.05, high=1), "temperature": Range(low=1, high=20, log=True)}


def accuracy(values: Mapping[str, Any]) -> float:
    """Highest, 90, where λ is 0.6 and τ is 4."""
    return 90.0 - 20 * (float(values["trade_off"]) - 0.6) ** 2 - abs(float(values["temperature"]) - 4)


class Pretended(Trainer):
    """Measures by a formula; `before` is called first."""

    def __init__(self, before: Callable[[str], None] = lambda which: None) -> None:
        super().__init__(cast(Workflow, None), node("digits/plain/4-2/seed0", "results/search"), 1, "cpu")
        object.__setattr__(self, "before", before)

    def train(self, seed: int, which: str, values: Mapping[str, Any], *, again: bool) -> Metrics:
        cast(Any, self).before(which)
        measured = accuracy(values)
        return metrics(accuracy=measured, selected_accuracy=measured, best_test_accuracy=None, history=[])


def run(journal: Path, count: int, before: Callable[[str], None] = lambda which: None) -> optuna.Study:
    """The study after trials until there are as many."""
    study = open_study(journal, "study", 7)
    assert run_trials(study, Pretended(before), FIELDS, count, on_test=False) == 0
    return study


__all__ = ["FIELDS", "Node", "Pretended", "accuracy", "run"]
