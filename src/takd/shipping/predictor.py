"""What every trained network that is opened for use has: labels, probabilities, and answers for pictures."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from takd.data import pictures
from takd.errors import CheckpointError, DataError

SHOWN = 10  # classes that it names where it is printed


class Answer(NamedTuple):
    """A class and how likely it is, in 0…1."""

    label: str
    probability: float


class Predictor(ABC):
    """What answers for pictures, however it is stored.

    name: of the network. size: pixels along a side of its images. labels: of the classes, in the order of its answers.
    labelled: whether its file names them; where it doesn't, they are numbered from 0.
    """

    def __init__(self, name: str, size: int, classes: int, labels: tuple[str, ...]) -> None:
        self.name = name
        self.size = size
        self.labelled = bool(labels)
        self.labels: tuple[str, ...] = labels or tuple(map(str, range(classes)))

    def __repr__(self) -> str:
        some = ", ".join((*self.labels[:SHOWN], *(["…"] if len(self.labels) > SHOWN else [])))
        return f"<{type(self).__name__} {self.name}, {self.size}×{self.size} pixels, {len(self.labels)} classes: {some}>"

    @abstractmethod
    def __call__(self, images: Tensor) -> Tensor:
        """Probabilities of the classes: (B, C), float32. images: (B, S, S, 3), uint8. Raises DataError for others."""

    def predict(self, picture: Path | str, count: int = 3) -> list[Answer]:
        """The `count` likeliest classes of a picture, the likeliest first. The picture is brought to the network's size.

        Raises DataError where it can't be read, CheckpointError where the network's answers aren't finite.
        """
        pixels = torch.from_numpy(pictures.read(Path(picture), self.size).copy())
        probabilities = self(pixels[None])[0]
        if not probabilities.isfinite().all():
            raise CheckpointError(f"{pictures.shown(Path(picture))}: the network's answers to it aren't finite numbers")
        likeliest = probabilities.topk(min(count, len(self.labels)))
        return [
            Answer(self.labels[place], value)
            for value, place in zip(likeliest.values.tolist(), likeliest.indices.tolist(), strict=True)
        ]

    def check(self, images: Tensor) -> None:
        """Raise DataError where images aren't (B, S, S, 3), uint8."""
        if images.dim() != 4 or images.shape[1:] != (self.size, self.size, 3) or images.dtype != torch.uint8:
            raise DataError(f"images of {tuple(images.shape)} {images.dtype}; expected (B, {self.size}, {self.size}, 3), uint8")
