"""Every command that README and the pages show is run as typed, page by page, in a project with toy data and short recipes.

What needs more than that says so on the page (tests/pages.py).
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, copy_workflow
from tests.pages import PAGES, blocks, script
from tests.workflow.test_own_study import pictures

RUN = [page for page in PAGES if any(block.is_run for block in blocks(page))]

# What a page asks its reader to do by hand, or what makes a study of one's own a matter of minutes, as your-own.md says.
BY_HAND = {
    "takd init": "sed -i 's/ epochs: [0-9]*/ epochs: 3/; s/warm_up_epochs: [0-9]*/warm_up_epochs: 1/; s/^seeds: 3/seeds: 2/; "
    "s/learning_rate: 0.05/learning_rate: 0.005/' $(grep -l ^members: presets/*.yaml)",
    "src/takd/cli/mine.py": "sed -i 's/^ROOMS = ($/&\\n    \"mine\",/' src/takd/cli/__init__.py",
    "dvc queue status": "dvc queue stop --kill",
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project as a clone is, after `make demo` has installed it; digits take the place of CIFAR, and an epoch that of many."""
    copy_workflow(tmp_path)
    for name in ("src", "docs", ".dvc"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info", "cache", "tmp"))
    for name in ("Makefile", "README.md", "dvc.yaml", "pyproject.toml", "requirements.txt", ".gitignore", ".dvcignore"):
        shutil.copy(ROOT / name, tmp_path / name)
    shorten(tmp_path / "params.yaml")
    for preset in (tmp_path / "presets").glob("*.yaml"):
        shorten(preset)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/bin").symlink_to(Path(sys.executable).parent)
    (tmp_path / ".venv/ready").touch()
    pictures(tmp_path / "data/pets", 24, size=32)
    shutil.copy(ROOT / "docs/assets/three.png", tmp_path / "picture.png")
    (tmp_path / "pictures").mkdir()
    shutil.copy(ROOT / "docs/assets/three.png", tmp_path / "pictures")
    weights(tmp_path / "teacher.pth")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "config", "user.name", "somebody")
    git(tmp_path, "config", "user.email", "somebody@example.org")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "A clone")
    return tmp_path


def shorten(path: Path) -> None:
    """One epoch and two networks of everything, on digits."""
    text = path.read_text()
    text = re.sub(r"(?<!warm_up_)epochs: \d+", "epochs: 1", text)
    text = re.sub(r"(?<!dkd_)warm_up_epochs: \d+", "warm_up_epochs: 0", text)
    text = re.sub(r"^seeds: \d+", "seeds: 2", text, flags=re.MULTILINE)
    text = re.sub(r"^datasets: .*", "datasets: [digits]", text, flags=re.MULTILINE)
    text = re.sub(r"^report: .*", "report: [table2]", text, flags=re.MULTILINE)
    path.write_text(text)


def weights(path: Path) -> None:
    """A teacher that is trained already: as drawn, of the size that your-own.md has."""
    import torch
    from torchvision.models import get_model

    torch.manual_seed(0)
    torch.save(get_model("resnet34", weights=None, num_classes=2).state_dict(), path)


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.mark.long
@pytest.mark.parametrize("page", RUN, ids=lambda page: page.name)
def test_every_command_of_a_page_ends_well(page: Path, project: Path) -> None:
    ran = subprocess.run(
        ["bash", "-c", script(page, BY_HAND)],
        cwd=project,
        env={name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "GIT_", "SNAKEMAKE_"))}
        | {
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PYTHONPATH": "src",  # of an experiment's own folder, where DVC runs it in one
            "PIP_NO_INDEX": "1",  # what an extra installs is there
            "GIT_CONFIG_GLOBAL": os.devnull,
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(project / ".dvc/tmp/site"),
            "DVC_STUDIO_OFFLINE": "true",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=3600,
        check=False,
    )
    assert ran.returncode == 0, f"{ran.stdout[-3000:]}\n{ran.stderr[-6000:]}"
