"""Trainings as jobs: what they write of what was measured, and when they go on from where one was interrupted."""

import json
from pathlib import Path
from typing import Any

import pytest

from takd import jobs
from takd.chain import Network
from takd.reporting import accuracy
from takd.training import Epoch, Trained, initialised
from tests.conftest import recipe


def train(folder: Path, data: Path, name: str = "digits/plain/2/seed0", resume: Path | None = None, **changes: Any) -> None:
    jobs.train_network(
        name,
        data,
        recipe(**changes).canonical(),
        output=folder / "model.safetensors",
        metrics=folder / "metrics.json",
        soft_targets_path=None,
        resume=resume,
        threads=1,
        device_name="cpu",
    )


@pytest.mark.parametrize(("validation_share", "best", "measured_on"), [(0, 30, "test"), (0.1, None, "validation")])
def test_the_accuracy_is_that_of_the_last_epoch_and_the_best_of_the_test_images_is_kept_apart(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, validation_share: float, best: float | None, measured_on: str
) -> None:
    history = [Epoch(i, 0.1, 1.0, value, 0.5) for i, value in enumerate((10.0, 30.0, 20.0), 1)]
    network = initialised(Network.parse("digits/plain/2/seed0"), 10)
    monkeypatch.setattr(jobs, "train", lambda *_, **__: Trained(network, history))
    train(tmp_path, digits, validation_share=validation_share)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert (metrics["accuracy"], metrics["best_test_accuracy"], metrics["measured_on"]) == (20, best, measured_on)
    assert [epoch["accuracy"] for epoch in metrics["history"]] == [10, 30, 20] and metrics["seconds"] == 1.5
    table = accuracy.collect([tmp_path / "metrics.json"], tmp_path)
    assert table["accuracy"].item() == 20 and accuracy.on_held_out(table) == (measured_on == "validation")


def test_an_interrupted_training_goes_on_under_the_same_recipe_alone(
    digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError

    resume = tmp_path / "resume.safetensors"
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "write_json", full)
        with pytest.raises(OSError):
            train(tmp_path, digits, resume=resume)

    def epochs_run(**changes: Any) -> int:
        capsys.readouterr()
        resume.write_bytes(left)
        train(tmp_path, digits, resume=resume, **changes)
        return capsys.readouterr().out.count("epoch ")

    left = resume.read_bytes()
    assert epochs_run() == 0
    assert epochs_run(learning_rate=0.03) == 2
    assert epochs_run(name="digits/plain/2/seed1") == 2
    assert not resume.exists()
