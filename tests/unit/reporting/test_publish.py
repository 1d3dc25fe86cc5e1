"""What git keeps of results: copies a folder deeper, whose links lead where they led."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from takd.errors import RecordError
from takd.records.made import Made
from takd.reporting.publish import publish
from takd.study import layout
from tests.unit.planning.project import Project, node


def workflow(root: Path, state: str = "fresh") -> Any:
    """One whose report is in that state, and that has no networks."""
    keys = SimpleNamespace(
        state_of_shown=lambda results, what: state,
        networks_reported=lambda results: [],
        networks_behind=lambda results, what: [],
    )
    return SimpleNamespace(root=root, keys=keys, tree=SimpleNamespace(folder=lambda results: None, shown=lambda results: []))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    page = tmp_path / "results/quick/report.md"
    page.parent.mkdir(parents=True)
    page.write_text("![One](figure2.png) [deviations.md](../../docs/deviations.md)\n")
    Made.of("0" * 16, [page], []).write(tmp_path / "results/quick/made/report.json")
    return tmp_path


def test_a_report_leads_to_the_docs_from_its_copy_too(root: Path) -> None:
    (copy,) = publish(workflow(root), "results/quick")
    assert copy == root / "results/published/quick/report.md"
    assert copy.read_text() == "![One](figure2.png) [deviations.md](../../../docs/deviations.md)\n"


def test_what_is_not_as_it_should_be_is_not_published(root: Path) -> None:
    with pytest.raises(RecordError, match="stale; run snakemake, then publish"):
        publish(workflow(root, "stale"), "results/quick")
    assert not (root / "results/published").exists()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A study of one student a cell, all of it there, and its table."""
    made = Project(tmp_path)
    made.write(seeds=1)
    for each in made.workflow().keys.networks_reported("results"):
        made.make(each)
    made.show("results", "table2")
    return made


def test_every_network_of_a_table_is_published_with_it(project: Project) -> None:
    copies = publish(project.workflow(), "results")
    assert sum(path.name == "metrics.json" for path in copies) == len(project.workflow().keys.networks_reported("results")) > 5


@pytest.mark.parametrize(
    ("how", "said"), [("deleted", "missing"), ("of other weights", "stale"), ("trained again", "stale")], ids=lambda each: str(each)
)
def test_a_table_without_one_of_its_networks_is_not_published(project: Project, how: str, said: str) -> None:
    one = node("digits/plain/10-4-2/seed0" if how != "trained again" else "digits/plain/10-4/seed0")
    if how == "deleted":
        (project.root / layout.metrics(*one)).unlink()
        (project.root / layout.model(*one)).unlink()
    elif how == "trained again":
        project.make(one, seed=1)
    else:
        model, kept = project.root / layout.model(*one), (project.root / layout.model(*one)).read_bytes()
        project.make(one, seed=1)
        model.write_bytes(kept)
    with pytest.raises(RecordError, match=f"{said}; run snakemake, then publish"):
        publish(project.workflow(), "results")
    assert not (project.root / "results/published").exists()


def test_a_table_whose_record_is_gone_is_not_passed_over(project: Project) -> None:
    project.show("results", "figure2", "csv", "png")
    project.write(report=["table2", "figure2"])
    (project.root / layout.made("results", "table2")).unlink()
    with pytest.raises(RecordError, match="table2: stale; run snakemake, then publish"):
        publish(project.workflow(), "results")
