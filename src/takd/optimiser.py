"""Stochastic gradient descent with momentum: torch's own fused step, without torch.optim's classes.

Their first use imports torch.compile, sympy with it, only to be left alone by it: as long as importing torch itself.
"""

from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim.sgd import sgd


class SGD:
    """torch.optim.SGD(…, fused=True), to the bit. momenta: one a parameter, None before the first step or without momentum."""

    def __init__(self, parameters: Iterable[Parameter], *, momentum: float, nesterov: bool, weight_decay: float) -> None:
        self.parameters = list(parameters)
        self.momenta: list[Tensor | None] = [None] * len(self.parameters)
        self.momentum = momentum
        self.nesterov = nesterov
        self.weight_decay = weight_decay

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Move every parameter along its gradient, then forget the gradients."""
        gradients = [parameter.grad for parameter in self.parameters if parameter.grad is not None]
        assert len(gradients) == len(self.parameters)
        sgd(
            list(self.parameters),
            gradients,
            self.momenta,
            fused=True,
            lr=learning_rate,
            momentum=self.momentum,
            nesterov=self.nesterov,
            weight_decay=self.weight_decay,
            dampening=0,
            maximize=False,
        )
        for parameter in self.parameters:
            parameter.grad = None
