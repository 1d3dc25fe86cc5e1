"""How flat loss surfaces are: one number a network, from the points that `takd surface` measured."""

from pathlib import Path

import pandas as pd

from takd.errors import CheckpointError
from takd.reporting import csv_files

POINT_COLUMNS = ["dataset", "family", "chain", "method", "seed", "images", "commit", "a", "b", "loss"]
COLUMNS = ["dataset", "family", "chain", "method", "seed", "loss", "rise", "points", "span", "images", "commit"]
NETWORK = ["dataset", "family", "chain", "method", "seed"]


def rises(points: pd.DataFrame) -> pd.DataFrame:
    """A row a network: `loss`, its own, and `rise`, how far the loss around it is above that, in nats; a lower one is flatter.

    points: of loss surfaces, one or many. The rise is the mean of loss(a, b) - loss(0, 0) over the grid's points in the disc
    a² + b² <= span², each point counting the same. Weights in the corners of the grid are further away, so they don't count.
    """
    rows = [_row(surface) for _, surface in points.groupby(NETWORK, sort=False)]
    return pd.DataFrame(rows, columns=COLUMNS)


def of_chain(table: pd.DataFrame, dataset: str, family: str, chain: str) -> pd.DataFrame:
    """The rows of one chain, of points or of rises."""
    return table[(table["dataset"] == dataset) & (table["family"] == family) & (table["chain"] == chain)]


def in_disc(points: pd.DataFrame) -> pd.DataFrame:
    """The points of one or more surfaces of one span that are no further from the network than the span."""
    span = points["a"].max() * (1 + 1e-4)  # the files have six digits
    inside: pd.Series[bool] = points["a"] ** 2 + points["b"] ** 2 <= span**2
    return points[inside]


def _row(surface: pd.DataFrame) -> dict[str, object]:
    own = surface.loc[(surface["a"] == 0) & (surface["b"] == 0), "loss"].item()
    rise = float((in_disc(surface)["loss"] - own).mean())
    measured = {"loss": own, "rise": rise, "points": surface["a"].nunique(), "span": float(surface["a"].max())}
    return {name: surface[name].iloc[0] for name in [*NETWORK, "images", "commit"]} | measured


def read_points(paths: list[Path]) -> pd.DataFrame:
    """The points of loss surfaces, one after another. Raises CheckpointError where a file isn't one, or two are of one network."""
    points = _read(paths, POINT_COLUMNS, "not a loss surface; takd surface writes one")
    if points.duplicated([*NETWORK, "a", "b"]).any():
        raise CheckpointError("two of the loss surfaces are of one network")
    return points


def read(paths: list[Path]) -> pd.DataFrame:
    """Files of `rises`, each network once. Raises CheckpointError where a file isn't one, or two differ about a network."""
    rows = _read(paths, COLUMNS, "not the flatness of surfaces; takd draw-surfaces writes it").drop_duplicates()
    if rows.duplicated(NETWORK).any():
        raise CheckpointError(f"{', '.join(map(str, paths))}: differ about the loss surface of one network; make them anew")
    return rows


def _read(paths: list[Path], columns: list[str], otherwise: str) -> pd.DataFrame:
    tables = [csv_files.read(path, columns, CheckpointError, otherwise) for path in paths]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=columns)


def as_csv(table: pd.DataFrame) -> str:
    """`rises` as CSV."""
    return table.to_csv(index=False, lineterminator="\n", float_format="%.6g")
