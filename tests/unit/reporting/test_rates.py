import math

import numpy as np
import pytest
from matplotlib import pyplot

from takd.reporting import rates
from takd.reporting.rates import CANDIDATES, fitted
from takd.study.artifacts import Rates
from tests.unit.reporting.conftest import ARTIFACTS, context, of_figures

SHARES = np.repeat([1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0], 3)


@pytest.mark.parametrize("rate", [0.4, 0.75, 1.5])
def test_a_known_rate_is_found_within_its_interval(rate: float) -> None:
    noise = np.random.default_rng(0).normal(scale=0.2, size=len(SHARES))
    found = fitted(SHARES, 20 + 60 * (16 * SHARES) ** -rate + noise)
    assert found.low < rate < found.high
    assert found.rate == pytest.approx(rate, rel=0.15)


def test_more_noise_widens_the_interval() -> None:
    noise = np.random.default_rng(1).normal(size=len(SHARES))
    widths = [found.high - found.low for scale in (0.1, 1.0) for found in [fitted(SHARES, 20 + 5 * SHARES**-0.7 + scale * noise)]]
    assert widths[0] < widths[1]


def test_the_interval_holds_the_rate_about_as_often_as_it_says() -> None:
    draw = np.random.default_rng(2)
    fits = [fitted(SHARES, 20 + 5 * SHARES**-0.7 + draw.normal(scale=0.5, size=len(SHARES))) for _ in range(100)]
    assert 88 <= sum(fit.low <= 0.7 <= fit.high for fit in fits) <= 99


def test_an_error_that_doesnt_fall_bounds_no_rate() -> None:
    noise = np.random.default_rng(3).normal(size=len(SHARES))
    found = fitted(SHARES, 30 + noise)
    assert found.low == CANDIDATES[0] or found.high == CANDIDATES[-1]


def test_three_trainings_or_two_shares_are_too_few() -> None:
    assert math.isnan(fitted(np.array([0.25, 0.5, 1.0]), np.array([30.0, 25.0, 22.0])).rate)
    assert math.isnan(fitted(np.repeat([0.5, 1.0], 3), np.array([30.0, 31.0, 29.0, 22.0, 23.0, 21.0])).rate)


def test_data_sets_of_which_nothing_was_run_are_left_out() -> None:
    spec, table = ARTIFACTS["figure6_left"], of_figures()
    assert isinstance(spec, Rates)
    of = context(table[table["dataset"] == "cifar100"])
    picture = rates.draw(spec, rates.numbers("figure6_left", spec, of), of)
    assert [axis.get_title().partition(":")[0] for axis in picture.axes] == ["CIFAR-100", "CIFAR-100"]
    pyplot.close(picture)
