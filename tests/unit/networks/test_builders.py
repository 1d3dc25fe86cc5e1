import sys
from pathlib import Path

import pytest
import torch

from takd.errors import ParameterError
from takd.networks.builders import build, check
from takd.networks.layers import parameter_count

SMALL = [
    ("plain:2", 10, 32, 13_082),
    ("plain:2", 10, 28, 448 + 32 + 2_320 + 32 + 16 * 7 * 7 * 10 + 10),
    ("resnet:8", 10, 48, 78_042),
    ("torchvision:mobilenet_v3_small", 37, 64, 2_542_856 - 1025 * 963),  # torchvision's documentation, for 1000 classes
    ("torchvision:resnet18", 37, 32, 11_176_512 + 513 * 37),
    ("torchvision:squeezenet1_1", 5, 64, 722_496 + 513 * 5),
    ("timm:test_resnet", 5, 32, None),
    ("timm:test_vit", 5, 64, None),
]


@pytest.mark.parametrize(("builder", "classes", "size", "count"), SMALL)
def test_a_network_of_each_kind_is_built_and_run(builder: str, classes: int, size: int, count: int | None) -> None:
    if builder.startswith("timm"):
        pytest.importorskip("timm")
    found = check(builder, classes, size)
    assert found == (count or found)


def test_weights_are_drawn_from_the_global_generator() -> None:
    def weights(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return torch.cat([tensor.flatten() for tensor in build("torchvision:squeezenet1_1", 3).parameters()])

    assert torch.equal(weights(0), weights(0)) and not torch.equal(weights(0), weights(1))


@pytest.mark.parametrize(
    ("builder", "expected"),
    [
        ("torchvision:resnet19", "the nearest are resnet18"),
        ("torchvision:ResNet18", "the nearest are resnet18"),
        ("torchvision:fasterrcnn_resnet50_fpn", "doesn't classify images"),
        ("torchvision:fcn_resnet50", "doesn't classify images"),
        ("torchvision:r3d_18", "doesn't classify images"),
        ("torchvision:quantized_resnet18", "doesn't classify images"),
        ("torchvison:resnet18", "did you mean torchvision:?"),
    ],
)
def test_a_network_that_there_is_not_is_refused_with_what_there_is(builder: str, expected: str) -> None:
    with pytest.raises(ParameterError) as error:
        build(builder, 10)
    assert expected in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("builder", "size"),
    [("plain:10", 8), ("torchvision:vit_b_16", 40), ("torchvision:maxvit_t", 64), ("torchvision:alexnet", 32), ("resnet:8", 0)],
)
def test_images_that_do_not_fit_are_told_by_their_size(builder: str, size: int) -> None:
    with pytest.raises(ParameterError) as error:
        check(builder, 10, size)
    text = str(error.value)
    assert text.startswith(f"{builder}: ") and f"{size}x{size}" in text and "\n" not in text


def test_unknown_names_of_timm_are_refused_with_the_nearest() -> None:
    pytest.importorskip("timm")
    with pytest.raises(ParameterError, match="the nearest are resnet18"):
        build("timm:resnet18x", 10)


def test_without_timm_one_line_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(ParameterError, match=r"pip install 'takd\[timm\]'"):
        build("timm:resnet18", 10)


def test_vision_transformers_are_built_for_the_size_of_the_images() -> None:
    with torch.device("meta"):  # 86 million weights that needn't be drawn
        network = build("torchvision:vit_b_16", 10, size=64)
    assert network.state_dict()["encoder.pos_embedding"].shape == (1, (64 // 16) ** 2 + 1, 768)
    assert parameter_count(build("torchvision:squeezenet1_1", 10, size=64)) == 727_626


@pytest.mark.parametrize("builder", ["torchvision:mobilenet_v3_small", "torchvision:resnet18", "timm:test_vit"])
def test_training_steps_run_in_bfloat16_and_channels_last(builder: str) -> None:
    """And the loss on a batch that is seen again and again falls."""
    if builder.startswith("timm"):
        pytest.importorskip("timm")
    torch.manual_seed(0)
    network = build(builder, 4, size=64).to(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(network.parameters(), lr=0.02, momentum=0.9)
    images = torch.randn(8, 3, 64, 64).contiguous(memory_format=torch.channels_last)
    losses = []
    for _ in range(8):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = network(images)
        loss = torch.nn.functional.cross_entropy(logits.float(), torch.arange(8) % 4)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


def test_root_is_where_a_users_file_is_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "nets.py").write_text("from torch import nn\ndef net(c): return nn.Linear(3, c)")
    monkeypatch.chdir(tmp_path)
    assert parameter_count(build("nets.py:net", 5)) == parameter_count(build("nets:net", 5)) == 20
