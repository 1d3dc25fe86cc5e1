"""Deep mutual learning (Zhang et al. 2018, "Deep Mutual Learning", eqs. 3 to 5): two networks learn from labels and each other."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from takd.objectives.batch import Batch, cross_entropy
from takd.objectives.registry import MutualFields


class Pair(nn.Module):
    """Two networks side by side: the student, which is kept in the end, and its peer."""

    def __init__(self, student: nn.Module, peer: nn.Module) -> None:
        super().__init__()
        self.student = student
        self.peer = peer

    def forward(self, images: Tensor) -> Tensor:
        """The logits of both: (B, 3, H, W) to (2, B, C), the student's first."""
        return torch.stack((self.student(images), self.peer(images)))


def learner(student: nn.Module, peer: nn.Module | None) -> nn.Module:
    """What is trained: both. One optimiser steps all parameters: what SGD does to one doesn't depend on the others."""
    assert peer is not None, "a job builds the peer that the recipe names"
    return Pair(student, peer)


def loss(outputs: Tensor, batch: Batch, fields: MutualFields) -> Tensor:
    """The pair's loss for a batch: a scalar, in nats. outputs: logits of both (2, B, C), float32."""
    return pair_loss(outputs, batch.labels, separate=batch.epoch < fields.separate_epochs, weights=batch.weights)


def pair_loss(logits: Tensor, labels: Tensor, *, separate: bool, weights: Tensor | None = None) -> Tensor:
    """The sum of what student and peer minimise: cross-entropy where they learn separately, else `mutual_loss`.

    logits: (2, B, C). labels: (B,), int64. weights: (B,), of their cross-entropy. Each term's gradient reaches one
    network alone, so one step on the sum is a step of each on its own loss, both from
    predictions made before either step. Returns a scalar in nats.
    """
    student, peer = logits
    if separate:
        return cross_entropy(student, labels, weights) + cross_entropy(peer, labels, weights)
    return mutual_loss(student, peer, labels, weights) + mutual_loss(peer, student, labels, weights)


def mutual_loss(logits: Tensor, other_logits: Tensor, labels: Tensor, weights: Tensor | None = None) -> Tensor:
    """Cross-entropy + KL(other's prediction ‖ own prediction), averaged over the batch; the other's prediction is a constant.

    logits, other_logits: (B, C), floating, before softmax at temperature 1. labels: (B,), int64. weights: (B,), of the
    cross-entropy. Returns a scalar in nats.
    """
    divergence = F.kl_div(
        F.log_softmax(logits, dim=1),
        F.log_softmax(other_logits.detach(), dim=1),
        reduction="batchmean",
        log_target=True,
    )
    return cross_entropy(logits, labels, weights) + divergence
