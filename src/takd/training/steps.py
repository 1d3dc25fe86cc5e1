"""An epoch's steps, one after the other: what each is given, drawn from (seed, epoch, step), and carried out as it comes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import torch
from torch import Tensor

from takd.data.randomness import generator
from takd.data.views import Views, balanced, shuffled
from takd.networks.randomness import step_randomness
from takd.objectives.batch import Batch
from takd.study.names import Name
from takd.study.recipe import Recipe
from takd.training.labels import softened, weights_of
from takd.training.mixing import Mixing
from takd.training.schedule import learning_rate
from takd.training.step import Step
from takd.training.teaching import Said, Shown, Teaching
from takd.training.unlabelled import TransferSet


@dataclass(frozen=True)
class Course:
    """All that the steps of a training draw on.

    images: all there are to train on, on the device. labels: (N,), theirs, there too. order: of an epoch, the positions of its
    images with labels. classes: C. is_random: whether the network may draw random numbers. after_step: is called after each.
    """

    name: Name
    recipe: Recipe
    images: Views
    labels: Tensor
    order: Callable[[int], Tensor]
    classes: int
    carry_out: Step
    teacher: Teaching | None = None
    mixing: Mixing | None = None
    transfer: TransferSet | None = None
    class_weights: Tensor | None = None
    is_random: bool = False
    after_step: Callable[[], None] | None = None

    @property
    def device(self) -> torch.device:
        """Where all of it is."""
        return self.labels.device

    def begin_epoch(self, epoch: int) -> tuple[Tensor | None, Tensor]:
        """The views that an epoch shows, and the positions of its images in their order; the teacher gets ready."""
        views = self.images.of_epoch(self.name.seed, epoch)
        if self.teacher is not None:
            self.teacher.begin_epoch(epoch, self.device, is_mixed=self.mixing is not None)
        return views, self.order(epoch).to(self.device)


class Steps(Protocol):
    """A training's steps. losses: of the epoch's steps so far, in order, each before its move, on the device."""

    losses: Tensor

    def of_epoch(self, epoch: int) -> Iterator[int]:
        """Carry out an epoch's steps; after each, how many images with labels it had."""


class OneByOne:
    """Steps that are prepared on the processor as they come."""

    def __init__(self, course: Course) -> None:
        self.course = course
        self.losses = torch.empty(0, device=course.device)

    def of_epoch(self, epoch: int) -> Iterator[int]:
        """As Steps has it."""
        course = self.course
        seed, recipe, world = course.name.seed, course.recipe, course.carry_out.world
        teacher, mixing = course.teacher, course.mixing
        views, order = course.begin_epoch(epoch)
        batches = in_batches(order, recipe.optimiser.batch_size)
        steps = batches if course.transfer is None else course.transfer.joined(batches, epoch)
        own = [world.part(batch) for batch in steps] if mixing is None else steps  # mixing pairs images of the whole batch
        self.losses = torch.empty(len(batches), device=course.device)
        for step, (batch, pictures) in enumerate(zip(steps, course.images.batches(own, views), strict=True)):
            labels = course.labels[batch[: len(batches[step])]]
            mix = None if mixing is None else world.mix(mixing.of_step(labels, seed, epoch, step))
            said = Said() if teacher is None else world.said(teacher.of_step(Shown(own[step], views, epoch, mix)), len(batch))
            if mix is not None:
                pictures, labels = mix(pictures)
            if course.is_random:
                step_randomness(seed, epoch, step, world.rank)
            weights = weights_of(labels, course.class_weights)
            labels = softened(labels, course.classes, recipe.labels.label_smoothing)
            random = partial(generator_for, seed, epoch, step)
            told = (said.logits, epoch, said.features, recipe.all_epochs, said.ancestors, random, said.ask)
            given = Batch(labels, *told, weights=weights, unlabelled=len(batch) - len(labels))
            self.losses[step] = course.carry_out(pictures, given, learning_rate(recipe, epoch, step / len(batches)))
            if course.after_step is not None:
                course.after_step()
            yield len(labels)


def order_of_epoch(positions: Tensor, labels: Tensor, sampling: str, seed: int, epoch: int) -> Tensor:
    """The positions that an epoch is trained on, in order. positions: of the training images. sampling: as in a recipe."""
    return balanced(positions, labels, seed, epoch) if sampling == "balanced" else shuffled(positions, seed, epoch)


def in_batches(order: Tensor, size: int) -> list[Tensor]:
    """The positions of one epoch, `size` a step. A single one that is left joins the step before: batch norm needs two."""
    batches = list(order.split(size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        batches[-2:] = [torch.cat(batches[-2:])]
    return batches


def generator_for(seed: int, epoch: int, step: int, purpose: str) -> torch.Generator:
    """The random numbers of one step, for one purpose."""
    return generator(purpose, seed, epoch, step)
