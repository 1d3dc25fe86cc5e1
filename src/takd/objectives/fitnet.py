"""FitNets (Romero et al. 2015, "FitNets: Hints for Thin Deep Nets", eqs. 2 to 4): a hint from the middle, then soft targets."""

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from takd.objectives.batch import Batch, Outputs
from takd.objectives.registry import FitNetFields


class Regressor(nn.Module):
    """From the student's guided layer, the middle one of its stages, to the shape of the teacher's hint."""

    def __init__(self, student: Tensor, teacher: Tensor, place: int) -> None:
        """student, teacher: features of that stage for a few images, (B, C, H, W). place: of the stage."""
        super().__init__()
        self.place = place
        over = [max(own - taught, 0) + 1 for own, taught in zip(student.shape[2:], teacher.shape[2:], strict=True)]
        self.convolution = nn.Conv2d(student.shape[1], teacher.shape[1], (over[0], over[1]))
        self.is_rectified = bool(teacher.min() >= 0)  # as the hint is

    def forward(self, features: Sequence[Tensor]) -> tuple[Tensor]:
        """The student's features of all stages to one that compares with the hint: (B, C, H, W)."""
        regressed = self.convolution(features[self.place])
        return (regressed.relu() if self.is_rectified else regressed,)


def learner(student: nn.Module, peer: nn.Module | None) -> nn.Module:
    """What is trained: the student."""
    return student


def adapter(student: Sequence[Tensor], teacher: Sequence[Tensor]) -> nn.Module:
    """The regressor of eq. 3: a convolution without padding whose kernel is as large as the sizes differ."""
    place = middle(student)
    return Regressor(student[place], teacher[place], place)


def middle(stages: Sequence[Tensor]) -> int:
    """The stage that is compared: of three the second, of two the first."""
    return (len(stages) - 1) // 2


def loss(outputs: Outputs, batch: Batch, fields: FitNetFields) -> Tensor:
    """The hint alone in the epochs of the first stage, then eq. 2: a scalar.

    In the first stage the layers above the guided one get no gradient, so they stay as they are.
    """
    if batch.epoch < fields.fitnet_hint_epochs:
        return hint_loss(outputs.features[0], batch.teacher_features[middle(batch.teacher_features)])
    assert batch.teacher_logits is not None, "a teacher that shows features answers too"
    done = (batch.epoch - fields.fitnet_hint_epochs) / max(batch.epochs - fields.fitnet_hint_epochs - 1, 1)
    weight = fields.fitnet_weight + (fields.fitnet_last_weight - fields.fitnet_weight) * done
    soft = soft_loss(outputs.logits, batch.teacher_logits.float(), temperature=fields.fitnet_temperature)
    return batch.cross_entropy(outputs.logits) + weight * soft


def hint_loss(regressed: Tensor, hint: Tensor) -> Tensor:
    """Eq. 3, averaged: ½ (hint - regressed)², the mean over all elements. Both: (B, C, H, W); a larger hint is averaged first."""
    return F.mse_loss(regressed, F.adaptive_avg_pool2d(hint, (regressed.shape[2], regressed.shape[3]))) / 2


def soft_loss(student_logits: Tensor, teacher_logits: Tensor, *, temperature: float) -> Tensor:
    """Eq. 2's second term less λ: cross-entropy of the student's softmax with the teacher's, both at τ: a scalar, in nats.

    Both logits: (B, C), floating. There is no τ²: the paper has none.
    """
    return F.cross_entropy(student_logits / temperature, F.softmax(teacher_logits / temperature, dim=1))
