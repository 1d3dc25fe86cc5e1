"""Randomness that depends on what it is for, never on how far another source has run."""

import hashlib

import torch


def generator(*purpose: object) -> torch.Generator:
    """A source of randomness on the CPU that depends on `purpose` alone: a word, then seed, epoch and the like."""
    digest = hashlib.sha256(repr(purpose).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)
