"""What a frozen network says about the images of a split."""

import torch
from torch import Tensor, nn

from takd.data.views import Views
from takd.networks.frozen import frozen

__all__ = ["BATCH", "frozen", "logits", "share_correct", "top1_accuracy", "top1_answers"]

BATCH = 100  # so that a layer's activations stay in the cache: a quarter faster than 500 on one core (docs/decisions/0017)


@torch.inference_mode()
def logits(frozen_network: nn.Module, images: Views, views: Tensor | None = None) -> Tensor:
    """Logits of all images of a split in their order: (N, C), float32. views: as Views.batch takes them."""
    precision = next(frozen_network.parameters()).dtype
    positions = torch.arange(len(images), device=images.device)
    return torch.cat([frozen_network(images.batch(chunk, views).to(precision)) for chunk in positions.split(BATCH)])


def top1_accuracy(frozen_network: nn.Module, images: Views, labels: Tensor) -> float:
    """Share of the images whose largest logit is their label's, in per cent."""
    return share_correct(top1_answers(frozen_network, images), labels)


def top1_answers(frozen_network: nn.Module, images: Views) -> Tensor:
    """For each image of a split, in order, the class of the largest logit: (N,), int64."""
    return logits(frozen_network, images).argmax(dim=1)


def share_correct(answers: Tensor, labels: Tensor) -> float:
    """Share of the answers that are the labels, in per cent. Both: (N,)."""
    return 100 * (answers == labels).sum().item() / len(labels)
