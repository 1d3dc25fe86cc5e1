"""What an objective is given at each step."""

from typing import NamedTuple

from torch import Tensor


class Batch(NamedTuple):
    """labels: (B,), int64. teacher_logits: (B, C), half precision, where there is a teacher. epoch: counted from 0."""

    labels: Tensor
    teacher_logits: Tensor | None
    epoch: int
