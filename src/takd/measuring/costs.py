"""How long an epoch of a network takes on this machine: a few short ones on made-up images."""

import statistics

import torch

from takd.data.prepared import PreparedData
from takd.data.splits import Split
from takd.objectives.registry import LABELS
from takd.planning.lock import Lock
from takd.study.names import Hop, Name
from takd.study.recipe import Recipe
from takd.study.section import Section
from takd.training.device import chosen_device
from takd.training.loop import train

IMAGES = 128  # at most on a processor: a step of the usual batch size
IMAGES_ON_A_GPU = 25_600  # at most there, where a step is so short that what an epoch costs besides would count for most of it
PIXELS = IMAGES * 64 * 64  # at most on a processor, where as many of 224 pixels a side would take minutes and all its memory
EPOCHS = 3  # and one before them, which also pays for setting up


def epoch_seconds(dataset: str, lock: Lock, recipe: Recipe, threads: int = 1) -> float:
    """Seconds of one epoch of a recipe's network from labels alone, evaluation in it, on all of a data set's images."""
    device = chosen_device("auto", threads)
    pixels = lock.size**2
    on_gpu = device.type == "cuda"
    most = min(IMAGES_ON_A_GPU, IMAGES_ON_A_GPU * 32**2 // pixels) if on_gpu else max(2, min(IMAGES, PIXELS // pixels))
    images = min(most, lock.train)
    noise = torch.randint(256, (images, lock.size, lock.size, 3), dtype=torch.uint8)
    labels = torch.arange(images) % lock.classes
    few = max(1, min(images, images * lock.test // lock.train))
    data = PreparedData(dataset, lock.classes, "", Split(noise, labels), Split(noise[:few], labels[:few]))
    sections: dict[str, Section] = {
        "network": recipe.network.model_copy(update={"peer": None, "start": None, "unlabelled": None}),
        "views": recipe.views.model_copy(update={"validation_share": 0.0, "training_share": 1.0, "unlabelled": "none"}),
        "length": recipe.length.model_copy(update={"epochs": 1 + EPOCHS, "select": "last"}),
        "schedule": recipe.schedule.model_copy(update={"schedule": "constant", "learning_rate_drops": (), "warm_up_epochs": 0}),
    }
    alone = recipe.model_copy(update=sections | {"objective": LABELS.fields(name="labels")})
    name = Name(dataset, "any", (Hop("any"),), seed=0)
    trained = train(name, alone, data, None, device=device)
    return statistics.median(epoch.seconds for epoch in trained.history[1:]) * lock.train / images
