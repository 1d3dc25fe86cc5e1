"""How near our numbers are to the paper's: whose order of two cells holds, and by how many points accuracies differ."""

from collections import Counter
from dataclasses import dataclass

import pandas as pd

from takd.reporting.judging import Measured
from takd.reporting.verdicts import Judged, Verdict, counted_once
from takd.study.claims import Claims

TURNED: dict[Verdict, Verdict] = {"reproduced": "contradicted", "contradicted": "reproduced"}


@dataclass(frozen=True)
class Distance:
    """Mean absolute difference from the paper's accuracies, in percentage points.

    cells: how many were compared. last: of the last epoch's accuracy. best: of the best epoch's by test accuracy, as the paper
    counts; NaN where none of our networks has one.
    """

    cells: int
    last: float
    best: float


def distance(claims: Claims, datasets: tuple[str, ...], measured: Measured) -> Distance:
    """Over all networks that claims name, that the paper has a number for and that were run. datasets: the study's.

    One that stands in two tables counts once, or as often as the paper's numbers of it differ.
    """
    cells = {
        (dataset, said.family, chain, said.variant, measured.numbers[dataset, place]): None
        for claim in claims.claims.values()
        for said in claim.comparisons
        for dataset in said.shown(datasets)
        for chain, place in said.paper.items()
        if (dataset, place) in measured.numbers
    }
    columns = ["accuracy", "best_test_accuracy"]
    ours = measured.accuracy.set_index(["dataset", "family", "chain", "variant"])[columns].groupby(level=[0, 1, 2, 3]).mean()
    by_network = dict(zip(ours.index, ours.to_numpy(), strict=True))
    found = [abs(by_network[network] - number) for *cell, number in cells if (network := tuple(cell)) in by_network]
    means = pd.DataFrame(found, columns=columns).mean()
    return Distance(len(found), float(means["accuracy"]), float(means["best_test_accuracy"]))


def orders(claims: Claims, judged: Judged) -> dict[Verdict, int]:
    """Of pairs of cells that were run and in which the paper has one above the other: how often ours say the same, and what else.

    Each pair counts once, and the other way round where the paper's own numbers go against its claim.
    """
    rows = [row for row in judged.rows if row.claim in claims.claims and row.unit == "points" and row.kind != "equal"]
    given = [row for row in counted_once(rows) if row.verdict != "not run" and (row.paper > 0 or row.paper < 0)]
    return dict(Counter(row.verdict if row.paper > 0 else TURNED.get(row.verdict, row.verdict) for row in given))
