"""What a network costs to run, counted: multiply-adds for one image."""

from typing import Any

import torch
from torch import Tensor, nn


@torch.inference_mode()
def multiply_adds(network: nn.Module, size: int) -> int:
    """Of convolutions and fully connected layers, for one image of `size` pixels a side; additions of biases aren't counted."""
    counts: list[int] = []

    def count(layer: nn.Module, _: Any, output: Tensor) -> None:
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        each = layer.weight[0].numel()  # to one number of the output
        counts.append(each * output[0].numel())

    hooks = [module.register_forward_hook(count) for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    try:
        network(torch.zeros(1, 3, size, size))
    finally:
        for hook in hooks:
            hook.remove()
    return max(1, sum(counts))
