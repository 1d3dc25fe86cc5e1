"""How flat loss surfaces are: one number a network, from the points that `takd surface` measured."""

import pandas as pd

from takd.records.surface import COLUMNS, NETWORK


def rises(points: pd.DataFrame) -> pd.DataFrame:
    """A row a network: `loss`, its own, and `rise`, how far the loss around it is above that, in nats; a lower one is flatter.

    points: of loss surfaces, one or many. The rise is the mean of loss(a, b) - loss(0, 0) over the grid's points in the disc
    a² + b² <= span², each point counting the same. Weights in the corners of the grid are further away, so they don't count.
    matched_loss, matched_rise: the same on test images at matched temperature.
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
    centre, disc = surface[(surface["a"] == 0) & (surface["b"] == 0)], in_disc(surface)
    measured: dict[str, object] = {}
    for prefix in ("", "matched_"):
        own = centre[f"{prefix}loss"].item()
        measured |= {f"{prefix}loss": own, f"{prefix}rise": float((disc[f"{prefix}loss"] - own).mean())}
    measured |= {"points": surface["a"].nunique(), "span": float(surface["a"].max())}
    return {name: surface[name].iloc[0] for name in [*NETWORK, "images", "commit"]} | measured
