"""accuracy.csv: one row a trained network, gathered from the metrics that trainings wrote."""

import json
from pathlib import Path

import pandas as pd

from takd.errors import CheckpointError

COLUMNS = [
    "dataset", "family", "chain", "method", "seed", "accuracy", "best_test_accuracy",
    "epochs", "seconds", "parameters", "commit",
]  # fmt: skip


def collect(metrics: list[Path]) -> pd.DataFrame:
    """A row for each metrics file, sorted by name. Raises CheckpointError where a file isn't one of ours."""
    rows = []
    for path in metrics:
        try:
            values = json.loads(path.read_text())
            rows.append([values[column] for column in COLUMNS])
        except FileNotFoundError:
            raise CheckpointError(f"{path}: no such file") from None
        except (ValueError, KeyError, TypeError):
            raise CheckpointError(f"{path}: not the metrics of a training") from None
    table = pd.DataFrame(rows, columns=COLUMNS).astype({"chain": str})
    largest_first = table["chain"].map(lambda chain: [-int(size) for size in chain.split("-")])
    order = table.assign(_order=largest_first.map(tuple)).sort_values(["dataset", "family", "_order", "seed"]).index
    return table.loc[order].reset_index(drop=True)


def read(path: Path) -> pd.DataFrame:
    """An accuracy.csv. Raises CheckpointError where it isn't one."""
    try:
        table = pd.read_csv(path, dtype={"chain": str, "commit": str})
    except FileNotFoundError:
        raise CheckpointError(f"{path}: no such file") from None
    except (pd.errors.ParserError, pd.errors.EmptyDataError):
        raise CheckpointError(f"{path}: not a CSV file") from None
    if list(table.columns) != COLUMNS:
        raise CheckpointError(f"{path}: expected the columns {', '.join(COLUMNS)}")
    return table
