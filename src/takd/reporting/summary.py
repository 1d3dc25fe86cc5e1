"""What DVC shows of a set of trained networks: one accuracy a chain, and the course of each training."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypedDict

import pandas as pd

from takd.files import write_json, write_text
from takd.records import accuracy as accuracies
from takd.records.metrics import Metrics
from takd.study.metric import Metric

CURVE_COLUMNS = ["network", "epoch", "loss", "accuracy", "learning_rate"]


class Summary(TypedDict):
    """A chain's accuracy over seeds, in per cent. deviation: standard, with n - 1, so none for a single network."""

    accuracy: float
    deviation: float | None
    n: int


def collected(
    records: Iterable[tuple[str, Metrics]], order: Mapping[str, list[str]], results: Path, metric: Metric = "accuracy"
) -> list[Path]:
    """Write accuracy.csv, a row a network, curves.csv, a row an epoch, and metrics.json, a mean a chain; the files.

    records: each with its variant, empty for the main one. order: family to its members, largest first. metric: what networks are
    compared by. Raises RecordError where
    two records are of one network.
    """
    kept = list(records)
    table = accuracies.rows_of(kept, dict(order), metric)
    files = [results / name for name in ("accuracy.csv", "curves.csv", "metrics.json")]
    accuracies.write(files[0], table)
    write_text(files[1], curves(kept).to_csv(index=False, lineterminator="\n"))
    write_json(files[2], summarise(table))
    return files


def summarise(accuracy: pd.DataFrame) -> dict[str, dict[str, dict[str, Summary]]]:
    """The accuracies of an accuracy.csv by data set, family and chain (after its variant), ready to be written as JSON."""
    summaries: dict[str, dict[str, dict[str, Summary]]] = {}
    for name, values in accuracy.groupby(["dataset", "family", "chain", "variant"])["accuracy"]:
        dataset, family, chain, variant = map(str, name)
        chains = summaries.setdefault(dataset, {}).setdefault(family, {})
        deviation = float(values.std(ddof=1)) if len(values) > 1 else None
        chains[f"{variant} {chain}".lstrip()] = {"accuracy": float(values.mean()), "deviation": deviation, "n": len(values)}
    return summaries


def curves(records: Iterable[tuple[str, Metrics]]) -> pd.DataFrame:
    """A row for each epoch of each network, sorted by network, whose name comes after its variant.

    loss: mean over the epoch, in nats. accuracy: top-1 in per cent after it, on the images that the record names.
    """
    rows = [
        (f"{variant} {record.name}".lstrip(), epoch.epoch, epoch.loss, epoch.accuracy, epoch.learning_rate)
        for variant, record in records
        for epoch in record.history
    ]
    return pd.DataFrame(rows, columns=CURVE_COLUMNS).sort_values(["network", "epoch"], ignore_index=True)
