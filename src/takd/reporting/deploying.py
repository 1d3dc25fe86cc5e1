"""Networks as devices run them: accuracy beside size and latency, as a figure and as a table for people."""

from collections.abc import Sequence
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot
from matplotlib.lines import Line2D

from takd.files import write_text
from takd.markdown import aligned, escaped
from takd.reporting import style
from takd.reporting.context import Context, family_title
from takd.reporting.lines import MARKERS, PANEL_INCHES, summary
from takd.study.further_kinds import Deploy

CHAIN = ["dataset", "family", "chain", "variant"]
LONGEST_NAME = 20  # letters of a chain that stand in a line
HIGHEST = 101.0  # per cent on the axis of accuracies
COLUMNS = [
    *CHAIN, "numbers", "accuracy", "deviation", "n", "parameters", "multiply_adds", "bytes", "latency_ms", "latency_95_ms",
    "images_per_second", "on_front", "machine",
]  # fmt: skip


def numbers(name: str, spec: Deploy, context: Context) -> pd.DataFrame:
    """A row a chain and kind of numbers; n is 0 where nothing was run. Chains of the spec first, then networks above them.

    accuracy, deviation: top-1 of the exported files on the test images, in per cent, mean and standard deviation (n - 1) over n
    seeds. bytes: of the first seed's file. latency_ms, latency_95_ms: for one image, half and 95 % of the calls; images_per_second:
    32 given at once; of one network of each member. on_front: whether no other on those images is at least as fast and as
    accurate, and better in one of both.
    """
    asked = [(cell.dataset, cell.family, cell.chain, cell.variant) for cell in spec.cells(context.datasets)]
    there = context.exported[CHAIN].itertuples(index=False, name=None) if len(context.exported) else []
    rows = [_row(context.exported, chain, each) for chain in dict.fromkeys([*asked, *there]) for each in spec.numbers]
    table = pd.DataFrame(rows, columns=[name for name in COLUMNS if name != "on_front"])
    table["on_front"] = False
    for _, its in table[table["n"] > 0].groupby("dataset"):
        table.loc[its.index, "on_front"] = on_front(its["latency_ms"].tolist(), its["accuracy"].tolist())
    return table[COLUMNS]


def _row(exported: pd.DataFrame, chain: tuple[str, ...], each: str) -> tuple[Any, ...]:
    """What the files of a chain come to in one kind of numbers."""
    its = exported
    for column, value in zip([*CHAIN, "numbers"] if len(exported) else [], (*chain, each), strict=False):
        its = its[its[column] == value]
    if its.empty:
        return (*chain, each, np.nan, np.nan, 0, *[np.nan] * 6, "")
    first = its.iloc[0]
    counted = (first["parameters"], first["multiply_adds"], first["bytes"])
    return (*chain, each, *summary(its["accuracy"]), *counted, *first[["latency", "latency_95", "images_per_second", "machine"]])


def on_front(costs: Sequence[float], values: Sequence[float]) -> list[bool]:
    """Of points, whether each is on the Pareto front: none costs as little and is worth as much, and is better in one of both."""
    points = list(zip(costs, values, strict=True))
    return [
        not any(other != one and other[0] <= one[0] and other[1] >= one[1] for other in points)
        for one in points
    ]  # fmt: skip


def write(spec: Deploy, numbers: pd.DataFrame, context: Context, place: Path) -> list[Path]:
    """Draw the figure, and write the numbers behind it for programs and for people; all files."""
    markdown = place.with_name(f"{place.name}.md")
    whole = numbers.astype(dict.fromkeys(("parameters", "multiply_adds", "bytes"), "Int64"))
    write_text(markdown, as_markdown(spec, numbers, context))
    return [*style.write(whole, lambda: draw(spec, numbers, context), place, digits="%.6g"), markdown]


def as_markdown(spec: Deploy, numbers: pd.DataFrame, context: Context) -> str:
    """The same for people; chains that weren't run say so."""
    heads = "data set, family, chain, numbers, n, top-1, parameters, multiply-adds, bytes, ms, ms (95 %), images/s, front"
    lines = [heads.split(", ")]
    row: Any
    for row in numbers.itertuples(index=False):
        chain = f"{row.chain} ({row.variant})" if row.variant else str(row.chain)
        line = [escaped(context.title(str(row.dataset))), escaped(str(row.family)), escaped(chain), str(row.numbers), str(row.n)]
        if not row.n:
            lines.append([*line, "not run", *[""] * (len(lines[0]) - len(line) - 1)])
            continue
        spread = "" if row.n == 1 else f" ± {row.deviation:.2f}"
        counted = [f"{int(value):,}" for value in (row.parameters, row.multiply_adds, row.bytes)]
        clocked = [f"{row.latency_ms:.3g}", f"{row.latency_95_ms:.3g}", f"{row.images_per_second:,.0f}"]
        lines.append([*line, f"{row.accuracy:.2f}{spread}", *counted, *clocked, "yes" if row.on_front else ""])
    machines = ", ".join(dict.fromkeys(escaped(name) for name in numbers["machine"] if name)) or "no machine yet"
    return (
        f"**{escaped(spec.where)}.** {escaped(spec.title)}.{context.chosen_on_test} Top-1 of the exported files on test images, %: "
        "mean ± standard deviation over n seeds. By ONNX Runtime on one core, timed while nothing else of the run went on: "
        "milliseconds for one image, half and 95 % of the calls, and images a second, 32 at once; of one network of each member, "
        "as its others are the same graph. Front: no other on the same images is as fast and as accurate. "
        f"Timed on {machines}.\n\n{aligned(lines)}"
    )


def draw(spec: Deploy, numbers: pd.DataFrame, context: Context) -> Any:
    """The picture: a panel a data set of which something was run, its families in one, and one legend for all of them."""
    shown = [dataset for (dataset,) in style.run(numbers, ["dataset"])]
    if not shown:
        return style.not_run()
    families = list(dict.fromkeys(row.family for row in spec.rows))
    size = (1.3 * PANEL_INCHES[0] * len(shown), 1.3 * PANEL_INCHES[1])
    picture, grid = pyplot.subplots(1, len(shown), figsize=size, squeeze=False)
    row: Any
    for letter, axis, dataset in zip(ascii_lowercase, grid.flat, shown, strict=False):
        title = style.panel_title(dataset, dataset, context)
        axis.set_title(f"({letter}) {title}" if len(shown) > 1 else title)
        its = numbers[(numbers["dataset"] == dataset) & (numbers["n"] > 0)]
        for row in its.itertuples(index=False):
            colour = style.COLOURS[spec.numbers.index(row.numbers)]
            axis.errorbar(
                [row.latency_ms], [row.accuracy], yerr=[0 if row.n == 1 else row.deviation], color=colour, linestyle="",
                marker=MARKERS[families.index(row.family) % len(MARKERS)], markersize=4.5, capsize=2,
                markerfacecolor=colour if row.on_front else "white",
            )  # fmt: skip
        front = its[its["on_front"]].sort_values("latency_ms")
        axis.step(front["latency_ms"], front["accuracy"], where="post", color="0.5", linewidth=1, zorder=1)
        axis.set(xscale="log", xlabel="milliseconds for one image, one core", ylabel="top-1 accuracy on test images, %")
        axis.margins(x=0.15, y=0.12)
        axis.set_ylim(top=min(axis.get_ylim()[1], HIGHEST))
        _name_points(axis, front)
        style.plain_log(axis.xaxis)
    entries = [_entry(each, colour=style.COLOURS[place]) for place, each in enumerate(spec.numbers)]
    entries += [_entry(family_title(each), marker=MARKERS[place % len(MARKERS)]) for place, each in enumerate(families)]
    entries.append(Line2D([], [], color="0.5", linewidth=1, label="filled: Pareto front"))
    if context.chosen_on_test:
        picture.suptitle(context.chosen_on_test.strip(" ."), fontsize=8)
    picture.legend(handles=entries, loc="outside lower center", ncols=min(5, len(entries)))
    return picture


def _name_points(axis: Any, front: pd.DataFrame) -> None:
    """Whose points the front has, once for neighbours of a chain, towards the middle; of equal points the first has a name."""
    middle = np.prod(np.sqrt(axis.get_xlim()))
    named = ""
    for (latency, accuracy), its in front.groupby(["latency_ms", "accuracy"], sort=False):
        first, others = str(its["chain"].iloc[0]), its["chain"].nunique() - 1
        text = first if len(first) <= LONGEST_NAME else first.replace("-", " →\n")
        text += f"\nand {others} more" if others else ""
        if text != named:
            left = latency < middle
            axis.annotate(
                text, (latency, accuracy), (4 if left else -4, 4), textcoords="offset points", fontsize=6,
                ha="left" if left else "right", va="bottom",
            )  # fmt: skip
        named = text


def _entry(label: str, *, colour: str = "0.3", marker: str = "s") -> Line2D:
    """A mark in the legend."""
    return Line2D([], [], color=colour, marker=marker, linestyle="", markersize=4.5, label=label)
