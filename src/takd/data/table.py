"""Images of one's own in a table: path,label and, unless a share of them is kept for testing, split."""

import csv
from pathlib import Path
from typing import TextIO

from takd.data.found import TEST_SHARE, Found, divided, numbered
from takd.data.registry import OwnImages
from takd.errors import DataError, shortened

LARGEST = 1_000_000_000  # bytes


def find(path: Path, spec: OwnImages) -> Found:
    """The images of a table. Paths are relative to it; their suffix doesn't matter.

    Raises DataError, with the line's number, where a row names no file, no label or another split than train and test.
    """
    if not path.is_file():
        raise DataError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
    if path.stat().st_size > LARGEST:
        raise DataError(f"{path}: larger than {LARGEST:,} bytes")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            by_split = _by_split(path, file, spec)
    except UnicodeDecodeError:
        raise DataError(f"{path}: not a text in UTF-8") from None
    except csv.Error as error:
        raise DataError(f"{path}: not a table of comma-separated values ({shortened(error)})") from None
    if spec.test_share is not None:
        train, test = divided(path, by_split["train"], spec.test_share, spec.test_seed)
        return _relative(path, numbered(path, train, test))
    return _relative(path, numbered(path, by_split["train"], by_split["test"]))


def _relative(path: Path, found: Found) -> Found:
    return Found(path.parent, found.train, found.test, found.classes, found.skipped)


def _by_split(path: Path, file: TextIO, spec: OwnImages) -> dict[str, dict[str, list[Path]]]:
    """Paths by split and label. Without a column split, all are under train."""
    rows = csv.reader(file, strict=True)
    header: list[str] = next(rows, [])
    columns = ["path", "label"] if spec.test_share is not None else ["path", "label", "split"]
    for name in columns:
        if header.count(name) != 1:
            hint = f", or give a {TEST_SHARE}" if name == "split" else ""
            raise DataError(f"{path}: the first line needs one column {name!r}{hint}; it has {shortened(','.join(header))!r}")
    if spec.test_share is not None and "split" in header:
        raise DataError(f"{path}: has a column 'split' already; leave out test_share")
    found: dict[str, dict[str, list[Path]]] = {"train": {}, "test": {}}
    for row in rows:
        where = f"{path}, line {rows.line_num}"
        if not row:
            continue
        if len(row) != len(header):
            raise DataError(f"{where}: {len(row)} cells; the first line has {len(header)}")
        cells = dict(zip(header, row, strict=True))
        split = cells["split"] if spec.test_share is None else "train"
        if split not in found:
            raise DataError(f"{where}: split {shortened(split)!r}; it is train or test")
        if not cells["label"]:
            raise DataError(f"{where}: no label")
        try:
            is_file = (path.parent / cells["path"]).is_file()
        except (OSError, ValueError):  # a name that is too long, or holds a null
            is_file = False
        if not is_file:
            raise DataError(f"{where}: no file {shortened(cells['path'])!r} beside the table")
        found[split].setdefault(cells["label"], []).append(path.parent / cells["path"])
    return found
