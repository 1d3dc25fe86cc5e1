"""takd as others install it: the sdist, the wheel that comes of it, and a project away from the checkout."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

from takd import __version__
from tests.conftest import ROOT, copy_workflow
from tests.workflow.test_own_study import NETS, pictures

BESIDE = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "dvc.yaml", ".dvcignore", ".gitignore")
OF_DVC = (".dvc/config", ".dvc/.gitignore", ".dvc/plots/curves.json")


def ran(*command: str | Path, folder: Path, programs: Path = Path(sys.executable).parent) -> str:
    """What a command that must succeed prints, without anything of this checkout in its way."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "SNAKEMAKE_"))}
    ended = subprocess.run(
        [*map(str, command)],
        cwd=folder,
        env=environment | {"PATH": f"{programs}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, f"{command}\n{ended.stdout}{ended.stderr}"
    return ended.stdout


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The programs of an environment with takd's wheel; its dependencies are those of this one."""
    source, dist = tmp_path / "source", tmp_path / "dist"
    copy_workflow(source)
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    for name in (*BESIDE, *OF_DVC):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    build = "import sys; from setuptools import build_meta; build_meta.build_sdist(sys.argv[1])"
    ran(sys.executable, "-c", build, dist, folder=source)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    offline = ("--quiet", "--no-deps", "--no-index")
    ran(*pip, "wheel", *offline, "--no-build-isolation", "-w", dist, *dist.glob("*.tar.gz"), folder=tmp_path)
    venv.create(tmp_path / "venv", symlinks=True)
    programs = tmp_path / "venv/bin"
    (site,) = (tmp_path / "venv/lib").glob("python*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    ran(*pip, "--python", programs / "python", "install", *offline, *dist.glob("*.whl"), folder=tmp_path)
    return programs


@pytest.mark.long
def test_a_wheel_lays_out_a_project_that_works(installed: Path, tmp_path: Path) -> None:
    def typed(*command: str, folder: Path = tmp_path / "project") -> str:
        program = [installed / "takd"] if command[0] == "takd" else [installed / "python", "-m", command[0]]
        return ran(*program, *command[1:], folder=folder, programs=installed)

    assert typed("takd", "--version", folder=tmp_path) == f"takd {__version__}\n"
    typed("takd", "init", "--project", "project", folder=tmp_path)
    project = tmp_path / "project"
    presets = [{path.name for path in (folder / "presets").glob("*.yaml")} for folder in (project, ROOT)]
    assert presets[0] == presets[1]
    assert re.search(r"^train +10$", typed("snakemake", "-n", "results/toy/table2.csv"), flags=re.MULTILINE)
    assert "10 to train, 0 there" in typed("takd", "plan", "results/toy/table2.csv")
    typed("snakemake", "--cores=1", "--quiet=all", "results/toy/models/digits/plain/2/seed0/model.safetensors")
    assert "as they should be" in typed("takd", "verify")

    pictures(project / "data/pets", 24)
    (project / "nets.py").write_text(NETS)
    typed("takd", "init", "pets", "--data", "data/pets", "--teacher", "nets.py:wide", "--student", "nets.py:narrow")
    assert "train" in typed("snakemake", "-n", "results/pets/report.html")
    ran("git", "init", "--quiet", folder=project)
    assert typed("dvc", "stage", "list", "--name-only", "--all") == "reproduce\n"
