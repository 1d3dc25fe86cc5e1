"""Logit standardisation (Sun et al. 2024, "Logit Standardization in Knowledge Distillation", algorithms 1 and 2)."""

import torch.nn.functional as F
from torch import Tensor, nn

from takd.objectives.batch import Batch
from takd.objectives.registry import LogitStdFields

SMALLEST = 1e-7  # is added to a standard deviation, as in the authors' code: logits may be equal


def learner(student: nn.Module, peer: nn.Module | None) -> nn.Module:
    """What is trained: the student."""
    return student


def loss(outputs: Tensor, batch: Batch, fields: LogitStdFields) -> Tensor:
    """Weighted cross-entropy + weighted divergence for a batch: a scalar, in nats. outputs: logits (B, C), float32."""
    divergence = unlabelled_loss(outputs, batch, fields)
    return fields.logit_std_label_weight * batch.cross_entropy(outputs) + divergence


def unlabelled_loss(outputs: Tensor, batch: Batch, fields: LogitStdFields) -> Tensor:
    """The weighted divergence alone, for images without labels: a scalar, in nats. outputs: logits (B, C), float32."""
    assert batch.teacher_logits is not None, "a job gives each student its teacher's answers"
    divergence = standardised_loss(outputs, batch.teacher_logits.float(), temperature=fields.logit_std_temperature)
    return fields.logit_std_weight * divergence


def standardised_loss(student_logits: Tensor, teacher_logits: Tensor, *, temperature: float) -> Tensor:
    """τ² KL(teacher ‖ student), averaged over the batch, of logits that are standardised image by image, then divided by τ.

    student_logits, teacher_logits: (B, C), floating. Returns a scalar in nats.
    """
    student, teacher = (F.log_softmax(standardised(logits) / temperature, dim=1) for logits in (student_logits, teacher_logits))
    return temperature**2 * F.kl_div(student, teacher, reduction="batchmean", log_target=True)


def standardised(logits: Tensor) -> Tensor:
    """(z - mean) / standard deviation over the classes of each image: (B, C).

    The deviation is the paper's, over C classes; the authors' code divides by C - 1.
    """
    centred = logits - logits.mean(dim=1, keepdim=True)
    return centred / (logits.std(dim=1, correction=0, keepdim=True) + SMALLEST)
