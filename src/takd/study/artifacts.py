"""What each table and figure shows: networks in a layout. The paper's are read from paper/artifacts.yaml."""

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from takd.errors import NetworkNameError, ParameterError
from takd.networks.registry import PAPER_FAMILIES
from takd.study.further_kinds import Answers, Costs, Deploy, Levels, Probes, Wins
from takd.study.names import check_members
from takd.study.papers_kinds import Lines, Paths, Rates, Surfaces, Table, paths_between
from takd.study.params import FILE_NAME
from takd.study.section import first_problem
from takd.study.shown import Cell
from takd.yaml_files import read_yaml

RESERVED = ("accuracy", "best_path", "claims", "curves", "metrics", "report", "published")  # files beside theirs, and a folder

AnyArtifact = Table | Lines | Paths | Rates | Surfaces | Answers | Wins | Costs | Levels | Probes | Deploy
_ADAPTER: TypeAdapter[AnyArtifact] = TypeAdapter(Annotated[AnyArtifact, Field(discriminator="kind")])


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
        near = get_close_matches(name, artifacts, 1)
        meant = f"did you mean {near[0]}? There" if near else "there"
        raise ParameterError(f"unknown table or figure {name!r}; {meant} are {', '.join(artifacts) or 'none'}")
    return artifacts[name]
