"""After any failure the next run ends in the table that a run from nothing gives: by keys, whatever Snakemake's records say."""

import itertools
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from takd.records.metrics import Metrics
from tests.conftest import copy_workflow
from tests.workflow.conftest import TABLE, Ran, settled

STAND_IN = Path(__file__).with_name("stand_in.py")
TARGET = "results/small/small.csv"
STAGES = {
    "teacher": "train digits/plain/4/seed0",
    "soft targets": "targets",
    "student": "train digits/plain/4-2/seed0",
    "table": "show",
}
HOW = (
    "exit", "disk full", "SIGTERM", "SIGINT", "SIGKILL", "snakemake:SIGTERM", "snakemake:SIGINT", "snakemake:SIGKILL",
)  # fmt: skip
CHANGES = {
    "the teacher's epochs": "epochs: 2",
    "the student's temperature": "epochs: 1, temperature: 9",
}
RECORDS = ("whole", "empty", "missing")
THEN = ("same", "other", "none")


def preset(train: str) -> str:
    return f"datasets: [digits]\nseeds: 1\nreport: [small]\ntrain: {{{train}, schedule: cosine, learning_rate: 0.02}}\n"


class Project:
    """A copy of the workflow with a teacher and its student, whose trainings take no time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @classmethod
    def create(cls, folder: Path) -> "Project":
        copy_workflow(folder)
        (folder / "paper/artifacts.yaml").write_text((folder / "paper/artifacts.yaml").read_text() + TABLE)
        tool = folder / "bin/takd"
        tool.parent.mkdir()
        tool.write_text(f'#!/bin/sh\nexec {sys.executable} {STAND_IN} "$@"\n')
        tool.chmod(0o755)
        return cls(folder)

    def write(self, train: str) -> None:
        (self.folder / "presets/small.yaml").write_text(preset(train))

    @property
    def train(self) -> str:
        (found,) = re.findall("^train: {(.*), schedule", (self.folder / "presets/small.yaml").read_text(), flags=re.MULTILINE)
        return str(found)

    def run(self, *options: str, fail: str = "", how: str = "exit") -> Ran:
        path = f"{self.folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        command = [sys.executable, "-m", "snakemake", "--cores", "1", "--nolock", *options, "--", TARGET]
        code = f"{Path(__file__).parents[2]}:{os.environ.get('PYTHONPATH', '')}"
        environment = os.environ | {"PATH": path, "FAIL": fail, "HOW": how, "PYTHONPATH": code}
        ended = subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=120, check=False)
        settled(self.folder)
        return Ran(ended.returncode, ended.stdout + ended.stderr)

    @property
    def table(self) -> str:
        return (self.folder / TARGET).read_text()


Right = Callable[[Project], str]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose table was made once. Tests copy it before they change anything."""
    return made_from_nothing(tmp_path_factory.mktemp("made") / "project", "epochs: 1")


@pytest.fixture
def project(made: Project, tmp_path: Path) -> Project:
    """A copy of it, dates included."""
    return Project(shutil.copytree(made.folder, tmp_path / "project", symlinks=True))


def made_from_nothing(folder: Path, train: str) -> Project:
    project = Project.create(folder)
    project.write(train)
    ran = project.run()
    assert ran.code == 0, ran.output
    return project


@pytest.fixture(scope="module")
def right(tmp_path_factory: pytest.TempPathFactory) -> Right:
    """The table that a run from nothing gives, by a project's preset as it is now."""
    tables: dict[str, str] = {}

    def table(project: Project) -> str:
        if project.train not in tables:
            tables[project.train] = made_from_nothing(tmp_path_factory.mktemp("right") / "project", project.train).table
        return tables[project.train]

    return table


def spoil(records: Path, how: str) -> None:
    if how == "missing":
        shutil.rmtree(records, ignore_errors=True)
    elif how == "empty":
        for path in records.rglob("*"):
            if path.is_file():
                path.write_bytes(b"")


def check(project: Project, right: Right, stage: str, how: str, change: str, then: str, records: str) -> None:
    before = project.table
    project.write(CHANGES[change])
    failed = project.run(fail=STAGES[stage], how=how)
    assert failed.code != 0, failed.output
    spoil(project.folder / ".snakemake/metadata", records)
    if then != "same":
        project.write("epochs: 3" if then == "other" else "epochs: 1")
    again = project.run()
    assert again.code == 0, again.output
    assert project.table == right(project), again.output
    assert (project.table == before) == (then == "none")
    assert "Nothing to be done" in project.run("-n").output


SAMPLE = [
    ("teacher", "SIGKILL", "the teacher's epochs", "same", "whole"),
    pytest.param("table", "snakemake:SIGTERM", "the teacher's epochs", "same", "whole", marks=pytest.mark.long),
    ("soft targets", "disk full", "the teacher's epochs", "same", "empty"),
    ("student", "SIGTERM", "the student's temperature", "other", "missing"),
]
FACTORS = (STAGES, HOW, CHANGES, THEN, RECORDS)
Case = tuple[str, str, str, str, str]


def reached(case: Case) -> bool:
    """Whether the stage that is to fail has work at all: the student's temperature concerns neither its teacher nor its answers."""
    stage, _, change, *_ = case
    return not (change == "the student's temperature" and stage in ("teacher", "soft targets"))


EVERY = [case for case in itertools.product(*FACTORS) if reached(case)]


def pairs(case: Case) -> set[tuple[object, ...]]:
    """Each two of a case's values, with their factors' places."""
    return set(itertools.combinations(enumerate(case), 2))


def covering(cases: list[Case]) -> list[Case]:
    """Few of the cases, in which each pair of values occurs that occurs in any: always the one next that has most new pairs."""
    chosen, left = [], set().union(*map(pairs, cases))
    while left:
        chosen.append(max(cases, key=lambda case: len(pairs(case) & left)))
        left -= pairs(chosen[-1])
    return chosen


LONG = EVERY if os.environ.get("TAKD_WHOLE_MATRIX") == "1" else covering(EVERY)


def test_each_two_kinds_of_a_failure_meet_in_the_long_tests() -> None:
    chosen = covering(EVERY)
    assert len(chosen) <= 60 and len(EVERY) == len(STAGES) * len(HOW) * 2 * 9 - 2 * len(HOW) * 9
    for (place, one), (other_place, other) in itertools.combinations(enumerate(FACTORS), 2):
        for value, beside in itertools.product(one, other):
            met = [case for case in chosen if (case[place], case[other_place]) == (value, beside)]
            assert met or ((place, other_place) == (0, 2) and not reached((value, "", beside, "", "")))


@pytest.mark.parametrize(("stage", "how", "change", "then", "records"), SAMPLE)
def test_after_a_failure_the_table_is_that_of_a_run_from_nothing(
    project: Project, right: Right, stage: str, how: str, change: str, then: str, records: str
) -> None:
    check(project, right, stage, how, change, then, records)


@pytest.mark.long
@pytest.mark.parametrize(("stage", "how", "change", "then", "records"), LONG)
def test_after_failures_of_all_kinds_the_table_is_that_of_a_run_from_nothing(
    project: Project, right: Right, stage: str, how: str, change: str, then: str, records: str
) -> None:
    check(project, right, stage, how, change, then, records)


@pytest.mark.parametrize(
    "how", ["--touch", "missing", *(pytest.param(how, marks=pytest.mark.long) for how in ("--rerun-triggers=mtime", "empty"))]
)
def test_no_option_and_no_lost_record_blesses_what_lies_there(project: Project, right: Right, how: str) -> None:
    project.write("epochs: 2")
    if how.startswith("--"):
        project.run(how)
    else:
        spoil(project.folder / ".snakemake/metadata", how)
    assert project.run().code == 0
    assert project.table == right(project)


FILES = (
    "models/digits/plain/4/seed0/metrics.json",
    "models/digits/plain/4-2/seed0/metrics.json",
    "models/digits/plain/4-2/seed0/model.safetensors",
    "small.csv",
    "small.md",
    "made/small.json",
)
DAMAGE = ("empty", "half", "edited")


def damage(path: Path, how: str) -> None:
    """Spoil a file, and leave it its time stamp. A changed byte of weights is for digests: their reader, and takd verify."""
    times, whole = path.stat(), path.read_bytes()
    if how == "edited":
        place = next(i for i in range(len(whole) - 1, 0, -1) if chr(whole[i]).isdigit())
        digit = b"1" if whole[place : place + 1] != b"1" else b"2"
        path.write_bytes(whole if path.suffix == ".safetensors" else whole[:place] + digit + whole[place + 1 :])
    else:
        path.write_bytes(b"" if how == "empty" else whole[: len(whole) // 2])
    os.utime(path, (times.st_atime, times.st_mtime))


@pytest.mark.parametrize("how", ["empty", "edited", pytest.param("half", marks=pytest.mark.long)])
def test_what_is_empty_cut_or_edited_is_made_again(project: Project, how: str) -> None:
    before = project.table
    for file in FILES:
        damage(project.folder / "results/small" / file, how)
    ran = project.run()
    assert ran.code == 0, ran.output
    assert project.table == before
    assert "Nothing to be done" in project.run("-n").output


@pytest.mark.long
@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("how", DAMAGE)
def test_each_file_that_is_empty_cut_or_edited_is_made_again(project: Project, file: str, how: str) -> None:
    before = project.table
    damage(project.folder / "results/small" / file, how)
    ran = project.run()
    assert ran.code == 0, ran.output
    assert project.table == before
    assert "Nothing to be done" in project.run("-n").output


def test_a_clone_with_dates_upside_down_has_nothing_to_do(project: Project) -> None:
    shutil.rmtree(project.folder / ".snakemake")
    shutil.rmtree(project.folder / ".takd")
    files = sorted(path for path in (project.folder / "results").rglob("*") if path.is_file())
    for age, path in enumerate(files):
        os.utime(path, (2_000_000_000 - 1000 * age, 2_000_000_000 - 1000 * age))
    assert "Nothing to be done" in project.run("-n").output


def test_what_is_deleted_on_purpose_is_not_missed_until_it_is_needed(project: Project, right: Right) -> None:
    shutil.rmtree(project.folder / "results/small/soft_targets")
    shutil.rmtree(project.folder / "results/small/models/digits/plain/4")
    (project.folder / "results/small/models/digits/plain/4-2/seed0/model.safetensors").unlink()
    assert "Nothing to be done" in project.run("-n").output
    project.write("epochs: 1, temperature: 9")
    assert project.run().code == 0
    assert project.table == right(project)


def test_results_behind_a_link_are_looked_at_too(project: Project, right: Right) -> None:
    moved = project.folder / "elsewhere"
    (project.folder / "results/small").rename(moved)
    (project.folder / "results/small").symlink_to(moved)
    shutil.rmtree(project.folder / ".snakemake")
    project.write("epochs: 2")
    assert project.run().code == 0
    assert project.table == right(project)


@pytest.mark.long
def test_dates_in_the_future_bless_nothing(project: Project, right: Right) -> None:
    files = [path for path in (project.folder / "results/small").rglob("*") if path.is_file()]
    for path in files:
        os.utime(path, (2_000_000_000, 2_000_000_000))
    assert "Nothing to be done" in project.run("-n").output
    project.write("epochs: 2")
    ran = project.run()
    assert ran.code == 2 and "is dated in the future" in ran.output and "Traceback" not in ran.output
    for path in files:
        path.touch()
    assert project.run().code == 0
    assert project.table == right(project)


def test_a_network_of_the_same_key_and_other_numbers_makes_its_table_again(project: Project) -> None:
    path = project.folder / "results/small/models/digits/plain/4-2/seed0/metrics.json"
    record = Metrics.read(path)
    history = [record.history[0].model_copy(update={"accuracy": 12.5})]
    measured = {"accuracy": 12.5, "best_test_accuracy": 12.5, "selected_accuracy": 12.5, "history": history}
    record.model_copy(update=measured).write(path)
    assert project.run().code == 0
    assert ",12.50," in project.table


@pytest.mark.parametrize("option", ["-F", "--forceall", "--force", "-R", "--forcerun=train"])
def test_what_is_right_is_not_deleted_by_force(project: Project, option: str) -> None:
    before = project.table
    ran = project.run(option)
    assert ran.code == 2 and f"takd: {option}: keys decide what is made again" in ran.output
    assert project.table == before
