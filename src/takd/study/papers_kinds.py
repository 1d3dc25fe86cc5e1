"""The kinds of tables and figures that the paper has: rows of accuracies or surfaces, lines, every path, rates of learning."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Literal, Self

from pydantic import Field, model_validator

from takd.study.comparisons import BY, Place
from takd.study.looks import MOST_SEEDS
from takd.study.names import hops_of
from takd.study.shown import Artifact, Cell, Entry

LARGEST_PATHS = 9  # members: 128 paths to the last; twice as many with each more


class Row(Entry):
    """One line of a table for each data set."""

    model: str = Field(description="The row's label.")
    family: str
    chains: dict[str, str] = Field(
        min_length=1, description="Column to the chain whose accuracy stands there; `26-8 by NAME`: by that variant."
    )
    datasets: tuple[str, ...] | None = Field(default=None, description="Where it isn't for the data sets of params.yaml.")
    variant: str = Field(default="", description="The variant of params.yaml whose networks it shows, where it isn't the table's.")
    seeds: int = Field(default=0, ge=0, le=MOST_SEEDS, description="Networks a cell, where the study's `seeds` are fewer.")
    quoted: tuple[str, ...] = Field(default=(), description="Columns whose number the paper itself took from elsewhere.")

    @model_validator(mode="after")
    def _quoted_are_columns(self) -> Self:
        for column in self.quoted:
            if column not in self.chains:
                raise ValueError(f"quoted: {column} isn't a column; there are {', '.join(self.chains)}")
        return self


class _Rows(Artifact):
    """Rows of networks, a line for each data set."""

    rows: tuple[Row, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_network_a_place(self) -> Self:
        places = Counter((cell.model, cell.dataset, cell.column) for cell in self.cells(("any",)))
        for (model, name, column), count in places.items():
            if count > 1:
                raise ValueError(f"rows: {count} have {column} of {model} on {name}; give each a `model` of its own")
        return self

    def cells(self, datasets: tuple[str, ...]) -> Iterator[Cell]:
        """Its cells, row by row."""
        for row in self.rows:
            for name in row.datasets or self.shown(datasets):
                for column, text in row.chains.items():
                    chain, _, said = text.partition(BY)
                    variant, quoted = said or row.variant or self.variant, column in row.quoted
                    yield Cell(row.model, row.family, name, column, chain, variant, row.seeds, quoted)

    @property
    def variants_shown(self) -> tuple[str, ...]:
        """Its own, and those of its cells."""
        shown = (cell.variant for cell in self.cells(("any",)))
        return tuple(dict.fromkeys(name for name in (self.variant, *shown) if name))


class Table(_Rows):
    """Rows of accuracies."""

    suffixes = ("csv", "md")
    kind: Literal["table"]
    against: str = Field(
        default="",
        description="The column that the others are held against, with intervals; columns that can't be told apart share a letter.",
    )

    @model_validator(mode="after")
    def _against_is_a_column(self) -> Self:
        for row in self.rows:
            if self.against and self.against not in row.chains:
                raise ValueError(f"against: {self.against} isn't a column of {row.model}; it has {', '.join(row.chains)}")
        return self


class Surfaces(_Rows):
    """Rows of loss surfaces around networks."""

    how_to_read = (
        "Contours: cross-entropy in nats on training images, around the network (×) of seed 0. Rise: how far the loss is above "
        "the network's own, mean over the disc (dashed) ± standard deviation over seeds (their number); lower is flatter."
    )
    kind: Literal["surfaces"]


class Series(Entry):
    """A line of a figure: x to the chain whose accuracy is drawn there."""

    label: str
    points: dict[str, str] = Field(min_length=1)
    axis: Literal["left", "right"] = "left"
    gain_over: dict[str, str] | None = Field(
        default=None,
        description="x to the chain that the one of `points` is compared with: the gain is drawn, in % of its accuracy.",
    )
    paper: dict[str, Place] = Field(
        default={},
        description="x to artifact/model/column of published.csv, where the paper has a number: drawn hollow.",
    )

    @model_validator(mode="after")
    def _compared_point_by_point(self) -> Self:
        if self.gain_over is not None and self.gain_over.keys() != self.points.keys():
            raise ValueError("gain_over: needs a chain for each of `points`")
        if self.paper and self.gain_over is not None:
            raise ValueError("paper: its numbers are accuracies, and `gain_over` draws gains")
        if unknown := sorted(self.paper.keys() - self.points.keys()):
            raise ValueError(f"paper: {unknown[0]} isn't one of `points`: {', '.join(self.points)}")
        return self


class Panel(Entry):
    """One picture for each data set: the series of one family."""

    family: str
    series: tuple[Series, ...] = Field(min_length=1, max_length=3)
    mean_of: tuple[str, str] | None = Field(default=None, description="Two chains; a dashed line at their mean accuracy.")

    @model_validator(mode="after")
    def _labels_differ(self) -> Self:
        labels = [series.label for series in self.series] + ["mean of"]
        for label, count in Counter(labels).items():
            if count > 1:
                raise ValueError(f"series: {label!r} is the label of {count} lines; give each one of its own")
        return self


class Lines(Artifact):
    """Accuracies against sizes, a panel for each family and data set."""

    how_to_read = "Error bars: standard deviation over seeds."
    kind: Literal["lines"]
    x: str
    y: str
    y_right: str = ""
    panels: tuple[Panel, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_panel_a_family(self) -> Self:
        for family, count in Counter(panel.family for panel in self.panels).items():
            if count > 1:
                raise ValueError(f"panels: {count} show {family}; one for each family, and a figure for each other picture")
        return self

    def cells(self, datasets: tuple[str, ...]) -> Iterator[Cell]:
        """The points of its series, what they are compared with, and the ends of its dashed lines."""
        for panel in self.panels:
            for name in self.shown(datasets):
                for series in panel.series:
                    for x, chain in series.points.items():
                        yield Cell(series.label, panel.family, name, x, chain, self.variant)
                    for x, chain in (series.gain_over or {}).items():
                        yield Cell(f"{series.label}: over", panel.family, name, x, chain, self.variant)
                for chain in panel.mean_of or ():
                    yield Cell("mean of", panel.family, name, chain, chain, self.variant)


class Paths(Artifact):
    """Every distillation path over some members, from the largest on, and every member trained alone."""

    how_to_read = "Mean ± standard deviation over seeds."
    kind: Literal["paths"]
    family: str
    members: tuple[str, ...] = Field(min_length=2, max_length=LARGEST_PATHS, description="From the teacher down.")

    def cells(self, datasets: tuple[str, ...]) -> Iterator[Cell]:
        """One cell a path, in the column of the member that it ends in; the row is its method."""
        teacher, *smaller = self.members
        for name in self.shown(datasets):
            yield Cell("NOKD", self.family, name, teacher, teacher, self.variant)
            for position, member in enumerate(smaller):
                for path in paths_between(teacher, smaller[:position], member):
                    yield Cell("TAKD" if path.count("-") > 1 else "BLKD", self.family, name, member, path, self.variant)
                yield Cell("NOKD", self.family, name, member, member, self.variant)


class Rates(Artifact):
    """How fast each hop learns: error by share of the training images, from labels (r, the real function) or from a teacher."""

    how_to_read = (
        "r: real function, t: teacher, a: assistant, s: student. Error bars: standard deviation over seeds. "
        "Intervals: 95 %, of the profile likelihood; ≤ and ≥ where the data don't bound α. "
        "A teacher has learnt from all of the data, whatever its student's share; hollow markers: from as few. λ = 1: students of "
        "soft targets alone, as the theory supposes."
    )
    kind: Literal["rates"]
    family: str
    variants: tuple[str, ...] = Field(min_length=2, description="Variants with smaller shares, beside the whole.")
    alone: tuple[str, ...] = Field(
        default=(), description="Variants by soft targets alone (λ = 1), the whole among them; of hops that have a teacher."
    )
    few: str = Field(default="", description="The variant with few images for teachers too: where the paper says that BLKD fails.")
    hops: dict[Literal["r→t", "t→a", "a→s", "t→s", "r→s"], str] = Field(
        min_length=1,
        description="Hop to the chain at whose end it stands; r is the real function, t teacher, a assistant, s student.",
    )

    @property
    def variants_shown(self) -> tuple[str, ...]:
        """Those with smaller shares, by soft targets alone, and with few images for teachers."""
        return (*self.variants, *self.alone, *((self.few,) if self.few else ()))

    @property
    def taught(self) -> dict[str, str]:
        """Hops that have a teacher."""
        return {hop: chain for hop, chain in self.hops.items() if len(hops_of(chain)) > 1}

    @property
    def students(self) -> dict[str, str]:
        """Hops that end in the student."""
        return {hop: chain for hop, chain in self.hops.items() if hop.endswith("s")}

    def cells(self, datasets: tuple[str, ...]) -> Iterator[Cell]:
        """One cell a hop and share."""
        for name in self.shown(datasets):
            for hop, chain in self.hops.items():
                for variant in ("", *self.variants, *(self.alone if hop in self.taught else ())):
                    yield Cell(hop, self.family, name, variant, chain, variant)
            if self.few:
                yield from (Cell(hop, self.family, name, self.few, chain, self.few) for hop, chain in self.students.items())


def paths_between(teacher: str, assistants: Sequence[str], student: str) -> Iterator[str]:
    """Every chain from teacher to student through some of the assistants, which are in order: the direct one first."""
    for count in range(len(assistants) + 1):
        for through in combinations(assistants, count):
            yield "-".join([teacher, *through, student])
