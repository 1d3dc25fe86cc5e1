"""The equations 1 to 3 of the paper (Mirzadeh et al. 2020), as a pure function of tensors."""

from typing import Literal, get_args

import torch.nn.functional as F
from torch import Tensor, nn

from takd.objectives.batch import Batch, cross_entropy
from takd.objectives.registry import DistillationFields

KLReduction = Literal["batchmean", "elementmean"]


def distillation_loss(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    *,
    trade_off: float,
    temperature: float,
    kl_reduction: KLReduction = "batchmean",
    weights: Tensor | None = None,
) -> Tensor:
    """Eq. 3: (1 - λ) cross-entropy + λ τ² KL(teacher ‖ student), averaged over the batch.

    student_logits, teacher_logits: (B, C), floating, before softmax. labels: (B,), int64. trade_off: λ in [0, 1];
    temperature: τ > 0. kl_reduction: `batchmean` is the paper's eq. 2; `elementmean` divides the soft loss by C as well, as the
    authors' code does.

    weights: (B,), how much the label of each image counts in the cross-entropy. Returns a scalar in nats. Raises ValueError
    where shapes differ, λ, τ are out of range or there is no such kl_reduction.
    """
    if student_logits.shape != teacher_logits.shape or student_logits.dim() != 2:
        raise ValueError(
            f"student's and teacher's logits must both be (B, C), "
            f"not {tuple(student_logits.shape)} and {tuple(teacher_logits.shape)}"
        )
    if not 0 <= trade_off <= 1:
        raise ValueError(f"trade_off must lie in [0, 1], not {trade_off}")
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, not {temperature}")
    if kl_reduction not in get_args(KLReduction):
        raise ValueError(f"kl_reduction must be one of {', '.join(get_args(KLReduction))}, not {kl_reduction!r}")
    hard = cross_entropy(student_logits, labels, weights)
    soft = soft_targets_loss(student_logits, teacher_logits, temperature=temperature, kl_reduction=kl_reduction)
    return (1 - trade_off) * hard + trade_off * soft


def soft_targets_loss(
    student_logits: Tensor, teacher_logits: Tensor, *, temperature: float, kl_reduction: KLReduction = "batchmean"
) -> Tensor:
    """Eq. 2: τ² KL(teacher ‖ student), averaged as `kl_reduction` has it: a scalar, in nats. Arguments as of eq. 3."""
    divergence = F.kl_div(
        F.log_softmax(student_logits / temperature, dim=1),
        F.log_softmax(teacher_logits / temperature, dim=1),
        reduction="sum",
        log_target=True,
    )
    return temperature**2 * divergence / (len(student_logits) if kl_reduction == "batchmean" else student_logits.numel())


def learner(student: nn.Module, peer: nn.Module | None) -> nn.Module:
    """What is trained: the student."""
    return student


def loss(outputs: Tensor, batch: Batch, fields: DistillationFields) -> Tensor:
    """Eq. 3 for a batch: a scalar, in nats. outputs: logits (B, C), float32."""
    assert batch.teacher_logits is not None, "a job gives each student its teacher's answers"
    return distillation_loss(
        outputs,
        batch.teacher_logits.float(),
        batch.labels,
        trade_off=fields.trade_off,
        temperature=fields.temperature,
        kl_reduction=fields.kl_reduction,
        weights=batch.weights,
    )


def unlabelled_loss(outputs: Tensor, batch: Batch, fields: DistillationFields) -> Tensor:
    """Eq. 3 at λ = 1 for images without labels: a scalar, in nats. outputs: logits (B, C), float32."""
    assert batch.teacher_logits is not None, "a job gives each student its teacher's answers"
    taught = batch.teacher_logits.float()
    return soft_targets_loss(outputs, taught, temperature=fields.temperature, kl_reduction=fields.kl_reduction)
