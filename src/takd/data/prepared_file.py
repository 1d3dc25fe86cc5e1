"""A prepared data set's file: written and read here alone. It is safetensors, the same to the bit for the same images.

In memory: train_images, test_images (N, H, W, 3), uint8, and train_labels, test_labels (N,), int64. Streamed: instead of images
train_digests, test_digests (N, 32), uint8, and train_paths, test_paths, uint8, the files' names with a null after each.
Where there are images without labels, all are in memory: unlabelled_images (M, H, W, 3), uint8, too.
"""

import hashlib
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from torch import Tensor

from takd.data.registry import DATASETS, LARGEST_SIDE, MOST_CLASSES, SMALLEST_SIDE, Dataset
from takd.data.splits import Split, StreamedSplit
from takd.errors import CheckpointError, DataError, shortened
from takd.files import packed, read_tensors, written_whole

PARTS = ("train", "test")
_ROWS = 512  # images that are copied at a time

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Head(BaseModel):
    """What the file says of its images. images: how many for training and testing, left out, and for testing but trained on too.

    digest: of both splits' content; unlabelled_digest: of images without labels, where there are some. bytes_digest: of
    the tensors' bytes. root: of streamed images, the folder of their files.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    dataset: Annotated[str, Field(min_length=1, max_length=200)]
    title: Annotated[str, Field(min_length=1, max_length=200)]
    classes: int = Field(ge=2, le=MOST_CLASSES)
    labels: list[Annotated[str, Field(min_length=1, max_length=255)]]
    size: int = Field(ge=SMALLEST_SIDE, le=LARGEST_SIDE)
    images: dict[Annotated[str, Field(max_length=20)], Annotated[int, Field(ge=0)]]
    digest: _Digest
    bytes_digest: _Digest
    streamed: bool = False
    root: Annotated[str, Field(min_length=1, max_length=4096, pattern=r"^[^\x00]+$")] | None = None
    unlabelled_digest: _Digest | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if len(self.labels) != self.classes or len(set(self.labels)) != self.classes:
            raise ValueError(f"labels: aren't the {self.classes} classes' names")
        if self.streamed != (self.root is not None):
            raise ValueError("root: goes with streamed images")
        return self


@dataclass(frozen=True)
class PreparedData:
    """A data set. digest: of both splits' content. labels: the classes' names, in the order of their numbers.

    unlabelled: images without labels, (M, H, W, 3), uint8, where there are some. unlabelled_digest: of their content.
    """

    name: str
    classes: int
    digest: str
    train: Split
    test: Split
    labels: tuple[str, ...] = ()
    unlabelled: Tensor | None = None
    unlabelled_digest: str | None = None

    def with_unlabelled(self) -> Split:
        """The training images, and after them those without labels, whose label is -1. Only where there are such images."""
        assert self.unlabelled is not None
        none = torch.full((len(self.unlabelled),), -1)
        return Split(torch.cat((self.train.images, self.unlabelled)), torch.cat((self.train.labels, none)))

    @property
    def size(self) -> int:
        """Side of an image, in pixels."""
        return self.train.size

    @property
    def streamed(self) -> bool:
        """Whether images stay in their files."""
        return isinstance(self.train, StreamedSplit)


@dataclass(frozen=True)
class Rows:
    """An array of which rows are written in another order, without a copy of all of it."""

    array: np.ndarray[Any, Any]
    order: np.ndarray[Any, np.dtype[np.int64]] | None = None

    def chunks(self) -> Iterator[memoryview]:
        """The rows' bytes, in pieces."""
        for start in range(0, len(self.array), _ROWS):
            chosen = slice(start, start + _ROWS)
            rows = self.array[chosen if self.order is None else self.order[chosen]]
            yield np.ascontiguousarray(rows).reshape(-1).view(np.uint8).data


def write(output: Path, head: dict[str, Any], tensors: dict[str, Rows]) -> None:
    """Write a data set, whole or not at all, with no more than a few images copied at a time. head: a Head's, less bytes_digest."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        for chunk in tensors[name].chunks():
            digest.update(chunk)
    metadata = Head(**head, bytes_digest=digest.hexdigest()).model_dump(exclude_none=True)
    names = sorted(tensors, key=lambda name: (-tensors[name].array.itemsize, name))  # wide numbers first, so that all are aligned
    entries: dict[str, Any] = {"__metadata__": packed(metadata)}
    start = 0
    for name in names:
        array = tensors[name].array
        kind = {"int64": "I64", "uint8": "U8"}[array.dtype.name]
        entries[name] = {"dtype": kind, "shape": array.shape, "data_offsets": (start, start + array.nbytes)}
        start += array.nbytes
    header = json.dumps(entries).encode()
    header += b" " * (-len(header) % 8)
    with written_whole(output) as file:
        file.write(struct.pack("<Q", len(header)) + header)
        for name in names:
            for chunk in tensors[name].chunks():
                file.write(chunk)


def load(path: Path) -> PreparedData:
    """A prepared data set, mapped from the disk. Raises DataError where the file isn't one, or not what takd now prepares.

    All that training relies on is checked: types, shapes, labels, and that the bytes are those that were written.
    """
    try:
        tensors, metadata = read_tensors(path)
    except CheckpointError as error:
        raise DataError(str(error)) from None
    name = metadata.get("dataset")
    if not isinstance(name, str):
        raise DataError(f"{path}: not a prepared data set; make one with takd prepare")
    published = DATASETS.get(name)
    if published is not None and metadata.get("digest") != combined_digest(published):
        raise DataError(f"{path}: prepared from other content than {published.title}'s; prepare it again")
    if "bytes_digest" not in metadata:
        raise DataError(f"{path}: prepared by an older takd; prepare it again")
    try:
        head = Head.model_validate(metadata)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise DataError(f"{path}: its metadata can't be used: {shortened(where + ' ' + first['msg'])}; prepare it again") from None
    if published is not None and (head.classes != published.classes or head.streamed):
        raise DataError(f"{path}: not the {published.classes} classes of {published.title}; prepare it again")
    _check(path, head, tensors)
    train, test = (_split(path, head, tensors, part) for part in PARTS)
    unlabelled = tensors.get("unlabelled_images")
    return PreparedData(
        head.dataset, head.classes, head.digest, train, test, tuple(head.labels), unlabelled, head.unlabelled_digest
    )


def combined_digest(published: Dataset) -> str:
    """One digest for both splits."""
    return digest_of_both(published.train_digest, published.test_digest)


def digest_of_both(train: str, test: str) -> str:
    """One digest for both splits, of theirs."""
    return hashlib.sha256((train + test).encode()).hexdigest()


def _check(path: Path, head: Head, tensors: dict[str, Tensor]) -> None:
    """Raises DataError where the tensors aren't what the head says."""
    side = head.size
    for part in PARTS:
        labels = tensors.get(f"{part}_labels")
        count = 0 if labels is None else labels.numel()
        expected: dict[str, tuple[torch.dtype, tuple[int, ...] | None]] = {f"{part}_labels": (torch.int64, (count,))}
        if head.streamed:
            expected |= {f"{part}_digests": (torch.uint8, (count, 32)), f"{part}_paths": (torch.uint8, None)}
        else:
            expected[f"{part}_images"] = (torch.uint8, (count, side, side, 3))
        for name, (dtype, shape) in expected.items():
            tensor = tensors.get(name)
            if tensor is None or tensor.dtype != dtype or (shape is not None and tensor.shape != shape):
                there = "is missing" if tensor is None else f"is {tuple(tensor.shape)}, {tensor.dtype}"
                raise DataError(f"{path}: {name} {there}; expected {shape or '(bytes,)'}, {dtype}; prepare it again")
        assert labels is not None
        if count == 0 or count != head.images.get(part):
            raise DataError(f"{path}: {count} {part} images; its metadata says {head.images.get(part)}; prepare it again")
        if not 0 <= int(labels.min()) <= int(labels.max()) < head.classes:
            raise DataError(
                f"{path}: {part} labels go from {int(labels.min())} to {int(labels.max())}; "
                f"for {head.classes} classes they go from 0 to {head.classes - 1}"
            )
    if head.unlabelled_digest is not None:
        shape = (head.images.get("unlabelled", 0), side, side, 3)
        more = tensors.get("unlabelled_images")
        if more is None or more.dtype != torch.uint8 or more.shape != shape or head.streamed:
            raise DataError(f"{path}: unlabelled_images aren't {shape}, torch.uint8, as its metadata says; prepare it again")
    names = sorted(tensors)
    if len(names) != (6 if head.streamed else 4) + (head.unlabelled_digest is not None):
        raise DataError(f"{path}: holds more than a data set: {shortened(', '.join(names))}; prepare it again")
    digest = hashlib.sha256()
    for name in names:
        digest.update(tensors[name].numpy().reshape(-1).view(np.uint8).data)
    if digest.hexdigest() != head.bytes_digest:
        raise DataError(f"{path}: damaged: its bytes aren't those that were written; prepare it again")


def _split(path: Path, head: Head, tensors: dict[str, Tensor], part: str) -> Split:
    labels = tensors[f"{part}_labels"]
    if head.root is None:
        return Split(tensors[f"{part}_images"], labels)
    paths = tensors[f"{part}_paths"].numpy().tobytes().split(b"\0")
    if paths.pop() != b"" or len(paths) != len(labels) or not all(paths):
        raise DataError(f"{path}: {part}_paths aren't the names of {len(labels)} files; prepare it again")
    positions = torch.arange(len(labels))
    return StreamedSplit(
        Path(head.root), paths, tensors[f"{part}_digests"], labels, size=head.size, classes=head.classes, positions=positions
    )
