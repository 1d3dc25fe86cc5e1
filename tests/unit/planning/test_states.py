"""Whether a file is missing, fresh or stale; and the key files that say so to Snakemake."""

import os
from pathlib import Path

import pytest
import torch

from takd.files import write_tensors
from takd.planning.lock import Lock
from takd.study import layout
from takd.study.tree import Node
from tests.unit.planning.project import Project, node

TEACHER, STUDENT = node("digits/plain/10/seed0"), node("digits/plain/10-4/seed0")


def state(project: Project, of: Node = STUDENT) -> str:
    return project.workflow().keys.state(of)


def test_a_network_is_missing_then_fresh_then_stale(project: Project) -> None:
    assert state(project) == state(project, TEACHER) == "missing"
    project.make_line(STUDENT)
    assert state(project) == state(project, TEACHER) == "fresh"
    project.write(overrides={"digits/plain/10/*": {"epochs": 3}})
    assert state(project) == state(project, TEACHER) == "stale"
    project.write(overrides={})
    assert state(project) == "fresh"
    project.write(overrides={"digits/plain/10-4/*": {"epochs": 3}})
    assert (state(project), state(project, TEACHER)) == ("stale", "fresh")


@pytest.mark.parametrize("path", [layout.model, layout.metrics])
def test_what_is_deleted_on_purpose_is_not_stale_and_what_is_damaged_is(project: Project, path: object) -> None:
    project.make_line(STUDENT)
    file = project.root / path(*STUDENT)  # type: ignore[operator]
    content = file.read_bytes()
    for damaged in (b"", content[: len(content) // 2], content[:-3], b"\xff" * 100, content.replace(b"digits", b"digitz")):
        file.write_bytes(damaged)
        assert state(project) == "stale", damaged[:40]
    file.unlink()
    assert state(project) == "fresh"
    file.symlink_to("absent")
    assert state(project) == "fresh"  # as if it weren't there
    file.unlink()
    file.mkdir()
    assert state(project) == "stale"


def test_a_record_and_weights_of_two_trainings_are_stale(project: Project) -> None:
    project.make_line(STUDENT)
    record = (project.root / layout.metrics(*STUDENT)).read_bytes()
    project.make(STUDENT, seed=1)
    assert state(project) == "fresh"
    (project.root / layout.metrics(*STUDENT)).write_bytes(record)
    assert state(project) == "stale"


@pytest.mark.parametrize(
    ("student", "override", "second"),
    [("10-4", {"ensemble": [0, 1]}, "10/seed1"), ("10-8-2+dgkd", {"dgkd_dropped": 0}, "10/seed0")],
)
def test_a_student_of_several_teachers_is_stale_where_any_of_them_is_another_making(
    student: str, override: dict[str, object], second: str, project: Project
) -> None:
    of = node(f"digits/plain/{student}/seed0")
    project.write(overrides={f"digits/plain/{student}/*": override})
    for each in project.workflow().tree.lineage(of):
        project.make(each)
    assert state(project, of) == "fresh"
    project.make(node(f"digits/plain/{second}"), seed=1)
    assert state(project, of) == "stale"


def test_a_student_of_another_making_of_its_teacher_is_stale(project: Project) -> None:
    project.make_line(STUDENT)
    project.make(TEACHER, seed=1)  # by the same recipe, with other bits: on another machine, say
    assert (state(project, TEACHER), state(project)) == ("fresh", "stale")
    assert project.workflow().keys.state_of_soft_targets(TEACHER, "unaugmented") == "stale"
    project.answer(TEACHER, STUDENT)
    project.make(STUDENT)
    assert state(project) == "fresh"
    assert project.workflow().keys.state_of_soft_targets(TEACHER, "unaugmented") == "fresh"


def test_another_networks_files_are_stale(project: Project) -> None:
    project.make_line(STUDENT)
    other = node("digits/plain/10-6/seed0")
    (project.root / layout.network_folder(*other)).parent.mkdir()
    (project.root / layout.network_folder(*STUDENT)).rename(project.root / layout.network_folder(*other))
    assert (state(project), state(project, other)) == ("missing", "stale")


def test_the_state_of_soft_targets(project: Project) -> None:
    def its() -> str:
        return project.workflow().keys.state_of_soft_targets(TEACHER, "unaugmented")

    assert its() == "missing"
    project.make_line(STUDENT)
    assert its() == "fresh"
    path = project.root / layout.soft_targets(*TEACHER, "unaugmented")
    content = path.read_bytes()
    for damaged in (b"", content[:-10], content[: len(content) // 2]):
        path.write_bytes(damaged)
        assert its() == "stale"
    path.write_bytes(content)
    project.write(overrides={"digits/plain/10-4/*": {"temperature": 3}})
    assert its() == "fresh"  # the teacher says the same
    project.train(epochs=3)
    assert its() == "stale"


def test_the_state_of_a_surface(project: Project) -> None:
    def its() -> str:
        return project.workflow().keys.state_of_surface(STUDENT)

    assert its() == "missing"
    project.make_line(STUDENT)
    path = project.surface(STUDENT)
    assert its() == "fresh"
    content = path.read_bytes()
    for damaged in (b"", content[:-3], content.replace(b",0.5,", b",0.4,")):
        path.write_bytes(damaged)
        assert its() == "stale"
    path.write_bytes(content)
    project.write(surface={"points": 5, "span": 1, "images": 10})
    assert its() == "stale"


def test_the_state_of_a_table(project: Project) -> None:
    def its(what: str = "table2") -> str:
        return project.workflow().keys.state_of_shown("results", what)

    assert its() == "missing"
    (project.root / "results").mkdir()
    (project.root / "results/table2.csv").touch()
    assert its() == "stale"  # of nobody knows what
    project.show("results", "table2")
    assert its() == "fresh"
    (project.root / "results/table2.csv").write_text("by hand", encoding="utf-8")
    assert its() == "stale"
    (project.root / "results/table2.csv").unlink()
    assert its() == "missing"  # it is made where somebody asks for it
    project.show("results", "table2")
    record = project.root / layout.made("results", "table2")
    for damaged in (b"", b"{}", record.read_bytes()[:-5]):
        record.write_bytes(damaged)
        assert its() == "stale"
    project.show("results", "table2")
    project.write(overrides={"digits/plain/10-8/*": {"epochs": 3}})
    assert its() == "stale"


def test_the_state_of_prepared_data(project: Project) -> None:
    def its() -> str:
        return project.workflow().keys.state_of_data("digits")

    path = project.root / layout.prepared("digits")
    assert its() == "missing"
    write_tensors(path, {"x": torch.zeros(1)}, {"digest": Lock.of_published("digits").digest})
    assert its() == "fresh"
    content = path.read_bytes()
    for damaged in (b"", content[:-1], content.replace(b"digest", b"digesT")):
        path.write_bytes(damaged)
        assert its() == "stale"
    write_tensors(path, {"x": torch.zeros(1)}, {"digest": "0" * 64})
    assert its() == "stale"


def test_what_holds_answers_against_labels_lacks_the_images_until_they_are_prepared(project: Project) -> None:
    project.write(datasets=["digits"], seeds=1)
    images = layout.prepared("digits")

    def lacking(what: str) -> list[str]:
        return project.workflow().lacking("shown", {"results": "results", "what": what})

    assert images in lacking("answers") and images not in lacking("table1")
    assert layout.metrics("results", "digits/plain/10-4-2/seed0") in lacking("answers")
    write_tensors(project.root / images, {"x": torch.zeros(1)}, {"digest": Lock.of_published("digits").digest})
    assert images not in lacking("answers")


def test_where_a_study_takes_what_is_there_stale_networks_are_left_out(project: Project) -> None:
    project.write(run="there")
    assert project.workflow().keys.networks_shown("results", ["table2"]) == []
    project.make_line(node("digits/plain/10-4-2/seed1"))
    shown = project.workflow().keys.networks_shown("results", ["table2"])
    assert [str(each.name) for each in shown] == ["digits/plain/10-4-2/seed1"]
    reported = project.workflow().keys.networks_reported("results")
    assert [each.name.chain for each in reported] == ["10", "10-4", "10-4-2"]
    before = project.workflow().keys.artifact("results", "table2")
    project.train(temperature=3)
    assert project.workflow().keys.networks_shown("results", ["table2"]) == []
    assert project.workflow().keys.artifact("results", "table2") != before


# Key files.

WILDCARDS = {"results": "results", "dataset": "digits", "family": "plain", "chain": "10-4", "seed": "0"}


def key_file(project: Project, *, writes: bool = True) -> Path:
    return project.root / project.workflow(writes_keys=writes).key_file("network", WILDCARDS)


def test_a_key_file_is_of_1970_unless_its_product_is_stale(project: Project) -> None:
    path = key_file(project)
    assert path.read_text(encoding="utf-8") == project.workflow().keys.network(STUDENT) + "\n"
    assert path.stat().st_mtime == 0
    project.make_line(STUDENT)
    assert key_file(project).stat().st_mtime == 0
    project.train(epochs=3)
    product = project.root / layout.metrics(*STUDENT)
    assert key_file(project).stat().st_mtime >= product.stat().st_mtime
    project.make_line(STUDENT)
    assert key_file(project).stat().st_mtime == 0


def test_a_stale_product_is_older_than_its_key_file_whenever_it_was_written(project: Project) -> None:
    project.make_line(STUDENT)
    project.train(epochs=3)
    path, product = key_file(project), project.root / layout.metrics(*STUDENT)
    later = path.stat().st_mtime - 50
    os.utime(path, (later - 100, later - 100))  # a run that failed; then somebody brings the old file back
    os.utime(product, (later, later))
    assert key_file(project).stat().st_mtime > product.stat().st_mtime


def test_a_key_file_is_dated_once_a_reading(project: Project) -> None:
    """So that what a job has just made isn't older than its key."""
    project.make_line(STUDENT)
    project.train(epochs=3)
    workflow = project.workflow(writes_keys=True)
    path = project.root / workflow.key_file("network", WILDCARDS)
    os.utime(path, (1000, 1000))
    workflow.key_file("network", WILDCARDS)
    assert path.stat().st_mtime == 1000


def test_a_key_file_that_is_right_is_left_alone_and_a_wrong_one_is_written(project: Project) -> None:
    path = key_file(project)
    before = path.stat()
    assert key_file(project).stat().st_ino == before.st_ino and path.stat().st_ctime_ns == before.st_ctime_ns
    for content in (b"", b"another\n", b"\xff\xfe", path.read_bytes()[:5]):
        path.write_bytes(content)
        key_file(project)
        assert path.read_bytes() == project.workflow().keys.network(STUDENT).encode() + b"\n" and path.stat().st_mtime == 0


def test_a_job_that_an_executor_starts_writes_none(project: Project) -> None:
    assert not key_file(project, writes=False).exists()
    assert sorted(path.name for path in project.root.iterdir()) == ["paper", "params.yaml"]


def test_reading_the_workflow_writes_nothing_but_key_files(project: Project) -> None:
    before = {path for path in project.root.rglob("*") if path.is_file()}
    workflow = project.workflow(writes_keys=True)
    workflow.key_file("shown", {"results": "results", "what": "table2"})
    workflow.key_file("data", {"dataset": "digits"})
    workflow.key_file("soft_targets", WILDCARDS | {"chain": "10", "views": "unaugmented"})
    new = {path for path in project.root.rglob("*") if path.is_file()} - before
    assert len(new) == 3 and all(path.is_relative_to(project.root / layout.KEYS) for path in new)
