"""Prepared data sets: one safetensors file each, the same to the bit whatever archive it was made from."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from takd.data import sources
from takd.data.registry import Dataset, dataset
from takd.data.sources import Images, Labels
from takd.errors import CheckpointError, DataError
from takd.files import read_tensors, write_tensors


@dataclass(frozen=True)
class Split:
    """images: (N, H, W, 3), uint8, channels last. labels: (N,), int64."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, indices: Tensor) -> "Split":
        """The images at those positions."""
        return Split(self.images[indices], self.labels[indices])

    def to(self, device: torch.device) -> "Split":
        """The same images on another device."""
        return Split(self.images.to(device), self.labels.to(device))


@dataclass(frozen=True)
class PreparedData:
    """A data set in memory. digest: of both splits' content."""

    name: str
    classes: int
    digest: str
    train: Split
    test: Split


def prepare(name: str, raw: Path, output: Path) -> None:
    """Read the data set's archive in `raw` (downloaded if it isn't there), verify its content, and write it to `output`.

    Images are written in the order of their digests, so the file doesn't depend on the archive's order.
    Raises DataError where the archive is missing, damaged or holds other content than the published one, and where the registry has
    other numbers of classes or training images.
    """
    published = dataset(name)
    if published.archive is None:
        parts, source = sources.BUNDLED[name](), f"{name} of the installed packages"
    else:
        path = sources.fetch(published.archive, raw)
        parts, source = sources.READERS[name](path), str(path)
    tensors: dict[str, Tensor] = {}
    for split, (images, labels, label_bytes) in parts.items():
        digests = image_digests(images, label_bytes)
        expected = published.train_digest if split == "train" else published.test_digest
        if content_digest(digests) != expected:
            raise DataError(
                f"{source}: the {split} images aren't those of {published.title}: "
                f"content digest {content_digest(digests)[:12]}…, expected {expected[:12]}…"
            )
        if not 0 <= labels.min() <= labels.max() < published.classes:
            raise DataError(
                f"{source}: the {split} labels go from {labels.min()} to {labels.max()}; "
                f"for {published.classes} classes they go from 0 to {published.classes - 1}"
            )
        if split == "train" and len(images) != published.training_images:
            raise DataError(f"{source}: {len(images)} training images; the registry says {published.training_images}")
        order = sorted(range(len(digests)), key=digests.__getitem__)
        tensors[f"{split}_images"] = torch.from_numpy(images[order].transpose(0, 2, 3, 1).copy())
        tensors[f"{split}_labels"] = torch.from_numpy(labels[order])
    write_tensors(output, tensors, {"dataset": name, "classes": published.classes, "digest": combined_digest(published)})


def load(path: Path) -> PreparedData:
    """A prepared data set, mapped from the disk. Raises DataError where the file isn't one, or not what takd now prepares."""
    try:
        tensors, metadata = read_tensors(path)
    except CheckpointError as error:
        raise DataError(str(error)) from None
    name = metadata.get("dataset")
    if not isinstance(name, str):
        raise DataError(f"{path}: not a prepared data set; make one with takd prepare")
    published = dataset(name)
    if metadata.get("digest") != combined_digest(published):
        raise DataError(f"{path}: prepared from other content than {published.title}'s; delete it and prepare it again")
    return PreparedData(
        name=name,
        classes=published.classes,
        digest=metadata["digest"],
        train=Split(tensors["train_images"], tensors["train_labels"]),
        test=Split(tensors["test_images"], tensors["test_labels"]),
    )


def content_digest(image_digests: list[bytes]) -> str:
    """sha256 over the sorted digests of all images: the same for any order of them."""
    return hashlib.sha256(b"".join(sorted(image_digests))).hexdigest()


def combined_digest(published: Dataset) -> str:
    """One digest for both splits."""
    return hashlib.sha256((published.train_digest + published.test_digest).encode()).hexdigest()


def image_digests(images: Images, label_bytes: Labels) -> list[bytes]:
    """sha256 of each image's label bytes (one, or coarse and fine) followed by its pixels, channel first."""
    heads = label_bytes.astype(np.uint8)
    return [hashlib.sha256(head.tobytes() + image.tobytes()).digest() for head, image in zip(heads, images, strict=True)]
