"""How a search for the best path goes on: which networks decide its next step, by what those that are there measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from takd.errors import ParameterError
from takd.planning.costs import Costs, core_seconds
from takd.planning.keys import Keys
from takd.records.accuracy import of_kept_weights
from takd.records.metrics import Metrics
from takd.study import layout
from takd.study.path_networks import UNAUGMENTED, AskedPath
from takd.study.paths import Path, all_paths, next_step, through_one
from takd.study.tree import Node, Tree

FIRST = "first"  # the step that no accuracy decides
OF_LABELS = "labels"  # the one before it, where a budget decides how many assistants there may be


@dataclass(frozen=True)
class Walked:
    """What a search for a path measured: accuracies, in per cent, and core-seconds, of each path's networks by seed.

    accuracies: of the weights that were kept, or another metric of the study's in their place. assistants_at_most: of a path, as
    asked or as the budget allows; None where nothing limits them.
    """

    accuracies: Mapping[Path, Mapping[int, float]]
    spent: Mapping[Path, Mapping[int, float]]
    assistants_at_most: int | None

    @property
    def means(self) -> dict[Path, float]:
        """Each path's accuracy, mean over seeds."""
        return {path: fmean(values.values()) for path, values in self.accuracies.items()}


class Step(NamedTuple):
    """What a search for a path lacks before it can go on. paths: those whose networks aren't all there; none where it is done."""

    name: str
    paths: tuple[Path, ...]


def step(asked: AskedPath, measured: Mapping[Path, float], assistants_at_most: int | None, *, is_budget: bool = False) -> Step:
    """The next step. measured: mean accuracy, in per cent, of each path whose networks are all there."""
    ends = (asked.members, asked.members[0], asked.members[-1])
    if is_budget and (lacking := tuple(path for path in asked.from_labels if path not in measured)):
        return Step(OF_LABELS, lacking)
    if asked.section.exhaustive:
        known = all_paths(*ends, assistants_at_most)
    else:
        known = [path for path in through_one(*ends) if assistants_at_most != 0 or path == (asked.members[0], asked.members[-1])]
    if lacking := tuple(path for path in (*asked.from_labels, *known) if path not in measured):
        return Step(FIRST, lacking)
    missing = next_step(*ends, measured, assistants_at_most).missing
    return Step(missing[0][-1], missing) if missing else Step("", ())


def steps(asked: AskedPath) -> list[str]:
    """The names of all steps, in their order."""
    return [OF_LABELS, FIRST, *asked.members[1:]]


def at_most(asked: AskedPath, measured: Mapping[Path, float], assistants_at_most: int | None) -> list[Path]:
    """The most paths whose networks are needed, whatever those that aren't there will measure.

    Of paths that aren't measured the longest is taken for the best: then none is among those that every search measures. One that a
    wider search measured, and this one doesn't ask for, isn't among them.
    """
    guessed: dict[Path, float] = {}
    while (now := step(asked, guessed, assistants_at_most)).paths:
        guessed |= {path: measured.get(path, 100.0 + len(path)) for path in now.paths}
    return sorted(guessed, key=len)


def within_budget(asked: AskedPath, seconds: Callable[[str], float]) -> int:
    """How many assistants at most keep all trainings within the budget.

    seconds: core-seconds of one training of a member. Raises ParameterError where the shortest path doesn't fit.
    """
    assert asked.section.core_hours is not None
    needed = 0.0
    for count in range(len(asked.between), -1, -1):
        paths = at_most(asked, {}, count)
        needed = sum(len(asked.networks(path)) * seconds(path[-1]) for path in paths) / 3600
        if needed <= asked.section.core_hours:
            return count
    raise ParameterError(
        f"path.core_hours: {asked.section.core_hours:g} are too few: the shortest path, {asked.members[0]}-{asked.members[-1]}, "
        f"and each member from labels alone take {needed:.2g}"
    )


class PathWalks:
    """Of one reading of the workflow; what is there is looked up anew at each question, as Snakemake asks while networks train."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree

    def asked(self, results: str) -> AskedPath:
        """What a folder of results asks for. Raises ParameterError where it asks for no path."""
        return AskedPath.of(self.tree, results)

    def walked(self, asked: AskedPath) -> Walked:
        """What the networks that are there measured.

        Raises ParameterError where the budget is too small, RecordError where a record lacks what the study compares networks by.
        """
        keys = Keys(self.tree)
        accuracies: dict[Path, dict[int, float]] = {}
        spent: dict[Path, dict[int, float]] = {}
        ends = (asked.members, asked.members[0], asked.members[-1])
        for path in [*asked.from_labels, *all_paths(*ends, asked.section.assistants_at_most)]:
            nodes = asked.networks(path)
            if all(keys.has_record(node) for node in nodes):
                records = {node.name.seed: Metrics.read(self.tree.root / layout.metrics(*node)) for node in nodes}
                accuracies[path] = {seed: of_kept_weights(record, asked.metric) for seed, record in records.items()}
                spent[path] = {seed: core_seconds(record) for seed, record in records.items()}
        limit = asked.section.assistants_at_most
        if asked.section.core_hours is not None and all(path in spent for path in asked.from_labels):
            limit = within_budget(asked, lambda member: fmean(spent[member,].values()))
        return Walked(accuracies, spent, limit)

    def finished(self, asked: AskedPath) -> Walked:
        """What a search that is done came to: of what it asked for alone, whatever other networks lie there."""
        walked = self.walked(asked)
        wanted = at_most(asked, walked.means, walked.assistants_at_most)
        return Walked(
            {path: walked.accuracies[path] for path in wanted},
            {path: walked.spent[path] for path in wanted},
            walked.assistants_at_most,
        )

    def step(self, asked: AskedPath) -> Step:
        """The step that the search stands at."""
        walked = self.walked(asked)
        return step(asked, walked.means, walked.assistants_at_most, is_budget=asked.section.core_hours is not None)

    def lacking(self, asked: AskedPath, now: Step) -> list[str]:
        """The files that a step lacks: records of networks, and with the first of them the answers that are held together."""
        keys = Keys(self.tree)
        nodes = (node for path in now.paths for node in asked.networks(path))
        files = [layout.metrics(*node) for node in nodes if not keys.has_record(node)]
        return files + (self.lacking_answers(asked) if now.name in (FIRST, "") else [])

    def lacking_answers(self, asked: AskedPath) -> list[str]:
        """The files of answers that aren't there, or not as they should be."""
        keys = Keys(self.tree)
        nodes = [node for node in asked.asked_for_answers() if keys.state_of_soft_targets(node, UNAUGMENTED) != "fresh"]
        return [layout.soft_targets(*node, UNAUGMENTED) for node in nodes]

    def networks_at_most(self, results: str, costs: Costs | None = None) -> list[Node]:
        """The most networks that a search needs, those that are there among them, teachers first.

        costs: by which a budget is held against what trainings take, before any was. Raises ParameterError where it is too small.
        """
        asked = self.asked(results)
        walked = self.walked(asked)
        limit = walked.assistants_at_most
        if limit is None and asked.section.core_hours is not None:
            limit = self._foretold(asked, costs)
        return [node for path in at_most(asked, walked.means, limit) for node in asked.networks(path)]

    def _foretold(self, asked: AskedPath, costs: Costs | None) -> int | None:
        """How many assistants a budget allows, by what epochs are known to take; None where nobody knows."""
        if costs is None:
            return None
        of = {path[0]: asked.networks(path)[0] for path in asked.from_labels}
        recipes = {member: self.tree.recipe(node) for member, node in of.items()}
        epochs = {member: costs.epoch(node.name, recipes[member]) for member, node in of.items()}
        known = {member: recipes[member].all_epochs * each for member, each in epochs.items() if each is not None}
        return within_budget(asked, known.__getitem__) if len(known) == len(of) else None
