"""Networks of an older commit, put where the pipeline looks: signed anew where recipe, data and teacher agree.

Their commit stays in the record, and `takd verify` calls them adopted.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from torch import Tensor, nn

from takd.data import prepared
from takd.data.views import Normalisation
from takd.errors import CheckpointError, ParameterError, TakdError
from takd.files import check_outputs, parsed_json, read_tensors, read_text
from takd.networks.builders import build, fill
from takd.networks.layers import parameter_count
from takd.planning.changes import said_of_recipe
from takd.planning.workflow import Workflow
from takd.records.key import code_of, own_code_of, teachers_digest
from takd.records.metrics import Metrics, stored_key, unpacked_answers
from takd.records.weights import read_about, tensors_digest, write_weights
from takd.study import layout
from takd.study.names import Name
from takd.study.recipe import Recipe, resolve
from takd.study.section import first_problem
from takd.study.tree import Node

LARGEST = 50_000_000  # bytes of a record
CLOSE = 1e-6  # per cent; an accuracy is a count over a count
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
    except ValidationError as error:
        why = f"{path}: {first_problem(error)}"
    except TakdError as error:
        why = str(error)
    except OSError as error:
        why = f"{error.filename or path}: {(error.strerror or 'cannot be read').lower()}"
    except (KeyError, TypeError, ValueError) as error:
        why = f"{path}: not the record of a training: {error}"
    return Adopted(shown, why)


def _values(path: Path) -> dict[str, Any]:
    """A record's fields, whatever its format; where it bears a digest, they are held to it."""
    try:
        values = parsed_json(read_text(path, LARGEST))
    except (ValueError, RecursionError):
        raise ParameterError(f"{path}: not JSON") from None
    if not isinstance(values, dict) or not isinstance(values.get("recipe"), dict):
        raise ParameterError(f"{path}: not the record of a training")
    if "digest" in values and stored_key(path) is None:
        raise ParameterError(f"{path}: isn't what was written: it was changed by hand, or damaged")
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
    """Write a network's files with the key that it would have now; both or neither. Nothing is written where it is there."""
    root, builder = workflow.root, recipe.network.builder
    data = prepared.load(root / layout.prepared(node.name.dataset))
    network = build(builder, data.classes, root=root, size=data.size)
    key, digest = workflow.keys.network(node), values.get("weights_digest")
    tensors: dict[str, Tensor] = {}
    if os.path.lexists(model):  # a link to nothing, too, which is said then
        tensors, said = _weights(model, str(node.name), digest, network, builder)
        digest, own_code = tensors_digest(tensors), own_code_of(builder, root)
        if said.get("own_code") not in (None, own_code):
            raise ParameterError(f"its code, {builder}, was changed since it was trained")
    came = ("teacher", "teacher_digest", "threads", "processes", "device", "machine", "precision", "versions", "commit")
    measured = ("measured_on", "accuracy", "best_test_accuracy", "test_answers", "epochs", "seconds", "parameters", "history")
    signed = {name: values.get(name) for name in (*came, *measured, *_SCORES)} | {
        "name": str(node.name), "key": key, "recipe": recipe, "builder": builder, "classes": data.classes,
        "data_digest": data.digest, "code": code_of(recipe, root), "instructions": values.get("instructions", "unknown"),
        "selected_accuracy": values.get("selected_accuracy", values["accuracy"]), "weights_digest": digest, "adopted": True,
    }  # fmt: skip
    record = Metrics.model_validate(signed)
    _check_measured(record, recipe, data.test.labels, parameter_count(network))

    weights, metrics = root / layout.model(*node), root / layout.metrics(*node)
    if _is_there(weights, metrics, key, digest, brings_weights=bool(tensors)):
        return
    check_outputs([weights, metrics], [])
    if tensors:
        normalisation = Normalisation.of(data.train, recipe.views.normalisation)
        about = {
            "name": str(node.name), "key": key, "builder": builder, "classes": data.classes, "labels": data.labels,
            "size": data.size, "scale": normalisation.scale.tolist(), "shift": normalisation.shift.tolist(),
            "precision": recipe.optimiser.precision, "held_out": recipe.views.held_out, "data_digest": data.digest,
            "commit": record.commit, "own_code": own_code,
        }  # fmt: skip
        write_weights(weights, tensors, about)
    try:
        record.write(metrics)
    except OSError:
        weights.unlink(missing_ok=True)
        raise


def _weights(
    model: Path, name: str, digest: str | None, network: nn.Module, builder: str
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """A file's weights and what it says of them, whatever its format. Raises TakdError where they aren't that network's."""
    tensors, said = read_tensors(model)
    there = tensors_digest(tensors)
    if said.get("digest") not in (None, there):
        raise ParameterError(f"{model}: isn't what was written: its bytes were changed, or damaged")
    named = said.get("name") or said.get("network") or name
    if named != name or digest not in (None, there):
        raise ParameterError(f"{model}: not the weights that its record speaks of")
    try:
        fill(network, tensors)
    except RuntimeError:
        raise ParameterError(f"{model}: its weights don't fit {builder}") from None
    return tensors, said


def _check_measured(record: Metrics, recipe: Recipe, labels: Tensor, parameters: int) -> None:
    """Raises ParameterError where a record contradicts its network or its recipe. labels: of the test images, (N,)."""
    if record.parameters != parameters:
        raise ParameterError(f"its record says {record.parameters:,} parameters, but {record.builder} has {parameters:,}")
    if (record.measured_on == "validation") != bool(recipe.views.validation_share):
        raise ParameterError(f"its record says measured_on: {record.measured_on}, which its recipe can't be")
    if record.test_answers is not None:
        answers = unpacked_answers(record.test_answers)
        correct = sum(answer == label for answer, label in zip(answers, labels.tolist(), strict=False))
        if len(answers) != len(labels) or abs(100 * correct / len(labels) - record.selected_accuracy) > CLOSE:
            raise ParameterError(f"its record's test_answers aren't those of {record.selected_accuracy:g} %")


def _is_there(weights: Path, metrics: Path, key: str, digest: str | None, *, brings_weights: bool) -> bool:
    """Whether that network is there. Raises ParameterError where one of its key with other weights is: others may rest on it."""
    if metrics.is_dir() or not metrics.exists() or (there := stored_key(metrics)) is None or there[0] != key:
        return False
    if there[1] != digest:
        raise ParameterError(f"another network by its recipe is there: to have this one, delete {metrics.parent} first")
    if not brings_weights:
        return True
    try:
        about = read_about(weights)
    except CheckpointError:
        return False
    return (about.key, about.digest) == (key, digest)
