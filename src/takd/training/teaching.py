"""What a teacher tells its student at each step, wherever it comes from."""

from abc import ABC, abstractmethod
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from takd.study.names import Name
from takd.training.mixing import Mix


class Shown(NamedTuple):
    """What a student is shown at one step.

    positions: (B,), of training images, on the device. views: of the epoch, as Views.of_epoch gives them. epoch: counted from 0.
    mix: what mixes the step's images before the student sees them; None where they stay as they are.
    """

    positions: Tensor
    views: Tensor | None
    epoch: int
    mix: Mix | None = None


class Said(NamedTuple):
    """What its teacher says of them. logits: (B, C), half precision. features: stage by stage, float32, where they are compared."""

    logits: Tensor | None = None
    features: tuple[Tensor, ...] = ()


class Teaching(Protocol):
    """A student's teacher. teacher_digest: of its weights."""

    teacher: Name
    teacher_key: str
    teacher_digest: str

    def begin_epoch(self, epoch: int, device: torch.device, *, is_mixed: bool) -> None:
        """An epoch is about to be shown; where its images aren't mixed, it may be answered at once."""

    def of_step(self, shown: Shown) -> Said:
        """What it says of one step. Raises DivergenceError where a logit overflows half precision."""


class ByEpoch(ABC):
    """A teacher whose answers to an epoch are there before its first step."""

    @abstractmethod
    def of_epoch(self, epoch: int) -> Tensor:
        """Its logits for the training images as one epoch shows them: (N, C), half precision."""

    def begin_epoch(self, epoch: int, device: torch.device, *, is_mixed: bool) -> None:
        """Bring the epoch's answers to the device."""
        self.answers = self.of_epoch(epoch).to(device)

    def of_step(self, shown: Shown) -> Said:
        """Its logits for the images of one step."""
        return Said(self.answers[shown.positions])
