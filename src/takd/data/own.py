"""Finds images of one's own, without reading them: in a folder of classes, in a table, or in a data set of torchvision's."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from takd.data import pictures
from takd.data.pictures import Pixels
from takd.data.randomness import generator
from takd.data.registry import MOST_CLASSES, OwnImages
from takd.errors import DataError, shortened

RAW = Path("data/raw")
_LEFT_BY_SYSTEMS = ("thumbs.db", "desktop.ini", "__macosx")  # hidden ones, such as .DS_Store, are left out by their point


@dataclass(frozen=True)
class Stored:
    """An image of a data set of torchvision's, which may have no file of its own."""

    dataset: Any
    index: int

    def image(self) -> Any:
        """The picture, as Pillow's class. Raises DataError where the data set gives something else."""
        try:
            image = self.dataset[self.index][0]
        except Exception as error:  # whatever its class raises
            raise DataError(f"{self}: can't be read ({shortened(error)})") from None
        if not isinstance(image, Image.Image):
            raise DataError(f"{self}: not a picture, but {type(image).__name__}")
        return image

    def __str__(self) -> str:
        return f"torchvision's {type(self.dataset).__name__}, image {self.index}"


Item = tuple[Path | Stored, int]


@dataclass(frozen=True)
class Found:
    """The images of both splits with their labels, sorted by label and path.

    root: the folder that a streamed file's paths are relative to. classes: names, in the order of the labels. skipped: how many
    files and hidden folders were left out.
    """

    root: Path
    train: list[Item]
    test: list[Item]
    classes: tuple[str, ...]
    skipped: int = 0


def find(spec: OwnImages, raw: Path = RAW) -> Found:
    """The images that `spec` tells of. raw: where torchvision keeps its data sets.

    Raises DataError, in one line that names class or file, where there is no such place, fewer than two classes, a class without
    training images or without any, or images of which it isn't said which are for testing.
    """
    if spec.torchvision is not None:
        from takd.data import from_torchvision

        found = from_torchvision.find(spec.torchvision, raw)
    elif spec.csv is not None:
        from takd.data import table

        found = table.find(Path(spec.csv), spec)
    else:
        assert spec.folder is not None
        found = _in_folder(Path(spec.folder), spec)
    if len(found.classes) > MOST_CLASSES:
        raise DataError(f"{found.root}: {len(found.classes):,} classes; there can be {MOST_CLASSES:,}")
    return found


def pixels(source: Path | Stored, size: int) -> Pixels:
    """An image's pixels: (size, size, 3), uint8. Raises DataError where it can't be read."""
    if isinstance(source, Path):
        return pictures.read(source, size)
    return pictures.fitted(source.image(), size, str(source))


def common_side(found: Found) -> int:
    """The side of all images, where they are squares of one size. Raises DataError where they aren't."""
    first, side = "", 0
    for source, _ in (*found.train, *found.test):
        its = pictures.side(source) if isinstance(source, Path) else pictures.side_of(source.image(), str(source))
        if first and its != side:
            raise DataError(
                f"{source}: {its} × {its} pixels, but {first} has {side} × {side}; give a size, to which images are scaled"
            )
        first, side = first or str(source), its
    return side


def numbered(root: Path, train: dict[str, list[Path]], test: dict[str, list[Path]], skipped: int = 0) -> Found:
    """Images by class become images with labels: classes are numbered in the order of their names' bytes.

    Raises DataError for one class alone, a class without images, a class that only the test images have, or none to test on.
    """
    for split, images in (("train", train), ("test", test)):
        for name, paths in images.items():
            checked_name(root, name)
            if not paths:
                raise DataError(f"{root}: class {shortened(name)!r} has no {split} images; the kinds read are {_kinds()}")
    for name in test:
        if name not in train:
            raise DataError(f"{root}: class {shortened(name)!r} has test images alone; add some to train on, or leave it out")
    classes = sorted(train, key=os.fsencode)
    if len(classes) < 2:
        there = f"class {shortened(classes[0])!r} alone" if classes else "no class"
        raise DataError(f"{root}: {there}; give at least two, a folder or a label each")
    if not test:
        raise DataError(f"{root}: no test images")
    items: list[list[Item]] = [
        [(path, label) for label, name in enumerate(classes) for path in sorted(images.get(name, []), key=os.fsencode)]
        for images in (train, test)
    ]
    return Found(root, items[0], items[1], tuple(classes), skipped)


def divided(
    root: Path, images: dict[str, list[Path]], share: float, seed: int
) -> tuple[dict[str, list[Path]], dict[str, list[Path]]]:
    """Images by class to train on, and to test on: of each class `share`, rounded, drawn by `seed` from its sorted paths.

    Raises DataError where that leaves a class with none of either.
    """
    train, test = {}, {}
    for name in sorted(images, key=os.fsencode):
        paths = sorted(images[name], key=os.fsencode)
        count = round(share * len(paths))
        if paths and not 0 < count < len(paths):
            raise DataError(
                f"{root}: class {shortened(name)!r} has {len(paths)} images; test_share {share:g} keeps {count} of them for testing"
            )
        order = torch.randperm(len(paths), generator=generator("test_share", seed, name)).tolist()
        test[name] = [paths[position] for position in order[:count]]
        train[name] = [paths[position] for position in order[count:]]
    return train, test


def checked_name(root: Path, name: str) -> None:
    """Raises DataError where a class's name is no text that a table or a figure can show."""
    if not name or len(name) > 255 or not all(letter.isprintable() for letter in name):  # undecoded bytes aren't printable
        raise DataError(f"{root}: {shortened(name)!r} can't be the name of a class; use letters, digits and blanks")


def _kinds() -> str:
    return " ".join(sorted(pictures.SUFFIXES))


def _in_folder(root: Path, spec: OwnImages) -> Found:
    if not root.is_dir():
        raise DataError(f"{root}: {'not a folder' if root.exists() else 'no such folder'}")
    there = {name for name in ("train", "test", "val") if (root / name).is_dir()}
    tested = "test" if "test" in there else "val" if "val" in there else None
    if tested is None:
        tree = root / "train" if there else root
        if spec.test_share is None:
            missing = "no test/ or val/ beside train/" if there else "no train/ with test/ or val/"
            raise DataError(f"{root}: {missing}; add one, or give a test_share")
        images, skipped = _classes(tree, root)
        train, test = divided(tree, images, spec.test_share, spec.test_seed)
        return numbered(root, train, test, skipped)
    if "train" not in there:
        raise DataError(f"{root}: has {tested}/, but no train/ beside it")
    if spec.test_share is not None:
        raise DataError(f"{root}: has train/ and {tested}/ already; leave out test_share")
    train, skipped_train = _classes(root / "train", root)
    test, skipped_test = _classes(root / tested, root)
    return numbered(root, train, test, skipped_train + skipped_test)


def _classes(tree: Path, root: Path) -> tuple[dict[str, list[Path]], int]:
    """The images of each folder in `tree`, and how many files were left out."""
    images, skipped = {}, 0
    for entry in _entries(tree):
        if _is_left_out(entry) or not entry.is_dir() or tree.resolve().is_relative_to(entry.resolve()):
            skipped += 1
            continue
        files = list(_files(entry, root.resolve()))
        images[entry.name] = [file for file in files if not _is_left_out(file) and pictures.is_picture(file) and file.is_file()]
        skipped += len(files) - len(images[entry.name])
    return images, skipped


def _files(folder: Path, root: Path) -> Iterator[Path]:
    """Files of a folder and of those within it, and hidden folders as they are.

    Links to folders are followed out of the root alone: within it, or above it, they would lead to other classes' images, or in a
    circle.
    """
    folders, visited = [folder], {folder.resolve()}
    while folders:
        for entry in _entries(folders.pop()):
            if not entry.is_dir() or _is_left_out(entry):
                yield entry
                continue
            place = entry.resolve()
            linked_within = entry.is_symlink() and (place.is_relative_to(root) or root.is_relative_to(place))
            if place not in visited and not linked_within:
                visited.add(place)
                folders.append(entry)


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir(), key=os.fsencode)
    except OSError as error:
        raise DataError(f"{folder}: can't be read ({error.strerror})") from None


def _is_left_out(entry: Path) -> bool:
    return entry.name.startswith(".") or entry.name.lower() in _LEFT_BY_SYSTEMS
