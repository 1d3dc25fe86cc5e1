"""Tables in the paper's layout: ours with deviation and number of seeds, the paper's, and the difference."""

import math
from pathlib import Path
from typing import Any

import pandas as pd

from takd.files import write_text
from takd.markdown import aligned, escaped
from takd.reporting import groups
from takd.reporting.context import Context
from takd.study.metric import Metric, said_of
from takd.study.papers_kinds import Table
from takd.study.search import JudgedOn

NOT_RUN, NOT_KEPT = "not run", "not kept"
COLUMNS = [
    "model", "dataset", "column", "family", "chain", "mean", "deviation", "n", "paper", "difference", "quoted", "imported",
    "selected", "lacking", "variant",
]  # fmt: skip
_CHAIN = ("dataset", "family", "chain", "variant")


def numbers(name: str, spec: Table, context: Context) -> pd.DataFrame:
    """A row a cell, in per cent; NaN where there is nothing. deviation: standard, over n seeds, with n - 1.

    difference: ours less the paper's, percentage points. quoted: whether the paper's own is from elsewhere.
    imported, selected: of the n networks, those that weren't trained here, and those of which another epoch than the last was kept.
    lacking: networks beside the n whose record lacks the metric. Where the table says `against`: how far a column is `over` that
    one, the ends of the interval, and its letters in `group`.
    """
    rows: list[tuple[Any, ...]] = []
    for cell in spec.cells(context.datasets):
        there = context.networks(cell.dataset, cell.family, cell.chain, cell.variant)
        networks = there[there[context.metric].notna()]
        values, trained = networks[context.metric], networks["epochs"] != 0
        selected = trained & networks["selected_accuracy"].notna() & (networks["selected_accuracy"] != networks["accuracy"])
        mean, paper = float(values.mean()), context.paper(name, cell)
        measured = (mean, float(values.std(ddof=1)), len(values), paper, mean - paper, cell.quoted)
        place = (cell.model, cell.dataset, cell.column, cell.family, cell.chain)
        rows.append((*place, *measured, int((~trained).sum()), int(selected.sum()), len(there) - len(networks), cell.variant))
    table = pd.DataFrame(rows, columns=COLUMNS)
    if not spec.against:
        return table
    return pd.concat([_compared(row, spec.against, context) for _, row in table.groupby(["model", "dataset"], sort=False)])


def _compared(row: pd.DataFrame, against: str, context: Context) -> pd.DataFrame:
    """One row's cells with what sets their columns apart. row: as `numbers` has them."""
    places = {str(cell["column"]): [str(cell[part]) for part in _CHAIN] for cell in row.to_dict("records")}
    columns = {column: context.accuracies(*place) for column, place in places.items()}
    values = pd.DataFrame(columns)
    letters, effects = groups.groups(values), groups.held_against(values, against)
    over = {column: (one.effect, one.low, one.high) for column, one in effects.items()}
    found = [(*over.get(column, (math.nan,) * 3), letters.get(column, "")) for column in columns]
    return row.assign(**dict(zip(groups.COLUMNS, zip(*found, strict=True), strict=True)))


def write(spec: Table, numbers: pd.DataFrame, context: Context, place: Path) -> list[Path]:
    """Write a table for programs and for people; both files."""
    return written(place, as_csv(numbers, context.metric, context.chosen_on, spec.against), as_markdown(spec, numbers, context))


def written(place: Path, csv: str, markdown: str) -> list[Path]:
    """Write what programs read and what people read; both files. place: without a suffix."""
    files = [place.with_name(f"{place.name}.{suffix}") for suffix in ("csv", "md")]
    for file, text in zip(files, (csv, markdown), strict=True):
        write_text(file, text)
    return files


def as_csv(numbers: pd.DataFrame, metric: Metric = "accuracy", chosen_on: JudgedOn = "held_out", against: str = "") -> str:
    """One line a row of the paper's table, five columns a column of it; `not run` where there is no network yet.

    A number that the paper took from elsewhere stands under `quoted`, and its own under `paper`. metric: what stands there; a
    column says so, where it isn't top-1 accuracy. chosen_on: the images by which recipes were chosen; a column says so, where it is
    the test images. against: the column that others are held against, four columns more for each.
    """
    marks = ({} if metric == "accuracy" else {"metric": metric}) | ({"chosen_on": chosen_on} if chosen_on == "test" else {})
    lines = []
    for (model, dataset), row in _rows(numbers):
        line: dict[str, str] = {"model": model, "dataset": dataset, **marks}
        for column, cell in row.items():
            line[column] = _number(cell.mean) or _none(cell)
            line[f"{column} deviation"] = _number(cell.deviation)
            line[f"{column} n"] = str(cell.n)
            line[f"{column} {'quoted' if cell.quoted else 'paper'}"] = _number(cell.paper)
            line[f"{column} difference"] = _number(cell.difference)
            if against:
                line |= {f"{column} {name}": _number(getattr(cell, name)) for name in ("over", "low", "high")}
                line[f"{column} group"] = cell.group
        lines.append(line)
    return pd.DataFrame(lines).to_csv(index=False, lineterminator="\n")


def as_markdown(spec: Table, numbers: pd.DataFrame, context: Context) -> str:
    """The same for people, aligned so that it reads well in a terminal too; with lines of comparisons where there are some.

    Rows of which nothing was run are named below the others, in one line.
    """
    columns = list(dict.fromkeys(numbers["column"]))
    beside = bool(spec.against) or numbers["paper"].notna().any()
    lines = [["model", "data set", *([""] if beside else []), *map(escaped, columns)]]
    left_out: dict[str, list[str]] = {}
    for (model, dataset), row in _rows(numbers):
        if not any(cell.n or cell.lacking for cell in row.values()):
            left_out.setdefault(escaped(model), []).append(escaped(context.title(dataset)))
            continue
        cells = [row.get(column) for column in columns]
        lines.append([escaped(model), escaped(context.title(dataset)), *(["ours"] if beside else []), *map(_ours, cells)])
        if any(not math.isnan(cell.paper) for cell in row.values()):
            lines.append(["", "", "paper", *map(_theirs, cells)])
        if any(not math.isnan(cell.difference) for cell in row.values()):
            lines.append(["", "", "difference", *(_signed(cell.difference) if cell else "" for cell in cells)])
        if spec.against and any(cell.n for cell in row.values()):
            lines.append(["", "", escaped(f"over {spec.against}"), *(_over(cell) if cell else "" for cell in cells)])
            lines.append(["", "", "group", *(cell.group if cell else "" for cell in cells)])
    not_run = "; ".join(f"{model} on {', '.join(on)}" for model, on in left_out.items())
    return (
        f"**{escaped(spec.where)}.** {escaped(spec.title)}. {said_of(context.metric)}, %"
        f"{context.shouted}; "
        f"mean ± standard deviation (number of seeds).{_exceptions(numbers, context)}{_how_compared(spec)}\n"
        + (f"\n{aligned(lines)}" if len(lines) > 1 else "")
        + (f"\nNot run: {not_run}.\n" if not_run else "")
    )


def _how_compared(spec: Table) -> str:
    if not spec.against:
        return ""
    return (
        f" Over {escaped(spec.against)}: points, with an interval; seeds that two columns share pair them, and a row's intervals "
        "hold together at 95 %. Columns that share a letter of `group` can't be told apart, all pairs at 5 % (Holm, Piepho)."
    )


def _rows(numbers: pd.DataFrame) -> list[tuple[tuple[str, str], dict[str, Any]]]:
    """The table's rows, by model and data set: its cells, by column."""
    table: dict[tuple[str, str], dict[str, Any]] = {}
    for cell in numbers.itertuples(index=False):
        table.setdefault((str(cell.model), str(cell.dataset)), {})[str(cell.column)] = cell
    return list(table.items())


def _exceptions(numbers: pd.DataFrame, context: Context) -> str:
    """What the caption says of networks for which its first sentence isn't the whole truth."""
    count, imported, selected, lacking = (int(numbers[name].sum()) for name in ("n", "imported", "selected", "lacking"))
    text = f" Of {count} networks {imported} came in with their weights and have no epochs here." if imported else ""
    if selected and not context.compared_by:
        text += (
            f" Of {count} networks {selected} kept the weights of another epoch than the last (`select`); "
            "selected_accuracy in accuracy.csv is theirs."
        )
    if lacking:
        text += f" The records of {lacking} other networks have no {context.compared_by}: it was {NOT_KEPT}."
    return text


def _none(cell: Any) -> str:
    return NOT_KEPT if cell.lacking else NOT_RUN


def _ours(cell: Any) -> str:
    if cell is None:
        return ""
    if cell.n == 0:
        return _none(cell)
    return f"{cell.mean:.2f} (1)" if cell.n == 1 else f"{cell.mean:.2f} ± {cell.deviation:.2f} ({cell.n})"


def _theirs(cell: Any) -> str:
    if cell is None:
        return ""
    return f"{_number(cell.paper)} (quoted)" if cell.quoted and not math.isnan(cell.paper) else _number(cell.paper)


def _number(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.2f}"


def _over(cell: Any) -> str:
    if math.isnan(cell.low):
        return _signed(cell.over)
    return f"{_signed(cell.over)} ({_signed(cell.low)} to {_signed(cell.high)})"


def _signed(value: float) -> str:
    return "" if math.isnan(value) else f"{value:+.2f}"
