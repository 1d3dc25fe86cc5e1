"""Eq. 1 of the paper (Mirzadeh et al. 2020): labels alone."""

from torch import Tensor, nn

from takd.objectives.batch import Batch
from takd.objectives.registry import LabelFields


def learner(student: nn.Module, peer: nn.Module | None) -> nn.Module:
    """What is trained: the student."""
    return student


def loss(outputs: Tensor, batch: Batch, fields: LabelFields) -> Tensor:
    """Cross-entropy with the labels, averaged over the batch: a scalar, in nats. outputs: logits (B, C), float32."""
    return batch.cross_entropy(outputs)
