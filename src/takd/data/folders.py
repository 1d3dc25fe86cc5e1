"""Images of one's own in folders: train/ with test/ or val/, or one tree of which a share is kept for testing."""

import os
from collections.abc import Iterator
from pathlib import Path

from takd.data import pictures
from takd.data.found import TEST_SHARE, Found, divided, numbered
from takd.data.registry import OwnImages
from takd.errors import DataError

_LEFT_BY_SYSTEMS = ("thumbs.db", "desktop.ini", "__macosx")  # hidden ones, such as .DS_Store, are left out by their point


def find(root: Path, spec: OwnImages) -> Found:
    """The images of a folder. Raises DataError where it isn't one, or doesn't say which images are for testing."""
    if not root.is_dir():
        raise DataError(f"{root}: {'not a folder' if root.exists() else 'no such folder'}")
    there = {name for name in ("train", "test", "val") if (root / name).is_dir()}
    tested = "test" if "test" in there else "val" if "val" in there else None
    if tested is None:
        tree = root / "train" if there else root
        if spec.test_share is None:
            missing = "no test/ or val/ beside train/" if there else "no train/ with test/ or val/"
            raise DataError(f"{root}: {missing}; add one, or give a {TEST_SHARE}")
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


def pictures_below(folder: Path) -> list[Path]:
    """The pictures in a folder and in those below it, sorted. Raises DataError where there is none."""
    files = _files(folder, folder.resolve())
    found = [file for file in files if not _is_left_out(file) and pictures.is_picture(file) and file.is_file()]
    if not found:
        raise DataError(f"{pictures.shown(folder)}: holds no pictures ({', '.join(sorted(pictures.SUFFIXES))})")
    return sorted(found, key=os.fsencode)


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
