"""Entropy against its formula; noise of the strength that it says, the same for every network."""

import math
from pathlib import Path

import pytest
import torch
from scipy import stats

from takd.data import prepared
from takd.data.splits import Split, StreamedSplit
from takd.errors import CheckpointError, ParameterError
from takd.measuring.evaluation import evaluated
from takd.measuring.probe import STRENGTHS, by_chain, divergence, entropy, noisy, probed
from tests.conftest import ROOT
from tests.unit.training.conftest import write_network


def test_entropy_is_that_of_the_softened_answers() -> None:
    answers = torch.tensor([[4.0, 0.0, -2.0], [1.0, 1.0, 1.0]])
    for temperature in (1.0, 4.0):
        expected = [stats.entropy(torch.softmax(row / temperature, 0).numpy()) for row in answers]
        assert entropy(answers, temperature) == pytest.approx(sum(expected) / 2, rel=1e-6)
    assert entropy(torch.tensor([[5000.0, 0.0]]), 1.0) == 0


def test_the_example_in_the_docs() -> None:
    page = " ".join((ROOT / "docs/how-a-claim-is-judged.md").read_text().split())
    soft = entropy(torch.tensor([[0.91, *[0.01] * 9]]).log(), 1.0)
    assert f"The entropy is {soft:.2f} nats; that of ten equal answers is {math.log(10):.2f}." in page
    assert "{:g}, {:g} and {:g} of the range".format(*STRENGTHS) in page


def test_noise_has_its_strength_and_is_drawn_once() -> None:
    grey = Split(torch.full((40, 16, 16, 3), 128, dtype=torch.uint8), torch.zeros(40, dtype=torch.int64))
    for strength in STRENGTHS:
        moved = noisy(grey, strength).images.float() - 128
        assert moved.std().item() == pytest.approx(255 * strength, rel=0.02) and abs(moved.mean().item()) < 1
    assert torch.equal(noisy(grey, 0.08).images, noisy(grey, 0.08).images)
    assert (grey.images == 128).all()


def test_noise_stays_between_black_and_white() -> None:
    black = Split(torch.zeros((9, 8, 8, 3), dtype=torch.uint8), torch.zeros(9, dtype=torch.int64))
    moved = noisy(black, 0.16).images
    assert (moved == 0).float().mean().item() == pytest.approx(0.5, abs=0.05)  # what would be below black
    assert moved.max() < 255


def test_networks_are_probed_and_averaged_by_chain(digits: Path, tmp_path: Path) -> None:
    data = prepared.load(digits)
    paths = [write_network(tmp_path / f"{seed}", data, f"digits/plain/2/seed{seed}", "plain:2") for seed in (0, 1)]
    table = probed(paths, digits, temperature=4, device_name="cpu", threads=1)
    assert len(table) == 8 and list(table["noise"][:4]) == [0, *STRENGTHS] and set(table["images"]) == {359}
    clean = table[(table["seed"] == 0) & (table["noise"] == 0)]["accuracy"].item()
    assert clean == evaluated(paths[0], digits, device_name="cpu", threads=1).accuracy
    (row,) = by_chain(table).to_dict("records")
    assert (row["chain"], row["method"], row["n"], row["noise 0"]) == ("2", "NOKD", 2, pytest.approx(clean))
    assert 0 < row["entropy"] <= math.log(10)


def test_divergence_is_that_of_the_softened_answers() -> None:
    teacher, student = torch.tensor([[4.0, 0.0, -2.0], [1.0, 1.0, 1.0]]), torch.tensor([[0.0, 3.0, -1.0], [2.0, 0.0, 1.0]])
    for temperature in (1.0, 4.0):
        soft = [torch.softmax(logits.double() / temperature, 1).numpy() for logits in (teacher, student)]
        expected = [stats.entropy(one, other) for one, other in zip(*soft, strict=True)]
        assert divergence(teacher, student, temperature) == pytest.approx(sum(expected) / 2, rel=1e-6)
    assert divergence(teacher, teacher, 2.0) == 0


def test_a_network_is_held_against_its_teacher(digits: Path, tmp_path: Path) -> None:
    data = prepared.load(digits)
    student = write_network(tmp_path / "student", data, "digits/plain/2/seed0", "plain:2")
    teacher = write_network(tmp_path / "teacher", data, "digits/plain/4/seed1", "plain:4")
    table = probed([student, teacher], digits, temperature=4, device_name="cpu", threads=1, teachers={student: teacher})
    held, alone = table[table["seed"] == 0], table[table["seed"] == 1]
    assert held["agreement"].nunique() == 1 and 0 <= held["agreement"].iloc[0] <= 100 and held["divergence"].iloc[0] > 0
    assert alone[["divergence", "agreement", "agreement_train"]].isna().all(axis=None)
    itself = probed([student], digits, temperature=4, device_name="cpu", threads=1, teachers={student: student}).iloc[0]
    assert (itself["divergence"], itself["agreement"], itself["agreement_train"]) == (0, 100, 100)


def test_what_cannot_be_probed_is_said(digits: Path, tmp_path: Path) -> None:
    data = prepared.load(digits)
    other = write_network(tmp_path / "other", data, "digits/plain/2/seed0", "plain:2", data_digest="f" * 64)
    with pytest.raises(CheckpointError, match="trained on other images"):
        probed([other], digits, temperature=1, device_name="cpu", threads=1)
    for temperature in (0.0, -1.0, math.nan, 1e9):
        with pytest.raises(ParameterError, match="temperature: expected a number above 0"):
            probed([other], digits, temperature=temperature, device_name="cpu", threads=1)
    streamed = StreamedSplit.__new__(StreamedSplit)
    with pytest.raises(ParameterError, match="noise: is for images that fit into memory"):
        noisy(streamed, 0.1)
