"""What targets need: their networks, which of them are there, and how long the others will take."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from takd.data.registry import IN_MEMORY_BYTES
from takd.errors import TakdError
from takd.files import read_metadata
from takd.planning.costs import Costs, Kind
from takd.planning.targets import check_result, decided_claim, exported_as, networks_of_path, product_of, searched_network
from takd.planning.workflow import Workflow
from takd.records.metrics import Epoch
from takd.study import layout
from takd.study.layout import BEST_PATH
from takd.study.names import Hop, Name
from takd.study.recipe import Recipe
from takd.study.tree import Node

EXPORTING = 8.0  # seconds that it takes to export a network, or to time one that was while nothing else runs
BEGINNING = 4.0  # seconds of a core that a training takes before its first step: Python, torch and the images
FORWARD_SHARE = 0.3  # of a training step's time that its forward pass takes, for the soft targets


@dataclass(frozen=True)
class Planned:
    """A network that a target needs. seconds: what it takes on one core or GPU: 0 where it is there, None where nobody knows.

    times: how often it is trained: more than once in a search, not at all where its weights were brought; its seconds are of all.
    begun: the last epoch of a training that is under way, or was interrupted; what it has done doesn't count among the seconds.
    """

    node: Node
    epochs: int
    seconds: float | None
    times: int = 1
    begun: Epoch | None = None


@dataclass(frozen=True)
class Plan:
    """All networks that targets need, teachers first. seconds: with `cores` at once, no student before its teacher.

    exports: how many networks are to be exported. timings: how many of those files are to be timed, one after another.
    """

    networks: list[Planned]
    cores: int
    seconds: float
    bytes_of_soft_targets: int
    streamed: tuple[str, ...] = ()  # data sets whose images stay in their files, as they don't fit into memory
    exports: int = 0
    timings: int = 0
    unread: tuple[str, ...] = ()  # data sets of which nobody knows how many images there are, as they weren't prepared

    @property
    def missing(self) -> list[Planned]:
        """Those that are still to be trained."""
        return [planned for planned in self.networks if planned.seconds != 0]

    @property
    def trainings(self) -> int:
        """How many trainings there are still to be."""
        return sum(planned.times for planned in self.missing)

    @property
    def begun(self) -> list[Planned]:
        """Those whose training is under way, or was interrupted."""
        return [planned for planned in self.networks if planned.begun]

    @property
    def unknown(self) -> list[Planned]:
        """Those of which nobody knows how long they take."""
        return [planned for planned in self.networks if planned.seconds is None]


def cores_here() -> int:
    """The processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def busy() -> str:
    """Where more is at work on this machine than it has cores: a line about it; else an empty one."""
    cores, load = os.cpu_count() or 1, os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    return f"the machine was busy: load {load:.0f} on {cores} cores; times are too long, and not kept" if load > cores else ""


def nodes_of(workflow: Workflow, target: str) -> list[Node]:
    """The networks that a target needs, teachers first; of a claim that is to be decided all that it may come to need.

    Of a search its teachers alone: what it trains again and again isn't one network.

    Raises ParameterError or NetworkNameError where nothing makes it.
    """
    check_result(workflow, target)
    if (claimed := decided_claim(workflow, target)) is not None:
        return workflow.decided.with_teachers(workflow.decided.at_most(*claimed))
    if (node := searched_network(workflow, target)) is not None:
        lines = [
            workflow.tree.lineage(teacher) for each in workflow.searches.seeds(node) for teacher in workflow.tree.teachers(each)
        ]
        return list(dict.fromkeys(each for line in lines for each in line))
    if (node := product_of(workflow, target)) is not None:
        return workflow.tree.lineage(node)
    results, stem = str(Path(target).parent), Path(target).stem
    folder = workflow.tree.folder(results)
    if stem == BEST_PATH:
        return networks_of_path(workflow, results)
    nodes = workflow.tree.needed(results, [stem] if stem in folder.artifacts else workflow.tree.shown(results))
    there = folder.parameters.run == "there"  # which trains nothing
    return [node for node in nodes if workflow.keys.has_record(node)] if there else nodes


def made_plan(
    workflow: Workflow,
    targets: list[str],
    cores: int,
    known: Mapping[str, list[Node]] | None = None,
    measured: Mapping[Kind, float] | None = None,
) -> Plan:
    """The plan for tables, figures, the report, or networks, each network once. Raises ParameterError for another target.

    known: the networks of targets that more is known of than their names tell. measured: seconds of an epoch that no file keeps.
    """
    needed = {target: nodes_of(workflow, target) for target in targets} | dict(known or {})
    nodes = list(dict.fromkeys(node for its in needed.values() for node in its))
    searches = list(dict.fromkeys(node for target in targets if (node := searched_network(workflow, target)) is not None))
    costs = Costs.of(workflow, [*nodes, *searches], measured)
    to_train = _to_train(workflow, targets, nodes)
    planned: list[Planned] = []
    done_after: dict[Node, float] = {}
    asked: set[tuple[Node, str]] = set()
    size, longest = 0, 0.0
    for node in nodes:
        recipe = workflow.keys.recipe(node)
        teachers = workflow.tree.teachers(node)
        seconds: float | None = 0.0
        if node in to_train:
            seconds = training_seconds(workflow, node, costs)
            views, answers_bytes, online = workflow.views(node), workflow.soft_targets_bytes(node), workflow.is_online(node)
            for teacher in teachers:
                if online or (teacher, views) not in asked:
                    answers = answering_seconds(teacher.name, recipe, recipe.all_epochs, costs)
                    if seconds is not None and answers is not None and (online or recipe.views.augmentation != "none"):
                        seconds += answers
                    size += 0 if online else answers_bytes
                    if not online:
                        asked.add((teacher, views))
        begun = _last_epoch(workflow, node, recipe.all_epochs) if node in to_train else None
        if begun and seconds is not None:
            seconds *= 1 - begun.epoch / recipe.all_epochs
        if seconds is not None and node in to_train:
            seconds += BEGINNING
        times = 0 if workflow.tree.folder(node.results).imported(node.name) else 1
        planned.append(Planned(node, recipe.all_epochs, seconds, times, begun))
        done_after[node] = (seconds or 0.0) + max((done_after.get(teacher, 0.0) for teacher in teachers), default=0.0)
    for node in searches:
        planned.append(_search(workflow, node, costs))
        first = max((done_after[teacher] for teacher in workflow.tree.teachers(node)), default=0.0)
        longest = max(longest, first + (planned[-1].seconds or 0.0))
    lacking = {file for target in targets for file in _lacking_exports(workflow, target)}
    timings = sum(file.endswith(".latency.json") for file in lacking)
    exports = len(lacking) - timings
    total = sum(one.seconds or 0.0 for one in planned) + EXPORTING * exports
    locks = {node.name.dataset: workflow.keys.shape(node.results, node.name.dataset) for node in (*nodes, *searches)}
    streamed = tuple(name for name, lock in locks.items() if lock is not None and lock.bytes_of_images > IN_MEMORY_BYTES)
    unread = tuple(name for name, lock in locks.items() if lock is None)
    seconds = max(total / cores, *done_after.values(), longest) + EXPORTING * timings
    return Plan(planned, cores, seconds, size, streamed, exports, timings, unread)


def _to_train(workflow: Workflow, targets: list[str], nodes: list[Node]) -> set[Node]:
    """The networks that aren't there, those below them, and those whose weights are asked for and were deleted.

    nodes: teachers first.
    """
    keys, tree = workflow.keys, workflow.tree
    missing: set[Node] = set()
    for node in nodes:
        if missing.intersection(tree.teachers(node)) or not keys.has_record(node):
            missing.add(node)
    asked = {node for target in targets for node in _read_by(workflow, target) if not keys.has_model(node)}
    for node in reversed(nodes):
        if node in missing or node in asked:
            views, online = workflow.views(node), workflow.is_online(node)
            without = [teacher for teacher in tree.teachers(node) if not keys.has_model(teacher)]
            asked |= {teacher for teacher in without if online or keys.state_of_soft_targets(teacher, views) != "fresh"}
    return missing | asked


def _read_by(workflow: Workflow, target: str) -> list[Node]:
    """The networks whose weights a target is, or asks."""
    if (node := product_of(workflow, target)) is not None:
        return [node] if target.endswith("model.safetensors") else []
    results, stem = str(Path(target).parent), Path(target).stem
    if results not in workflow.tree.folders:
        return []
    keys, artifacts = workflow.keys, workflow.tree.folder(results).artifacts
    shown = workflow.tree.shown(results) if stem == "report" else [stem] if stem in artifacts else []
    asking = [name for name in shown if keys.asks(results, name) and keys.state_of_shown(results, name) != "fresh"]
    return keys.networks_shown(results, asking) if asking else []


def _lacking_exports(workflow: Workflow, target: str) -> list[str]:
    """The exports, and the files of how long they take, that a target lacks: one of them, a figure, or a report with one."""
    if "/exports/" in target and (node := product_of(workflow, target)) is not None:
        kind, exports = exported_as(target), workflow.exports
        lacking = [] if exports.state(node, kind) == "fresh" else [layout.export(*node, kind, "onnx")]
        is_timed = target.endswith(".latency.json") and exports.state_of_latency(node, kind) != "fresh"
        return [*lacking, layout.latency(*node, kind)] if is_timed else lacking
    results, stem = str(Path(target).parent), Path(target).stem
    if results not in workflow.tree.folders:
        return []
    names = workflow.tree.shown(results) if stem == "report" else [stem]
    return [file for name in names for file in workflow.exports.lacking(results, name)]


def _search(workflow: Workflow, node: Node, costs: Costs) -> Planned:
    """A search's trials and the seeds after them, one after another, each with its teachers beside it; as if it began now."""
    section, recipe = workflow.searches.section(node), workflow.keys.recipe(node)
    times = section.trials + section.fresh_seeds
    if workflow.searches.state(node) == "fresh":
        return Planned(node, recipe.all_epochs, 0.0, times)
    asked_once = recipe.views.augmentation == "none" and recipe.only_online is None
    epochs = 1 if asked_once else recipe.all_epochs
    each = [training_seconds(workflow, node, costs)]
    each += [answering_seconds(teacher.name, recipe, epochs, costs) for teacher in workflow.tree.teachers(node)]
    known = [seconds for seconds in each if seconds is not None]
    return Planned(node, recipe.all_epochs, times * sum(known) if len(known) == len(each) else None, times)


def _last_epoch(workflow: Workflow, node: Node, epochs: int) -> Epoch | None:
    """The last whole epoch of a training that isn't done, by the file that it goes on from; None where it hasn't one."""
    try:
        last = Epoch.model_validate(read_metadata(workflow.root / layout.resume(*node))["history"][-1])
    except (TakdError, OSError, ValueError, LookupError, TypeError):
        return None
    return last if last.epoch < epochs else None


def training_seconds(workflow: Workflow, node: Node, costs: Costs) -> float | None:
    """What a training takes on one core or GPU, without its teachers' answers; None where nobody knows."""
    if workflow.tree.folder(node.results).imported(node.name):
        return 1.0
    recipe = workflow.keys.recipe(node)
    trained = [node.name.member] + ([node.name.peer] if node.name.peer else [])
    each = [costs.epoch(_alone(node.name, member), recipe) for member in trained]
    if any(seconds is None for seconds in each):
        return None
    return recipe.all_epochs * recipe.images_an_epoch * sum(seconds for seconds in each if seconds is not None)


def answering_seconds(teacher: Name, recipe: Recipe, epochs: int, costs: Costs) -> float | None:
    """What a teacher takes to answer so many epochs of views; None where nobody knows."""
    epoch = costs.epoch(teacher, recipe)
    return None if epoch is None else FORWARD_SHARE * epochs * epoch


def _alone(name: Name, member: str) -> Name:
    return Name(name.dataset, name.family, (Hop(member),), name.seed)
