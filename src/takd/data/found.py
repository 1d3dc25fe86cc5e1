"""Images that were found, with their classes: what folders, tables and torchvision's data sets have in common."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from takd.data import pictures
from takd.data.randomness import generator
from takd.errors import DataError, shortened

TEST_SHARE = "test_share (--test-share for takd init)"  # as errors call it: of a preset, and as it is typed


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


def numbered(root: Path, train: dict[str, list[Path]], test: dict[str, list[Path]], skipped: int = 0) -> Found:
    """Images by class become images with labels: classes are numbered in the order of their names' bytes.

    Raises DataError for one class alone, a class without images, a class that only one of the splits has, or none to test on.
    """
    for split, images in (("train", train), ("test", test)):
        for name, paths in images.items():
            checked_name(root, name)
            if not paths:
                raise DataError(f"{root}: class {shortened(name)!r} has no {split} images; the kinds read are {_kinds()}")
    for name in test:
        if name not in train:
            raise DataError(f"{root}: class {shortened(name)!r} has test images alone; add some to train on, or leave it out")
    for name in train if test else ():
        if name not in test:
            raise DataError(f"{root}: class {shortened(name)!r} has train images alone; add some to test on, or leave it out")
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
