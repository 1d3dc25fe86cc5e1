"""Data sets are prepared: what an archive or a folder holds is verified, put in the order of digests, and written to one file."""

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from takd.data import own, sources, unlabelled
from takd.data.own import Found, Item
from takd.data.prepared_file import PreparedData as PreparedData
from takd.data.prepared_file import Rows, digest_of_both, write
from takd.data.prepared_file import combined_digest as combined_digest
from takd.data.prepared_file import load as load
from takd.data.registry import DATASETS, IN_MEMORY_BYTES, LARGEST_SIDE, SMALLEST_SIDE, OwnImages, dataset
from takd.data.sources import Images, Labels
from takd.data.splits import Split as Split
from takd.data.splits import StreamedSplit as StreamedSplit
from takd.data.splits import digest_of, in_order, label_bytes
from takd.errors import DataError


@dataclass(frozen=True)
class PreparedSummary:
    """What was prepared. digest: of both splits' content, for a lock file. labels: the classes' names.

    train, test: images. skipped: files that were left out. duplicates: test images whose pixels are those of a training image.
    unlabelled: images without labels, of that digest; unlabelled_tests: those whose pixels are those of a test image.
    """

    name: str
    digest: str
    labels: tuple[str, ...]
    size: int
    train: int
    test: int
    skipped: int
    duplicates: int
    streamed: bool
    unlabelled: int = 0
    unlabelled_tests: int = 0
    unlabelled_digest: str | None = None


def prepare(name: str, raw: Path, output: Path) -> None:
    """Read the data set's archive in `raw` (downloaded if it isn't there), verify its content, and write it to `output`.

    Images are written in the order of their digests, so the file doesn't depend on the archive's order.
    Raises DataError where the archive is missing, damaged or holds other content than the published one, and where the registry has
    other numbers of classes or training images.
    """
    published = dataset(name)
    if published.archive is None:
        parts, source = sources.BUNDLED[name](), f"{name} of the installed packages"
    else:
        path = sources.fetch(published.archive, raw)
        parts, source = sources.READERS[name](path), str(path)
    tensors: dict[str, Rows] = {}
    for split, (images, labels, bytes_of_labels) in parts.items():
        digests = image_digests(images, bytes_of_labels)
        expected = published.train_digest if split == "train" else published.test_digest
        if content_digest(digests) != expected:
            raise DataError(
                f"{source}: the {split} images aren't those of {published.title}: "
                f"content digest {content_digest(digests)[:12]}…, expected {expected[:12]}…"
            )
        if not 0 <= labels.min() <= labels.max() < published.classes:
            raise DataError(
                f"{source}: the {split} labels go from {labels.min()} to {labels.max()}; "
                f"for {published.classes} classes they go from 0 to {published.classes - 1}"
            )
        if split == "train" and len(images) != published.training_images:
            raise DataError(f"{source}: {len(images)} training images; the registry says {published.training_images}")
        order = _order(digests)
        tensors |= {f"{split}_images": Rows(images.transpose(0, 2, 3, 1), order), f"{split}_labels": Rows(labels, order)}
    head = {
        "dataset": name,
        "title": published.title,
        "classes": published.classes,
        "labels": list(published.labels),
        "size": parts["train"][0].shape[2],
        "images": {split: len(part[1]) for split, part in parts.items()},
        "digest": combined_digest(published),
    }
    write(output, head, tensors)


def prepare_own(
    name: str,
    spec: OwnImages,
    output: Path,
    *,
    expected: str | None,
    expected_unlabelled: str | None = None,
    in_memory_bytes: int = IN_MEMORY_BYTES,
    raw: Path = own.RAW,
) -> PreparedSummary:
    """Read images of one's own, verify their content, and write them to `output`, in the order of their digests.

    expected, expected_unlabelled: the digests that those with labels, and those without, had when they were registered, where they
    were. in_memory_bytes: if their pixels take more, the file holds names and digests alone, and pixels are read when asked
    for; those without labels need room beside the others. raw: where torchvision's data sets lie.
    Raises DataError where images are missing, damaged, not divided into classes and splits, or others than expected.
    """
    if name in DATASETS:
        raise DataError(f"{name}: is the name of {DATASETS[name].title}; give your images another")
    found = own.find(spec, raw)
    size = spec.size or own.common_side(found)
    if not SMALLEST_SIDE <= size <= LARGEST_SIDE:
        raise DataError(f"{found.root}: images of {size} × {size} pixels; give a size from {SMALLEST_SIDE} to {LARGEST_SIDE}")
    bytes_of_images = (len(found.train) + len(found.test)) * size * size * 3
    streamed = bytes_of_images > in_memory_bytes
    train = _read(found, found.train, size, keep=not streamed)
    test = _read(found, found.test, size, keep=not streamed)
    digest = digest_of_both(content_digest(train.digests), content_digest(test.digests))
    if expected is not None and digest != expected:
        raise DataError(
            f"{found.root}: not the images that were registered: content digest {digest[:12]}…, expected {expected[:12]}…; "
            f"{_what_to_do(name)}"
        )
    more = None
    if spec.unlabelled is not None:
        more = unlabelled.read(Path(spec.unlabelled), size, 0 if streamed else in_memory_bytes - bytes_of_images)
        if expected_unlabelled is not None and more.digest != expected_unlabelled:
            raise DataError(
                f"{spec.unlabelled}: not the images that were registered: content digest {more.digest[:12]}…, "
                f"expected {expected_unlabelled[:12]}…; {_what_to_do(name)}"
            )
    trained_on = set(train.pixel_digests)
    duplicates = sum(one in trained_on for one in test.pixel_digests)
    counts = {"train": len(train.labels), "test": len(test.labels), "skipped": found.skipped, "duplicates": duplicates}
    head: dict[str, Any] = {
        "dataset": name,
        "title": name,
        "classes": len(found.classes),
        "labels": list(found.classes),
        "size": size,
        "images": counts,
        "digest": digest,
        "streamed": streamed,
    }
    if streamed:
        head["root"] = str(found.root)
    rows = train.rows("train", found) | test.rows("test", found)
    summary = PreparedSummary(
        name=name,
        digest=digest,
        labels=found.classes,
        size=size,
        train=len(train.labels),
        test=len(test.labels),
        skipped=found.skipped,
        duplicates=duplicates,
        streamed=streamed,
    )
    if more is not None:
        head |= {"unlabelled_digest": more.digest, "images": counts | {"unlabelled": len(more.images)}}
        rows["unlabelled_images"] = Rows(more.images)
        tests = set(test.pixel_digests)
        among = sum(one in tests for one in more.digests)
        summary = replace(summary, unlabelled=len(more.images), unlabelled_tests=among, unlabelled_digest=more.digest)
    write(output, head, rows)
    return summary


def digest_of_found(found: Found, size: int) -> str:
    """The content digest of images as they lie there now, which are read for it. Raises DataError where one is damaged."""
    splits = [_read(found, items, size, keep=False) for items in (found.train, found.test)]
    return digest_of_both(*(content_digest(split.digests) for split in splits))


def _what_to_do(name: str) -> str:
    """What to do where images aren't those that their lock was written for."""
    return f"bring those back, or delete presets/{name}.lock and run again: these count from then on, and networks are trained anew"


@dataclass(frozen=True)
class _Part:
    """A split that was read, in the order in which it was found. images: (N, H, W, 3), uint8, or None where it is streamed."""

    items: list[Item]
    images: Images | None
    labels: Labels
    digests: list[bytes]
    pixel_digests: list[bytes]

    def rows(self, split: str, found: Found) -> dict[str, Rows]:
        """What is written of it, in the order of digests."""
        order = _order(self.digests)
        rows = {f"{split}_labels": Rows(self.labels, order)}
        if self.images is not None:
            return rows | {f"{split}_images": Rows(self.images, order)}
        digests = np.frombuffer(b"".join(self.digests), np.uint8).reshape(-1, 32)
        names = b"".join(_name(self.items[position], found.root) + b"\0" for position in order.tolist())
        return rows | {f"{split}_digests": Rows(digests, order), f"{split}_paths": Rows(np.frombuffer(names, np.uint8))}


def _read(found: Found, items: list[Item], size: int, *, keep: bool) -> _Part:
    """Read all images of a split; their pixels are kept where `keep`."""
    if not keep and (stored := next((source for source, _ in items if not isinstance(source, Path)), None)):
        raise DataError(f"{stored}: the data set is too large for memory; unpack it, and give its folder or a smaller size")
    labels = np.array([label for _, label in items], dtype=np.int64)
    heads = label_bytes(labels, len(found.classes))
    images = np.empty((len(items), size, size, 3), np.uint8) if keep else None

    def read(position: int) -> tuple[bytes, bytes]:
        image = own.pixels(items[position][0], size)
        if images is not None:
            images[position] = image
        return digest_of(heads[position], image), hashlib.sha256(image.tobytes()).digest()

    pairs = list(in_order(read, range(len(items))))
    return _Part(items, images, labels, [digest for digest, _ in pairs], [digest for _, digest in pairs])


def _name(item: Item, root: Path) -> bytes:
    """A file's name, relative to the root; one that a table gave from the file system's root stays as it is."""
    path = item[0]
    assert isinstance(path, Path)
    return os.fsencode(path.relative_to(root) if path.is_relative_to(root) else path.absolute())


def _order(digests: list[bytes]) -> Labels:
    """Positions in the order of digests; equal ones stay in theirs."""
    return np.array(sorted(range(len(digests)), key=digests.__getitem__), dtype=np.int64)


def content_digest(image_digests: list[bytes]) -> str:
    """sha256 over the sorted digests of all images: the same for any order of them."""
    return hashlib.sha256(b"".join(sorted(image_digests))).hexdigest()


def image_digests(images: Images, label_bytes: Labels) -> list[bytes]:
    """sha256 of each image's label bytes (one, or coarse and fine) followed by its pixels, channel first."""
    heads = label_bytes.astype(np.uint8)
    return [hashlib.sha256(head.tobytes() + image.tobytes()).digest() for head, image in zip(heads, images, strict=True)]
