"""Pictures of one's own without labels: all below a folder, read and put in the order of their digests."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from takd.data import own
from takd.data.folders import pictures_below
from takd.data.sources import Images
from takd.data.splits import in_order
from takd.errors import DataError


@dataclass(frozen=True)
class Unlabelled:
    """images: (M, size, size, 3), uint8, in the order of `digests`, sha256 of each one's pixels."""

    images: Images
    digests: list[bytes]

    @property
    def digest(self) -> str:
        """Of all of them, wherever they lie and whatever they are called."""
        return hashlib.sha256(b"".join(self.digests)).hexdigest()


def read(folder: Path, size: int, at_most: int) -> Unlabelled:
    """The pictures of a folder and of those below it. at_most: bytes of pixels that there is room for.

    Raises DataError where there is no such folder, no picture in it, one that can't be read, or more than there is room for.
    """
    if not folder.is_dir():
        raise DataError(
            f"{folder}: {'not a folder' if folder.exists() else 'no such folder'}; it should hold images without labels"
        )
    paths = pictures_below(folder)
    if len(paths) * size * size * 3 > at_most:
        raise DataError(
            f"{folder}: {len(paths):,} images without labels don't fit into memory beside the others; give a smaller size"
        )
    images = np.empty((len(paths), size, size, 3), np.uint8)

    def one(place: int) -> bytes:
        images[place] = own.pixels(paths[place], size)
        return hashlib.sha256(images[place].tobytes()).digest()

    digests = list(in_order(one, range(len(paths))))
    order = sorted(range(len(paths)), key=digests.__getitem__)
    return Unlabelled(images[order], [digests[place] for place in order])
