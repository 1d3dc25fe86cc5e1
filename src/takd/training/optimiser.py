"""The optimisers, each torch's own fused step without torch.optim's classes: SGD with momentum, and AdamW.

The classes' first use imports torch.compile, sympy with it, only to be left alone by it: as long as importing torch itself.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import Parameter
from torch.optim.adamw import adamw
from torch.optim.sgd import sgd

from takd.study.recipe_parts import Optimiser as Fields

EPSILON = 1e-8  # of AdamW: torch's


class Optimiser(ABC):
    """What moves parameters along their gradients.

    decays: one a parameter, the weight decay that pulls at it. state: one a parameter, what is remembered of it, by name; empty
    before its first step.
    """

    def __init__(self, parameters: Iterable[Parameter], *, weight_decay: float, weights_alone: bool = False) -> None:
        self.parameters = list(parameters)
        self.decays = [0.0 if weights_alone and one.dim() < 2 else weight_decay for one in self.parameters]
        self.state: list[dict[str, Tensor]] = [{} for _ in self.parameters]

    @torch.no_grad()
    def step(self, learning_rate: float | Tensor) -> None:
        """Move every parameter along its gradient, then forget the gradients. One without a gradient, as of a layer that is frozen
        or wasn't used, stays where it is.

        learning_rate: a tensor of it, a scalar on the parameters' device, is float64 on a CPU and float32 on a GPU, where torch's
        kernel reads no other.
        """
        moved = [(index, bool(self.state[index])) for index, parameter in enumerate(self.parameters) if parameter.grad is not None]
        for decay in sorted(set(self.decays)):
            for begun in (False, True):  # a layer may get its first gradient late, and torch takes momenta for all or none
                group = [index for index, was in moved if self.decays[index] == decay and was is begun]
                gradients = [gradient for index in group if (gradient := self.parameters[index].grad) is not None]
                if group:
                    self._move(group, gradients, learning_rate, decay)
        for parameter in self.parameters:
            parameter.grad = None

    @abstractmethod
    def _move(self, group: list[int], gradients: list[Tensor], learning_rate: float | Tensor, decay: float) -> None:
        """Move the parameters at the places of `group`, which have one weight decay, and were all stepped before or none."""


class SGD(Optimiser):
    """torch.optim.SGD(…, fused=True), to the bit. It remembers a `momentum`, where it has one."""

    def __init__(
        self,
        parameters: Iterable[Parameter],
        *,
        momentum: float,
        nesterov: bool,
        weight_decay: float,
        weights_alone: bool = False,
    ) -> None:
        super().__init__(parameters, weight_decay=weight_decay, weights_alone=weights_alone)
        self.momentum = momentum
        self.nesterov = nesterov

    def _move(self, group: list[int], gradients: list[Tensor], learning_rate: float | Tensor, decay: float) -> None:
        momenta = [self.state[index].get("momentum") for index in group]
        sgd(
            [self.parameters[index] for index in group],
            gradients,
            momenta,
            fused=True,
            lr=learning_rate,
            momentum=self.momentum,
            nesterov=self.nesterov,
            weight_decay=decay,
            dampening=0,
            maximize=False,
        )
        for index, momentum in zip(group, momenta, strict=True):
            if momentum is not None:
                self.state[index]["momentum"] = momentum


class AdamW(Optimiser):
    """torch.optim.AdamW(…, fused=True), to the bit (Loshchilov and Hutter 2019, algorithm 2).

    It remembers `mean` and `square`, moving averages of gradient and squared gradient, and the number of `steps`.
    """

    def __init__(
        self, parameters: Iterable[Parameter], *, beta1: float, beta2: float, weight_decay: float, weights_alone: bool = False
    ) -> None:
        super().__init__(parameters, weight_decay=weight_decay, weights_alone=weights_alone)
        self.beta1 = beta1
        self.beta2 = beta2

    def _move(self, group: list[int], gradients: list[Tensor], learning_rate: float | Tensor, decay: float) -> None:
        for index in group:
            if not self.state[index]:
                parameter = self.parameters[index]
                self.state[index] = {
                    "mean": torch.zeros_like(parameter),
                    "square": torch.zeros_like(parameter),
                    "steps": torch.zeros((), device=parameter.device),
                }
        states = [self.state[index] for index in group]
        adamw(
            [self.parameters[index] for index in group],
            gradients,
            [state["mean"] for state in states],
            [state["square"] for state in states],
            [],
            [state["steps"] for state in states],
            fused=True,
            amsgrad=False,
            beta1=self.beta1,
            beta2=self.beta2,
            lr=learning_rate,
            weight_decay=decay,
            eps=EPSILON,
            maximize=False,
        )


def optimiser_of(model: nn.Module, fields: Fields) -> Optimiser:
    """The optimiser of all of a model's parameters that a recipe asks for."""
    decay, alone = fields.weight_decay, fields.weight_decay_on == "weights"
    if fields.optimiser == "adamw":
        return AdamW(model.parameters(), beta1=fields.momentum, beta2=fields.beta2, weight_decay=decay, weights_alone=alone)
    return SGD(model.parameters(), momentum=fields.momentum, nesterov=fields.nesterov, weight_decay=decay, weights_alone=alone)
