"""How long an epoch takes here: from what trainings measured, else from the file that `takd plan` keeps."""

import json
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Self

from takd.errors import TakdError
from takd.files import read_text, write_json
from takd.records.metrics import Metrics
from takd.study.names import Name
from takd.study.recipe import Recipe
from takd.study.tree import Node

if TYPE_CHECKING:
    from takd.planning.workflow import Workflow

FILE = Path(".takd/costs.json")  # seconds an epoch on one core or GPU, by data set and builder
Kind = tuple[str, str]


def core_seconds(record: Metrics) -> float:
    """What a training took: seconds by the clock times threads, of all processes that shared it."""
    return record.seconds * record.threads * (record.processes or 1)


class Costs:
    """Seconds of an epoch, by data set and member's builder."""

    def __init__(self, seconds: dict[Kind, float], builders: dict[tuple[str, str], str]) -> None:
        self.seconds, self.builders = seconds, builders

    @classmethod
    def of(cls, workflow: "Workflow", nodes: Iterable[Node], measured: Mapping[Kind, float] | None = None) -> Self:
        """From the records of networks of those kinds, and from the cost file for what none tells of.

        measured: what was timed just now, and isn't in that file.
        """
        seen: dict[Kind, list[float]] = {}
        for results in workflow.tree.folders:
            for path in sorted((workflow.root / results / "models").glob("*/*/*/seed*/metrics.json"))[:2000]:
                try:
                    record = Metrics.read(path)
                except (TakdError, OSError):
                    continue
                if record.epochs and record.recipe is not None and record.network.peer is None:
                    share, shared_by = record.recipe.images_an_epoch, record.processes or 1
                    seconds = record.seconds * shared_by / record.epochs / share  # of one process, at most
                    seen.setdefault((record.network.dataset, record.builder), []).append(seconds)
        known = _from_file(workflow.root / FILE) | dict(measured or {})
        known |= {kind: statistics.median(values) for kind, values in seen.items()}
        costs = cls(known, {})
        costs.know(workflow, nodes)
        return costs

    def know(self, workflow: "Workflow", nodes: Iterable[Node]) -> None:
        """What builds the members of those networks' families."""
        for node in nodes:
            for member, builder in workflow.tree.folder(node.results).families[node.name.family].items():
                self.builders[node.name.family, member] = builder

    def epoch(self, name: Name, recipe: Recipe) -> float | None:
        """Seconds of one epoch on all of the training images; None where nobody knows."""
        return self.seconds.get((name.dataset, self.builders.get((name.family, name.member), recipe.network.builder)))


def _from_file(path: Path) -> dict[Kind, float]:
    try:
        values = json.loads(read_text(path, 1_000_000))
        found = {(dataset, builder): float(each) for dataset, inner in values.items() for builder, each in inner.items()}
        return {kind: seconds for kind, seconds in found.items() if 0 < seconds < 1e9}
    except (TakdError, ValueError, AttributeError, TypeError, RecursionError, OverflowError):
        return {}  # as if nothing had been measured


def add_to_file(path: Path, measured: dict[Kind, float]) -> None:
    """Keep what was measured beside what the file has already."""
    values: dict[str, dict[str, float]] = {}
    for (dataset, builder), seconds in (_from_file(path) | measured).items():
        values.setdefault(dataset, {})[builder] = seconds
    write_json(path, values)
