import math

import pytest

from takd.training.schedule import learning_rate
from tests.conftest import mutual, recipe


@pytest.mark.parametrize(
    ("schedule", "epoch", "share", "expected"),
    [
        ("constant", 149, 0.9, 0.1),
        ("step", 0, 0.0, 0.1),
        ("step", 79, 0.99, 0.1),
        ("step", 80, 0.0, 0.01),
        ("step", 119, 0.99, 0.01),
        ("step", 120, 0.0, 0.001),
        ("cosine", 0, 0.0, 0.1),
        ("cosine", 75, 0.0, 0.05),
        ("cosine", 112, 0.5, 0.1 * (1 - math.sqrt(0.5)) / 2),
    ],
)
def test_learning_rate_falls_as_the_schedule_says(schedule: str, epoch: int, share: float, expected: float) -> None:
    how = recipe(epochs=150, learning_rate=0.1, schedule=schedule, learning_rate_drops=(80, 120))
    assert learning_rate(how, epoch, share) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("epoch", "expected"), [(0, 0.1), (39, 0.1), (40, 0.1), (40 + 42, 0.1), (40 + 43, 0.01), (40 + 64, 0.001), (119, 0.001)]
)
def test_the_schedule_begins_after_the_separate_epochs(epoch: int, expected: float) -> None:
    how = mutual(epochs=80, separate_epochs=40, learning_rate=0.1, schedule="step", learning_rate_drops=(43, 64))
    assert how.all_epochs == 120
    assert learning_rate(how, epoch, 0) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("schedule", ["constant", "cosine"])
def test_the_rate_rises_from_a_tenth_of_what_the_schedule_says(schedule: str) -> None:
    alone, warm = (recipe(epochs=4, schedule=schedule, warm_up_epochs=epochs) for epochs in (0, 2))
    shares = [(0, 0), (0, 0.5), (1, 0), (1, 0.999), (2, 0), (3, 0.5)]
    rates = [learning_rate(warm, epoch, share) / learning_rate(alone, epoch, share) for epoch, share in shares]
    assert rates == pytest.approx([0.1, 0.325, 0.55, 0.99955, 1, 1])


def test_a_pair_warms_up_in_its_separate_epochs() -> None:
    how = mutual(epochs=4, separate_epochs=2, learning_rate=0.1, warm_up_epochs=2)
    assert [learning_rate(how, epoch, 0) for epoch in (0, 1, 2)] == pytest.approx([0.01, 0.055, 0.1])
