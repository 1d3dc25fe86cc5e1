"""The look that all figures share, and how a picture is written."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib
import pandas as pd

from takd.files import write_text, written_whole
from takd.markdown import one_line
from takd.reporting.context import CHOSEN_ON_TEST, Context, family_title

matplotlib.use("Agg")

from matplotlib import pyplot, ticker

# Okabe and Ito's: told apart by colour-blind readers, and in grey.
BLUE, RED, GREEN, PINK, BLACK, ORANGE, SKY = "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#000000", "#e69f00", "#56b4e9"
COLOURS = (BLUE, RED, GREEN, PINK, BLACK, ORANGE, SKY)
STYLE: dict[Any, Any] = {
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "0.92",
    "axes.axisbelow": True,
    "axes.titlesize": 8,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "figure.constrained_layout.use": True,
    "text.parse_math": False,  # a name with two $ is a name
    "svg.hashsalt": "takd",  # the same figure is the same file
    "savefig.dpi": 200,
    "savefig.bbox": "tight",  # else the caps of error bars in a legend below the axes are cut
}


def write(
    numbers: pd.DataFrame, draw: Callable[[], Any], place: Path, *, look: Mapping[Any, Any] = STYLE, digits: str = "%.4f"
) -> list[Path]:
    """Write a figure's numbers as CSV beside `place`, then what `draw` draws of them; all files. digits: of each number."""
    csv = place.with_name(f"{place.name}.csv")
    write_text(csv, numbers.to_csv(index=False, lineterminator="\n", float_format=digits))
    with pyplot.rc_context(dict(look)):
        return [csv, *save(draw(), place)]


def save(picture: Any, place: Path) -> list[Path]:
    """Write a picture as PNG and SVG beside `place`, and forget it."""
    png, svg = (place.with_name(f"{place.name}.{suffix}") for suffix in ("png", "svg"))
    for path, options in ((png, {"format": "png"}), (svg, {"format": "svg", "metadata": {"Date": None}})):
        with written_whole(path) as file:
            picture.savefig(file, **options)
    pyplot.close(picture)
    return [png, svg]


def plain_log(axis: Any) -> None:
    """Numbers as people write them along a logarithmic axis, an `xaxis` or `yaxis`: matplotlib's own are mathematics, as text.

    Few of them where the axis, whose data are drawn, is shorter than a factor of two: else they lie on each other.
    """
    low, high = axis.get_view_interval()
    axis.set_major_locator(ticker.LogLocator(subs=(1, 2, 5)) if high > 2 * low else ticker.MaxNLocator(3))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter("")


def not_run() -> Any:
    """The picture of a figure of which nothing was run."""
    picture, axis = pyplot.subplots(figsize=(3.4, 1.2))
    axis.text(0.5, 0.5, "not run", transform=axis.transAxes, ha="center", va="center", color="0.5")
    axis.set(xticks=[], yticks=[])
    return picture


def say_what_accuracy_is(picture: Any, context: Context) -> None:
    """Say so above the panels: held-out training images, another metric than top-1 accuracy, recipes chosen on the test images."""
    said = [f"{context.compared_by} in place of accuracy"] if context.compared_by else []
    said += [f"{context.lacking} networks: not kept"] if context.compared_by and context.lacking else []
    said += ["on held-out training images"] if context.held_out else []
    said += [CHOSEN_ON_TEST.lower()] if context.chosen_on == "test" else []
    if said:
        picture.suptitle(", ".join(said), fontsize=8)


def panel_title(family: str, dataset: str, context: Context) -> str:
    """What a panel shows, as people write it."""
    title = one_line(context.title(dataset))
    return title if family == dataset else f"{family_title(family)}, {title}"


def run(numbers: Any, columns: Sequence[str]) -> list[tuple[str, ...]]:
    """Of the values that stand in those columns together, in order, those of which something was run."""
    return list(dict.fromkeys(numbers.loc[numbers["n"] > 0, list(columns)].itertuples(index=False, name=None)))
