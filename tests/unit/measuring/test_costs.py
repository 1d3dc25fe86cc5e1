import math

import pytest
import torch

from takd.measuring.costs import epoch_seconds
from takd.planning.lock import Lock
from takd.records.metrics import Epoch
from takd.study.recipe import Recipe
from takd.training.loop import Trained, initialised
from takd.training.scores import Scores
from tests.conftest import mutual, recipe, taught

LOCK = Lock(digest="0" * 64, classes=7, train=1280, test=1280, size=32)


@pytest.mark.parametrize(
    "how",
    [
        recipe(builder="plain:2"),
        taught(builder="torchvision:mobilenet_v3_small", validation_share=0.1, select="best_held_out", warm_up_epochs=1),
        mutual(builder="plain:2", peer="plain:10", training_share=0.1, schedule="step", learning_rate_drops=(1,)),
    ],
    ids=["labels", "taught", "mutual"],
)
def test_any_recipe_can_be_timed(how: Recipe) -> None:
    seconds = epoch_seconds("digits", LOCK, how)
    assert 0 < seconds < 600 and math.isfinite(seconds)


@pytest.mark.parametrize(("train", "test", "judged"), [(1280, 1280, 128), (1280, 640, 64), (1280, 1, 1), (128, 10_000, 128)])
def test_an_epoch_takes_as_many_times_longer_as_it_has_more_images(
    monkeypatch: pytest.MonkeyPatch, train: int, test: int, judged: int
) -> None:
    """Epochs of the few images take 9, then 2, 1 and 3 seconds: the first, which sets up, doesn't count."""
    history = [
        Epoch(epoch=i, learning_rate=0.1, loss=1.0, accuracy=1.0, seconds=seconds) for i, seconds in enumerate((9, 2, 1, 3), 1)
    ]
    shown: list[int] = []

    def nothing(name: object, how: Recipe, data: object, answers: object, **_: object) -> Trained:
        shown.append(len(data.test))  # type: ignore[attr-defined]
        return Trained(initialised("plain:2", 7, 0, 32), history, torch.zeros(1), Scores(None, 0, 0))

    monkeypatch.setattr("takd.measuring.costs.train", nothing)
    lock = LOCK.model_copy(update={"train": train, "test": test})
    assert epoch_seconds("digits", lock, recipe(builder="plain:2")) == pytest.approx(2 * train / 128)
    assert shown == [judged]


@pytest.mark.parametrize(("train", "size", "images"), [(50_000, 32, 25_600), (50_000, 64, 6_400), (1_000, 32, 1_000)])
def test_a_gpu_is_timed_on_whole_short_epochs(monkeypatch: pytest.MonkeyPatch, train: int, size: int, images: int) -> None:
    """On one step what an epoch costs besides would count for most of it. As many pixels are shown, whatever their size."""
    history = [Epoch(epoch=i, learning_rate=0.1, loss=1.0, accuracy=1.0, seconds=i) for i in range(1, 5)]
    shown: list[int] = []

    def nothing(name: object, how: Recipe, data: object, answers: object, **_: object) -> Trained:
        shown.append(len(data.train))  # type: ignore[attr-defined]
        return Trained(initialised("plain:2", 7, 0, 32), history, torch.zeros(1), Scores(None, 0, 0))

    monkeypatch.setattr("takd.measuring.costs.train", nothing)
    monkeypatch.setattr("takd.measuring.costs.chosen_device", lambda name, threads: torch.device("cuda"))
    lock = LOCK.model_copy(update={"train": train, "size": size})
    assert epoch_seconds("digits", lock, recipe(builder="plain:2")) == pytest.approx(3 * train / images)
    assert shown == [images]
