"""What a frozen network says about the images of a split."""

import torch
from torch import Tensor, nn

from takd.data.views import Views
from takd.networks.frozen import frozen
from takd.training.distributed import ALONE, World

BATCH = 100  # so that a layer's activations stay in the cache: a quarter faster than 500 on one core (docs/decisions/0017)
PIXELS_ON_A_GPU = 2_000_000  # of a batch there, where many images take hardly longer than few
EXAMPLE = 4  # images on which a network that isn't takd's is tried when it is frozen


def still(network: nn.Module, precision: torch.dtype, images: Views) -> nn.Module:
    """A frozen copy of a network, in `precision`, for images like those."""
    positions = torch.arange(min(EXAMPLE, len(images)), device=images.device)
    return frozen(network, precision, images.batch(positions, images.of_epoch(0, 0)))


@torch.inference_mode()
def logits(frozen_network: nn.Module, images: Views, views: Tensor | None = None, *, world: World = ALONE) -> Tensor:
    """Logits of all images of a split in their order: (N, C), float32. views: as Views.batch takes them.

    world: the processes that share the images; the bits are those of one.
    """
    precision = next(frozen_network.parameters()).dtype
    chunks = torch.arange(len(images), device=images.device).split(at_once(images.device, images.split.size))
    return world.filled(
        len(images), chunks, lambda some: (frozen_network(batch.to(precision)) for batch in images.batches(some, views))
    )


def at_once(device: torch.device, side: int) -> int:
    """How many images of so many pixels a side a device is asked about at once."""
    return max(BATCH, PIXELS_ON_A_GPU // side**2) if device.type == "cuda" else BATCH


@torch.inference_mode()
def logits_of(frozen_network: nn.Module, pictures: Tensor) -> Tensor:
    """Logits of images as they are shown: (B, 3, H, W) to (B, C), float32."""
    return frozen_network(pictures.to(next(frozen_network.parameters()).dtype))  # type: ignore[no-any-return]


def top1_answers(frozen_network: nn.Module, images: Views, *, world: World = ALONE) -> Tensor:
    """For each image of a split, in order, the class of the largest logit: (N,), int64. world: as `logits` has it."""
    return logits(frozen_network, images, world=world).argmax(dim=1)


def top1_accuracy(frozen_network: nn.Module, images: Views, labels: Tensor) -> float:
    """Share of the images whose largest logit is their label's, in per cent. labels: (N,)."""
    return share_correct(top1_answers(frozen_network, images), labels)


def share_correct(answers: Tensor, labels: Tensor) -> float:
    """Share of the answers that are the labels, in per cent. Both: (N,)."""
    return 100 * (answers == labels).sum().item() / len(labels)
