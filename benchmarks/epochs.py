"""Seconds of one epoch, evaluation included: takd's, the authors', a careful modern loop's; and how much arithmetic it is."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from benchmarks import baseline
from benchmarks.flops import matrix_product_rate, training_operations
from benchmarks.noise import CLASSES, SIDE, noise, recipe_of
from takd.data.prepared import PreparedData
from takd.data.views import Normalisation
from takd.records.weights import write_weights
from takd.study.names import Name
from takd.training import soft_targets
from takd.training.checkpoint import Progress
from takd.training.device import chosen_device
from takd.training.loop import initialised, train

# A kind of epoch: (network's name, images, test images, threads, how many share the teacher's pass) to seconds, and its parts.
Timed = dict[str, float]
EpochTimer = Callable[[str, int, int, int, int], Timed]


def takd_epoch(network: str, images: int, test_images: int, threads: int, shared_by: int) -> Timed:
    """takd's own path: one training of one epoch as a whole, its resume file too, and its part of the teacher's pass.

    shared_by: how many epochs (or, for augmented views, students) read the same soft targets.
    """
    device = chosen_device("cpu", threads)
    student, data = Name.parse(network), noise(images, test_images)
    recipe = recipe_of(student)
    with tempfile.TemporaryDirectory() as folder:
        answers, teacher_seconds = None, 0.0
        file = Path(folder) / "targets.safetensors"
        if student.is_distilled:
            teacher = _untrained_teacher(student, data, Path(folder))
            started = time.perf_counter()
            soft_targets.compute(teacher, data, file, views=soft_targets.views_of(recipe, student.seed), device=device)
            teacher_seconds = time.perf_counter() - started
        started = time.perf_counter()
        if student.is_distilled:
            answers = soft_targets.from_file(file, student, recipe, data)
        progress = Progress(Path(folder) / "resume.safetensors", key="")
        train(student, recipe, data, answers, device=device, progress=progress)
        student_seconds = time.perf_counter() - started
    seconds = student_seconds + teacher_seconds / shared_by
    return {"seconds": seconds, "student_seconds": student_seconds, "teacher_seconds": teacher_seconds}


def authors_epoch(network: str, images: int, test_images: int, threads: int, shared_by: int) -> Timed:
    """The authors' loop. What stands before the first epoch isn't counted."""
    torch.set_num_threads(threads)
    name, data = Name.parse(network), noise(images, test_images)
    augmented = recipe_of(name).views.augmentation == "crop_flip"
    student = _fresh(name)
    teacher = _fresh(name.teacher()) if name.is_distilled else None
    training = baseline.loader(data.train, training=True, augmented=augmented)
    test = baseline.loader(data.test, training=False, augmented=False)
    descent = baseline.optimiser(student)
    started = time.perf_counter()
    baseline.authors_epoch(student, teacher, training, test, descent)
    return {"seconds": time.perf_counter() - started}


def modern_epoch(network: str, images: int, test_images: int, threads: int, shared_by: int) -> Timed:
    """The careful modern loop. What stands before the first epoch isn't counted."""
    torch.set_num_threads(threads)
    name, data = Name.parse(network), noise(images, test_images)
    student, teacher = (_fresh(one).to(memory_format=torch.channels_last) for one in (name, name.teacher()))
    descent = baseline.optimiser(student)
    started = time.perf_counter()
    baseline.modern_epoch(student, teacher, data.train, data.test, descent)
    return {"seconds": time.perf_counter() - started}


def arithmetic(network: str, images: int, threads: int) -> dict[str, float]:
    """Operations a second while training, and those of the matrix product, measured just before and just after it.

    Ten test images, so that next to no time goes into evaluation.
    """
    device = chosen_device("cpu", threads)
    name, data = Name.parse(network), noise(images, 10)
    before = matrix_product_rate(torch.bfloat16)
    seconds = train(name, recipe_of(name), data, None, device=device).history[0].seconds
    after = matrix_product_rate(torch.bfloat16)
    reached = images * training_operations(_fresh(name)) / seconds
    product = (before + after) / 2
    return {
        "training": reached,
        "bfloat16_product": product,
        "float32_product": matrix_product_rate(torch.float32),
        "share": 100 * reached / product,
        "images_per_second": images / seconds,
    }


def _fresh(name: Name) -> nn.Module:
    """A network as it is before training."""
    return initialised(recipe_of(name).network.builder, CLASSES, name.seed, SIDE)


def _untrained_teacher(student: Name, data: PreparedData, folder: Path) -> Path:
    """A file of the teacher as it is before training: its answers are worth nothing, and take as long."""
    teacher, path = student.teacher(), folder / "model.safetensors"
    recipe = recipe_of(teacher)
    normalisation = Normalisation.of(data.train, recipe.views.normalisation)
    about = {
        "name": str(teacher),
        "key": "0" * 16,
        "builder": recipe.network.builder,
        "classes": data.classes,
        "labels": data.labels,
        "size": data.size,
        "scale": normalisation.scale.tolist(),
        "shift": normalisation.shift.tolist(),
        "precision": recipe.optimiser.precision,
        "held_out": recipe.views.held_out,
        "data_digest": data.digest,
        "commit": "benchmark",
    }
    write_weights(path, _fresh(teacher).state_dict(), about)
    return path
