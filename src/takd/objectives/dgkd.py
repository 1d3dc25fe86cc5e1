"""Densely guided distillation (Son et al. 2021, "Densely Guided Knowledge Distillation using Multiple Teacher Assistants").

The teacher and all assistants above a student teach it at once, and some, drawn anew at each step, say nothing (its section 3.3).
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from takd.objectives.batch import Batch
from takd.objectives.registry import DGKDFields


def learner(student: nn.Module, peer: nn.Module | None) -> nn.Module:
    """What is trained: the student."""
    return student


def loss(outputs: Tensor, batch: Batch, fields: DGKDFields) -> Tensor:
    """(1 - λ) cross-entropy + λ Σ over teachers of τ² KL(teacher ‖ student) for a batch: a scalar, in nats.

    outputs: logits (B, C), float32.
    """
    assert batch.teacher_logits is not None, "a job gives each student its teachers' answers"
    said = (batch.teacher_logits, *batch.ancestors_logits)
    speaking = [said[place] for place in kept(len(said), fields.dgkd_dropped, batch.random("teachers"))]
    soft = soft_loss(outputs, speaking, temperature=fields.dgkd_temperature)
    return (1 - fields.dgkd_trade_off) * batch.cross_entropy(outputs) + fields.dgkd_trade_off * soft


def kept(teachers: int, dropped: int, random: torch.Generator) -> list[int]:
    """The places of the teachers that speak in one step: all but `dropped`, and at least one."""
    count = max(teachers - dropped, 1)
    return sorted(torch.randperm(teachers, generator=random)[:count].tolist())


def soft_loss(student_logits: Tensor, teachers_logits: Sequence[Tensor], *, temperature: float) -> Tensor:
    """Σ over teachers of τ² KL(teacher ‖ student), averaged over the batch: a scalar, in nats.

    student_logits and each of teachers_logits: (B, C), floating.
    """
    own = F.log_softmax(student_logits / temperature, dim=1)
    soft = student_logits.new_zeros(())
    for each in teachers_logits:
        taught = F.log_softmax(each.to(student_logits.dtype) / temperature, dim=1)
        soft = soft + temperature**2 * F.kl_div(own, taught, reduction="batchmean", log_target=True)
    return soft
