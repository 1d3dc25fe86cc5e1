"""How many operations a training step asks for, and how many the machine's own matrix product reaches."""

import time
from typing import Any

import torch
from torch import Tensor, nn

MATRIX = 2048
MATRIX_SECONDS = 1.0  # how long the product is repeated


def forward_multiply_adds(network: nn.Module) -> list[int]:
    """Multiply-adds of each convolution and fully connected layer for one image, in the order in which they run."""
    counts: list[int] = []

    def count(layer: nn.Module, _: Any, output: Tensor) -> None:
        assert isinstance(layer, nn.Conv2d | nn.Linear)
        # Every output value is a sum over the weights that lead to it; biases are left out.
        counts.append(output[0].numel() * layer.weight[0].numel())

    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(count) for layer in layers]
    mode = network.training
    with torch.no_grad():
        network.eval()(torch.zeros(1, 3, 32, 32))
    network.train(mode)
    for hook in hooks:
        hook.remove()
    return counts


def training_operations(network: nn.Module) -> int:
    """Floating-point operations for one image of a training step: two a multiply-add, convolutions and fully connected alone.

    Forward, the gradient of the weights and the gradient of the input cost the same; the first layer's input needs none.
    """
    counts = forward_multiply_adds(network)
    return 2 * (3 * sum(counts) - counts[0])


def matrix_product_rate(dtype: torch.dtype) -> float:
    """Operations a second that a product of two square matrices reaches here, with this process's threads."""
    a, b = torch.randn(2, MATRIX, MATRIX).to(dtype)
    out = a @ b  # once unmeasured: it also pays for setting up
    count = 0
    started = time.perf_counter()
    while (seconds := time.perf_counter() - started) < MATRIX_SECONDS:
        torch.mm(a, b, out=out)
        count += 1
    return count * 2 * MATRIX**3 / seconds
