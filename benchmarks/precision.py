"""What bfloat16 costs in accuracy: plain 2 and 4 from labels alone, in both precisions, the same seeds, the quick recipe.

python -m benchmarks.precision data/prepared/cifar10.safetensors      about an hour on one core

A row of benchmarks/precision.csv is written after each training and isn't measured again; precision.md has the differences.
"""

import csv
import hashlib
import io
from pathlib import Path
from typing import Annotated, Literal, get_args

import numpy as np
import torch
import typer
from scipy import stats

from benchmarks.command import run
from benchmarks.noise import ROOT
from takd.chain import Network
from takd.data import prepared
from takd.data.prepared import PreparedData
from takd.device import chosen_device, used_precision
from takd.errors import ParameterError
from takd.files import write_text
from takd.params import Parameters
from takd.recipe import Recipe
from takd.training import train

Precision = Literal["bfloat16", "float32"]
Row = dict[str, str]
COLUMNS = ("network", "precision", "accuracy", "seconds", "threads", "recipe", "data")


def main(
    data: Annotated[Path, typer.Argument(help="A prepared data set.")],
    sizes: Annotated[str, typer.Option(help="Of plain networks, separated by commas.")] = "2,4",
    seeds: Annotated[int, typer.Option(min=2, help="Trainings of each network in each precision.")] = 5,
    threads: Annotated[int, typer.Option(min=1, help="Processor threads.")] = 1,
    preset: Annotated[Path, typer.Option(help="Over params.yaml.")] = ROOT / "presets/quick.yaml",
    output: Annotated[Path, typer.Option(help="CSV to go on from; a table is written beside it.")] = ROOT
    / "benchmarks/precision.csv",
) -> None:
    """Train what isn't there yet, seed by seed, then write the table."""
    images = prepared.load(data)
    parameters = Parameters.load(ROOT / "params.yaml", preset)
    narrow = parameters.train.model_copy(update={"precision": "bfloat16"})
    if used_precision(narrow, chosen_device("cpu", threads)) != torch.bfloat16:
        raise ParameterError("precision: this processor doesn't multiply in bfloat16, so there is nothing to compare")
    rows = list(csv.DictReader(output.read_text().splitlines())) if output.exists() else []
    wanted: list[Row] = []
    for seed in range(seeds):
        for size in map(int, sizes.split(",")):
            network = Network(images.name, "plain", (size,), seed)
            for precision in get_args(Precision):
                recipe = parameters.recipe(network).model_copy(update={"precision": precision})
                row = _found(rows, network, recipe, images, threads)
                if row is None:
                    row = _trained(network, recipe, images, threads)
                    rows.append(row)
                    write_text(output, as_csv(rows))
                wanted.append(row)
                print(f"{row['network']}  {precision}  {row['accuracy']} %", flush=True)
    table = as_markdown(wanted)
    write_text(output.with_suffix(".md"), table)
    print(table)


def as_csv(rows: list[Row]) -> str:
    """A line a training."""
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_markdown(rows: list[Row]) -> str:
    """Mean accuracy of each size in both precisions, and the mean difference over seeds with its 95 % interval (paired t)."""
    lines = [
        "| network | seeds | float32, % | bfloat16, % | bfloat16 − float32, points | 95 % interval |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name in dict.fromkeys(row["network"].rpartition("/")[0] for row in rows):
        narrow, wide = (
            np.array([float(row["accuracy"]) for row in rows if row["precision"] == p and row["network"].startswith(f"{name}/")])
            for p in get_args(Precision)
        )
        interval = stats.ttest_rel(narrow, wide).confidence_interval(0.95)
        lines.append(
            f"| {name} | {len(wide)} | {wide.mean():.2f} | {narrow.mean():.2f} | {(narrow - wide).mean():+.2f} "
            f"| {interval.low:+.2f} to {interval.high:+.2f} |"
        )
    return "\n".join(lines) + "\n"


def _found(rows: list[Row], network: Network, recipe: Recipe, data: PreparedData, threads: int) -> Row | None:
    """The row of that training, if it was made by the same recipe on the same images with as many threads."""
    made = (str(network), str(threads), _digest(recipe), data.digest[:12])
    return next((row for row in rows if (row["network"], row["threads"], row["recipe"], row["data"]) == made), None)


def _trained(network: Network, recipe: Recipe, data: PreparedData, threads: int) -> Row:
    history = train(network, recipe, data, None, device=chosen_device("cpu", threads)).history
    values = (
        network,
        recipe.precision,
        f"{history[-1].accuracy:.2f}",
        f"{sum(epoch.seconds for epoch in history):.1f}",
        threads,
        _digest(recipe),
        data.digest[:12],
    )
    return dict(zip(COLUMNS, map(str, values), strict=True))


def _digest(recipe: Recipe) -> str:
    return hashlib.sha256(recipe.canonical().encode()).hexdigest()[:12]


if __name__ == "__main__":
    run(main)
