"""Tables in the paper's layout: ours with deviation and number of seeds, the paper's, and the difference."""

import math
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from takd.data.registry import DATASETS
from takd.errors import ParameterError
from takd.reporting import csv_files
from takd.reporting.accuracy import by_seed
from takd.reporting.artifacts import Cell, Table

NOT_RUN = "not run"
PUBLISHED_COLUMNS = ["artifact", "where", "dataset", "model", "column", "accuracy"]


@dataclass(frozen=True)
class Measured:
    """A cell's content, in per cent; NaN where there is nothing. deviation: standard, over seeds, with n - 1."""

    mean: float
    deviation: float
    count: int
    published: float
    quoted: bool = False  # the paper's own number is from elsewhere, and ours can't be

    @property
    def difference(self) -> float:
        """Ours less the paper's, in percentage points."""
        return self.mean - self.published


def read_published(path: Path) -> pd.DataFrame:
    """paper/published.csv. Raises ParameterError where it isn't one."""
    return csv_files.read(path, PUBLISHED_COLUMNS, ParameterError)


def measure(name: str, cell: Cell, accuracy: pd.DataFrame, published: pd.DataFrame) -> Measured:
    """What was measured for a cell of the artifact `name`, and what the paper has there."""
    values = by_seed(accuracy, cell.dataset, cell.family, cell.chain, cell.variant)
    return Measured(
        mean=float(values.mean()),
        deviation=float(values.std(ddof=1)),
        count=len(values),
        published=published_accuracy(name, cell, published),
        quoted=cell.is_quoted,
    )


def published_accuracy(name: str, cell: Cell, published: pd.DataFrame) -> float:
    """What the paper has in a cell of the artifact `name`, in per cent; NaN where it has nothing."""
    theirs = published.query("artifact == @name and dataset == @cell.dataset and model == @cell.model and column == @cell.column")
    return float(theirs["accuracy"].iloc[0]) if len(theirs) else math.nan


def tabulate(
    name: str, artifact: Table, datasets: tuple[str, ...], accuracy: pd.DataFrame, published: pd.DataFrame
) -> dict[tuple[str, str], dict[str, Measured]]:
    """The table as rows (model, data set) of columns."""
    table: dict[tuple[str, str], dict[str, Measured]] = {}
    for cell in artifact.cells(datasets):
        row = table.setdefault((cell.model, cell.dataset), {})
        row[cell.column] = measure(name, cell, accuracy, published)
    return table


def as_csv(table: dict[tuple[str, str], dict[str, Measured]]) -> str:
    """One line a row of the paper's table, five columns a column of it; `not run` where there is no network yet."""
    lines = []
    for (model, dataset), row in table.items():
        line: dict[str, str] = {"model": model, "dataset": dataset}
        for column, cell in row.items():
            line[column] = _number(cell.mean) or ("" if cell.quoted else NOT_RUN)
            line[f"{column} deviation"] = _number(cell.deviation)
            line[f"{column} n"] = "" if cell.quoted else str(cell.count)
            line[f"{column} paper"] = _number(cell.published)
            line[f"{column} difference"] = _number(cell.difference)
        lines.append(line)
    return pd.DataFrame(lines).to_csv(index=False, lineterminator="\n")


def as_markdown(artifact: Table, table: dict[tuple[str, str], dict[str, Measured]], *, held_out: bool = False) -> str:
    """The same for people, aligned so that it reads well in a terminal too. held_out: measured on held-out training images."""
    columns = list(dict.fromkeys(column for row in table.values() for column in row))
    lines = [["model", "data set", "", *columns]]
    for (model, dataset), row in table.items():
        title = DATASETS[dataset].title if dataset in DATASETS else dataset
        lines.append([model, title, "ours", *(_ours(row.get(column)) for column in columns)])
        if any(not math.isnan(cell.published) for cell in row.values()):
            cells = [row.get(column) for column in columns]
            lines.append(["", "", "paper", *(_theirs(cell) for cell in cells)])
            lines.append(["", "", "difference", *(_signed(cell.difference) if cell else "" for cell in cells)])
    return (
        f"**{artifact.where}.** {artifact.title}. Top-1 accuracy after the last epoch, %"
        f"{', ON HELD-OUT TRAINING IMAGES' if held_out else ''}; "
        f"mean ± standard deviation (number of seeds).\n\n{aligned(lines)}"
    )


def aligned(lines: list[list[str]]) -> str:
    """A Markdown table whose columns line up: the first line is its head."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    rows = ["| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |" for line in lines]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([rows[0], rule, *rows[1:]]) + "\n"


def _ours(cell: Measured | None) -> str:
    if cell is None or cell.quoted:
        return ""
    if cell.count == 0:
        return NOT_RUN
    return f"{cell.mean:.2f} (1)" if cell.count == 1 else f"{cell.mean:.2f} ± {cell.deviation:.2f} ({cell.count})"


def _theirs(cell: Measured | None) -> str:
    if cell is None:
        return ""
    return f"{_number(cell.published)} (quoted)" if cell.quoted else _number(cell.published)


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}"


def _signed(value: float) -> str:
    return "" if math.isnan(value) else f"{value:+.2f}"
