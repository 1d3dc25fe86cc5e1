"""Losses at matched temperature: each network's logits are scaled by one number, so that none is surer of itself than it should be.

A loss rises faster for a network that is surer, whatever its surface. The number is fitted (Guo et al. 2017, "On calibration of
modern neural networks") on one half of some test images, and the loss is that on the other; then the halves are swapped.
"""

import math

from scipy.optimize import minimize_scalar
from torch import Tensor
from torch.nn.functional import cross_entropy

LARGEST = 1000.0  # scale, and 1 over the smallest

Scales = tuple[float, float]


def fitted_scale(logits: Tensor, labels: Tensor) -> float:
    """The number by which logits are to be multiplied for the least cross-entropy with the labels, 0.001 to 1,000.

    logits: (N, C); labels: (N,). It is 1 over a temperature.
    """
    exact, bound = logits.double(), math.log(LARGEST)

    def loss(log_scale: float) -> float:
        return cross_entropy(exact * math.exp(log_scale), labels).item()

    return math.exp(float(minimize_scalar(loss, bounds=(-bound, bound), method="bounded", options={"xatol": 1e-6}).x))


def fitted_scales(logits: Tensor, labels: Tensor) -> Scales:
    """The scales for the even and for the odd images, each fitted on the others. Both need images: N is 2 or more."""
    return fitted_scale(logits[1::2], labels[1::2]), fitted_scale(logits[::2], labels[::2])


def matched_loss(logits: Tensor, labels: Tensor, scales: Scales) -> Tensor:
    """Mean cross-entropy in nats, a scalar, where each half's logits are scaled by its number, as `fitted_scales` gives them."""
    scaled = logits.clone()
    for half, scale in enumerate(scales):
        scaled[half::2] *= scale
    return cross_entropy(scaled, labels)
