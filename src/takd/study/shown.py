"""What all tables and figures have: cells, each the mean accuracy of a chain, and the networks that these stand for."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from takd.study.names import Name, hops_of


class Entry(BaseModel):
    """A part of a specification: what it doesn't know is refused."""

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


class Artifact(Entry):
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
