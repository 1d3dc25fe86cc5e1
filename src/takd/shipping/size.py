"""What a network costs to run, counted: multiply-adds for one image."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

aten = torch.ops.aten
COUNTED = (aten.convolution, aten.addmm, aten.mm)


def multiply_adds(network: nn.Module, size: int) -> int:
    """Of convolutions and fully connected layers, for one image of `size` pixels a side; additions of biases aren't counted.

    Nor are products of two results, as of queries and keys. network: on the CPU, in evaluation mode.
    """
    with torch.no_grad(), _in_single_steps(), FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, size, size))
    counts = counter.get_flop_counts()["Global"]
    return max(1, sum(int(counts.get(each, 0)) for each in COUNTED) // 2)


@contextmanager
def _in_single_steps() -> Iterator[None]:
    """Transformers compute by layers that are counted, and not by one kernel for all of them."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
