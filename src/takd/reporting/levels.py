"""A path against the direct hop over several teachers, and which hop a student's accuracy scatters by."""

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from takd.markdown import aligned, escaped
from takd.reporting.context import Context
from takd.reporting.effects import Effect, by_pairs
from takd.reporting.tables import written
from takd.study.further_kinds import Levels
from takd.study.names import hops_of
from takd.study.shown import Cell

COLUMNS = ["dataset", "family", "chain", "level", "networks", "mean", "low", "high", "variance", "share"]
Accuracies = npt.NDArray[np.float64]


class Level(NamedTuple):
    """What one hop adds to the variance of the accuracy at the end of a chain, in points²; share of the whole, in per cent."""

    networks: int
    variance: float
    share: float


def numbers(name: str, spec: Levels, context: Context) -> pd.DataFrame:
    """Three rows and more a data set: the path over the direct hop, and each hop of both chains.

    mean: accuracy in per cent; of the path over the direct hop ("over" in `level`) their difference in points, with its 95 %
    interval over teachers, whose own differences have rows of their own ("teacher 0" and so on). networks: how many there are at a
    hop, of teachers all of whose networks are there. variance, share: what the hop adds, see `Level`.
    """
    rows: list[tuple[Any, ...]] = []
    for dataset in spec.shown(context.datasets):
        path, direct = (_accuracies(cell, context) for cell in spec.cells((dataset,)))
        both = [teacher for teacher in path if teacher in direct]
        over = np.array([path[teacher].mean() - direct[teacher].mean() for teacher in both])
        chain = f"{spec.path} over {spec.direct}"
        found = by_pairs(Effect((spec.path,), (spec.direct,), n=len(over)), over)
        rows.append((dataset, spec.family, chain, "over", len(over), found.effect, found.low, found.high, math.nan, math.nan))
        rows += [
            (dataset, spec.family, chain, f"teacher {teacher}", 1, value, *[math.nan] * 4)
            for teacher, value in zip(both, over, strict=True)
        ]
        for text, its in ((spec.path, path), (spec.direct, direct)):
            members = [hop.member for hop in hops_of(text)]
            whole = np.array([its[teacher] for teacher in both])
            for member, level in zip(members, components(whole), strict=False):
                row = (level.networks, float(whole.mean()), math.nan, math.nan, level.variance, level.share)
                rows.append((dataset, spec.family, text, member, *row))
    return pd.DataFrame(rows, columns=COLUMNS)


def _accuracies(cell: Cell, context: Context) -> dict[int, Accuracies]:
    """Accuracies by teacher, an axis for each hop below it; of teachers all of whose networks are there."""
    hops = len(hops_of(cell.chain)) - 1
    its = context.accuracies(cell.dataset, cell.family, cell.chain, cell.variant)
    shape = (context.seeds,) * hops
    size = math.prod(shape)
    found = {}
    for teacher in range(cell.first):
        seeds = list(range(teacher * size, (teacher + 1) * size))
        if its.index.isin(seeds).sum() == size:
            found[teacher] = np.array(its.loc[seeds], dtype=np.float64).reshape(shape)
    return found


def components(accuracies: Accuracies) -> list[Level]:
    """What each level adds to the variance, the topmost first; none of fewer than two teachers.

    accuracies: an axis a level, (teachers, assistants of each, …, students of each). A level's mean square less that of the level
    below, by the number of networks below one of its own: the estimator of a balanced nested design by analysis of variance
    (Searle, Casella and McCulloch 1992, section 3.5). One below zero counts as zero.
    """
    if len(accuracies) < 2 or min(accuracies.shape) < 2:
        return []
    squares, depth = [], accuracies.ndim
    for level in range(depth):
        below = math.prod(accuracies.shape[level + 1 :])
        means = accuracies.mean(axis=tuple(range(level + 1, depth)))
        above = means.mean(axis=level, keepdims=True)
        freedom = math.prod(accuracies.shape[:level]) * (accuracies.shape[level] - 1)
        squares.append(below * float(((means - above) ** 2).sum()) / freedom)
    variances = []
    for level, square in enumerate(squares):
        below = math.prod(accuracies.shape[level + 1 :])
        variances.append(max(square - (squares[level + 1] if level + 1 < depth else 0.0), 0.0) / below)
    whole = sum(variances)
    counts = np.cumprod(accuracies.shape)
    return [
        Level(int(count), variance, 100 * variance / whole if whole else math.nan)
        for count, variance in zip(counts, variances, strict=True)
    ]


def write(spec: Levels, numbers: pd.DataFrame, context: Context, place: Path) -> list[Path]:
    """Write the table for programs and for people; both files."""
    return written(
        place, numbers.to_csv(index=False, lineterminator="\n", float_format="%.6g"), as_markdown(spec, numbers, context)
    )


def as_markdown(spec: Levels, numbers: pd.DataFrame, context: Context) -> str:
    """A sentence a data set, and the hops of both chains in a table."""
    said = [_said(spec, rows, context.title(str(dataset))) for dataset, rows in numbers.groupby("dataset", sort=False)]
    lines = [["data set", "chain", "hop", "networks", "standard deviation", "share of the variance"]]
    row: Any
    for row in numbers[numbers["variance"].notna()].itertuples(index=False):
        place = [escaped(context.title(str(row.dataset))), escaped(str(row.chain)), escaped(str(row.level))]
        share = "" if math.isnan(row.share) else f"{row.share:.0f} %"
        lines.append([*place, str(row.networks), f"{math.sqrt(row.variance):.2f}", share])
    return (
        f"**{escaped(spec.where)}.** {escaped(spec.title)}. Each network has {context.seeds} students of its own. Points "
        f"of {context.compared_by or 'top-1 accuracy'}{context.shouted}; intervals are over teachers, 95 %. A hop's share is what "
        "its networks add to a student's variance, by analysis of variance; few teachers tell it roughly.\n\n"
        + "\n".join([*said, *([aligned(lines)] if len(lines) > 1 else [])])
    )


def _said(spec: Levels, rows: pd.DataFrame, title: str) -> str:
    over = rows[rows["level"] == "over"].iloc[0]
    its = rows[rows["level"].str.startswith("teacher ")]["mean"]
    if not over["networks"]:
        return f"On {title}: not run.\n"
    between = "" if math.isnan(over["low"]) else f" ({over['low']:+.2f} … {over['high']:+.2f})"
    return (
        f"On {title}, {spec.path} is {over['mean']:+.2f} points{between} over {spec.direct}; it is better under "
        f"{(its > 0).sum()} of {over['networks']} teachers: {', '.join(f'{value:+.2f}' for value in its)}.\n"
    )
