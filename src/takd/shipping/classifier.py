"""A trained network that answers for pictures: opened from its file alone."""

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from takd.data import pictures
from takd.errors import DataError
from takd.records.weights import About
from takd.training.opened import opened


class Answer(NamedTuple):
    """A class and how likely it is, in 0…1."""

    label: str
    probability: float


class Classifier:
    """A trained network with its labels.

    network: an nn.Module in evaluation mode, on the CPU: normalised images (B, 3, S, S) to logits (B, C). labels: of the classes.
    """

    def __init__(self, network: nn.Module, about: About) -> None:
        self.network = network
        self.about = about
        self.labels: tuple[str, ...] = about.labels or tuple(map(str, range(about.classes)))

    def normalised(self, images: Tensor) -> Tensor:
        """Pixels as the network was shown them. images: (B, S, S, 3), uint8. Returns (B, 3, S, S), float32, channels last."""
        size = self.about.size
        if images.dim() != 4 or images.shape[1:] != (size, size, 3) or images.dtype != torch.uint8:
            raise DataError(f"images of {tuple(images.shape)} {images.dtype}; expected (B, {size}, {size}, 3), uint8")
        scale, shift = torch.tensor(self.about.scale), torch.tensor(self.about.shift)
        return (images.float() * scale + shift).permute(0, 3, 1, 2)

    @torch.inference_mode()
    def __call__(self, images: Tensor) -> Tensor:
        """Probabilities of the classes: (B, C), float32. images: (B, S, S, 3), uint8."""
        answers: Tensor = self.network(self.normalised(images))
        return answers.float().softmax(dim=1)

    def predict(self, picture: Path | str, count: int = 3) -> list[Answer]:
        """The likeliest classes of a picture, brought to the network's size. Raises DataError where it can't be read."""
        pixels = torch.from_numpy(pictures.read(Path(picture), self.about.size).copy())
        likeliest = self(pixels[None])[0].topk(min(count, len(self.labels)))
        return [
            Answer(self.labels[place], value)
            for value, place in zip(likeliest.values.tolist(), likeliest.indices.tolist(), strict=True)
        ]


def load(path: Path | str, *, builder: str | None = None) -> Classifier:
    """Open a trained network.

    path: a model.safetensors that takd wrote. builder: what builds the network, where that is code of one's own: a file's metadata
    never causes an import of it. Raises CheckpointError where the file isn't such a network.
    """
    return Classifier(*opened(Path(path), builder=builder))
