"""Which test images an assistant wins: those that one chain's students get right more often than another's, and the reverse."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from takd.markdown import aligned, escaped
from takd.reporting.answers import NOT_KEPT, NOT_RUN
from takd.reporting.context import Context
from takd.reporting.tables import written
from takd.study.further_kinds import Wins
from takd.study.shown import Cell

COLUMNS = ["dataset", "family", "chain", "other", "image", "class", "label", "right", "right_of_other", "n"]
MOST_CLASSES = 3  # of those that are named for a pair


def numbers(name: str, spec: Wins, context: Context) -> pd.DataFrame:
    """A row a pair of chains and test image that the students of one get right more often than those of the other.

    image: its place in the prepared test images. class, label: the right one, as a number and by name. right, right_of_other: how
    many of n students of each chain are right, over the seeds under which both kept their answers.
    """
    pairs = [_images(first, other, context) for first, other in spec.pairs(context.datasets)]
    return pd.concat(pairs, ignore_index=True) if pairs else pd.DataFrame(columns=COLUMNS)


def _images(first: Cell, other: Cell, context: Context) -> pd.DataFrame:
    answers, others = context.kept.pair(*map(_side, (first, other)))
    if not len(answers):
        return pd.DataFrame(columns=COLUMNS)
    labels = context.kept.labels[first.dataset]
    right, right_of_other = ((each == labels).sum(axis=0) for each in (answers, others))
    images = np.flatnonzero(right != right_of_other)
    names = np.array(context.kept.classes.get(first.dataset) or range(int(labels.max()) + 1), dtype=str)
    table = pd.DataFrame({"image": images, "class": labels[images], "label": names[labels[images]], "n": len(answers)})
    table = table.assign(right=right[images], right_of_other=right_of_other[images])
    return table.assign(dataset=first.dataset, family=first.family, chain=first.chain, other=other.chain)[COLUMNS]


def _side(cell: Cell) -> tuple[str, str, str, str]:
    return (cell.dataset, cell.family, cell.chain, cell.variant)


def write(spec: Wins, numbers: pd.DataFrame, context: Context, place: Path) -> list[Path]:
    """Write the images for programs, and their counts for people; both files."""
    return written(place, numbers.to_csv(index=False, lineterminator="\n"), as_markdown(spec, numbers, context))


def as_markdown(spec: Wins, numbers: pd.DataFrame, context: Context) -> str:
    """How many images either chain wins, in a sentence a pair, and in which classes, in a line of a table."""
    said = []
    lines = [["data set", "chain", "other", "n", "images", "won", "by all", "lost", "by all", "won most", "lost most"]]
    for first, other in spec.pairs(context.datasets):
        images = context.kept.pair(*map(_side, (first, other)))[0].shape
        place = [escaped(context.title(first.dataset)), escaped(first.chain), escaped(other.chain)]
        if not images[0]:
            run = all(len(context.networks(*_side(cell))) for cell in (first, other))
            lines.append([*place, NOT_KEPT if run else NOT_RUN, *[""] * 7])
            continue
        chosen = (numbers["dataset"] == first.dataset) & (numbers["family"] == first.family)
        its = numbers[chosen & (numbers["chain"] == first.chain) & (numbers["other"] == other.chain)]
        won, by_all, lost, lost_by_all = _counts(its, images[0])
        lines.append([*place, *map(str, images), won, by_all, lost, lost_by_all, *_by_class(its, images[0])])
        title, one, another = place
        said.append(f"On {title}, students of {one} get {won} of {images[1]:,} images right more often than those of {another}, ")
        said[-1] += f"and {lost} less often.\n\n"
    return (
        f"**{escaped(spec.where)}.** {escaped(spec.title)}. Won are the images that the n students of the chain get right more "
        "often than those of the other, lost the reverse; by all: that all of the one get right, and none of the other. "
        "Won most, lost most: classes by how many more, or fewer, of their images a student gets right on average; they are chosen "
        f"by these very numbers, so chance flatters them. The CSV file names each image.\n\n{''.join(said)}{aligned(lines)}"
    )


def _counts(its: pd.DataFrame, students: int) -> list[str]:
    by = its["right"] - its["right_of_other"]
    return [f"{count:,}" for count in ((by > 0).sum(), (by == students).sum(), (by < 0).sum(), (by == -students).sum())]


def _by_class(its: pd.DataFrame, students: int) -> list[str]:
    by: Any = (its["right"] - its["right_of_other"]).groupby(its["label"].map(str), sort=True).sum() / students
    won = by[by > 0].sort_values(ascending=False, kind="stable")[:MOST_CLASSES]
    lost = by[by < 0].sort_values(kind="stable")[:MOST_CLASSES]
    return [", ".join(f"{escaped(str(label))} {value:+.1f}" for label, value in side.items()) for side in (won, lost)]
