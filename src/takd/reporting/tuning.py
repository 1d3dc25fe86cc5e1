"""The grid of recipes that `tuning` tries: each point's accuracy on held-out images, the best first."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from takd.data.registry import DATASETS
from takd.errors import CheckpointError
from takd.params import as_word
from takd.reporting.accuracy import metrics_of
from takd.reporting.tables import aligned


def tabulate(metrics: list[Path], fields: Sequence[str]) -> pd.DataFrame:
    """A row a network and point of the grid, best first: mean accuracy on held-out images, %, and its deviation (n - 1) over seeds.

    fields: those of the recipe that the grid varies. Raises CheckpointError where a file isn't the metrics of a training that held
    images out, or two are of one network under one recipe.
    """
    rows = []
    for path in metrics:
        with metrics_of(path) as values:
            row = {name: values[name] for name in ("dataset", "family", "chain", "seed", "accuracy", "commit")}
            row |= {field: values["recipe"][field] for field in fields}
            held_out = values["measured_on"] == "validation"
        if not held_out:
            raise CheckpointError(f"{path}: was judged on the test images; a recipe is chosen on held-out ones")
        rows.append(row)
    networks = ["dataset", "family", "chain"]
    table = pd.DataFrame(rows)
    if (again := table.duplicated([*networks, "seed", *fields])).any():
        raise CheckpointError(f"{metrics[int(again.argmax())]}: one network under one recipe twice; it would count as a seed more")
    points = table.groupby([*networks, *fields], as_index=False)
    table = points.agg(
        accuracy=("accuracy", "mean"), deviation=("accuracy", "std"), n=("seed", "count"), commit=("commit", _each_once)
    )
    ascending = [True] * len(networks) + [False]
    return table.sort_values([*networks, "accuracy"], ascending=ascending, ignore_index=True)


def _each_once(commits: "pd.Series[str]") -> str:
    return " ".join(sorted(set(commits)))


def as_markdown(table: pd.DataFrame, fields: Sequence[str]) -> str:
    """The same for people."""
    lines = [["data set", "network", *(field.replace("_", " ") for field in fields), "accuracy, %", "n"]]
    for row in table.to_dict("records"):
        deviation = "" if pd.isna(row["deviation"]) else f" ± {row['deviation']:.2f}"
        point = [as_word(row[field]) for field in fields]
        name = DATASETS[row["dataset"]].title
        lines.append([name, f"{row['family']} {row['chain']}", *point, f"{row['accuracy']:.2f}{deviation}", str(row["n"])])
    return (
        "Top-1 accuracy after the last epoch on training images that were held out, from the student and from its teachers; "
        "the best first. The test images were not looked at.\n\n" + aligned(lines)
    )
