"""What the tests of objectives over logits share: a batch in float64, numpy's softmax, and a gradient by differences."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

BATCH, CLASSES = 16, 7
Made = tuple[Tensor, Tensor, Tensor]


def made(classes: int = CLASSES) -> Made:
    """Logits of a student and its teacher, (B, C), float64, and labels."""
    generator = torch.Generator().manual_seed(5)
    student = 3 * torch.randn(BATCH, classes, generator=generator, dtype=torch.float64)
    teacher = 5 * torch.randn(BATCH, classes, generator=generator, dtype=torch.float64)
    return student, teacher, torch.randint(classes, (BATCH,), generator=generator)


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def gradient_of(formula: Callable[[np.ndarray], float], at: Tensor, step: float = 1e-5) -> Tensor:
    """By central differences of a formula that torch has no part in."""
    point, gradient = at.detach().numpy().copy(), np.zeros(tuple(at.shape))
    for place in np.ndindex(*at.shape):
        there = point[place]
        point[place] = there + step
        above = formula(point)
        point[place] = there - step
        gradient[place] = (above - formula(point)) / (2 * step)
        point[place] = there
    return torch.from_numpy(gradient)


def answers(student: Tensor, teacher: Tensor) -> tuple[dict[str, dict[str, Tensor]], dict[str, dict[str, Tensor]]]:
    """As torchdistill's losses take logits."""
    return {"logits": {"output": student}}, {"logits": {"output": teacher}}


PLACES = ("logits", "output", "logits", "output")
