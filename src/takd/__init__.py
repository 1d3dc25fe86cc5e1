"""takd: knowledge distillation through teacher assistants, as a reproducible pipeline.

network = takd.load("results/quick/models/cifar10/plain/10-4-2/seed0/model.safetensors")
network.predict("picture.png")        [Answer(label='ship', probability=0.93), …]
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from takd.shipping.predictor import Predictor

__version__ = "0.1.0"


def load(path: Path | str, *, builder: str | None = None) -> "Predictor":
    """Open a trained network: its labels, its probabilities, and `predict` for pictures.

    path: a model.safetensors that takd wrote, or an .onnx that it exported. builder: what builds the network of a
    model.safetensors, where that is code of one's own: a file's metadata never causes an import of it. Raises CheckpointError where
    the file isn't such a network, ParameterError where ONNX Runtime isn't installed.
    """
    from takd.planning.there import check_there

    check_there(Path(path))
    if Path(path).suffix.lower() == ".onnx":
        from takd.shipping.onnx_classifier import OnnxClassifier

        return OnnxClassifier(Path(path))
    from takd.shipping.classifier import load

    return load(path, builder=builder)
