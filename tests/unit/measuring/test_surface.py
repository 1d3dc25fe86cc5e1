"""Loss surfaces: directions against their definition, losses against a network whose surface is known."""

import math
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from takd.data import prepared
from takd.data.prepared import PreparedData
from takd.data.views import Normalisation, Views
from takd.errors import CheckpointError, DivergenceError, ParameterError
from takd.measuring.matched import fitted_scale
from takd.measuring.surface import direction, judged_images, losses_around, measured_images, write_surface
from takd.records.surface import read_points, stored_key
from takd.reporting import flatness
from takd.study.params import Surface
from takd.training.opened import opened
from tests.unit.training.conftest import lively, write_network

CPU = torch.device("cpu")


def network(builder: str = "resnet:8", seed: int = 0) -> nn.Module:
    """A network in evaluation mode whose running statistics aren't the initial ones."""
    return lively(builder, seed).eval()


@pytest.mark.parametrize("builder", ["plain:2", "plain:8", "resnet:8", "torchvision:mobilenet_v3_small"])
def test_each_filter_moves_by_as_much_as_its_own_norm(builder: str) -> None:
    model = network(builder)
    moves = direction(model, seed=3, axis=0)
    for name, weight in model.named_parameters():
        if weight.dim() > 1:
            assert moves[name].shape == weight.shape
            for move, one_filter in zip(moves[name], weight, strict=True):
                assert move.norm().item() == pytest.approx(one_filter.norm().item(), rel=1e-5)


def test_biases_and_batch_norm_are_not_moved() -> None:
    model = network()
    modules = {name: kind for kind in (nn.Conv2d, nn.Linear) for name, module in model.named_modules() if isinstance(module, kind)}
    assert set(direction(model, 0, 0)) == {f"{name}.weight" for name in modules}


def test_networks_of_one_shape_get_the_same_draw() -> None:
    one, other = (direction(network(seed=seed), seed=3, axis=0) for seed in (0, 1))
    for name in one:
        for mine, theirs in zip(one[name].flatten(1), other[name].flatten(1), strict=True):
            assert not torch.equal(mine, theirs)
            torch.testing.assert_close(mine / mine.norm(), theirs / theirs.norm())


def test_the_two_axes_and_seeds_are_drawn_apart() -> None:
    model = network("plain:2")
    draws = [direction(model, seed, axis)["0.0.weight"].flatten() for seed, axis in ((0, 0), (0, 1), (1, 0))]
    for i, j in ((0, 1), (0, 2), (1, 2)):
        assert abs(torch.cosine_similarity(draws[i], draws[j], dim=0).item()) < 0.3


def test_a_filter_that_is_zero_stays_so() -> None:
    model = nn.Linear(4, 2)
    nn.init.zeros_(model.weight)
    assert torch.equal(direction(model, 0, 0)["weight"], torch.zeros(2, 4))


class Parabola(nn.Module):
    """Logits whose cross-entropy with class 1 is softplus of the squared norm of the weight: known all around its minimum, 0."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(2, 1))

    def forward(self, images: Tensor) -> Tensor:
        height = self.weight.square().sum().expand(len(images))
        return torch.stack((height, torch.zeros_like(height)), dim=1)


def test_a_known_surface_is_found() -> None:
    first, second = {"weight": torch.tensor([[1.0], [0.0]])}, {"weight": torch.tensor([[0.0], [2.0]])}
    offsets = Surface(points=5, span=1, images=1).offsets()
    images, labels = torch.zeros(7, 3, 1, 1), torch.ones(7, dtype=torch.int64)
    losses = losses_around(Parabola(), first, second, offsets, images, labels)
    expected = [[math.log1p(math.exp(a**2 + 4 * b**2)) for b in offsets] for a in offsets]
    torch.testing.assert_close(losses, torch.tensor(expected))


def test_the_network_is_not_changed() -> None:
    model = network().train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    first, second = direction(model, 0, 0), direction(model, 0, 1)
    losses_around(model, first, second, [-1.0, 0.0, 1.0], torch.randn(5, 3, 32, 32), torch.arange(5))
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.fixture
def data(digits: Path) -> PreparedData:
    return prepared.load(digits)


@pytest.fixture
def model(data: PreparedData, tmp_path: Path) -> Path:
    return write_network(tmp_path / "model", data, "digits/resnet/8/seed2", "resnet:8", normalisation="dataset")


def test_a_point_is_the_loss_of_the_moved_network(data: PreparedData, digits: Path, model: Path, tmp_path: Path) -> None:
    write_surface(model, digits, Surface(points=3, span=0.5, images=90), tmp_path / "s.csv", CPU)
    table = read_points([tmp_path / "s.csv"])
    assert len(table) == 9 and stored_key(tmp_path / "s.csv") == table["key"][0]
    assert set(zip(table["family"], table["chain"], table["method"], table["seed"], strict=True)) == {("resnet", "8", "NOKD", 2)}

    chosen = measured_images(data, (0, 0), 90)
    images = Views(chosen, Normalisation.of(data.train, "dataset"), augmentation="none").batch(torch.arange(90), None)
    for a, b in ((0.0, 0.0), (-0.5, 0.5)):
        moved, _ = opened(model)
        first, second = direction(moved, seed=2, axis=0), direction(moved, seed=2, axis=1)
        with torch.no_grad():
            for name, weight in moved.named_parameters():
                if name in first:
                    weight.add_(a * first[name] + b * second[name])
            expected = cross_entropy(moved(images), chosen.labels).item()
        found = table.loc[(table["a"] == a) & (table["b"] == b), "loss"].item()
        assert found == pytest.approx(expected, rel=1e-4)


def test_a_point_at_matched_temperature_is_the_scaled_loss_of_the_moved_network(
    data: PreparedData, digits: Path, model: Path, tmp_path: Path
) -> None:
    write_surface(model, digits, Surface(points=3, span=0.5, images=60), tmp_path / "s.csv", CPU)
    table = read_points([tmp_path / "s.csv"])
    chosen = judged_images(data, 60)
    images = Views(chosen, Normalisation.of(data.train, "dataset"), augmentation="none").batch(torch.arange(60), None)
    moved, _ = opened(model)
    with torch.no_grad():
        scales = [fitted_scale(moved(images)[1 - half :: 2], chosen.labels[1 - half :: 2]) for half in (0, 1)]
        for name, move in direction(moved, seed=2, axis=0).items():
            moved.get_parameter(name).add_(0.5 * move)
        halves = [cross_entropy(moved(images)[half::2] * scales[half], chosen.labels[half::2]).item() for half in (0, 1)]
    found = table.loc[(table["a"] == 0.5) & (table["b"] == 0), "matched_loss"].item()
    assert found == pytest.approx(sum(halves) / 2, rel=1e-4)


def test_test_images_have_two_halves(data: PreparedData) -> None:
    assert len(judged_images(data, 10_000)) == len(data.test) and len(judged_images(data, 5)) == 5
    with pytest.raises(ParameterError, match="images: 1 test images have no two halves"):
        judged_images(data, 1)


def test_a_network_of_torchvision_has_a_surface_too(data: PreparedData, digits: Path, tmp_path: Path) -> None:
    path = write_network(tmp_path / "model", data, "digits/own/small/seed0", "torchvision:resnet18")
    write_surface(path, digits, Surface(points=3, span=0.5, images=20), tmp_path / "s.csv", CPU)
    losses = read_points([tmp_path / "s.csv"])["loss"]
    assert len(losses) == 9 and losses.nunique() == 9


def test_the_same_surface_is_the_same_file(digits: Path, model: Path, tmp_path: Path) -> None:
    for name in ("one", "other"):
        write_surface(model, digits, Surface(points=3, span=1, images=20), tmp_path / name, CPU)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_a_span_that_goes_too_far_is_said(data: PreparedData, digits: Path, tmp_path: Path) -> None:
    path = write_network(tmp_path / "model", data, "digits/resnet/8/seed2", "resnet:8", scale=[1e5, 1e5, 1e5])
    grid = Surface(points=3, span=10, images=20).model_copy(update={"span": 1e30})
    with pytest.raises(DivergenceError, match=r"digits/resnet/8/seed2: the loss isn't finite everywhere.*try a span below 1e"):
        write_surface(path, digits, grid, tmp_path / "s.csv", CPU)
    assert not (tmp_path / "s.csv").exists()


def test_what_was_trained_on_other_images_or_under_another_key_is_refused(
    data: PreparedData, digits: Path, model: Path, tmp_path: Path
) -> None:
    grid = Surface(points=3, span=1, images=20)
    with pytest.raises(ParameterError, match=r"expected 1{16}"):
        write_surface(model, digits, grid, tmp_path / "s.csv", CPU, expected_key="1" * 16)
    other = write_network(tmp_path / "other", data, "digits/resnet/8/seed2", "resnet:8", data_digest="f" * 64)
    with pytest.raises(CheckpointError, match="trained on other images"):
        write_surface(other, digits, grid, tmp_path / "s.csv", CPU)
    assert not (tmp_path / "s.csv").exists()


def test_images_are_drawn_from_those_trained_on(data: PreparedData) -> None:
    some = measured_images(data, (0, 0), 100)
    assert len(some) == 100 and len(some.labels.unique()) == 10
    assert torch.equal(some.images, measured_images(data, (0, 0), 100).images)
    assert len(measured_images(data, (0, 0), len(data.train))) == len(data.train)
    with pytest.raises(ParameterError, match="images: digits has 1438 training images, fewer than 1439"):
        measured_images(data, (0, 0), 1439)
    with pytest.raises(ParameterError, match="training images, fewer than 1400"):
        measured_images(data, (0.1, 0), 1400)


def test_the_centre_of_a_grid_is_the_network_itself() -> None:
    offsets = Surface(points=21, span=0.3, images=1).offsets()
    assert (offsets[0], offsets[10], offsets[-1], len(offsets)) == (-0.3, 0.0, 0.3, 21)


def test_the_rise_is_a_mean_over_the_disc() -> None:
    offsets = Surface(points=3, span=2, images=1).offsets()
    points = [(a, b, 1.5 + a**2 + b**2, 2.5 + 2 * b**2) for a in offsets for b in offsets]
    table = pd.DataFrame(points, columns=["a", "b", "loss", "matched_loss"]).assign(
        dataset="digits", family="plain", chain="2", method="NOKD", seed=0, images=1, commit="c"
    )
    row = flatness.rises(table).iloc[0]
    # the centre and the four ends of the axes; the corners are outside
    assert (row["loss"], row["rise"], row["span"], row["points"]) == (1.5, 4 * 4 / 5, 2, 3)
    assert (row["matched_loss"], row["matched_rise"]) == (2.5, 2 * 8 / 5)
