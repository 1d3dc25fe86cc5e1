"""Images of one's own: found in a folder of classes, in a table, or in a data set of torchvision's, and read one by one."""

from pathlib import Path

from takd.data import folders, from_torchvision, pictures, table
from takd.data.found import Found as Found
from takd.data.found import Item as Item
from takd.data.found import Stored
from takd.data.pictures import Pixels
from takd.data.registry import MOST_CLASSES, OwnImages
from takd.errors import DataError

RAW = Path("data/raw")


def find(spec: OwnImages, raw: Path = RAW) -> Found:
    """The images that `spec` tells of. raw: where torchvision keeps its data sets.

    Raises DataError, in one line that names class or file, where there is no such place, fewer than two classes, a class without
    training images or without any, or images of which it isn't said which are for testing.
    """
    if spec.torchvision is not None:
        found = from_torchvision.find(spec.torchvision, raw)
    elif spec.csv is not None:
        found = table.find(Path(spec.csv), spec)
    else:
        assert spec.folder is not None
        found = folders.find(Path(spec.folder), spec)
    if len(found.classes) > MOST_CLASSES:
        raise DataError(f"{found.root}: {len(found.classes):,} classes; there can be {MOST_CLASSES:,}")
    return found


def pixels(source: Path | Stored, size: int) -> Pixels:
    """An image's pixels: (size, size, 3), uint8. Raises DataError where it can't be read."""
    if isinstance(source, Path):
        return pictures.read(source, size)
    return pictures.fitted(source.image(), size, str(source))


def shorter_side(source: Path | Stored) -> int:
    """The shorter side of an image, in pixels. Raises DataError where it can't be read."""
    return pictures.shorter_side(source) if isinstance(source, Path) else min(source.image().size)


def common_side(found: Found) -> int:
    """The side of all images, where they are squares of one size. Raises DataError where they aren't."""
    first, side = "", 0
    for source, _ in (*found.train, *found.test):
        where = pictures.shown(source) if isinstance(source, Path) else str(source)
        its = pictures.side(source) if isinstance(source, Path) else pictures.side_of(source.image(), where)
        if first and its != side:
            raise DataError(
                f"{where}: {its} × {its} pixels, but {first} has {side} × {side}; give a size, to which images are scaled"
            )
        first, side = first or where, its
    return side
