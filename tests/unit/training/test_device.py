import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from takd.errors import DeviceError, ParameterError
from takd.training.cards import Cards
from takd.training.device import chosen_device, instructions, used_precision
from takd.training.inference import at_once

CPU = torch.device("cpu")


@pytest.mark.parametrize("free", [{"cuda:0": 10, "cuda:7": 20, "cuda:1": 15}, {"cuda:7": 20, "cuda:0": 10}])
def test_auto_is_the_gpu_with_most_free_memory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: dict[str, int]) -> None:
    """None of them is on this machine, and the error names the one that was chosen."""
    monkeypatch.setattr("takd.training.device._free_memory", lambda: free)
    monkeypatch.setattr("takd.training.device.CARDS", Cards(tmp_path))
    with pytest.raises(ParameterError, match="'cuda:7': not on this machine"):
        chosen_device("auto", 1)


def test_auto_is_the_processor_where_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("takd.training.device._free_memory", dict)
    assert chosen_device("auto", 1).type == "cpu"


def test_where_no_gpu_answers_a_job_does_not_take_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("takd.training.device._free_memory", dict)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 1)
    with pytest.raises(DeviceError, match="no GPU answers"):
        chosen_device("auto", 1)


def test_cuda_is_the_gpu_that_is_in_use_and_has_its_number(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """torch.cuda.set_device takes no device without one."""
    chosen: list[torch.device] = []
    monkeypatch.setattr("torch.empty", lambda *_, **__: None)
    monkeypatch.setattr("torch.cuda.current_device", lambda: 1)
    monkeypatch.setattr("torch.cuda.set_device", chosen.append)
    monkeypatch.setattr("takd.training.device.CARDS", Cards(tmp_path))
    monkeypatch.setattr("takd.training.device._identity", str)
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    with torch.backends.cudnn.flags(enabled=True):  # what is set within is put back
        assert chosen_device("cuda", 1) == chosen_device("cuda:1", 1) == torch.device("cuda", 1)
    assert chosen == [torch.device("cuda", 1)] * 2


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 MiB."), "device 'cuda:0': its memory is full"),
        (
            torch.AcceleratorError("CUDA error: CUDA-capable device(s) is/are busy or unavailable"),
            "device 'cuda:0': another process has it for itself",
        ),
    ],
)
def test_a_device_that_cannot_be_had_is_told_from_one_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, error: RuntimeError, said: str
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("torch.empty", refuse)
    with pytest.raises(DeviceError, match=said):
        chosen_device("cuda:0", 1)


@pytest.mark.parametrize("name", ["cuda:99", "tpu", "mps", "meta", "", "cpu:x"])
def test_a_device_that_is_not_there_is_said(name: str) -> None:
    with pytest.raises(ParameterError, match=r"not on this machine; there are cpu") as raised:
        chosen_device(name, 1)
    assert "\n" not in str(raised.value)


def test_the_precision_is_the_recipes_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for there, expected in ((True, torch.bfloat16), (False, torch.float32)):
        monkeypatch.setattr("takd.training.device._cpu_has_bfloat16", lambda there=there: there)
        assert used_precision("bfloat16", CPU) == expected
        assert used_precision("float32", CPU) == torch.float32


def test_the_instruction_set_in_use_is_told_apart() -> None:
    code = "import torch; from takd.training.device import instructions; print(instructions(torch.device('cpu')))"
    environment = os.environ | {"ATEN_CPU_CAPABILITY": "default"}
    said = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True).stdout
    assert said.strip() in ("DEFAULT", "NO AVX") and instructions(CPU) != ""


@pytest.mark.parametrize(
    ("device", "side", "images"), [("cpu", 32, 100), ("cuda", 32, 1953), ("cuda", 224, 100), ("cuda", 100, 200)]
)
def test_a_gpu_judges_as_many_images_at_once_as_their_size_allows(device: str, side: int, images: int) -> None:
    assert at_once(torch.device(device), side) == images
