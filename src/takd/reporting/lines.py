"""Figures of accuracies against sizes: a panel for each family and data set, a line for each series."""

from collections.abc import Iterator
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot
from matplotlib.lines import Line2D

from takd.reporting import style
from takd.reporting.context import Context
from takd.study.papers_kinds import Lines, Panel, Series

COLUMNS = ["dataset", "family", "series", "x", "chain", "value", "deviation", "n"]
MEAN_OF = "mean of"
PANEL_INCHES = (3.4, 2.4)
MARKERS, DASHES = "os^Dv<>", ("-", "--", ":", "-.", "-", "--", ":")
PAPERS = "hollow: the paper's"
HOLLOW = Line2D([], [], color="0.3", marker="o", linestyle="", markersize=5, markerfacecolor="none")
APART = 0.14  # of the distance between two x: beside each other, error bars don't hide one another


def numbers(name: str, spec: Lines, context: Context) -> pd.DataFrame:
    """What the figure draws, a row a point: value and standard deviation (n - 1) over n seeds; n is 0 where nothing was run.

    paper: the paper's own value, NaN where it has none; a column of figures alone whose series name some.
    """
    rows: list[tuple[Any, ...]] = []
    for panel in spec.panels:
        for dataset in spec.shown(context.datasets):
            for series in panel.series:
                rows += _points(panel, series, dataset, context, spec.variant)
            if panel.mean_of:
                ends = [context.accuracies(dataset, panel.family, chain, spec.variant).mean() for chain in panel.mean_of]
                count = 0 if np.isnan(ends).any() else 1
                rows.append((dataset, panel.family, MEAN_OF, "", " and ".join(panel.mean_of), np.mean(ends), np.nan, count, np.nan))
    table = pd.DataFrame(rows, columns=[*COLUMNS, "paper"])
    return table if any(series.paper for panel in spec.panels for series in panel.series) else table[COLUMNS]


def _points(panel: Panel, series: Series, dataset: str, context: Context, variant: str) -> Iterator[tuple[Any, ...]]:
    for x, chain in series.points.items():
        values = context.accuracies(dataset, panel.family, chain, variant)
        if series.gain_over:
            baseline = context.accuracies(dataset, panel.family, series.gain_over[x], variant)
            values = (100 * (values - baseline) / baseline).dropna()  # seed by seed
        paper = context.paper_at(series.paper[x], dataset) if x in series.paper else np.nan
        yield (dataset, panel.family, series.label, x, chain, *summary(values), paper)


def summary(values: "pd.Series[float]") -> tuple[float, float, int]:
    """Mean, standard deviation (n - 1) and n."""
    return float(values.mean()), float(values.std(ddof=1)), len(values)


def write(spec: Lines, numbers: pd.DataFrame, context: Context, place: Path) -> list[Path]:
    """Draw the figure, and write the numbers behind it; all files."""
    return style.write(numbers, lambda: draw(spec, numbers, context), place)


def draw(spec: Lines, numbers: pd.DataFrame, context: Context) -> Any:
    """The picture: panels of which something was run, at most two in a row, and one legend for all of them."""
    points = numbers[numbers["series"] != MEAN_OF]
    shown = style.run(points, ["family", "dataset"])
    if not shown:
        return style.not_run()
    columns = min(2, len(shown))
    rows = -(-len(shown) // columns)
    size = (PANEL_INCHES[0] * columns, PANEL_INCHES[1] * rows + 0.3)
    picture, grid = pyplot.subplots(rows, columns, figsize=size, squeeze=False)
    panels = {panel.family: panel for panel in spec.panels}
    labels = list(dict.fromkeys(series.label for panel in spec.panels for series in panel.series))
    entries: dict[str, Any] = {}
    for letter, axis, (family, dataset) in zip(ascii_lowercase, grid.flat, shown, strict=False):
        title = style.panel_title(family, dataset, context)
        axis.set_title(f"({letter}) {title}" if len(shown) > 1 else title)
        its = numbers[(numbers["family"] == family) & (numbers["dataset"] == dataset)]
        entries |= _draw_panel(spec, panels[family], axis, its, labels)
    if PAPERS in entries:
        entries[PAPERS] = entries.pop(PAPERS)  # after the lines
    for axis in list(grid.flat)[len(shown) :]:
        axis.remove()
    if len(entries) > 1:
        picture.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=min(4, len(entries)))
    style.say_what_accuracy_is(picture, context)
    return picture


def _draw_panel(spec: Lines, panel: Panel, left: Any, numbers: pd.DataFrame, labels: list[str]) -> dict[str, Any]:
    """Draw the lines of one family on one data set; what the legend has of them, by label."""
    right = left.twinx() if any(series.axis == "right" for series in panel.series) else None
    ticks = list(dict.fromkeys(x for series in panel.series for x in series.points))
    entries: dict[str, Any] = {}
    for number, series in enumerate(panel.series):
        points = numbers[numbers["series"] == series.label]  # NaN where nothing was run, so that no line leads across it
        if not points["n"].any():
            continue
        axis = right if series.axis == "right" and right is not None else left
        look = labels.index(series.label) % len(style.COLOURS)  # the same in every panel
        offset = APART * (number - (len(panel.series) - 1) / 2)
        entries[series.label] = axis.errorbar(
            [ticks.index(x) + offset for x in points["x"]],
            points["value"],
            yerr=points["deviation"].fillna(0),
            color=style.COLOURS[look], marker=MARKERS[look], linestyle=DASHES[look], markersize=4, linewidth=1.2, capsize=2.5,
        )  # fmt: skip
        if "paper" in points and points["paper"].notna().any():
            axis.plot(
                [ticks.index(x) + offset for x in points["x"]], points["paper"].where(points["n"] > 0),
                color=style.COLOURS[look], marker=MARKERS[look], linestyle="", markersize=5, markerfacecolor="none",
            )  # fmt: skip
            entries[PAPERS] = HOLLOW
        alone = right is not None and sum(other.axis == series.axis for other in panel.series) == 1
        axis.set_ylabel(spec.y_right if axis is right else spec.y, color=style.COLOURS[look] if alone else "black")
    mean = numbers[(numbers["series"] == MEAN_OF) & (numbers["n"] > 0)]
    if len(mean):
        height = mean["value"].item()
        left.axhline(height, color=style.RED, linestyle="--", linewidth=1)
        # Below its right end: accuracy rises to the right, so the line has left it there.
        left.annotate(
            f"mean of {mean['chain'].item()}", (0.99, height), (0, -2), xycoords=left.get_yaxis_transform(),
            textcoords="offset points", ha="right", va="top", fontsize=7, color=style.RED,
        )  # fmt: skip
    long = max(map(len, ticks)) > 8
    left.set_xticks(range(len(ticks)), ticks, **({"rotation": 20, "ha": "right"} if long else {}))
    left.set_xlim(-0.4, len(ticks) - 0.6)
    left.set_xlabel(spec.x)
    if right is not None:
        right.grid(visible=False)
        right.spines["right"].set_visible(True)
    return entries
