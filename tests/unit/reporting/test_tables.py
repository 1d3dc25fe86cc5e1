"""Golden files for hand-made accuracies. To write them anew: TAKD_WRITE_GOLDEN=1 pytest tests/unit/reporting"""

import os
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest

from takd.errors import CheckpointError, ParameterError
from takd.reporting import accuracy as accuracies
from takd.reporting import artifacts, tables
from tests.conftest import ROOT

GOLDEN = ROOT / "tests/golden"
PUBLISHED = tables.read_published(ROOT / "paper/published.csv")


def accuracy(rows: list[tuple[str, str, str, int, float]]) -> pd.DataFrame:
    """A table with what these tests look at: data set, family, chain, seed, accuracy."""
    table = pd.DataFrame(rows, columns=["dataset", "family", "chain", "seed", "accuracy"])
    return table.assign(variant="").reindex(columns=accuracies.COLUMNS)


ACCURACY = accuracy(
    [
        *(("cifar10", "plain", "10-8-2", seed, value) for seed, value in enumerate((70.0, 71.0, 72.0))),
        ("cifar10", "plain", "10-6-2", 0, 73.15),
        ("cifar10", "plain", "2", 0, 69.5),
        ("cifar10", "plain", "2", 1, 70.5),
        ("cifar100", "plain", "10-4-2", 0, 45.9249),
        ("cifar10", "resnet", "2", 0, 99.0),
        ("cifar10", "resnet", "26-8", 0, 99.0),  # in figure 6's place, but not of its variant
    ]
)
COMPARED = accuracy(
    [
        *(("cifar10", "resnet", "26-14-8", seed, value) for seed, value in enumerate((87.0, 88.0, 89.0))),
        ("cifar10", "resnet", "26-8+mutual", 0, 87.71),
        ("cifar10", "resnet", "14", 0, 89.0),
    ]
).assign(variant="comparison")


@pytest.mark.parametrize("name", ["table1", "table2", "table3", "figure6"])
def test_a_table_is_the_golden_one(name: str) -> None:
    artifact = artifacts.load(ROOT / "paper/artifacts.yaml")[name]
    assert isinstance(artifact, artifacts.Table)
    rows = tables.tabulate(name, artifact, ("cifar10", "cifar100"), pd.concat([ACCURACY, COMPARED]), PUBLISHED)
    for path, text in (
        (GOLDEN / f"{name}.csv", tables.as_csv(rows)),
        (GOLDEN / f"{name}.md", tables.as_markdown(artifact, rows)),
    ):
        if os.environ.get("TAKD_WRITE_GOLDEN"):
            path.write_text(text)
        assert path.read_text() == text


def test_data_without_published_numbers_leave_quoted_columns_empty() -> None:
    artifact = artifacts.load(ROOT / "paper/artifacts.yaml")["figure6"]
    assert isinstance(artifact, artifacts.Table)
    rows = tables.tabulate("figure6", artifact, ("digits",), ACCURACY, PUBLISHED)
    first = pd.read_csv(StringIO(tables.as_csv(rows)), keep_default_na=False).iloc[0]
    assert (first["NOKD"], first["NOKD n"], first["AT"], first["AT n"], first["AT paper"]) == ("not run", 0, "", "", "")
    assert "quoted)" not in tables.as_markdown(artifact, rows)


def test_accuracies_on_held_out_images_are_said_to_be() -> None:
    artifact = artifacts.load(ROOT / "paper/artifacts.yaml")["table2"]
    assert isinstance(artifact, artifacts.Table)
    rows = tables.tabulate("table2", artifact, ("cifar10",), ACCURACY, PUBLISHED)
    assert "HELD-OUT" in tables.as_markdown(artifact, rows, held_out=True)
    assert "HELD-OUT" not in tables.as_markdown(artifact, rows)


def test_a_cell_is_mean_deviation_count_and_difference() -> None:
    artifact = artifacts.load(ROOT / "paper/artifacts.yaml")["table2"]
    cell = next(artifact.cells(("cifar10",)))
    measured = tables.measure("table2", cell, ACCURACY, PUBLISHED)
    assert (measured.mean, measured.deviation, measured.count) == (71.0, 1.0, 3)  # of 70, 71, 72 with n - 1
    assert measured.difference == pytest.approx(71.0 - 72.75)


def test_collected_rows_are_sorted_from_large_networks_to_small(tmp_path: Path) -> None:
    paths = []
    for chain in ("2", "10-2+mutual", "10-2", "10-10", "10"):
        path = tmp_path / f"{chain}.json"
        values: dict[str, object] = dict.fromkeys(accuracies.COLUMNS, 0) | {
            "dataset": "d",
            "family": "f",
            "chain": chain,
            "recipe": {"training_share": 1.0},
        }
        path.write_text(pd.Series(values).to_json())
        paths.append(path)
    collected = accuracies.collect(paths, tmp_path)
    assert collected["chain"].tolist() == ["10", "10-10", "10-2", "10-2+mutual", "2"]
    collected.to_csv(tmp_path / "accuracy.csv", index=False)
    assert accuracies.read(tmp_path / "accuracy.csv")["chain"].tolist() == collected["chain"].tolist()


def test_a_network_of_a_variant_is_told_from_the_main_one(tmp_path: Path) -> None:
    paths = [tmp_path / "models/a/metrics.json", tmp_path / "variants/short/models/a/metrics.json"]
    for path, value in zip(paths, (70.0, 60.0), strict=True):
        path.parent.mkdir(parents=True)
        values: dict[str, object] = dict.fromkeys(accuracies.COLUMNS, 0) | {
            "dataset": "d",
            "family": "f",
            "chain": "2",
            "recipe": {"training_share": 1.0},
        }
        path.write_text(pd.Series(values | {"accuracy": value}).to_json())
    accuracies.collect(paths, tmp_path).to_csv(tmp_path / "accuracy.csv", index=False)
    table = accuracies.read(tmp_path / "accuracy.csv")
    assert accuracies.by_seed(table, "d", "f", "2").tolist() == [70.0]
    assert accuracies.by_seed(table, "d", "f", "2", "short").tolist() == [60.0]
    for elsewhere in (tmp_path / "models", tmp_path.parent):
        with pytest.raises(CheckpointError, match="of a variant, but not below"):
            accuracies.collect(paths, elsewhere)


def test_accuracies_on_test_and_on_held_out_images_are_not_mixed() -> None:
    measured = pd.DataFrame({"variant": ["", "", "less"], "best_test_accuracy": [70.0, 71.0, float("nan")]})
    assert accuracies.on_held_out(measured)
    assert not accuracies.on_held_out(measured[:2])
    with pytest.raises(CheckpointError, match="variants/less: some accuracies are of test images, others of held-out ones"):
        accuracies.on_held_out(measured.assign(variant="less"))


def test_what_is_no_accuracy_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    with pytest.raises(CheckpointError, match="expected the columns dataset, family"):
        accuracies.read(tmp_path / "a.csv")
    with pytest.raises(CheckpointError, match="no such file"):
        accuracies.read(tmp_path / "b.csv")
    with pytest.raises(ParameterError, match="expected the columns artifact"):
        tables.read_published(tmp_path / "a.csv")
