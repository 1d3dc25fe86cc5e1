"""Seconds of one epoch, evaluation included: takd's, the authors', a careful modern loop's; and how much arithmetic it is."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch

from benchmarks import baseline
from benchmarks.flops import matrix_product_rate, training_operations
from benchmarks.noise import CLASSES, noise, recipe_of
from takd import checkpoint, soft_targets
from takd.chain import Network
from takd.data.prepared import PreparedData
from takd.device import chosen_device
from takd.training import initialised, train

# A kind of epoch: (network's name, images, test images, threads, how many share the teacher's pass) to seconds, and its parts.
Timed = dict[str, float]
EpochTimer = Callable[[str, int, int, int, int], Timed]


def takd_epoch(name: str, images: int, test_images: int, threads: int, shared_by: int) -> Timed:
    """takd's own path: one training of one epoch as a whole, its resume file too, and its part of the teacher's pass.

    shared_by: how many epochs (or, for augmented views, students) read the same soft targets.
    """
    device = chosen_device("cpu", threads)
    network, data = Network.parse(name), noise(images, test_images)
    recipe = recipe_of(network)
    with tempfile.TemporaryDirectory() as folder:
        targets, teacher_seconds = None, 0.0
        file = Path(folder) / "targets.safetensors"
        if network.is_distilled:
            teacher = _untrained_teacher(network, data, Path(folder))
            views_seed = network.seed if recipe.augmentation == "crop_flip" else None
            started = time.perf_counter()
            soft_targets.compute(teacher, data, file, views_seed=views_seed, epochs=1, device=device)
            teacher_seconds = time.perf_counter() - started
        started = time.perf_counter()
        if network.is_distilled:
            targets = soft_targets.load(file, network, recipe, data)
        progress = checkpoint.Progress(Path(folder) / "resume.safetensors", key="")
        train(network, recipe, data, targets, device=device, progress=progress)
        student_seconds = time.perf_counter() - started
    seconds = student_seconds + teacher_seconds / shared_by
    return {"seconds": seconds, "student_seconds": student_seconds, "teacher_seconds": teacher_seconds}


def authors_epoch(name: str, images: int, test_images: int, threads: int, shared_by: int) -> Timed:
    """The authors' loop. What stands before the first epoch isn't counted."""
    torch.set_num_threads(threads)
    network, data = Network.parse(name), noise(images, test_images)
    augmented = recipe_of(network).augmentation == "crop_flip"
    student = initialised(network, CLASSES)
    teacher = initialised(network.teacher(), CLASSES) if network.is_distilled else None
    training = baseline.loader(data.train, training=True, augmented=augmented)
    test = baseline.loader(data.test, training=False, augmented=False)
    descent = baseline.optimiser(student)
    started = time.perf_counter()
    baseline.authors_epoch(student, teacher, training, test, descent)
    return {"seconds": time.perf_counter() - started}


def modern_epoch(name: str, images: int, test_images: int, threads: int, shared_by: int) -> Timed:
    """The careful modern loop. What stands before the first epoch isn't counted."""
    torch.set_num_threads(threads)
    network, data = Network.parse(name), noise(images, test_images)
    student, teacher = (initialised(one, CLASSES).to(memory_format=torch.channels_last) for one in (network, network.teacher()))
    descent = baseline.optimiser(student)
    started = time.perf_counter()
    baseline.modern_epoch(student, teacher, data.train, data.test, descent)
    return {"seconds": time.perf_counter() - started}


def arithmetic(name: str, images: int, threads: int) -> dict[str, float]:
    """Operations a second while training, and those of the matrix product, measured just before and just after it.

    Ten test images, so that next to no time goes into evaluation.
    """
    device = chosen_device("cpu", threads)
    network, data = Network.parse(name), noise(images, 10)
    before = matrix_product_rate(torch.bfloat16)
    seconds = train(network, recipe_of(network), data, None, device=device).history[0].seconds
    after = matrix_product_rate(torch.bfloat16)
    reached = images * training_operations(initialised(network, CLASSES)) / seconds
    product = (before + after) / 2
    return {
        "training": reached,
        "bfloat16_product": product,
        "float32_product": matrix_product_rate(torch.float32),
        "share": 100 * reached / product,
        "images_per_second": images / seconds,
    }


def _untrained_teacher(student: Network, data: PreparedData, folder: Path) -> Path:
    """A file of the teacher as it is before training: its answers are worth nothing, and take as long."""
    teacher = student.teacher()
    path = folder / "model.safetensors"
    recipe = recipe_of(teacher).model_dump(mode="json", exclude_none=True)
    metadata = {"network": str(teacher), "classes": data.classes, "data_digest": data.digest, "recipe": recipe}
    checkpoint.save_network(path, initialised(teacher, data.classes), metadata)
    return path
