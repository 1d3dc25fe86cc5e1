"""A trained network that answers for pictures: opened from its file alone."""

from pathlib import Path

import torch
from torch import Tensor, nn

from takd.records.weights import About
from takd.shipping.predictor import Predictor
from takd.training.opened import opened


class Classifier(Predictor):
    """A trained network with its labels, in torch.

    network: an nn.Module in evaluation mode, on the CPU: normalised images (B, 3, S, S) to logits (B, C).
    about: what its file says.
    """

    def __init__(self, network: nn.Module, about: About) -> None:
        super().__init__(about.name, about.size, about.classes, about.labels)
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
    """Open a trained network in torch.

    path: a model.safetensors that takd wrote. builder: what builds the network, where that is code of one's own: a file's metadata
    never causes an import of it. Raises CheckpointError where the file isn't such a network.
    """
    return Classifier(*opened(Path(path), builder=builder))
