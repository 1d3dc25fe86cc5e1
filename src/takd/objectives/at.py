"""Attention transfer (Zagoruyko and Komodakis 2017, "Paying More Attention to Attention", section 3.1, eqs. 1 and 2)."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from takd.objectives.batch import Batch, Outputs
from takd.objectives.registry import ATFields


def learner(student: nn.Module, peer: nn.Module | None) -> nn.Module:
    """What is trained: the student."""
    return student


def adapter(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> nn.Module:
    """None is needed: attention has one channel, whatever the features have."""
    return nn.Identity()


def loss(outputs: Outputs, batch: Batch, fields: ATFields) -> Tensor:
    """Cross-entropy + the distance in attention for a batch: a scalar."""
    distance = at_loss(outputs.features, batch.teacher_features, weight=fields.at_weight, squared=fields.at_distance == "squared")
    return batch.cross_entropy(outputs.logits) + distance


def at_loss(student: Sequence[Tensor], teacher: Sequence[Tensor], *, weight: float, squared: bool) -> Tensor:
    """Eq. 2's second term: β/2 Σ over stages of ‖q̂ of the student - q̂ of the teacher‖₂, averaged over the batch.

    q̂ is the attention map, brought to norm 1. β is `weight` divided by the pixels of the stage's map (section 4.1). squared: as the
    authors' code has it, β Σ ‖…‖₂², without the half. Where maps differ in size, the larger is averaged to the smaller's.

    student, teacher: features of each stage, (B, C, H, W), floating. Returns a scalar.
    """
    total = student[0].new_zeros(())
    for own, taught in zip(student, teacher, strict=True):
        size = min(own.shape[2], taught.shape[2]), min(own.shape[3], taught.shape[3])
        difference = attention(own, size) - attention(taught, size)
        distance = difference.square().sum(dim=1) if squared else difference.norm(dim=1) / 2
        total = total + weight / difference.shape[1] * distance.mean()
    return total


def attention(features: Tensor, size: tuple[int, int]) -> Tensor:
    """Eq. 1's map: the mean of squares over the channels, at a size, flat and of norm 1: (B, C, H, W) to (B, pixels)."""
    maps = F.adaptive_avg_pool2d(features.square().mean(dim=1, keepdim=True), size)
    return F.normalize(maps.flatten(1), dim=1)
