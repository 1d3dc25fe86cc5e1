from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from takd.chain import Network
from takd.checkpoint import load_network, save_network, weights_digest
from takd.errors import CheckpointError
from takd.training import initialised

METADATA: dict[str, Any] = {"network": "digits/plain/4/seed0", "classes": 10, "data_digest": "d"}


def write(path: Path, **changes: Any) -> Path:
    save_network(path, initialised(Network.parse(METADATA["network"]), 10), METADATA | changes)
    return path


def test_a_network_comes_back_as_it_was(tmp_path: Path) -> None:
    path = write(tmp_path / "model.safetensors", commit="abc")
    model, metadata = load_network(path, "d")
    expected = initialised(Network.parse(METADATA["network"]), 10).eval()
    images = torch.randn(3, 3, 32, 32)
    torch.testing.assert_close(model(images), expected(images))
    assert metadata == METADATA | {"commit": "abc"}


def test_the_same_network_is_the_same_file_and_its_digest_is_of_the_weights(tmp_path: Path) -> None:
    one, again, later = write(tmp_path / "one"), write(tmp_path / "again"), write(tmp_path / "later", commit="abc")
    assert one.read_bytes() == again.read_bytes() != later.read_bytes()
    assert weights_digest(one) == weights_digest(later)
    save_network(tmp_path / "other", initialised(Network.parse("digits/plain/4/seed1"), 10), METADATA)
    assert weights_digest(tmp_path / "other") != weights_digest(one)


@pytest.mark.parametrize("length", [0, 4, 100, 5000, -1])
def test_a_file_cut_short_is_refused(tmp_path: Path, length: int) -> None:
    path = write(tmp_path / "model.safetensors")
    path.write_bytes(path.read_bytes()[:length])
    with pytest.raises(CheckpointError, match=r"model\.safetensors: cut short or damaged") as raised:
        load_network(path, "d")
    assert "\n" not in str(raised.value)


def test_what_isnt_ours_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="no such file"):
        load_network(tmp_path / "absent", "d")
    save_file({"w": torch.zeros(1)}, tmp_path / "foreign")
    with pytest.raises(CheckpointError, match="not one that takd wrote"):
        load_network(tmp_path / "foreign", "d")
    torch.save({"w": torch.zeros(1)}, tmp_path / "pickle")
    with pytest.raises(CheckpointError, match="cut short or damaged"):
        load_network(tmp_path / "pickle", "d")


def test_a_network_of_another_data_set_or_class_count_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="trained on another data set"):
        load_network(write(tmp_path / "model"), "e")
    with pytest.raises(CheckpointError, match="weights don't fit"):
        load_network(write(tmp_path / "model", classes=100), "d")
