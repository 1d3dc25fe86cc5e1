"""Pictures of loss surfaces: a row for each family and data set, a column for each chain, one scale of contours within a row."""

import math
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib import pyplot
from matplotlib.colors import BoundaryNorm
from matplotlib.patches import Circle
from matplotlib.patheffects import withStroke
from matplotlib.ticker import MaxNLocator

from takd.reporting import style
from takd.reporting.context import Context
from takd.reporting.flatness import in_disc, of_chain, rises
from takd.study.names import hops_of
from takd.study.papers_kinds import Surfaces

PANEL_INCHES = (2.0, 2.2)
BAR_INCHES = 0.7
COLOURS = "cividis"  # its lightness rises evenly, so it reads the same in grey and to the colour-blind
MOST_LEVELS = 12
MOST_DECADES = 4
STEPS = ((1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8), (1, 1.5, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,))  # levels in a decade, finest first
OUTLINED = [withStroke(linewidth=1.8, foreground="black")]  # white lines, on light ground too
LOOK = style.STYLE | {"axes.grid": False, "axes.spines.top": True, "axes.spines.right": True}


def numbers(name: str, spec: Surfaces, context: Context) -> pd.DataFrame:
    """How flat each network's surface is: see flatness.py."""
    return rises(context.points)


def write(spec: Surfaces, numbers: pd.DataFrame, context: Context, place: Path) -> list[Path]:
    """Draw the figure, and write how flat the surfaces are; all files."""
    return style.write(numbers, lambda: draw(spec, numbers, context), place, look=LOOK, digits="%.6g")


def draw(spec: Surfaces, numbers: pd.DataFrame, context: Context) -> Any:
    """The surfaces around the networks of seed 0 that were run, each with its mean rise over all seeds."""
    lines = [(row, name) for row in spec.rows for name in row.datasets or spec.shown(context.datasets)]
    points = context.points[context.points["seed"] == 0]
    run = set(points[["dataset", "family", "chain"]].itertuples(index=False, name=None))
    shown = []
    for row, name in lines:
        if chains := {method: chain for method, chain in row.chains.items() if (name, row.family, chain) in run}:
            shown.append((row.family, name, chains))
    if not shown:
        return style.not_run()
    columns = max(len(chains) for _, _, chains in shown)
    size = (PANEL_INCHES[0] * columns + BAR_INCHES, PANEL_INCHES[1] * len(shown))
    picture, grid = pyplot.subplots(len(shown), columns, figsize=size, squeeze=False)
    for axes, (family, name, chains) in zip(grid, shown, strict=True):
        _draw_row(picture, list(axes), (name, family), chains, numbers, context)
    return picture


def _draw_row(
    picture: Any, axes: list[Any], place: tuple[str, str], chains: dict[str, str], numbers: pd.DataFrame, context: Context
) -> None:
    """The surfaces of chains of one data set and family, by method, and the bar of their common scale."""
    dataset, family = place
    surfaces = {chain: of_chain(context.points, dataset, family, chain).query("seed == 0") for chain in chains.values()}
    # The corners beyond the disc are higher still: a scale for them would have no colours left for what lies inside.
    levels = _levels(pd.concat([in_disc(surface) for surface in surfaces.values()])["loss"])
    for axis, (method, chain) in zip(axes, chains.items(), strict=False):
        path = " → ".join(map(str, hops_of(chain)))
        axis.set_title(f"{method}: {path}\n{_rise(of_chain(numbers, dataset, family, chain)['rise'])}")
        axis.set_box_aspect(1)
        last = _draw_surface(axis, surfaces[chain], levels)
    axes[0].set_ylabel(style.panel_title(family, dataset, context), weight="bold")
    for axis in axes[len(chains) :]:
        axis.remove()
    bar = axes[len(chains) - 1].inset_axes((1.07, 0, 0.06, 1))
    picture.colorbar(last, cax=bar, label="loss, nats", ticks=levels, format="%g").minorticks_off()


def _draw_surface(axis: Any, surface: pd.DataFrame, levels: list[float]) -> Any:
    """Filled contours, with lines between them, as colours alone are hard to tell apart in print."""
    heights = surface.pivot(index="b", columns="a", values="loss")
    a, b, span = heights.columns, heights.index, float(heights.columns.max())
    filled = axis.contourf(a, b, heights, levels=levels, cmap=COLOURS, norm=BoundaryNorm(levels, 256, extend="max"), extend="max")
    axis.contour(a, b, heights, levels=levels, colors="black", linewidths=0.3)
    disc = Circle((0, 0), span, fill=False, edgecolor="white", linestyle="--", linewidth=0.9, path_effects=OUTLINED)
    axis.add_patch(disc)
    axis.plot(0, 0, "x", color="white", markersize=4, path_effects=OUTLINED)
    axis.set(xticks=[-span, 0, span], yticks=[-span, 0, span])
    return filled


def _levels(losses: "pd.Series[float]") -> list[float]:
    """At most MOST_LEVELS round numbers around the losses: at equal distances, or at about equal ratios where they differ much."""
    low, high = float(losses.min()), float(losses.max())
    if high < 3 * low:
        return [float(level) for level in MaxNLocator(MOST_LEVELS - 1).tick_values(low, high)]
    low = max(low, high / 10**MOST_DECADES)
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in STEPS:
        levels = [step * 10.0**decade for decade in decades for step in steps]
        below, above = [level for level in levels if level <= low], [level for level in levels if level >= high]
        levels = [level for level in levels if below[-1] <= level <= above[0]]
        if len(levels) <= MOST_LEVELS:
            break
    return levels


def _rise(rises: "pd.Series[float]") -> str:
    if len(rises) < 2:
        return f"rise {rises.item():.2f} (1)" if len(rises) else ""
    return f"rise {rises.mean():.2f} ± {rises.std(ddof=1):.2f} ({len(rises)})"
