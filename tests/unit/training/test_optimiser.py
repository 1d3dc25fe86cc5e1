import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from takd.networks.builders import build
from takd.training.optimiser import SGD, AdamW, optimiser_of
from tests.conftest import recipe

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


@pytest.mark.parametrize("weights_alone", [False, True])
def test_adamw_is_torchs_to_the_bit(weights_alone: bool) -> None:
    """With one weight decay for all, and with torch's own groups: biases and norms have none."""

    def ours(network: nn.Module) -> Callable[[float], None]:
        return AdamW(network.parameters(), beta1=0.8, beta2=0.95, weight_decay=0.5, weights_alone=weights_alone).step

    def torchs(network: nn.Module) -> Callable[[float], None]:
        weights = [module.weight for module in network.modules() if isinstance(module, nn.Linear | nn.Conv2d)]
        others = [one for one in network.parameters() if all(one is not weight for weight in weights)]
        groups: list[dict[str, Any]] = [{"params": others, "weight_decay": 0.0 if weights_alone else 0.5}, {"params": weights}]
        optimiser = torch.optim.AdamW(groups, lr=1, betas=(0.8, 0.95), weight_decay=0.5, fused=True)

        def step(rate: float) -> None:
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.step()
            optimiser.zero_grad()

        return step

    assert all(map(torch.equal, after_steps(ours), after_steps(torchs)))


def test_adamw_is_the_papers_formula() -> None:
    """Loshchilov and Hutter 2019, algorithm 2, line by line, in double precision."""
    weight = nn.Parameter(torch.tensor([[1.0, -2.0]]))
    optimiser = AdamW([weight], beta1=0.9, beta2=0.99, weight_decay=0.1)
    theta = weight.detach().double()
    m = v = torch.zeros_like(theta)
    for t, rate in enumerate(RATES, 1):
        (weight**3).sum().backward()
        optimiser.step(rate)
        gradient = 3 * theta**2
        m, v = 0.9 * m + 0.1 * gradient, 0.99 * v + 0.01 * gradient**2
        theta = theta - rate * (m / (1 - 0.9**t) / ((v / (1 - 0.99**t)).sqrt() + 1e-8) + 0.1 * theta)
    torch.testing.assert_close(weight.detach().double(), theta, rtol=1e-5, atol=0)


@pytest.mark.parametrize("optimiser", ["sgd", "adamw"])
def test_weight_decay_can_be_kept_off_biases_and_norms(optimiser: str) -> None:
    """Where nothing is learnt, it alone moves: with the paper's way everything, else what has two dimensions."""
    for where, moved in (("all", {"0.weight", "0.bias", "1.weight", "1.bias"}), ("weights", {"0.weight"})):
        network = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.fill_(1)
                parameter.grad = torch.zeros_like(parameter)
        fields = recipe(optimiser=optimiser, momentum=0, nesterov=False, weight_decay=0.5, weight_decay_on=where).optimiser
        optimiser_of(network, fields).step(0.1)
        shrunk = {name: parameter for name, parameter in network.named_parameters() if not (parameter == 1).any()}
        assert shrunk.keys() == moved
        for parameter in shrunk.values():
            torch.testing.assert_close(parameter.detach(), torch.full_like(parameter, 0.95))


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
from takd.training.optimiser import SGD, AdamW, optimiser_of
weight = torch.nn.Parameter(torch.ones(3))
optimiser = SGD([weight], momentum=0.9, nesterov=True, weight_decay=0)
weight.sum().backward()
optimiser.step(0.1)
print("torch._dynamo" in sys.modules, "sympy" in sys.modules)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.split() == ["False", "False"]


def test_a_layer_may_get_its_first_gradient_later() -> None:
    """As torch steps it alone, to the bit, beside one that has had its momentum for long."""
    torch.manual_seed(0)
    early, late = nn.Linear(3, 3), nn.Linear(3, 3)
    how = {"momentum": 0.9, "nesterov": True, "weight_decay": 1e-2}
    own = SGD([*early.parameters(), *late.parameters()], **how)  # type: ignore[arg-type]
    there = [nn.Linear(3, 3) for _ in range(2)]
    for copy, layer in zip(there, (early, late), strict=True):
        copy.load_state_dict(layer.state_dict())
    apart = [torch.optim.SGD(layer.parameters(), lr=0.1, fused=True, **how) for layer in there]  # type: ignore[arg-type]
    for step in range(3):
        for layers in ((early, late), there):
            used = layers if step else layers[:1]
            sum(layer(torch.ones(2, 3)).square().sum() for layer in used).backward()
        own.step(0.1)
        for optimiser in apart:
            optimiser.step()
            optimiser.zero_grad()
    for layer, copy in zip((early, late), there, strict=True):
        assert torch.equal(layer.weight, copy.weight) and torch.equal(layer.bias, copy.bias)
