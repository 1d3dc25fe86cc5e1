"""decided/CLAIM.csv and .md: what each comparison is now, what each look came to, and how many networks it took."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from takd.data.registry import DATASETS
from takd.markdown import aligned, escaped
from takd.planning.decided import Compared
from takd.reporting.rounds import Decision
from takd.reporting.verdicts import OF_OWN, VERDICTS, Unit, Verdict
from takd.study.claims import Claim
from takd.study.metric import Metric

HOW = (
    "Students are added to the comparisons that are open, and a comparison is left alone as soon as it is {reproduced}, "
    "contradicted or equal. Intervals are wider than 95 % asks for, so that all of them, at all looks, hold together in 95 of 100 "
    "cases: docs/how-a-claim-is-judged.md says how."
)
COLUMNS = (
    *("claim", "dataset", "family", "variant", "kind", "better", "worse", "students", "effect", "low", "high", "unit", "verdict"),
    *("networks", "networks_at_most"),
)


@dataclass(frozen=True)
class Followed:
    """A comparison. now: what it is. decisions: what it was at each look that it had, by the number of students a chain."""

    compared: Compared
    unit: Unit
    now: Decision
    decisions: Mapping[int, Decision]

    @property
    def better(self) -> str:
        """Its better side, as people read it."""
        return " and ".join(self.compared.better)

    @property
    def worse(self) -> str:
        """Its worse side; of a quoted number the method that it is of."""
        if self.compared.quoted:
            return f"{self.compared.quoted.split('/')[-1]} (quoted)"
        return "mean of the others" if self.compared.said_equal else " and ".join(self.compared.worse)


@dataclass(frozen=True)
class Look:
    """All comparisons that were looked at by so many students. networks: that were needed so far, teachers among them."""

    students: int
    verdicts: Sequence[Verdict]
    networks: int


def as_csv(name: str, followed: Sequence[Followed], looks: Sequence[Look], at_most: int, metric: Metric = "accuracy") -> str:
    """A row a comparison and look, of one that wasn't looked at one row. networks: all that the claim had needed by that look.

    students: a chain. networks_at_most: had no comparison been decided before the last look. metric: what networks are compared
    by; a column says so, where it isn't top-1 accuracy.
    """
    networks = {look.students: look.networks for look in looks}
    rows = [
        [
            *(name, one.compared.dataset, said.family, said.variant, said.kind, one.better, one.worse),
            *(found.n, found.effect, found.low, found.high, one.unit, found.verdict, networks.get(found.n, 0), at_most),
        ]
        for one in followed
        for said in [one.compared.said]
        for found in one.decisions.values() or [one.now]
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    if metric != "accuracy":
        table["metric"] = metric
    return table.to_csv(index=False, lineterminator="\n", float_format="%.4f")


def as_markdown(
    name: str,
    claim: Claim,
    followed: Sequence[Followed],
    looks: Sequence[Look],
    plan: Sequence[int],
    at_most: int,
    *,
    said_of_all: str = "",
    own: bool = False,
) -> str:
    """The page. plan: how many students there are at each look. said_of_all: of accuracies.

    own: the claim is one on a study of one's own, and not the paper's.
    """
    words = OF_OWN if own else {}
    reproduced = words.get("reproduced", "reproduced")
    counts = Counter(one.now.verdict for one in followed)
    said = ", ".join(f"{counts[verdict]} {words.get(verdict, verdict)}" for verdict in VERDICTS if counts[verdict])
    networks = max((look.networks for look in looks), default=0)
    sections = [
        f"# {name}: {escaped(claim.statement)}\n",
        said_of_all
        + f"{len(followed)} comparison{'' if len(followed) == 1 else 's'}: {said or 'none is of data sets that are here'}.\n",
        f"{HOW.format(reproduced=reproduced)}\n",
        f"Looks are at {_listed(plan)} students a chain. It took {networks} networks, teachers among them; had nothing been "
        f"decided before the last look, it would have been {at_most}.\n",
        "## Comparisons\n",
        aligned(
            [
                ["data set", "family", "better", "than", "effect", "interval", "unit", "students", "verdict"],
                *([*_row(one), words.get(one.now.verdict, one.now.verdict)] for one in followed),
            ]
        ),
        "## Looks\n",
        aligned([["students", "looked at", reproduced, "contradicted", "equal", "still open", "networks"], *map(_look, looks)]),
    ]
    return "\n".join(sections)


def _row(one: Followed) -> list[str]:
    """A comparison's line, up to its verdict."""
    now, gain = one.now, "gain of " if one.unit == "% of NOKD" else ""
    dataset = one.compared.dataset
    title = DATASETS[dataset].title if dataset in DATASETS else escaped(dataset)
    interval = "" if math.isnan(now.low) else f"{now.low:+.2f}\u00a0…\u00a0{now.high:+.2f}"
    effect = "" if math.isnan(now.effect) else f"{now.effect:+.2f}"
    sides = [f"{gain}{escaped(one.better)}", f"{gain}{escaped(one.worse)}"]
    return [title, escaped(one.compared.said.family), *sides, effect, interval, one.unit, str(now.n)]


def _look(look: Look) -> list[str]:
    counts: Counter[Any] = Counter(look.verdicts)
    told = [str(counts[verdict]) for verdict in ("reproduced", "contradicted", "equal", "undecided")]
    return [str(look.students), str(len(look.verdicts)), *told, str(look.networks)]


def _listed(numbers: Sequence[int]) -> str:
    texts = [str(number) for number in numbers]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"
