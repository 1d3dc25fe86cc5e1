"""Figures of accuracy against what it cost: core-seconds of training, those of all networks of a chain counted once."""

import math
from pathlib import Path
from string import ascii_lowercase
from typing import Any

import pandas as pd
from matplotlib import pyplot

from takd.reporting import style
from takd.reporting.context import Context
from takd.reporting.lines import MARKERS, PANEL_INCHES, summary
from takd.study.further_kinds import Costs

APART = 1.08  # a marker's width, as a ratio

COLUMNS = [
    "dataset", "family", "label", "chain", "variant", "epochs", "core_seconds", "core_seconds_deviation", "last_hop", "accuracy",
    "deviation", "n", "epochs_at_equal_cost",
]  # fmt: skip


def numbers(name: str, spec: Costs, context: Context) -> pd.DataFrame:
    """A row a way to a student: means over the n seeds whose whole chain has its seconds, and standard deviations (n - 1).

    core_seconds: by the clock times threads and processes, of the student and every network above it, each once; last_hop: of the
    student alone. accuracy: in per cent, by the study's metric. epochs_at_equal_cost: how many epochs of the last hop cost as much
    as all of the path that the spec names; NaN for that path, and where either wasn't run. Weights that were brought cost nothing
    here.
    """
    rows: list[tuple[Any, ...]] = []
    for cell in spec.cells(context.datasets):
        cost = context.spent.get((cell.dataset, cell.family, cell.chain, cell.variant), {})
        spent = pd.Series({seed: whole for seed, (whole, _) in cost.items()}, dtype=float)
        networks = context.networks(cell.dataset, cell.family, cell.chain, cell.variant).loc[spent.index]
        networks = networks[networks[context.metric].notna()]
        spent = spent.loc[networks.index]
        own = pd.Series([cost[seed][1] for seed in networks.index], dtype=float).mean()
        value, deviation, count = summary(networks[context.metric])
        place = (cell.dataset, cell.family, cell.model, cell.chain, cell.variant, networks["epochs"].mean())
        rows.append((*place, *summary(spent)[:2], own, value, deviation, count, math.nan))
    table = pd.DataFrame(rows, columns=COLUMNS)
    paths = table[table["label"] == spec.path].set_index("dataset")["core_seconds"].to_dict()
    left = table["dataset"].map(paths) - (table["core_seconds"] - table["last_hop"])
    table["epochs_at_equal_cost"] = (table["epochs"] * left / table["last_hop"]).where(table["label"] != spec.path)
    return table


def write(spec: Costs, numbers: pd.DataFrame, context: Context, place: Path) -> list[Path]:
    """Draw the figure, and write the numbers behind it; all files."""
    named = numbers.rename(columns={"accuracy": context.metric})
    return style.write(named, lambda: draw(spec, numbers, context), place, digits="%.6g")


def draw(spec: Costs, numbers: pd.DataFrame, context: Context) -> Any:
    """The picture: a panel a data set of which something was run, and one legend for all of them."""
    shown = style.run(numbers, ["family", "dataset"])
    if not shown:
        return style.not_run()
    size = (PANEL_INCHES[0] * len(shown), PANEL_INCHES[1] + 0.3)
    picture, grid = pyplot.subplots(1, len(shown), figsize=size, squeeze=False)
    labels = [way.label for way in spec.ways]
    entries: dict[str, Any] = {}
    for letter, axis, (family, dataset) in zip(ascii_lowercase, grid.flat, shown, strict=False):
        title = style.panel_title(family, dataset, context)
        axis.set_title(f"({letter}) {title}" if len(shown) > 1 else title)
        its = numbers[(numbers["family"] == family) & (numbers["dataset"] == dataset) & (numbers["n"] > 0)]
        for row, place in zip(its.itertuples(index=False), apart(its["core_seconds"]), strict=True):
            look = labels.index(str(row.label)) % len(style.COLOURS)
            entries[str(row.label)] = axis.errorbar(
                [place], [row.accuracy], yerr=[0 if row.n == 1 else row.deviation],
                color=style.COLOURS[look], marker=MARKERS[look], linestyle="", markersize=5, capsize=2.5,
            )  # fmt: skip
        axis.set(xscale="log", xlabel="core-seconds, all networks of the chain", ylabel="student accuracy, %")
        style.plain_log(axis.xaxis)
    picture.legend(entries.values(), entries.keys(), loc="outside lower center", ncols=min(3, len(entries)))
    style.say_what_accuracy_is(picture, context)
    return picture


def apart(values: "pd.Series[float]") -> list[float]:
    """Where points are drawn on a scale of ratios: at their values, or so far above a neighbour that neither hides the other."""
    drawn: dict[Any, float] = {}
    last = 0.0
    for row, value in values.sort_values().items():
        drawn[row] = last = max(value, last * APART)
    return [drawn[row] for row in values.index]
