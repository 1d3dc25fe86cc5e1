import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from takd.networks.builders import build
from takd.networks.frozen import frozen, fused, logits_layer


def trained(builder: str, images: Tensor, classes: int = 5) -> nn.Module:
    """A network whose running statistics have moved away from zero and one."""
    torch.manual_seed(0)
    network = build(builder, classes, size=images.shape[2])
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, std=0.1)
    for _ in range(3):
        network(images)
    return network


def norms(network: nn.Module) -> int:
    return sum(isinstance(module, nn.BatchNorm2d) for module in network.modules())


def test_a_frozen_plain_network_has_the_bits_of_folding_by_hand() -> None:
    images = torch.randn(4, 3, 32, 32).bfloat16()
    network = trained("plain:2", images.float())
    assert isinstance(network, nn.Sequential)
    layers = copy.deepcopy(network).eval()
    x = images
    for layer in layers[:-1]:
        x = (fuse_conv_bn_eval(*layer) if isinstance(layer, nn.Sequential) else layer).bfloat16()(x)
    expected = layers[-1].bfloat16().float()(x.float())
    assert torch.equal(frozen(network, torch.bfloat16)(images), expected)
    assert torch.equal(frozen(network, torch.bfloat16, images.float())(images), expected)


@pytest.mark.parametrize("builder", ["torchvision:resnet18", "torchvision:mobilenet_v3_small"])
def test_batch_norm_of_torchvisions_networks_is_folded_and_their_logits_stay(builder: str) -> None:
    images = torch.randn(4, 3, 64, 64)
    network = trained(builder, images)
    expected = network.eval()(images)
    small = frozen(network, torch.float32, images)
    assert norms(network) > 0 and norms(small) == 0
    torch.testing.assert_close(small(images), expected, rtol=1e-3, atol=1e-3 * expected.abs().max().item())
    assert not any(parameter.requires_grad for parameter in small.parameters())


@pytest.mark.parametrize("builder", ["torchvision:resnet18", "torchvision:mobilenet_v3_small", "timm:test_vit"])
def test_the_layer_that_makes_the_logits_computes_in_float32(builder: str) -> None:
    if builder.startswith("timm"):
        pytest.importorskip("timm")
    images = torch.randn(8, 3, 64, 64)
    network = trained(builder, images)
    low = frozen(network, torch.bfloat16, images)
    logits = low(images)
    assert logits.dtype == torch.float32 and (logits.bfloat16().float() != logits).float().mean() > 0.9
    dtypes = [parameter.dtype for parameter in low.parameters()]
    assert dtypes.count(torch.float32) == 2 and torch.bfloat16 in dtypes
    expected = network.eval()(images)
    assert (logits - expected).abs().max() < 0.1 * expected.abs().max()


def test_logits_of_a_convolution_or_without_an_example_are_cast() -> None:
    images = torch.randn(4, 3, 64, 64)
    for builder, example in (("torchvision:squeezenet1_1", images), ("torchvision:resnet18", None)):
        low = frozen(trained(builder, images), torch.bfloat16, example)
        logits = low(images)
        assert logits.dtype == torch.float32 and torch.equal(logits.bfloat16().float(), logits)
        assert all(parameter.dtype == torch.bfloat16 for parameter in low.parameters())


class Odd(nn.Module):
    """Layers that folding must leave alone, as `kind` says; `head` comes first, and another linear layer last."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.head = nn.Linear(8, 5)
        self.convolution = nn.Conv2d(3, 8, 3)
        self.norm = nn.BatchNorm2d(8)
        self.gate = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        x = self.convolution(x)
        if self.kind == "float32":
            return self.head(self.gate(self.norm(x.float()).mean((2, 3)) + torch.zeros(1)))  # type: ignore[no-any-return]
        if self.kind == "skip":
            x = self.norm(x) + x
        elif self.kind == "twice":
            x = self.norm(self.norm(x))
        elif self.kind == "untraceable" and x.sum() > 0:
            x = self.norm(x) + 1
        else:
            x = self.norm(x)
        return self.head(x.mean((2, 3)) * self.gate(x.mean((2, 3))))  # type: ignore[no-any-return]


@pytest.mark.parametrize(("kind", "left"), [("plain", 0), ("skip", 1), ("twice", 1), ("untraceable", 1)])
def test_what_can_not_be_folded_is_left_and_computes_the_same(kind: str, left: int) -> None:
    torch.manual_seed(0)
    network, images = Odd(kind), torch.randn(6, 3, 9, 9)
    for _ in range(20):
        network(images)
    small = fused(network, images)
    assert norms(small) == left and not small.training and network.training
    torch.testing.assert_close(small(images), network.eval()(images), rtol=1e-4, atol=1e-5)


def test_a_network_that_insists_on_float32_is_frozen_under_autocast() -> None:
    torch.manual_seed(0)
    network, images = Odd("float32"), torch.randn(6, 3, 9, 9)
    low = frozen(network, torch.bfloat16, images)
    assert low(images).dtype == torch.float32
    torch.testing.assert_close(low(images), network.eval()(images), rtol=0.05, atol=0.05)


def test_the_layer_of_the_logits_is_found_by_what_it_returns_not_by_its_place() -> None:
    assert logits_layer(Odd("plain"), torch.randn(2, 3, 9, 9)) == "head"
    assert logits_layer(nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.Softplus()), torch.randn(2, 3, 2, 2)) is None


def test_a_folding_that_would_move_the_logits_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
        fused = fuse_conv_bn_eval(convolution, norm)
        with torch.no_grad():
            fused.weight.mul_(1.1)
        return fused

    monkeypatch.setattr("takd.networks.frozen.fuse_conv_bn_eval", wrong)
    assert norms(fused(Odd("plain"), torch.randn(4, 3, 9, 9))) == 1
