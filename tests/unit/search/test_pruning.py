from pathlib import Path
from statistics import median

from takd.search.trials import Tried, best, taken, tried
from tests.unit.search.conftest import accuracy, run


def by_hand(trials: list[Tried]) -> list[bool]:
    """Which trials are below the median of those before that ended, once five have: each has one accuracy throughout."""
    ended: list[float] = []
    pruned = []
    for one in trials:
        own = accuracy(one.values)
        pruned.append(len(ended) >= 5 and own < median(ended))
        ended += [] if pruned[-1] else [own]
    return pruned


def test_a_trial_below_the_median_ends_there_and_says_so(tmp_path: Path) -> None:
    """After its second epoch of four, the first in which accuracy says something: 4 of 8 seconds."""
    found = tried(study := run(tmp_path / "journal", 14, pruner="median", epochs=4))
    assert {min(trial.intermediate_values) for trial in study.trials} == {1}  # the epoch before says nothing
    assert [one.state == "pruned" for one in found] == by_hand(found) and 2 < sum(by_hand(found)) < 9
    assert {(one.seconds, one.accuracy) for one in found if one.state == "pruned"} == {(4.0, None)}
    assert taken(study) == 14
    winner = best(found)
    assert winner is not None and winner.accuracy == max(accuracy(one.values) for one in found)


def test_an_interrupted_search_prunes_what_it_would_have_pruned(tmp_path: Path) -> None:
    at_once = tried(run(tmp_path / "one", 12, pruner="median", epochs=3))
    run(tmp_path / "other", 7, pruner="median", epochs=3)
    assert tried(run(tmp_path / "other", 12, pruner="median", epochs=3)) == at_once


def test_nothing_is_pruned_unless_it_is_said(tmp_path: Path) -> None:
    assert {one.state for one in tried(run(tmp_path / "journal", 12, epochs=3))} == {"complete"}
