"""Dropout, stochastic depth and the like, drawn from (seed, epoch, step): a resumed training ends in the same bits."""

import hashlib

import torch
from torch import nn

# Under these names torch, torchvision and timm keep how much is dropped.
_SHARES = ("p", "dropout", "dropout_p", "attention_dropout", "drop_prob", "drop_rate", "attn_drop", "prob")
_KNOWN = ("torch.", "torchvision.", "timm.", "takd.")


def uses_randomness(network: nn.Module) -> bool:
    """Whether a training step may draw random numbers. Never for takd's own networks; always for modules of unknown code."""
    return any(_draws(module) for module in network.modules())


def _draws(module: nn.Module) -> bool:
    if not type(module).__module__.startswith(_KNOWN) or isinstance(module, nn.RReLU | nn.FractionalMaxPool2d):
        return True
    shares = (getattr(module, name, 0) for name in _SHARES)
    return any(isinstance(share, int | float) and share > 0 for share in shares)


def step_randomness(seed: int, epoch: int, step: int, rank: int = 0) -> None:
    """Seed torch's global generators, of all devices, for one training step. Call it before each step of what uses_randomness.

    rank: of the process, where several share a step: each drops others.
    """
    drawn_from = ("step", seed, epoch, step, *([rank] if rank else []))
    digest = hashlib.sha256(repr(drawn_from).encode()).digest()
    torch.manual_seed(int.from_bytes(digest[:8], "big") >> 1)
