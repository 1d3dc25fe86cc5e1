"""Made-up images of CIFAR-10's size, and recipes for them: what is measured here doesn't depend on what they show."""

from functools import cache
from pathlib import Path

import torch

from takd.chain import Network
from takd.data.prepared import PreparedData, Split, combined_digest
from takd.data.registry import dataset
from takd.files import write_tensors
from takd.params import Parameters
from takd.recipe import Recipe

TRAINING_IMAGES, TEST_IMAGES, CLASSES = 50_000, 10_000, 10
DIGEST = "noise"
ROOT = Path(__file__).parents[1]


@cache
def noise(training: int, test: int) -> PreparedData:
    """Random pixels and labels under CIFAR-10's name, the same in every process."""
    generator = torch.Generator().manual_seed(0)

    def split(count: int) -> Split:
        images = torch.randint(256, (count, 32, 32, 3), dtype=torch.uint8, generator=generator)
        return Split(images, torch.randint(CLASSES, (count,), generator=generator))

    return PreparedData("cifar10", CLASSES, DIGEST, split(training), split(test))


def write_as_cifar10(path: Path, data: PreparedData) -> None:
    """The images as a prepared data set that takd takes for CIFAR-10."""
    tensors = {
        "train_images": data.train.images,
        "train_labels": data.train.labels,
        "test_images": data.test.images,
        "test_labels": data.test.labels,
    }
    metadata = {"dataset": data.name, "classes": data.classes, "digest": combined_digest(dataset(data.name))}
    write_tensors(path, tensors, metadata)


def recipe_of(network: Network) -> Recipe:
    """The one that params.yaml gives, for one epoch, at a learning rate that noise can't make diverge."""
    recipe = Parameters.load(ROOT / "params.yaml").recipe(network)
    return recipe.model_copy(update={"epochs": 1, "learning_rate": 0.01})
