"""Claims judged: each predicate becomes effects between chains of accuracies (or of rises of loss surfaces), and those rows."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import islice

import pandas as pd

from takd.errors import ParameterError
from takd.reporting import learning
from takd.reporting.against_itself import Numbers, effect_of_paper, published_numbers
from takd.reporting.effects import Effect, SharedSeeds, over_constant, together
from takd.reporting.learning import OfFits, Trainings
from takd.reporting.verdicts import Judged, Model, Row, Unit, of_premise, seeds_to_decide, verdict_of
from takd.study.claims import Claim, Claims
from takd.study.comparisons import BY, Above, Comparison, Equal, Faster, Flatter, Nearer, Nearest, Pair, Peak, by_variant
from takd.study.metric import Metric
from takd.study.names import Hop, hops_of

LARGEST_EQUAL = 50.0  # percentage points
UNITS: dict[str, Unit] = {
    "entropy": "nats of entropy", "divergence": "nats of divergence", "agreement": "points of agreement",
    "agreement_train": "points of agreement, training", "noise_0.04": "points, noise 0.04", "noise_0.08": "points, noise 0.08",
    "noise_0.16": "points, noise 0.16",
}  # fmt: skip
ALL = "all"  # data sets, or families, of a joint test over several


@dataclass(frozen=True)
class Measured:
    """What claims are judged by.

    accuracy: as accuracy.csv. rises: of loss surfaces, as `reporting.flatness` has them. published: as paper/published.csv.
    equal_within: percentage points; a whole interval within it is called equal. metric: the column of `accuracy` that networks are
    compared by; the paper has numbers of top-1 accuracy alone. teacher_seed: of every teacher; None where each seed has its own.
    probes: what networks were asked, as reporting.probes writes it. Raises ParameterError where that can't be.
    """

    accuracy: pd.DataFrame
    rises: pd.DataFrame
    published: pd.DataFrame
    equal_within: float
    metric: Metric = "accuracy"
    teacher_seed: int | None = None
    probes: pd.DataFrame = field(default_factory=pd.DataFrame)

    @cached_property
    def numbers(self) -> Numbers:
        """The paper's, by data set and place."""
        return published_numbers(self.published)

    def __post_init__(self) -> None:
        if not 0 < self.equal_within <= LARGEST_EQUAL:
            raise ParameterError(
                f"claims: equal_within: expected percentage points above 0, at most {LARGEST_EQUAL:g}, not {self.equal_within:g}"
            )


def judge(claims: Claims, datasets: tuple[str, ...], measured: Measured) -> Judged:
    """All comparisons of all claims and premises. datasets: those of the study."""
    judged = Judged()
    for name, claim in claims.all().items():
        parts = [Part(name, one, dataset, measured) for one in claim.comparisons for dataset in one.shown(datasets)]
        held = iter(together([effect for part in parts for effect in part.effects]))
        judged.rows.extend(row for part in parts for row in part.rows(list(islice(held, len(part.effects)))))
        judged.joint.extend(_joint([row for part in parts for row in part.joint()], measured))
        judged.models.extend(part.model for part in parts if part.model is not None)
    return judged


def supposed(claim: Claim, judged: Judged, dataset: str, family: str) -> str:
    """Whether what a claim supposes is met by a family on a data set, or by all of them; empty where it supposes nothing.

    It supposes something of networks from labels alone, and of those on the paths that it reads.
    """
    paths = {hops_of(chain.partition(BY)[0]) for one in claim.comparisons for chain in one.read}
    trained = {hops[: place + 1] for hops in paths for place in range(len(hops))}
    rows = [
        row
        for row in judged.rows
        if row.claim in claim.supposes
        and dataset in (row.dataset, ALL)
        and family in (row.family, ALL)
        and all(hops in trained or len(hops) == 1 for hops in _chains((*row.found.better, *row.found.worse)))
    ]
    return of_premise(rows) if claim.supposes else ""


def _chains(sides: tuple[str, ...]) -> Iterator[tuple[Hop, ...]]:
    """The hops of what a row compares; numbers that are quoted, and "nearest the mean" of what wasn't run, have none."""
    chains = (side.partition(BY)[0] for side in sides)
    return (hops_of(chain) for chain in chains if "/" not in chain and " " not in chain)


@dataclass(frozen=True)
class Part:
    """One comparison of a claim on one data set. claim: its id."""

    claim: str
    said: Comparison
    dataset: str
    measured: Measured

    @cached_property
    def unit(self) -> Unit:
        """In which its effects are."""
        if isinstance(self.said, Faster | Nearer):
            return "α" if isinstance(self.said, Faster) else "points of ε"
        if isinstance(self.said, Flatter):
            return "nats, matched" if self.said.matched else "nats"
        if self.said.measure != "accuracy":
            return UNITS[self.said.measure]
        return "% of NOKD" if isinstance(self.said, Peak) and self.said.over else "points"

    @cached_property
    def values(self) -> pd.DataFrame:
        """A row a seed, a column a chain; higher is better. Gains over NOKD are in per cent of its accuracy."""
        said = self.said
        if isinstance(said, Flatter):
            return -self._by_seed(self.measured.rises, "matched_rise" if said.matched else "rise", said.read)
        if said.measure == "accuracy":
            values = self._by_seed(self.measured.accuracy, self.measured.metric, said.read)
        elif self.measured.probes.empty:
            return pd.DataFrame(columns=list(said.read), dtype=float)
        else:
            values = self._by_seed(self.measured.probes, said.measure, said.read)
        if isinstance(said, Peak) and said.over:
            alone = values[list(said.over)].set_axis(list(said.chains), axis=1)
            return 100 * (values[list(said.chains)] - alone) / alone
        return values

    @cached_property
    def means(self) -> dict[str, float]:
        """Each chain's over its seeds; NaN where it wasn't run."""
        return {str(chain): float(mean) for chain, mean in self.values.mean().items()}

    @cached_property
    def seeds(self) -> SharedSeeds:
        """What seeds tell of the chains that it compares."""
        return SharedSeeds(self.values[list(self.said.compared)])

    @property
    def model(self) -> Model | None:
        """The additive model of those; None where there is too little for one."""
        if isinstance(self.said, Faster | Nearer) or self.seeds.model is None:
            return None
        return Model(self.claim, self.dataset, self.said.family, self.said.variant, self.said.compared, self.seeds.premises)

    @cached_property
    def effects(self) -> list[Effect]:
        """All that may come to be asked, at 95 % singly: of a peak each point between with each end."""
        if isinstance(self.said, Faster | Nearer):
            measured = self.measured
            return [
                *learning.effects(self.said, Trainings(measured.accuracy, self.dataset, measured.teacher_seed, measured.metric))
            ]
        if not isinstance(self.said, Nearest):
            return [*(self.seeds.effect(*pair) for pair in self.said.pairs()), *self._over_quoted()]
        nearest = self._nearest(self.said)
        pairs = [pair for pair in self.said.pairs() if pair.better == (nearest,)]
        return [self.seeds.effect(*pair) for pair in pairs] if nearest else [Effect(("nearest the mean",), ("others",))]

    def rows(self, effects: Sequence[Effect]) -> Iterator[Row]:
        """A row a comparison, from its effects at the levels by which they are judged."""
        rows = [self._row(effect) for effect in effects]
        yield from self._of_peak(self.said, rows) if isinstance(self.said, Peak) else rows

    def joint(self) -> Iterator[Row]:
        """A row a joint test, at 95 % by itself: it is one question, asked beforehand."""
        for test in self.said.joint:
            yield replace(self._row(self.seeds.effect(test.better, test.worse)), kind="joint", label=test.label)

    def _nearest(self, said: Nearest) -> str:
        """The chain whose assistant alone is nearest the middle; empty where some of those weren't run."""
        middle = sum(self.means[chain] for chain in said.between) / 2
        distances = {chain: abs(self.means[assistant] - middle) for chain, assistant in said.assistants.items()}
        return "" if any(map(math.isnan, distances.values())) else min(distances, key=distances.__getitem__)

    def _of_peak(self, said: Peak, rows: Sequence[Row]) -> Iterator[Row]:
        """The highest point between the ends, against both. It isn't contradicted while another one may be the peak."""
        highest = max(said.chains[1:-1], key=lambda chain: -math.inf if math.isnan(self.means[chain]) else self.means[chain])
        for end in (said.chains[0], said.chains[-1]):
            (row,) = (row for row in rows if (row.better, row.worse) == (highest, end))
            verdicts = {other.verdict for other in rows if other.worse == end}
            yield replace(row, verdict="undecided") if row.verdict == "contradicted" and len(verdicts) > 1 else row

    def _over_quoted(self) -> Iterator[Effect]:
        if not isinstance(self.said, Above) or not self.said.quoted:
            return
        table, epochs = self.measured.accuracy, self.said.quoted_epochs
        table = table if epochs is None else table[table["epochs"] == epochs]
        values = self._by_seed(table, self.measured.metric, self.said.better)
        for better in self.said.better:
            for place in self.said.quoted:
                if (self.dataset, place) in self.measured.numbers:
                    yield over_constant(values[better], better, place, self.measured.numbers[self.dataset, place])

    def _by_seed(self, table: pd.DataFrame, column: str, chains: tuple[str, ...]) -> pd.DataFrame:
        chosen = table[(table["dataset"] == self.dataset) & (table["family"] == self.said.family)]
        if "variant" in chosen:
            variants = chosen["variant"].fillna("")
            others = [by_variant(*pair) for pair in zip(chosen["chain"], variants, strict=True)]
            chosen = chosen.assign(chain=chosen["chain"].where(variants == self.said.variant, others))
        chosen = chosen[chosen["chain"].isin(chains)]
        return chosen.pivot(index="seed", columns="chain", values=column).reindex(columns=list(chains)).astype(float)

    def _row(self, found: Effect) -> Row:
        said, equal = self.said, isinstance(self.said, Equal)
        verdict, small = verdict_of(found, self.measured.equal_within if self.unit == "points" else None, said_equal=equal)
        paper = math.nan
        if self.unit == "points":
            paper = effect_of_paper(self.measured.numbers, said, self.dataset, Pair(found.better, found.worse))
        return Row(
            self.claim,
            self.dataset,
            said.family,
            said.variant or (learning.SOFT_ALONE if isinstance(said, Faster | Nearer) and said.alone else ""),
            said.kind,
            self.unit,
            better=_side(found.better, "sum along" if isinstance(said, Nearer) else "mean of"),
            worse="mean of the others" if equal else _side(found.worse),
            found=found,
            verdict=verdict,
            small=small,
            better_mean=found.sides[0] if isinstance(found, OfFits) else self._mean(found.better),
            worse_mean=found.sides[1] if isinstance(found, OfFits) else self._mean(found.worse),
            paper=paper,
            seeds_to_decide=seeds_to_decide(paper, found) if verdict == "undecided" else None,
        )

    def _mean(self, chains: tuple[str, ...]) -> float:
        """The chains' mean over all of their seeds, as it was measured; of a quoted number that number."""
        if chains[0] not in self.values:
            return self.measured.numbers.get((self.dataset, chains[0]), math.nan)
        mean = sum(self.means[chain] for chain in chains) / len(chains)
        return -mean if isinstance(self.said, Flatter) else mean


def _side(chains: tuple[str, ...], several: str = "mean of") -> str:
    if len(chains) > 1:
        return f"{several} {', '.join(chains)}"
    return f"{chains[0].split('/')[-1]} (quoted)" if "/" in chains[0] else chains[0]


def _joint(rows: Sequence[Row], measured: Measured) -> Iterator[Row]:
    """Joint rows, then, of those under one label, their mean over data sets and families, whose networks are independent.

    Its degrees of freedom are Satterthwaite's (1946). A test of two chains alone stands among the single rows, and isn't repeated.
    """
    for label in dict.fromkeys(row.label for row in rows):
        its = [row for row in rows if row.label == label]
        yield from (row for row in its if len(row.found.better) > 1 or len(row.found.worse) > 1)
        run = [row for row in its if row.found.has_interval]
        if len(run) < 2:
            continue
        squares = [(row.found.error / len(run)) ** 2 for row in run]
        freedom = sum(squares) ** 2 / sum(square**2 / row.found.freedom for square, row in zip(squares, run, strict=True))
        mean = sum(row.found.effect for row in run) / len(run)
        found = Effect((label,), (), mean, math.sqrt(sum(squares)), freedom, min(row.found.n for row in run), method="joint")
        verdict, small = verdict_of(found, measured.equal_within if run[0].unit == "points" else None)
        families = {row.family for row in run}
        yield replace(
            run[0], dataset=ALL, family=families.pop() if len(families) == 1 else ALL, found=found, verdict=verdict, small=small,
            better=", ".join(dict.fromkeys(row.better for row in run)), worse=", ".join(dict.fromkeys(row.worse for row in run)),
            better_mean=math.nan, worse_mean=math.nan, paper=sum(row.paper for row in run) / len(run), seeds_to_decide=None,
        )  # fmt: skip
