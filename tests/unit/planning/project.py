"""A project whose files were made by nobody: records that bear the right keys, without a training."""

from pathlib import Path
from typing import Any

import torch
import yaml

from takd.data.view_names import views_name
from takd.planning.workflow import Workflow
from takd.records.exports import ExportRecord, LatencyRecord
from takd.records.key import code_of, teachers_digest
from takd.records.made import Made
from takd.records.metrics import Epoch, Metrics
from takd.records.soft_targets import write_soft_targets
from takd.records.surface import write_points
from takd.records.weights import write_weights
from takd.study import layout
from takd.study.names import Name
from takd.study.tree import Node
from tests.conftest import ROOT
from tests.unit.records.examples import ABOUT, EXPORTED, TIMED, metrics


class Project:
    """params.yaml on the digits; one more study of its own networks where `own` is called."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for name in ("params.yaml", "paper/artifacts.yaml", "paper/published.csv", "paper/claims.yaml"):
            (root / name).parent.mkdir(exist_ok=True)
            (root / name).write_bytes((ROOT / name).read_bytes())
        self.values: dict[str, Any] = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
        self.write(datasets=["digits"], seeds=2, report=["table2"])

    def write(self, **changes: Any) -> None:
        """Change params.yaml."""
        self.values |= changes
        (self.root / "params.yaml").write_text(yaml.safe_dump(self.values, sort_keys=False), encoding="utf-8")

    def train(self, **changes: Any) -> None:
        """Change fields of `train`."""
        self.write(train=self.values["train"] | changes)

    def workflow(self, **options: Any) -> Workflow:
        """A new reading of it."""
        return Workflow(self.root, **({"writes_keys": False} | options))

    def make(self, node: Node, *, seed: int = 0, weights: dict[str, torch.Tensor] | None = None, **changes: Any) -> None:
        """A network's files, as a training would sign them now. seed: of its weights, made up by default, so that two differ."""
        workflow = self.workflow()
        recipe, key = workflow.keys.recipe(node), workflow.keys.network(node)
        about = ABOUT | {"name": str(node.name), "key": key, "builder": recipe.network.builder, "labels": []}
        weights = {"w": torch.full((3,), float(seed))} if weights is None else weights
        digest = write_weights(self.root / layout.model(*node), weights, about).digest
        given: dict[str, Any] = {"teacher": None, "teacher_digest": None}
        if node.name.is_distilled:
            teachers = workflow.tree.teachers(node)
            digests = [str(self.record(teacher).weights_digest) for teacher in teachers]
            given = {"teacher": str(teachers[0].name), "teacher_digest": teachers_digest(digests)}
        epochs = recipe.all_epochs
        history = [Epoch(epoch=n + 1, learning_rate=0.1, loss=1, accuracy=60, seconds=2.0) for n in range(epochs)]
        metrics(
            **(given | {"name": str(node.name), "key": key, "recipe": recipe, "builder": recipe.network.builder, "epochs": epochs,
                        "history": history, "seconds": 2.0 * epochs, "weights_digest": digest, "code": code_of(recipe, self.root),
                        "data_digest": workflow.keys.data_digest(node) or ABOUT["data_digest"]} | changes)
        ).write(self.root / layout.metrics(*node))  # fmt: skip

    def make_line(self, node: Node) -> None:
        """A network, its teachers, and their answers."""
        workflow = self.workflow()
        for each in workflow.tree.lineage(node):
            if each.name.is_distilled:
                self.answer(workflow.tree.teacher(each), each)
            self.make(each)

    def answer(self, teacher: Node, student: Node) -> Path:
        """A teacher's answers to the views of a student."""
        workflow = self.workflow()
        recipe = workflow.tree.recipe(student)
        views = views_name(recipe.views.augmentation, student.name.seed, recipe.all_epochs)
        path = self.root / layout.soft_targets(*teacher, views)
        about = {
            "teacher": str(teacher.name), "teacher_key": workflow.keys.network(teacher), "views": views, "held_out": (0.0, 0),
            "teacher_digest": self.record(teacher).weights_digest, "key": workflow.keys.soft_targets(teacher, views),
            "data_digest": workflow.keys.data_digest(teacher),
        }  # fmt: skip
        write_soft_targets(path, iter([torch.ones(4, 10).half()]), (1, 4, 10), about)
        return path

    def surface(self, node: Node) -> Path:
        """The loss around a network."""
        path = self.root / layout.surface(*node)
        write_points(path, node.name, [(0.0, 0.0, 0.5, 0.6)], images=10, commit="abc", key=self.workflow().keys.surface(node))
        return path

    def export(self, node: Node, kind: str = "") -> list[Path]:
        """A network as a file for a device, its card, and the record of both, which is the last."""
        paths = [self.root / layout.export(*node, kind, suffix) for suffix in ("onnx", "md", "json")]
        for path in paths[:2]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"{path.name}\n", encoding="utf-8")
        key = self.workflow().exports.expected(node, kind)[1]
        facts = EXPORTED | {"name": str(node.name), "kind": kind.removeprefix(".") or "fp32"}
        ExportRecord.of(key, paths[:2], **facts).write(paths[2])
        return paths

    def time(self, node: Node, kind: str = "", **changes: Any) -> Path:
        """How long an export takes."""
        place, key = self.workflow().exports.latency(node, kind)
        facts = {"name": str(node.name), "kind": kind.removeprefix(".") or "fp32"} | TIMED | changes
        LatencyRecord.of(key, [], [self.root / layout.export(*node, kind, "json")], **facts).write(self.root / place)
        return self.root / place

    def show(self, results: str, what: str, *suffixes: str) -> None:
        """A table or the like, and its record."""
        paths = [self.root / layout.shown(results, what, suffix) for suffix in suffixes or ("csv", "md")]
        for path in paths:
            path.write_text(f"{path.name}\n", encoding="utf-8")
        Made.of(self.workflow().keys.of_shown(results, what), paths).write(self.root / layout.made(results, what))

    def record(self, node: Node) -> Metrics:
        """What a network's training measured."""
        return Metrics.read(self.root / layout.metrics(*node))


def node(text: str, results: str = "results") -> Node:
    """A network by its name."""
    return Node(results, Name.parse(text))
