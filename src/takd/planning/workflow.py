"""What the rules ask: a job's inputs, parameters and key, by its wildcards. It writes key files and nothing else."""

import json
import os
import re
import shlex
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from takd.data.registry import DATASET_TITLES
from takd.data.view_names import parse_views, views_name
from takd.errors import ParameterError
from takd.files import write_text
from takd.networks.registry import is_library
from takd.planning.decided import Decided
from takd.planning.exports import Exports
from takd.planning.keys import Keys
from takd.planning.path_walk import PathWalks
from takd.planning.searches import Searches
from takd.planning.trained import State
from takd.study import layout
from takd.study.artifacts import look_up
from takd.study.layout import BEST_PATH
from takd.study.names import Name
from takd.study.tree import Node, Tree

CLOCKS_APART = 2  # seconds that clocks of machines may differ by
SOFT_TARGETS_AT_MOST = 4_000_000_000  # bytes of a file; a teacher whose answers are larger runs beside its students


class Workflow:
    """One reading of the workflow."""

    def __init__(
        self,
        root: Path = Path(),
        typed: Mapping[str, Any] | None = None,
        *,
        writes_keys: bool = True,
        soft_targets_at_most: int = SOFT_TARGETS_AT_MOST,
        distributed: int = 1,
    ) -> None:
        """typed: parameters of the command line. writes_keys: not in a job that an executor starts, which reads all of it again.

        distributed: the processes that share each step of a training.
        """
        self.typed = dict(typed or {})
        self.tree = Tree(root, self.typed)
        self.root = root
        self.look_again()
        self.writes_keys = writes_keys
        self.soft_targets_at_most = soft_targets_at_most
        self.distributed = distributed
        self._dated: set[Path] = set()

    def look_again(self) -> None:
        """Forget what was there: jobs have made more since."""
        self.keys = Keys(self.tree)
        self.searches = Searches(self.tree, self.keys)
        self.exports = Exports(self.keys)
        self.paths = PathWalks(self.tree)
        self.decided = Decided(self.tree, self.keys)

    # Names, for wildcards.

    @property
    def results(self) -> list[str]:
        """All folders of results, those of presets that can't be used among them: a target there says why."""
        return [*self.tree.folders, *self.tree.broken]

    @property
    def datasets(self) -> list[str]:
        """All data sets."""
        own = [folder.study for folder in self.tree.folders.values() if folder.parameters.data]
        return list(dict.fromkeys([*DATASET_TITLES, *own]))

    def artifacts(self, *suffixes: str) -> list[str]:
        """The names of everything shown that has those files: .csv and .md of tables, .csv, .png and .svg of figures."""
        shown = [folder.artifacts for folder in self.tree.folders.values()]
        return list(dict.fromkeys(name for each in shown for name, one in each.items() if one.suffixes == suffixes))

    # Jobs.

    def node(self, wildcards: Mapping[str, str]) -> Node:
        """The network that a job's wildcards name. Raises NetworkNameError or ParameterError where there can't be one."""
        name = Name.parse(layout.NETWORK.format(**wildcards))
        self.tree.folder(wildcards["results"]).check(name)
        return Node(wildcards["results"], name)

    def recipe(self, wildcards: Mapping[str, str]) -> str:
        """A training's recipe, resolved, as JSON."""
        return self.keys.recipe(self.node(wildcards)).canonical()

    def data(self, wildcards: Mapping[str, str]) -> str:
        """The prepared data set of a network."""
        return layout.prepared(wildcards["dataset"])

    def taught_from(self, wildcards: Mapping[str, str]) -> list[tuple[Node, str, str]]:
        """What a training reads of each teacher: the teacher, an option, and its path: soft targets, or the teacher's weights."""
        node = self.node(wildcards)
        if not node.name.is_distilled or self.tree.folder(node.results).imported(node.name):
            return []
        self.tree.check_held_out(node)
        teachers = self.tree.teachers(node)
        if self.is_online(node):
            return [(teacher, "teacher", layout.model(*teacher)) for teacher in teachers]
        views = self.views(node)
        return [(teacher, "soft-targets", layout.soft_targets(*teacher, views)) for teacher in teachers]

    def is_online(self, node: Node) -> bool:
        """Whether a network's teachers answer during its training, and not before it into a file."""
        return self.keys.recipe(node).only_online is not None or self.soft_targets_bytes(node) > self.soft_targets_at_most

    def views(self, node: Node) -> str:
        """The name of the views of a network's training, by which its teachers' answers are filed."""
        recipe = self.tree.recipe(node)
        return views_name(recipe.views.augmentation, node.name.seed, recipe.all_epochs)

    def soft_targets_bytes(self, node: Node) -> int:
        """How large a file of its teacher's answers is; 0 where it has none, or nobody knows how many images there are."""
        if self.keys.recipe(node).only_online:
            return 0
        lock = self.keys.shape(node.results, node.name.dataset)
        return 0 if lock is None else 2 * parse_views(self.views(node)).epochs * lock.train * lock.classes

    def brought(self, wildcards: Mapping[str, str]) -> dict[str, str]:
        """Weights that a network is taken from, or begins from, by option."""
        node = self.node(wildcards)
        folder = self.tree.folder(node.results)
        given = {"weights": folder.imported(node.name), "start": folder.started(node.name)}
        if given["weights"] is not None:
            given["start"] = None
        for path in filter(None, given.values()):
            if not (self.root / path).is_file():
                raise ParameterError(f"{path}: no such file; presets/{folder.study}.yaml says that {node.name.member} is there")
        return {option: path for option, path in given.items() if path is not None}

    def processes(self, wildcards: Mapping[str, str]) -> int:
        """How many share a training; one takes weights that were brought."""
        return 1 if "weights" in self.brought(wildcards) else self.distributed

    def launcher(self, wildcards: Mapping[str, str]) -> str:
        """What starts `takd train`, for a shell line: takd itself, or torchrun for several processes."""
        count = self.processes(wildcards)
        return "takd" if count == 1 else f"torchrun --standalone --nproc-per-node {count} -m takd"

    def train_options(self, wildcards: Mapping[str, str]) -> str:
        """The options of a training that not every one has, for a shell line."""
        taught = self.taught_from(wildcards)
        options = [(option, path) for _, option, path in taught] + list(self.brought(wildcards).items())
        builders = [self.own_builder(teacher) for teacher, option, _ in taught if option == "teacher"]
        if any(builders):
            options += [("teacher-builder", builder or "") for builder in builders]
        return " ".join(f"--{option} {shlex.quote(value)}" for option, value in options)

    def builder_option(self, wildcards: Mapping[str, str]) -> str:
        """The option that names a network's own code, for a shell line; empty where a library builds it."""
        builder = self.own_builder(self.node(wildcards))
        return f"--builder {shlex.quote(builder)}" if builder else ""

    def own_builder(self, node: Node) -> str | None:
        """What builds a network of one's own code; None where a library does."""
        builder = self.tree.recipe(node).network.builder
        return None if is_library(builder) else builder

    def grid(self, wildcards: Mapping[str, str]) -> str:
        """The grid of a loss surface, as options."""
        grid = self.tree.folder(wildcards["results"]).parameters.surface
        return f"--points {grid.points} --span {grid.span} --images {grid.images}"

    def prepare_options(self, dataset: str) -> str:
        """How one's own images are prepared: by their preset; nothing for published ones."""
        return "" if dataset in DATASET_TITLES else f"--preset {shlex.quote(f'presets/{dataset}.yaml')}"

    # What is to be made first.

    def lacking(self, kind: str, wildcards: Mapping[str, str]) -> list[str]:
        """The files that a job reads and that aren't as they should be, so that other jobs make them first.

        Nothing where the job's own product is as it should be: what isn't needed isn't made. What is there and right is no input,
        so Snakemake sees just the work that is left, whatever its records or the files' dates say.
        """
        if self.state(kind, wildcards) == "fresh" or kind == "data":
            return []
        if kind == "shown":
            return self._lacking_to_show(wildcards["results"], wildcards["what"])
        if kind == "search":
            return self.searches.lacking(self.searches.named(wildcards))
        node = self.node(wildcards)
        if kind == "latency":
            exported = self.exports.state(node, wildcards["kind"]) == "fresh"
            return [] if exported else [layout.export(*node, wildcards["kind"], "onnx")]
        data = [] if self.state("data", wildcards) == "fresh" else [self.data(wildcards)]
        if kind != "network":
            return data + ([] if self.keys.has_model(node) else [layout.model(*node)])
        needed = []
        for teacher, option, path in self.taught_from(wildcards):
            of_file = option == "soft-targets"
            there = (
                self.keys.state_of_soft_targets(teacher, self.views(node)) == "fresh" if of_file else self.keys.has_model(teacher)
            )
            needed += [] if there else [path]
        return data + needed

    def _lacking_to_show(self, results: str, what: str) -> list[str]:
        keys = self.keys
        if what == BEST_PATH:
            return []  # which depends on what networks measure: the rule asks `paths` itself
        made_from = {
            "claims": ["accuracy", *(keys.beside_accuracies(results) if what == "claims" else [])],
            "report": [*self.tree.shown(results), "accuracy", "claims"],
        }.get(what)
        if made_from is not None:
            return [layout.made(results, one) for one in made_from if keys.state_of_shown(results, one) != "fresh"]
        if keys.ships(results, what):
            return self.exports.lacking(results, what)
        if what != "accuracy" and (surfaces := keys.surfaces_shown(results, what)):
            return [layout.surface(*node) for node in surfaces if keys.state_of_surface(node) != "fresh"]
        nodes = keys.networks_reported(results) if what == "accuracy" else keys.networks_shown(results, [what])
        asks = keys.asks(results, what)
        labels = dict.fromkeys(node.name.dataset for node in nodes) if asks or keys.needs_labels(results, what) else {}
        lacking = [layout.prepared(name) for name in labels if keys.state_of_data(name, self._results_of(name)) != "fresh"]
        if asks:
            lacking += [layout.model(*node) for node in nodes if not keys.has_model(node)]
        return lacking + [layout.metrics(*node) for node in nodes if not keys.has_record(node)]

    def reported(self, results: str) -> list[str]:
        """Everything under `report` of a folder of results."""
        artifacts = self.tree.folder(results).artifacts
        names = self.tree.shown(results)
        pages = [layout.shown(results, name, look_up(artifacts, name).suffixes[1]) for name in names]
        return [*pages, layout.shown(results, "report", "html")]

    # Keys.

    def state(self, kind: str, wildcards: Mapping[str, str]) -> State:
        """Whether a job's product is there, and as it should be.

        kind: data, network, soft_targets, surface, search, decided, look, export, latency or shown.
        """
        if kind == "data":
            return self.keys.state_of_data(wildcards["dataset"], self._results_of(wildcards["dataset"]))
        if kind == "shown":
            return self.keys.state_of_shown(wildcards["results"], wildcards["what"])
        if kind == "decided":
            return self.decided.state(wildcards["results"], wildcards["claim"])
        if kind == "look":  # of an earlier run, which this one doesn't rest on
            return "stale" if (self.root / _look(wildcards)).exists() else "missing"
        if kind == "search":
            return self.searches.state(self.searches.named(wildcards))
        node = self.node(wildcards)
        if kind == "network":
            whole = self.keys.has_record(node) and self.keys.has_model(node)
            return "fresh" if whole else "stale" if self.keys.state(node) == "stale" else "missing"
        if kind == "export":
            return self.exports.state(node, wildcards["kind"])
        if kind == "latency":
            return self.exports.state_of_latency(node, wildcards["kind"])
        return self.keys.state_of_surface(node) if kind == "surface" else self.keys.state_of_soft_targets(node, wildcards["views"])

    def expected(self, kind: str, wildcards: Mapping[str, str]) -> tuple[str, str]:
        """A job's product, and the key that it should bear."""
        if kind == "data":
            dataset = wildcards["dataset"]
            return layout.prepared(dataset), self.keys.data(dataset, self._results_of(dataset))
        if kind == "shown":
            results, what = wildcards["results"], wildcards["what"]
            return layout.made(results, what), self.keys.of_shown(results, what)
        if kind in ("decided", "look"):
            record, key = self.decided.expected(wildcards["results"], wildcards["claim"])
            return (record if kind == "decided" else _look(wildcards)), key
        if kind == "search":
            return self.searches.expected(self.searches.named(wildcards))
        node = self.node(wildcards)
        if kind == "network":
            return layout.metrics(*node), self.keys.network(node)
        if kind == "surface":
            return layout.surface(*node), self.keys.surface(node)
        if kind == "export":
            return self.exports.expected(node, wildcards["kind"])
        if kind == "latency":
            return self.exports.latency(node, wildcards["kind"])
        views = wildcards["views"]
        return layout.soft_targets(*node, views), self.keys.soft_targets(node, views)

    def key_file(self, kind: str, wildcards: Mapping[str, str]) -> str:
        """The file with the key that a job's product should bear: the job's one dated input.

        It is dated 1970 where the product bears that key or isn't there, else now; so a product of another key is older than its
        input, whoever forgot why, and one that is missing is made when somebody needs it.
        """
        product, key = self.expected(kind, wildcards)
        if self._is_unread(wildcards):
            key = layout.UNKNOWN_KEY
        path = self.root / layout.key_file(product)
        if self.writes_keys and path not in self._dated:
            self._dated.add(path)  # once, as a job's product is fresh when it is done, and its key was there before
            if not path.is_file() or path.read_bytes() != f"{key}\n".encode():
                write_text(path, f"{key}\n")
            if self.state(kind, wildcards) == "stale":
                self._check_dates(product)
                os.utime(path)
            elif path.stat().st_mtime != 0:
                os.utime(path, (0, 0))
        return layout.key_file(product)

    def _check_dates(self, product: str) -> None:
        """Raises ParameterError where a stale file is dated in the future: Snakemake would take it for newer than its key."""
        path = self.root / product
        beside = [path.parent, path.parent.parent] if path.parent.name == "made" else [path.parent]
        files = [file for folder in beside if folder.is_dir() for file in folder.iterdir() if file.is_file()]
        for file in files:
            if file.stat().st_mtime > time.time() + CLOCKS_APART:
                raise ParameterError(f"{file}: is dated in the future, by a clock that was ahead; touch it, and run again")

    def _is_unread(self, wildcards: Mapping[str, str]) -> bool:
        """Whether a job is about images in a folder that nobody has read yet, so that no key is known before they are."""
        asked = wildcards.get("dataset")
        results = wildcards.get("results") or self._results_of(wildcards["dataset"])
        folder = self.tree.folder(results)
        images = (folder.study,) if folder.parameters.data else folder.in_folders
        return any(self.keys.lock(results, name) is None for name in images if asked in (None, name))

    def _results_of(self, dataset: str) -> str:
        return "results" if dataset in DATASET_TITLES else f"results/{dataset}"

    @property
    def typed_option(self) -> str:
        """The command line's parameters as an option, for commands that read params.yaml themselves."""
        return f"--changes {shlex.quote(json.dumps(self.typed))}" if self.typed else ""


def _look(wildcards: Mapping[str, str]) -> str:
    return layout.look(wildcards["results"], wildcards["claim"], wildcards["students"])


def one_of(names: list[str]) -> str:
    """A pattern for those names alone; for none where there are none (an empty pattern would match anything)."""
    inside: dict[str, list[str]] = {}
    for name in names:
        folder, _, rest = name.partition("/")
        inside.setdefault(folder, []).append(rest)
    alike: dict[tuple[str, ...], list[str]] = {}  # presets have much the same variants: hundreds of folders, few patterns
    for folder, rests in inside.items():
        alike.setdefault(tuple(rests), []).append(re.escape(folder))
    return "|".join(f"(?:{'|'.join(folders)}){_below(rests)}" for rests, folders in alike.items()) or "(?!)"


def _below(rests: tuple[str, ...]) -> str:
    """A pattern for what may follow a folder's name; "" among them is the folder itself."""
    named = [rest for rest in rests if rest]
    return f"(?:/(?:{one_of(named)})){'?' if '' in rests else ''}" if named else ""
