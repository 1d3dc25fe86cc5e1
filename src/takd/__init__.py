"""takd: knowledge distillation through teacher assistants, as a reproducible pipeline.

network = takd.load("results/quick/models/cifar10/plain/10-4-2/seed0/model.safetensors")
network.predict("picture.png")        [Answer(label='ship', probability=0.93), …]
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from takd.shipping.classifier import Classifier

__version__ = "0.1.0"


def load(path: Path | str, *, builder: str | None = None) -> "Classifier":
    """Open a trained network: its labels, its probabilities, and `predict` for pictures. See takd.shipping.classifier.load."""
    from takd.shipping.classifier import load

    return load(path, builder=builder)
