"""The one training loop: a network learns from labels alone, from labels and its teacher's soft targets, or with a peer."""

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from takd.chain import Network
from takd.checkpoint import Progress
from takd.data.prepared import PreparedData
from takd.data.views import Normalisation, Views, generator, share_of, shuffled, training_and_held_out
from takd.device import used_precision
from takd.errors import DivergenceError
from takd.inference import frozen, share_correct, top1_answers
from takd.networks.registry import build
from takd.objectives.distillation import distillation_loss
from takd.objectives.mutual import Pair, pair_loss
from takd.optimiser import SGD
from takd.recipe import Recipe
from takd.soft_targets import SoftTargets


@dataclass(frozen=True)
class Epoch:
    """One line of a training's history. accuracy: top-1 in per cent after the epoch, on test or held-out images.

    loss: mean over the epoch, in nats; for a network and its peer, the sum of both.
    """

    epoch: int
    learning_rate: float
    loss: float
    accuracy: float
    seconds: float


@dataclass(frozen=True)
class Trained:
    """A trained network and the course of its training.

    answers: the selected network's top-1 classes for the images that it is judged on, in their order: (N,), int64.
    """

    network: nn.Module
    history: list[Epoch]
    answers: Tensor


def train(
    network: Network,
    recipe: Recipe,
    data: PreparedData,
    soft_targets: SoftTargets | None,
    *,
    device: torch.device,
    progress: Progress | None = None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    on_step: Callable[[int], None] = lambda images: None,
) -> Trained:
    """Train `network` by `recipe`, under its teacher's soft targets where it has one, or together with its peer.

    progress: where the state after each epoch is kept; an interrupted training goes on from there and ends in the same bits.
    Raises DivergenceError where the loss is no longer finite.
    """
    precision = used_precision(recipe, device)
    everything = data.train.to(device)
    positions, held_out = chosen_images(data.train.labels, recipe, network.seed)
    normalisation = Normalisation.of(everything, recipe.normalisation)
    images = Views(everything, normalisation, augmented=recipe.augmentation == "crop_flip")
    judged = everything.subset(held_out.to(device)) if recipe.validation_share else data.test.to(device)
    judged_images = Views(judged, normalisation, augmented=False)

    model = learner(network, data.classes).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    student = model.student if isinstance(model, Pair) else model
    optimiser = SGD(model.parameters(), momentum=recipe.momentum, nesterov=recipe.nesterov, weight_decay=recipe.weight_decay)
    history: list[Epoch] = []
    best: dict[str, Tensor] = {}
    if progress is not None:
        history = [Epoch(**entry) for entry in progress.restore(model, optimiser, best)]

    steps = math.ceil(len(positions) / recipe.batch_size)
    for epoch in range(len(history), recipe.all_epochs):
        started = time.perf_counter()
        model.train()
        views = images.of_epoch(network.seed, epoch)
        targets = None if soft_targets is None else soft_targets.of_epoch(epoch).to(device)
        losses = torch.empty(steps, device=device)
        for step, batch in enumerate(shuffled(positions, network.seed, epoch).to(device).split(recipe.batch_size)):
            with torch.autocast(device.type, dtype=precision, enabled=precision != torch.float32):
                logits = model(images.batch(batch, views))
            labels = everything.labels[batch]
            if isinstance(model, Pair):
                loss = pair_loss(logits.float(), labels, separate=epoch < (recipe.separate_epochs or 0))
            else:
                loss = objective(recipe, logits.float(), labels, None if targets is None else targets[batch])
            loss.backward()
            optimiser.step(learning_rate(recipe, epoch, step / steps))
            losses[step] = loss.detach()
            on_step(len(batch))

        # One look an epoch: asking after each step would make a GPU wait.
        if not losses.isfinite().all():
            step = int((~losses.isfinite()).nonzero()[0])
            raise DivergenceError(
                f"{network}: the loss became {losses[step].item()} in epoch {epoch + 1}, step {step + 1} of {steps}; "
                f"try a learning rate below {recipe.learning_rate:g}"
            )
        answers = top1_answers(frozen(student, precision), judged_images)
        accuracy = share_correct(answers, judged.labels)
        if recipe.select not in (None, "last") and all(accuracy > before.accuracy for before in history):
            best = {name: tensor.detach().clone() for name, tensor in student.state_dict().items()}
        history.append(
            Epoch(
                epoch=epoch + 1,
                learning_rate=learning_rate(recipe, epoch, 0),
                loss=losses.mean().item(),
                accuracy=accuracy,
                seconds=time.perf_counter() - started,
            )
        )
        if progress is not None:
            progress.save(model, optimiser, best, [asdict(entry) for entry in history])
        on_epoch(history[-1])
    if best:
        student.load_state_dict(best)
    return Trained(student, history, top1_answers(frozen(student, precision), judged_images))


def chosen_images(labels: Tensor, recipe: Recipe, seed: int) -> tuple[Tensor, Tensor]:
    """Positions of the images that the recipe trains on, and of those that it holds out. labels: (N,), of the training split."""
    training, held_out = training_and_held_out(labels, recipe.validation_share, recipe.validation_seed)
    return share_of(training, labels, recipe.training_share, seed), held_out


def learner(network: Network, classes: int) -> nn.Module:
    """What is trained, before training: the network, or a pair of it and its peer.

    One optimiser steps all parameters of a pair: what SGD does to one doesn't depend on the others.
    """
    student = initialised(network, classes)
    return student if network.peer is None else Pair(student, initialised(network.peer, classes))


def initialised(network: Network, classes: int) -> nn.Module:
    """The network as it is before training. Its weights depend on family, size and seed alone, so methods start from the same."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator("weights", network.seed).initial_seed())
        return build(network.family, network.size, classes)


def learning_rate(recipe: Recipe, epoch: int, share: float) -> float:
    """The step size when `share` (in [0, 1)) of epoch `epoch`, counted from 0, is done.

    In separate epochs it is the one at the start; then the schedule begins. In warm-up epochs it rises from a tenth of that.
    """
    if recipe.warm_up_epochs is not None and epoch < recipe.warm_up_epochs:
        warm = 0.1 + 0.9 * (epoch + share) / recipe.warm_up_epochs
        return warm * learning_rate(recipe.model_copy(update={"warm_up_epochs": None}), epoch, share)
    epoch -= recipe.separate_epochs or 0
    if epoch < 0:
        return recipe.learning_rate
    match recipe.schedule:
        case "constant":
            return recipe.learning_rate
        case "step":
            return recipe.learning_rate * 0.1 ** sum(epoch >= drop for drop in recipe.learning_rate_drops)
        case "cosine":
            return recipe.learning_rate * 0.5 * (1 + math.cos(math.pi * (epoch + share) / recipe.epochs))


def objective(recipe: Recipe, logits: Tensor, labels: Tensor, teacher_logits: Tensor | None) -> Tensor:
    """Eq. 1 where there is no teacher, eq. 3 where there is one: a scalar, in nats."""
    if teacher_logits is None:
        return F.cross_entropy(logits, labels)
    assert recipe.trade_off is not None and recipe.temperature is not None and recipe.kl_reduction is not None
    return distillation_loss(
        logits,
        teacher_logits.float(),
        labels,
        trade_off=recipe.trade_off,
        temperature=recipe.temperature,
        kl_reduction=recipe.kl_reduction,
    )
