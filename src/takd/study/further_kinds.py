"""The kinds that the paper doesn't have: answers image by image, several teachers, probes, cost, and networks on devices."""

from collections.abc import Iterator
from typing import Literal, Self

from pydantic import Field, model_validator

from takd.study.names import hops_of
from takd.study.shown import Artifact, Cell, Entry


class Pairs(Entry):
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


class Asked(Entry):
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


class Way(Entry):
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
