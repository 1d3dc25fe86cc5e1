"""What is done to each view beyond crop and flip: torchvision's RandAugment, TrivialAugment, random erasing; one seed an image."""

from collections.abc import Callable

import torch
from torch import Tensor

from takd.data.randomness import generator

ERASED = (125.0, 122.0, 114.0)  # the mean of ImageNet's pixels: RE-M of Zhong et al. 2020
Change = Callable[[Tensor], Tensor]


def change_of(policy: str, erasing: float) -> Change | None:
    """What changes an image, (3, H, W), uint8; None where nothing does. policy: as in a recipe. erasing: a probability."""
    if policy == "none" and erasing == 0:
        return None
    from torchvision.transforms import v2  # late: few recipes need it

    policies = {"none": [], "randaugment": [v2.RandAugment()], "trivialaugment": [v2.TrivialAugmentWide()]}
    erased = [v2.RandomErasing(p=erasing, value=ERASED)] if erasing else []
    return v2.Compose([*policies[policy], *erased])  # type: ignore[no-any-return]


def drawn_seeds(count: int, seed: int, epoch: int) -> Tensor:
    """For each of `count` images the seed of what is done to it in one epoch: (count, 1), int64."""
    return torch.randint(2**62, (count, 1), generator=generator("policy", seed, epoch))


def changed(images: Tensor, seeds: Tensor, change: Change) -> Tensor:
    """Each image changed as its seed has it, whatever else is in the batch. images: (B, H, W, 3), in 0…255. seeds: (B,), int64.

    Returns (B, H, W, 3), uint8.
    """
    pixels = images.permute(0, 3, 1, 2).round().to(torch.uint8) if images.is_floating_point() else images.permute(0, 3, 1, 2)
    done = []
    with torch.random.fork_rng(devices=[]):  # torchvision draws from torch's own generator
        for image, seed in zip(pixels, seeds.tolist(), strict=True):
            torch.default_generator.manual_seed(seed)
            done.append(change(image))
    return torch.stack(done).permute(0, 2, 3, 1).contiguous()
