"""What a target needs: its networks, which of them are there, and how long the others will take on this machine."""

import json
import statistics
from dataclasses import dataclass
from pathlib import Path

import torch

from takd.chain import Network
from takd.data.prepared import PreparedData, Split
from takd.data.registry import dataset
from takd.device import chosen_device
from takd.errors import ParameterError
from takd.folders import TUNING, folders, lineage, needed, shown, teacher, tuned
from takd.recipe import Recipe
from takd.reporting import artifacts
from takd.training import train

CALIBRATION_IMAGES = 128  # a step of the usual batch size
CALIBRATION_STEPS = 3  # and one before them, which also pays for setting up
EVERYTHING = ("accuracy", "claims", "curves", "metrics", "report")  # targets that need all that is reported
FORWARD_SHARE = 0.3  # of a training step's time that its forward pass takes, for the soft targets

EpochSeconds = dict[tuple[str, str, int], float]  # of an epoch, by data set, family and size


@dataclass(frozen=True)
class PlannedNetwork:
    """A network that a target needs. seconds: what it takes on one core or GPU, 0 where it is there.

    name: the network's, after its folder where that isn't the target's: `variants/half/cifar10/plain/2/seed0`.
    """

    name: str
    recipe: Recipe
    seconds: float


@dataclass(frozen=True)
class Plan:
    """All networks that a target needs, teachers first. seconds: with `cores` of them at once, no student before its teacher."""

    networks: list[PlannedNetwork]
    cores: int
    seconds: float

    @property
    def missing(self) -> int:
        """How many of them are still to be trained."""
        return sum(planned.seconds > 0 for planned in self.networks)


def plan(target: Path, params: Path, presets: Path, specification: Path, cores: int) -> Plan:
    """The plan for a table, a figure, the grid of `tuning` or a network, or for a file of all that are reported.

    Raises ParameterError for another target.
    """
    found = folders(params, presets, {})
    results, is_network, name = str(target).partition("/models/")
    if not is_network:
        results = str(target.parent)
    if results not in found:
        presets_there = ", ".join(path.stem for path in sorted(presets.glob("*.yaml")))
        raise ParameterError(
            f"{target}: no preset {Path(results).name!r}; there are {presets_there}, as in results/quick/table2.csv"
        )
    if is_network:
        wanted = lineage(found, results, Network.parse(str(Path(name).parent)))
    elif target.stem == TUNING:
        lines = [lineage(found, *point) for point in tuned(found, results)]
        wanted = list(dict.fromkeys(each for line in lines for each in line))
    else:
        known = artifacts.load(specification)
        names = shown(found, results, known) if target.stem in EVERYTHING else [target.stem]
        wanted = needed(found, results, [artifacts.look_up(known, name) for name in names])
    epoch_seconds: EpochSeconds = {}
    asked: set[tuple[tuple[str, Network] | None, int, int]] = set()  # teachers, for their answers to augmented views of a seed
    planned: list[PlannedNetwork] = []
    missing: set[tuple[str, Network] | None] = set()  # and what learns from them, which is trained anew
    done_after: dict[tuple[str, Network], float] = {}
    for folder, network in wanted:
        recipe = found[folder].parameters.recipe(network)
        its_teacher = teacher(found, folder, network) if network.is_distilled else None
        seconds = 0.0
        if its_teacher in missing or not _is_there(Path(folder) / "models" / str(network), recipe, its_teacher):
            missing.add((folder, network))
            seconds = training_seconds(network, recipe, epoch_seconds)
            views = (its_teacher, network.seed, recipe.epochs)
            if its_teacher is not None and recipe.augmentation != "none" and views not in asked:
                asked.add(views)
                seconds += soft_target_seconds(its_teacher[1], recipe, epoch_seconds)
        done_after[folder, network] = seconds + (done_after[its_teacher] if its_teacher is not None else 0.0)
        path = Path(folder) / str(network)
        name = str(path.relative_to(results) if path.is_relative_to(results) else path)
        planned.append(PlannedNetwork(name, recipe, seconds))
    total = sum(entry.seconds for entry in planned)
    return Plan(planned, cores, max(total / cores, *done_after.values(), 0.0))


def training_seconds(network: Network, recipe: Recipe, known: EpochSeconds) -> float:
    """Seconds that a network takes on one core or GPU. known: what is missing there is measured and added."""
    trained = [network] if network.peer is None else [network, network.peer]
    return recipe.all_epochs * recipe.training_share * sum(_measured(known, each, recipe) for each in trained)


def soft_target_seconds(teacher: Network, recipe: Recipe, known: EpochSeconds) -> float:
    """Seconds of a teacher's answers to the augmented views of all epochs, which all its students of a seed share."""
    return FORWARD_SHARE * recipe.epochs * _measured(known, teacher, recipe)


def _is_there(folder: Path, recipe: Recipe, its_teacher: tuple[str, Network] | None) -> bool:
    """Whether a network was trained by this recipe, under this teacher."""
    try:
        metrics = json.loads((folder / "metrics.json").read_text())
        made_by = metrics["recipe"], metrics["teacher"]
    except (OSError, ValueError, KeyError):
        return False
    return bool(made_by == (json.loads(recipe.canonical()), None if its_teacher is None else str(its_teacher[1])))


def _measured(known: EpochSeconds, network: Network, recipe: Recipe) -> float:
    """Seconds of one epoch, from a few steps on made-up images, measured once for each kind of network."""
    kind = (network.dataset, network.family, network.size)
    if kind not in known:
        published = dataset(network.dataset)
        noise = torch.randint(256, (CALIBRATION_IMAGES, 32, 32, 3), dtype=torch.uint8)
        labels = torch.arange(CALIBRATION_IMAGES) % published.classes
        few = CALIBRATION_IMAGES // 5  # as CIFAR has a test image for every five of training
        data = PreparedData(network.dataset, published.classes, "", Split(noise, labels), Split(noise[:few], labels[:few]))
        alone = Network(network.dataset, network.family, (network.size,), seed=0)
        steps = {"epochs": 1 + CALIBRATION_STEPS, "separate_epochs": None, "validation_share": 0.0, "training_share": 1.0}
        trained = train(alone, recipe.model_copy(update=steps), data, None, device=chosen_device("auto", 1))
        seconds = statistics.median(epoch.seconds for epoch in trained.history[1:])
        known[kind] = seconds * published.training_images / CALIBRATION_IMAGES
    return known[kind]
