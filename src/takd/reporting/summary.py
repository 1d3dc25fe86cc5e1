"""What DVC shows of a set of trained networks: one accuracy a chain, and the course of each training."""

from pathlib import Path
from typing import TypedDict

import pandas as pd

from takd.reporting.accuracy import metrics_of, variant

CURVE_COLUMNS = ["network", "epoch", "loss", "accuracy", "learning_rate"]


class Summary(TypedDict):
    """A chain's accuracy over seeds, in per cent. deviation: standard, with n - 1, so none for a single network."""

    accuracy: float
    deviation: float | None
    n: int


def summarise(accuracy: pd.DataFrame) -> dict[str, dict[str, dict[str, Summary]]]:
    """The accuracies of an accuracy.csv by data set, family and chain (after its variant), ready to be written as JSON."""
    summaries: dict[str, dict[str, dict[str, Summary]]] = {}
    for name, values in accuracy.groupby(["dataset", "family", "chain", "variant"])["accuracy"]:
        dataset, family, chain, changed = map(str, name)
        chains = summaries.setdefault(dataset, {}).setdefault(family, {})
        deviation = float(values.std(ddof=1)) if len(values) > 1 else None
        chains[f"{changed} {chain}".lstrip()] = {"accuracy": float(values.mean()), "deviation": deviation, "n": len(values)}
    return summaries


def curves(metrics: list[Path], results: Path) -> pd.DataFrame:
    """A row for each epoch of each metrics file, sorted by network. Raises CheckpointError where a file isn't one of ours.

    loss: mean over the epoch, in nats. accuracy: top-1 in per cent after it, on the images that the metrics name.
    """
    rows = []
    for path in metrics:
        with metrics_of(path) as values:
            name = f"{variant(path, results)} {values['network']}".lstrip()
            rows += [[name, *(epoch[column] for column in CURVE_COLUMNS[1:])] for epoch in values["history"]]
    return pd.DataFrame(rows, columns=CURVE_COLUMNS).sort_values(["network", "epoch"], ignore_index=True)
