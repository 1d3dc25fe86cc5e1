"""What a paper claims, as data: predicates over chains, read from paper/claims.yaml. How they are judged is reporting's affair."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from takd.errors import ParameterError
from takd.study.comparisons import MOST, Comparison, Entry, Id, Text, each_once
from takd.study.section import first_problem
from takd.yaml_files import read_yaml


class Cell(NamedTuple):
    """A chain on a data set, of which a claim reads the accuracies (or the rises of loss surfaces) over seeds."""

    dataset: str
    family: str
    chain: str
    variant: str


class Claim(Entry):
    """One claim. supposes: other claims or premises without which it means something else."""

    where: Text
    statement: Text
    supposes: Annotated[tuple[Id, ...], Field(max_length=MOST), AfterValidator(each_once)] = ()
    comparisons: Annotated[tuple[Comparison, ...], Field(min_length=1, max_length=MOST)]

    def cells(self, datasets: tuple[str, ...]) -> Iterator[Cell]:
        """What it reads, each once, where the data sets of a study are `datasets`."""
        found = (
            Cell(dataset, one.family, chain, variant)
            for one in self.comparisons
            for dataset in one.shown(datasets)
            for chain in one.read
            for variant in one.variants(chain)
        )
        yield from dict.fromkeys(found)


class Claims(Entry):
    """All claims of a file, and the premises that some of them suppose, by id."""

    premises: Annotated[dict[Id, Claim], Field(max_length=MOST)] = Field(default={})
    claims: Annotated[dict[Id, Claim], Field(min_length=1, max_length=MOST)]

    def all(self) -> dict[str, Claim]:
        """Claims and premises together."""
        return self.claims | self.premises

    @model_validator(mode="after")
    def _ids_are_known(self) -> Self:
        if both := sorted(self.claims.keys() & self.premises.keys()):
            raise ValueError(f"premises: {both[0]} is the id of a claim, too")
        for name, claim in self.all().items():
            for other in claim.supposes:
                if other not in self.all() or other == name:
                    raise ValueError(f"{name}: supposes: {other} isn't another claim or premise; there are {', '.join(self.all())}")
        supposed = {other for claim in self.claims.values() for other in claim.supposes}
        if idle := [name for name in self.premises if name not in supposed]:
            raise ValueError(f"premises: {idle[0]}: no claim supposes it; a claim of its own stands under `claims`")
        return self


def load(path: Path) -> Claims:
    """The claims of a file. Raises ParameterError where it isn't one."""
    values: dict[str, Any] = read_yaml(path)
    try:
        return Claims.model_validate(values)
    except ValidationError as error:
        raise ParameterError(f"{path}: {first_problem(error)}") from None
