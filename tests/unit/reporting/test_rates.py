import math

import numpy as np
import pytest
from matplotlib import pyplot
from scipy import optimize

from takd.reporting import rates
from takd.reporting.fitting import CANDIDATES, Fit, fitted
from takd.study.papers_kinds import Rates
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


def test_equal_errors_tell_nothing() -> None:
    assert math.isnan(fitted(SHARES, np.full(len(SHARES), 94.1504)).asymptote)


def test_least_squares_is_what_scipy_finds() -> None:
    noise = np.random.default_rng(4).normal(scale=0.5, size=len(SHARES))
    errors = 20 + 6 * SHARES**-0.7 + noise
    found = fitted(SHARES, errors)
    (asymptote, scale, rate), _ = optimize.curve_fit(lambda share, a, b, r: a + b * share**-r, SHARES, errors, p0=(20, 6, 0.7))
    assert (found.asymptote, found.scale, found.rate) == pytest.approx((asymptote, scale, rate), rel=5e-3)


def test_the_interval_of_the_asymptote_holds_it_about_as_often_as_it_says() -> None:
    draw = np.random.default_rng(5)
    fits = [Fit(SHARES, 20 + 5 * SHARES**-0.7 + draw.normal(scale=0.5, size=len(SHARES))) for _ in range(60)]
    held = [low <= 20 <= high for low, high in (fit.asymptote_between() for fit in fits)]
    assert 52 <= sum(held) <= 60
    assert all(fit.asymptote_between(0.99)[1] >= fit.asymptote_between(0.9)[1] for fit in fits)


def test_students_of_soft_targets_alone_have_a_row_of_their_own_and_few_images_no_fit() -> None:
    spec, table = ARTIFACTS["figure6_left"], of_figures()
    assert isinstance(spec, Rates)
    numbers = rates.numbers("figure6_left", spec, context(table))
    assert list(dict.fromkeys(numbers[["by", "hop"]].itertuples(index=False, name=None))) == [
        *((rates.RECIPE, hop) for hop in ("r→t", "t→a", "a→s", "t→s", "r→s")),
        *((rates.ALONE, hop) for hop in ("t→a", "a→s", "t→s")),
        *((rates.FEW, hop) for hop in ("a→s", "t→s", "r→s")),
    ]
    few = numbers[numbers["by"] == rates.FEW]
    assert set(few["training_share"]) == {1 / 16} and few["rate"].isna().all() and (few["n"] == 2).all()
    picture = rates.draw(spec, numbers, context(table))
    assert [axis.get_title().partition(":")[0] for axis in picture.axes] == ["CIFAR-10", "CIFAR-10", *["CIFAR-10, λ = 1"] * 2]
    pyplot.close(picture)


def test_what_was_not_run_is_left_out() -> None:
    spec, table = ARTIFACTS["figure6_left"], of_figures()
    assert isinstance(spec, Rates)
    table["dataset"] = "digits"  # stand in for the paper's
    of = context(table[table["variant"].isin(["", *spec.variants])].drop_duplicates(["chain", "seed", "variant"]), ("digits",))
    picture = rates.draw(spec, rates.numbers("figure6_left", spec, of), of)
    assert [axis.get_title().partition(":")[0] for axis in picture.axes] == [of.title("digits")] * 2
    pyplot.close(picture)


def test_a_share_that_is_not_one_part_of_the_whole_stands_as_it_is() -> None:
    spec, table = ARTIFACTS["figure6_left"], of_figures()
    assert isinstance(spec, Rates)
    numbers = rates.numbers("figure6_left", spec, context(table))
    numbers["training_share"] = numbers["training_share"].replace({1 / 2: 0.75})
    picture = rates.draw(spec, numbers, context(table))
    labels = [label.get_text() for label in picture.axes[0].get_xticklabels()]
    assert labels[-2:] == ["0.75", "1"] and "1/4" in labels
    pyplot.close(picture)
