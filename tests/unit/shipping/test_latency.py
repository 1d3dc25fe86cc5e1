"""Latency is what a clock says, here one that a test moves."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from takd.errors import ParameterError, RecordError
from takd.records.exports import ExportRecord, LatencyRecord
from takd.shipping import latency
from takd.shipping.onnx_file import AboutOnnx, OnnxNetwork
from tests.unit.records.examples import EXPORTED, NAME


class Pretended:
    """Takes 2 ms for one image, 10 ms every tenth time, and 16 ms for 32; the first calls take a second."""

    about: Any = SimpleNamespace(size=8)

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: dict[int, int] = {}

    def __call__(self, images: Any) -> None:
        assert images.shape[1:] == (8, 8, 3) and images.dtype == np.uint8
        count = self.calls[len(images)] = self.calls.get(len(images), 0) + 1
        usual = 0.016 if len(images) == 32 else 0.010 if count % 10 == 0 else 0.002
        self.now += 1.0 if count <= latency.WARM_UP else usual


def test_calls_are_counted_after_the_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    network: Any = Pretended()
    monkeypatch.setattr("time.perf_counter", lambda: network.now)
    found = latency.measured(network)
    assert network.calls == {1: 250, 32: 250}
    assert [found.median, found.within] == pytest.approx([2.0, 10.0])
    assert found.calls == 200
    assert found.images_per_second == pytest.approx(32 / 0.016)
    assert "one image in 2 ms (median; 95 % within 10 ms), 32 at once at 2,000 images/s; 200 calls" in str(found)


CARD = "# seed0.onnx\n\n| | |\n|---|---|\n| parameters | 9 |\n| multiply-adds | 8 an image |\n| top-1 | 7 |\n"


@pytest.fixture
def exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An export of the workflow, with its card and record, as far as its latency is asked for."""
    network: Any = Pretended()
    network.about = AboutOnnx(
        name=NAME, key="0" * 16, weights_digest="0" * 64, variant="fp32", labels=("a", "b"), size=8, commit="abc"
    )
    monkeypatch.setattr("time.perf_counter", lambda: network.now)
    monkeypatch.setattr(OnnxNetwork, "read", lambda path, threads: network)
    onnx = tmp_path / "seed0.onnx"
    onnx.write_bytes(b"x")
    onnx.with_suffix(".md").write_text(CARD)
    files = [onnx, onnx.with_suffix(".md")]
    ExportRecord.of("1" * 16, files, **EXPORTED, name=NAME, kind="fp32").write(onnx.with_suffix(".json"))
    return onnx


def test_the_card_says_what_was_measured_last_and_its_record_knows(exported: Path, tmp_path: Path) -> None:
    record = tmp_path / "seed0.latency.json"
    for _ in range(2):
        latency.latency(exported, to_card=True, record=record)
    lines = exported.with_suffix(".md").read_text().splitlines()
    assert [line.startswith("| latency | one image in 2 ms (median;") for line in lines] == [False] * 6 + [True, False]
    assert [*lines[:6], *lines[7:]] == CARD.splitlines()
    assert ExportRecord.read(exported.with_suffix(".json")).changed(tmp_path) == []
    made = LatencyRecord.read(record)
    assert (made.name, made.kind, made.calls) == (NAME, "fp32", 200) and made.median == pytest.approx(2.0)
    assert list(made.made_from) == [str(exported.with_suffix(".json"))]


def test_a_card_by_hand_or_another_key_stays_as_it_is(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="run the same command again"):
        latency.latency(exported, to_card=True, expected_key="f" * 16)
    card = exported.with_suffix(".md")
    assert card.read_text() == CARD
    card.write_text("mine\n")
    with pytest.raises(RecordError, match="there is no place for the latency"):
        latency.latency(exported, to_card=True)
    with pytest.raises(RecordError, match="isn't what was written; run snakemake again"):
        latency.latency(exported, to_card=True, record=tmp_path / "seed0.latency.json")
    assert card.read_text() == "mine\n" and not (tmp_path / "seed0.latency.json").exists()
