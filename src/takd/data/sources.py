"""Where images come from: publishers' archives, fetched and read without running what they may contain, and installed packages."""

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from takd.data import archives, pickles
from takd.data.registry import DATASETS, Archive
from takd.errors import DataError, shortened

CHUNK = 1 << 20
TIMEOUT = 30  # seconds without an answer

Images = np.ndarray[Any, np.dtype[np.uint8]]
Labels = np.ndarray[Any, np.dtype[np.int64]]


def fetch(archive: Archive, folder: Path) -> Path:
    """The archive in `folder`, downloaded if it isn't there; a download that was cut off goes on where it stopped.

    Raises DataError where the publisher can't be reached or what came isn't the published file, and where something other than a
    file stands in its place.
    """
    target = folder / archive.filename
    if target.is_file():
        return target
    folder.mkdir(parents=True, exist_ok=True)
    part = target.with_name(target.name + ".part")
    for place in (target, part):
        if place.is_symlink() or (place.exists() and not place.is_file()):
            raise DataError(f"{place}: isn't a file; move it away and fetch the archive again")
    try:
        _download(archive, part)
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", error)
        raise DataError(
            f"{archive.url} can't be reached ({shortened(reason)}); get the file elsewhere and place it at {target}"
        ) from None
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
            while file.tell() <= archive.bytes and (chunk := answer.read(CHUNK)):  # a publisher may send without end
                file.write(chunk)
                progress.advance(bar, len(chunk))


def read_cifar10(path: Path) -> dict[str, tuple[Images, Labels, Labels]]:
    """CIFAR-10's splits: images (N, 3, 32, 32), labels (N,), and the label bytes (N, 1) that the digest covers."""
    names = [*(f"cifar-10-batches-py/data_batch_{i}" for i in range(1, 6)), "cifar-10-batches-py/test_batch"]
    batches = _batches(path, DATASETS["cifar10"].archive, names, ("labels",))
    test_images, test_labels = batches.pop()
    labels = np.concatenate([labels for _, labels in batches])
    images = np.concatenate([images for images, _ in batches])
    return {"train": (images, labels[:, 0], labels), "test": (test_images, test_labels[:, 0], test_labels)}


def read_cifar100(path: Path) -> dict[str, tuple[Images, Labels, Labels]]:
    """CIFAR-100's splits: images (N, 3, 32, 32), fine labels (N,), and the label bytes (N, 2), coarse then fine."""
    names = ["cifar-100-python/train", "cifar-100-python/test"]
    batches = _batches(path, DATASETS["cifar100"].archive, names, ("coarse_labels", "fine_labels"))
    return {part: (images, labels[:, 1], labels) for part, (images, labels) in zip(("train", "test"), batches, strict=True)}


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


def _batches(path: Path, archive: Archive | None, names: list[str], label_keys: tuple[str, ...]) -> list[tuple[Images, Labels]]:
    """Images and labels of each of those batches. Each is decoded as soon as it is read, so that no batch is in memory twice."""
    assert archive is not None
    found = {name: _batch(f"{path}: {name}", content, label_keys) for name, content in archives.files(path, names, archive)}
    if missing := [name for name in names if name not in found]:
        raise DataError(f"{path}: holds no {missing[0]}; is it the archive of another data set?")
    return [found[name] for name in names]


def _batch(where: str, content: bytearray, label_keys: tuple[str, ...]) -> tuple[Images, Labels]:
    """Images (N, 3, 32, 32) and labels (N, len(label_keys)) of one pickled batch."""
    try:
        batch = pickles.read(content)
    except DataError as error:
        raise DataError(f"{where}: {error}") from None
    except Exception as error:  # a damaged pickle can raise nearly anything
        raise DataError(f"{where}: damaged ({shortened(error)}); move the archive away and fetch it again") from None
    if not isinstance(batch, dict) or not isinstance(data := batch.get("data"), pickles.Array):
        raise DataError(f"{where}: no dictionary with an array 'data'")
    if data.shape[1:] != (3072,) or data.shape[0] == 0:
        raise DataError(f"{where}: images of {data.shape[1:]} bytes, expected 3072")
    columns = [batch.get(key) for key in label_keys]
    count = data.shape[0]
    for key, column in zip(label_keys, columns, strict=True):
        in_range = isinstance(column, list) and all(type(label) is int and 0 <= label < 256 for label in column)
        if not in_range or len(column) != count:  # type: ignore[arg-type]
            raise DataError(f"{where}: {key!r} isn't a list of {count} labels")
    return data.array().reshape(-1, 3, 32, 32), np.array(columns, dtype=np.int64).T
