"""The loop against one written out with torch alone: what takd adds for speed and for going on changes no result."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from takd.data.prepared import PreparedData
from takd.data.views import PADDING, drawn_views, shuffled
from takd.study.names import Name
from takd.study.recipe import Recipe
from takd.training.device import used_precision
from takd.training.loop import initialised, train
from tests.conftest import recipe, taught
from tests.unit.training.conftest import CPU, MadeUp

BATCH, EPOCHS, RATE, DECAY = 128, 2, 0.02, 1e-4


def seen(images: Tensor, positions: Tensor, views: Tensor | None) -> Tensor:
    """Those images, cropped and flipped one by one, in -1…1. images: (N, H, W, 3). Returns (B, 3, H, W)."""
    chosen = images[positions].permute(0, 3, 1, 2)
    if views is not None:
        side, padded, parts = images.shape[1], nn.functional.pad(chosen, (PADDING,) * 4), []
        for image, (row, column, flip) in zip(padded, views[positions].tolist(), strict=True):
            crop = image[:, row : row + side, column : column + side]
            parts.append(crop.flip(2) if flip else crop)
        chosen = torch.stack(parts)
    return (chosen.float() * (1 / 127.5) - 1).contiguous(memory_format=torch.channels_last)


def reference(seed: int, how: Recipe, data: PreparedData, answers: MadeUp | None) -> nn.Module:
    """Two epochs of stochastic gradient descent along a cosine, in the order and the views that `seed` draws."""
    network = initialised(how.network.builder, 10, seed, 32).to(memory_format=torch.channels_last)
    optimiser = torch.optim.SGD(network.parameters(), lr=RATE, momentum=0.9, nesterov=True, weight_decay=DECAY, fused=True)
    precision, count = used_precision(how.optimiser.precision, CPU), len(data.train)
    steps = math.ceil(count / BATCH)
    for epoch in range(EPOCHS):
        views = drawn_views(count, seed, epoch) if how.views.augmentation == "crop_flip" else None
        for step, batch in enumerate(shuffled(torch.arange(count), seed, epoch).split(BATCH)):
            optimiser.param_groups[0]["lr"] = RATE * 0.5 * (1 + math.cos(math.pi * (epoch + step / steps) / EPOCHS))
            with torch.autocast("cpu", dtype=precision, enabled=precision != torch.float32):
                logits = network(seen(data.train.images, batch, views))
            logits, labels = logits.float(), data.train.labels[batch]
            loss = cross_entropy(logits, labels)
            if answers is not None:
                teacher = log_softmax(answers.of_epoch(epoch)[batch].float() / 4, 1)
                divergence = kl_div(log_softmax(logits / 4, 1), teacher, reduction="sum", log_target=True)
                loss = 0.5 * loss + 0.5 * (16 * divergence / len(batch))
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return network


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("name", "builder", "augmentation"),
    [
        ("digits/plain/2/seed0", "plain:2", "none"),
        ("digits/plain/4-2/seed1", "plain:2", "none"),
        ("digits/resnet/8/seed2", "resnet:8", "crop_flip"),
    ],
)
def test_the_loop_is_plain_stochastic_gradient_descent_to_the_bit(
    few: PreparedData, name: str, builder: str, augmentation: str, precision: str
) -> None:
    network = Name.parse(name)
    settings: dict[str, Any] = {
        "builder": builder, "augmentation": augmentation, "precision": precision, "epochs": EPOCHS, "batch_size": BATCH,
        "learning_rate": RATE, "weight_decay": DECAY,
    }  # fmt: skip
    how = taught(**settings) if network.is_distilled else recipe(**settings)
    answers = MadeUp(len(few.train), EPOCHS) if network.is_distilled else None
    trained = train(network, how, few, answers, device=CPU).network
    expected = reference(network.seed, how, few, answers).state_dict()
    for key, tensor in trained.state_dict().items():
        assert torch.equal(tensor, expected[key]), key


@pytest.mark.parametrize("nesterov", [True, False])
def test_a_step_is_stochastic_gradient_descent_with_momentum(few: PreparedData, nesterov: bool) -> None:
    """The update rule written out (Sutskever et al. 2013, as PyTorch documents it), on images of the data set's own statistics."""
    how = recipe(
        builder="plain:2", schedule="constant", batch_size=300, precision="float32", weight_decay=0.5, nesterov=nesterov,
        normalisation="dataset",
    )  # fmt: skip
    trained = train(Name.parse("digits/plain/2/seed0"), how, few, None, device=CPU)
    model = initialised("plain:2", 10, 0, 32).to(memory_format=torch.channels_last)
    velocity = {name: torch.zeros_like(parameter) for name, parameter in model.named_parameters()}
    pixels = few.train.images.double()
    images = ((pixels - pixels.mean((0, 1, 2))) / pixels.std((0, 1, 2))).float().permute(0, 3, 1, 2)
    for _ in range(2):
        gradients = torch.autograd.grad(cross_entropy(model(images), few.train.labels), list(model.parameters()))
        with torch.no_grad():
            for (name, parameter), gradient in zip(model.named_parameters(), gradients, strict=True):
                gradient = gradient + 0.5 * parameter
                velocity[name] = 0.9 * velocity[name] + gradient
                parameter.sub_(0.02 * (gradient + 0.9 * velocity[name] if nesterov else velocity[name]))
    for name, parameter in model.named_parameters():
        torch.testing.assert_close(trained.network.get_parameter(name), parameter, rtol=1e-3, atol=2e-4)  # sums in another order
