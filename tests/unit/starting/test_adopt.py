"""Networks of an older commit, signed anew: what is kept of their records, and which aren't taken."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from takd.data import prepared
from takd.files import read_tensors
from takd.networks.builders import build
from takd.networks.layers import parameter_count
from takd.records.metrics import Metrics, packed_answers
from takd.records.weights import write_weights
from takd.starting.adopt import adopt
from takd.study import layout
from takd.study.tree import Node
from tests.unit.planning.project import Project, node

FIRST, SECOND, STUDENT = (node(f"digits/plain/{name}") for name in ("10/seed0", "10/seed1", "10-4/seed0"))


@pytest.fixture
def project(tmp_path: Path, digits: Path) -> Project:
    """A study whose student has two teachers."""
    made = Project(tmp_path)
    made.write(overrides={"digits/plain/10-4/*": {"ensemble": [0, 1]}})
    place = tmp_path / layout.prepared("digits")
    place.parent.mkdir(parents=True)
    shutil.copy(digits, place)
    return made


def older(project: Project, *nodes: Node, **changes: Any) -> Path:
    """A folder with networks as an older commit left them, and none where the pipeline looks."""
    for each in nodes:
        make(project, each, **({"code": "f" * 16} | changes))
    return (project.root / "results/models").rename(project.root / "older")


def make(project: Project, each: Node, *, seed: int = 0, **changes: Any) -> None:
    """A network with weights that fit it, drawn by a seed."""
    keys = project.workflow().keys
    data = prepared.load(project.root / layout.prepared("digits"))
    torch.manual_seed(seed)
    network = build(keys.recipe(each).network.builder, data.classes, size=data.size)
    about: dict[str, Any] = {"parameters": parameter_count(network), "test_answers": None, "data_digest": keys.data_digest(each)}
    project.make(each, weights=network.state_dict(), **(about | changes))


def files_there(project: Project) -> dict[str, bytes]:
    """What lies where the pipeline looks."""
    found = sorted((project.root / "results").rglob("*"))
    return {str(path.relative_to(project.root)): path.read_bytes() for path in found if path.is_file()}


def adopted(project: Project, folder: Path) -> list[str]:
    return [one.why for one in adopt(project.workflow(), folder, "results")]


def test_an_older_network_is_taken_with_all_that_was_measured(project: Project) -> None:
    scores = {"top5_accuracy": 99.0, "balanced_accuracy": 58.0, "macro_f1": 57.0, "processes": 2}
    assert adopted(project, older(project, FIRST, SECOND, STUDENT, **scores)) == [""] * 3
    for each in (FIRST, SECOND, STUDENT):
        record = project.record(each)
        assert record.adopted and record.model_dump(include=set(scores)) == scores
        assert project.workflow().keys.state(each) == "fresh" and project.workflow().keys.has_model(each)


def test_a_student_is_taken_by_the_weights_of_each_of_its_teachers(project: Project) -> None:
    folder = older(project, FIRST, SECOND, STUDENT)
    make(project, SECOND, seed=1)
    shutil.rmtree(folder / "digits/plain/10/seed1")
    said = "learnt from other weights of digits/plain/10/seed0, digits/plain/10/seed1 than those that are there"
    assert adopted(project, folder) == ["", said]
    shutil.rmtree(project.root / layout.network_folder(*SECOND))
    assert adopted(project, folder) == ["", "its teacher digits/plain/10/seed1 isn't there"]


def test_a_student_of_a_teacher_by_another_recipe_is_not_taken(project: Project) -> None:
    folder = older(project, FIRST, SECOND, STUDENT)
    changed = {"digits/plain/10-4/*": {"ensemble": [0, 1]}, "digits/plain/10/seed1": {"epochs": 9}}
    shutil.copytree(folder, project.root / "results/models")  # where the teachers lie, too, as the older recipe left them
    project.write(overrides=changed)
    said = "its teacher digits/plain/10/seed1 is there, but not as the parameters ask for"
    assert adopted(project, folder) == ["", "of another recipe (epochs: 150, now 9)", said]
    assert project.workflow().keys.state(STUDENT) != "fresh"


def test_a_network_that_other_code_of_ones_own_built_is_not_taken(project: Project) -> None:
    folder = older(project, FIRST)
    path = folder / "digits/plain/10/seed0/model.safetensors"
    tensors, said = read_tensors(path)
    write_weights(path, tensors, {name: value for name, value in said.items() if name != "digest"} | {"own_code": "e" * 16})
    assert adopted(project, folder) == ["its code, plain:10, was changed since it was trained"]
    assert not (project.root / layout.network_folder(*FIRST)).exists()


def changed(path: Path, **changes: Any) -> None:
    """A record with other fields, its digest left as it was."""
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def without_digests(path: Path) -> None:
    """A record as the oldest commits wrote it: nothing in it tells what was changed."""
    values = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in values.items() if name not in ("digest", "weights_digest")}))


def other_weights(path: Path, builder: str = "plain:10") -> None:
    """Weights of another seed, in the place of those beside a record."""
    _, said = read_tensors(model := path.with_name("model.safetensors"))
    torch.manual_seed(7)
    tensors = build(builder, 10, size=said["size"]).state_dict()
    write_weights(model, tensors, {name: value for name, value in said.items() if name != "digest"})


def linked_to_nothing(path: Path) -> None:
    model = path.with_name("model.safetensors")
    model.unlink()
    model.symlink_to("nowhere")


SPOILT: dict[str, tuple[list[Callable[[Path], object]], str]] = {
    "edited": ([partial(changed, selected_accuracy=61.0)], "isn't what was written"),
    "deep": ([lambda path: path.write_text("[" * 100_000)], "not JSON"),
    "recipe": ([without_digests, partial(changed, recipe="x")], "not the record of a training"),
    "commit": ([without_digests, partial(changed, commit="\x1b")], "commit: "),
    "parameters": ([without_digests, partial(changed, parameters=7)], "says 7 parameters, but plain:10 has "),
    "measured": ([without_digests, partial(changed, measured_on="validation")], "measured_on: validation"),
    "answers": ([without_digests, partial(changed, test_answers=packed_answers([1, 2]))], "test_answers aren't those of 60 %"),
    "swapped": ([other_weights], "not the weights that its record speaks of"),
    "unfit": ([without_digests, partial(other_weights, builder="plain:4")], "don't fit plain:10"),
    "cut": ([lambda path: path.with_name("model.safetensors").write_bytes(b"\0" * 9)], "not a whole safetensors file"),
    "link": ([linked_to_nothing], "no such file"),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_spoilt_network_is_not_taken_and_leaves_nothing_behind(project: Project, how: str) -> None:
    folder = older(project, FIRST)
    steps, said = SPOILT[how]
    for spoil in steps:
        spoil(folder / "digits/plain/10/seed0/metrics.json")
    (why,) = adopted(project, folder)
    assert said in why and "\n" not in why
    assert files_there(project) == {}


def test_weights_of_another_seed_are_not_taken_where_the_record_has_no_digest(project: Project) -> None:
    folder = older(project, FIRST, SECOND)
    without_digests(folder / "digits/plain/10/seed0/metrics.json")
    shutil.copy(folder / "digits/plain/10/seed1/model.safetensors", folder / "digits/plain/10/seed0/model.safetensors")
    why = adopted(project, folder)
    assert "not the weights that its record speaks of" in why[0] and why[1] == ""


def test_answers_that_make_the_accuracy_are_taken(project: Project) -> None:
    labels = prepared.load(project.root / layout.prepared("digits")).test.labels.tolist()
    right = len(labels) // 2
    answers = [label if place < right else (label + 1) % 10 for place, label in enumerate(labels)]
    accuracy = 100 * right / len(labels)
    folder = older(project, FIRST)
    path = folder / "digits/plain/10/seed0/metrics.json"
    record = Metrics.read(path)
    history = [epoch.model_copy(update={"accuracy": accuracy}) for epoch in record.history]
    said = {"accuracy": accuracy, "best_test_accuracy": accuracy, "selected_accuracy": accuracy, "history": history}
    record.model_copy(update=said | {"test_answers": packed_answers(answers)}).write(path)
    assert adopted(project, folder) == [""]


def test_a_network_that_is_there_stays_as_it_is(project: Project) -> None:
    folder = older(project, FIRST)
    make(project, FIRST)  # the same one, trained by today's code
    before = files_there(project)
    assert adopted(project, folder) == [""]
    assert files_there(project) == before
    make(project, FIRST, seed=1)
    before = files_there(project)
    (why,) = adopted(project, folder)
    assert "another network by its recipe is there: to have this one, delete " in why
    assert files_there(project) == before


def test_a_record_that_cannot_be_written_leaves_no_weights(project: Project) -> None:
    folder = older(project, FIRST, SECOND)
    (project.root / layout.metrics(*FIRST)).mkdir(parents=True)
    why = adopted(project, folder)
    assert "is a directory" in why[0] and why[1] == ""
    assert not (project.root / layout.model(*FIRST)).exists()
