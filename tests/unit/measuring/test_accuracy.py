from pathlib import Path

import pytest
import torch

from takd.data import prepared
from takd.data.prepared import PreparedData
from takd.errors import CheckpointError, ParameterError
from takd.measuring.accuracy import accuracy_on_test
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
    name, found = accuracy_on_test(path, digits, device_name="cpu", threads=1)
    assert name == NAME and found == pytest.approx(expected, abs=0.3)  # an image whose two largest logits are as good as equal


def test_a_network_of_another_data_set_or_device_is_refused(data: PreparedData, digits: Path, tmp_path: Path) -> None:
    path = write_network(tmp_path / "model", data, NAME, "plain:2", data_digest="f" * 64)
    with pytest.raises(CheckpointError, match="was trained on other images"):
        accuracy_on_test(path, digits, device_name="cpu", threads=1)
    path = write_network(tmp_path / "model", data, NAME, "plain:2")
    with pytest.raises(ParameterError, match="device 'cuda:99'"):
        accuracy_on_test(path, digits, device_name="cuda:99", threads=1)
