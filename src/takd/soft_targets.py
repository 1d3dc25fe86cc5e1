"""Soft targets: what a frozen teacher says about every view that its students are shown, computed once and kept in a file."""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from takd.chain import Network
from takd.checkpoint import load_network, recipe_of, weights_digest
from takd.data.prepared import PreparedData
from takd.data.views import Normalisation, Views
from takd.device import used_precision
from takd.errors import CheckpointError
from takd.files import Metadata, packed, read_tensors, written_whole
from takd.inference import frozen, logits
from takd.recipe import Recipe


@dataclass(frozen=True)
class SoftTargets:
    """logits: (1, N, C) for unaugmented images, (epochs, N, C) for augmented ones; half precision, mapped from the disk."""

    logits: Tensor
    teacher: Network
    teacher_digest: str

    def of_epoch(self, epoch: int) -> Tensor:
        """The teacher's logits for the training images as one epoch shows them: (N, C)."""
        return self.logits[epoch if len(self.logits) > 1 else 0]


def compute(
    teacher_path: Path, data: PreparedData, output: Path, *, views_seed: int | None, epochs: int, device: torch.device
) -> None:
    """Write the teacher's logits for all training images: once as they are, or for each epoch's views under `views_seed`.

    views_seed: None for unaugmented images; `epochs` is 1 then. Raises CheckpointError where the teacher was trained on other data.
    """
    model, metadata = load_network(teacher_path, data.digest)
    recipe = recipe_of(teacher_path, metadata)
    teacher = frozen(model.to(device), used_precision(recipe, device))
    training = data.train.to(device)
    normalisation = Normalisation.of(training, recipe.normalisation)
    images = Views(training, normalisation, augmented=views_seed is not None)

    def epochs_of_logits() -> Iterator[Tensor]:
        for epoch in range(epochs):
            views = None if views_seed is None else images.of_epoch(views_seed, epoch)
            yield logits(teacher, images, views).half().cpu()

    _write(
        output,
        epochs_of_logits(),
        shape=(epochs, len(training), data.classes),
        metadata={
            "teacher": metadata["network"],
            "teacher_digest": weights_digest(teacher_path),
            "data_digest": data.digest,
            "views_seed": views_seed,
            "held_out": recipe.held_out,
        },
    )


def load(path: Path, student: Network, recipe: Recipe, data: PreparedData) -> SoftTargets:
    """The soft targets for a student, checked. Raises CheckpointError where they are another teacher's, data set's or view's.

    Or of a teacher that learnt from images on which the student is judged; its own teachers were checked when it was trained.
    """
    tensors, metadata = read_tensors(path)
    if "teacher" not in metadata or "logits" not in tensors:
        raise CheckpointError(f"{path}: holds no soft targets")
    teacher = Network.parse(metadata["teacher"])
    expected = student.teacher(teacher.seed)
    if teacher != expected:
        raise CheckpointError(f"{path}: soft targets of {teacher}, but {student} learns from {expected}")
    if metadata["data_digest"] != data.digest:
        raise CheckpointError(f"{path}: soft targets on other images than {data.name}'s")
    augmented = recipe.augmentation != "none"
    views_seed = student.seed if augmented else None
    if metadata["views_seed"] != views_seed:
        raise CheckpointError(f"{path}: views under seed {metadata['views_seed']}, but {student} sees those under {views_seed}")
    if recipe.validation_share and tuple(metadata.get("held_out", ())) != recipe.held_out:
        raise CheckpointError(
            f"{path}: {teacher} learnt from images that {student} holds out; both need the same validation_share and _seed"
        )
    needed = (recipe.epochs if augmented else 1, len(data.train), data.classes)
    there = tuple(tensors["logits"].shape)
    if there[0] < needed[0] or there[1:] != needed[1:]:
        raise CheckpointError(f"{path}: soft targets of shape {there} (epochs, images, classes), but {student} needs {needed}")
    return SoftTargets(tensors["logits"], teacher, metadata["teacher_digest"])


def _write(path: Path, epochs: Iterator[Tensor], shape: tuple[int, int, int], metadata: Metadata) -> None:
    """One half-precision tensor as safetensors, written an epoch at a time: over all epochs it can be larger than the memory."""
    size = 2 * shape[0] * shape[1] * shape[2]
    entries = {"__metadata__": packed(metadata), "logits": {"dtype": "F16", "shape": shape, "data_offsets": (0, size)}}
    header = json.dumps(entries).encode()
    header += b" " * (-len(header) % 8)  # so that the tensor is aligned
    with written_whole(path) as file:
        file.write(struct.pack("<Q", len(header)) + header)
        for values in epochs:
            file.write(values.numpy().tobytes())
