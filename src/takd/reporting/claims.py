"""The paper's claims, judged: each is a list of comparisons between two chains, with an interval over seeds and a verdict.

What the paper quotes from elsewhere is compared with as a constant.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Literal, TypeVar

import pandas as pd
from scipy import stats

from takd.chain import sizes_of
from takd.data.registry import DATASETS
from takd.errors import ParameterError
from takd.reporting import csv_files
from takd.reporting.accuracy import by_seed
from takd.reporting.artifacts import QUOTED, Artifact, Lines, Paths, Surfaces, Table
from takd.reporting.flatness import of_chain
from takd.reporting.tables import aligned, published_accuracy

Kind = TypeVar("Kind", bound=Artifact)
Column = TypeVar("Column")
ON_HELD_OUT = "All accuracies are ON HELD-OUT TRAINING IMAGES.\n\n"
Verdict = Literal["reproduced", "contradicted", "undecided", "not run"]
Unit = Literal["points", "% of NOKD", "nats"]
CONFIDENCE = 0.95
POWER = 0.8  # Cohen's convention
NO_DEVIATION = 1e-9
MOST_SEEDS = 1000  # beyond which we don't say how many would decide
QUOTED_EPOCHS = 80  # of the paper's comparison, whose numbers from elsewhere stand beside ours
COLUMNS = ["claim", "dataset", "family", "better", "worse", "effect", "low", "high", "unit", "n", "verdict", "seeds_to_decide"]


@dataclass(frozen=True)
class Comparison:
    """That `better` exceeds `worse`, as a claim has it. effect, low, high: in `unit`, with the 95 % interval over n seeds.

    unit: percentage points; for gains by a teacher, which are in per cent of NOKD's accuracy, the points of those; nats for losses.
    seeds_to_decide: how many seeds would exclude zero four times out of five, were effect and deviation what they are now; None
    where that isn't known.
    """

    claim: str
    dataset: str
    family: str
    better: str
    worse: str
    effect: float
    low: float
    high: float
    n: int
    verdict: Verdict
    seeds_to_decide: int | None
    unit: Unit = "points"


def compare(better: "pd.Series[float]", worse: "pd.Series[float] | float") -> tuple[float, float, float, int, Verdict, int | None]:
    """Effect, interval, n, verdict and seeds to decide, from values by seed; seeds that both have are paired (Student's t).

    worse: one number where it is a constant, as a quoted one is; the interval then knows the deviation of `better` alone.
    """
    differences = (better - worse).dropna()
    n = len(differences)
    if n == 0:
        return math.nan, math.nan, math.nan, 0, "not run", None
    effect = float(differences.mean())
    deviation = float(differences.std(ddof=1)) if n > 1 else 0.0
    if deviation < NO_DEVIATION:  # one seed, or a few that happen to agree: nothing to tell chance by
        return effect, math.nan, math.nan, n, "undecided", None
    half = _half_width(deviation, n)
    low, high = effect - half, effect + half
    verdict: Verdict = "reproduced" if low > 0 else "contradicted" if high < 0 else "undecided"
    needed = _seeds_to_decide(effect, deviation, n) if verdict == "undecided" else None
    return effect, low, high, n, verdict, needed


def _seeds_to_decide(effect: float, deviation: float, n: int) -> int | None:
    """The fewest seeds beyond n that exclude zero with a probability of 80 %, were effect and deviation true (noncentral t)."""

    def probability(seeds: int) -> float:
        freedom, shift = seeds - 1, abs(effect) / deviation * math.sqrt(seeds)
        return float(stats.nct.sf(stats.t.ppf((1 + CONFIDENCE) / 2, freedom), freedom, shift))

    counts = range(n + 1, MOST_SEEDS + 1)
    place = bisect_left(counts, POWER, key=probability)
    return counts[place] if place < len(counts) else None


def _half_width(deviation: float, n: int) -> float:
    return float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * deviation / math.sqrt(n)


class Judge:
    """Compares chains. datasets: those of params.yaml. published: the paper's numbers. rises: of loss surfaces."""

    def __init__(
        self,
        accuracy: pd.DataFrame,
        artifacts: Mapping[str, Artifact],
        datasets: tuple[str, ...],
        published: pd.DataFrame,
        rises: pd.DataFrame,
    ) -> None:
        self.accuracy = accuracy
        self.rises = rises
        self.artifacts = artifacts
        self.datasets = datasets
        self.published = published

    def comparisons(self) -> list[Comparison]:
        """All comparisons of all claims that accuracies and loss surfaces can tell of."""
        rules: dict[str, tuple[Callable[[str], Iterator[Comparison]], set[str]]] = {
            "C1": (self._order_of_methods, {"table1"}),
            "C2": (self._rise_and_fall_with_the_teacher, {"figure2"}),
            "C3": (self._rise_and_fall_with_the_student, {"figure3"}),
            "C4": (self._any_assistant_helps, {"table2", "table3"}),
            "C5": (self._nearest_the_mean_is_best, {"table2", "table3"}),
            "C6": (self._every_path_helps, {"figure5"}),
            "C7": (self._beats_other_methods, {"figure6"}),
            "C8": (self._flatter_surfaces, {"figure7"}),
        }
        # A variant's table is another one than the paper's. Figure 6 is of a variant in the paper too.
        shown = {name for name, artifact in self.artifacts.items() if name == "figure6" or not artifact.variant}
        return [comparison for claim, (rule, needs) in rules.items() if needs <= shown for comparison in rule(claim)]

    def values(self, dataset: str, family: str, chain: str, variant: str = "") -> "pd.Series[float]":
        """A chain's accuracies by seed."""
        return by_seed(self.accuracy, dataset, family, chain, variant)

    def _between(self, claim: str, dataset: str, family: str, better: str, worse: str) -> Comparison:
        compared = compare(self.values(dataset, family, better), self.values(dataset, family, worse))
        return Comparison(claim, dataset, family, better, worse, *compared)

    def _artifact(self, name: str, kind: type[Kind]) -> Kind:
        artifact = self.artifacts[name]
        if not isinstance(artifact, kind):
            raise ParameterError(f"{name}: its claim needs the kind {kind.__name__.lower()}, not {type(artifact).__name__.lower()}")
        return artifact

    def _tables(self, *names: str) -> Iterator[tuple[str, str, dict[str, str]]]:
        """Data set, family and chains of each row of those tables."""
        for name in names:
            table = self._artifact(name, Table)
            for row in table.rows:
                chains = {column: chain for column, chain in row.chains.items() if chain != QUOTED}
                for dataset in row.datasets or table.shown(self.datasets):
                    yield dataset, row.family, chains

    def _order_of_methods(self, claim: str) -> Iterator[Comparison]:
        for dataset, family, chains in self._tables("table1"):
            takd, blkd, nokd = _columns("table1", chains, "TAKD", "BLKD", "NOKD")
            yield self._between(claim, dataset, family, takd, blkd)
            yield self._between(claim, dataset, family, blkd, nokd)

    def _rise_and_fall_with_the_teacher(self, claim: str) -> Iterator[Comparison]:
        for dataset, family, chains, _ in self._first_series("figure2"):
            values = {chain: self.values(dataset, family, chain) for chain in chains}
            yield from self._peak(claim, dataset, family, values, "BLKD accuracy of", "points")

    def _rise_and_fall_with_the_student(self, claim: str) -> Iterator[Comparison]:
        for dataset, family, chains, baselines in self._first_series("figure3"):
            values = {}
            for chain, baseline in zip(chains, baselines, strict=True):
                alone = self.values(dataset, family, baseline)
                values[chain] = (100 * (self.values(dataset, family, chain) - alone) / alone).dropna()
            yield from self._peak(claim, dataset, family, values, "gain of", "% of NOKD")

    def _first_series(self, name: str) -> Iterator[tuple[str, str, list[str], list[str]]]:
        figure = self._artifact(name, Lines)
        for panel in figure.panels:
            series = panel.series[0]
            for dataset in figure.shown(self.datasets):
                yield dataset, panel.family, list(series.points.values()), list((series.gain_over or {}).values())

    def _peak(
        self, claim: str, dataset: str, family: str, values: "dict[str, pd.Series[float]]", what: str, unit: Unit
    ) -> Iterator[Comparison]:
        """That the highest point between the ends is above both ends: above the first, it rises; above the last, it falls.

        Where a point between them is missing, which may be the highest, nothing is contradicted.
        """
        if len(values) < 3:
            raise ParameterError(f"claim {claim}: needs three points or more to rise and fall, not {', '.join(values)}")
        first, *between, last = values
        # The highest of several is above its true mean by chance, so this leans towards the claim; it is the best that is there.
        highest = max(between, key=lambda chain: -math.inf if values[chain].empty else float(values[chain].mean()))
        some_missing = any(values[chain].empty for chain in between)
        for end in (first, last):
            compared = compare(values[highest], values[end])
            comparison = Comparison(claim, dataset, family, f"{what} {highest}", f"{what} {end}", *compared, unit=unit)
            if some_missing and comparison.verdict == "contradicted":
                comparison = replace(comparison, verdict="undecided")
            yield comparison

    def _any_assistant_helps(self, claim: str) -> Iterator[Comparison]:
        for dataset, family, chains in self._tables("table2", "table3"):
            teacher, student = _ends(chains)
            for chain in chains.values():
                yield self._between(claim, dataset, family, chain, f"{teacher}-{student}")
                yield self._between(claim, dataset, family, chain, str(student))

    def _nearest_the_mean_is_best(self, claim: str) -> Iterator[Comparison]:
        for dataset, family, chains in self._tables("table2", "table3"):
            paths = {chain: sizes_of(chain) for chain in chains.values()}
            sizes = {size for path in paths.values() for size in path}
            alone = {size: self.values(dataset, family, str(size)).mean() for size in sizes}
            teacher, student = _ends(chains)
            middle = (alone[teacher] + alone[student]) / 2
            distances = {chain: abs(alone[path[1]] - middle) for chain, path in paths.items()}
            if any(math.isnan(distance) for distance in distances.values()):
                yield Comparison(claim, dataset, family, "nearest the mean", "others", *compare(*[pd.Series(dtype=float)] * 2))
                continue
            nearest = min(distances, key=distances.__getitem__)
            for other in distances:
                if other != nearest:
                    yield self._between(claim, dataset, family, nearest, other)

    def _every_path_helps(self, claim: str) -> Iterator[Comparison]:
        figure = self._artifact("figure5", Paths)
        teacher = str(figure.sizes[0])
        takd = [cell for cell in figure.cells(self.datasets) if cell.model == "TAKD"]
        for (dataset, student), cells in groupby(takd, key=lambda cell: (cell.dataset, cell.column)):
            chains = [cell.chain for cell in cells]
            for chain in chains:
                yield self._between(claim, dataset, figure.family, chain, f"{teacher}-{student}")
                yield self._between(claim, dataset, figure.family, chain, student)
            if int(student) in figure.sizes[-2:]:
                full = max(chains, key=lambda chain: chain.count("-"))
                for chain in chains:
                    if chain != full:
                        yield self._between(claim, dataset, figure.family, full, chain)

    def _beats_other_methods(self, claim: str) -> Iterator[Comparison]:
        """That TAKD is better than what the paper quotes, where it quotes for these data, and than our own mutual learning.

        Trainings of other lengths than the quoted ones aren't compared with them.
        """
        table = self._artifact("figure6", Table)
        for (dataset, _), row in groupby(table.cells(self.datasets), key=lambda cell: (cell.dataset, cell.model)):
            cells = {cell.column: cell for cell in row}
            (takd,) = _columns("figure6", cells, "TAKD")
            ours = self.values(dataset, takd.family, takd.chain, table.variant)
            as_long = by_seed(
                self.accuracy[self.accuracy["epochs"] == QUOTED_EPOCHS], dataset, takd.family, takd.chain, table.variant
            )
            for column, cell in cells.items():
                worse: pd.Series[float] | float
                better = ours
                if cell.is_quoted:
                    worse, name = published_accuracy("figure6", cell, self.published), f"{column} (quoted)"
                    better = as_long
                    if math.isnan(worse):
                        continue
                elif column == "MUTUAL":
                    worse, name = self.values(dataset, cell.family, cell.chain, table.variant), cell.chain
                else:
                    continue
                yield Comparison(claim, dataset, takd.family, takd.chain, name, *compare(better, worse))

    def _rises(self, dataset: str, family: str, chain: str) -> "pd.Series[float]":
        return of_chain(self.rises, dataset, family, chain).set_index("seed")["rise"]

    def _flatter_surfaces(self, claim: str) -> Iterator[Comparison]:
        figure = self._artifact("figure7", Surfaces)
        for row in figure.rows:
            for dataset in row.datasets or figure.shown(self.datasets):
                takd, blkd, nokd = _columns("figure7", row.chains, "TAKD", "BLKD", "NOKD")
                for flatter, steeper in ((takd, blkd), (blkd, nokd)):
                    # the other way round: the flatter one rises less
                    compared = compare(self._rises(dataset, row.family, steeper), self._rises(dataset, row.family, flatter))
                    yield Comparison(claim, dataset, row.family, flatter, steeper, *compared, unit="nats")


def _columns(name: str, columns: Mapping[str, Column], *wanted: str) -> tuple[Column, ...]:
    """What stands in the columns that a claim compares. Raises ParameterError where one is missing."""
    if missing := [column for column in wanted if column not in columns]:
        raise ParameterError(f"{name}: its claim compares {', '.join(wanted)}; there is no {missing[0]}")
    return tuple(columns[column] for column in wanted)


def _ends(chains: Mapping[str, str]) -> tuple[int, int]:
    """The sizes of teacher and student of a row's paths. Raises ParameterError where they differ, or a path has no assistant."""
    paths = [sizes_of(chain) for chain in chains.values()]
    ends = {(path[0], path[-1]) for path in paths}
    if len(ends) != 1 or min(map(len, paths)) < 3:
        row = ", ".join(chains.values())
        raise ParameterError(f"table2, table3: claims compare assistants of one teacher and one student; a row has {row}")
    return ends.pop()


def verdict_of(comparisons: list[Comparison]) -> Verdict:
    """A claim's verdict: it takes all comparisons to reproduce it, and one contradiction contradicts it.

    As the one may be chance among many, its interval has to exclude zero at 95 % for all that were run together (Bonferroni).
    All of them being reproduced needs no such correction.
    """
    run = [comparison for comparison in comparisons if comparison.verdict != "not run"]
    if not run:
        return "not run"
    if any(_contradicts(comparison, among=len(run)) for comparison in run):
        return "contradicted"
    return "reproduced" if all(comparison.verdict == "reproduced" for comparison in comparisons) else "undecided"


def _contradicts(comparison: Comparison, among: int) -> bool:
    """Whether the interval is below zero even if widened for `among` comparisons."""
    if comparison.verdict != "contradicted":
        return False
    alone, together = (float(stats.t.isf((1 - CONFIDENCE) / 2 / tests, comparison.n - 1)) for tests in (1, among))
    half = (comparison.high - comparison.low) / 2
    return comparison.effect + half * together / alone < 0


def as_csv(comparisons: list[Comparison]) -> str:
    """A row a comparison."""
    table = pd.DataFrame([vars(comparison) for comparison in comparisons], columns=COLUMNS)
    table["seeds_to_decide"] = table["seeds_to_decide"].astype("Int64")
    return table.to_csv(index=False, lineterminator="\n", float_format="%.3f")


def as_markdown(statements: pd.DataFrame, comparisons: list[Comparison], *, held_out: bool = False) -> str:
    """The verdict on each claim, then the comparisons that were run. held_out: accuracies are of held-out training images."""
    summary = [["claim", "where", "the paper says", "verdict", "comparisons"]]
    for claim in statements.itertuples():
        its = [comparison for comparison in comparisons if comparison.claim == claim.claim]
        counts = {
            verdict: sum(c.verdict == verdict for c in its) for verdict in ("reproduced", "contradicted", "undecided", "not run")
        }
        said = ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
        summary.append([str(claim.claim), str(claim.where), str(claim.statement), f"**{verdict_of(its)}**", said])
    head = "claim, data set, family, better, than, effect, 95 % interval, unit, n, verdict, seeds to decide"
    details = [head.split(", ")]
    for c in comparisons:
        if c.verdict != "not run":
            title = DATASETS[c.dataset].title if c.dataset in DATASETS else c.dataset
            interval = "" if math.isnan(c.low) else f"{c.low:+.2f}\u00a0…\u00a0{c.high:+.2f}"
            needed = "" if c.verdict != "undecided" else str(c.seeds_to_decide or "unknown")
            effect = [f"{c.effect:+.2f}", interval, c.unit]
            details.append([c.claim, title, c.family, c.better, c.worse, *effect, str(c.n), c.verdict, needed])
    text = (
        f"{ON_HELD_OUT if held_out else ''}"
        "A comparison is reproduced where its whole 95 % interval over seeds is above zero, contradicted where it is below, and "
        "else undecided. A claim is reproduced when all of its comparisons are, and contradicted when one is, by an interval "
        "widened for their number (Bonferroni).\n\n"
        "Where seeds vary the last hop alone (`vary: student`), an interval tells how much other students of the same teacher and "
        "assistant would differ, not what another assistant would do. C2 and C3 compare the ends with the highest of the points "
        "between, which leans towards the claim. Effects are means over the seeds that both sides have (n); tables show all of "
        "each side's.\n\n"
        "Seeds to decide: how many would bring the interval off zero four times out of five, if effect and deviation are what "
        "they were measured to be. From two or three seeds that is an order of magnitude.\n\n" + aligned(summary)
    )
    return text + ("\n" + aligned(details) if len(details) > 1 else "")


def read_statements(path: Path) -> pd.DataFrame:
    """paper/claims.csv. Raises ParameterError where it isn't one."""
    return csv_files.read(path, ["claim", "where", "statement"], ParameterError)
