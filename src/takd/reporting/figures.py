"""Figures: the numbers behind each as a table, and its picture as PNG and SVG."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import matplotlib
import numpy as np
import pandas as pd

from takd.chain import sizes_of
from takd.data.registry import DATASETS
from takd.files import written_whole
from takd.reporting.accuracy import by_seed
from takd.reporting.artifacts import Lines, Panel, Paths, Rates, Series

matplotlib.use("Agg")

from matplotlib import pyplot

from takd.reporting import rates

DATA_COLUMNS = ["dataset", "family", "series", "x", "chain", "value", "deviation", "n"]
BLUE, RED, GREEN = "#0072b2", "#d55e00", "#009e73"  # Okabe and Ito's: told apart by colour-blind readers, and in grey
FAMILY_TITLES = {"plain": "plain CNN", "resnet": "ResNet"}
PANEL_INCHES = (3.4, 2.6)
STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.spines.top": False,
    "axes.grid": True,
    "grid.color": "0.92",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "takd",  # the same figure is the same file
    "savefig.dpi": 200,
    "savefig.bbox": "tight",  # else the caps of error bars in a legend below the axes are cut
}


def data_behind(figure: Lines | Paths | Rates, datasets: tuple[str, ...], accuracy: pd.DataFrame) -> pd.DataFrame:
    """What a figure draws, a row a point: value and standard deviation (n - 1) over n seeds; n is 0 where nothing was run.

    Rates have columns of their own.
    """
    if isinstance(figure, Rates):
        return rates.data_behind(figure, datasets, accuracy)
    rows: list[tuple[Any, ...]] = []
    if isinstance(figure, Paths):
        for cell in figure.cells(datasets):
            values = by_seed(accuracy, cell.dataset, cell.family, cell.chain, figure.variant)
            rows.append((cell.dataset, cell.family, cell.model, cell.column, cell.chain, *_summary(values)))
    else:
        for panel in figure.panels:
            for dataset in figure.shown(datasets):
                for series in panel.series:
                    rows += _points(panel, series, dataset, accuracy, figure.variant)
                if panel.mean_of:
                    ends = [by_seed(accuracy, dataset, panel.family, chain, figure.variant).mean() for chain in panel.mean_of]
                    count = 0 if np.isnan(ends).any() else 1
                    rows.append((dataset, panel.family, "mean of", "", " and ".join(panel.mean_of), np.mean(ends), np.nan, count))
    return pd.DataFrame(rows, columns=DATA_COLUMNS)


def draw(figure: Lines | Paths | Rates, data: pd.DataFrame, png: Path, svg: Path, *, held_out: bool = False) -> None:
    """Draw a figure from the data behind it. held_out: accuracies are of held-out training images, which it says."""
    with matplotlib.rc_context(STYLE):
        picture = _picture(figure, data)
        if held_out:
            picture.suptitle("on held-out training images", fontsize=8)
        save(picture, png, svg)


def save(picture: Any, png: Path, svg: Path) -> None:
    """Write a picture both ways, and forget it."""
    for path, options in ((png, {"format": "png"}), (svg, {"format": "svg", "metadata": {"Date": None}})):
        with written_whole(path) as file:
            picture.savefig(file, **options)
    pyplot.close(picture)


def _picture(figure: Lines | Paths | Rates, data: pd.DataFrame) -> Any:
    if isinstance(figure, Rates):
        return rates.draw(figure, data)
    return _draw_paths(figure, data) if isinstance(figure, Paths) else _draw_lines(figure, data)


def _points(panel: Panel, series: Series, dataset: str, accuracy: pd.DataFrame, variant: str) -> Iterator[tuple[Any, ...]]:
    for x, chain in series.points.items():
        values = by_seed(accuracy, dataset, panel.family, chain, variant)
        if series.gain_over:
            baseline = by_seed(accuracy, dataset, panel.family, series.gain_over[x], variant)
            values = (100 * (values - baseline) / baseline).dropna()  # seed by seed
        yield (dataset, panel.family, series.label, x, chain, *_summary(values))


def _summary(values: "pd.Series[float]") -> tuple[float, float, int]:
    return float(values.mean()), float(values.std(ddof=1)), len(values)


@contextmanager
def _axes(titles: list[str]) -> Iterator[tuple[Any, list[Any]]]:
    """A picture with a panel for each title, at most two in a row."""
    columns = min(2, len(titles))
    rows = -(-len(titles) // columns)
    size = (PANEL_INCHES[0] * columns, PANEL_INCHES[1] * rows)
    picture, grid = pyplot.subplots(rows, columns, figsize=size, squeeze=False)
    axes = list(grid.flat)
    for letter, axis, title in zip(ascii_lowercase, axes, titles, strict=False):
        axis.set_title(f"({letter}) {title}" if len(titles) > 1 else title, fontsize=8)
    for axis in axes[len(titles) :]:
        axis.remove()
    yield picture, axes


def _draw_lines(figure: Lines, data: pd.DataFrame) -> Any:
    kinds = [
        (panel, name) for panel in figure.panels for name in dict.fromkeys(data.loc[data["family"] == panel.family, "dataset"])
    ]
    with _axes([panel_title(panel.family, name) for panel, name in kinds]) as (picture, axes):
        for axis, (panel, name) in zip(axes, kinds, strict=False):
            shown = data[(data["family"] == panel.family) & (data["dataset"] == name)]
            _draw_panel(figure, panel, axis, shown)
    return picture


def _draw_panel(figure: Lines, panel: Panel, left: Any, data: pd.DataFrame) -> None:
    right = left.twinx() if any(series.axis == "right" for series in panel.series) else None
    ticks = list(dict.fromkeys(x for series in panel.series for x in series.points))
    for series, colour, marker, line in zip(panel.series, (BLUE, RED, GREEN), "os^", ("-", "--", ":"), strict=False):
        points = data[(data["series"] == series.label) & (data["n"] > 0)]
        axis = right if series.axis == "right" and right is not None else left
        axis.errorbar(
            [ticks.index(x) for x in points["x"]],
            points["value"],
            yerr=points["deviation"].fillna(0),
            color=colour, marker=marker, linestyle=line, markersize=4, linewidth=1.2, capsize=2.5, label=series.label,
        )  # fmt: skip
        axis.set_ylabel(figure.y_right if axis is right else figure.y, color=colour if right is not None else "black")
    mean = data[(data["series"] == "mean of") & (data["n"] > 0)]
    if len(mean):
        left.axhline(mean["value"].item(), color=RED, linestyle="--", linewidth=1, label=f"mean of {mean['chain'].item()}")
    left.set_xticks(range(len(ticks)), ticks)
    left.set_xlim(-0.4, len(ticks) - 0.6)
    left.set_xlabel(figure.x)
    if right is not None:
        right.grid(visible=False)
        right.spines["right"].set_visible(True)
    if not (data["n"] > 0).any():
        left.text(0.5, 0.5, "not run", transform=left.transAxes, ha="center", color="0.5")
        left.set_yticks([])
        return
    handles = [entry for axis in (left, right) if axis is not None for entry in zip(*axis.get_legend_handles_labels(), strict=True)]
    if len(handles) > 1:
        below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.24), "ncols": len(handles), "fontsize": 7}
        left.legend(*zip(*handles, strict=True), **below)


def _draw_paths(figure: Paths, data: pd.DataFrame) -> Any:
    names = list(dict.fromkeys(data["dataset"]))
    columns = len(figure.sizes)
    tallest = 2 ** (columns - 2)
    picture, grid = pyplot.subplots(len(names), 1, figsize=(1.45 * columns, 0.42 * (tallest + 3) * len(names)), squeeze=False)
    for axis, name in zip(grid.flat, names, strict=True):
        _draw_path_graph(figure, axis, data[data["dataset"] == name].reset_index(drop=True), tallest)
        axis.set_title(panel_title(figure.family, name), fontsize=8)
    return picture


def _draw_path_graph(figure: Paths, axis: Any, data: pd.DataFrame, tallest: int) -> None:
    axis.set_axis_off()
    axis.set_xlim(-0.55, len(figure.sizes) - 0.45)
    axis.set_ylim(-2.1, tallest + 0.4)
    places: dict[str, tuple[float, float]] = {}
    paths = data[(data["series"] != "NOKD") | (data["chain"] == str(figure.sizes[0]))]["chain"]
    # A row for each path to the last size, longest first; a path stands in the row of the first one that extends it, so that
    # no line crosses an oval.
    whole = sorted((chain for chain in paths if sizes_of(chain)[-1] == figure.sizes[-1]), key=sizes_of, reverse=True)
    for column, size in enumerate(figure.sizes):
        axis.text(column, tallest + 0.05, f"S = {size}" if column else f"T = {size}", ha="center", weight="bold")
        places[str(size)] = (column, -1.4)
    for chain in sorted(paths, key=lambda chain: len(sizes_of(chain))):
        row = next(i for i, other in enumerate(whole) if sizes_of(other)[: len(sizes_of(chain))] == sizes_of(chain))
        column, height = figure.sizes.index(sizes_of(chain)[-1]), tallest - 1 - row
        places[chain] = (column, height)
        if "-" in chain:
            x, y = places[chain.rpartition("-")[0]]
            axis.plot([x, x + 0.45, x + 0.45, column], [y, y, height, height], color="0.7", linewidth=0.8, zorder=1)
    axis.plot([-0.5, len(figure.sizes) - 0.5], [-0.85, -0.85], color="0.6", linewidth=0.6)
    axis.text(-0.5, -1.4, "NOKD", va="center", weight="bold")
    best = set(data[data["n"] > 0].sort_values("value").groupby("x").tail(1)["chain"])
    colours = {"BLKD": GREEN, "NOKD": "0.93", "TAKD": "white"}
    for chain, method, value, deviation, count in data[["chain", "series", "value", "deviation", "n"]].values.tolist():
        text = f"{value:.2f}" if count else "not run"
        if count > 1:
            text += f"\n± {deviation:.2f}"
        axis.text(
            *places[chain], text, ha="center", va="center", fontsize=6.5, linespacing=0.95, zorder=2,
            weight="bold" if chain in best else "normal", color="white" if method == "BLKD" else "black",
            bbox={"boxstyle": "ellipse,pad=0.25", "facecolor": colours[method], "edgecolor": "0.3", "linewidth": 0.7},
        )  # fmt: skip


def panel_title(family: str, dataset: str) -> str:
    """What a panel shows, as people write it."""
    return f"{FAMILY_TITLES.get(family, family)}, {DATASETS[dataset].title if dataset in DATASETS else dataset}"
