"""Tables of pairs of chains by their networks' answers to each test image: how sure a difference is, and how far both agree."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from takd.markdown import aligned, escaped
from takd.reporting.context import Context
from takd.reporting.crossed import mcnemar_p, over_students_and_images
from takd.reporting.effects import DOUBT, Effect, by_pairs
from takd.reporting.kept_answers import Classes
from takd.reporting.tables import written
from takd.study.further_kinds import Answers
from takd.study.shown import Cell

NOT_RUN, NOT_KEPT = "not run", "not kept"
COLUMNS = [
    "dataset", "family", "chain", "other", "n", "images", "difference", "students_low", "students_high", "both_low", "both_high",
    "won", "lost", "mcnemar_p", "mcnemar_told", "agreement", "note",
]  # fmt: skip


def numbers(name: str, spec: Answers, context: Context) -> pd.DataFrame:
    """A row a pair of chains, over the n seeds under which the networks of both kept their answers.

    difference: of accuracies, percentage points, with its 95 % intervals over students alone and over students and images; NaN
    where one student leaves nothing to tell chance by. won, lost: of `images`, those that only the chain's network has right, and
    only the other's, means over seeds. mcnemar_p: the median over seeds; mcnemar_told: of how many p is below 0.05. agreement:
    per cent of the images to which both give the same answer, right or wrong. note: why a row is empty.
    """
    rows = [
        (first.dataset, first.family, first.chain, other.chain, *_row(first, other, context))
        for first, other in spec.pairs(context.datasets)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(first: Cell, other: Cell, context: Context) -> tuple[Any, ...]:
    sides = [(cell.dataset, cell.family, cell.chain, cell.variant) for cell in (first, other)]
    answers = context.kept.pair(*sides)
    count, images = answers[0].shape
    if count == 0:
        run = all(len(context.networks(*side)) for side in sides)
        return (0, 0, *[math.nan] * 10, NOT_KEPT if run else NOT_RUN)
    return (count, images, *_measured(*answers, context.kept.labels[first.dataset]), "")


def _measured(answers: Classes, others: Classes, labels: Classes) -> tuple[float, ...]:
    """What one row says of answers, (seeds, images) each, to images of those labels, (images,)."""
    right, right_of_others = answers == labels, others == labels
    differences = right.astype(np.int8) - right_of_others.astype(np.int8)
    by_student = 100 * differences.mean(axis=1, dtype=float)
    students = by_pairs(Effect(("chain",), ("other",), n=len(by_student)), by_student)
    both = over_students_and_images(students, differences)
    chances = [mcnemar_p(one, another) for one, another in zip(right, right_of_others, strict=True)]
    count = len(answers)
    return (
        *(students.effect, students.low, students.high, both.low, both.high),
        float((differences > 0).sum() / count),
        float((differences < 0).sum() / count),
        float(np.median(chances)),
        sum(p < DOUBT for p in chances),
        100 * float((answers == others).mean()),
    )


def write(spec: Answers, numbers: pd.DataFrame, context: Context, place: Path) -> list[Path]:
    """Write the table for programs and for people; both files."""
    return written(
        place, numbers.to_csv(index=False, lineterminator="\n", float_format="%.6g"), as_markdown(spec, numbers, context)
    )


def as_markdown(spec: Answers, numbers: pd.DataFrame, context: Context) -> str:
    """The same for people."""
    head = ["data set", "chain", "other", "n", "difference", "over students", "and over images", "McNemar p", "told", "agreement"]
    lines = [head]
    for row in numbers.itertuples(index=False):
        line = [escaped(context.title(str(row.dataset))), escaped(str(row.chain)), escaped(str(row.other))]
        lines.append(line + ([str(row.note), *[""] * 6] if row.note else _said(row)))
    return (
        f"**{escaped(spec.where)}.** {escaped(spec.title)}.{context.chosen_on_test} "
        "Difference in top-1 test accuracy, percentage points, over n students, "
        "with 95 % intervals over students alone and over students and test images; McNemar's p of two networks of one seed, the "
        "median over seeds, and of how many it is below 0.05; % of the images to which both give the same answer. "
        f'"{NOT_KEPT}": trained before networks kept their answers, or judged on held-out images.\n\n{aligned(lines)}'
    )


def _said(row: Any) -> list[str]:
    intervals = [
        "" if math.isnan(low) else f"{low:+.2f} … {high:+.2f}"
        for low, high in ((row.students_low, row.students_high), (row.both_low, row.both_high))
    ]
    return [
        str(row.n), f"{row.difference:+.2f}", *intervals, f"{row.mcnemar_p:.2g}", f"{row.mcnemar_told:.0f} of {row.n}",
        f"{row.agreement:.1f}",
    ]  # fmt: skip
