"""Options that several commands have."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from takd.planning.workflow import Workflow

Data = Annotated[Path, typer.Option(help="A prepared data set.")]
Output = Annotated[Path, typer.Option(help="File to write.")]
Threads = Annotated[
    int, typer.Option(min=1, max=4096, help="Processor threads, of all its processes. Another number gives other bits.")
]
Device = Annotated[str, typer.Option(help="auto (a GPU where there is one), cpu, cuda, cuda:1 …")]
Key = Annotated[Path | None, typer.Option(help="File with the key that the workflow expects of what is made.")]
Builder = Annotated[str | None, typer.Option(help="What builds the network, where that is code of one's own.")]
Changes = Annotated[str, typer.Option(help="Parameters that count after any file's, as JSON; Snakemake's --config.")]
Preset = Annotated[Path | None, typer.Option(help="A preset: a file below presets/.")]


def expected_key(path: Path | None) -> str | None:
    """The key in a key file; None where none was given, or none was known. Raises ParameterError where it can't be read."""
    from takd.files import read_text
    from takd.study.layout import UNKNOWN_KEY

    key = UNKNOWN_KEY if path is None else read_text(path, 100).strip()
    return None if key == UNKNOWN_KEY else key


def check_ending(path: Path, ending: str) -> None:
    """Raises ParameterError where a file to write is called as if it were of another kind; without an ending it says nothing."""
    from takd.errors import ParameterError

    if path.suffix and path.suffix.lower() != ending:
        raise ParameterError(f"{path}: such a file ends in {ending}; call it {path.with_suffix(ending)}")


def parsed_changes(text: str) -> dict[str, object]:
    """Parameters from --changes. Raises ParameterError where they aren't a mapping."""
    from takd.yaml_files import parse_yaml

    return parse_yaml(text or "{}", "--changes")


def check_project(command: str) -> None:
    """Raises ParameterError where a command that reads a project is called in a folder that is none."""
    from takd.errors import ParameterError

    if not Path("params.yaml").is_file() and not Path("presets").is_dir():
        raise ParameterError(f"{Path.cwd()}: no params.yaml and no presets/ here; takd {command} works in a project's folder")


def workflow_here(command: str, changes: str) -> "Workflow":
    """The workflow of the project in this folder, as a command asks it. Raises ParameterError where there is none."""
    from takd.planning.workflow import Workflow

    check_project(command)
    return Workflow(typed=parsed_changes(changes), writes_keys=False)


def own_code(builder: str | None) -> list[Path]:
    """The files of one's own code that a builder runs. Raises ParameterError where they aren't there."""
    from takd.networks.own_code import files_of
    from takd.networks.registry import is_library

    return [] if builder is None or is_library(builder) else files_of(builder, Path())
