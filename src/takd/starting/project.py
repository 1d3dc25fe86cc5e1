"""A project in a folder of its own, away from takd's checkout: the workflow, its parameters, the paper's numbers, DVC's stage."""

import os
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path

import takd
from takd.errors import ParameterError

_CODE = "    - src\n"  # what dvc.yaml depends on in the checkout alone


def lay_out(folder: Path) -> list[Path]:
    """Write a project into a folder that isn't there or is empty; its files, relative to it.

    They are the ones that takd itself is developed with. The folder gets its name, or its content, when all of it is written.
    Raises ParameterError where the folder has something in it; OSError where nothing can be written there.
    """
    if folder.is_dir() and any(folder.iterdir()):
        raise ParameterError(f"{folder}: isn't empty; a project is laid out in a folder that is new or empty")
    if folder.exists() and not folder.is_dir():
        raise ParameterError(f"{folder}: is a file; a project is laid out in a folder that is new or empty")
    place = folder.resolve()
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f".{place.name[:200]}.{os.getpid()}.part")
    try:
        files = list(_files())
        for path, source in files:
            target = part / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(_adapted(path, source.read_text(encoding="utf-8")), encoding="utf-8")
        if place.exists():  # perhaps somebody's shell is in it, so it stays the same folder
            for entry in part.iterdir():
                entry.rename(place / entry.name)
        else:
            part.rename(place)
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return [path for path, _ in files]


def _files() -> Iterator[tuple[Path, Path]]:
    """A project's files: each one's place in the project, and where it is: in the package as installed, else in the checkout."""
    package = Path(takd.__file__).parent
    installed, checkout = package / "project", package.parents[1]
    if installed.is_dir():
        yield from ((path.relative_to(installed), path) for path in sorted(installed.rglob("*")) if path.is_file())
        return
    settings = checkout / "pyproject.toml"
    if not settings.is_file():
        raise ParameterError(f"{package}: lacks the files of a project; install takd from its wheel, or run its checkout's code")
    for pattern in tomllib.loads(settings.read_text(encoding="utf-8"))["tool"]["takd"]["project"]:
        yield from ((path.relative_to(checkout), path) for path in sorted(checkout.glob(pattern)))


def _adapted(path: Path, text: str) -> str:
    """A file as a project has it: takd is installed there, so DVC's stage doesn't depend on its source."""
    return text.replace(_CODE, "") if path == Path("dvc.yaml") else text
