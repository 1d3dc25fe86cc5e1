"""Images mixed with their labels: torchvision's mixup and CutMix, drawn from (seed, epoch, step)."""

from collections.abc import Callable
from typing import Self

import torch
from torch import Tensor

from takd.data.randomness import generator
from takd.study.recipe_parts import Labels

Mix = Callable[[Tensor], tuple[Tensor, Tensor]]


class Mixing:
    """What mixes the images of a step. Each goes with the one before it in the step, as torchvision has it."""

    def __init__(self, mixup: float | None, cutmix: float | None, classes: int) -> None:
        """mixup, cutmix: their α, above 0; where both are given, each step draws one of the two. classes: C."""
        from torchvision.transforms import v2  # late: few recipes need it

        kinds = ((v2.MixUp, mixup), (v2.CutMix, cutmix))
        transforms = [kind(alpha=alpha, num_classes=classes) for kind, alpha in kinds if alpha is not None]
        self.transform = transforms[0] if len(transforms) == 1 else v2.RandomChoice(transforms)

    @classmethod
    def of(cls, labels: Labels, classes: int) -> Self | None:
        """What a recipe asks for; None where it mixes nothing."""
        return cls(labels.mixup, labels.cutmix, classes) if labels.mixes else None

    def of_step(self, labels: Tensor, *draw: int) -> Mix:
        """What mixes the images of one step, whose labels these are: as a call with them."""
        return lambda images: self(images, labels, *draw)

    def __call__(self, images: Tensor, labels: Tensor, *draw: int) -> tuple[Tensor, Tensor]:
        """Mixed images and labels. The same draw mixes other views of the same images alike.

        images: (B, 3, H, W), floating. labels: (B,), int64. draw: seed, epoch and step. Returns images (B, 3, H, W), channels last
        in memory, and the classes' shares (B, C), float32.
        """
        with torch.random.fork_rng(devices=[]):  # torchvision draws from torch's own generator
            torch.default_generator.manual_seed(generator("mixing", *draw).initial_seed())
            mixed, shares = self.transform(images, labels)
        return mixed.contiguous(memory_format=torch.channels_last), shares
