"""Tables of what networks were asked: how soft answers are, how far students mimic their teachers, how they bear noisy images."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from takd.csv_files import read as read_csv
from takd.errors import RecordError
from takd.markdown import aligned, escaped
from takd.reporting.context import Context
from takd.reporting.tables import written
from takd.study.further_kinds import Probes

NETWORK = ["dataset", "family", "chain", "method", "seed"]
MEASURED = ["entropy", "divergence", "agreement", "agreement_train"]
NOISY = ["noise_0.04", "noise_0.08", "noise_0.16"]
COLUMNS = [*NETWORK, "temperature", *MEASURED, "accuracy", *NOISY, "images"]
_PERCENT, _NATS = (0.0, 100.0), (-1e-6, 1e6)
_BOUNDS = dict.fromkeys(("agreement", "agreement_train", "accuracy", *NOISY), _PERCENT) | dict.fromkeys(MEASURED[:2], _NATS)
_BOUNDS |= {"seed": (0, 999_999), "temperature": (0, 1000), "images": (1, 1e9)}


def numbers(name: str, spec: Probes, context: Context) -> pd.DataFrame:
    """A row a network: what it was asked on images as they are, and top-1 accuracy, %, at each strength of noise."""
    if context.probes.empty:
        return pd.DataFrame(columns=COLUMNS)
    table = context.probes.copy()
    table["column"] = ["accuracy" if strength == 0 else f"noise_{strength:g}" for strength in table["noise"]]
    accuracies = table.pivot(index=NETWORK, columns="column", values="accuracy")
    rest = table[table["noise"] == 0].set_index(NETWORK)[["temperature", *MEASURED, "images"]]
    return rest.join(accuracies).reset_index()[COLUMNS]


def write(spec: Probes, numbers: pd.DataFrame, context: Context, place: Path) -> list[Path]:
    """Write the table for programs and for people; both files."""
    return written(
        place, numbers.to_csv(index=False, lineterminator="\n", float_format="%.6g"), as_markdown(spec, numbers, context)
    )


def read(paths: Sequence[Path]) -> pd.DataFrame:
    """Tables that were written, together. Raises RecordError where one isn't such a table, or two have one network."""
    tables = [read_csv(path, COLUMNS, RecordError, numbers=_BOUNDS, whole=["seed", "images"]) for path in paths]
    rows = (pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=COLUMNS)).drop_duplicates()
    if rows.duplicated(NETWORK).any():
        raise RecordError(f"{', '.join(map(str, paths))}: differ about one network; make them anew")
    return rows


def as_markdown(spec: Probes, numbers: pd.DataFrame, context: Context) -> str:
    """The same for people, a row a chain: means over seeds; chains that weren't run say so."""
    shown = [*MEASURED, "accuracy", *NOISY]
    lines = [["data set", "family", "chain", "n", *(name.replace("_", " ") for name in shown)]]
    for cell in spec.cells(context.datasets):
        chosen = (numbers["dataset"] == cell.dataset) & (numbers["family"] == cell.family) & (numbers["chain"] == cell.chain)
        its = numbers[chosen]
        line = [escaped(context.title(cell.dataset)), escaped(cell.family), escaped(cell.chain), str(len(its))]
        means = ["" if its[name].isna().all() else f"{its[name].mean():.{3 if name in MEASURED[:2] else 2}f}" for name in shown]
        lines.append(line + (means if len(its) else ["not run", *[""] * (len(shown) - 1)]))
    return (
        f"**{escaped(spec.where)}.** {escaped(spec.title)}.{context.chosen_on_test} Means over n seeds. "
        "Entropy of answers to training images, and KL "
        "divergence of a student's answers to test images from its teacher's, in nats at temperature "
        f"{spec.temperature:g}. Agreement: % of test and of training images to which student and teacher give one answer. "
        "Accuracy: top-1 on test images, %, as they are and with Gaussian noise of that share of the range from black to white."
        f"\n\n{aligned(lines)}"
    )
