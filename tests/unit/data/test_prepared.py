import hashlib
from pathlib import Path

import pytest
import torch

from takd.data import prepared
from takd.data.registry import DATASETS, dataset
from takd.errors import DataError, NetworkNameError
from takd.files import write_tensors


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("digits") / "digits.safetensors"
    prepared.prepare("digits", path.parent, path)
    return path


def test_digits_are_scikit_learns_enlarged_fourfold(digits: Path) -> None:
    data = prepared.load(digits)
    assert len(data.train) == DATASETS["digits"].training_images == 1438 and len(data.test) == 359
    assert data.train.images.dtype == torch.uint8 and data.train.images.shape[1:] == (32, 32, 3)
    squares = data.train.images.reshape(-1, 8, 4, 8, 4, 3)
    assert (squares == squares[:, :, :1, :, :1, :1]).all()
    assert data.train.labels.bincount().min() > 100


def test_the_prepared_file_is_always_the_same(digits: Path, tmp_path: Path) -> None:
    prepared.prepare("digits", tmp_path, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == digits.read_bytes()
    assert hashlib.sha256(digits.read_bytes()).hexdigest() == "136c30feb767a2c29bbb4ef3edc788cc05b7db392633bfe0ce33e1556b4ccdc8"


def test_another_file_is_not_taken_for_a_data_set(digits: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    write_tensors(weights, {"w": torch.zeros(3)}, {"network": "cifar10/plain/2/seed0"})
    with pytest.raises(DataError, match="not a prepared data set"):
        prepared.load(weights)
    with pytest.raises(DataError, match="no such file"):
        prepared.load(tmp_path / "absent.safetensors")
    (tmp_path / "short.safetensors").write_bytes(digits.read_bytes()[:5000])
    with pytest.raises(DataError, match="cut short or damaged"):
        prepared.load(tmp_path / "short.safetensors")


def test_a_data_set_prepared_from_other_content_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "digits.safetensors"
    write_tensors(path, {"train_images": torch.zeros(1)}, {"dataset": "digits", "digest": "old"})
    with pytest.raises(DataError, match="prepared from other content"):
        prepared.load(path)


def test_an_unknown_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NetworkNameError, match="unknown data set 'mnist'; there are cifar10, cifar100, digits"):
        dataset("mnist")
