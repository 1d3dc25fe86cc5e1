"""The picture of a confusion matrix: which classes a network takes for which."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import colormaps, pyplot
from matplotlib.colors import PowerNorm

from takd.errors import shortened
from takd.files import write_text, written_whole
from takd.reporting.style import STYLE

MOST_NUMBERED = 25  # classes whose cells have room for numbers
MOST_NAMED = 150  # classes whose names can be read along an axis
LONGEST_NAME = 24  # characters
LOOK = STYLE | {"axes.grid": False, "axes.spines.top": True, "axes.spines.right": True}

Counts = np.ndarray[Any, np.dtype[np.int64]]


def write(path: Path, counts: Counts, labels: Sequence[str], title: str) -> None:
    """Write a confusion matrix, whole or not at all: its counts where the name ends in .csv, else its picture, a PNG.

    counts: (C, C), images of class i (rows) that were answered by class j (columns). labels: of the C classes.
    """
    if path.suffix.lower() == ".csv":
        table = pd.DataFrame(counts, index=pd.Index(labels, name="class"), columns=list(labels))
        write_text(path, table.to_csv(lineterminator="\n"))
        return
    with pyplot.rc_context(LOOK), written_whole(path) as file, warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # a frame stands for it; the .csv has the names
        picture = draw(counts, labels, title)
        picture.savefig(file, format="png")
        pyplot.close(picture)


def draw(counts: Counts, labels: Sequence[str], title: str) -> Any:
    """The picture: each row in per cent of its class's images. A class without images has a grey row."""
    classes = len(labels)
    images = counts.sum(axis=1, keepdims=True)
    shares = np.ma.masked_invalid(np.divide(100 * counts, images, out=np.full(counts.shape, np.nan), where=images > 0))
    side = min(max(3.2, 1.6 + 0.3 * classes), 12)  # inches
    picture, axis = pyplot.subplots(figsize=(side * 1.1, side))
    colours = colormaps["Blues"].with_extremes(bad="0.85")
    # by the root: a tenth of a class's images, mistaken for another, is to be seen
    drawn = axis.imshow(shares, cmap=colours, norm=PowerNorm(0.5, 0, 100), interpolation="nearest")
    bar = picture.colorbar(drawn, ax=axis, shrink=0.6, ticks=[0, 1, 5, 10, 25, 50, 75, 100])
    bar.set_label("% of the class's images")
    axis.set(title=title, xlabel="answered", ylabel="class")
    if classes <= MOST_NAMED:
        size = min(8, 72 * side * 0.62 / classes)  # points, of which a row has that many
        names = [shortened(label, LONGEST_NAME) for label in labels]
        axis.set_xticks(range(classes), names, rotation=90, fontsize=size)
        axis.set_yticks(range(classes), names, fontsize=size)
        axis.tick_params(length=2)
    if classes <= MOST_NUMBERED:
        for row, column in zip(*np.nonzero(counts), strict=True):
            share = shares[row, column]
            text = f"{share:.0f}" if share >= 1 else "<1"
            axis.text(column, row, text, ha="center", va="center", fontsize=7, color="white" if share > 35 else "black")
    return picture
