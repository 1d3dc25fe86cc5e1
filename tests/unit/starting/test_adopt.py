"""Networks of an older commit, signed anew: what is kept of their records, and which aren't taken."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from takd.files import read_tensors
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
        digest = project.workflow().keys.data_digest(each)
        project.make(each, data_digest=digest, code="f" * 16, **changes)
    return (project.root / "results/models").rename(project.root / "older")


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
    project.make(SECOND, seed=1, data_digest=project.workflow().keys.data_digest(SECOND))
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
