import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from torch import nn

from takd.networks.builders import build
from takd.training.optimiser import SGD

RATES = (0.1, 0.1, 0.01)
IMAGES = torch.linspace(-1, 1, 8 * 3 * 32 * 32).view(8, 3, 32, 32)


def after_steps(optimiser_of: Callable[[nn.Module], Callable[[float], None]]) -> list[torch.Tensor]:
    """A network's weights after a few steps, from the same start."""
    torch.manual_seed(0)
    network = build("plain:2", 10)
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


def test_what_has_no_gradient_stays_where_it_is() -> None:
    """A layer that is frozen, and one that isn't used, between others: as in torch."""

    def after(optimiser_of: Callable[[nn.Module], Callable[[], None]]) -> dict[str, torch.Tensor]:
        torch.manual_seed(0)
        layers = nn.ModuleList(nn.Linear(3, 3) for _ in range(4))
        layers[1].requires_grad_(False)
        start = {name: weight.clone() for name, weight in layers.state_dict().items()}
        step = optimiser_of(layers)
        for _ in range(2):
            layers[3](layers[1](layers[0](torch.ones(2, 3)))).sum().backward()
            step()
        moved = {name for name, weight in layers.state_dict().items() if not torch.equal(weight, start[name])}
        assert moved == {"0.weight", "0.bias", "3.weight", "3.bias"}
        return layers.state_dict()

    def ours(layers: nn.Module) -> Callable[[], None]:
        optimiser = SGD(layers.parameters(), momentum=0.9, nesterov=True, weight_decay=0.1)
        return lambda: optimiser.step(0.1)

    def torchs(layers: nn.Module) -> Callable[[], None]:
        optimiser = torch.optim.SGD(layers.parameters(), 0.1, momentum=0.9, nesterov=True, weight_decay=0.1, fused=True)

        def step() -> None:
            optimiser.step()
            optimiser.zero_grad()

        return step

    mine, theirs = after(ours), after(torchs)
    assert all(torch.equal(mine[name], theirs[name]) for name in theirs)


def test_training_does_not_import_the_compiler() -> None:
    code = """
import sys, torch
from takd.training.optimiser import SGD
weight = torch.nn.Parameter(torch.ones(3))
optimiser = SGD([weight], momentum=0.9, nesterov=True, weight_decay=0)
weight.sum().backward()
optimiser.step(0.1)
print("torch._dynamo" in sys.modules, "sympy" in sys.modules)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["False", "False"]
