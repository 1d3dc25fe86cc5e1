import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from takd.errors import DivergenceError, ParameterError
from takd.search import trials
from takd.search.journal import open_study
from takd.search.trials import Tried, best, tried
from tests.conftest import ROOT
from tests.unit.search.conftest import FIELDS, accuracy, run


def test_an_interrupted_search_draws_what_it_would_have_drawn(tmp_path: Path) -> None:
    """Beyond the ten random trials that the estimator begins with."""
    at_once = tried(run(tmp_path / "one", 13))
    run(tmp_path / "other", 4)
    run(tmp_path / "other", 11)
    assert tried(run(tmp_path / "other", 13)) == at_once
    assert [one.number for one in at_once] == list(range(13))
    assert len({one.values["temperature"] for one in at_once}) == 13
    assert all(0.05 <= one.values["trade_off"] <= 1 and 1 <= one.values["temperature"] <= 20 for one in at_once)
    assert all(one.accuracy == pytest.approx(accuracy(one.values)) for one in at_once)


def test_the_estimator_ends_nearer_the_best_than_it_began(tmp_path: Path) -> None:
    found = [one.accuracy or 0 for one in tried(run(tmp_path / "journal", 30))]
    assert sum(found[-10:]) > sum(found[:10]) and max(found) > 89


def test_a_killed_worker_loses_one_trial(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from pathlib import Path
from tests.unit.search.conftest import run
run(Path(sys.argv[1]), 4, lambda which: os.kill(os.getpid(), signal.SIGKILL) if which == "trial2" else None)
"""
    journal = tmp_path / "journal"
    ended = subprocess.run([sys.executable, "-c", code, str(journal)], cwd=ROOT, check=False)
    assert ended.returncode == -signal.SIGKILL
    assert [one.state for one in tried(run(journal, 4))] == ["complete", "complete", "lost", "complete", "complete"]


def test_of_a_search_that_went_on_the_first_trials_count(tmp_path: Path) -> None:
    """As many as were asked for, of those that weren't lost: here 0, 1 and 3."""

    def mistaken(which: str) -> None:
        if which == "trial2":
            raise ParameterError("no")

    with pytest.raises(ParameterError):
        run(tmp_path / "journal", 5, mistaken)
    study = run(tmp_path / "journal", 5)
    assert [one.number for one in tried(study)] == [0, 1, 2, 3, 4, 5]
    assert [one.number for one in tried(study, 3)] == [0, 1, 2, 3] and tried(study, 5) == tried(study)


def test_a_mistake_ends_the_search_and_loses_one_trial(tmp_path: Path) -> None:
    def mistaken(which: str) -> None:
        raise ParameterError("no")

    with pytest.raises(ParameterError, match="no"):
        run(tmp_path / "journal", 2, mistaken)
    assert [one.state for one in tried(run(tmp_path / "journal", 2))] == ["lost", "complete", "complete"]


def test_a_trial_that_diverges_counts_and_is_not_the_best(tmp_path: Path) -> None:
    def diverges(which: str) -> None:
        if which == "trial0":
            raise DivergenceError("the loss is infinite")

    found = tried(study := run(tmp_path / "journal", 2, diverges))
    assert [(one.state, one.accuracy is None) for one in found] == [("diverged", True), ("complete", False)]
    assert study.trials[0].value == 0  # so that the sampler keeps away
    assert best(found) == found[1]


def test_trials_of_other_workers_count(tmp_path: Path) -> None:
    """One that runs on another machine takes a place until it has been silent for too long."""
    study = open_study(tmp_path / "journal", "study", 7)
    study.ask().set_user_attr(trials.WORKER, "elsewhere 1")
    from takd.search.job import run_trials
    from tests.unit.search.conftest import Pretended

    assert run_trials(study, Pretended(), FIELDS, 3, on_test=False) == 1
    assert [one.state for one in tried(study)] == ["complete", "complete"]  # the other has drawn nothing yet
    assert trials.taken(study) == 3 and trials.taken(study, before=1) == 1


def test_a_silent_trial_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = open_study(tmp_path / "journal", "study", 7)
    study.ask().set_user_attr(trials.WORKER, "elsewhere 1")
    assert trials.give_up_lost(study) == 1
    monkeypatch.setattr(trials, "LONGEST_SILENCE", 0.0)
    assert trials.give_up_lost(study) == 0 and trials.taken(study) == 0


def test_workers_that_end_together_do_not_both_train_the_fresh_seeds(tmp_path: Path) -> None:
    """The first claim in the journal counts, until its worker is done; both read it from the file."""
    first, second = (open_study(tmp_path / "journal", "study", 7) for _ in range(2))
    with trials.seeds_claimed(first, 3) as one:
        first.set_user_attr("fresh seeds: elsewhere 7 1", time.time())
        assert one
        with trials.seeds_claimed(second, 3) as other:
            assert not other
    with trials.seeds_claimed(second, 3) as again:
        assert not again  # that of elsewhere runs on
    second.set_user_attr("fresh seeds: elsewhere 7 1", 0.0)
    with trials.seeds_claimed(second, 3) as again:
        assert again


def test_a_claim_of_a_worker_that_is_no_more_is_void(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = open_study(tmp_path / "journal", "study", 7)
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True)
    study.set_user_attr(f"{trials.CLAIM}{socket.gethostname()} {ended.stdout.strip()} 1", time.time())
    study.set_user_attr(f"{trials.CLAIM}elsewhere 7 2", time.time() - 4 * trials.LONGEST_SILENCE)
    with trials.seeds_claimed(study, 3) as mine:
        assert mine
    with trials.seeds_claimed(study, 5) as mine:
        assert not mine  # five seeds may take it that long


def test_of_equal_trials_the_first_is_the_best() -> None:
    equal = [Tried(number, {}, 70.0, "complete", 1.0) for number in (0, 1)]
    assert best([*equal, Tried(2, {}, None, "diverged", None), Tried(3, {}, 69.0, "complete", 1.0)]) == equal[0]
    assert best([]) is None
