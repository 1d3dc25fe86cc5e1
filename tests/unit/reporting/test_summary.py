"""What DVC shows of records."""

import json
from pathlib import Path

import pandas as pd
import pytest

from takd.errors import RecordError
from takd.records import accuracy
from takd.reporting import summary
from tests.unit.reporting.conftest import record

RECORDS = [
    ("", record("digits/plain/10-2/seed0", (50.0, 60.0))),
    ("", record("digits/plain/10-2/seed1", (50.0, 62.0))),
    ("", record("digits/plain/2/seed0", (30.0, 40.0, 41.0))),
    ("short", record("digits/plain/2/seed0", (20.0,))),
]
ORDER = {"plain": ["10", "2"]}


def test_collected_are_accuracies_curves_and_a_mean_for_each_chain(tmp_path: Path) -> None:
    files = summary.collected(RECORDS, ORDER, tmp_path)
    assert [path.name for path in files] == ["accuracy.csv", "curves.csv", "metrics.json"]
    assert accuracy.read(files[0])["chain"].tolist() == ["10-2", "10-2", "2", "2"]
    assert json.loads(files[2].read_text()) == {
        "digits": {
            "plain": {
                "10-2": {"accuracy": 61.0, "deviation": pytest.approx(2**0.5), "n": 2},
                "2": {"accuracy": 41.0, "deviation": None, "n": 1},
                "short 2": {"accuracy": 20.0, "deviation": None, "n": 1},
            }
        }
    }
    curves = pd.read_csv(files[1])
    assert curves.columns.tolist() == ["network", "epoch", "loss", "accuracy", "learning_rate"]
    alone = curves[curves["network"] == "digits/plain/2/seed0"]
    assert alone["epoch"].tolist() == [1, 2, 3] and alone["accuracy"].tolist() == [30.0, 40.0, 41.0]
    assert curves[curves["network"] == "short digits/plain/2/seed0"]["accuracy"].tolist() == [20.0]


def test_one_network_twice_is_no_second_seed(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="digits/plain/2/seed0 stands there twice"):
        summary.collected([*RECORDS, RECORDS[2]], ORDER, tmp_path)
    assert not list(tmp_path.iterdir())
