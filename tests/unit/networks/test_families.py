import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from takd.networks.builders import build
from takd.networks.frozen import folded, frozen
from takd.networks.layers import Convolution, _ConvolutionOfSmallImages, parameter_count
from takd.networks.registry import PAPER_FAMILIES

# Of the paper's networks, as their authors' code builds them.
PARAMETERS = {
    "plain": {
        10: {2: 13_082, 4: 37_338, 6: 82_778, 8: 327_962, 10: 2_487_850},
        100: {2: 215_172, 4: 475_652, 6: 1_107_204, 8: 1_246_276, 10: 2_931_460},
    },
    "resnet": {
        10: {8: 78_042, 14: 175_258, 20: 272_474, 26: 369_690, 32: 466_906, 44: 661_338, 56: 855_770, 110: 1_730_714},
        100: {8: 83_892, 14: 181_108, 20: 278_324, 26: 375_540, 32: 472_756, 44: 667_188, 56: 861_620, 110: 1_736_564},
    },
    # 50 for 1,000 classes is what torchvision publishes; 20 and 14 are counted in a test of their own, too.
    "imagenet": {1000: {14: 10_064_936, 20: 11_462_184, 50: 25_557_032}},
}
CASES = [
    (family, size, classes, count)
    for family, by_classes in PARAMETERS.items()
    for classes, sizes in by_classes.items()
    for size, count in sizes.items()
]


@pytest.mark.parametrize(("family", "size", "classes", "count"), CASES)
def test_a_network_has_the_published_number_of_parameters(family: str, size: int, classes: int, count: int) -> None:
    assert parameter_count(build(f"{family}:{size}", classes)) == count


def test_every_size_is_counted() -> None:
    assert {name: set(map(int, members)) for name, members in PAPER_FAMILIES.items()} == {
        name: set(next(iter(by_classes.values()))) for name, by_classes in PARAMETERS.items()
    }


@pytest.mark.parametrize(("family", "size"), [("plain", 2), ("plain", 6), ("plain", 10), ("resnet", 14)])
@pytest.mark.parametrize("classes", [10, 100])
def test_size_counts_the_layers_on_the_way(family: str, size: int, classes: int) -> None:
    network = build(f"{family}:{size}", classes)
    kernels = [module.kernel_size for module in network.modules() if isinstance(module, nn.Conv2d)]
    assert kernels.count((3, 3)) == (size if family == "plain" else size - 1)
    assert network(torch.randn(2, 3, 32, 32)).shape == (2, classes)


@pytest.mark.parametrize(("size", "blocks"), [(14, [1, 1, 1, 1]), (20, [1, 2, 2, 1]), (50, [3, 4, 6, 3])])
def test_an_imagenet_resnet_has_its_bottleneck_blocks_and_as_many_layers_as_it_says(size: int, blocks: list[int]) -> None:
    """1x1 to width w, 3x3 to w, 1x1 to 4 w; a projection where a stage begins; batch norm has two numbers a channel."""
    network = build(f"imagenet:{size}", 7)
    count, inputs = 3 * 64 * 49 + 2 * 64, 64
    for width, repeated in zip((64, 128, 256, 512), blocks, strict=True):
        for block in range(repeated):
            count += inputs * width + 9 * width**2 + 4 * width**2 + 2 * (width + width + 4 * width)
            count += (4 * inputs * width + 2 * 4 * width) * (block == 0)
            inputs = 4 * width
    assert parameter_count(network) == count + (inputs + 1) * 7
    assert size == 2 + 3 * sum(blocks)
    assert network(torch.randn(2, 3, 96, 96)).shape == (2, 7)


def written_out(parameters: dict[str, Tensor], x: Tensor, layer: str, stride: int = 1) -> Tensor:
    """A convolution that keeps the side (less a stride) and batch norm over the batch, from a network's parameters."""
    kernel = parameters[f"{layer}.0.weight"]
    x = F.conv2d(x, kernel, parameters.get(f"{layer}.0.bias"), stride=stride, padding=kernel.shape[2] // 2)
    return F.batch_norm(x, None, None, parameters[f"{layer}.1.weight"], parameters[f"{layer}.1.bias"], training=True)


def moved(network: nn.Module) -> dict[str, Tensor]:
    """A network's parameters, moved away from where batch norm's weights are all one and shifts all zero."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return {name: parameter.detach() for name, parameter in network.named_parameters()}


def test_plain_4_computes_what_the_paper_draws() -> None:
    torch.manual_seed(0)
    network, images = build("plain:4", 10), torch.randn(4, 3, 32, 32)
    parameters = moved(network)
    layers = [name.removesuffix(".0.weight") for name in parameters if name.endswith(".0.weight")]
    x = images
    for index, layer in enumerate(layers):  # convolution, batch norm, ReLU; a pooling after each second one
        x = F.relu(written_out(parameters, x, layer))
        x = F.max_pool2d(x, 2) if index % 2 else x
    last = max(int(name.split(".")[0]) for name in parameters)
    expected = F.linear(x.flatten(1), parameters[f"{last}.weight"], parameters[f"{last}.bias"])
    torch.testing.assert_close(network(images), expected, rtol=1e-4, atol=1e-4)


def test_resnet_8_computes_what_he_et_al_describe() -> None:
    torch.manual_seed(0)
    network, images = build("resnet:8", 10), torch.randn(4, 3, 32, 32)
    parameters = moved(network)
    x = F.relu(written_out(parameters, images, "0"))
    for block, stride in (("2", 1), ("3", 2), ("4", 2)):
        shortcut = x if stride == 1 else written_out(parameters, x, f"{block}.shortcut", stride)
        x = F.relu(written_out(parameters, x, f"{block}.first", stride))
        x = F.relu(written_out(parameters, x, f"{block}.second") + shortcut)
    assert x.shape == (4, 64, 8, 8)
    expected = F.linear(x.mean((2, 3)), parameters["7.weight"], parameters["7.bias"])
    torch.testing.assert_close(network(images), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("family", "size"), [("plain", 4), ("resnet", 8)])
def test_folding_batch_norm_keeps_the_function(family: str, size: int) -> None:
    torch.manual_seed(0)
    network = build(f"{family}:{size}", 10)
    images = torch.randn(8, 3, 32, 32)
    network(images)  # moves the running statistics away from zero and one
    expected = network.eval()(images)
    small = folded(network)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in small.modules())
    assert any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    torch.testing.assert_close(small(images), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("family", ["plain", "resnet"])
def test_the_last_layer_of_a_frozen_network_speaks_in_float32(family: str) -> None:
    """In bfloat16 the largest two of its logits are often the same."""
    torch.manual_seed(0)
    network, images = build(f"{family}:8", 10), torch.randn(64, 3, 32, 32)
    network(images)
    logits = frozen(network, torch.bfloat16)(images.bfloat16())
    assert logits.dtype == torch.float32
    assert (logits.bfloat16().float() != logits).float().mean() > 0.9
    torch.testing.assert_close(logits, frozen(network, torch.float32)(images), rtol=0.1, atol=0.1)


def test_resnet_convolutions_start_with_he_deviation() -> None:
    torch.manual_seed(0)
    convolutions = [m for m in build("resnet:56", 10).modules() if isinstance(m, nn.Conv2d) and m.out_channels == 64]
    assert len(convolutions) == 19  # 18 in the blocks of the last stage, and its shortcut
    for module in convolutions[2:]:
        expected = math.sqrt(2 / (module.kernel_size[0] ** 2 * 64))
        assert module.weight.std().item() == pytest.approx(expected, rel=0.03)
        assert module.bias is None


@pytest.mark.parametrize(("kernel", "height", "width"), [(3, 4, 4), (3, 2, 5), (1, 3, 2), (5, 3, 4)])
def test_the_gradient_for_small_images_is_the_one_of_finite_differences(kernel: int, height: int, width: int) -> None:
    torch.manual_seed(0)
    x = torch.randn(3, 2, height, width, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(4, 2, kernel, kernel, dtype=torch.float64, requires_grad=True)
    bias = torch.randn(4, dtype=torch.float64, requires_grad=True)
    padding = (kernel // 2, kernel // 2)
    torch.autograd.gradcheck(lambda *inputs: _ConvolutionOfSmallImages.apply(*inputs, padding), (x, weight, bias))


@pytest.mark.parametrize(("stride", "side"), [(1, 4), (1, 8), (2, 4)])
def test_a_convolution_in_bfloat16_has_the_values_and_gradients_of_torchs(stride: int, side: int) -> None:
    torch.manual_seed(0)
    ours = Convolution(8, 16, 3, stride)
    theirs = nn.Conv2d(8, 16, 3, stride=stride, padding=1, bias=False)
    theirs.load_state_dict(ours.state_dict())
    images = torch.randn(32, 8, side, side).bfloat16().contiguous(memory_format=torch.channels_last)
    inputs = [images.clone().requires_grad_() for _ in (ours, theirs)]
    for layer, x in zip((ours, theirs), inputs, strict=True):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            layer(x).square().sum().backward()
    assert ours.weight.grad is not None and theirs.weight.grad is not None and ours.weight.grad.dtype == torch.float32
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad, rtol=0.02, atol=0.02 * theirs.weight.grad.std().item())
    torch.testing.assert_close(inputs[0].grad, inputs[1].grad)
