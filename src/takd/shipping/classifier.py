"""A trained network that answers for pictures: opened from its file alone."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from takd.data import pictures
from takd.errors import CheckpointError, DataError
from takd.records.weights import About
from takd.training.opened import opened


class Answer(NamedTuple):
    """A class and how likely it is, in 0…1."""

    label: str
    probability: float


class Predictor(ABC):
    """What answers for pictures, however it is stored.

    size: pixels along a side of its images. labels: of the classes, in the order of its answers. labelled: whether its file names
    them; where it doesn't, they are numbered from 0.
    """

    def __init__(self, size: int, classes: int, labels: tuple[str, ...]) -> None:
        self.size = size
        self.labelled = bool(labels)
        self.labels: tuple[str, ...] = labels or tuple(map(str, range(classes)))

    @abstractmethod
    def __call__(self, images: Tensor) -> Tensor:
        """Probabilities of the classes: (B, C), float32. images: (B, S, S, 3), uint8. Raises DataError for others."""

    def predict(self, picture: Path | str, count: int = 3) -> list[Answer]:
        """The likeliest classes of a picture, brought to the network's size.

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


class Classifier(Predictor):
    """A trained network with its labels, in torch.

    network: an nn.Module in evaluation mode, on the CPU: normalised images (B, 3, S, S) to logits (B, C).
    about: what its file says.
    """

    def __init__(self, network: nn.Module, about: About) -> None:
        super().__init__(about.size, about.classes, about.labels)
        self.network = network
        self.about = about

    def normalised(self, images: Tensor) -> Tensor:
        """Pixels as the network was shown them. images: (B, S, S, 3), uint8. Returns (B, 3, S, S), float32, channels last."""
        self.check(images)
        scale, shift = torch.tensor(self.about.scale), torch.tensor(self.about.shift)
        return (images.float() * scale + shift).permute(0, 3, 1, 2)

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        """Probabilities of the classes: (B, C), float32. images: (B, S, S, 3), uint8."""
        answers: Tensor = self.network(self.normalised(images))
        return answers.float().softmax(dim=1)


def load(path: Path | str, *, builder: str | None = None) -> Classifier:
    """Open a trained network.

    path: a model.safetensors that takd wrote. builder: what builds the network, where that is code of one's own: a file's metadata
    never causes an import of it. Raises CheckpointError where the file isn't such a network.
    """
    return Classifier(*opened(Path(path), builder=builder))
