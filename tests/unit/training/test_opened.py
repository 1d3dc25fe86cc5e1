from pathlib import Path

import pytest
import torch

from takd.data.prepared import PreparedData
from takd.data.views import Normalisation, Views
from takd.errors import CheckpointError
from takd.training.opened import opened, shown
from tests.unit.training.conftest import lively, write_network

NAME = "digits/plain/4/seed0"
OWN = """
from pathlib import Path
from torch import nn
Path(__file__).with_name("was run").touch()
def small(classes):
    return nn.Sequential(nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(48, classes))
"""


@pytest.mark.parametrize("builder", ["plain:4", "resnet:8", "torchvision:mobilenet_v3_small", "torchvision:mnasnet0_5"])
def test_a_network_comes_back_as_it_was(few: PreparedData, tmp_path: Path, builder: str) -> None:
    network, about = opened(write_network(tmp_path / "model", few, NAME, builder), data_digest=few.digest)
    images = torch.randn(3, 3, 32, 32)
    assert not network.training
    with torch.no_grad():
        torch.testing.assert_close(network(images), lively(builder).eval()(images))
    assert (str(about.network), about.builder) == (NAME, builder)


def test_images_are_shown_as_the_file_says(few: PreparedData, tmp_path: Path) -> None:
    _, about = opened(write_network(tmp_path / "model", few, NAME, "plain:2", normalisation="dataset"))
    expected = Views(few.test, Normalisation.of(few.train, "dataset"), augmentation="none")
    positions = torch.arange(5)
    torch.testing.assert_close(shown(few.test, about).batch(positions, None), expected.batch(positions, None))


def test_a_network_of_other_images_or_another_shape_is_refused(few: PreparedData, tmp_path: Path) -> None:
    path = write_network(tmp_path / "model", few, NAME, "plain:4")
    with pytest.raises(CheckpointError, match="trained on other images"):
        opened(path, data_digest="f" * 64)
    with pytest.raises(CheckpointError, match=r"its weights don't fit plain:2"):
        opened(path, builder="plain:2")
    with pytest.raises(CheckpointError, match=r"its weights don't fit plain:4"):
        opened(write_network(tmp_path / "model", few, NAME, "plain:4", classes=100, labels=()))


def test_what_a_file_says_never_runs_somebodys_code(few: PreparedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(OWN)
    path = write_network(tmp_path / "model", few, NAME, "nets.py:small")
    (tmp_path / "was run").unlink()
    with pytest.raises(CheckpointError, match=r"was built by nets.py:small, code of one's own; name it: builder='nets.py:small'"):
        opened(path)
    assert not (tmp_path / "was run").exists()
    network, _ = opened(path, builder="nets.py:small")
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_a_file_cut_short_or_changed_is_refused(few: PreparedData, tmp_path: Path) -> None:
    path = write_network(tmp_path / "model", few, NAME, "plain:2")
    content = path.read_bytes()
    for changed in (b"", content[:4], content[:100], content[:5000], content[:-1], content[:-1] + bytes([content[-1] ^ 1])):
        path.write_bytes(changed)
        with pytest.raises(CheckpointError, match=r"/model: ") as raised:
            opened(path)
        assert "\n" not in str(raised.value)
    with pytest.raises(CheckpointError, match="absent: no such file"):
        opened(tmp_path / "absent")
