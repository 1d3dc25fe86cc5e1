"""The workflow run for real, on toy data."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from takd.records.metrics import Metrics
from tests.conftest import ROOT, recipe
from tests.workflow.conftest import TABLE, Snakemake

PRESET = """
datasets: [digits]
seeds: 1
report: [small]
train: {epochs: 1, schedule: cosine, learning_rate: 0.02, weight_decay: 0.01}
"""
TARGET = "results/small/small.csv"


@pytest.fixture
def small(workspace: Path) -> Path:
    (workspace / "presets/small.yaml").write_text(PRESET)
    with (workspace / "paper/artifacts.yaml").open("a") as file:
        file.write(TABLE)
    return workspace


def test_a_chain_is_trained_once_and_again_only_where_something_changed(
    snakemake: Snakemake, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(ROOT / "src", small / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    monkeypatch.setenv("PYTHONPATH", str(small / "src"))
    ran = snakemake(TARGET)
    assert ran.code == 0, ran.output
    assert pd.read_csv(small / TARGET)["BLKD"].item() > 0
    assert not any(path.is_file() for path in (small / "results/small/resume").rglob("*"))

    def listed(old: str = "", new: str = "") -> dict[str, int]:
        (small / "presets/small.yaml").write_text(PRESET.replace(old, new))
        ran = snakemake("-n", TARGET)
        assert ran.code == 0, ran.output
        return ran.jobs

    assert listed() == {}
    both = {"train": 2, "soft_targets": 1, "table": 1}
    assert listed("epochs: 1", "epochs: 2") == both
    shown = snakemake("-n", TARGET, run="there").output
    assert shown.count("takd: results/small/small.csv: 1 network is there, but stale and not shown: digits/plain/4-2/seed0") == 1
    # the temperature concerns the student alone
    assert listed("epochs: 1", "epochs: 1, temperature: 3") == {"train": 1, "table": 1}
    # the same two values the other way round
    swapped = ("learning_rate: 0.02, weight_decay: 0.01", "learning_rate: 0.01, weight_decay: 0.02")
    assert listed(*swapped) == both
    # another spelling of the same number, and parameters that can't matter here
    assert listed("learning_rate: 0.02", "learning_rate: 2e-2, learning_rate_drops: [3]") == {}
    # what the paper's numbers are, what this table is to show, and what another one is
    published = small / "paper/published.csv"
    published.write_text(published.read_text() + "small,Table 0,digits,CNN,BLKD,50\n")
    assert listed() == {"table": 1}
    assert snakemake(TARGET).code == 0 and pd.read_csv(small / TARGET)["BLKD paper"].item() == 50
    specification = small / "paper/artifacts.yaml"
    specification.write_text(specification.read_text() + TABLE.replace("small", "another"))
    assert listed() == {}
    specification.write_text(specification.read_text().replace("A small table", "A table"))
    assert listed() == {"table": 1}
    assert snakemake(TARGET).code == 0
    # code: of a family that isn't here, of an objective that isn't, then of the loss
    for module, line, jobs in (
        ("networks/resnet.py", "WIDTHS = (16, 32, 64)", {}),
        ("objectives/mutual.py", 'reduction="batchmean"', {}),
        ("objectives/distillation.py", "temperature**2", {"train": 1, "table": 1}),
        ("networks/plain.py", "IMAGE_SIDE = 32", both),
    ):
        source = small / "src/takd" / module
        assert line in source.read_text()
        changed = f"{line} + 0" if module == "networks/plain.py" else line.replace("(16", "(17").replace("batchmean", "sum")
        source.write_text(source.read_text().replace(line, f"{line} * 1" if changed == line else changed))
        assert listed() == jobs, module


@pytest.mark.long
def test_what_is_shown_is_what_is_there(snakemake: Snakemake, small: Path) -> None:
    assert snakemake("results/small/models/digits/plain/4/seed0/metrics.json").code == 0
    ran = snakemake(TARGET, run="there")
    assert ran.code == 0, ran.output
    assert (small / "results/small/small.md").read_text().endswith("Not run: CNN on Digits.\n")
    assert snakemake("-n", TARGET, run="there").jobs == {}
    assert snakemake("-n", TARGET).jobs == {"train": 1, "soft_targets": 1, "table": 1}


def test_the_toy_table_is_made_from_nothing(snakemake: Snakemake, workspace: Path) -> None:
    ran = snakemake("results/toy/table2.csv", seeds=2)
    assert ran.code == 0, ran.output
    table = pd.read_csv(workspace / "results/toy/table2.csv")
    assert table[["TA=8 n", "TA=6 n", "TA=4 n"]].to_numpy().tolist() == [[2, 2, 2]]
    assert (table[["TA=8", "TA=6", "TA=4"]] > 80).all(axis=None)  # chance is 10 %
    records = [Metrics.read(path) for path in (workspace / "results/toy/models").rglob("metrics.json")]
    students = [chain for chain in ("10-8-2", "10-6-2", "10-4-2") for _ in range(2)]
    assert sorted(record.network.chain for record in records) == sorted(["10", "10-8", "10-6", "10-4", *students])
    behind = [record.accuracy for record in records if record.network.chain == "10-8-2"]
    assert table["TA=8"].item() == pytest.approx(sum(behind) / 2, abs=0.006)
    assert snakemake("-n", "results/toy/table2.csv", seeds=2).jobs == {}
    # a third seed adds three students and trains nothing again
    assert snakemake("-n", "results/toy/table2.csv", seeds=3).jobs["train"] == 3
    # soft targets that nobody asks for are not missed
    shutil.rmtree(workspace / "results/toy/soft_targets")
    assert snakemake("-n", "results/toy/table2.csv", seeds=2).jobs == {}


def test_a_killed_training_goes_on_and_ends_in_the_same_bits(digits: Path, tmp_path: Path) -> None:
    def start(folder: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [
                *(sys.executable, "-m", "takd", "train", "digits/plain/4/seed0", "--data", str(digits)),
                *("--recipe", recipe(epochs=12, builder="plain:4").canonical(), "--output", str(folder / "model.safetensors")),
                *("--metrics", str(folder / "metrics.json"), "--resume", str(folder / "resume.safetensors")),
            ],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ,
        )

    whole, killed = tmp_path / "whole", tmp_path / "killed"
    process = start(whole)
    process.communicate(timeout=300)
    assert process.returncode == 0

    process = start(killed)
    assert process.stdout is not None and process.stdout.readline().startswith("epoch 1/12 ")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (killed / "model.safetensors").exists()

    process = start(killed)
    printed, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    assert 1 <= printed.count("epoch ") < 12
    assert (killed / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    leftovers = {path.name for path in killed.iterdir()} - {"model.safetensors", "metrics.json"}
    assert all(name.endswith(".part") for name in leftovers)


CLAIM = """
claims:
  C1:
    where: None
    statement: Either, or both alike
    comparisons: [{kind: order, family: plain, chains: [4-2, 2]}]
"""


@pytest.mark.long
def test_students_are_added_to_a_claim_until_it_is_decided_and_a_killed_run_goes_on(snakemake: Snakemake, small: Path) -> None:
    (small / "paper/claims.yaml").write_text(CLAIM, encoding="utf-8")
    page, most = "results/small/decided/C1.md", 4
    ran = snakemake(page, seeds=2, seeds_at_most=most)
    assert ran.code == 0, ran.output
    rows = pd.read_csv(small / page.replace(".md", ".csv"))
    assert list(rows["students"]) == [2, 3, 4][: len(rows)]
    assert rows["verdict"].iloc[-1] != "undecided" or rows["students"].iloc[-1] == most
    assert set(rows["verdict"].iloc[:-1]) <= {"undecided"}
    networks = len(list((small / "results/small/models").rglob("metrics.json")))
    assert list(rows["networks"])[-1] == networks == 1 + 2 * rows["students"].iloc[-1]
    assert set(rows["networks_at_most"]) == {1 + 2 * most}

    again = snakemake(page, seeds=2, seeds_at_most=most)
    assert "Nothing to be done" in again.output and "as it should be; nothing is to be trained" in again.output

    # as after a run that was killed in its first round: what said that a look was there lies about, and means nothing
    before = rows.to_csv()
    shutil.rmtree(small / "results/small/decided")
    shutil.rmtree(small / "results/small/models/digits/plain/2/seed1")
    listed = snakemake("-n", page, seeds=2, seeds_at_most=most)
    assert listed.jobs == {"train": 1, "look": 1, "decided": 1}, listed.output
    assert snakemake(page, seeds=2, seeds_at_most=most).code == 0
    assert pd.read_csv(small / page.replace(".md", ".csv")).to_csv() == before
