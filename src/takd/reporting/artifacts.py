"""What each table shows: a list of networks in a layout, read from paper/artifacts.yaml."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from takd.chain import Network
from takd.data.registry import DATASETS
from takd.errors import NetworkNameError, ParameterError
from takd.params import first_problem, read_yaml


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True)


class Row(_Entry):
    """One line of a table for each data set."""

    model: str = Field(description="The row's label.")
    family: str
    chains: dict[str, str] = Field(min_length=1, description="Column to the chain whose accuracy stands there.")
    datasets: tuple[str, ...] | None = Field(default=None, description="Where it isn't for the data sets of params.yaml.")


@dataclass(frozen=True)
class Cell:
    """One number of a table: the mean accuracy of a chain over seeds."""

    model: str
    family: str
    dataset: str
    column: str
    chain: str

    def networks(self, seeds: int) -> list[Network]:
        """The networks whose mean it is; none for a data set that takd doesn't have."""
        if self.dataset not in DATASETS:
            return []
        return [Network.of(self.dataset, self.family, self.chain, seed) for seed in range(seeds)]


class Artifact(_Entry):
    """A table: title, where in the paper it stands, rows."""

    kind: Literal["table"]
    title: str
    where: str
    rows: tuple[Row, ...] = Field(min_length=1)

    def cells(self, datasets: tuple[str, ...]) -> Iterator[Cell]:
        """Its cells, row by row. datasets: of the rows that don't name their own."""
        for row in self.rows:
            for name in row.datasets or datasets:
                for column, chain in row.chains.items():
                    yield Cell(row.model, row.family, name, column, chain)

    def networks(self, datasets: tuple[str, ...], seeds: int) -> list[Network]:
        """The networks that it shows, each once. Raises NetworkNameError where one can't be."""
        return list(dict.fromkeys(network for cell in self.cells(datasets) for network in cell.networks(seeds)))


def load(path: Path) -> dict[str, Artifact]:
    """All artifacts of a specification. Raises ParameterError where it isn't one."""
    artifacts: dict[str, Artifact] = {}
    for name, values in read_yaml(path).items():
        try:
            artifacts[name] = Artifact.model_validate(values)
            artifacts[name].networks(("digits",), seeds=1)
        except ValidationError as error:
            raise ParameterError(f"{path}: {name}: {first_problem(error)}") from None
        except NetworkNameError as error:
            raise ParameterError(f"{path}: {name}: {error}") from None
    return artifacts


def look_up(artifacts: dict[str, Artifact], name: str) -> Artifact:
    """The artifact of that name. Raises ParameterError where there is none."""
    if name not in artifacts:
        raise ParameterError(f"unknown table {name!r}; there are {', '.join(artifacts)}")
    return artifacts[name]
