"""What tests share: toy data, small recipes, trained toy networks, and a copy of the workflow to run."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from takd.data import prepared
from takd.objectives.registry import ALL
from takd.study.recipe import Recipe, resolve
from takd.study.recipe_parts import NetworkSection

ROOT = Path(__file__).parents[1]
WORKFLOW = ("Snakefile", "params.yaml", "presets", "profiles", "paper", "workflow")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Runs of the workflow come first: with two processes, minutes of them at the end would leave one idle."""
    items.sort(key=lambda item: "workflow" not in item.path.parts)


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
    copy_workflow(tmp_path)
    return tmp_path


def copy_workflow(folder: Path) -> None:
    """Everything but results and the package, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in WORKFLOW:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name)
        else:
            shutil.copy(ROOT / name, folder / name)


def recipe(*, objective: str = "labels", builder: str = "plain:4", peer: str | None = None, **changes: Any) -> Recipe:
    """A recipe for a short training from labels alone; `taught` makes it one under a teacher, `mutual` one together with a peer.

    changes: fields of a recipe, without their sections.
    """
    settings: dict[str, Any] = {
        "epochs": 2,
        "batch_size": 128,
        "learning_rate": 0.02,
        "schedule": "cosine",
        "momentum": 0.9,
        "nesterov": True,
        "weight_decay": 1e-4,
        "augmentation": "none",
        "normalisation": "paper",
        "precision": "bfloat16",
        "training_share": 1,
        "trade_off": 0.5,
        "temperature": 4,
        "kl_reduction": "batchmean",
        "separate_epochs": 1,
    }
    return resolve(NetworkSection(builder=builder, peer=peer), ALL[objective], [settings, changes])


def taught(**changes: Any) -> Recipe:
    """The same under a teacher."""
    return recipe(objective="distillation", **changes)


def mutual(*, peer: str = "plain:6", **changes: Any) -> Recipe:
    """The same together with a peer."""
    return recipe(objective="mutual", peer=peer, **changes)
