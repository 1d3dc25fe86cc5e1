import re
import shlex
from pathlib import Path

import pytest

import takd
from takd.errors import CheckpointError
from takd.planning.targets import check
from takd.planning.there import check_there
from tests.unit.planning.project import Project

NETWORK = "results/models/digits/plain/10-4/seed0/model.safetensors"


@pytest.mark.parametrize(
    "path",
    [NETWORK, "results/models/digits/plain/10/seed12/metrics.json",
     "results/variants/half/models/digits/plain/2/seed0/metrics.json",
     "results/exports/digits/plain/10-4/seed0.onnx", "results/exports/digits/plain/10-4/seed0.int8.onnx",
     "data/prepared/digits.safetensors"],
)  # fmt: skip
def test_what_is_not_there_is_said_with_the_command_that_makes_it(project: Project, path: str) -> None:
    for given in (Path(path), project.root / path):
        with pytest.raises(CheckpointError) as error:
            check_there(given)
        said = re.fullmatch(rf"{given}: no such file; `(.*)` makes it", str(error.value))
        assert said and shlex.split(said[1]) == ["snakemake", "--cores", "1", "--", path]
    check(project.workflow(), path)  # a target that there is
    (project.root / path).parent.mkdir(parents=True, exist_ok=True)
    (project.root / path).touch()
    check_there(project.root / path)


@pytest.mark.parametrize("path", ["absent", "teacher.pth", "results/models/digits/plain/10/seed0/train.log", "results/table2.csv"])
def test_of_a_file_that_nothing_makes_no_command_is_said(path: str) -> None:
    check_there(Path(path))


def test_python_says_so_too(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=f"`snakemake --cores 1 -- {NETWORK}` makes it"):
        takd.load(tmp_path / NETWORK)
