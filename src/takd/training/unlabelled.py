"""Images without labels: the transfer set, on which a student hears its teacher alone, a share of it at each step."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from takd.data.prepared import PreparedData
from takd.data.randomness import generator
from takd.data.splits import Split
from takd.study.recipe_parts import Views


@dataclass(frozen=True)
class TransferSet:
    """A transfer set (Hinton et al. 2015), counted in steps: each takes the next `size` images of an endless row of passes over it.

    positions: (M,), int64, of its images, ascending. seed: draws the order of each pass.
    """

    positions: Tensor
    size: int
    seed: int

    @classmethod
    def of(cls, data: PreparedData, training: Tensor, held_out: Tensor, which: Views, seed: int) -> Self | None:
        """What a recipe asks for; None where it asks for none.

        training, held_out: positions of the images that are trained on, and that are judged. A folder's come after all of these.
        """
        if which.unlabelled == "none":
            return None
        if which.unlabelled == "folder":
            more = 0 if data.unlabelled is None else len(data.unlabelled)
            return cls(torch.arange(len(data.train), len(data.train) + more), which.unlabelled_batch, seed)
        unused = torch.ones(len(data.train), dtype=torch.bool)
        unused[training] = unused[held_out] = False
        return cls(unused.nonzero().squeeze(1), which.unlabelled_batch, seed)

    def joined(self, batches: Sequence[Tensor], epoch: int) -> list[Tensor]:
        """The positions of an epoch's steps, each with those that join it at its end. All of them are on the steps' device."""
        joining = self.of_epoch(len(batches), epoch)
        return [torch.cat((batch, more.to(batch.device))) for batch, more in zip(batches, joining, strict=True)]

    def of_epoch(self, steps: int, epoch: int) -> list[Tensor]:
        """What joins each step of an epoch: (size,) each. steps: of every epoch."""
        images, taken = len(self.positions), steps * self.size
        first, begun = divmod(epoch * taken, images)
        last = ((epoch + 1) * taken - 1) // images
        row = torch.cat([self.of_pass(number) for number in range(first, last + 1)])
        return list(row[begun : begun + taken].reshape(steps, self.size))

    def of_pass(self, number: int) -> Tensor:
        """Its images in the order of one pass."""
        return self.positions[torch.randperm(len(self.positions), generator=generator("unlabelled", self.seed, number))]


def judged_among(data: PreparedData, held_out: Tensor) -> int:
    """How many of a data set's images without labels are judged on: held out, by their positions, or, if none is, for testing."""
    if data.unlabelled is None:
        return 0
    judged = _digests(data.train.subset(held_out) if len(held_out) else data.test)
    return sum(digest in judged for digest in map(_digest, data.unlabelled))


def _digests(split: Split) -> set[bytes]:
    return set(map(_digest, split.images))


def _digest(image: Tensor) -> bytes:
    return hashlib.sha256(image.numpy().tobytes()).digest()
