"""ImageNet's own way from a folder to its row of Table 1, on 2,000 made-up pictures in its place."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from takd.data import prepared
from takd.data.splits import StreamedSplit
from tests.workflow.conftest import Snakemake

# One epoch on two of each class's pictures: a processor takes a minute for a network.
SMALL = """
datasets: [imagenet]
seeds: 1
families:
  imagenet: {epochs: 1, schedule: constant, learning_rate_drops: [], batch_size: 20, training_share: 0.02, learning_rate: 0.01}
"""


def pictures(root: Path, classes: int = 20, each: tuple[int, int] = (95, 5)) -> None:
    """Train/ and val/ of noise in a class's colour, 96 to 300 pixels wide and high."""
    random = np.random.default_rng(0)
    for label in range(classes):
        for split, count in zip(("train", "val"), each, strict=True):
            folder = root / split / f"n{label:08d}"
            folder.mkdir(parents=True)
            for number in range(count):
                height, width = random.integers(96, 301, 2)
                noise = random.integers(0, 64, (height, width, 3)) + np.array((label * 9, 180 - label * 9, label % 5 * 40))
                Image.fromarray(noise.astype(np.uint8)).save(folder / f"{number}.JPEG")


@pytest.mark.long
def test_pictures_in_imagenets_place_become_its_row(snakemake: Snakemake, workspace: Path) -> None:
    (workspace / "presets/small.yaml").write_text(SMALL)
    pictures(workspace / "data/imagenet")
    ran = snakemake("--cores=2", "results/small/table1.csv")
    assert ran.code == 0, ran.output
    data = prepared.load(workspace / "data/prepared/imagenet.safetensors")
    assert isinstance(data.train, StreamedSplit) and (len(data.train), len(data.test), data.classes) == (1900, 100, 20)
    rows = list(csv.DictReader((workspace / "results/small/table1.csv").read_text().splitlines()))
    assert [row["dataset"] for row in rows] == ["imagenet"]
    lock = json.loads((workspace / "presets/imagenet.lock").read_text())
    records = {path.parts[-3]: json.loads(path.read_text()) for path in (workspace / "results/small/models").rglob("metrics.json")}
    assert set(records) == {"14", "50", "50-14", "50-20", "50-20-14"}
    assert {record["data_digest"] for record in records.values()} == {lock["digest"]}
    again = snakemake("-n", "--cores=2", "results/small/table1.csv")
    assert again.code == 0 and "Nothing to be done" in again.output
