"""Loss surfaces around trained networks (Li et al. 2018, "Visualizing the loss landscape of neural nets").

A network's weights are moved along two random directions, each scaled, filter by filter, to the norms of the network's own filters:
without that, networks whose weights differ in size couldn't be compared.
"""

import copy
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from takd.code import code_hash
from takd.data import prepared
from takd.data.prepared import PreparedData
from takd.data.randomness import generator
from takd.data.splits import Split
from takd.data.views import training_and_held_out
from takd.errors import DivergenceError, ParameterError
from takd.measuring.matched import fitted_scales, matched_loss
from takd.networks.frozen import folded
from takd.records.key import check_key, surface_key
from takd.records.provenance import commit
from takd.records.surface import write_points
from takd.study.params import Surface
from takd.training.inference import BATCH
from takd.training.opened import opened, shown

Direction = dict[str, Tensor]
Loss = Callable[[Tensor, Tensor], Tensor]  # of logits (N, C) and labels (N,)


def direction(network: nn.Module, seed: int, axis: int) -> Direction:
    """A random direction in weight space: for each weight by name, a tensor of its shape whose filters have its filters' norms.

    A filter is what makes one output: an output channel of a convolution, a row of a fully connected layer. Biases and batch norm's
    parameters have no entry, as they aren't moved. Networks of the same shapes get the same draw for the same seed and axis (0, 1).
    """
    source = generator("surface", seed, axis)
    return {
        name: _with_norms_of(weight.detach(), torch.randn(weight.shape, generator=source).to(weight.device))
        for name, weight in network.named_parameters()
        if weight.dim() > 1
    }


def _with_norms_of(weight: Tensor, draw: Tensor) -> Tensor:
    """`draw`, each of its filters scaled to the norm of the weight's. Both: (filters, …)."""
    filters = draw.flatten(1)
    ratio: Tensor = weight.flatten(1).norm(dim=1, keepdim=True) / filters.norm(dim=1, keepdim=True)
    return (filters * ratio).view_as(draw)


@torch.inference_mode()
def losses_around(
    network: nn.Module,
    first: Direction,
    second: Direction,
    offsets: list[float],
    images: Tensor,
    labels: Tensor,
    loss: Loss = cross_entropy,
) -> Tensor:
    """The loss of logits with the labels, in nats, where the weights are moved by a · first + b · second.

    images: (N, 3, H, W), as the network takes them; labels: (N,). Returns (len(offsets), len(offsets)), float32, a by rows and b by
    columns. The network is in evaluation mode, its running statistics stay what they are, and it isn't changed.
    """
    moved = copy.deepcopy(network).eval()
    weights = {name: weight for name, weight in moved.named_parameters() if name in first}
    origin = {name: weight.clone() for name, weight in weights.items()}
    losses = torch.empty(len(offsets), len(offsets))
    for i, a in enumerate(offsets):
        for j, b in enumerate(offsets):
            for name, weight in weights.items():
                weight.copy_(origin[name] + a * first[name] + b * second[name])
            losses[i, j] = loss(_logits(folded(moved), images), labels)
    return losses


def _logits(network: nn.Module, images: Tensor) -> Tensor:
    return torch.cat([network(batch) for batch in images.split(BATCH)])


def measured_images(data: PreparedData, held_out: tuple[float, int], count: int) -> Split:
    """`count` of the training images that aren't held out, the same ones for every network that holds out the same.

    held_out: share and seed. Raises ParameterError where there are fewer.
    """
    trained_on, _ = training_and_held_out(data.train.labels, *held_out)
    if count > len(trained_on):
        raise ParameterError(f"images: {data.name} has {len(trained_on)} training images, fewer than {count}")
    order = torch.randperm(len(trained_on), generator=generator("surface images"))
    return data.train.subset(trained_on[order[:count]])


def judged_images(data: PreparedData, count: int) -> Split:
    """`count` of the test images, or all where there are fewer, the same ones for every network. Raises ParameterError below 2."""
    if min(count, len(data.test)) < 2:
        raise ParameterError(f"images: {min(count, len(data.test))} test images have no two halves; ask for 2 or more")
    order = torch.randperm(len(data.test), generator=generator("surface test images"))
    return data.test.subset(order[:count])


def write_surface(
    model: Path,
    data_path: Path,
    grid: Surface,
    output: Path,
    device: torch.device,
    *,
    builder: str | None = None,
    expected_key: str | None = None,
) -> None:
    """Write the losses around a trained network as a CSV, a row a point. The directions are those of its seed.

    Each point has the loss on training images, and that on as many test images at matched temperature: see matched.py.

    Raises CheckpointError where the network was trained on another data set, ParameterError where there are too few images,
    DivergenceError where a loss isn't finite.
    """
    made_at = commit()
    data = prepared.load(data_path)
    network, about = opened(model, data_digest=data.digest, builder=builder)
    name = about.network
    key = surface_key(about.key, grid.model_dump(), code=code_hash("takd.measuring.surface"))
    check_key(output, key, expected_key)
    splits = [split.to(device) for split in (measured_images(data, about.held_out, grid.images), judged_images(data, grid.images))]
    (images, labels), (test_images, test_labels) = (
        (shown(split, about).batch(torch.arange(len(split), device=device), None), split.labels) for split in splits
    )
    network = network.to(device)
    first, second = (direction(network, name.seed, axis) for axis in (0, 1))
    offsets = grid.offsets()
    losses = losses_around(network, first, second, offsets, images, labels)
    with torch.inference_mode():
        scales = fitted_scales(_logits(folded(network), test_images), test_labels)
    at_matched = partial(matched_loss, scales=scales)
    matched = losses_around(network, first, second, offsets, test_images, test_labels, at_matched)
    if not (losses.isfinite() & matched.isfinite()).all():
        raise DivergenceError(f"{name}: the loss isn't finite everywhere on the grid; try a span below {grid.span:g}")
    points = [(a, b, losses[i, j].item(), matched[i, j].item()) for i, a in enumerate(offsets) for j, b in enumerate(offsets)]
    write_points(output, name, points, images=grid.images, commit=made_at, key=key)
