"""What the labels of a step say, where a recipe has them say less than one class for sure."""

import torch.nn.functional as F
from torch import Tensor


def softened(labels: Tensor, classes: int, smoothing: float) -> Tensor:
    """Labels with a share of each spread over all classes alike (Szegedy et al. 2016, section 7); without one as they are.

    labels: (B,), int64, or (B, C), shares of classes. smoothing: in [0, 1). Returns (B, C), float32, rows that sum to 1; the labels
    themselves where smoothing is 0.
    """
    if smoothing == 0:
        return labels
    shares = F.one_hot(labels, classes).float() if labels.dim() == 1 else labels
    return (1 - smoothing) * shares + smoothing / classes
