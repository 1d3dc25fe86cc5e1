"""Of images, networks, soft targets and surfaces: the key that each file should bear, and whether the one there bears it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from takd.code import code_hash
from takd.data.registry import DATASETS, IN_FOLDERS
from takd.errors import ParameterError, TakdError
from takd.files import check_regular, read_metadata, sha256_of
from takd.planning.lock import Lock
from takd.records import metrics, soft_targets, surface, weights
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
from takd.study.recipe import Recipe
from takd.study.tree import Node, Tree

State = Literal["missing", "fresh", "stale"]


class KeysOfTrained:
    """Of one reading of the workflow: what is computed or read once stays."""

    def __init__(self, tree: Tree) -> None:
        self.tree = tree
        self.root = tree.root
        self._networks: dict[Node, str] = {}
        self._states: dict[Node, State] = {}
        self._of_another: dict[Node, bool] = {}
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
        return network_key(node.name, recipe, code=self.code(recipe), data_digest=self.data_digest(node), teacher_key=teacher)

    def code(self, recipe: Recipe) -> str:
        """The hash of all code that a training by that recipe depends on."""
        network = recipe.network
        return self._code(network.builder, network.peer, recipe.objective.name, brought=network.start is not None)

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
        if len(digests) > 1 or self.is_of_another_line(node):
            return "stale"
        return "fresh"

    def is_of_another_line(self, node: Node) -> bool:
        """Whether it, or a network that it learnt from by however many hops, is of another teacher than the one that is there."""
        return any(self.is_of_another_teacher(each) for each in self.tree.lineage(node))

    def is_of_another_teacher(self, node: Node) -> bool:
        """Whether a teacher that is there isn't the one that taught, though by the same recipe: of another machine, say."""
        if node not in self._of_another:
            self._of_another[node] = self._is_of_another_teacher(node)
        return self._of_another[node]

    def _is_of_another_teacher(self, node: Node) -> bool:
        record = self.root / layout.metrics(*node)
        if not node.name.is_distilled or not record.exists() or metrics.stored_key(record) is None:
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
        same = (there is None or there[1] in (None, about.teacher_digest)) and not self.is_of_another_line(teacher)
        return "fresh" if same and about.key == self.soft_targets(teacher, views) else "stale"

    def state_of_surface(self, node: Node) -> State:
        """Whether the loss around a network is there, and bears its key."""
        path = self.root / layout.surface(node.results, node.name)
        if not path.exists():
            return "missing"
        same = surface.stored_key(path) == self.surface(node) and not self.is_of_another_line(node)
        return "fresh" if same else "stale"

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
