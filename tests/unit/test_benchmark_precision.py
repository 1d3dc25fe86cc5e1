import csv
from pathlib import Path

import pytest
import torch

from benchmarks import precision
from takd.chain import Network
from tests.conftest import ROOT


def test_precision_goes_on_seed_by_seed(tmp_path: Path, digits: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "used_precision", lambda *_: torch.bfloat16)
    preset = tmp_path / "short.yaml"
    preset.write_text("train: {epochs: 1, learning_rate: 0.02, batch_size: 512}")
    output = tmp_path / "precision.csv"
    precision.main(digits, sizes="2", seeds=2, threads=1, preset=preset, output=output)
    first = output.read_text()
    assert len(first.splitlines()) == 1 + 4
    trained: list[str] = []

    def stand_in(network: Network, *_: object) -> dict[str, str]:
        trained.append(str(network))
        return {"network": str(network), "precision": "float32", "accuracy": "50.00"}

    monkeypatch.setattr(precision, "_trained", stand_in)
    output.write_text("\n".join(first.splitlines()[:-1]) + "\n")
    precision.main(digits, sizes="2", seeds=2, threads=1, preset=preset, output=output)
    assert trained == ["digits/plain/2/seed1"]


def test_difference_of_precisions_is_paired() -> None:
    rows = [
        {"network": f"cifar10/plain/2/seed{seed}", "precision": kind, "accuracy": str(value)}
        for seed, pair in enumerate([(70.0, 69.0), (60.0, 59.0), (65.0, 64.1)])
        for kind, value in zip(("bfloat16", "float32"), pair, strict=True)
    ]
    assert "| cifar10/plain/2 | 3 | 64.03 | 65.00 | +0.97 | +0.82 to +1.11 |" in precision.as_markdown(rows)


def test_the_docs_show_the_table_that_was_measured() -> None:
    rows = list(csv.DictReader((ROOT / "benchmarks/precision.csv").read_text().splitlines()))
    table = precision.as_markdown(rows)
    assert table == (ROOT / "benchmarks/precision.md").read_text()
    assert table in (ROOT / "docs/benchmarks.md").read_text()
