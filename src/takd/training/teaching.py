"""What a teacher tells its student at each step, wherever it comes from."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from takd.objectives.batch import Asked
from takd.records.key import teachers_digest, teachers_key
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
    """What its teacher says of them. logits: (B, C), half precision. features: stage by stage, float32, where they are compared.

    ancestors: logits of the teacher's teachers, nearest first, where they teach too. ask: the teacher, where the objective makes
    images of its own.
    """

    logits: Tensor | None = None
    features: tuple[Tensor, ...] = ()
    ancestors: tuple[Tensor, ...] = ()
    ask: Asked | None = None


class Teaching(Protocol):
    """A student's teacher. teacher_digest: of its weights; of several, of those of all."""

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


class Several:
    """Teachers that teach one student at once: its own and all above it, or an ensemble of equals.

    temperature: of an ensemble, whose softmax functions at τ are averaged (Hinton et al. 2015); None where each speaks for itself.
    """

    def __init__(self, teachers: Sequence[Teaching], temperature: float | None) -> None:
        self.teachers, self.temperature = teachers, temperature
        self.teacher = teachers[0].teacher
        self.teacher_digest = teachers_digest([each.teacher_digest for each in teachers])
        self.teacher_key = teachers_key([each.teacher_key for each in teachers])

    def begin_epoch(self, epoch: int, device: torch.device, *, is_mixed: bool) -> None:
        """All of them get ready."""
        for each in self.teachers:
            each.begin_epoch(epoch, device, is_mixed=is_mixed)

    def of_step(self, shown: Shown) -> Said:
        """What each says, or what they say together."""
        logits = [said for each in self.teachers if (said := each.of_step(shown).logits) is not None]
        return Said(together(logits, self.temperature)) if self.temperature else Said(logits[0], ancestors=tuple(logits[1:]))


def together(logits: Sequence[Tensor], temperature: float) -> Tensor:
    """Logits whose softmax at τ is the mean of the teachers' at τ: each (B, C) to (B, C), float32."""
    mean = torch.stack([each.float().div(temperature).log_softmax(1) for each in logits]).logsumexp(0) - math.log(len(logits))
    return temperature * mean
