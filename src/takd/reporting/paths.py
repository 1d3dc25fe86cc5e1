"""Figures of every distillation path over some members: a column a member, an oval a network, a line a hop."""

from pathlib import Path
from textwrap import wrap
from typing import Any

import pandas as pd
from matplotlib import pyplot
from matplotlib.patches import Patch

from takd.records.accuracy import IMPORTED
from takd.reporting import style
from takd.reporting.context import Context
from takd.reporting.lines import COLUMNS, summary
from takd.study.names import hops_of
from takd.study.papers_kinds import Paths

MOST_ROWS = 32  # paths to the last member that are drawn; the numbers have all
LONGEST_LINE = 18  # characters of a column's head
COLOURS = {IMPORTED: "#f3e2a9", "NOKD": "0.85", "BLKD": "#a5dcc9", "TAKD": "white"}  # behind black digits
METHODS = {
    IMPORTED: "imported: came in with its weights",
    "NOKD": "NOKD: from labels alone",
    "BLKD": "BLKD: by the teacher",
    "TAKD": "TAKD: through assistants",
}
Members = tuple[str, ...]


def numbers(name: str, spec: Paths, context: Context) -> pd.DataFrame:
    """What the figure draws, a row a path: value and standard deviation (n - 1) over n seeds; n is 0 where it wasn't run.

    series: how a path's networks were trained, or that they came in with their weights.
    """
    rows: list[tuple[Any, ...]] = []
    for cell in spec.cells(context.datasets):
        values = context.accuracies(cell.dataset, cell.family, cell.chain, spec.variant)
        epochs = context.networks(cell.dataset, cell.family, cell.chain, spec.variant)["epochs"]
        series = IMPORTED if len(epochs) and (epochs == 0).all() else cell.model
        rows.append((cell.dataset, cell.family, series, cell.column, cell.chain, *summary(values)))
    return pd.DataFrame(rows, columns=COLUMNS)


def write(spec: Paths, numbers: pd.DataFrame, context: Context, place: Path) -> list[Path]:
    """Draw the figure, and write the numbers behind it; all files."""
    return style.write(numbers, lambda: draw(spec, numbers, context), place)


def draw(spec: Paths, numbers: pd.DataFrame, context: Context) -> Any:
    """The picture: a graph for each data set of which something was run."""
    names = [name for (name,) in style.run(numbers, ["dataset"])]
    if not names:
        return style.not_run()
    heads = {member: _head(member, number == 0) for number, member in enumerate(spec.members)}
    lines = [line for head in heads.values() for line in head.split("\n")]
    width = max(1.45, 0.085 * max(map(len, lines)) + 0.2)
    rows = min(2 ** (len(spec.members) - 2), MOST_ROWS)
    size = (width * len(spec.members), 0.42 * (rows + 3.5) * len(names) + 0.3)
    picture, grid = pyplot.subplots(len(names), 1, figsize=size, squeeze=False)
    for axis, name in zip(grid.flat, names, strict=True):
        _draw_graph(spec, axis, numbers[numbers["dataset"] == name], heads, rows)
        axis.set_title(style.panel_title(spec.family, name, context), pad=10)
    there = set(numbers[numbers["dataset"].isin(names)]["series"])
    entries: list[Any] = [
        Patch(facecolor=COLOURS[method], edgecolor="0.3", label=text) for method, text in METHODS.items() if method in there
    ]
    if _best(numbers):
        entries.append(Patch(facecolor="none", edgecolor="none", label="bold: the best of its column"))
    picture.legend(
        handles=entries, loc="outside lower center", ncols=len(entries) if width * len(spec.members) > 1.5 * len(entries) else 2
    )
    style.say_what_accuracy_is(picture, context)
    return picture


def _head(member: str, first: bool) -> str:
    """What stands above a column: S = 8 for a size, a name in lines that fit for a word."""
    if member.isdigit():
        return f"T = {member}" if first else f"S = {member}"
    words = member.replace("_", "_ ").replace(".", ". ")
    lines: list[str] = []
    for piece in (part for word in words.split() for part in wrap(word, LONGEST_LINE)):
        if lines and len(lines[-1]) + len(piece) <= LONGEST_LINE:
            lines[-1] += piece
        else:
            lines.append(piece)
    return "\n".join(lines if len(lines) <= 3 else [*lines[:2], f"{lines[2][:-1]}…"])


def _draw_graph(spec: Paths, axis: Any, numbers: pd.DataFrame, heads: dict[str, str], tallest: int) -> None:
    cells = {_members(str(row.chain)): row for row in numbers.itertuples(index=False)}
    paths = [path for path in cells if path[0] == spec.members[0]]
    whole = _drawn([path for path in paths if path[-1] == spec.members[-1]], cells, spec.members)
    axis.set_axis_off()
    axis.set_xlim(-0.6, len(spec.members) - 0.4)
    axis.set_ylim(-2.1 - (len(whole) < len(cells) and tallest == MOST_ROWS), tallest + 0.2)
    places: dict[Members, tuple[float, float]] = {}
    for column, member in enumerate(spec.members):
        axis.text(column, tallest - 0.1, heads[member], ha="center", va="bottom", weight="bold", linespacing=1.0)
        places[member,] = (column, -1.4)
    for path in sorted(paths, key=len):
        # A path stands in the row of the first one that extends it, so that no line crosses an oval.
        row = next((number for number, other in enumerate(whole) if other[: len(path)] == path), None)
        if row is None:
            continue
        column, height = spec.members.index(path[-1]), tallest - 1 - row
        places[path] = (column, height)
        if len(path) > 1:
            x, y = places[path[:-1]]
            axis.plot([x, x + 0.45, x + 0.45, column], [y, y, height, height], color="0.7", linewidth=0.8, zorder=1)
    axis.plot([-0.55, len(spec.members) - 0.45], [-0.8, -0.8], color="0.6", linewidth=0.6)
    axis.text(-0.55, -1.4, "NOKD", va="center", weight="bold")
    _draw_ovals(axis, {path: cell for path, cell in cells.items() if path in places}, places, _best(numbers))
    count = sum(path[-1] == spec.members[-1] for path in paths)
    if len(whole) < count:
        axis.text(
            -0.55,
            -2.6,
            f"Drawn are the direct path and the {len(whole) - 1} best of {count:,} to {spec.members[-1]}; the CSV file has all.",
        )


def _draw_ovals(axis: Any, cells: dict[Members, Any], places: dict[Members, tuple[float, float]], best: set[str]) -> None:
    for path, cell in cells.items():
        text = f"{cell.value:.2f}" if cell.n else "not run"
        if cell.n > 1:
            text += f"\n± {cell.deviation:.2f}"
        axis.text(
            *places[path], text, ha="center", va="center", fontsize=6.5, linespacing=0.95, zorder=2,
            weight="bold" if cell.chain in best else "normal", color="black" if cell.n else "0.45",
            bbox={"boxstyle": "ellipse,pad=0.25", "facecolor": COLOURS[cell.series], "edgecolor": "0.3", "linewidth": 0.7},
        )  # fmt: skip


def _drawn(whole: list[Members], cells: dict[Members, Any], order: Members) -> list[Members]:
    """The paths to the last member that are drawn, in the order of their rows: largest assistants first, the direct one last."""
    if len(whole) > MOST_ROWS:
        direct = (order[0], order[-1])
        best_first = sorted(whole, key=lambda path: (path != direct, -cells[path].value if cells[path].n else 0.0))
        whole = best_first[:MOST_ROWS]
    return sorted(whole, key=lambda path: [order.index(member) for member in path])


def _best(numbers: pd.DataFrame) -> set[str]:
    """Of each column the chains with the highest mean, by the digits that are drawn; none where all are alike."""
    run = numbers[numbers["n"] > 0]
    drawn = run["value"].round(2).groupby([run["dataset"], run["x"]])
    highest, lowest = drawn.transform("max"), drawn.transform("min")
    return set(run[(run["value"].round(2) == highest) & (lowest < highest)]["chain"])


def _members(chain: str) -> Members:
    return tuple(hop.member for hop in hops_of(chain))
