"""How long a job may take on a cluster, and which jobs are sent together: from the costs that `takd plan` counts with."""

import math
from collections.abc import Mapping
from functools import cached_property

from takd.data.view_names import parse_views
from takd.planning.costs import Costs
from takd.planning.plan import FORWARD_SHARE, answering_seconds, training_seconds
from takd.planning.workflow import Workflow
from takd.study.tree import Node

MARGIN = 2  # times the estimate: nodes differ, and others work on them
START = 5  # minutes more, for Python, torch and a slow file system
UNKNOWN = 12 * 60  # minutes, where neither a record nor `takd plan` tells of such a network
SHORT = 15 * 60  # seconds; what takes longer is sent alone


class Walltimes:
    """Of one reading of the workflow. kind: network, soft_targets or surface, as for the workflow's other answers."""

    def __init__(self, workflow: Workflow) -> None:
        self.workflow = workflow

    @cached_property
    def costs(self) -> Costs:
        """Read when the first job asks, as it takes a while."""
        return Costs.of(self.workflow, [])

    def minutes(self, kind: str, wildcards: Mapping[str, str], attempt: int = 1) -> int:
        """A job's walltime in minutes: twice the estimate and some; each further attempt may take as long again."""
        seconds = self.seconds(kind, wildcards)
        return attempt * (UNKNOWN if seconds is None else START + math.ceil(MARGIN * seconds / 60))

    def group(self, kind: str, wildcards: Mapping[str, str]) -> str | None:
        """What a job is sent together with: short jobs as far from the first teacher; None where it is sent alone.

        Soft targets belong to the students that read them, so that no group waits for another and is waited for by it.
        """
        seconds = self.seconds(kind, wildcards)
        if seconds is None or seconds > SHORT:
            return None
        hops = len(self.workflow.node(wildcards).name.hops)
        return "surfaces" if kind == "surface" else f"hops{hops + (kind == 'soft_targets')}"

    def seconds(self, kind: str, wildcards: Mapping[str, str]) -> float | None:
        """The estimate for a job, on one core or GPU; None where nobody knows."""
        node = self.workflow.node(wildcards)
        self.costs.know(self.workflow, [node, *self.workflow.tree.teachers(node)])
        if kind == "network":
            return self._training(node, wildcards)
        recipe = self.workflow.keys.recipe(node)
        if kind == "soft_targets":
            return answering_seconds(node.name, recipe, parse_views(wildcards["views"]).epochs, self.costs)
        epoch = self.costs.epoch(node.name, recipe)
        shape = self.workflow.keys.shape(node.results, node.name.dataset)
        grid = self.workflow.tree.folder(node.results).parameters.surface
        if epoch is None or shape is None:
            return None
        return FORWARD_SHARE * epoch * grid.points**2 * (grid.images or shape.train) / shape.train

    def _training(self, node: Node, wildcards: Mapping[str, str]) -> float | None:
        """A training, and its teachers' answers where they run beside it."""
        seconds = training_seconds(self.workflow, node, self.costs)
        for teacher, option, _ in self.workflow.taught_from(wildcards):
            if option == "teacher" and seconds is not None:
                recipe = self.workflow.keys.recipe(node)
                seconds += answering_seconds(teacher.name, recipe, recipe.all_epochs, self.costs) or 0.0
        return seconds
