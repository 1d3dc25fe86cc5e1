"""Where the arithmetic runs: device, threads, precision. Nothing here is part of a recipe."""

import contextlib
import ctypes
import os
import re
import sys
from pathlib import Path

import torch

from takd.errors import DeviceError, ParameterError, device_fault
from takd.training.cards import CARDS


def chosen_device(name: str, threads: int) -> torch.device:
    """Set this process up to train and return its device.

    name: cpu, cuda, cuda:1 …, or auto: the GPU that fewest jobs have, of several the one with most free memory; else cpu.
    Raises ParameterError for a device that isn't there, DeviceError for one that can't be had.
    """
    torch.set_num_threads(threads)
    _keep_freed_memory()
    if name == "auto":
        free = _free_memory()
        if not free and torch.cuda.device_count():
            raise DeviceError(
                "device 'auto': no GPU answers, as another process may have it for itself; to take none, --device cpu, or "
                "CUDA_VISIBLE_DEVICES set to nothing"
            )
        name = CARDS.take(free, _identity) if free else "cpu"
    try:
        device = torch.device(name)
        if device.type not in ("cpu", "cuda"):
            raise RuntimeError
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        if (fault := device_fault(error)) is not None:
            raise DeviceError(f"device {name!r}: {fault}") from None
        raise ParameterError(f"device {name!r}: not on this machine; there are cpu{_gpus()}") from None
    if device.type == "cuda":
        device = torch.device("cuda", torch.cuda.current_device() if device.index is None else device.index)
        CARDS.take({str(device): 0}, _identity)
        torch.cuda.set_device(device)  # what is asked of "the GPU" from here on, as whether it has bfloat16, is asked of this one
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # before its first product: the same bits, whatever stream
        torch.backends.cudnn.benchmark = False
        torch.backends.cudnn.deterministic = True
        torch.backends.cudnn.allow_tf32 = False  # float32 means float32
    return device


def captures(device: torch.device) -> bool:
    """Whether a step can be captured and played again there."""
    return device.type == "cuda"


def _free_memory() -> dict[str, int]:
    """Free bytes of each GPU that answers; one that another process has for itself alone doesn't."""
    free = {}
    for index in range(torch.cuda.device_count()):
        with contextlib.suppress(RuntimeError):
            free[f"cuda:{index}"] = torch.cuda.mem_get_info(index)[0]
    return free


def _identity(name: str) -> str:
    """What a GPU is called whichever of them a process sees; its name where torch doesn't know."""
    with contextlib.suppress(RuntimeError, AssertionError, AttributeError):
        return str(torch.cuda.get_device_properties(name).uuid)
    return name


def _gpus() -> str:
    return "".join(f", cuda:{i}" for i in range(torch.cuda.device_count()))


def used_precision(precision: str, device: torch.device) -> torch.dtype:
    """bfloat16 where a recipe asks for it and the hardware multiplies in it, else float32."""
    if precision == "float32":
        return torch.float32
    has_it = torch.cuda.is_bf16_supported(including_emulation=False) if device.type == "cuda" else _cpu_has_bfloat16()
    return torch.bfloat16 if has_it else torch.float32


def _cpu_has_bfloat16() -> bool:
    # oneDNN also accepts bfloat16 where the processor only emulates it, slower than float32.
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def _keep_freed_memory() -> None:
    """Tell glibc not to give a step's tensors back to the system, only to ask for them again in the next."""
    if sys.platform == "linux":
        trim_threshold, mmap_threshold = -1, -3
        with contextlib.suppress(OSError, AttributeError):
            libc = ctypes.CDLL("libc.so.6")
            libc.mallopt(mmap_threshold, 1 << 30)
            libc.mallopt(trim_threshold, 1 << 30)


def instructions(device: torch.device) -> str:
    """The instruction set in use, on which bits depend: AVX512 and the like; of a GPU its compute capability."""
    if device.type == "cuda":
        return "sm_{}{}".format(*torch.cuda.get_device_capability(device))
    return torch.backends.cpu.get_cpu_capability()


def library_versions(device: torch.device) -> dict[str, str]:
    """The versions of what does a GPU's arithmetic, as far as they can be found: CUDA, cuDNN, the driver; of a processor none."""
    if device.type != "cuda":
        return {}
    driver = Path("/proc/driver/nvidia/version")
    said = re.search(r"\d+\.\d+(\.\d+)*", driver.read_text(encoding="utf-8", errors="replace")) if driver.exists() else None
    found = {"cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version(), "driver": said and said[0]}
    return {name: str(version) for name, version in found.items() if version is not None}
