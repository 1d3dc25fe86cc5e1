"""What the tests of training share: a few digits, made-up answers of a teacher, and an end in the middle."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from takd.data import prepared
from takd.data.prepared import PreparedData
from takd.data.splits import Split
from takd.data.views import Normalisation
from takd.records.metrics import Epoch
from takd.records.weights import write_weights
from takd.study.names import Name
from takd.training.loop import initialised
from takd.training.teaching import ByEpoch

CPU = torch.device("cpu")
KEY, DIGEST = "0" * 16, "0" * 64


@pytest.fixture
def few(digits: Path) -> PreparedData:
    """Some of the digits: 300 to train on, 60 to test."""
    whole = prepared.load(digits)
    return replace(whole, train=part(whole.train, 300), test=part(whole.test, 60))


@pytest.fixture
def fewer(few: PreparedData) -> PreparedData:
    """100 to train on, 60 to test."""
    return replace(few, train=part(few.train, 100))


def part(split: Split, count: int) -> Split:
    return Split(split.images[:count], split.labels[:count])


class MadeUp(ByEpoch):
    """The answers of a teacher that never was: other ones for each epoch."""

    def __init__(self, images: int, epochs: int) -> None:
        self.teacher, self.teacher_key, self.teacher_digest = Name.parse("digits/plain/4/seed3"), KEY, DIGEST
        self.logits = torch.randn(epochs, images, 10, generator=torch.Generator().manual_seed(0)).half()

    def of_epoch(self, epoch: int) -> Tensor:
        return self.logits[epoch]


def weights(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def lively(builder: str, seed: int = 0) -> nn.Module:
    """A network whose running statistics aren't the initial ones."""
    network = initialised(builder, 10, seed, 32)
    network(torch.randn(50, 3, 32, 32, generator=torch.Generator().manual_seed(seed)))
    return network


def write_network(path: Path, data: PreparedData, name: str, builder: str, **changes: Any) -> Path:
    """The file of a network that learnt nothing."""
    scale, shift = Normalisation.of(data.train, changes.pop("normalisation", "paper"))
    about = {
        "name": name, "key": KEY, "builder": builder, "classes": 10, "labels": (), "size": 32, "scale": scale.tolist(),
        "shift": shift.tolist(), "precision": "float32", "held_out": (0, 0), "data_digest": data.digest, "commit": "abc",
    }  # fmt: skip
    write_weights(path, lively(builder).state_dict(), about | changes)
    return path


class Stop(Exception):
    """The end of a training in the middle."""


def stop_after(last: int) -> Callable[[Epoch], None]:
    def stop(epoch: Epoch) -> None:
        if epoch.epoch == last:
            raise Stop

    return stop
