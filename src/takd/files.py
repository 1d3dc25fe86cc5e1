"""Files that appear under their name only when they are whole, and safetensors with our metadata."""

import errno
import json
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NoReturn, TypeVar

from takd.errors import CheckpointError

Metadata = dict[str, Any]
T = TypeVar("T")

# safetensors writes its metadata in an order that differs from process to process, so all of ours is one JSON text under one key.
_METADATA_KEY = "takd"

_being_written: set[Path] = set()


@contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """A binary file to write, beside `path`; it takes that name when the block ends well and vanishes when it doesn't."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    _being_written.add(part)
    try:
        with part.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
        _being_written.discard(part)


def end(number: int, _: object) -> NoReturn:
    """What a signal's handler does: remove what is being written, and end at once.

    An exception would do it too, but one that is raised where Python or torch ignore exceptions is lost, and the job goes on.
    """
    for part in _being_written:
        part.unlink(missing_ok=True)
    os._exit(128 + number)


def check_place(path: Path) -> None:
    """Raise OSError where no file could be written at `path`: for what is written after hours of work."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    folder = next(parent for parent in path.absolute().parents if parent.exists())
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    with written_whole(path) as file:
        file.write(text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write JSON that a person can read and a diff can show, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True) + "\n")


def write_tensors(path: Path, tensors: dict[str, Any], metadata: Metadata) -> None:
    """Write torch tensors as safetensors with metadata, whole or not at all. Same content, same bytes."""
    from safetensors.torch import save

    with written_whole(path) as file:
        file.write(save(tensors, metadata=packed(metadata)))


def packed(metadata: Metadata) -> dict[str, str]:
    """Metadata in the form that safetensors takes."""
    return {_METADATA_KEY: json.dumps(metadata, sort_keys=True)}


def read_metadata(path: Path) -> Metadata:
    """The metadata of a safetensors file that takd wrote. Raises CheckpointError where it isn't one."""
    return _read(path, lambda _: None)[1]


def read_tensors(path: Path) -> tuple[dict[str, Any], Metadata]:
    """All tensors of a safetensors file, mapped from the disk, and its metadata. Raises CheckpointError where it is damaged."""
    return _read(path, lambda file: {name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118 (not a dict)


def _read(path: Path, get: Callable[[Any], T]) -> tuple[T, Metadata]:
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise CheckpointError(f"{path}: no such file")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = json.loads((file.metadata() or {}).get(_METADATA_KEY, "null"))
            value = get(file)
    except SafetensorError as error:
        raise CheckpointError(f"{path}: cut short or damaged ({error}); delete it and make it again") from None
    if not isinstance(metadata, dict):
        raise CheckpointError(f"{path}: a safetensors file, but not one that takd wrote")
    return value, metadata
