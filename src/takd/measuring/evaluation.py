"""How a trained network does on the test images: accuracy, calibration, and which classes it takes for which."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from takd.data import prepared
from takd.data.prepared import PreparedData
from takd.errors import CheckpointError
from takd.study.names import Name
from takd.training.device import chosen_device, used_precision
from takd.training.inference import logits, share_correct, still
from takd.training.opened import opened, shown
from takd.training.scores import top5_accuracy

BINS = 15  # as Guo et al. have it
BATCH = 32  # images that an exported network is given at once


@dataclass(frozen=True)
class Evaluation:
    """What a network answers to the test images.

    name: the network's. labels: of the C classes; numbers from 0 where its file has none. accuracy, top5: in per cent; top5 is None
    for five classes or fewer. calibration_error: in per cent, by expected_calibration_error. confusion: (C, C), int64, by
    confusion_matrix.
    """

    name: str
    labels: tuple[str, ...]
    accuracy: float
    top5: float | None
    calibration_error: float
    confusion: Tensor

    @property
    def by_class(self) -> list[float | None]:
        """Each class's accuracy, in per cent: the share of its images that are answered by it. None for a class without images."""
        images, correct = self.confusion.sum(dim=1).tolist(), self.confusion.diagonal().tolist()
        return [100 * right / count if count else None for right, count in zip(correct, images, strict=True)]

    def as_text(self) -> str:
        """What people read of it: a line each, a line a class."""
        lines = [f"{self.name}: top-1 {self.accuracy:.2f} %"]
        if self.top5 is not None:
            lines.append(f"top-5: {self.top5:.2f} %")
        lines.append(f"expected calibration error: {self.calibration_error:.2f} % ({BINS} bins)")
        for label, accuracy, images in zip(self.labels, self.by_class, self.confusion.sum(dim=1).tolist(), strict=True):
            lines.append(f"  {label}: {'no test image' if accuracy is None else f'{accuracy:.2f} % of {images}'}")
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """All of it, for machines."""
        return {
            "network": self.name,
            "images": int(self.confusion.sum()),
            "accuracy": self.accuracy,
            "top5_accuracy": self.top5,
            "expected_calibration_error": self.calibration_error,
            "labels": self.labels,
            "accuracy_by_class": self.by_class,
            "confusion": self.confusion.tolist(),
        }


def evaluated(model: Path, data_path: Path, *, device_name: str, threads: int, builder: str | None = None) -> Evaluation:
    """Evaluate a trained network on the test images, in the precision of its training; or an exported one (.onnx), as it is.

    builder: of a network of one's own code. Raises CheckpointError where it is of another data set, ParameterError where there is
    no such device.
    """
    data = prepared.load(data_path)
    if model.suffix.lower() == ".onnx":
        return _exported(model, data)
    network, about = opened(model, data_digest=data.digest, builder=builder)
    device = chosen_device(device_name, threads)
    test = data.test.to(device)
    images = shown(test, about)
    frozen = still(network.to(device), used_precision(about.precision, device), images)
    return _of(about.name, about.labels or tuple(map(str, range(about.classes))), logits(frozen, images), test.labels)


def _exported(path: Path, data: PreparedData) -> Evaluation:
    """The same of an ONNX file."""
    from takd.shipping.onnx_classifier import OnnxClassifier

    classifier = OnnxClassifier(path)
    name = Name.parse(classifier.name)
    if (name.dataset, classifier.labels, classifier.size) != (data.name, data.labels, data.size):
        raise CheckpointError(f"{path}: {name} isn't of these images of {data.name}: another data set, classes or size")
    batches = torch.arange(len(data.test)).split(BATCH)
    outputs = torch.cat([classifier.logits(data.test.pixels(positions)) for positions in batches])
    return _of(classifier.name, classifier.labels, outputs, data.test.labels)


def _of(name: str, labels: tuple[str, ...], outputs: Tensor, expected: Tensor) -> Evaluation:
    """What logits come to, (N, C), beside the labels of their images, (N,). Raises CheckpointError where they aren't finite."""
    if not outputs.isfinite().all():
        raise CheckpointError(f"{name}: its answers to the test images aren't finite numbers, so it has no accuracy")
    answers = outputs.argmax(dim=1)
    return Evaluation(
        name=name,
        labels=labels,
        accuracy=share_correct(answers, expected),
        top5=top5_accuracy(outputs, expected),
        calibration_error=expected_calibration_error(outputs, expected),
        confusion=confusion_matrix(answers, expected, len(labels)),
    )


def expected_calibration_error(logits: Tensor, labels: Tensor, bins: int = BINS) -> float:
    """By how much a network's confidence differs from its accuracy, in per cent: 0 where it is right as often as it says.

    Guo et al., On Calibration of Modern Neural Networks, ICML 2017, eq. 3: Σₘ |Bₘ| / n · |acc(Bₘ) - conf(Bₘ)|. The confidence of an
    answer is its probability; bin m holds the images whose confidence is in ((m - 1) / M, m / M]. An empty bin counts nothing.

    logits: (N, C). labels: (N,), int64. bins: M.
    """
    confidence, answers = logits.double().softmax(dim=1).max(dim=1)
    correct = (answers == labels).double()
    edges = torch.arange(1, bins, dtype=torch.float64, device=logits.device) / bins  # between bins; right ones belong to theirs
    places = torch.bucketize(confidence, edges)
    gaps = torch.zeros(bins, dtype=torch.float64, device=logits.device).index_add_(0, places, correct - confidence)
    return 100 * gaps.abs().sum().item() / len(labels)


def confusion_matrix(answers: Tensor, labels: Tensor, classes: int) -> Tensor:
    """How many images of class i (a row) were answered by class j (a column): (C, C), int64, on the CPU. answers, labels: (N,)."""
    return torch.bincount(labels.cpu() * classes + answers.cpu(), minlength=classes * classes).reshape(classes, classes)
