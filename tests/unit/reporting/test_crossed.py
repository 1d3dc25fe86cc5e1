"""Intervals over students and images: against the analysis of variance, and their coverage where the truth is known."""

import math
import re

import numpy as np
import pytest
from scipy import stats

from takd.reporting import crossed
from takd.reporting.crossed import Signs, by_both_samples, mcnemar_p, over_students_and_images
from takd.reporting.effects import Effect, by_pairs
from tests.conftest import ROOT


def over_students(differences: Signs) -> Effect:
    return by_pairs(Effect(("a",), ("b",), n=len(differences)), 100 * differences.mean(axis=1))


def drawn(random: np.random.Generator, students: int, images: int, by_image: float) -> Signs:
    """Signs with a mean of 0: an image favours one side by so much, throughout."""
    favours = random.uniform(-by_image, by_image, images)
    win = random.random((students, images)) < 0.2 * (1 + favours)
    lose = random.random((students, images)) < 0.2 * (1 - favours)
    return win.astype(np.int8) - lose.astype(np.int8)


def test_the_error_is_that_of_the_analysis_of_variance() -> None:
    """Unbiased for two crossed samples: (students' + images' mean squares - what is left) / cells (Searle et al. 1992)."""
    differences = drawn(np.random.default_rng(3), 6, 400, 1.0)
    rows, columns = differences.mean(axis=1), differences.mean(axis=0)
    left = ((differences - rows[:, None] - columns + rows.mean()) ** 2).sum() / (5 * 399)
    expected = rows.var(ddof=1) / 6 + columns.var(ddof=1) / 400 - left / 2400
    found = by_both_samples(over_students(differences), differences)
    assert found.error == pytest.approx(100 * math.sqrt(expected), rel=0.05)  # of 4,000 draws
    assert found.effect == pytest.approx(100 * differences.mean()) and found.method == "crossed"


def test_the_same_draws_give_the_same_interval_and_others_nearly_that() -> None:
    differences = drawn(np.random.default_rng(5), 4, 300, 1.0)
    alone = over_students(differences)
    first, again, other = (by_both_samples(alone, differences, seed=seed) for seed in (0, 0, 1))
    assert first == again != other
    assert first.error == pytest.approx(other.error, rel=0.06)
    assert first.error > alone.error and first.freedom > alone.freedom


@pytest.mark.parametrize("students", [2, 3, 8])
def test_images_never_make_a_difference_surer(students: int) -> None:
    random = np.random.default_rng(11)
    for _ in range(20):
        differences = drawn(random, students, 60, 1.0)
        alone = over_students(differences)
        both = over_students_and_images(alone, differences)
        if alone.has_interval:
            assert both.low <= alone.low and both.high >= alone.high


def test_images_that_are_all_alike_add_nothing() -> None:
    differences = np.repeat(np.array([[1], [0], [1], [-1]], dtype=np.int8), 50, axis=1)
    alone, both = over_students(differences), over_students_and_images(over_students(differences), differences)
    assert (both.low, both.high) == pytest.approx((alone.low, alone.high), rel=0.03)


def test_one_student_has_no_interval_and_nothing_to_draw() -> None:
    differences = np.array([[1, 0, -1, 1]], dtype=np.int8)
    assert not over_students_and_images(over_students(differences), differences).has_interval


@pytest.mark.parametrize("students", [3, 8])
def test_the_interval_holds_the_truth_as_often_as_it_says(students: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Over other students and other images; the one over students alone doesn't, where images favour a side."""
    monkeypatch.setattr(crossed, "DRAWS", 500)
    random = np.random.default_rng(7)
    held = alone = 0
    for _ in range(200):
        differences = drawn(random, students, 200, 1.0)
        one = over_students(differences)
        both = over_students_and_images(one, differences)
        held, alone = held + (both.low <= 0 <= both.high), alone + (one.low <= 0 <= one.high)
    chance = 3.1 * math.sqrt(0.95 * 0.05 / 200)
    assert 0.95 - chance <= held / 200
    assert students == 3 or alone / 200 < 0.95 - chance


def test_mcnemar_is_the_sign_test_of_the_images_on_which_the_networks_differ() -> None:
    first = np.array([True] * 40 + [True] * 9 + [False] * 2 + [False] * 9)
    second = np.array([True] * 40 + [False] * 9 + [True] * 2 + [False] * 9)
    assert mcnemar_p(first, second) == pytest.approx(stats.binomtest(9, 11).pvalue)
    assert mcnemar_p(first, first) == 1


def test_the_example_in_the_docs_is_what_its_signs_give() -> None:
    text = (ROOT / "docs/how-a-claim-is-judged.md").read_text()
    page = " ".join(text.split())
    rows = re.findall(r"^    seed \d   ([-+.]+)$", text, re.MULTILINE)
    differences = np.array([["-.+".index(sign) - 1 for sign in row] for row in rows], dtype=np.int8)
    assert differences.shape == (3, 20)
    by_student = 5 * differences.sum(axis=1)
    mean, error = by_student.mean(), by_student.std(ddof=1) / math.sqrt(3)
    half = float(stats.t.ppf(0.975, 2)) * error
    alone = over_students(differences)
    both = by_both_samples(alone, differences)
    assert over_students_and_images(alone, differences).high == alone.high > both.high
    times = (both.high - both.effect) / both.error
    tests = [mcnemar_p(one >= 0, one <= 0) for one in differences]
    for sentence in (
        f"{by_student[0]}, {by_student[1]} and {by_student[2]} points, {mean:+.2f} on average",
        f"{mean:+.2f} ± {half / error:.2f} × {error:.2f}, that is {mean - half:+.2f} … {mean + half:+.2f}",
        f"the standard error is {both.error:.1f}",
        f"some {both.freedom:.0f} degrees of freedom",
        f"{mean:+.2f} ± {times:.1f} × {both.error:.1f}, some {both.low:.0f} … {both.high:+.0f}",
        f"{(differences[0] > 0).sum()} images are won and {(differences[0] < 0).sum()} is lost",
        f"p is {tests[0]:.3g}; of seed 1 it is {tests[1]:.3g}, and of seed 2 it is {tests[2]:.3g}",
    ):
        assert sentence in page, sentence
