"""Trainings as jobs: what they write of what was measured, and when they go on from where one was interrupted."""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import torch

from takd import jobs, soft_targets
from takd.chain import Network
from takd.data import prepared
from takd.provenance import machine
from takd.reporting import accuracy
from takd.training import Epoch, Trained, initialised
from tests.conftest import recipe, taught


def train(
    folder: Path,
    data: Path,
    name: str = "digits/plain/2/seed0",
    targets: Path | None = None,
    resume: Path | None = None,
    threads: int = 1,
    **changes: Any,
) -> None:
    jobs.train_network(
        name,
        data,
        (recipe if targets is None else taught)(**changes).canonical(),
        output=folder / "model.safetensors",
        metrics=folder / "metrics.json",
        soft_targets_path=targets,
        resume=resume,
        threads=threads,
        device_name="cpu",
    )


@pytest.mark.parametrize(("validation_share", "best", "measured_on"), [(0, 30, "test"), (0.1, None, "validation")])
def test_the_accuracy_is_that_of_the_last_epoch_and_the_best_of_the_test_images_is_kept_apart(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, validation_share: float, best: float | None, measured_on: str
) -> None:
    history = [Epoch(i, 0.1, 1.0, value, 0.5) for i, value in enumerate((10.0, 30.0, 20.0), 1)]
    network = initialised(Network.parse("digits/plain/2/seed0"), 10)
    monkeypatch.setattr(jobs, "train", lambda *_, **__: Trained(network, history, torch.arange(359)))
    train(tmp_path, digits, validation_share=validation_share)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert (metrics["accuracy"], metrics["best_test_accuracy"], metrics["measured_on"]) == (20, best, measured_on)
    assert [epoch["accuracy"] for epoch in metrics["history"]] == [10, 30, 20] and metrics["seconds"] == 1.5
    table = accuracy.collect([tmp_path / "metrics.json"], tmp_path)
    assert table["accuracy"].item() == 20 and accuracy.on_held_out(table) == (measured_on == "validation")


def test_the_metrics_say_what_did_the_arithmetic(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    threads, commits = [], ["at the start"]

    def nothing_learnt(network: Network, *_: Any, **__: Any) -> Trained:
        threads.append(torch.get_num_threads())
        commits.append("of somebody at work meanwhile")
        return Trained(initialised(network, 10), [Epoch(1, 0.1, 1.0, 10.0, 0.5)], torch.arange(359))

    monkeypatch.setattr(jobs, "train", nothing_learnt)
    monkeypatch.setattr(jobs, "commit", lambda: commits[-1])
    try:
        train(tmp_path, digits, threads=2)
    finally:
        torch.set_num_threads(1)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert (threads, metrics["threads"], metrics["device"]) == ([2], 2, "cpu")
    assert metrics["commit"] == "at the start"
    assert metrics["machine"] == machine(torch.device("cpu")) != ""
    assert metrics["versions"]["torch"] == version("torch")


@pytest.mark.parametrize("normalisation", ["paper", "dataset"])
def test_a_network_is_evaluated_on_images_as_it_was_trained_on_them(digits: Path, tmp_path: Path, normalisation: str) -> None:
    train(tmp_path, digits, epochs=1, normalisation=normalisation)
    name, found = jobs.test_accuracy(tmp_path / "model.safetensors", digits, device_name="cpu", threads=1)
    assert (name, found) == ("digits/plain/2/seed0", json.loads((tmp_path / "metrics.json").read_text())["accuracy"])


def interrupted(folder: Path, monkeypatch: pytest.MonkeyPatch, data: Path, **options: Any) -> bytes:
    """What a training leaves to go on from that ended after its last epoch, before its metrics were written."""

    def full(*_: object) -> None:
        raise OSError

    with monkeypatch.context() as patch:
        patch.setattr(jobs, "write_json", full)
        with pytest.raises(OSError):
            train(folder, data, resume=folder / "resume.safetensors", **options)
    return (folder / "resume.safetensors").read_bytes()


def test_an_interrupted_training_goes_on_under_the_same_recipe_alone(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    left = interrupted(tmp_path, monkeypatch, digits)
    resume = tmp_path / "resume.safetensors"

    def epochs_run(**changes: Any) -> int:
        capsys.readouterr()
        resume.write_bytes(left)
        train(tmp_path, digits, resume=resume, **changes)
        return capsys.readouterr().out.count("epoch ")

    assert epochs_run() == 0
    assert epochs_run(learning_rate=0.03) == 2
    assert epochs_run(name="digits/plain/2/seed1") == 2
    assert not resume.exists()
    monkeypatch.setattr(jobs, "code_hash", lambda *_: "another line of training code")
    assert epochs_run() == 2


def test_an_interrupted_student_starts_afresh_where_its_teachers_answers_are_others(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    teacher, student = tmp_path / "4", tmp_path / "4-2"
    teacher.mkdir()
    student.mkdir()
    train(teacher, digits, "digits/plain/4/seed0", epochs=1)
    targets = tmp_path / "targets.safetensors"
    soft_targets.compute(
        teacher / "model.safetensors", prepared.load(digits), targets, views_seed=None, epochs=1, device=torch.device("cpu")
    )
    left = interrupted(student, monkeypatch, digits, name="digits/plain/4-2/seed0", targets=targets)

    def epochs_run() -> int:
        capsys.readouterr()
        (student / "resume.safetensors").write_bytes(left)
        train(student, digits, "digits/plain/4-2/seed0", targets, student / "resume.safetensors")
        return capsys.readouterr().out.count("epoch ")

    assert epochs_run() == 0
    *others, last = targets.read_bytes()
    targets.write_bytes(bytes([*others, last ^ 1]))  # a bit of the last logit
    assert epochs_run() == 2
