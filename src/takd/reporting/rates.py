"""Rates of learning α (Mirzadeh et al. 2020, Figure 6, left), fitted from trainings on growing shares of the data."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from matplotlib import pyplot
from numpy.typing import NDArray
from scipy import optimize, stats

from takd.files import write_text
from takd.reporting import style
from takd.reporting.context import Context
from takd.reporting.markdown import one_line
from takd.study.artifacts import Rates

CONFIDENCE = 0.95
CANDIDATES = np.geomspace(0.02, 5, 2000)  # α; the theory expects ½ to 1
COLUMNS = [
    "dataset", "family", "hop", "chain", "training_share", "error", "deviation", "n", "rate", "low", "high", "asymptote", "scale",
]  # fmt: skip
STYLES = {
    "r→t": (style.BLUE, "o"),
    "t→a": (style.RED, "s"),
    "a→s": (style.GREEN, "D"),
    "t→s": (style.PINK, "^"),
    "r→s": (style.BLACK, "v"),
}
APART = 1.05  # ratio between neighbours: beside each other, error bars don't hide one another
Floats = NDArray[np.float64]


class Rate(NamedTuple):
    """error = asymptote + scale * share^-α. low, high: the 95 % interval of α; NaN where there are too few points to tell."""

    rate: float
    low: float
    high: float
    asymptote: float
    scale: float


NOT_FITTED = Rate(*[np.nan] * 5)


def fitted(shares: Floats, errors: Floats) -> Rate:
    """The rate at which errors (in per cent, one a training) fall with the share of the data, by least squares.

    For each candidate α the rest is linear, so asymptote and scale, both at least 0, are found exactly. The interval is that of
    the profile likelihood: every α whose squared error an F test with 1 and n - 3 degrees of freedom doesn't tell from the best
    one's. It ends at the ends of the candidates where the data don't bound α.
    """
    freedom = len(errors) - 3
    if freedom < 1 or len(set(shares)) < 3:
        return NOT_FITTED
    fits = [_linear(shares, errors, rate) for rate in CANDIDATES]
    squares = np.array([error**2 for _, error in fits])
    best = int(squares.argmin())
    limit = squares[best] * (1 + stats.f.ppf(CONFIDENCE, 1, freedom) / freedom)
    inside = CANDIDATES[squares <= limit]
    (asymptote, scale), _ = fits[best]
    return Rate(float(CANDIDATES[best]), float(inside.min()), float(inside.max()), float(asymptote), float(scale))


def _linear(shares: Floats, errors: Floats, rate: float) -> tuple[Floats, float]:
    """Asymptote and scale for one α, and the root of the squared error."""
    solution, error = optimize.nnls(np.stack((np.ones_like(shares), shares**-rate), axis=1), errors)
    return solution, float(error)


def numbers(name: str, spec: Rates, context: Context) -> pd.DataFrame:
    """A row a hop and share of the data: top-1 error, %, its deviation (n - 1) over n seeds, and the hop's fit."""
    accuracy = context.accuracy[context.accuracy["variant"].isin(["", *spec.variants])]
    accuracy = accuracy[(accuracy["family"] == spec.family) & accuracy[context.metric].notna()]
    rows: list[tuple[Any, ...]] = []
    for dataset in spec.shown(context.datasets):
        for hop, chain in spec.hops.items():
            chosen = accuracy[(accuracy["dataset"] == dataset) & (accuracy["chain"] == chain)]
            fit = fitted(chosen["training_share"].to_numpy(float), 100 - chosen[context.metric].to_numpy(float))
            for share, values in chosen.groupby("training_share")[context.metric]:
                error = (100 - values.mean(), values.std(ddof=1), len(values))
                rows.append((dataset, spec.family, hop, chain, share, *error, *fit))
            if chosen.empty:
                rows.append((dataset, spec.family, hop, chain, np.nan, np.nan, np.nan, 0, *NOT_FITTED))
    return pd.DataFrame(rows, columns=COLUMNS)


def write(spec: Rates, numbers: pd.DataFrame, context: Context, place: Path) -> list[Path]:
    """Draw the figure, and write the numbers behind it; all files."""
    csv = place.with_name(f"{place.name}.csv")
    write_text(csv, numbers.to_csv(index=False, lineterminator="\n", float_format="%.4f"))
    with pyplot.rc_context(style.STYLE):
        return [csv, *style.save(draw(spec, numbers, context), place)]


def draw(spec: Rates, numbers: pd.DataFrame, context: Context) -> Any:
    """For each data set, error against the share of the data with the fits, and the paper's sketch with the rates measured."""
    names = [name for (name,) in style.run(numbers, ["dataset"])]
    if not names:
        return style.not_run()
    picture, grid = pyplot.subplots(len(names), 2, figsize=(7.0, 2.8 * len(names) + 0.3), squeeze=False)
    entries: dict[str, Any] = {}
    for (left, right), name in zip(grid, names, strict=True):
        shown = numbers[numbers["dataset"] == name]
        title = one_line(context.title(name))
        left.set_title(f"{title}: error by share of the training images")
        right.set_title(f"{title}: rate of learning α, with 95 % interval")
        entries |= _draw_errors(left, shown)
        _draw_sketch(right, dict(_rates(shown)))
    picture.legend(entries.values(), entries.keys(), loc="outside lower left", ncols=5, columnspacing=1, handletextpad=0.1)
    style.say_what_accuracy_is(picture, context)
    return picture


def _rates(numbers: pd.DataFrame) -> Iterator[tuple[str, Rate]]:
    for hop, rows in numbers.groupby("hop", sort=False):
        yield str(hop), Rate(*rows.iloc[0][["rate", "low", "high", "asymptote", "scale"]].astype(float))


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
    axis.set_xticks(ticks, [f"1/{round(1 / share)}" if share < 1 else "1" for share in ticks])
    style.plain_log(axis.yaxis)
    axis.tick_params(which="both", labelsize=7)
    return entries


# Of the sketch: where real function, teacher, assistant and student stand, and how far an arrow bends away from a straight line.
PLACES = {"r": (0.0, 0.0), "t": (1.0, 0.0), "a": (2.0, 0.0), "s": (3.0, 0.0)}
NODES = {"r": "real", "t": "teacher", "a": "assistant", "s": "student"}
ARROWS = {"r→t": (0.0, 0.4), "t→a": (0.0, -0.4), "a→s": (0.0, -0.4), "t→s": (-0.6, 1.2), "r→s": (0.85, -1.5)}


def _draw_sketch(axis: Any, rates: dict[str, Rate]) -> None:
    axis.set_axis_off()
    axis.set_xlim(-0.4, 3.4)
    axis.set_ylim(-2.4, 1.5)
    for hop, rate in rates.items():
        (bend, height), (colour, _) = ARROWS[hop], STYLES[hop]
        start, end = (PLACES[node] for node in hop.split("→"))
        style = {"arrowstyle": "-|>", "connectionstyle": f"arc3,rad={bend}", "shrinkA": 13, "shrinkB": 13, "color": colour}
        axis.annotate("", end, start, arrowprops=style)
        axis.text((start[0] + end[0]) / 2 - 0.08, height, _label(rate), ha="center", va="center", fontsize=6.5, linespacing=0.95)
    for node, (x, y) in PLACES.items():
        axis.text(
            x, y, NODES[node], ha="center", va="center", fontsize=6.5, zorder=3,
            bbox={"boxstyle": "round,pad=0.35", "facecolor": "0.95", "edgecolor": "0.3", "linewidth": 0.7},
        )  # fmt: skip


def _label(rate: Rate) -> str:
    if np.isnan(rate.rate):
        return "too few\ntrainings"
    low = "≤" if rate.low <= CANDIDATES[0] else ""
    high = "≥" if rate.high >= CANDIDATES[-1] else ""
    if low and high:
        return "not\ndetermined"
    return f"{rate.rate:.2f}\n({low}{rate.low:.2f} … {high}{rate.high:.2f})"
