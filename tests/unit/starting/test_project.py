"""A project is what takd is developed with, whole, or nothing at all."""

import subprocess
from pathlib import Path

import pytest
import yaml

import takd
from takd.errors import ParameterError
from takd.planning.plan import nodes_of
from takd.planning.workflow import Workflow
from takd.starting import project
from tests.conftest import ROOT, WORKFLOW
from tests.unit.cli.conftest import files_in

PARTS = (*WORKFLOW, "dvc.yaml", ".dvc", ".dvcignore", ".gitignore")


def test_it_has_every_file_of_the_workflow_as_it_is_here(tmp_path: Path) -> None:
    tracked = subprocess.run(["git", "ls-files", *PARTS], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    folder = tmp_path / "far/away"
    said = project.lay_out(folder)
    assert files_in(tmp_path) == sorted(folder / path for path in said)
    assert {Path(path) for path in tracked} <= set(said)
    assert {path.parts[0] for path in said} == set(PARTS)
    differ = [path for path in said if (folder / path).read_bytes() != (ROOT / path).read_bytes()]
    assert differ == [Path("dvc.yaml")]


def test_its_targets_can_be_planned_and_what_dvc_depends_on_is_there(tmp_path: Path) -> None:
    project.lay_out(tmp_path)  # which is there, and empty
    assert len(nodes_of(Workflow(tmp_path, writes_keys=False), "results/toy/table2.csv")) == 10
    (stage,) = yaml.safe_load((tmp_path / "dvc.yaml").read_text())["stages"].values()
    (here,) = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].values()
    assert [path for path in here["deps"] if path not in stage["deps"]] == ["src"]
    assert all((tmp_path / path).exists() for path in stage["deps"])
    assert {name: value for name, value in stage.items() if name != "deps"} == {
        name: value for name, value in here.items() if name != "deps"
    }


def test_a_place_that_is_taken_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    for path in ("full/.hidden", "file"):
        (tmp_path / path).write_text("mine")
    for taken, why in (("full", "isn't empty"), ("file", "is a file")):
        with pytest.raises(ParameterError, match=f"{taken}: {why}; .* new or empty$"):
            project.lay_out(tmp_path / taken)
    assert files_in(tmp_path) == [tmp_path / "file", tmp_path / "full/.hidden"]
    assert {path.read_text() for path in files_in(tmp_path)} == {"mine"}


@pytest.mark.parametrize("there", [True, False])
def test_what_fails_on_its_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    def until_params(path: Path, text: str) -> str:
        if path.name == "params.yaml":
            raise OSError(28, "No space left on device")
        return text

    monkeypatch.setattr(project, "_adapted", until_params)
    folder = tmp_path / "mine"
    if there:
        folder.mkdir()
    with pytest.raises(OSError, match="No space left"):
        project.lay_out(folder)
    assert list(tmp_path.rglob("*")) == ([folder] if there else [])


def test_an_installed_takd_brings_its_files_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "lib/takd"
    monkeypatch.setattr(takd, "__file__", str(package / "__init__.py"))
    with pytest.raises(ParameterError, match="lacks the files of a project"):
        project.lay_out(tmp_path / "none")
    (package / "project/presets").mkdir(parents=True)
    (package / "project/.gitignore").write_text("/data/\n")
    (package / "project/presets/toy.yaml").write_text("seeds: 2  # ±\n", encoding="utf-8")
    assert project.lay_out(tmp_path / "mine") == [Path(".gitignore"), Path("presets/toy.yaml")]
    assert (tmp_path / "mine/presets/toy.yaml").read_text(encoding="utf-8") == "seeds: 2  # ±\n"
    assert not (tmp_path / "none").exists()
