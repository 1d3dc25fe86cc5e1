import pytest
import torch
from torch import nn

from takd.networks.builders import build
from takd.networks.randomness import step_randomness, uses_randomness


@pytest.mark.parametrize(
    ("builder", "draws"),
    [
        ("plain:10", False),
        ("resnet:20", False),
        ("torchvision:resnet18", False),
        ("torchvision:mobilenet_v3_small", True),
        ("torchvision:convnext_tiny", True),
        ("timm:test_resnet", False),
    ],
)
def test_networks_that_draw_are_known(builder: str, draws: bool) -> None:
    if builder.startswith("timm"):
        pytest.importorskip("timm")
    with torch.device("meta"):
        assert uses_randomness(build(builder, 5)) is draws


@pytest.mark.parametrize(
    ("module", "draws"),
    [
        (nn.Dropout(0.1), True),
        (nn.Dropout(0.0), False),
        (nn.MultiheadAttention(8, 2, dropout=0.1), True),
        (nn.MultiheadAttention(8, 2), False),
        (nn.LSTM(3, 3, 2, dropout=0.5), True),
        (nn.RReLU(), True),
        (nn.Conv2d(3, 3, 1), False),
    ],
)
def test_layers_that_draw_are_known(module: nn.Module, draws: bool) -> None:
    assert uses_randomness(nn.Sequential(nn.Flatten(), module)) is draws


def test_timms_dropped_paths_are_known() -> None:
    timm = pytest.importorskip("timm")
    assert uses_randomness(timm.create_model("test_vit", drop_path_rate=0.1))
    assert not uses_randomness(timm.create_model("test_vit"))


def test_code_that_is_not_known_may_draw() -> None:
    class Own(nn.Module):
        pass

    assert uses_randomness(nn.Sequential(Own()))


def test_a_step_draws_the_same_however_far_the_generator_has_run() -> None:
    dropout, x = nn.Dropout(0.5), torch.ones(64)

    def drawn(*step: int) -> list[float]:
        step_randomness(*step)
        values: list[float] = dropout(x).tolist()
        return values

    first = drawn(0, 1, 2)
    torch.rand(100)
    assert drawn(0, 1, 2) == first
    assert len({tuple(drawn(*step)) for step in ((0, 1, 2), (1, 1, 2), (0, 2, 2), (0, 1, 3), (0, 12, 0))}) == 5
