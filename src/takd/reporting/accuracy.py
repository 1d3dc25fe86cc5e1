"""accuracy.csv: one row a trained network, gathered from the metrics that trainings wrote."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from takd.chain import sizes_of
from takd.errors import CheckpointError
from takd.reporting import csv_files

COLUMNS = [
    "dataset", "family", "chain", "variant", "method", "seed", "accuracy", "best_test_accuracy",
    "epochs", "training_share", "seconds", "parameters", "commit",
]  # fmt: skip


def collect(metrics: list[Path], results: Path) -> pd.DataFrame:
    """A row for each metrics file, sorted by name; those below results/variants are of that variant.

    Raises CheckpointError where a file isn't one of ours, or two are of one network.
    """
    rows = []
    for path in metrics:
        with metrics_of(path) as values:
            values["variant"] = variant(path, results)
            values["training_share"] = values["recipe"]["training_share"]
            sizes_of(values["chain"])
            rows.append([values[column] for column in COLUMNS])
    table = _each_once(pd.DataFrame(rows, columns=COLUMNS).astype({"chain": str}), "metrics")
    largest_first = table["chain"].map(lambda chain: tuple(-size for size in sizes_of(chain)))
    keys = ["variant", "dataset", "family", "_order", "chain", "seed"]
    order = table.assign(_order=largest_first).sort_values(keys).index
    return table.loc[order].reset_index(drop=True)


@contextmanager
def metrics_of(path: Path) -> Iterator[dict[str, Any]]:
    """What a training measured, to be read within: CheckpointError where there is no such file, or it lacks what is asked of it."""
    try:
        yield json.loads(path.read_text())
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file") from None
    except KeyError as error:
        raise CheckpointError(f"{path}: not the metrics of a training: it has no {error.args[0]}") from None
    except (ValueError, TypeError, AttributeError):
        raise CheckpointError(f"{path}: not the metrics of a training") from None


def variant(metrics: Path, results: Path) -> str:
    """The variant that a file below a folder of results belongs to; empty for the main one.

    Raises CheckpointError where it is a variant of other results: its network would be taken for the main one.
    """
    parts = metrics.relative_to(results).parts if metrics.is_relative_to(results) else metrics.parts
    if parts[0] == "variants":
        return parts[1]
    if "variants" in parts:
        raise CheckpointError(f"{metrics}: of a variant, but not below {results}/variants; --results names the folder of results")
    return ""


def on_held_out(table: pd.DataFrame) -> bool:
    """Whether any accuracy of an accuracy.csv was measured on training images that were held out, and not on the test images.

    Raises CheckpointError where both are among the networks of one variant, or of none: they can't be compared.
    """
    held_out = table["best_test_accuracy"].isna()
    mixed = held_out.groupby(table["variant"]).nunique() > 1
    if mixed.any():
        variant = mixed.idxmax()
        where = f"variants/{variant}" if variant else "networks"
        raise CheckpointError(
            f"{where}: some accuracies are of test images, others of held-out ones; give them folders of their own"
        )
    return bool(held_out.any())


def by_seed(table: pd.DataFrame, dataset: str, family: str, chain: str, variant: str = "") -> "pd.Series[float]":
    """A chain's accuracies in an accuracy.csv, by seed."""
    chosen = (table["dataset"] == dataset) & (table["family"] == family) & (table["chain"] == chain) & (table["variant"] == variant)
    return table[chosen].set_index("seed")["accuracy"]


def read(path: Path) -> pd.DataFrame:
    """An accuracy.csv. Raises CheckpointError where it isn't one, or has a network twice."""
    return _each_once(csv_files.read(path, COLUMNS, CheckpointError).fillna({"variant": ""}), str(path))


def _each_once(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """The table, if no network stands in it twice: that would count as a seed more."""
    names = ["variant", "dataset", "family", "chain", "seed"]
    twice = table[table.duplicated(names)]
    if len(twice):
        variant, *parts, seed = map(str, twice.iloc[0][names])
        name = "/".join([*([f"variants/{variant}"] if variant else []), *parts, f"seed{seed}"])
        raise CheckpointError(f"{source}: {name} stands there twice; networks of several folders need several accuracy.csv")
    return table
