"""Boundary supporting samples (Heo et al. 2019, "Knowledge Distillation with Adversarial Samples Supporting Decision Boundary").

Beside labels and soft targets a student learns what its teacher says of images that were moved to the boundary between two classes.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from takd.objectives.batch import Asked, Batch
from takd.objectives.registry import BSSFields

NEARLY = 1e-4  # added to how far the boundary is, so that the last step crosses it (ε of eq. 6)


def learner(student: nn.Module, peer: nn.Module | None) -> nn.Module:
    """What is trained: the student."""
    return student


def loss(outputs: Tensor, batch: Batch, fields: BSSFields) -> Tensor:
    """Eq. 9 for a batch: cross-entropy + soft targets + boundary samples, whose weights fall in even steps: a scalar, in nats."""
    assert batch.teacher_logits is not None, "a job gives each student its teacher's answers"
    done = (batch.epoch + 1) / batch.epochs
    soft_weight = fields.bss_soft_weight * (1 - 0.75 * done)
    total = batch.cross_entropy(outputs)
    total = total + soft_weight * soft_loss(outputs, batch.teacher_logits.float(), temperature=fields.bss_temperature)
    if batch.made is not None:
        student, teacher = batch.made
        total = total + boundary_weight(batch, fields) * soft_loss(student, teacher, temperature=fields.bss_temperature)
    return total


def boundary_weight(batch: Batch, fields: BSSFields) -> float:
    """The weight of the boundary samples in an epoch: it falls to 0 at three quarters of the training."""
    return fields.bss_weight * max(1 - 4 / 3 * (batch.epoch + 1) / batch.epochs, 0)


def soft_loss(student_logits: Tensor, teacher_logits: Tensor, *, temperature: float) -> Tensor:
    """Eq. 7 and 8: cross-entropy of the student's softmax with the teacher's, both at τ: a scalar, in nats. Both: (B, C)."""
    return F.cross_entropy(student_logits / temperature, F.softmax(teacher_logits / temperature, dim=1))


def made(pictures: Tensor, outputs: Tensor, batch: Batch, fields: BSSFields) -> Tensor | None:
    """The boundary samples of one step: (M, 3, H, W); None where no image can be moved, or they have no weight any more.

    pictures: (B, 3, H, W). outputs: the student's logits (B, C). Base samples are images that both networks get right; of too many
    those about whose other classes they differ most (section 3.3). The class that each is moved to is drawn by the teacher's
    probabilities of the wrong ones.
    """
    assert batch.teacher_logits is not None and batch.ask is not None, "a job runs the teacher beside its student"
    if boundary_weight(batch, fields) == 0:
        return None
    student, teacher = outputs.detach().softmax(1), batch.teacher_logits.float().softmax(1)
    base = ((teacher.argmax(1) == batch.labels) & (student.argmax(1) == batch.labels)).nonzero().flatten()
    if len(base) == 0:
        return None
    apart = (teacher - student).square()[base]
    apart = apart.sum(1) - apart.gather(1, batch.labels[base, None]).flatten()
    base = base[apart.argsort(descending=True, stable=True)[: fields.bss_samples]]
    wrong = teacher[base].scatter(1, batch.labels[base, None], 0).clamp_min(1e-12).scatter(1, batch.labels[base, None], 0)
    towards = torch.multinomial(wrong.cpu(), 1, generator=batch.random("boundary")).flatten().to(base.device)
    return moved(pictures[base], batch.labels[base], towards, batch.ask, fields)


def moved(pictures: Tensor, labels: Tensor, towards: Tensor, teacher: Asked, fields: BSSFields) -> Tensor:
    """Images moved along the teacher's gradient until it takes them for another class (eqs. 5 and 6), within black and white.

    pictures: (M, 3, H, W). labels, towards: (M,), int64, the class that each is of, and that it is moved to.
    """
    images = pictures.detach().float()
    for _ in range(fields.bss_steps):
        images = images.requires_grad_()
        with torch.enable_grad():
            scores = teacher.logits(images)
            distance = scores.gather(1, labels[:, None]) - scores.gather(1, towards[:, None])
            (gradient,) = torch.autograd.grad(-distance.sum(), images)
        still = (scores.argmax(1) == labels).float()[:, None]
        length = fields.bss_step * still * (distance.detach() + NEARLY)
        direction = gradient / gradient.flatten(1).norm(dim=1).clamp_min(1e-12)[:, None, None, None]
        images = (images.detach() + length[:, :, None, None] * direction).clamp(teacher.darkest, teacher.brightest)
    return images.to(pictures.dtype).contiguous(memory_format=torch.channels_last)
