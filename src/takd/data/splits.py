"""The images of a split: all in memory, or read from their files when they are asked for. Both give the same pixels."""

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from takd.data import pictures
from takd.data.pictures import Pixels
from takd.errors import DataError

MOST_WORKERS = 16
_AHEAD = 64  # pictures that are decoded before they are asked for

LabelBytes = np.ndarray[Any, np.dtype[np.uint8]]
T = TypeVar("T")
R = TypeVar("R")


def workers() -> int:
    """Threads that decode pictures: this process's share of the cores that it may use."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(MOST_WORKERS, cores // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))))


@dataclass(frozen=True)
class Split:
    """images: (N, H, W, 3), uint8, channels last. labels: (N,), int64."""

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def size(self) -> int:
        """Side of an image, in pixels."""
        return self.images.shape[2]

    def pixels(self, positions: Tensor) -> Tensor:
        """The images at those positions, on the labels' device: (B, H, W, 3), uint8. positions: (B,), int64."""
        # index_select copies whole images; indexing with [positions] takes seven times as long.
        return self.images.index_select(0, positions)

    def subset(self, indices: Tensor) -> "Split":
        """The images at those positions."""
        return Split(self.images[indices], self.labels[indices])

    def to(self, device: torch.device) -> "Split":
        """The same images on another device."""
        return Split(self.images.to(device), self.labels.to(device))


class StreamedSplit(Split):
    """Images that stay in their files. Each is compared with what it was when it was prepared, every time that it is read.

    root: the folder that `paths` are relative to. digests: (M, 32), uint8, of each path's label and pixels. labels: (N,), int64.
    positions: (N,), int64, which of the M files these images are. classes: how many there are.
    """

    def __init__(
        self, root: Path, paths: list[bytes], digests: Tensor, labels: Tensor, *, size: int, classes: int, positions: Tensor
    ) -> None:
        self.__dict__.update(labels=labels)  # the base class is frozen
        self.__dict__.update(root=root, paths=paths, digests=digests, side=size, classes=classes, positions=positions)

    root: Path
    paths: list[bytes]
    digests: Tensor
    side: int
    classes: int
    positions: Tensor

    @property
    def images(self) -> Tensor:
        """There are none in memory: raises TypeError."""
        raise TypeError("the images are streamed from their files; ask for their pixels(positions)")

    @property
    def size(self) -> int:
        """Side of an image, in pixels."""
        return self.side

    def pixels(self, positions: Tensor) -> Tensor:
        """The images at those positions, on the labels' device: (B, H, W, 3), uint8. positions: (B,), int64.

        Raises DataError where a file is missing, or isn't the picture any more that was prepared.
        """
        chosen = positions.cpu()
        files = self.positions[chosen].tolist()
        labels = label_bytes(self.labels.cpu()[chosen].numpy(), self.classes)

        def read(item: tuple[int, LabelBytes]) -> Pixels:
            file, label = item
            path = self.root / os.fsdecode(self.paths[file])
            image = pictures.read(path, self.side)
            if digest_of(label, image) != self.digests[file].numpy().tobytes():
                raise DataError(f"{pictures.shown(path)}: not the picture that was prepared; prepare the data set again")
            return image

        batch = np.empty((len(files), self.side, self.side, 3), dtype=np.uint8)
        for place, image in enumerate(in_order(read, list(zip(files, labels, strict=True)))):
            batch[place] = image
        return torch.from_numpy(batch).to(self.labels.device)

    def subset(self, indices: Tensor) -> "StreamedSplit":
        """The images at those positions."""
        return self._with(self.labels[indices], self.positions[indices.cpu()])

    def to(self, device: torch.device) -> "StreamedSplit":
        """The same images, whose labels and pixels are on another device."""
        return self._with(self.labels.to(device), self.positions)

    def _with(self, labels: Tensor, positions: Tensor) -> "StreamedSplit":
        return StreamedSplit(self.root, self.paths, self.digests, labels, size=self.side, classes=self.classes, positions=positions)


def in_order(function: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """The function of each item, in their order, computed by a few threads a few items ahead."""
    remaining = iter(items)
    with ThreadPoolExecutor(workers()) as pool:
        waiting = deque(pool.submit(function, item) for item in islice(remaining, _AHEAD))
        try:
            while waiting:
                result = waiting.popleft().result()
                waiting.extend(pool.submit(function, item) for item in islice(remaining, 1))
                yield result
        finally:
            for future in waiting:
                future.cancel()


def label_bytes(labels: np.ndarray[Any, np.dtype[np.int64]], classes: int) -> LabelBytes:
    """Labels as an image's digest covers them: (N,) to (N, 1), uint8, up to 256 classes, else (N, 2), the lower byte first."""
    if classes <= 256:
        return labels.astype(np.uint8)[:, None]
    return labels.astype("<u2")[:, None].view(np.uint8)


def digest_of(label: LabelBytes, image: Pixels) -> bytes:
    """sha256 of the label's bytes followed by the pixels, channel first. image: (H, W, 3)."""
    return hashlib.sha256(label.tobytes() + image.transpose(2, 0, 1).tobytes()).digest()
