"""How jobs that start together share GPUs, without any: names and free memory are made up, processes and locks are real."""

import errno
import fcntl
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from takd.training.cards import Cards

FREE = {"cuda:0": 80, "cuda:1": 80}


def identity(name: str) -> str:
    return f"GPU-{name[-1]}"


@pytest.mark.parametrize(("cards", "jobs", "each"), [(2, 8, 4), (4, 8, 2), (3, 3, 1), (1, 5, 5)])
def test_jobs_that_start_together_share_the_cards_evenly(tmp_path: Path, cards: int, jobs: int, each: int) -> None:
    """All look at the same free memory, as nobody has used any yet."""
    free = {f"cuda:{number}": 80 for number in range(cards)}
    started = [Cards(tmp_path / "gpus") for _ in range(jobs)]
    with ThreadPoolExecutor(jobs) as pool:
        taken = Counter(pool.map(lambda job: job.take(free, identity), started))
    assert taken == dict.fromkeys(free, each)


def test_a_job_keeps_its_card_and_of_equally_shared_ones_takes_the_emptiest(tmp_path: Path) -> None:
    first, second, third = (Cards(tmp_path) for _ in range(3))
    assert first.take({"cuda:0": 10, "cuda:1": 20}, identity) == "cuda:1"
    assert first.take({"cuda:0": 99, "cuda:1": 20}, identity) == "cuda:1"
    assert second.take({"cuda:0": 10, "cuda:1": 99}, identity) == "cuda:0"
    assert third.take({"cuda:0": 10, "cuda:1": 99}, identity) == "cuda:1"


def test_cards_are_told_by_what_they_are_and_not_by_their_number(tmp_path: Path) -> None:
    """A job that sees one GPU alone calls it cuda:0, whichever it is."""
    sees_all, sees_one = Cards(tmp_path), Cards(tmp_path)
    assert sees_one.take({"cuda:0": 80}, lambda _: "GPU-1") == "cuda:0"
    assert sees_all.take({"cuda:0": 10, "cuda:1": 80}, identity) == "cuda:0"


def test_locks_are_asked_as_a_network_file_system_wants_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS locks no file for one process alone that is open to read alone."""
    lock = fcntl.flock

    def of_nfs(file: Any, operation: int) -> None:
        if fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")
        lock(file, operation)

    monkeypatch.setattr("fcntl.flock", of_nfs)
    jobs = [Cards(tmp_path) for _ in range(4)]
    assert [job.take({"cuda:0": 80, "cuda:1": 10}, identity) for job in jobs] == ["cuda:0", "cuda:1"] * 2


def test_what_a_killed_job_had_is_free_again(tmp_path: Path) -> None:
    code = """
import sys, pathlib
from takd.training.cards import Cards
print(Cards(pathlib.Path(sys.argv[1])).take({"cuda:0": 80, "cuda:1": 10}, lambda name: f"GPU-{name[-1]}"), flush=True)
sys.stdin.read()
"""
    other = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None and other.stdout.readline() == "cuda:0\n"
    assert Cards(tmp_path).take({"cuda:0": 80, "cuda:1": 10}, identity) == "cuda:1"
    other.kill()
    other.communicate()
    assert Cards(tmp_path).take({"cuda:0": 80, "cuda:1": 10}, identity) == "cuda:0"
    assert len(list(tmp_path.glob("*GPU*"))) == 2  # what the killed one left is gone


def test_where_no_file_can_be_locked_free_memory_decides(tmp_path: Path) -> None:
    (tmp_path / "gpus").write_text("no folder")
    assert Cards(tmp_path / "gpus").take({"cuda:0": 10, "cuda:1": 20}, identity) == "cuda:1"
