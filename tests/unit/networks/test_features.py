import copy

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from takd.errors import ParameterError
from takd.networks.builders import build
from takd.networks.features import places, stages, with_features
from takd.networks.frozen import frozen


def test_plain_networks_have_features_after_each_pooling() -> None:
    torch.manual_seed(0)
    network, images = build("plain:6", 10), torch.randn(2, 3, 32, 32)
    found = places(network, images)
    assert found == ("stage1:pre", "stage1", "stage2:pre", "stage2", "stage3:pre", "stage3", "pooled")
    logits, features = with_features(network, found, images)(images)
    assert {place: tuple(tensor.shape[1:]) for place, tensor in features.items() if ":" not in place} == {
        "stage1": (16, 16, 16), "stage2": (32, 8, 8), "stage3": (64, 4, 4), "pooled": (1024,)
    }  # fmt: skip
    x = images
    assert isinstance(network, nn.Sequential)
    for index in (0, 2):  # convolution, ReLU, convolution: the pooling comes after
        x = F.relu(network[index](x))
    assert torch.equal(features["stage1"], F.max_pool2d(x, 2))
    assert features["stage1:pre"].min() < 0 and torch.equal(features["stage1:pre"].relu(), features["stage1"])
    assert torch.equal(network[-1](features["pooled"]), logits)


def test_the_last_stage_of_a_plain_network_without_pooling_counts() -> None:
    network, images = build("plain:6", 100), torch.randn(2, 3, 32, 32)
    _, features = with_features(network, ("stage3",), images)(images)
    assert features["stage3"].shape == (2, 128, 8, 8)


@pytest.mark.parametrize("size", [8, 20])
def test_resnets_have_features_of_each_stage_before_and_after_the_relu(size: int) -> None:
    network, images = build(f"resnet:{size}", 10), torch.randn(2, 3, 32, 32)
    found = places(network, images)
    stages = ("stem", "stage1", "stage2", "stage3")
    assert found == (*(each for stage in stages for each in (f"{stage}:pre", stage)), "pooled")
    _, features = with_features(network, found, images)(images)
    assert [tuple(features[stage].shape[1:]) for stage in stages] == [(16, 32, 32), (16, 32, 32), (32, 16, 16), (64, 8, 8)]
    for stage in stages:
        assert features[f"{stage}:pre"].min() < 0 and torch.equal(features[f"{stage}:pre"].relu(), features[stage])
    torch.testing.assert_close(features["pooled"], features["stage3"].mean((2, 3)))


@pytest.mark.parametrize("builder", ["plain:4", "resnet:8", "torchvision:resnet18"])
def test_taking_features_changes_neither_logits_nor_gradients(builder: str) -> None:
    torch.manual_seed(0)
    network, images = build(builder, 5), torch.randn(4, 3, 32, 32)
    plain = network(images)
    plain.square().sum().backward()
    expected = [parameter.grad.clone() for parameter in network.parameters() if parameter.grad is not None]
    network.zero_grad()
    logits, _ = with_features(network, places(network, images), images)(images)
    logits.square().sum().backward()
    assert torch.equal(logits, plain)
    assert all(torch.equal(p.grad, e) for p, e in zip(network.parameters(), expected, strict=True) if p.grad is not None)


def test_gradients_flow_from_features() -> None:
    network, images = build("resnet:8", 5), torch.randn(4, 3, 32, 32)
    _, features = with_features(network, ("stage1:pre",), images)(images)
    features["stage1:pre"].sum().backward()
    with_gradient = {name for name, parameter in network.named_parameters() if parameter.grad is not None}
    assert with_gradient == {name for name, _ in network.named_parameters() if name.startswith(("0.", "2."))}


@pytest.mark.parametrize(
    ("builder", "expected"),
    [
        ("torchvision:resnet18", ("relu", "layer1", "layer2", "layer3", "layer4", "pooled")),
        ("torchvision:resnet50", ("relu", "layer1", "layer2", "layer3", "layer4", "pooled")),
        ("imagenet:50", ("relu", "layer1", "layer2", "layer3", "layer4", "pooled")),
        # Where bottlenecks with a stride begin, 2, 4, 7 and 14, the one before ends a stage (Sandler et al. 2018, table 2).
        ("torchvision:mobilenet_v2", ("features.1", "features.3", "features.6", "features.13", "features", "pooled")),
        # Strides at rows 2, 3, 5 and 10 of table 2 of Howard et al. (2019).
        ("torchvision:mobilenet_v3_small", ("features.0", "features.1", "features.3", "features.8", "features", "pooled")),
        ("torchvision:shufflenet_v2_x0_5", ("conv1", "maxpool", "stage2", "stage3", "conv5", "pooled")),
        # Strides at stages 3, 4, 6 and 9 of table 1 of Tan and Le (2019); features.1 is its stage 2.
        (
            "torchvision:efficientnet_b0",
            ("features.1", "features.2", "features.3", "features.5", "features", "pooled"),
        ),
        (
            "torchvision:regnet_y_400mf",
            ("stem", "trunk_output.block1", "trunk_output.block2", "trunk_output.block3", "trunk_output", "pooled"),
        ),
        # The ReLU before each of the five poolings (Simonyan and Zisserman 2015, table 1, A); the last one's output is 2x2.
        (
            "torchvision:vgg11",
            ("features.1", "features.4", "features.9", "features.14", "features.19", "features", "pooled"),
        ),
        # A transition normalises, and narrows what a dense block made, before it pools (Huang et al. 2017, table 1).
        (
            "torchvision:densenet121",
            ("features.relu0", "features.denseblock1", "features.denseblock2", "features.denseblock3", "features", "pooled"),
        ),
        # Between two stages a normalisation and a 2x2 convolution stand in a row: features.2, 4 and 6 (Liu et al. 2022).
        ("torchvision:convnext_tiny", ("features.1", "features.3", "features.5", "features", "pooled")),
        ("torchvision:squeezenet1_1", None),
        ("timm:test_resnet", ("act1", "layer1", "layer2", "layer3", "layer4", "pooled")),
        ("timm:resnet26", ("act1", "layer1", "layer2", "layer3", "layer4", "pooled")),
        ("timm:edgenext_xx_small", ("stages.0", "stages.1", "stages.2", "norm_pre", "pooled")),
    ],
)
def test_other_networks_have_features_at_each_resolution(builder: str, expected: tuple[str, ...] | None) -> None:
    if builder.startswith("timm"):
        pytest.importorskip("timm")
    network, images = build(builder, 5), torch.randn(2, 3, 64, 64)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    found = places(network, images)
    assert expected is None or found == expected
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert all(module.training for module in network.modules())
    logits, features = with_features(network, found, images)(images)
    sides = [tensor.shape[2] for tensor in features.values() if tensor.dim() == 4]
    assert logits.shape == (2, 5) and sides == sorted(set(sides), reverse=True) and len(sides) >= 3


@pytest.mark.parametrize("builder", ["plain:4", "resnet:8", "torchvision:resnet18", "torchvision:densenet121"])
def test_frozen_networks_have_the_same_places(builder: str) -> None:
    network, images = build(builder, 5), torch.randn(4, 3, 32, 32)
    network(images)
    teacher = frozen(network, torch.float32, images)
    found = places(network, images)
    _, expected = with_features(network.eval(), found, images)(images)
    _, features = with_features(teacher, found, images)(images)
    for place in found:
        torch.testing.assert_close(features[place], expected[place], rtol=1e-3, atol=1e-4)


def test_a_place_that_there_is_not_is_refused_with_those_that_there_are() -> None:
    network, images = build("plain:2", 5), torch.randn(2, 3, 32, 32)
    with pytest.raises(ParameterError, match="'stage9'; it has stage1:pre, stage1"):
        with_features(network, ("stage9",), images)


@pytest.mark.parametrize(
    ("builder", "found"),
    [("plain:4", ("stage1", "stage2")), ("resnet:8", ("stage1", "stage2", "stage3"))],
)
def test_stages_are_places_after_whole_stages(builder: str, found: tuple[str, ...]) -> None:
    assert stages(build(builder, 10), torch.randn(2, 3, 32, 32)) == found


@pytest.mark.parametrize("first", [nn.Identity(), nn.AdaptiveAvgPool2d(32), nn.Dropout(0.1)])
def test_a_network_that_learns_nothing_before_its_features_are_flat_has_no_stages(first: nn.Module) -> None:
    assert stages(nn.Sequential(first, nn.Flatten(), nn.Linear(3072, 10)), torch.randn(2, 3, 32, 32)) == ()


def convolution(inputs: int) -> nn.Module:
    return nn.Conv2d(inputs, 8, 3, padding=1)


def test_a_network_of_ones_own_in_a_row_has_its_own_stages_and_not_those_of_plain() -> None:
    """Its pooling comes after the ReLU, where plain has it before."""
    rows = [[convolution(3 if n == 0 else 8), nn.ReLU(), nn.MaxPool2d(2)] for n in range(2)]
    network = nn.Sequential(*rows[0], *rows[1], convolution(8), nn.ReLU(), nn.Flatten(), nn.Linear(128, 5))
    assert stages(network, torch.randn(2, 3, 16, 16)) == ("1", "4", "7")


def test_what_makes_an_image_larger_again_is_no_stage() -> None:
    network = nn.Sequential(convolution(3), nn.MaxPool2d(4), nn.AdaptiveAvgPool2d(8), nn.Flatten(), nn.Linear(512, 5))
    assert stages(network, torch.randn(2, 3, 16, 16)) == ("0", "1")


class Attention(nn.Module):
    """Maps of attention, (B, 1, L, L), within what puts out tokens, (B, L, 3)."""

    def __init__(self) -> None:
        super().__init__()
        self.weigh, self.softmax = nn.Linear(3, 3), nn.Softmax(-1)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        tokens = images.flatten(2).transpose(1, 2)
        asked = self.weigh(tokens)
        maps: torch.Tensor = self.softmax((asked @ tokens.transpose(1, 2)).unsqueeze(1))
        return maps.squeeze(1) @ tokens


def test_maps_of_attention_are_no_features() -> None:
    network = nn.Sequential(Attention(), nn.Flatten(), nn.Linear(3 * 64, 5))
    assert stages(network, torch.randn(2, 3, 8, 8)) == ()


def test_patches_of_pixels_are_no_features() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 4, stride=4), nn.Flatten(2), nn.Linear(16, 4), nn.Flatten(), nn.Linear(32, 5))
    assert stages(network, torch.randn(2, 3, 16, 16)) == ()


def test_what_prepares_a_step_to_smaller_images_belongs_to_the_next_stage() -> None:
    step = nn.Sequential(nn.BatchNorm2d(8), nn.Conv2d(8, 8, 2, stride=2))
    network = nn.Sequential(convolution(3), nn.ReLU(), step, nn.ReLU(), nn.Flatten(), nn.Linear(512, 5))
    assert stages(network, torch.randn(2, 3, 16, 16)) == ("1", "3")


@pytest.mark.parametrize("smaller", [nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, stride=2, padding=1)])
def test_a_row_of_layers_that_makes_images_smaller_at_its_end_has_a_stage_before(smaller: nn.Module) -> None:
    rows = [nn.Sequential(convolution(3 if n == 0 else 8), nn.ReLU(), copy.deepcopy(smaller)) for n in range(2)]
    network = nn.Sequential(*rows, nn.Flatten(), nn.Linear(128, 5))
    assert stages(network, torch.randn(2, 3, 16, 16)) == ("0.1", "1.1", "1")
