"""What an objective is given at each step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch.nn.functional as F
from torch import Generator, Tensor


class Batch(NamedTuple):
    """What each step knows. labels: (B,), int64, or (B, C), float32, what they are softened to: as cross_entropy takes them.

    teacher_logits: (B, C), half precision, where there is a teacher. epoch: counted from 0.
    teacher_features: where the objective compares features, the teacher's, float32, stage by stage. epochs: of the whole training.
    ancestors_logits: where the teacher's teachers teach too, theirs, nearest first. random: numbers for a purpose, drawn from seed,
    epoch and step. ask: the teacher, for images of the objective's own. made: what student and teacher say of those, both (M, C).
    weights: (B,), float32, how much the label of each image counts, where they don't count alike.
    unlabelled: how many images of the batch, the last ones, have no labels: `labels` is of those before them.
    """

    labels: Tensor
    teacher_logits: Tensor | None
    epoch: int
    teacher_features: tuple[Tensor, ...] = ()
    epochs: int = 1
    ancestors_logits: tuple[Tensor, ...] = ()
    random: Callable[[str], Generator] = lambda purpose: Generator().manual_seed(0)
    ask: "Asked | None" = None
    made: tuple[Tensor, Tensor] | None = None
    weights: Tensor | None = None
    unlabelled: int = 0

    def cross_entropy(self, logits: Tensor) -> Tensor:
        """With the labels: a scalar, in nats, the mean over the batch, weighted where labels don't count alike.

        logits: (B, C), float32.
        """
        return cross_entropy(logits, self.labels, self.weights)

    def divided(self) -> tuple["Batch", "Batch"]:
        """The images with labels, and those without; each has its teacher's logits."""
        assert self.teacher_logits is not None, "images without labels have a teacher"
        count = len(self.labels)
        labelled = self._replace(teacher_logits=self.teacher_logits[:count], unlabelled=0)
        return labelled, self._replace(labels=self.labels[:0], teacher_logits=self.teacher_logits[count:])


def cross_entropy(logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """The mean over images, Σ w (-log p) / Σ w: a scalar, in nats.

    logits: (B, C), floating. labels: (B,), int64, or (B, C), shares. weights: (B,), of each image; None: all alike. An image's
    weight, not each share's: torch's `weight` would let the share that smoothing gives to a rare class count as its own labels do.
    """
    if weights is None:
        return F.cross_entropy(logits, labels)
    return (weights * F.cross_entropy(logits, labels, reduction="none")).sum() / weights.sum()


@dataclass(frozen=True)
class Asked:
    """A teacher that can be asked about any images: (M, 3, H, W), as its student sees them, to logits (M, C), float32.

    darkest, brightest: black and white as the student sees them, (3, 1, 1).
    """

    logits: Callable[[Tensor], Tensor]
    darkest: Tensor
    brightest: Tensor


class Outputs(NamedTuple):
    """What a student computes whose features are compared. logits: (B, C). features: what the objective's adapter made of them."""

    logits: Tensor
    features: tuple[Tensor, ...]

    def float(self) -> "Outputs":
        """The same in float32."""
        return Outputs(self.logits.float(), tuple(each.float() for each in self.features))
