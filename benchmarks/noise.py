"""Made-up images of CIFAR-10's size: what is timed here doesn't depend on what they show."""

from functools import cache

import torch

from takd.data.prepared import PreparedData, Split

TRAINING_IMAGES, TEST_IMAGES, CLASSES = 50_000, 10_000, 10
DIGEST = "noise"


@cache
def noise(training: int, test: int) -> PreparedData:
    """Random pixels and labels under CIFAR-10's name, the same in every process."""
    generator = torch.Generator().manual_seed(0)

    def split(count: int) -> Split:
        images = torch.randint(256, (count, 32, 32, 3), dtype=torch.uint8, generator=generator)
        return Split(images, torch.randint(CLASSES, (count,), generator=generator))

    return PreparedData("cifar10", CLASSES, DIGEST, split(training), split(test))
