"""Decoupled knowledge distillation (Zhao et al. 2022, "Decoupled Knowledge Distillation", eqs. 3 to 7)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from takd.objectives.batch import Batch
from takd.objectives.registry import DKDFields


def learner(student: nn.Module, peer: nn.Module | None) -> nn.Module:
    """What is trained: the student."""
    return student


def loss(outputs: Tensor, batch: Batch, fields: DKDFields) -> Tensor:
    """Cross-entropy + DKD for a batch: a scalar, in nats. outputs: logits (B, C), float32.

    In the first `dkd_warm_up_epochs` the weight of DKD rises in even steps, as in the authors' code; the paper's text has none.
    Where labels are softened, DKD sets apart the class with the largest share; of an image that is mixed, one of the two.
    """
    assert batch.teacher_logits is not None, "a job gives each student its teacher's answers"
    weight = min((batch.epoch + 1) / fields.dkd_warm_up_epochs, 1.0) if fields.dkd_warm_up_epochs else 1.0
    decoupled = dkd_loss(
        outputs,
        batch.teacher_logits.float(),
        batch.labels if batch.labels.dim() == 1 else batch.labels.argmax(dim=1),
        alpha=fields.dkd_alpha,
        beta=fields.dkd_beta,
        temperature=fields.dkd_temperature,
    )
    return batch.cross_entropy(outputs) + weight * decoupled


def dkd_loss(
    student_logits: Tensor, teacher_logits: Tensor, labels: Tensor, *, alpha: float, beta: float, temperature: float
) -> Tensor:
    """Eq. 7, times τ²: α TCKD + β NCKD, averaged over the batch.

    TCKD = KL(bᵗ ‖ bˢ), with b = (p of the label, 1 - it): eq. 1. NCKD = KL(p̂ᵗ ‖ p̂ˢ), with p̂ the softmax over the other classes
    alone: eq. 2. KL itself would be TCKD + (1 - p of the label by the teacher) NCKD: eq. 6.

    student_logits, teacher_logits: (B, C), floating. labels: (B,), int64. Returns a scalar in nats.
    """
    student, teacher = (_parts(logits / temperature, labels) for logits in (student_logits, teacher_logits))
    target, non_target = (
        F.kl_div(own, taught, reduction="batchmean", log_target=True) for own, taught in zip(student, teacher, strict=True)
    )
    return temperature**2 * (alpha * target + beta * non_target)


def _parts(logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Logarithms of b: (B, 2), and of p̂: (B, C - 1)."""
    own = logits.gather(1, labels[:, None])  # (B, 1)
    classes = torch.arange(logits.shape[1] - 1, device=logits.device)
    others = logits.gather(1, classes + (classes >= labels[:, None]))  # (B, C - 1)
    binary = torch.cat((own, others.logsumexp(dim=1, keepdim=True)), dim=1)
    return F.log_softmax(binary, dim=1), F.log_softmax(others, dim=1)
