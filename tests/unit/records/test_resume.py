"""A training under way whose file was damaged starts afresh, and says so; a file that isn't takd's is left alone."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from takd.errors import ParameterError
from takd.files import write_tensors
from takd.records.metrics import Epoch
from takd.training.checkpoint import Progress
from takd.training.optimiser import Optimiser, optimiser_of
from tests.conftest import recipe
from tests.unit.records.examples import soft_targets, weights, with_metadata

HISTORY = [Epoch(epoch=1, learning_rate=0.1, loss=2.0, accuracy=50.0, seconds=1.0)]


def network() -> tuple[nn.Module, Optimiser]:
    torch.manual_seed(0)
    model = nn.Linear(2, 3)
    optimiser = optimiser_of(model, recipe().optimiser)
    model(torch.ones(1, 2)).sum().backward()
    optimiser.step(0.1)
    return model, optimiser


def saved(path: Path) -> Path:
    model, optimiser = network()
    Progress(path, "k").save(model, optimiser, {"weight": torch.ones(1)}, HISTORY)
    return path


def restored(path: Path) -> list[Epoch]:
    return Progress(path, "k").restore(*network(), {})


def test_one_flipped_bit_anywhere_starts_afresh_and_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(tmp_path / "resume")
    assert restored(path) == HISTORY and capsys.readouterr().out == ""
    content = path.read_bytes()
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        if restored(path) == HISTORY:  # between tokens of JSON, where nothing is said
            assert content[place : place + 1] in b" " and capsys.readouterr().out == ""
        else:
            said = capsys.readouterr().out
            assert said.count("\n") == 1 and "can't be gone on from" in said and "starts afresh" in said


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_half_a_file_starts_afresh(tmp_path: Path, share: float, capsys: pytest.CaptureFixture[str]) -> None:
    path = saved(tmp_path / "resume")
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    try:
        assert restored(path) == [] and "starts afresh" in capsys.readouterr().out
    except ParameterError:
        assert share < 0.5  # what is left says nothing of a training


@pytest.mark.parametrize(
    "changes",
    [{"history": "none"}, {"history": [1]}, {"history": [{"epoch": -1}]}, {"history": None}, {"digest": 5}, {"digest": None},
     {"history": [HISTORY[0].model_dump() | {"accuracy": 250}]}],
    ids=range(7),
)  # fmt: skip
def test_metadata_of_the_wrong_types_start_afresh(
    tmp_path: Path, changes: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    path = with_metadata(saved(tmp_path / "resume"), changes)
    assert restored(path) == [] and "starts afresh" in capsys.readouterr().out


def test_another_trainings_file_is_passed_over(tmp_path: Path) -> None:
    assert Progress(saved(tmp_path / "resume"), "another").restore(*network(), {}) == []
    assert restored(tmp_path / "absent") == []
    (tmp_path / "empty").touch()
    assert restored(tmp_path / "empty") == []


def test_a_file_of_another_kind_is_refused_and_left(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("of a training under way, and more", encoding="utf-8")
    torch.save({"optimiser.weight": torch.zeros(1)}, tmp_path / "theirs.pth")
    write_tensors(tmp_path / "other", {"model.weight": torch.zeros(1)}, {"kind": "something else"})
    os.mkfifo(tmp_path / "pipe")
    files = [
        weights(tmp_path / "model"),
        soft_targets(tmp_path / "targets"),
        *(tmp_path / name for name in ("notes.txt", "theirs.pth", "other")),
    ]
    for path in files:
        before = path.read_bytes()
        with pytest.raises(ParameterError, match="not the state of a training that takd wrote"):
            Progress(path, "k")
        assert path.read_bytes() == before
