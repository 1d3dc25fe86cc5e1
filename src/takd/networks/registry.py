"""Which families of networks there are, and their sizes. Importing it doesn't import torch: names are checked with it."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from takd.errors import NetworkNameError

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Family:
    """`module` defines build(size, classes) -> nn.Module, which takes images (B, 3, 32, 32) to logits (B, classes)."""

    module: str
    sizes: tuple[int, ...]


FAMILIES: dict[str, Family] = {
    "plain": Family("takd.networks.plain", (2, 4, 6, 8, 10)),
    "resnet": Family("takd.networks.resnet", (8, 14, 20, 26, 32, 44, 56, 110)),
}


def family(name: str) -> Family:
    """The family of that name. Raises NetworkNameError where there is none."""
    if name not in FAMILIES:
        raise NetworkNameError(f"unknown family {name!r}; there are {', '.join(FAMILIES)}")
    return FAMILIES[name]


def build(family_name: str, size: int, classes: int) -> nn.Module:
    """A network with freshly drawn weights (torch's global generator), on the CPU, in training mode."""
    network: nn.Module = import_module(family(family_name).module).build(size, classes)
    return network
