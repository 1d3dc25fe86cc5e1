"""One step of a training: what the network computes, its loss, and the move along the gradient."""

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from takd.objectives.batch import Batch
from takd.objectives.registry import Fields
from takd.training.distributed import ALONE, World
from takd.training.optimiser import Optimiser


@dataclass(frozen=True)
class Step:
    """Carries out one step.

    model: all that is trained. objective: a module of takd.objectives. precision: in which the model computes. clipped: networks
    whose gradients are cut, each to the norm `clip_norm`. world: the processes that share each step. norm_parts: as a recipe
    has batch_norm_parts.
    """

    model: nn.Module
    objective: ModuleType
    fields: Fields
    optimiser: Optimiser
    precision: torch.dtype
    clipped: tuple[nn.Module, ...] = ()
    clip_norm: float = 0
    world: World = ALONE
    norm_parts: int = 1

    def __call__(self, pictures: Tensor, batch: Batch, learning_rate: float | Tensor) -> Tensor:
        """The loss of one batch before its move: a scalar, on the device. pictures: (B, 3, H, W), of this process's part of it."""
        count = len(batch.labels) + batch.unlabelled
        outputs = self.computed(pictures, count)
        if batch.ask is not None:  # the objective makes images of its own
            made = self.objective.made(self.world.whole(pictures, count), outputs, batch, self.fields)
            if made is not None and len(made) >= max(2, self.world.size):  # batch norm compares some, and each process has one
                batch = batch._replace(made=(self.computed(self.world.part(made), len(made)), batch.ask.logits(made)))
        loss = self.loss(outputs, batch)
        loss.backward()
        self.world.sum_gradients(self.optimiser.parameters)
        for each in self.clipped:
            nn.utils.clip_grad_norm_(each.parameters(), self.clip_norm)
        self.optimiser.step(learning_rate)
        return loss.detach()

    def loss(self, outputs: Any, batch: Batch) -> Tensor:
        """The objective's, a scalar; where images of the batch have no labels, the mean over all images, each counting alike."""
        if not batch.unlabelled:
            loss: Tensor = self.objective.loss(outputs, batch, self.fields)
            return loss
        labelled, unlabelled = batch.divided()
        outputs_of = outputs.split((len(batch.labels), batch.unlabelled))
        by_labels = self.objective.loss(outputs_of[0], labelled, self.fields)
        by_teacher = self.objective.unlabelled_loss(outputs_of[1], unlabelled, self.fields)
        mean: Tensor = (len(batch.labels) * by_labels + batch.unlabelled * by_teacher) / len(outputs)
        return mean

    def computed(self, pictures: Tensor, count: int) -> Any:
        """What the model makes of all images, in float32: what its objective compares. pictures: of this process, of `count`."""
        autocast = torch.autocast(pictures.device.type, dtype=self.precision, enabled=self.precision != torch.float32)
        with autocast, self.world.normalising(self.norm_parts):
            outputs = self.model(pictures)
        return self.world.outputs(outputs.float(), count)
