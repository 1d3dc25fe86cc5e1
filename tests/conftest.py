"""What tests share: toy data, small recipes, trained toy networks, and a copy of the workflow to run."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from takd.data import prepared
from takd.recipe import Recipe

ROOT = Path(__file__).parents[1]
WORKFLOW = ("Snakefile", "params.yaml", "presets", "profiles", "paper", "workflow")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy data set, prepared."""
    path = tmp_path_factory.mktemp("prepared") / "digits.safetensors"
    prepared.prepare("digits", path.parent, path)
    return path


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A folder with the workflow and no results."""
    for name in WORKFLOW:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name)
        else:
            shutil.copy(source, tmp_path / name)
    return tmp_path


def recipe(**changes: Any) -> Recipe:
    """A recipe for a short training from labels alone; `taught` makes it one under a teacher, `mutual` one together with a peer."""
    values: dict[str, Any] = {
        "epochs": 2,
        "batch_size": 128,
        "learning_rate": 0.02,
        "schedule": "cosine",
        "learning_rate_drops": (),
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 1e-4,
        "augmentation": "none",
        "normalisation": "paper",
        "precision": "bfloat16",
        "validation_share": 0,
        "validation_seed": 0,
        "training_share": 1,
    }
    return Recipe(**(values | changes))


def taught(**changes: Any) -> Recipe:
    return recipe(**({"trade_off": 0.5, "temperature": 4, "kl_reduction": "batchmean"} | changes))


def mutual(**changes: Any) -> Recipe:
    return recipe(**({"separate_epochs": 1} | changes))
