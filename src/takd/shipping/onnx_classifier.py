"""A network in an ONNX file that answers for pictures: it is run by ONNX Runtime on the CPU."""

from pathlib import Path

import torch
from torch import Tensor

from takd.errors import CheckpointError, ParameterError
from takd.files import check_regular
from takd.shipping.predictor import Predictor

MOST = 1.01  # a probability that was rounded to few bits


class OnnxClassifier(Predictor):
    """An exported network with its labels."""

    def __init__(self, path: Path) -> None:
        """Raises CheckpointError where the file isn't one that takd exported, ParameterError where ONNX Runtime isn't installed."""
        check_regular(path)
        try:
            import onnxruntime  # noqa: F401 (an extra: what follows needs it)
        except ImportError:
            raise ParameterError(f"{path}: onnxruntime isn't installed; pip install 'takd[export]'") from None
        from takd.shipping.onnx_file import OnnxNetwork

        self._path = path
        self._network = OnnxNetwork.read(path)
        about = self._network.about
        super().__init__(about.name, about.size, len(about.labels), about.labels)

    def __call__(self, images: Tensor) -> Tensor:
        """Probabilities of the classes: (B, C), float32. images: (B, S, S, 3), uint8.

        Raises DataError for other images, CheckpointError where the network can't run on them.
        """
        return self._answers(images)[0]

    def logits(self, images: Tensor) -> Tensor:
        """The same before softmax: (B, C), float32."""
        return self._answers(images)[1]

    def _answers(self, images: Tensor) -> tuple[Tensor, Tensor]:
        self.check(images)
        probabilities, logits = (torch.from_numpy(each) for each in self._network(images.numpy()))
        expected = (len(images), len(self.labels))
        if not probabilities.shape == logits.shape == expected or probabilities.min() < 0 or probabilities.max() > MOST:
            raise CheckpointError(f"{self._path}: what it answers aren't probabilities of {expected[1]} classes for each image")
        return probabilities, logits
