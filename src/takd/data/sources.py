"""Where images come from: publishers' archives, fetched and read without running what they may contain, and installed packages."""

import hashlib
import io
import pickle
import tarfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from takd.data.registry import Archive
from takd.errors import DataError

CHUNK = 1 << 20
LARGEST_MEMBER = 400_000_000  # bytes; CIFAR-100's training file is 155 MB
TIMEOUT = 30  # seconds without an answer

Images = np.ndarray[Any, np.dtype[np.uint8]]
Labels = np.ndarray[Any, np.dtype[np.int64]]


def fetch(archive: Archive, folder: Path) -> Path:
    """The archive in `folder`, downloaded if it isn't there; a download that was cut off goes on where it stopped.

    Raises DataError where the publisher can't be reached or what came isn't the published file.
    """
    target = folder / archive.filename
    if target.exists():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    try:
        _download(archive, part)
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise DataError(f"{archive.url} can't be reached ({reason}); get the file elsewhere and place it at {target}") from None
    if (there := part.stat().st_size) < archive.bytes:
        raise DataError(f"{archive.url}: the connection ended after {there:,} of {archive.bytes:,} bytes; call again to go on")
    with part.open("rb") as file:
        if hashlib.file_digest(file, "md5").hexdigest() != archive.md5:
            part.unlink()
            raise DataError(
                f"{archive.url}: what came isn't the published file (md5 differs from {archive.md5}); it was deleted, try again"
            )
    part.rename(target)
    return target


def _download(archive: Archive, part: Path) -> None:
    there = part.stat().st_size if part.exists() else 0
    if there >= archive.bytes:
        return
    request = urllib.request.Request(archive.url, headers={"Range": f"bytes={there}-"} if there else {})
    columns = (TextColumn(archive.filename), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with urllib.request.urlopen(request, timeout=TIMEOUT) as answer, Progress(*columns) as progress:
        resumes = answer.status == 206
        bar = progress.add_task("", total=archive.bytes, completed=there if resumes else 0)
        with part.open("ab" if resumes else "wb") as file:
            while chunk := answer.read(CHUNK):
                file.write(chunk)
                progress.advance(bar, len(chunk))


def read_cifar10(path: Path) -> dict[str, tuple[Images, Labels, Labels]]:
    """CIFAR-10's splits: images (N, 3, 32, 32), labels (N,), and the label bytes (N, 1) that the digest covers."""

    def split(names: list[str]) -> tuple[Images, Labels, Labels]:
        batches = [_batch(path, members, f"cifar-10-batches-py/{name}", ("labels",)) for name in names]
        images = np.concatenate([images for images, _ in batches])
        labels = np.concatenate([labels for _, labels in batches])
        return images, labels[:, 0], labels

    names = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}
    members = _members(path, [f"cifar-10-batches-py/{name}" for part in names.values() for name in part])
    return {part: split(part_names) for part, part_names in names.items()}


def read_cifar100(path: Path) -> dict[str, tuple[Images, Labels, Labels]]:
    """CIFAR-100's splits: images (N, 3, 32, 32), fine labels (N,), and the label bytes (N, 2), coarse then fine."""
    members = _members(path, ["cifar-100-python/train", "cifar-100-python/test"])

    def split(name: str) -> tuple[Images, Labels, Labels]:
        images, labels = _batch(path, members, f"cifar-100-python/{name}", ("coarse_labels", "fine_labels"))
        return images, labels[:, 1], labels

    return {name: split(name) for name in ("train", "test")}


def _digits() -> dict[str, tuple[Images, Labels, Labels]]:
    """scikit-learn's handwritten digits, each pixel a 4x4 square, in three equal channels; every fifth image is for testing."""
    from sklearn.datasets import load_digits

    bundle = load_digits()
    small = (bundle.images * (255 / 16)).astype(np.uint8)  # (1797, 8, 8), from 0..16
    large = small.repeat(4, axis=1).repeat(4, axis=2)
    images = np.broadcast_to(large[:, None], (len(large), 3, 32, 32))
    labels = bundle.target.astype(np.int64)
    test = np.arange(len(labels)) % 5 == 4
    return {
        split: (np.ascontiguousarray(images[chosen]), labels[chosen], labels[chosen][:, None])
        for split, chosen in (("train", ~test), ("test", test))
    }


READERS: dict[str, Callable[[Path], dict[str, tuple[Images, Labels, Labels]]]] = {
    "cifar10": read_cifar10,
    "cifar100": read_cifar100,
}
BUNDLED: dict[str, Callable[[], dict[str, tuple[Images, Labels, Labels]]]] = {"digits": _digits}


def _members(path: Path, wanted: list[str]) -> dict[str, bytes]:
    """The wanted files of a tar archive, in memory: nothing is ever unpacked to the disk."""
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:gz") as tar:
            for member in tar:
                name = PurePosixPath(member.name)
                if name.is_absolute() or ".." in name.parts or member.issym() or member.islnk():
                    raise DataError(f"{path}: {member.name!r} leaves the archive's folder; this isn't the published archive")
                if str(name) in wanted:  # ./a and a are one
                    if not member.isfile() or member.size > LARGEST_MEMBER:
                        raise DataError(f"{path}: {member.name!r} isn't a file of the expected size")
                    content = tar.extractfile(member)
                    found[str(name)] = content.read() if content is not None else b""
    except FileNotFoundError:
        raise DataError(f"{path}: no such file") from None
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        if isinstance(error, PermissionError):
            raise
        raise DataError(f"{path}: cut short or damaged ({error}); delete it and fetch it again") from None
    missing = [name for name in wanted if name not in found]
    if missing:
        raise DataError(f"{path}: holds no {missing[0]}; is it the archive of another data set?")
    return found


def _batch(path: Path, members: dict[str, bytes], name: str, label_keys: tuple[str, ...]) -> tuple[Images, Labels]:
    """Images (N, 3, 32, 32) and labels (N, len(label_keys)) of one pickled batch."""
    where = f"{path}: {name}"
    try:
        batch = _InertUnpickler(io.BytesIO(members[name]), encoding="latin1").load()
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise DataError(f"{where}: damaged ({error}); delete the archive and fetch it again") from None
    if not isinstance(batch, dict) or not isinstance(data := batch.get("data"), _PickledArray):
        raise DataError(f"{where}: no dictionary with an array 'data'")
    columns = [batch.get(key) for key in label_keys]
    count = data.shape[0]
    for key, column in zip(label_keys, columns, strict=True):
        in_range = isinstance(column, list) and all(type(label) is int and 0 <= label < 256 for label in column)
        if not in_range or len(column) != count:  # type: ignore[arg-type]
            raise DataError(f"{where}: {key!r} isn't a list of {count} labels")
    if data.shape[1:] != (3072,):
        raise DataError(f"{where}: images of {data.shape[1:]} bytes, expected 3072")
    return data.array().reshape(-1, 3, 32, 32), np.array(columns, dtype=np.int64).T


class _PickledArray:
    """Stands in for numpy's array while a pickle is read: it takes the state of a two-dimensional uint8 array, nothing else."""

    shape: tuple[int, ...] = ()
    content: bytes = b""

    def __setstate__(self, state: object) -> None:
        match state:
            case (int(), (int() as rows, int() as columns), _PickledType(), _, str() | bytes() as content):
                self.content = content.encode("latin1") if isinstance(content, str) else content
                self.shape = (rows, columns)
            case _:
                raise DataError("holds an array that isn't a two-dimensional one of uint8")
        if rows * columns != len(self.content):
            raise DataError("holds an array whose bytes don't fill its shape")

    def array(self) -> Images:
        return np.frombuffer(self.content, dtype=np.uint8).reshape(self.shape)


class _PickledType:
    """Stands in for numpy's dtype."""

    def __init__(self, name: object, *_: object) -> None:
        if name not in ("u1", "|u1"):
            raise DataError(f"holds an array of {name!r}, expected uint8")

    def __setstate__(self, _: object) -> None: ...


class _InertUnpickler(pickle.Unpickler):
    """Reads dictionaries, lists, numbers, strings and uint8 arrays; a pickle that names anything else is refused, not run."""

    def find_class(self, module: str, name: str) -> Any:
        match module, name:
            case ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct"):
                return lambda *_: _PickledArray()
            case ("numpy", "ndarray"):
                return _PickledArray
            case ("numpy", "dtype"):
                return _PickledType
        raise DataError(f"the pickle calls {module}.{name}, which the published file doesn't; nothing was run")
