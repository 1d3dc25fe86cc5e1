"""What the tests of a GPU share. Under TAKD_TEST_DEVICE=cpu the same tests run on a processor, a recording in a graph's place."""

import os
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from takd.data import prepared
from takd.data.prepared import PreparedData
from takd.training import captured
from takd.training.device import chosen_device
from tests.unit.training.conftest import part
from tests.unit.training.recording import Recorded


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> torch.device:
    """The GPU, set up as a job sets it up; or a processor that captures steps."""
    monkeypatch.chdir(tmp_path)
    name = os.environ.get("TAKD_TEST_DEVICE", "cuda")
    if name == "cpu":
        monkeypatch.setattr(captured, "captures", lambda device: True)
        monkeypatch.setattr(captured, "Capture", Recorded)
    return chosen_device(name, 1)


@pytest.fixture
def some(digits: Path) -> PreparedData:
    """300 digits to train on, 60 to test."""
    whole = prepared.load(digits)
    return replace(whole, train=part(whole.train, 300), test=part(whole.test, 60))


@pytest.fixture
def uncaptured(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From its call on, the same steps on the device run without a graph."""
    return lambda: monkeypatch.setattr(captured, "Captured", captured.OnDevice)


@pytest.fixture
def step_losses(monkeypatch: pytest.MonkeyPatch) -> Callable[[], Tensor]:
    """The losses of all steps since it was last asked, on the CPU."""
    seen: list[Tensor] = []

    def keep(losses: Tensor, *_: object) -> None:
        seen.append(losses.detach().cpu().clone())

    def asked() -> Tensor:
        losses = torch.cat(seen)
        seen.clear()
        return losses

    monkeypatch.setattr("takd.training.loop._check_finite", keep)
    return asked


@pytest.fixture
def waits() -> Iterator[Callable[[], int]]:
    """How often the processor has waited for the GPU since it was last asked."""
    on_gpu = torch.cuda.is_available()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        if on_gpu:
            torch.cuda.set_sync_debug_mode("warn")

        def asked() -> int:
            count = sum("synchroniz" in str(each.message) for each in caught)
            caught.clear()
            return count

        yield asked
        if on_gpu:
            torch.cuda.set_sync_debug_mode("default")
