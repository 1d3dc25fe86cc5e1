"""Distillation from a stronger teacher (Huang et al. 2022, "Knowledge Distillation from A Stronger Teacher", eqs. 5 to 10)."""

import torch.nn.functional as F
from torch import Tensor, nn

from takd.objectives.batch import Batch
from takd.objectives.registry import DISTFields


def learner(student: nn.Module, peer: nn.Module | None) -> nn.Module:
    """What is trained: the student."""
    return student


def loss(outputs: Tensor, batch: Batch, fields: DISTFields) -> Tensor:
    """Cross-entropy + DIST for a batch: a scalar. outputs: logits (B, C), float32."""
    relations = unlabelled_loss(outputs, batch, fields)
    return batch.cross_entropy(outputs) + relations


def unlabelled_loss(outputs: Tensor, batch: Batch, fields: DISTFields) -> Tensor:
    """DIST without cross-entropy, for images without labels: a scalar. outputs: logits (B, C), float32."""
    assert batch.teacher_logits is not None, "a job gives each student its teacher's answers"
    return dist_loss(
        outputs,
        batch.teacher_logits.float(),
        beta=fields.dist_beta,
        gamma=fields.dist_gamma,
        temperature=fields.dist_temperature,
    )


def dist_loss(student_logits: Tensor, teacher_logits: Tensor, *, beta: float, gamma: float, temperature: float) -> Tensor:
    """β times the inter-class loss + γ times the intra-class one, both times τ² as in the authors' code.

    Each is 1 - ρ, Pearson's correlation between student's and teacher's softmax at τ, averaged: of each image over the classes
    (inter-class relation), and of each class over the images of the batch (intra-class relation).

    student_logits, teacher_logits: (B, C), floating. Returns a scalar between 0 and 2 τ² (β + γ).
    """
    student, teacher = (F.softmax(logits / temperature, dim=1) for logits in (student_logits, teacher_logits))
    return temperature**2 * (beta * _distance(student, teacher) + gamma * _distance(student.T, teacher.T))


def _distance(one: Tensor, other: Tensor) -> Tensor:
    """1 - the mean correlation of their rows. Where a row is constant its correlation counts as 0."""
    one, other = (rows - rows.mean(dim=1, keepdim=True) for rows in (one, other))
    return 1 - F.cosine_similarity(one, other, dim=1).mean()
