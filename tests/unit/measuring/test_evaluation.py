"""Accuracy, calibration and confusion against hand counts, scikit-learn's and another way to the same formula."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.metrics import confusion_matrix as sklearns
from sklearn.metrics import recall_score

from takd.data import prepared
from takd.data.prepared import PreparedData
from takd.errors import CheckpointError, ParameterError
from takd.measuring.evaluation import Evaluation, confusion_matrix, evaluated, expected_calibration_error
from tests.unit.training.conftest import lively, write_network

NAME = "digits/plain/2/seed0"


@pytest.fixture
def data(digits: Path) -> PreparedData:
    return prepared.load(digits)


@pytest.mark.parametrize("builder", ["plain:2", "torchvision:resnet18"])
def test_the_accuracy_is_the_share_of_test_images_that_are_told(
    data: PreparedData, digits: Path, tmp_path: Path, builder: str
) -> None:
    path = write_network(tmp_path / "model", data, NAME, builder)
    with torch.no_grad():
        answers = lively(builder).eval()(data.test.images.permute(0, 3, 1, 2) / 127.5 - 1).argmax(1)
    expected = 100 * (answers == data.test.labels).float().mean().item()
    found = evaluated(path, digits, device_name="cpu", threads=1)
    assert found.name == NAME and found.accuracy == pytest.approx(
        expected, abs=0.3
    )  # an image whose two largest logits are as good as equal


def test_a_network_of_another_data_set_or_device_is_refused(data: PreparedData, digits: Path, tmp_path: Path) -> None:
    path = write_network(tmp_path / "model", data, NAME, "plain:2", data_digest="f" * 64)
    with pytest.raises(CheckpointError, match="was trained on other images"):
        evaluated(path, digits, device_name="cpu", threads=1)
    path = write_network(tmp_path / "model", data, NAME, "plain:2")
    with pytest.raises(ParameterError, match="device 'cuda:99'"):
        evaluated(path, digits, device_name="cuda:99", threads=1)


def of(*probabilities: float) -> torch.Tensor:
    """Logits of images whose first class of two has those probabilities."""
    return torch.tensor([[math.log(p), math.log(1 - p)] for p in probabilities], dtype=torch.float64)


def test_the_calibration_error_by_hand() -> None:
    # Ten bins. In (0.9, 1]: 0.95 and 0.99, one right; in (0.6, 0.7]: 0.65, 0.65 and 0.65, two right.
    logits, labels = of(0.95, 0.99, 0.65, 0.65, 0.35), torch.tensor([0, 1, 0, 1, 1])
    expected = 2 / 5 * abs(1 / 2 - 0.97) + 3 / 5 * abs(2 / 3 - 0.65)
    assert expected_calibration_error(logits, labels, bins=10) == pytest.approx(100 * expected)
    assert expected_calibration_error(of(0.999999), torch.tensor([0])) == pytest.approx(1e-4)
    assert expected_calibration_error(torch.tensor([[500.0, 0.0]]), torch.tensor([1])) == 100  # sure of it, and wrong


def test_a_confidence_on_an_edge_is_in_the_bin_that_it_ends() -> None:
    # Two bins, of four classes: 1/2 is in (0, 1/2], with 0.4, right; in (1/2, 1] is 0.8, wrong.
    half, less, more = [2.0, 1.0, 0.5, 0.5], [0.4, 0.2, 0.2, 0.2], [0.8, 0.1, 0.05, 0.05]
    logits, labels = torch.tensor([half, less, more], dtype=torch.float64).log(), torch.tensor([1, 0, 1])
    expected = 2 / 3 * abs(1 / 2 - 0.45) + 1 / 3 * 0.8
    assert expected_calibration_error(logits, labels, bins=2) == pytest.approx(100 * expected)


def test_the_calibration_error_is_guos_sum_over_bins() -> None:
    random = np.random.default_rng(0)
    logits, labels = 2 * random.normal(size=(500, 7)), random.integers(0, 7, 500)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    confidence, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    total = 0.0
    for number in range(15):
        inside = (confidence > number / 15) & (confidence <= (number + 1) / 15)
        if inside.any():
            total += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    found = expected_calibration_error(torch.from_numpy(logits), torch.from_numpy(labels))
    assert found == pytest.approx(100 * total, rel=1e-9) and found > 1


def test_the_confusion_matrix_is_scikit_learns() -> None:
    random = np.random.default_rng(1)
    labels, answers = random.integers(0, 6, 300), random.integers(0, 7, 300)  # no image of the last class, some answers
    found = confusion_matrix(torch.from_numpy(answers), torch.from_numpy(labels), 7)
    assert (found.numpy() == sklearns(labels, answers, labels=range(7))).all()
    by_class = Evaluation("n", tuple("abcdefg"), 0, None, 0, found).by_class
    expected = recall_score(labels, answers, labels=range(6), average=None)
    assert by_class[:6] == pytest.approx(list(100 * expected)) and by_class[6] is None


def test_what_is_said_of_a_class_without_images() -> None:
    found = Evaluation("n", ("cat", "dog", "eel"), 75.0, None, 12.345, torch.tensor([[2, 0, 0], [1, 1, 0], [0, 0, 0]]))
    assert found.as_text().splitlines() == [
        "n: top-1 75.00 %",
        "expected calibration error: 12.35 % (15 bins)",
        "  cat: 100.00 % of 2",
        "  dog: 50.00 % of 2",
        "  eel: no test image",
    ]
    said = json.loads(json.dumps(found.as_json()))
    assert said["accuracy_by_class"] == [100, 50, None] and said["images"] == 4 and said["top5_accuracy"] is None
