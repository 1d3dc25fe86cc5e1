from itertools import combinations

import pytest

from takd.errors import ParameterError
from takd.networks.registry import PAPER_FAMILIES
from takd.study.paths import (
    Path,
    all_paths,
    between,
    by_tradeoff,
    cheapest,
    constant_ratio,
    narrowest,
    nearest_to_mean,
    next_step,
    recursion,
    through_one,
    trainings,
)

PLAIN = tuple(PAPER_FAMILIES["plain"])
FROM_LABELS = {"10": 84.0, "8": 83.0, "6": 80.0, "4": 78.5, "2": 70.0}
PARAMETERS = {"10": 2_487_850, "8": 327_962, "6": 82_778, "4": 37_338, "2": 13_082}  # the paper's, CIFAR-10


def test_the_papers_rule_takes_the_assistant_nearest_the_mean_of_both_ends() -> None:
    """(84 + 70) / 2 = 77: 4 is 1.5 away, 6 is 3 away. For 8 to 2 the mean is 76.5. Between 10 and 8 there is nobody."""
    assert nearest_to_mean(PLAIN, "10", "2", FROM_LABELS) == ("10", "4", "2")
    assert nearest_to_mean(PLAIN, "10", "4", FROM_LABELS) == ("10", "6", "4")  # mean 81.25: 6 is 1.25 away, 8 is 1.75
    assert nearest_to_mean(PLAIN, "10", "8", FROM_LABELS) == ("10", "8")
    assert nearest_to_mean(PLAIN, "10", "2", FROM_LABELS | {"6": 77.5, "4": 76.5}) == ("10", "6", "2")  # as near: the larger


def test_a_constant_ratio_halves_the_logarithm_of_sizes() -> None:
    """From 64 to 1 by one assistant: 8. By two: 16 and 4. Through plain CNNs: √(2,487,850 × 13,082) = 180,405, so 8 of 327,962."""
    sizes = {"64": 64, "32": 32, "16": 16, "8": 8, "4": 4, "1": 1}
    assert constant_ratio(tuple(sizes), "64", "1", sizes, 1) == ("64", "8", "1")
    assert constant_ratio(tuple(sizes), "64", "1", sizes, 2) == ("64", "16", "4", "1")
    assert constant_ratio(tuple(sizes), "64", "1", sizes, 0) == ("64", "1")
    assert constant_ratio(PLAIN, "10", "2", PARAMETERS, 1) == ("10", "8", "2")
    with pytest.raises(ParameterError, match="3 assistants; between 10 and 4 there are 2"):
        constant_ratio(PLAIN, "10", "4", PARAMETERS, 3)


def test_minidiscs_rule_adds_a_fifth_of_the_sparsity_to_the_performance() -> None:
    """8 lacks 0.868 of 10's parameters, 6 0.967, 4 0.985: 0.840 + 0.174, 0.825 + 0.193 and 0.800 + 0.197."""
    taught = {"8": 84.0, "6": 82.5, "4": 80.0}
    assert by_tradeoff(PLAIN, "10", "2", taught, PARAMETERS) == ("10", "6", "2")
    assert by_tradeoff(PLAIN, "10", "2", taught | {"8": 84.5}, PARAMETERS) == ("10", "8", "2")  # 1.0187 to 1.0183
    assert by_tradeoff(PLAIN, "10", "8", {}, PARAMETERS) == ("10", "8")


def test_the_narrowest_path_is_that_of_the_smallest_widest_hop() -> None:
    gaps = {("T", "A"): 1.0, ("T", "B"): 4.0, ("T", "S"): 9.0, ("A", "S"): 6.0, ("B", "S"): 3.0, ("A", "B"): 0.5}
    assert narrowest("TABS", "T", "S", gaps) == ("T", "B", "S")  # 9, 6 and 4
    assert narrowest("TABS", "T", "S", gaps | {("T", "B"): 8.0}) == ("T", "A", "S")
    assert narrowest("TABS", "T", "S", gaps | {("T", "S"): 4.0}) == ("T", "S")  # as narrow, and no assistant


def test_all_paths_are_two_to_the_number_of_members_between() -> None:
    paths = all_paths("TABS", "T", "S")
    assert set(paths) == set(MEASURED) and [len(path) for path in paths] == sorted(map(len, paths))
    assert all_paths("TABS", "T", "S", 0) == [("T", "S")]
    assert set(all_paths("TABS", "T", "S", 1)) == set(MEASURED) - {("T", "A", "B"), ("T", "A", "B", "S")}
    assert set(through_one("TABS", "T", "S")) == set(all_paths("TABS", "T", "S", 1))


# By hand, for teacher T, members A and B between, student S.
MEASURED: dict[Path, float] = {
    ("T", "A"): 80, ("T", "B"): 75, ("T", "A", "B"): 76, ("T", "S"): 60, ("T", "A", "S"): 61, ("T", "A", "B", "S"): 63,
    ("T", "B", "S"): 64,
}  # fmt: skip


def test_the_recursion_extends_the_best_path_to_each_member() -> None:
    """B is best reached through A (76 > 75), so T-B-S isn't measured, though it would be the best: the price of n²."""
    best, measured = recursion("TABS", "T", "S", MEASURED.__getitem__)
    assert best == ("T", "A", "B", "S")
    assert set(measured) == set(MEASURED) - {("T", "B", "S")}


def test_the_recursion_asks_for_one_member_after_the_other() -> None:
    step = next_step("TABS", "T", "S", {})
    assert step == ((("T", "A"),), None)
    step = next_step("TABS", "T", "S", {("T", "A"): 80, ("T", "B"): 75})
    assert step.missing == (("T", "A", "B"),)


@pytest.mark.parametrize(
    ("at_most", "best", "count"),
    [(0, ("T", "S"), 1), (1, ("T", "B", "S"), 5), (2, ("T", "A", "B", "S"), 6), (9, ("T", "A", "B", "S"), 6)],
)
def test_a_limit_keeps_the_best_path_of_each_number_of_assistants(at_most: int, best: Path, count: int) -> None:
    """Of one at most: T-A, T-B, T-S, T-A-S and T-B-S, whose 64 wins."""
    assert recursion("TABS", "T", "S", MEASURED.__getitem__, at_most)[0] == best
    assert trainings("TABS", "T", "S", at_most) == count


def test_no_assistant_is_an_answer() -> None:
    assert recursion("TABS", "T", "S", lambda path: -len(path))[0] == ("T", "S")
    assert recursion("TABS", "T", "S", lambda path: 70.0)[0] == ("T", "S")  # of equal ones, the shorter


@pytest.mark.parametrize("count", range(8))
def test_n_members_between_take_as_many_trainings_as_pairs(count: int) -> None:
    members = [str(number) for number in range(count + 2)]
    assert trainings(members, "0", members[-1]) == (count + 1) * (count + 2) // 2


def test_with_a_limit_of_one_the_recursion_is_exhaustive() -> None:
    """No path of one assistant is passed over: each is measured."""
    _, measured = recursion(PLAIN, "10", "2", lambda path: sum(map(ord, "".join(path))) % 7, 1)
    through = {("10", *chosen, "2") for count in (0, 1) for chosen in combinations(("8", "6", "4"), count)}
    assert through <= set(measured) and len(measured) == 3 + len(through)


@pytest.mark.parametrize(
    ("teacher", "student", "at_most", "said"),
    [
        ("12", "2", None, "path: no member 12; there are 10, 8, 6, 4, 2"),
        ("10", "3", None, "path: no member 3"),
        ("2", "10", None, "from 2 to 10: a path leads from a larger member to a smaller one"),
        ("4", "4", None, "a path leads from a larger"),
        ("10", "2", -1, "assistants_at_most: expected 0 or more, not -1"),
    ],
)
def test_a_path_that_cannot_be_is_refused_in_one_line(teacher: str, student: str, at_most: int | None, said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        next_step(PLAIN, teacher, student, {}, at_most)


def test_members_between_are_in_their_order() -> None:
    assert between(PLAIN, "10", "2") == ("8", "6", "4") and between(PLAIN, "10", "8") == ()


def test_the_cheapest_path_that_is_good_enough() -> None:
    accuracies = {("T", "S"): 70.0, ("T", "A", "S"): 71.8, ("T", "A", "B", "S"): 72.0}
    costs = {("T", "S"): 1.0, ("T", "A", "S"): 2.0, ("T", "A", "B", "S"): 3.0}
    assert cheapest(accuracies, costs, 0.3) == ("T", "A", "S")
    assert cheapest(accuracies, costs, 0.1) == ("T", "A", "B", "S")
    assert cheapest(accuracies, costs, 5) == ("T", "S")
    assert cheapest(accuracies, dict.fromkeys(costs, 1.0), 5) == ("T", "A", "B", "S")  # of equal ones, the most accurate
    # 60.2 - 0.3 is 59.900000000000006
    assert cheapest({("T", "S"): 59.9, ("T", "A", "S"): 60.2}, costs, 0.3) == ("T", "S")
