"""Networks of an older commit, put where the pipeline looks: signed anew where recipe, data and teacher agree.

Their commit stays in the record, and `takd verify` calls them adopted.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from takd.data import prepared
from takd.data.views import Normalisation
from takd.errors import ParameterError, TakdError
from takd.files import read_tensors, read_text
from takd.planning.changes import said_of_recipe
from takd.planning.workflow import Workflow
from takd.records.key import code_of, own_code_of, teachers_digest
from takd.records.metrics import Metrics
from takd.records.weights import tensors_digest, write_weights
from takd.study import layout
from takd.study.names import Name
from takd.study.recipe import Recipe, resolve
from takd.study.section import first_problem
from takd.study.tree import Node

LARGEST = 50_000_000  # bytes of a record
_SCORES = ("top5_accuracy", "balanced_accuracy", "macro_f1")


@dataclass(frozen=True)
class Adopted:
    """A network that was found. why: it can't be adopted; empty where it was."""

    name: str
    why: str = ""


def adopt(workflow: Workflow, folder: Path, results: str) -> list[Adopted]:
    """Adopt every network below a folder (a metrics.json, with or without a model.safetensors beside it), teachers first.

    Raises ParameterError where the folder holds none.
    """
    if not folder.is_dir():
        raise ParameterError(f"{folder}: no such folder")
    found = sorted(folder.rglob("metrics.json"), key=lambda path: (str(path).count("-"), str(path)))
    records = [path for path in found if path.parent.name.startswith("seed")]
    if not records:
        raise ParameterError(f"{folder}: no network's metrics.json is there")
    return [_adopted(workflow, path, results) for path in records]


def _adopted(workflow: Workflow, path: Path, results: str) -> Adopted:
    shown = "/".join(path.parent.parts[-4:])
    try:
        values = _values(path)
        node = Node(results, Name.parse(str(values.get("name") or values.get("network"))))
        recipe = workflow.keys.recipe(node)
        why = next(_differences(workflow, node, recipe, values), "")
        if not why:
            _sign(workflow, node, recipe, values, path.with_name("model.safetensors"))
    except (TakdError, KeyError, TypeError, ValueError) as error:
        why = f"not such a record: {error}" if not isinstance(error, TakdError) else str(error)
    return Adopted(shown, why)


def _values(path: Path) -> dict[str, Any]:
    values = json.loads(read_text(path, LARGEST))
    if not isinstance(values, dict):
        raise ParameterError(f"{path}: not the record of a training")
    return values


def _differences(workflow: Workflow, node: Node, recipe: Recipe, values: dict[str, Any]) -> Iterator[str]:
    """Why a network isn't the one that the parameters ask for."""
    if values["data_digest"] != workflow.keys.data_digest(node):
        yield "learnt from other images"
    if (was := _recipe(values["recipe"], recipe, node)).canonical() != recipe.canonical():
        yield said_of_recipe(was, recipe)
    if node.name.is_distilled:
        teachers = workflow.tree.teachers(node)
        if values["teacher"] != str(teachers[0].name):
            yield f"learnt from {values['teacher']}, not from {teachers[0].name}"
        there = {teacher: workflow.root / layout.metrics(*teacher) for teacher in teachers}
        yield from (f"its teacher {teacher.name} isn't there" for teacher, path in there.items() if not path.is_file())
        wrong = [str(teacher.name) for teacher in teachers if not workflow.keys.has_record(teacher)]
        yield from (f"its teacher {name} is there, but not as the parameters ask for" for name in wrong)
        digests = [Metrics.read(path).weights_digest for path in there.values()]
        known = [digest for digest in digests if digest is not None]
        if len(known) == len(digests) and teachers_digest(known) != values["teacher_digest"]:
            said = ", ".join(str(teacher.name) for teacher in teachers)
            yield f"learnt from other weights of {said} than those that are there"


def _recipe(values: dict[str, Any], expected: Recipe, node: Node) -> Recipe:
    """A record's recipe; of older commits its fields stand side by side, without sections."""
    if "objective" in values:
        return Recipe.model_validate(values)
    return resolve(expected.network, node.name.objective, [values])


def _sign(workflow: Workflow, node: Node, recipe: Recipe, values: dict[str, Any], model: Path) -> None:
    data = prepared.load(workflow.root / layout.prepared(node.name.dataset))
    key, digest = workflow.keys.network(node), values.get("weights_digest")
    if model.is_file():
        tensors, said = read_tensors(model)
        if digest is not None and tensors_digest(tensors) != digest:
            raise ParameterError(f"{model}: not the weights that its record speaks of")
        own_code = own_code_of(recipe.network.builder, workflow.root)
        if said.get("own_code") not in (None, own_code):
            raise ParameterError(f"its code, {recipe.network.builder}, was changed since it was trained")
        normalisation = Normalisation.of(data.train, recipe.views.normalisation)
        about = {
            "name": str(node.name), "key": key, "builder": recipe.network.builder, "classes": data.classes, "labels": data.labels,
            "size": data.size, "scale": normalisation.scale.tolist(), "shift": normalisation.shift.tolist(),
            "precision": recipe.optimiser.precision, "held_out": recipe.views.held_out, "data_digest": data.digest,
            "commit": values["commit"], "own_code": own_code,
        }  # fmt: skip
        digest = write_weights(workflow.root / layout.model(*node), tensors, about).digest
    came = ("teacher", "teacher_digest", "threads", "processes", "device", "machine", "precision", "versions", "commit")
    measured = ("measured_on", "accuracy", "best_test_accuracy", "test_answers", "epochs", "seconds", "parameters", "history")
    signed = {name: values.get(name) for name in (*came, *measured, *_SCORES)} | {
        "name": str(node.name), "key": key, "recipe": recipe, "builder": recipe.network.builder, "classes": data.classes,
        "data_digest": data.digest, "code": code_of(recipe, workflow.root), "instructions": values.get("instructions", "unknown"),
        "selected_accuracy": values.get("selected_accuracy", values["accuracy"]), "weights_digest": digest, "adopted": True,
    }  # fmt: skip
    try:
        Metrics.model_validate(signed).write(workflow.root / layout.metrics(*node))
    except ValidationError as error:
        raise ParameterError(first_problem(error)) from None
