"""surfaces/….csv: the loss around a trained network, a row a point; and how flat it is, a row a network."""

import hashlib
from pathlib import Path

import pandas as pd

from takd.csv_files import read
from takd.errors import NetworkNameError, RecordError
from takd.files import read_text, write_text
from takd.study.names import Name

POINT_COLUMNS = ["dataset", "family", "chain", "method", "seed", "images", "commit", "key", "a", "b", "loss", "matched_loss"]
_FILE_COLUMNS = [*POINT_COLUMNS, "digest"]  # of all lines, less this column
COLUMNS = [
    "dataset",
    "family",
    "chain",
    "method",
    "seed",
    "loss",
    "rise",
    "matched_loss",
    "matched_rise",
    "points",
    "span",
    "images",
    "commit",
]
NETWORK = ["dataset", "family", "chain", "method", "seed"]
_SEED, _IMAGES, _ANY = (0, 999_999), (1, 1e7), (-1e30, 1e30)


def write_points(
    path: Path, name: Name, points: list[tuple[float, float, float, float]], *, images: int, commit: str, key: str
) -> None:
    """Write a surface. points: a, b, the loss there, and that at matched temperature, in nats."""
    about = (name.dataset, name.family, name.chain, name.method, name.seed, images, commit, key)
    table = pd.DataFrame([(*about, *point) for point in points], columns=POINT_COLUMNS)
    lines = table.to_csv(index=False, lineterminator="\n", float_format="%.6g").splitlines()
    digest = _digest(lines[1:])
    write_text(path, "\n".join([f"{lines[0]},digest", *(f"{line},{digest}" for line in lines[1:])]) + "\n")


def _digest(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def read_points(paths: list[Path]) -> pd.DataFrame:
    """The points of surfaces, one after another.

    Raises RecordError where a file isn't one, isn't what was written, or two are of one network.
    """
    numbers = {"seed": _SEED, "images": _IMAGES, "a": _ANY, "b": _ANY, "loss": _ANY, "matched_loss": _ANY}
    otherwise = "not a loss surface; takd surface writes one"
    tables = []
    for path in paths:
        table = read(path, _FILE_COLUMNS, RecordError, numbers=numbers, whole=["seed", "images"], otherwise=otherwise)
        _check(path, table)
        tables.append(table[POINT_COLUMNS])
    points = pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=POINT_COLUMNS)
    if points.duplicated([*NETWORK, "a", "b"]).any():
        raise RecordError("two of the loss surfaces are of one network")
    return points


def _check(path: Path, table: pd.DataFrame) -> None:
    """Raise RecordError where a surface isn't whole, of one network, or what was written."""
    if table[["a", "b", "loss", "matched_loss", "seed", "images"]].isna().any(axis=None) or len(table) == 0:
        raise RecordError(f"{path}: not a whole loss surface; `takd surface` writes one")
    if len(table[[*NETWORK, "images", "commit", "key"]].drop_duplicates()) > 1:
        raise RecordError(f"{path}: of several networks; takd surface writes one file for each")
    lines = [line.rpartition(",") for line in read_text(path).splitlines()[1:]]
    if {digest for _, _, digest in lines} != {_digest([line for line, _, _ in lines])}:
        raise RecordError(f"{path}: isn't what was written: it was changed by hand, or damaged")
    try:
        Name.parse("{dataset}/{family}/{chain}/seed{seed}".format(**{column: table[column][0] for column in NETWORK}))
    except NetworkNameError as error:
        raise RecordError(f"{path}: {error}") from None


def stored_key(path: Path) -> str | None:
    """The key that a surface bears; None where there is no whole one."""
    try:
        keys = set(read_points([path])["key"])
    except RecordError:
        return None
    return keys.pop() if len(keys) == 1 else None


def read_rises(paths: list[Path]) -> pd.DataFrame:
    """How flat surfaces are, each network once. Raises RecordError where a file isn't one, or two differ about a network."""
    bounds = {
        "seed": _SEED,
        "loss": _ANY,
        "rise": _ANY,
        "matched_loss": _ANY,
        "matched_rise": _ANY,
        "points": (3, 201),
        "span": (0, 10),
        "images": _IMAGES,
    }
    otherwise = "not the flatness of surfaces; a figure of surfaces writes it"
    tables = [
        read(path, COLUMNS, RecordError, numbers=bounds, whole=["seed", "points", "images"], otherwise=otherwise) for path in paths
    ]
    rows = (pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)).drop_duplicates()
    if rows.duplicated(NETWORK).any():
        raise RecordError(f"{', '.join(map(str, paths))}: differ about the loss surface of one network; make them anew")
    return rows
