"""Made-up images of CIFAR-10's size, and recipes for them: what is measured here doesn't depend on what they show."""

from functools import cache
from pathlib import Path

import torch

from takd.data.prepared import PreparedData, Split, combined_digest
from takd.data.prepared_file import Rows, write
from takd.data.registry import DATASETS
from takd.study.names import Name
from takd.study.recipe import Recipe
from takd.study.tree import Node, Tree

TRAINING_IMAGES, TEST_IMAGES, CLASSES = 50_000, 10_000, 10
SIDE = 32  # pixels
ROOT = Path(__file__).parents[1]
PUBLISHED = DATASETS["cifar10"]
DIGEST = combined_digest(PUBLISHED)  # of what the noise goes by


@cache
def noise(training: int, test: int) -> PreparedData:
    """Random pixels and labels under CIFAR-10's name, the same in every process."""
    generator = torch.Generator().manual_seed(0)

    def split(count: int) -> Split:
        images = torch.randint(256, (count, SIDE, SIDE, 3), dtype=torch.uint8, generator=generator)
        return Split(images, torch.randint(CLASSES, (count,), generator=generator))

    return PreparedData("cifar10", CLASSES, DIGEST, split(training), split(test), PUBLISHED.labels)


def write_as_cifar10(path: Path, data: PreparedData) -> None:
    """The images as a prepared data set that takd takes for CIFAR-10."""
    parts = {"train": data.train, "test": data.test}
    tensors = {f"{part}_images": Rows(split.images.numpy()) for part, split in parts.items()}
    tensors |= {f"{part}_labels": Rows(split.labels.numpy()) for part, split in parts.items()}
    head = {
        "dataset": data.name,
        "title": PUBLISHED.title,
        "classes": data.classes,
        "labels": list(data.labels),
        "size": data.size,
        "images": {part: len(split) for part, split in parts.items()},
        "digest": data.digest,
    }
    write(path, head, tensors)


@cache
def recipe_of(name: Name) -> Recipe:
    """The one that params.yaml gives, for one epoch, at a learning rate that noise can't make diverge."""
    recipe = Tree(ROOT).recipe(Node("results", name))
    schedule = {"learning_rate": 0.01, "schedule": "constant", "learning_rate_drops": ()}  # a later drop isn't reached
    return recipe.model_copy(
        update={
            "length": recipe.length.model_copy(update={"epochs": 1}),
            "schedule": recipe.schedule.model_copy(update=schedule),
        }
    )
