"""The flow of solution procedure (Yim et al. 2017, "A Gift from Knowledge Distillation", eqs. 1 and 2), then labels alone."""

from collections.abc import Sequence
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from takd.errors import ParameterError
from takd.objectives.batch import Batch, Outputs
from takd.objectives.registry import FSPFields


class Widened(nn.Module):
    """The student's features, each through a 1x1 convolution to its teacher's channels where they differ."""

    def __init__(self, student: Sequence[Tensor], teacher: Sequence[Tensor]) -> None:
        """student, teacher: features of each stage for a few images, (B, C, H, W)."""
        super().__init__()
        widths = [(own.shape[1], taught.shape[1]) for own, taught in zip(student, teacher, strict=True)]
        self.stages = nn.ModuleList(nn.Identity() if own == taught else nn.Conv2d(own, taught, 1) for own, taught in widths)

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """(B, C, H, W) of each stage to the same with the teacher's channels."""
        return tuple(stage(each) for stage, each in zip(self.stages, features, strict=True))


def learner(student: nn.Module, peer: nn.Module | None) -> nn.Module:
    """What is trained: the student."""
    return student


def adapter(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> nn.Module:
    """Nothing where the networks are as wide. Raises ParameterError where they have one stage alone: a flow needs two."""
    if len(student) < 2:
        raise ParameterError("+fsp compares the flow from stage to stage, but the networks share one stage alone; take +at")
    return Widened(student, teacher)


def loss(outputs: Outputs, batch: Batch, fields: FSPFields) -> Tensor:
    """Eq. 2 alone in the epochs of the first stage, then cross-entropy: a scalar."""
    if batch.epoch < fields.fsp_epochs:
        return fsp_loss(outputs.features, batch.teacher_features, weight=fields.fsp_weight)
    return batch.cross_entropy(outputs.logits)


def fsp_loss(student: Sequence[Tensor], teacher: Sequence[Tensor], *, weight: float) -> Tensor:
    """Eq. 2: λ Σ over pairs of neighbouring stages of the squares of G of the teacher - G of the student, averaged.

    The paper sums them over a matrix's entries and takes a rate of 0.001 and less (section 4.1.1). The mean, as in mdistiller, lets
    the recipe's rate fit networks of any width: the sum over the 128 x 256 entries of plain CNNs diverges at 0.0001 too.

    student, teacher: features of each stage, (B, C, H, W), floating; C the same in both. Returns a scalar.
    """
    total = student[0].new_zeros(())
    for own, taught in zip(pairwise(student), pairwise(teacher), strict=True):
        total = total + F.mse_loss(fsp_matrix(*own), fsp_matrix(*taught))
    return weight * total


def fsp_matrix(first: Tensor, second: Tensor) -> Tensor:
    """Eq. 1: G = Σ over pixels of first · second / pixels: (B, C1, H, W) and (B, C2, H, W) to (B, C1, C2).

    Where sizes differ, the larger is brought to the smaller's by its maxima, as in section 3.3.
    """
    size = min(first.shape[2], second.shape[2]), min(first.shape[3], second.shape[3])
    one, other = (each if each.shape[2:] == size else F.adaptive_max_pool2d(each, size) for each in (first, second))
    return one.flatten(2) @ other.flatten(2).transpose(1, 2) / (size[0] * size[1])
