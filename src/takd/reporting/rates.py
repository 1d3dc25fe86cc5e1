"""Rates of learning α (Mirzadeh et al. 2020, Figure 6, left), fitted from trainings on growing shares of the data."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot

from takd.markdown import one_line
from takd.reporting import style
from takd.reporting.context import Context
from takd.reporting.fitting import CANDIDATES, NOT_FITTED, Rate, fitted
from takd.study.papers_kinds import Rates

COLUMNS = [
    "dataset", "family", "by", "hop", "chain", "training_share", "error", "deviation", "n", *Rate._fields,
]  # fmt: skip
RECIPE, ALONE, FEW = "recipe", "soft targets alone", "few images for teachers too"  # how a row's networks were trained
STYLES = {
    "r→t": (style.BLUE, "o"),
    "t→a": (style.RED, "s"),
    "a→s": (style.GREEN, "D"),
    "t→s": (style.PINK, "^"),
    "r→s": (style.BLACK, "v"),
}
FROM_LABELS = ("r→t", "r→s")  # which no λ concerns
APART = 1.05  # ratio between neighbours: beside each other, error bars don't hide one another


def numbers(name: str, spec: Rates, context: Context) -> pd.DataFrame:
    """A row a hop, share of the data and way to train: top-1 error, %, its deviation (n - 1) over n seeds, and the hop's fit.

    by: how its networks were trained: by the study's recipe, by soft targets alone (λ = 1), or with teachers that had as few
    images, which no fit holds.
    """
    rows: list[tuple[Any, ...]] = []
    for dataset in spec.shown(context.datasets):
        for by, hop, chain, variants in _fits(spec):
            table = context.accuracy
            table = table[(table["dataset"] == dataset) & (table["family"] == spec.family) & (table["chain"] == chain)]
            chosen = table[table["variant"].isin(variants) & table[context.metric].notna()]
            fit = fitted(chosen["training_share"].to_numpy(float), 100 - chosen[context.metric].to_numpy(float))
            place = (dataset, spec.family, by, hop, chain)
            for share, values in chosen.groupby("training_share")[context.metric]:
                rows.append((*place, share, 100 - values.mean(), values.std(ddof=1), len(values), *fit))
            if chosen.empty:
                rows.append((*place, np.nan, np.nan, np.nan, 0, *NOT_FITTED))
    return pd.DataFrame(rows, columns=COLUMNS)


def _fits(spec: Rates) -> Iterator[tuple[str, str, str, tuple[str, ...]]]:
    """What is fitted, or a point beside: how it was trained, the hop, its chain, and the variants that are its points."""
    yield from ((RECIPE, hop, chain, ("", *spec.variants)) for hop, chain in spec.hops.items())
    yield from ((ALONE, hop, chain, spec.alone) for hop, chain in spec.taught.items() if spec.alone)
    yield from ((FEW, hop, chain, (spec.few,)) for hop, chain in spec.students.items() if spec.few)


def write(spec: Rates, numbers: pd.DataFrame, context: Context, place: Path) -> list[Path]:
    """Draw the figure, and write the numbers behind it; all files."""
    return style.write(numbers, lambda: draw(spec, numbers, context), place)


def draw(spec: Rates, numbers: pd.DataFrame, context: Context) -> Any:
    """For each data set and λ, error against the share of the data with the fits, and the paper's sketch with the rates."""
    panels = [(name, by) for name, by in style.run(numbers, ["dataset", "by"]) if by != FEW]
    if not panels:
        return style.not_run()
    picture, grid = pyplot.subplots(len(panels), 2, figsize=(7.0, 2.8 * len(panels) + 0.3), squeeze=False)
    entries: dict[str, Any] = {}
    for (left, right), (name, by) in zip(grid, panels, strict=True):
        its = numbers[numbers["dataset"] == name]
        shown = its[its["by"].eq(by) | (its["by"].eq(RECIPE) & its["hop"].isin(FROM_LABELS))]
        title = one_line(context.title(name)) + (", λ = 1" if by == ALONE else "")
        left.set_title(f"{title}: error by share of the training images")
        right.set_title(f"{title}: rate of learning α, with 95 % interval")
        entries |= _draw_errors(left, shown)
        if by == RECIPE:
            entries |= _draw_few(left, its[its["by"].eq(FEW) & (its["n"] > 0)])
        rates = dict(_rates(shown))
        if all(np.isnan(rate.rate) for rate in rates.values()):
            right.remove()
        else:
            _draw_sketch(right, rates)
    picture.legend(entries.values(), entries.keys(), loc="outside lower left", ncols=6, columnspacing=1, handletextpad=0.1)
    style.say_what_accuracy_is(picture, context)
    return picture


def _rates(numbers: pd.DataFrame) -> Iterator[tuple[str, Rate]]:
    for hop, rows in numbers.groupby("hop", sort=False):
        yield str(hop), Rate(*rows.iloc[0][list(Rate._fields)].astype(float))


def _draw_few(axis: Any, numbers: pd.DataFrame) -> dict[str, Any]:
    """Draw hollow markers where teachers had as few images; what the legend has of them."""
    entries: dict[str, Any] = {}
    for hop, share, error, deviation in numbers[["hop", "training_share", "error", "deviation"]].itertuples(index=False, name=None):
        colour, marker = STYLES[hop]
        entries["teachers of as few"] = axis.errorbar(
            share / APART**4, error, yerr=0 if np.isnan(deviation) else deviation,
            color=colour, marker=marker, linestyle="", markersize=5, markerfacecolor="none", capsize=2.5,
        )  # fmt: skip
    return entries


def _draw_errors(axis: Any, numbers: pd.DataFrame) -> dict[str, Any]:
    """Draw error bars and fits; what the legend has of them, by hop."""
    entries: dict[str, Any] = {}
    hops = list(_rates(numbers[numbers["n"] > 0]))
    for number, (hop, rate) in enumerate(hops):
        colour, marker = STYLES[hop]
        points = numbers[(numbers["hop"] == hop) & (numbers["n"] > 0)]
        aside = APART ** (number - (len(hops) - 1) / 2)  # on a scale of ratios
        entries[hop] = axis.errorbar(
            points["training_share"] * aside, points["error"], yerr=points["deviation"].fillna(0),
            color=colour, marker=marker, linestyle="", markersize=4, capsize=2.5,
        )  # fmt: skip
        if not np.isnan(rate.rate):
            shares = np.geomspace(points["training_share"].min(), points["training_share"].max(), 50)
            axis.plot(shares * aside, rate.asymptote + rate.scale * shares**-rate.rate, color=colour, linewidth=1)
    axis.set_xscale("log", base=2)
    axis.set_yscale("log")
    axis.set_ylabel("top-1 error, %")
    axis.set_xlabel("share of the training images")
    ticks = sorted(numbers["training_share"].dropna().unique())
    axis.set_xlim(ticks[0] / 1.3, ticks[-1] * 1.3)
    axis.set_xticks(ticks, list(map(_share, ticks)))
    style.plain_log(axis.yaxis)
    axis.tick_params(which="both", labelsize=7)
    return entries


# Of the sketch: where real function, teacher, assistant and student stand, and how far an arrow bends away from a straight line.
PLACES = {"r": (0.0, 0.0), "t": (1.0, 0.0), "a": (2.0, 0.0), "s": (3.0, 0.0)}
NODES = {"r": "real", "t": "teacher", "a": "assistant", "s": "student"}
ROOM = {"r": 12, "t": 18, "a": 21, "s": 17}  # points that an arrow keeps from the middle of a node: half of its box
ARROWS = {"r→t": (0.0, 0.4), "t→a": (0.0, -0.4), "a→s": (0.0, -0.4), "t→s": (-0.6, 1.2), "r→s": (0.85, -1.5)}


def _draw_sketch(axis: Any, rates: dict[str, Rate]) -> None:
    axis.set_axis_off()
    axis.set_xlim(-0.4, 3.4)
    axis.set_ylim(-2.4, 1.5)
    for hop, rate in rates.items():
        (bend, height), (colour, _) = ARROWS[hop], STYLES[hop]
        start, end = (PLACES[node] for node in hop.split("→"))
        shrink_start, shrink_end = (ROOM[node] for node in hop.split("→"))
        look = {"arrowstyle": "-|>", "connectionstyle": f"arc3,rad={bend}", "shrinkA": shrink_start, "shrinkB": shrink_end}
        axis.annotate("", end, start, arrowprops={**look, "color": colour})
        middle = (start[0] + end[0]) / 2 - (0.2 if hop == "a→s" else 0.08)  # r→s ends to the right of it
        axis.text(middle, height, _label(rate), ha="center", va="center", fontsize=6.5, linespacing=0.95)
    for node, (x, y) in PLACES.items():
        axis.text(
            x, y, NODES[node], ha="center", va="center", fontsize=6.5, zorder=3,
            bbox={"boxstyle": "round,pad=0.35", "facecolor": "0.95", "edgecolor": "0.3", "linewidth": 0.7},
        )  # fmt: skip


def _share(share: float) -> str:
    """A share of the images as the axis has it: 1/8, or as it is where it isn't one part of a whole."""
    parts = round(1 / share)
    return f"{share:g}" if parts == 1 or abs(1 / share - parts) > 1e-6 else f"1/{parts}"


def _label(rate: Rate) -> str:
    if np.isnan(rate.rate):
        return "too few\ntrainings"
    low = "≤" if rate.low <= CANDIDATES[0] else ""
    high = "≥" if rate.high >= CANDIDATES[-1] else ""
    if low and high:
        return "not\ndetermined"
    return f"{rate.rate:.2f}\n({low}{rate.low:.2f} … {high}{rate.high:.2f})"
