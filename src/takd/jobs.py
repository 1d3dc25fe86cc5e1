"""Training and evaluation as jobs: from files to files, with all that they are given checked before the first step."""

import base64
import hashlib
import json
import zlib
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar
from torch import Tensor

from takd import checkpoint, soft_targets
from takd.chain import Network
from takd.code_hash import code_hash
from takd.data import prepared
from takd.data.prepared import PreparedData
from takd.data.views import Normalisation, Views
from takd.device import chosen_device, used_precision
from takd.errors import ParameterError
from takd.files import Metadata, check_place, write_json
from takd.inference import frozen, top1_accuracy
from takd.networks.layers import parameter_count
from takd.networks.registry import family
from takd.objectives.registry import FIELDS as OF_OBJECTIVES
from takd.params import read_recipe
from takd.provenance import commit, machine, versions
from takd.recipe import Recipe
from takd.soft_targets import SoftTargets
from takd.training import Epoch, Trained, chosen_images, train


def train_network(
    name: str,
    data_path: Path,
    recipe_text: str,
    *,
    output: Path,
    metrics: Path,
    soft_targets_path: Path | None,
    resume: Path | None,
    threads: int,
    device_name: str,
) -> None:
    """Train one network and write its weights, then its metrics. Where a TakdError or an OSError is raised, neither is written."""
    network = Network.parse(name)
    recipe = read_recipe(recipe_text)
    written = [path for path in (output, metrics, resume) if path is not None]
    _each_a_file_of_its_own([data_path, *([] if soft_targets_path is None else [soft_targets_path]), *written])
    data = prepared.load(data_path)
    targets = _checked_inputs(network, recipe, data, soft_targets_path)
    for path in written:
        check_place(path)
    device = chosen_device(device_name, threads)
    made_at = commit()  # before the hours in which somebody may commit
    origin: Metadata = {
        "network": name,
        "recipe": recipe.model_dump(mode="json", exclude_none=True),
        "data_digest": data.digest,
        "teacher": None if targets is None else str(targets.teacher),
        "teacher_digest": None if targets is None else targets.teacher_digest,
        "code": code_hash("takd.training", family(network.family).module),
        "threads": threads,
        "device": device.type,
        "machine": machine(device),
        "precision": str(used_precision(recipe, device)).removeprefix("torch."),
        "versions": versions(),
    }
    progress = None if resume is None else checkpoint.Progress(resume, _key(origin, soft_targets_path))
    trained = _train(network, recipe, data, targets, device, progress)
    origin |= {"commit": made_at, "classes": data.classes}
    checkpoint.save_network(output, trained.network, origin)
    try:
        write_json(metrics, origin | _results(network, recipe, trained))
    except OSError:
        output.unlink()
        raise
    if progress is not None:
        progress.finish()


def test_accuracy(path: Path, data_path: Path, *, device_name: str, threads: int) -> tuple[str, float]:
    """A trained network's name and its top-1 test accuracy, %. Raises CheckpointError where it is of another data set."""
    data = prepared.load(data_path)
    model, metadata = checkpoint.load_network(path, data.digest)
    device = chosen_device(device_name, threads)
    recipe = checkpoint.recipe_of(path, metadata)
    normalisation = Normalisation.of(data.train.to(device), recipe.normalisation)
    test = data.test.to(device)
    network = frozen(model.to(device), used_precision(recipe, device))
    accuracy = top1_accuracy(network, Views(test, normalisation, augmented=False), test.labels)
    return metadata["network"], accuracy


def _each_a_file_of_its_own(paths: list[Path]) -> None:
    """Raises ParameterError where two of a job's files are one: the one written last would be all that is left."""
    places = [path.resolve() for path in paths]
    for path, place in zip(paths, places, strict=True):
        if places.count(place) > 1:
            raise ParameterError(f"{path}: is given for two files of the job; each needs one of its own")


def _key(origin: Metadata, soft_targets_path: Path | None) -> str:
    """A hash of all that a training's bits depend on; of soft targets their file, as a teacher's last bits differ by machine."""
    digest = hashlib.sha256(json.dumps(origin, sort_keys=True).encode())
    if soft_targets_path is not None:
        with soft_targets_path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _checked_inputs(network: Network, recipe: Recipe, data: PreparedData, targets: Path | None) -> SoftTargets | None:
    if network.dataset != data.name:
        raise ParameterError(f"{network}: needs {network.dataset}, but the prepared data set is {data.name}")
    given = {name for name in OF_OBJECTIVES if getattr(recipe, name) is not None}
    needed = set(network.objective.fields)
    if missing := needed - given:
        raise ParameterError(f"recipe: {network} needs {', '.join(sorted(missing))}")
    if unused := given - needed:
        raise ParameterError(f"recipe: {network} has no use for {', '.join(sorted(unused))}")
    images, held_out = chosen_images(data.train.labels, recipe, network.seed)
    if len(held_out) == 0 < recipe.validation_share:
        raise ParameterError(f"recipe: validation_share {recipe.validation_share:g} holds out no image of {data.name}")
    if len(images) == 0:
        raise ParameterError(f"recipe: training_share {recipe.training_share:g} leaves no image of {data.name}")
    if network.is_distilled and targets is None:
        raise ParameterError(f"{network}: needs --soft-targets of {network.teacher()}; `takd targets` makes them")
    if not network.is_distilled and targets is not None:
        raise ParameterError(f"{network}: has no teacher, but soft targets were given")
    return None if targets is None else soft_targets.load(targets, network, recipe, data)


def _train(
    network: Network,
    recipe: Recipe,
    data: PreparedData,
    targets: SoftTargets | None,
    device: torch.device,
    progress: checkpoint.Progress | None,
) -> Trained:
    """Train with a line an epoch, and a bar where somebody is looking."""
    console = Console()
    images = len(chosen_images(data.train.labels, recipe, network.seed)[0])
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("images"), TimeRemainingColumn())
    with ProgressBar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=images)

        def on_epoch(epoch: Epoch) -> None:
            left = (recipe.all_epochs - epoch.epoch) * epoch.seconds
            print(
                f"epoch {epoch.epoch}/{recipe.all_epochs}  loss {epoch.loss:.4f}  accuracy {epoch.accuracy:.2f} %  "
                f"{images / epoch.seconds:.0f} images/s  {left / 60:.1f} min left",
                flush=True,
            )
            bar.reset(task, total=images, description=f"epoch {epoch.epoch + 1}")

        return train(
            network,
            recipe,
            data,
            targets,
            device=device,
            progress=progress,
            on_epoch=on_epoch,
            on_step=lambda count: bar.advance(task, count),
        )


def packed_answers(answers: Tensor) -> str:
    """Classes below 65,536 as text: little-endian 16-bit numbers, deflated, base64; 4 kB for CIFAR-10's 10,000 test images."""
    return base64.b64encode(zlib.compress(answers.cpu().numpy().astype("<u2").tobytes(), 9)).decode()


def _results(network: Network, recipe: Recipe, trained: Trained) -> dict[str, Any]:
    """What a training measured. On held-out images there is no test accuracy, so no best one."""
    accuracies = [epoch.accuracy for epoch in trained.history]
    on_test = recipe.validation_share == 0
    selected = accuracies[-1] if recipe.select in (None, "last") else max(accuracies)
    return {
        "dataset": network.dataset,
        "family": network.family,
        "chain": network.chain,
        "method": network.method,
        "seed": network.seed,
        "measured_on": "test" if on_test else "validation",
        "accuracy": accuracies[-1],
        "best_test_accuracy": max(accuracies) if on_test else None,
        "selected_accuracy": selected,
        "test_answers": packed_answers(trained.answers) if on_test else None,
        "epochs": recipe.all_epochs,
        "seconds": sum(epoch.seconds for epoch in trained.history),
        "parameters": parameter_count(trained.network),
        "history": [vars(epoch) for epoch in trained.history],
    }
