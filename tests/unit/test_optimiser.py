import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from torch import nn

from takd.networks.registry import build
from takd.optimiser import SGD

RATES = (0.1, 0.1, 0.01)
IMAGES = torch.linspace(-1, 1, 8 * 3 * 32 * 32).view(8, 3, 32, 32)


def after_steps(optimiser_of: Callable[[nn.Module], Callable[[float], None]]) -> list[torch.Tensor]:
    """A network's weights after a few steps, from the same start."""
    torch.manual_seed(0)
    network = build("plain", 2, 10)
    step = optimiser_of(network)
    for rate in RATES:
        network(IMAGES).square().mean().backward()
        step(rate)
    return [weight.detach() for weight in network.parameters()]


@pytest.mark.parametrize(("momentum", "nesterov"), [(0.9, True), (0.9, False), (0.0, False)])
def test_step_is_torchs_to_the_bit(momentum: float, nesterov: bool) -> None:
    def ours(network: nn.Module) -> Callable[[float], None]:
        return SGD(network.parameters(), momentum=momentum, nesterov=nesterov, weight_decay=1e-2).step

    def torchs(network: nn.Module) -> Callable[[float], None]:
        settings = {"momentum": momentum, "nesterov": nesterov, "weight_decay": 1e-2, "fused": True}
        optimiser = torch.optim.SGD(network.parameters(), lr=1, **settings)  # type: ignore[arg-type]

        def step(rate: float) -> None:
            optimiser.param_groups[0]["lr"] = rate
            optimiser.step()
            optimiser.zero_grad()

        return step

    assert all(map(torch.equal, after_steps(ours), after_steps(torchs)))


def test_training_does_not_import_the_compiler() -> None:
    code = """
import sys, torch
from takd.optimiser import SGD
weight = torch.nn.Parameter(torch.ones(3))
optimiser = SGD([weight], momentum=0.9, nesterov=True, weight_decay=0)
weight.sum().backward()
optimiser.step(0.1)
print("torch._dynamo" in sys.modules, "sympy" in sys.modules)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["False", "False"]
