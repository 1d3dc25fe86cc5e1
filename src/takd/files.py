"""Files that appear under their name only when they are whole, and safetensors with our metadata."""

import errno
import hashlib
import json
import os
import stat
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NoReturn

from takd.errors import CheckpointError, ParameterError, shortened

Metadata = dict[str, Any]

# safetensors writes its metadata in an order that differs from process to process, so all of ours is one JSON text under one key.
_METADATA_KEY = "takd"
LONGEST_HEADER = 16_000_000  # bytes; ours have some kilobytes, ImageNet's list of files has some megabytes
_PART = ".part"
MOST_NAMES = 1000  # of a mapping: whoever checks them complains about each

_being_written: set[Path] = set()


@contextmanager
def written_whole(path: Path) -> Iterator[IO[bytes]]:
    """A binary file to write, beside `path`; it takes that name when the block ends well and vanishes when it doesn't.

    What stands there already is replaced, never written into: it may be a link into DVC's cache.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name[:200]}.{os.getpid()}{_PART}")
    _being_written.add(part)
    try:
        with part.open("w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) if error.filename is None else error from None
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


def check_outputs(outputs: list[Path], inputs: list[Path]) -> None:
    """Whether a command may write those files: the one place that decides.

    Raises ParameterError where an output is also an input, or two are one file; OSError where one is a folder, a device or a
    place where nothing can be written: for what is written after hours of work.
    """
    places = [path.resolve() for path in outputs]
    read = {path.resolve(): path for path in inputs}
    for path, place in zip(outputs, places, strict=True):
        if place in read:
            raise ParameterError(f"{path}: is read by this command, so it can't be written by it; give the output another name")
        if places.count(place) > 1:
            raise ParameterError(f"{path}: is given for two files of the job; each needs one of its own")
        check_place(path)


def check_place(path: Path) -> None:
    """Raise OSError where no file could be written at `path`, or something other than a file stands there."""
    if path.exists() and not path.is_file():
        number = errno.EISDIR if path.is_dir() else errno.EINVAL
        what = os.strerror(number) if path.is_dir() else "a device or a pipe, not a file"
        raise OSError(number, what, str(path))
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


def read_text(path: Path, longest: int = 100_000_000) -> str:
    """A text file of at most `longest` bytes. Raises ParameterError where it isn't one."""
    check_regular(path, ParameterError)
    if path.stat().st_size > longest:
        raise ParameterError(f"{path}: {path.stat().st_size:,} bytes; expected at most {longest:,}")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise ParameterError(f"{path}: not a text in UTF-8") from None


def parsed_json(text: str | bytes, most_names: int = MOST_NAMES) -> Any:
    """A record's JSON. Raises ValueError or RecursionError where it isn't that, or has a mapping of more names than that."""

    def small(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(pairs) > most_names:
            raise ValueError(f"{len(pairs):,} names")
        return dict(pairs)

    return json.loads(text, object_pairs_hook=small)


def check_regular(path: Path, error: type[Exception] = CheckpointError) -> None:
    """Raises `error` where `path` isn't a file that can be read from start to end (a folder, a device, a pipe)."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise error(f"{path}: no such file") from None
    if not stat.S_ISREG(mode):
        raise error(f"{path}: {'a folder' if stat.S_ISDIR(mode) else 'a device or a pipe'}, not a file")


def sha256_of(path: Path) -> str:
    """sha256 of a file's bytes, in hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_tensors(path: Path, tensors: dict[str, Any], metadata: Metadata) -> None:
    """Write torch tensors as safetensors with metadata, whole or not at all. Same content, same bytes."""
    from safetensors.torch import save

    with written_whole(path) as file:
        file.write(save(tensors, metadata=packed(metadata)))


def packed(metadata: Metadata) -> dict[str, str]:
    """Metadata in the form that safetensors takes: a digest of it, then what it says as JSON."""
    text = json.dumps(metadata, sort_keys=True)
    return {_METADATA_KEY: f"{_text_digest(text)} {text}"}


def _text_digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()[:16]


def read_metadata(path: Path) -> Metadata:
    """The metadata of a safetensors file that takd wrote, without torch. Raises CheckpointError where it isn't one."""
    check_regular(path)
    try:
        with path.open("rb") as file:
            size = struct.unpack("<Q", file.read(8))[0]
            if size > LONGEST_HEADER:
                raise ValueError
            header = json.loads(file.read(size))
        said = header.get("__metadata__", {}).get(_METADATA_KEY)
        if said is None:
            raise CheckpointError(f"{path}: a safetensors file, but not one that takd wrote")
        written, _, text = ("", "", said) if said.startswith("{") else said.partition(" ")  # older files have no digest
        metadata = parsed_json(text)
        end = max((entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"), default=0)
        if not isinstance(end, int) or not 0 <= end < 2**63:
            raise ValueError
    except (struct.error, ValueError, RecursionError, AttributeError, TypeError, LookupError):
        raise CheckpointError(_not_safetensors(path)) from None
    if 8 + size + end != path.stat().st_size:
        raise CheckpointError(
            f"{path}: cut short or damaged: {path.stat().st_size:,} bytes, where its head speaks of {8 + size + end:,}"
        )
    if not isinstance(metadata, dict) or written not in ("", _text_digest(text)):
        raise CheckpointError(f"{path}: isn't what was written: what it says of itself was changed, or damaged")
    return metadata


def _not_safetensors(path: Path) -> str:
    if path.name == "metrics.json":
        return f"{path}: what was measured of a network; the network is model.safetensors beside it"
    with path.open("rb") as file:
        start = file.read(8)
    if start[:2] == b"PK" or start[:1] == b"\x80":
        return (
            f"{path}: a PyTorch checkpoint, not one of takd's files; a teacher of one's own comes in by "
            "`takd init … --weights FILE`, or `weights:` in a preset"
        )
    return f"{path}: not a whole safetensors file: empty, cut short, damaged or of another kind"


def read_tensors(path: Path) -> tuple[dict[str, Any], Metadata]:
    """All tensors of a safetensors file, mapped from the disk, and its metadata. Raises CheckpointError where it is damaged."""
    from safetensors import SafetensorError, safe_open

    metadata = read_metadata(path)
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118 (not a dict)
    except (SafetensorError, ValueError, RuntimeError, OverflowError, AttributeError, KeyError, TypeError) as error:
        raise CheckpointError(f"{path}: cut short or damaged ({shortened(error)})") from None
