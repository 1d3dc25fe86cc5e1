"""The one training loop: a network learns from labels alone, from labels and its teacher's answers, or with a peer."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path

import torch
from torch import Tensor, nn

from takd.data.prepared import PreparedData
from takd.data.randomness import generator
from takd.data.views import Normalisation, Views, share_of, training_and_held_out
from takd.errors import DivergenceError
from takd.networks.builders import build, fill
from takd.networks.randomness import uses_randomness
from takd.objectives.registry import ALL
from takd.records.metrics import Epoch, ended_early
from takd.study.names import Name
from takd.study.recipe import Recipe
from takd.study.recipe_parts import Views as WhichImages
from takd.training.averages import add, averaged
from takd.training.captured import steps_of
from takd.training.checkpoint import Progress
from takd.training.device import used_precision
from takd.training.distributed import ALONE, World
from takd.training.inference import EXAMPLE, logits, share_correct, still, top1_answers
from takd.training.labels import balanced_weights
from takd.training.mixing import Mixing
from takd.training.optimiser import optimiser_of
from takd.training.schedule import learning_rate
from takd.training.scores import Scores, scores_of
from takd.training.step import Step
from takd.training.steps import Course, order_of_epoch
from takd.training.teaching import Teaching
from takd.training.unlabelled import TransferSet
from takd.training.watched import Beside, watched


@dataclass(frozen=True)
class Trained:
    """A trained network and the course of its training.

    answers: the kept network's top-1 classes for the images that it is judged on, in their order: (N,), int64. scores: its
    others on them.
    """

    network: nn.Module
    history: list[Epoch]
    answers: Tensor
    scores: Scores


def train(
    name: Name,
    recipe: Recipe,
    data: PreparedData,
    teacher: Teaching | None,
    *,
    device: torch.device,
    start: dict[str, Tensor] | None = None,
    root: Path = Path(),
    progress: Progress | None = None,
    world: World = ALONE,
    on_built: Callable[[], None] = lambda: None,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    on_step: Callable[[int], None] = lambda images: None,
) -> Trained:
    """Train a network by its recipe, under its teacher's answers where it has one, or together with its peer.

    start: the weights to begin from. progress: where the state after each epoch is kept; an interrupted training goes on from there
    and ends in the same bits. world: the processes that share each step; all return the same. on_built: called before the first
    step. Raises DivergenceError where the loss is no longer finite.
    """
    # images
    precision = used_precision(recipe.optimiser.precision, device)
    positions, held_out = chosen_images(data.train.labels, recipe.views, name.seed)
    how = recipe.views
    labelled = data.train.to(device)
    normalisation = Normalisation.of(labelled, how.normalisation)
    everything = data.with_unlabelled().to(device) if how.unlabelled == "folder" else labelled
    images = Views(everything, normalisation, augmentation=how.augmentation, policy=how.policy, erasing=how.erasing)
    transfer = TransferSet.of(data, positions, held_out, how, name.seed)
    judged = everything.subset(held_out.to(device)) if how.validation_share else data.test.to(device)
    judged_images = Views(judged, normalisation, augmentation="none")

    # network
    builder, peer = recipe.network.builder, recipe.network.peer
    student = initialised(builder, data.classes, name.seed, data.size, root)
    if start is not None:
        fill(student, start)
    objective = import_module(ALL[recipe.objective.name].module)
    other = None if peer is None else initialised(peer, data.classes, name.seed, data.size, root)
    on_built()
    model: nn.Module = objective.learner(student, other).to(device, memory_format=torch.channels_last)
    if isinstance(teacher, Beside):
        few = torch.arange(min(EXAMPLE, len(images)), device=device)
        example = images.batch(few, images.of_epoch(name.seed, 0))
        model = watched(model, str(name), teacher, objective.adapter, example, name.seed)
    optimiser = optimiser_of(model, recipe.optimiser)
    clip_norm, parts = recipe.optimiser.clip_norm, recipe.optimiser.batch_norm_parts
    clipped = tuple(each for each in (student, other) if each is not None) if clip_norm else ()
    counting = None
    if recipe.labels.class_weights == "balanced":
        counting = balanced_weights(data.train.labels[positions], data.classes).to(device)
    average = averaged(student, recipe.length.ema_decay)
    kept: nn.Module = student if average is None else average.get_submodule("module")
    steps = steps_of(
        Course(
            name=name,
            recipe=recipe,
            images=images,
            labels=everything.labels,
            order=partial(order_of_epoch, positions, data.train.labels, how.sampling, name.seed),
            classes=data.classes,
            carry_out=Step(model, objective, recipe.objective, optimiser, precision, clipped, clip_norm, world, parts),
            teacher=teacher,
            mixing=Mixing.of(recipe.labels, data.classes),
            transfer=transfer,
            class_weights=counting,
            is_random=uses_randomness(model),
            after_step=None if average is None else partial(add, average, student),
        )
    )
    best: dict[str, Tensor] = {}
    history = [] if progress is None else progress.restore(model, optimiser, best, average)
    world.check_alike(model, len(history))

    for epoch in range(len(history), recipe.all_epochs):
        if ended_early([before.accuracy for before in history], recipe.length.patience):
            break
        # train
        started = time.perf_counter()
        model.train()
        for count in steps.of_epoch(epoch):
            on_step(count)
        _check_finite(steps.losses, name, epoch, recipe)  # one look an epoch: asking after each step would make a GPU wait

        # evaluate
        chosen = top1_answers(still(kept, precision, judged_images), judged_images, world=world)
        accuracy = share_correct(chosen, judged.labels)
        if recipe.length.select != "last" and all(accuracy > before.accuracy for before in history):
            best = {key: tensor.detach().clone() for key, tensor in kept.state_dict().items()}

        # keep
        rate, seconds = learning_rate(recipe, epoch, 0), time.perf_counter() - started
        history.append(
            Epoch(epoch=epoch + 1, learning_rate=rate, loss=steps.losses.mean().item(), accuracy=accuracy, seconds=seconds)
        )
        if progress is not None and world.leads:
            progress.save(model, optimiser, best, history, average)
        on_epoch(history[-1])

    if best:
        fill(kept, best)
    final = logits(still(kept, precision, judged_images), judged_images, world=world)
    return Trained(kept, history, final.argmax(dim=1), scores_of(final, judged.labels))


def chosen_images(labels: Tensor, which: WhichImages, seed: int) -> tuple[Tensor, Tensor]:
    """Positions of the images to train on, and of those that are held out. labels: (N,), of the training split."""
    training, held_out = training_and_held_out(labels, which.validation_share, which.validation_seed)
    return share_of(training, labels, which.training_share, seed), held_out


def initialised(builder: str, classes: int, seed: int, size: int, root: Path = Path()) -> nn.Module:
    """A network as it is before training. Its weights depend on builder and seed alone, so methods start from the same.

    size: pixels along a side of the images.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(generator("weights", seed).initial_seed())
        return build(builder, classes, size=size, root=root)


def _check_finite(losses: Tensor, name: Name, epoch: int, recipe: Recipe) -> None:
    if not losses.isfinite().all():
        step = int((~losses.isfinite()).nonzero()[0])
        raise DivergenceError(
            f"{name}: the loss became {losses[step].item()} in epoch {epoch + 1}, step {step + 1} of {len(losses)}; "
            f"try a learning rate below {recipe.schedule.learning_rate:g}"
        )
