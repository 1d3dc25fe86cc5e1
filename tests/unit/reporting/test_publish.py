"""What git keeps of results: copies a folder deeper, whose links lead where they led."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from takd.errors import RecordError
from takd.records.made import Made
from takd.reporting.publish import publish


def workflow(root: Path, state: str = "fresh") -> Any:
    """One whose report is in that state, and that has no networks."""
    keys = SimpleNamespace(state_of_shown=lambda results, what: state, networks_reported=lambda results: [])
    return SimpleNamespace(root=root, keys=keys, tree=SimpleNamespace(folder=lambda results: None))


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
