"""What the labels of a step say, where a recipe has them say less than one class for sure, and how much each counts."""

import torch
from torch import Tensor


def softened(labels: Tensor, classes: int, smoothing: float) -> Tensor:
    """Labels with a share of each spread over all classes alike (Szegedy et al. 2016, section 7); without one as they are.

    labels: (B,), int64, or (B, C), shares of classes. smoothing: in [0, 1). Returns (B, C), float32, rows that sum to 1; the labels
    themselves where smoothing is 0.
    """
    if smoothing == 0:
        return labels
    # F.one_hot asks the processor whether each label is a class
    of = torch.arange(classes, device=labels.device)
    shares = (labels[:, None] == of).float() if labels.dim() == 1 else labels
    return (1 - smoothing) * shares + smoothing / classes


def weights_of(labels: Tensor, class_weights: Tensor | None) -> Tensor | None:
    """How much each label counts: (B,), or None where all count alike.

    labels: (B,), int64, or (B, C), shares of classes, before they are softened. class_weights: (C,).
    """
    if class_weights is None:
        return None
    return class_weights[labels] if labels.dim() == 1 else labels @ class_weights


def balanced_weights(labels: Tensor, classes: int) -> Tensor:
    """How much a label of each class counts, so that all classes count alike together: N / (C n), by n images of N.

    King and Zeng 2001, section 4.2, as scikit-learn's `balanced` has it. labels: (N,), int64, of the training images. classes: how
    many there are; of C, those that have images. Returns (classes,), float32; 0 for a class without images.
    """
    counts = torch.bincount(labels, minlength=classes)
    present = counts > 0
    return torch.where(present, len(labels) / (present.sum() * counts.clamp(min=1)), 0.0).float()
