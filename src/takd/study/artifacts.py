"""What each table and figure shows: networks in a layout. The paper's are read from paper/artifacts.yaml."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Annotated, ClassVar, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from takd.errors import NetworkNameError, ParameterError
from takd.networks.registry import PAPER_FAMILIES
from takd.study.comparisons import Place
from takd.study.looks import MOST_SEEDS
from takd.study.names import Name, check_members, hops_of
from takd.study.params import FILE_NAME
from takd.study.section import first_problem
from takd.yaml_files import read_yaml

RESERVED = ("accuracy", "best_path", "claims", "curves", "metrics", "report", "published")  # files beside theirs, and a folder
LARGEST_PATHS = 12  # members: 2,048 paths to the last


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


@dataclass(frozen=True)
class Cell:
    """One number: the mean accuracy of a chain over seeds, in a row (or series) and a column (or at an x) of an artifact.

    seeds: how many it has where the study has fewer. quoted: whether the paper took its own number from elsewhere.
    first: how many networks stand at the head of the chain where every hop varies; 0 where a cell is of one teacher.
    """

    model: str
    family: str
    dataset: str
    column: str
    chain: str
    variant: str = ""
    seeds: int = 0
    quoted: bool = False
    first: int = 0

    def networks(self, datasets: Collection[str], seeds: int) -> list["Shown"]:
        """The networks whose mean it is; none for another data set than those. seeds: the study's."""
        if self.dataset not in datasets:
            return []
        hops = hops_of(self.chain)
        return [Shown(Name(self.dataset, self.family, hops, seed), self.variant) for seed in range(self.count(seeds))]

    def count(self, seeds: int) -> int:
        """How many networks it has. seeds: the study's."""
        return self.first * seeds ** (len(hops_of(self.chain)) - 1) if self.first else max(seeds, self.seeds)


class Shown(NamedTuple):
    """A network that an artifact shows. variant: the one of params.yaml by which it was trained, or empty."""

    name: Name
    variant: str


class Artifact(_Entry):
    """What all kinds have: a title, where in the paper it stands, and cells."""

    how_to_read: ClassVar[str] = ""  # said below a picture
    suffixes: ClassVar[tuple[str, ...]] = ("csv", "png", "svg")  # of its files; the second is what a report shows first
    reads_weights: ClassVar[bool] = False  # whether its networks are asked, so that their weights are needed, and the images
    with_teachers: ClassVar[bool] = False  # whether it reads the records of all networks above its own, too
    vary: ClassVar[str] = ""  # what `vary` has to be, where that matters
    title: str
    where: str
    variant: str = Field(default="", description="The variant of params.yaml whose networks it shows, where there is one.")
    only: tuple[str, ...] = Field(default=(), description="The paper's data sets, where it isn't all; others stand in for them.")

    @property
    def variants_shown(self) -> tuple[str, ...]:
        """The variants of params.yaml whose networks it shows."""
        return (self.variant,) if self.variant else ()

    def shown(self, datasets: tuple[str, ...]) -> tuple[str, ...]:
        """Those of `datasets` that the paper shows here; all of them where it shows none (toy data)."""
        return tuple(name for name in datasets if name in self.only) or datasets

    def cells(self, datasets: tuple[str, ...]) -> Iterator[Cell]:
        """Its numbers, in order."""
        raise NotImplementedError

    def networks(self, datasets: tuple[str, ...], seeds: int) -> list[Shown]:
        """The networks that it shows, each once."""
        return list(dict.fromkeys(shown for cell in self.cells(datasets) for shown in cell.networks(datasets, seeds)))


class Row(_Entry):
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
                    chain, _, said = text.partition(" by ")
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


class Series(_Entry):
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


class Panel(_Entry):
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


class Pairs(_Entry):
    """Chains of one family, each held against others."""

    family: str
    only: tuple[str, ...] = Field(default=(), description="The paper's data sets, where it isn't all; others stand in for them.")
    pairs: dict[str, tuple[str, ...]] = Field(min_length=1, description="Chain to the chains that it is held against.")

    @model_validator(mode="after")
    def _never_itself(self) -> Self:
        for chain, others in self.pairs.items():
            if not others or chain in others or len({*others}) < len(others):
                raise ValueError(f"pairs: {chain}: expected other chains, each once, not {', '.join(others) or 'none'}")
        return self

    def shown(self, datasets: tuple[str, ...]) -> tuple[str, ...]:
        """Those of `datasets` that it is for; all of them where it is for none (toy data)."""
        return tuple(name for name in datasets if name in self.only) or datasets


class _OfPairs(Artifact):
    """Pairs of chains, held against each other by what their networks answer to each test image."""

    suffixes = ("csv", "md")
    rows: tuple[Pairs, ...] = Field(min_length=1)

    def pairs(self, datasets: tuple[str, ...]) -> Iterator[tuple[Cell, Cell]]:
        """Each chain beside each that it is held against."""
        for row in self.rows:
            for name in row.shown(datasets):
                for chain, others in row.pairs.items():
                    first, *rest = (Cell("", row.family, name, one, one, self.variant) for one in (chain, *others))
                    yield from ((first, other) for other in rest)

    def cells(self, datasets: tuple[str, ...]) -> Iterator[Cell]:
        """Both sides of its pairs, each once."""
        yield from dict.fromkeys(cell for pair in self.pairs(datasets) for cell in pair)


class Answers(_OfPairs):
    """How sure a difference of two chains is over students and images, and how far both agree."""

    kind: Literal["answers"]


class Wins(_OfPairs):
    """Which test images the students of one chain get right more often than those of another, and the reverse."""

    kind: Literal["wins"]


class Levels(Artifact):
    """A path against the direct hop over several teachers, and which hop a student's accuracy scatters by."""

    suffixes = ("csv", "md")
    vary = "every_hop"
    kind: Literal["levels"]
    family: str
    path: str = Field(description="The chain through assistants.")
    direct: str = Field(description="The chain without: the same teacher, the same student.")
    teachers: int = Field(ge=2, le=100, description="How many; each network has the study's `seeds` students of its own.")

    @model_validator(mode="after")
    def _same_ends(self) -> Self:
        path, direct = hops_of(self.path), hops_of(self.direct)
        if len(direct) != 2 or len(path) < 3 or (path[0], path[-1]) != (direct[0], direct[1]):
            raise ValueError(f"direct: {self.direct} isn't {self.path} without its assistants")
        return self

    def cells(self, datasets: tuple[str, ...]) -> Iterator[Cell]:
        """One cell a chain."""
        for name in self.shown(datasets):
            for chain in (self.path, self.direct):
                yield Cell("", self.family, name, chain, chain, self.variant, first=self.teachers)


class Asked(_Entry):
    """Chains of one family whose networks are asked, or exported."""

    family: str
    chains: tuple[str, ...] = Field(min_length=1)


class Probes(Artifact):
    """What networks answer, beyond how often they are right: see measuring/probe.py."""

    suffixes = ("csv", "md")
    reads_weights = True
    with_teachers = True
    kind: Literal["probes"]
    temperature: float = Field(gt=0, le=1000, description="Of the answers whose entropy and divergence are measured.")
    rows: tuple[Asked, ...] = Field(min_length=1)

    def cells(self, datasets: tuple[str, ...]) -> Iterator[Cell]:
        """One cell a chain."""
        for name in self.shown(datasets):
            for row in self.rows:
                yield from (Cell("", row.family, name, chain, chain, self.variant) for chain in row.chains)


class Way(_Entry):
    """A way to a student."""

    label: str
    chain: str
    variant: str = Field(default="", description="The variant of params.yaml by which its last network is trained.")


class Costs(Artifact):
    """Accuracies against what they cost, a panel a data set, a point a way to the student."""

    how_to_read = (
        "Core-seconds: seconds of training by the clock times threads, of the student and all networks above it, each once. "
        "Means over seeds; error bars: standard deviation over seeds. The rivals' epochs are those of their variants; by how many "
        "they would cost as much on this machine stands under epochs_at_equal_cost."
    )
    with_teachers = True
    kind: Literal["costs"]
    family: str
    path: str = Field(description="The label of the way whose cost the others should match.")
    ways: tuple[Way, ...] = Field(min_length=2, max_length=7)

    @model_validator(mode="after")
    def _labels_differ(self) -> Self:
        labels = [way.label for way in self.ways]
        if len({*labels}) < len(labels) or self.path not in labels:
            raise ValueError(f"ways: each needs a label of its own, and `path` is one of them; not {', '.join(labels)}")
        return self

    @property
    def variants_shown(self) -> tuple[str, ...]:
        """Those of its ways."""
        return tuple(dict.fromkeys(way.variant for way in self.ways if way.variant))

    def cells(self, datasets: tuple[str, ...]) -> Iterator[Cell]:
        """One cell a way; its row is the label."""
        for name in self.shown(datasets):
            for way in self.ways:
                yield Cell(way.label, self.family, name, way.variant, way.chain, way.variant)


class Deploy(Artifact):
    """Networks as devices run them, and all above them: accuracy, size and latency as ONNX, in one kind of numbers or more."""

    how_to_read = (
        "ONNX Runtime on one core, one image at a time: medians, on a logarithmic axis. Accuracy: of the exported files, means "
        "over seeds; error bars: standard deviation. Line: the Pareto front, on which none is beaten in both; its marks are filled."
    )
    suffixes = ("csv", "png", "svg", "md")
    reads_weights = True
    with_teachers = True
    kind: Literal["deploy"]
    numbers: tuple[Literal["fp32", "int8", "fp16"], ...] = Field(
        default=("fp32", "int8"), min_length=1, max_length=3, description="What the exported files compute in."
    )
    rows: tuple[Asked, ...] = Field(min_length=1)

    def cells(self, datasets: tuple[str, ...]) -> Iterator[Cell]:
        """One cell a chain; networks above it, which it needs anyway, are shown by the seeds that taught."""
        for name in self.shown(datasets):
            for row in self.rows:
                yield from (Cell("", row.family, name, chain, chain, self.variant) for chain in row.chains)


AnyArtifact = Table | Lines | Paths | Rates | Surfaces | Answers | Wins | Costs | Levels | Probes | Deploy
_ADAPTER: TypeAdapter[AnyArtifact] = TypeAdapter(Annotated[AnyArtifact, Field(discriminator="kind")])


def paths_between(teacher: str, assistants: Sequence[str], student: str) -> Iterator[str]:
    """Every chain from teacher to student through some of the assistants, which are in order: the direct one first."""
    for count in range(len(assistants) + 1):
        for through in combinations(assistants, count):
            yield "-".join([teacher, *through, student])


def load(path: Path) -> dict[str, AnyArtifact]:
    """All artifacts of a specification. Raises ParameterError where it isn't one, or shows what the paper's families don't have."""
    artifacts: dict[str, AnyArtifact] = {}
    for name, values in read_yaml(path).items():
        if not re.fullmatch(FILE_NAME, name):
            raise ParameterError(f"{path}: {name}: names files; use small letters, digits and _, and quotes around a number")
        if name in RESERVED:
            raise ParameterError(f"{path}: {name}: the name of another result; choose another one")
        try:
            artifacts[name] = _ADAPTER.validate_python(values)
            for cell in artifacts[name].cells(("any",)):
                _check_cell(cell)
        except ValidationError as error:
            raise ParameterError(f"{path}: {name}: {first_problem(error)}") from None
        except NetworkNameError as error:
            raise ParameterError(f"{path}: {name}: {error}") from None
    return artifacts


def _check_cell(cell: Cell) -> None:
    if cell.family not in PAPER_FAMILIES:
        raise NetworkNameError(f"unknown family {cell.family!r}; there are {', '.join(PAPER_FAMILIES)}")
    if cell.dataset == "any":
        check_members(cell.chain, cell.family, list(PAPER_FAMILIES[cell.family]))


def of_own_study(family: str, members: Sequence[str], variants: Sequence[str] = ()) -> dict[str, AnyArtifact]:
    """What a study of one's own shows: a table of every way to its student, the figure of every path, and those ways as files.

    variants: its changed recipes; where there are some, a table of every way by each, beside the study's own, is `recipes`.
    """
    teacher, *assistants, student = members
    ways = {"NOKD": student} | {_column(chain): chain for chain in paths_between(teacher, assistants, student)}
    row = {"model": student, "family": family, "chains": ways}
    through = ", and through assistants" if assistants else ""
    rows = [row, *(row | {"model": f"{student}, {variant}", "variant": variant} for variant in variants)]
    title = f"{student} by the study's recipe, and by those of its variants"
    recipes = {"kind": "table", "where": "Recipes", "title": title, "rows": rows}
    shipped = {"title": f"Every way to {student} as ONNX files, in float32 and in eight bits"}
    return {
        **({"recipes": _ADAPTER.validate_python(recipes)} if variants else {}),
        "table": _ADAPTER.validate_python(
            {
                "kind": "table",
                "where": "Table",
                "title": f"{student} from labels alone (NOKD), by its teacher {teacher} (BLKD){through}",
                "rows": [row],
            }
        ),
        "paths": _ADAPTER.validate_python(
            {
                "kind": "paths",
                "where": "Paths",
                "title": f"Accuracy of every distillation path from {teacher}",
                "family": family,
                "members": list(members),
            }
        ),
        "deploy": _ADAPTER.validate_python(
            shipped | {"kind": "deploy", "where": "Deploy", "rows": [{"family": family, "chains": [*ways.values(), teacher]}]}
        ),
    }


def _column(chain: str) -> str:
    assistants = chain.split("-")[1:-1]
    return f"through {', '.join(assistants)}" if assistants else "BLKD"


def look_up(artifacts: Mapping[str, AnyArtifact], name: str) -> AnyArtifact:
    """The artifact of that name. Raises ParameterError where there is none."""
    if name not in artifacts:
        raise ParameterError(f"unknown table or figure {name!r}; there are {', '.join(artifacts)}")
    return artifacts[name]
