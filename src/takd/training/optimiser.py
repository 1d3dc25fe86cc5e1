"""Stochastic gradient descent with momentum: torch's own fused step, without torch.optim's classes.

Their first use imports torch.compile, sympy with it, only to be left alone by it: as long as importing torch itself.
"""

from collections.abc import Iterable
from typing import Self

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from torch.optim.sgd import sgd

from takd.study.recipe import Optimiser


class SGD:
    """torch.optim.SGD(…, fused=True), to the bit.

    momenta: one a parameter, None before its first step or without momentum.
    """

    def __init__(self, parameters: Iterable[Parameter], *, momentum: float, nesterov: bool, weight_decay: float) -> None:
        self.parameters = list(parameters)
        self.momenta: list[Tensor | None] = [None] * len(self.parameters)
        self.momentum = momentum
        self.nesterov = nesterov
        self.weight_decay = weight_decay

    @classmethod
    def of(cls, model: nn.Module, recipe: Optimiser) -> Self:
        """The optimiser of all of a model's parameters that a recipe asks for."""
        return cls(model.parameters(), momentum=recipe.momentum, nesterov=recipe.nesterov, weight_decay=recipe.weight_decay)

    @torch.no_grad()
    def step(self, learning_rate: float) -> None:
        """Move every parameter along its gradient, then forget the gradients. One without a gradient, as of a layer that is frozen
        or wasn't used, stays where it is.
        """
        moved = [index for index, parameter in enumerate(self.parameters) if parameter.grad is not None]
        momenta = [self.momenta[index] for index in moved]
        sgd(
            [self.parameters[index] for index in moved],
            [gradient for parameter in self.parameters if (gradient := parameter.grad) is not None],
            momenta,
            fused=True,
            lr=learning_rate,
            momentum=self.momentum,
            nesterov=self.nesterov,
            weight_decay=self.weight_decay,
            dampening=0,
            maximize=False,
        )
        for index, momentum in zip(moved, momenta, strict=True):
            self.momenta[index] = momentum
        for parameter in self.parameters:
            parameter.grad = None
