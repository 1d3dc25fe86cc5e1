"""A library's own weights: taken where they lie; where they can't be had, one line says where to put them."""

import urllib.error
from pathlib import Path

import pytest
import torch

from takd.errors import CheckpointError
from takd.networks.library import library_weights


def test_weights_that_are_there_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    file = tmp_path / "checkpoints/resnet18-f37072fd.pth"
    file.write_bytes(b"weights")
    assert library_weights("torchvision:resnet18") == file


def test_weights_that_cannot_be_had_name_their_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise urllib.error.URLError("no network")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    with pytest.raises(CheckpointError, match=f"can't be reached .*put the file at {tmp_path}/checkpoints/resnet18-f37072fd.pth"):
        library_weights("torchvision:resnet18")


@pytest.mark.parametrize("builder", ["plain:4", "timm:resnet18", "nets.py:wide"])
def test_only_torchvision_s_are_known(builder: str) -> None:
    with pytest.raises(CheckpointError, match="takd knows torchvision's own weights alone"):
        library_weights(builder)
