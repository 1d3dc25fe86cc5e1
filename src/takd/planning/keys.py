"""The key that each file of results should bear, and whether the file that is there bears it."""

import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from takd.code import code_hash
from takd.data.registry import DATASETS, IN_FOLDERS
from takd.errors import ParameterError, TakdError
from takd.files import check_regular, read_metadata, sha256_of
from takd.planning.lock import Lock
from takd.records import made, metrics, soft_targets, surface, weights
from takd.records.exports import EXPORTING, TIMING
from takd.records.key import (
    SOFT_TARGETS,
    data_key,
    imported_key,
    key_of,
    network_key,
    soft_targets_key,
    surface_key,
    teachers_digest,
    teachers_key,
    training_code,
)
from takd.study import layout
from takd.study.artifacts import look_up
from takd.study.further_kinds import Answers, Deploy, Probes, Wins
from takd.study.layout import BEST_PATH, VARIANTS
from takd.study.metric import Metric, check_metric
from takd.study.papers_kinds import Surfaces
from takd.study.path_networks import UNAUGMENTED, AskedPath
from takd.study.recipe import Recipe
from takd.study.tree import Node, Tree

State = Literal["missing", "fresh", "stale"]
PAPER = ("paper/published.csv", "paper/claims.yaml")
ASKING = "takd.measuring.probe"
REPORTING = "takd.reporting.show"  # whose code, and all that it imports, is what shows


class Keys:
    """Of one reading of the workflow: what is computed or read once stays."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.root = tree.root
        self._networks: dict[Node, str] = {}
        self._states: dict[Node, State] = {}
        self._digests: dict[Path, str] = {}
        self._codes: dict[tuple[str | None, ...], str] = {}

    def lock(self, results: str, dataset: str) -> Lock | None:
        """What is known of a data set's content; None where nobody has read it yet."""
        if dataset in DATASETS:
            return Lock.of_published(dataset)
        folder = self.tree.folder(results)
        is_published = dataset in IN_FOLDERS
        lock = Lock.read(self.root / "presets" / f"{dataset if is_published else folder.study}.lock")
        images = IN_FOLDERS[dataset].images if is_published else folder.parameters.data
        return lock if lock is None or images is None or lock.is_of(images) else None

    def shape(self, results: str, dataset: str) -> Lock | None:
        """How many images of which size there are, as far as that is known: for plans, which hold to no digest."""
        lock = self.lock(results, dataset)
        return Lock.as_published(dataset) if lock is None and dataset in IN_FOLDERS else lock

    def data_digest(self, node: Node) -> str | None:
        """The digest of a network's images."""
        lock = self.lock(node.results, node.name.dataset)
        return None if lock is None else lock.digest

    def recipe(self, node: Node, *last: Mapping[str, Any]) -> Recipe:
        """A network's recipe, with the digests of weights that it begins from and of images without labels.

        last: settings that count after its own.
        """
        recipe = self.tree.recipe(node, *last)
        if recipe.views.unlabelled == "folder":
            lock = self.lock(node.results, node.name.dataset)
            digest = None if lock is None else lock.unlabelled
            recipe = recipe.model_copy(update={"network": recipe.network.model_copy(update={"unlabelled": digest})})
        start = self.tree.folder(node.results).started(node.name)
        if start is None:
            return recipe
        network = recipe.network.model_copy(update={"start": self._digest(self.root / start)})
        return recipe.model_copy(update={"network": network})

    def network(self, node: Node) -> str:
        """Of a trained or imported network."""
        if node not in self._networks:
            folder = self.tree.folder(node.results)
            recipe, digest = self.recipe(node), self.data_digest(node)
            if (brought := folder.imported(node.name)) is not None:
                builder = recipe.network.builder
                code = self._code(builder, None, None, brought=True)
                self._networks[node] = imported_key(
                    node.name,
                    f"{builder} {recipe.views.normalisation}",
                    weights=self._digest(self.root / brought),
                    code=code,
                    data_digest=digest,
                )
            else:
                self._networks[node] = self.trained(node, recipe)
        return self._networks[node]

    def trained(self, node: Node, recipe: Recipe) -> str:
        """Of a network that is trained by that recipe, which needn't be its folder's."""
        teachers = [self.network(teacher) for teacher in self.tree.teachers(node)]
        teacher = teachers_key(teachers) if teachers else None
        network = recipe.network
        code = self._code(network.builder, network.peer, recipe.objective.name, brought=network.start is not None)
        return network_key(node.name, recipe, code=code, data_digest=self.data_digest(node), teacher_key=teacher)

    def soft_targets(self, teacher: Node, views: str) -> str:
        """Of a teacher's answers."""
        code = self._hashed(SOFT_TARGETS)
        return soft_targets_key(self.network(teacher), views, code=code, data_digest=self.data_digest(teacher))

    def surface(self, node: Node) -> str:
        """Of the loss around a network."""
        grid = self.tree.folder(node.results).parameters.surface.model_dump()
        return surface_key(self.network(node), grid, code=self._hashed("takd.measuring.surface"))

    def data(self, dataset: str, results: str = "results") -> str:
        """Of a prepared data set."""
        lock = self.lock(results, dataset)
        if lock is not None and lock.unlabelled is not None:
            return key_of("data", dataset, lock.digest, lock.unlabelled)
        return data_key(dataset, None if lock is None else lock.digest)

    def networks_shown(self, results: str, names: list[str]) -> list[Node]:
        """The networks that those artifacts read; where the study says `run: there`, those of them that are there."""
        artifacts = self.tree.folder(results).artifacts
        deep = [name for name in names if look_up(artifacts, name).with_teachers]
        nodes = list(dict.fromkeys([*self.tree.cells(results, names), *self.tree.needed(results, deep)]))
        if self.tree.folder(results).parameters.run == "there":
            asked = names and all(look_up(artifacts, name).reads_weights for name in names)
            nodes = [node for node in nodes if (self.has_model(node) if asked else self.has_record(node))]
        return nodes

    def networks_reported(self, results: str) -> list[Node]:
        """The networks of everything that is reported, and their teachers where they are of these results."""
        nodes = self.networks_shown(results, self.tree.shown(results))
        lines = (self.tree.lineage(node) for node in nodes)
        all_of_them = self.tree.own(results, dict.fromkeys(each for line in lines for each in line))
        there = self.tree.folder(results).parameters.run == "there"
        return [node for node in all_of_them if self.has_record(node)] if there else all_of_them

    def surfaces_shown(self, results: str, name: str) -> list[Node]:
        """The networks whose loss surface a figure shows; none where it shows accuracies."""
        shown = look_up(self.tree.folder(results).artifacts, name)
        return self.networks_shown(results, [name]) if isinstance(shown, Surfaces) else []

    def needs_labels(self, results: str, name: str) -> bool:
        """Whether something shown holds networks' answers against the labels of the test images."""
        return isinstance(self.tree.folder(results).artifacts.get(name), Answers | Wins)

    def asks(self, results: str, name: str) -> bool:
        """Whether something shown asks networks themselves, so that their weights and the images are needed."""
        return isinstance(self.tree.folder(results).artifacts.get(name), Probes)

    def ships(self, results: str, name: str) -> bool:
        """Whether something shown compares networks as devices run them, so that exports and their latencies are needed."""
        return isinstance(self.tree.folder(results).artifacts.get(name), Deploy)

    def artifact(self, results: str, name: str) -> str:
        """Of a table or figure."""
        folder = self.tree.folder(results)
        specification = look_up(folder.artifacts, name).model_dump(mode="json")
        surfaces = [self.surface(node) for node in self.surfaces_shown(results, name)]
        networks = [] if surfaces else [[str(node), self.network(node)] for node in self.networks_shown(results, [name])]
        codes = [ASKING] if self.asks(results, name) else [EXPORTING, TIMING] if self.ships(results, name) else []
        shows = [*self._shows(results), *map(self._hashed, codes)]
        return key_of("artifact", name, specification, folder.datasets, networks, surfaces, self._paper, shows)

    def accuracy(self, results: str) -> str:
        """Of accuracy.csv and what is gathered with it."""
        networks = [[str(node), self.network(node)] for node in self.networks_reported(results)]
        return key_of("accuracy", networks, self._shows(results))

    def claims(self, results: str) -> str:
        """Of the verdicts."""
        folder = self.tree.folder(results)
        figures = [self.artifact(results, name) for name in self.beside_accuracies(results)]
        return key_of(
            "claims", self.accuracy(results), figures, folder.datasets, folder.parameters.claims.model_dump(), self._paper
        )

    def report(self, results: str) -> str:
        """Of the page of all of it."""
        parts = [self.artifact(results, name) for name in self.tree.shown(results)]
        return key_of("report", parts, self.claims(results))

    def best_path(self, results: str) -> str:
        """Of the path that a search comes to: over every network that it may train, as which it does isn't known before."""
        asked = AskedPath.of(self.tree, results)
        networks = [[str(node), self.network(node)] for node in asked.possible()]
        answers = [self.soft_targets(node, UNAUGMENTED) for node in asked.asked_for_answers()]
        return key_of("best path", asked.section.model_dump(), networks, answers, self._shows(results))

    def surface_figures(self, results: str) -> list[str]:
        """The reported figures of loss surfaces; a variant's aren't the paper's."""
        folder = self.tree.folder(results)
        shown = {name: look_up(folder.artifacts, name) for name in self.tree.shown(results)}
        return [name for name, each in shown.items() if isinstance(each, Surfaces) and not each.variant]

    def probe_tables(self, results: str) -> list[str]:
        """The reported tables of what networks were asked; a variant's aren't the paper's."""
        artifacts = self.tree.folder(results).artifacts
        return [name for name in self.tree.shown(results) if self.asks(results, name) and not look_up(artifacts, name).variant]

    def beside_accuracies(self, results: str) -> list[str]:
        """What claims are judged by beside accuracy.csv."""
        return [*self.surface_figures(results), *self.probe_tables(results)]

    def of_shown(self, results: str, what: str) -> str:
        """Of whatever is called so: accuracy, claims, report, best_path, or a table or figure."""
        special = {"accuracy": self.accuracy, "claims": self.claims, "report": self.report, BEST_PATH: self.best_path}
        return special[what](results) if what in special else self.artifact(results, what)

    # What is there.

    def state(self, node: Node) -> State:
        """Whether a network's files are there, and bear its key. One that is deleted on purpose isn't stale."""
        if node not in self._states:
            self._states[node] = self._state(node)
        return self._states[node]

    def has_record(self, node: Node) -> bool:
        """Whether what a network measured is there, and as it should be."""
        return self.state(node) == "fresh" and (self.root / layout.metrics(*node)).exists()

    def has_model(self, node: Node) -> bool:
        """Whether a network's weights are there, and as they should be."""
        return self.state(node) == "fresh" and (self.root / layout.model(*node)).exists()

    def _state(self, node: Node) -> State:
        model, record = (self.root / path(node.results, node.name) for path in (layout.model, layout.metrics))
        there = [path for path in (model, record) if path.exists()]
        if not there:
            return "missing"
        wanted = self.network(node)
        digests = set()
        if record.exists():
            stored = metrics.stored_key(record)
            if stored is None or stored[0] != wanted:
                return "stale"
            digests |= {stored[1]} - {None}
        if model.exists():
            try:
                about = weights.read_about(model)
            except TakdError:
                return "stale"
            if about.key != wanted:
                return "stale"
            digests.add(about.digest)
        if len(digests) > 1 or self._of_another_teacher(node, record):
            return "stale"
        return "fresh"

    def _of_another_teacher(self, node: Node, record: Path) -> bool:
        """Whether a teacher that is there isn't the one that taught, though by the same recipe: of another machine, say."""
        if not node.name.is_distilled or not record.exists():
            return False
        digests = []
        for teacher in self.tree.teachers(node):
            there = metrics.stored_key(self.root / layout.metrics(*teacher))
            if there is None or there[0] != self.network(teacher) or there[1] is None:
                return False  # which can't be told
            digests.append(there[1])
        taught: object = json.loads(record.read_bytes()).get("teacher_digest")
        return taught != teachers_digest(digests)

    def state_of_soft_targets(self, teacher: Node, views: str) -> State:
        """Whether a teacher's answers are there, and bear their key."""
        path = self.root / layout.soft_targets(teacher.results, teacher.name, views)
        if not path.exists():
            return "missing"
        try:
            about = soft_targets.read_about(path)
        except TakdError:
            return "stale"
        there = metrics.stored_key(self.root / layout.metrics(teacher.results, teacher.name))
        same = there is None or there[1] in (None, about.teacher_digest)
        return "fresh" if same and about.key == self.soft_targets(teacher, views) else "stale"

    def state_of_surface(self, node: Node) -> State:
        """Whether the loss around a network is there, and bears its key."""
        path = self.root / layout.surface(node.results, node.name)
        if not path.exists():
            return "missing"
        return "fresh" if surface.stored_key(path) == self.surface(node) else "stale"

    def state_of_shown(self, results: str, what: str) -> State:
        """Whether what people read is there, bears its key, and is what was written."""
        path = self.root / layout.made(results, what)
        if not path.exists():
            beside = [*(self.root / results).glob(f"{what}.*")]
            return "stale" if beside else "missing"
        return self._state_of_made(path, self.root / results, self.of_shown(results, what))

    def state_of_record(self, record: str, key: str, kind: type[made.Made] = made.Made) -> State:
        """Whether the files of a record, which lie beside it, are there, bear that key, and are what was written."""
        return self._state_of_made(path, path.parent, key, kind) if (path := self.root / record).exists() else "missing"

    def _state_of_made(self, path: Path, folder: Path, key: str, kind: type[made.Made] = made.Made) -> State:
        try:
            record = kind.read(path)
        except TakdError:
            return "stale"
        changed = record.changed(folder)
        if any((self.root / path).exists() and self._digest(self.root / path) != was for path, was in record.made_from.items()):
            return "stale"  # of the same key, and yet another one: trained again on another machine, say
        if record.key != key or any((folder / name).exists() for name in changed):
            return "stale"
        return "missing" if changed else "fresh"

    def state_of_data(self, dataset: str, results: str = "results") -> State:
        """Whether a prepared data set is there, and of the content that it should be."""
        path = self.root / layout.prepared(dataset)
        if not path.exists():
            return "missing"
        try:
            head = read_metadata(path)
        except TakdError:
            return "stale"
        lock = self.lock(results, dataset)
        there = head.get("digest"), head.get("unlabelled_digest")
        return "fresh" if lock is not None and (lock.digest, lock.unlabelled) == there else "stale"

    def _shows(self, results: str) -> list[object]:
        folder = self.tree.folder(results)
        on_test = ["chosen on test"] if folder.parameters.chosen_on == "test" else []
        return [self._hashed(REPORTING), list(folder.datasets), VARIANTS in results, self.metric(results), *on_test]

    def metric(self, results: str) -> Metric:
        """What the networks there are compared by. Raises ParameterError where it says nothing of a data set of so few classes."""
        folder = self.tree.folder(results)
        for dataset in folder.datasets:
            if (lock := self.lock(results, dataset)) is not None:
                check_metric(folder.parameters.metric, dataset, lock.classes)
        return folder.parameters.metric

    @cached_property
    def _paper(self) -> list[str]:
        return [self._digest(self.root / path) for path in PAPER if (self.root / path).is_file()]

    def _digest(self, path: Path) -> str:
        if path not in self._digests:
            check_regular(path, ParameterError)
            self._digests[path] = sha256_of(path)
        return self._digests[path]

    def _hashed(self, module: str) -> str:
        if (module,) not in self._codes:
            self._codes[module,] = code_hash(module)
        return self._codes[module,]

    def _code(self, builder: str, peer: str | None, objective: str | None, *, brought: bool) -> str:
        asked = (builder, peer, objective, str(brought))
        if asked not in self._codes:
            self._codes[asked] = training_code((builder, peer), objective, brought=brought, root=self.root)
        return self._codes[asked]
