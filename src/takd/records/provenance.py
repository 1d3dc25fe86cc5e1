"""Where a result came from: commit, versions, machine."""

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def commit() -> str:
    """The commit of the checkout that takd runs from, with a + where its code was changed since; `unknown` outside of one.

    Takd's own checkout: a copy that another repository merely surrounds, as in a .venv, isn't of that one's commit.
    """
    here = Path(__file__).parents[1]

    def git(*arguments: str) -> str:
        return subprocess.run(["git", "-C", str(here), *arguments], capture_output=True, text=True, check=True).stdout.strip()

    try:
        git("ls-files", "--error-unmatch", "--", __file__)
        return git("rev-parse", "--short=12", "HEAD") + ("+" if git("status", "--porcelain", "--", str(here)) else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def versions(*libraries: str) -> dict[str, str]:
    """The versions that a result may depend on. libraries: those that build the network."""
    return {"python": platform.python_version(), **{name: version(name) for name in ("takd", "torch", "safetensors", *libraries)}}


def machine(device: "torch.device") -> str:
    """What did the arithmetic: the GPU's name, or the processor's."""
    if device.type == "cuda":
        import torch

        return torch.cuda.get_device_name(device)
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines() if cpuinfo.exists() else []
    model = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    return model or platform.processor() or platform.machine()
