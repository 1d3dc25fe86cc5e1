"""What became of a search's trials, as its journal tells it."""

import os
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from takd.errors import RecordError, shortened

CLAIM = "fresh seeds: "  # begins an attribute of a study: a worker and a number; its value says since when, 0 where it is done
WORKER, SECONDS, DIVERGED = "worker", "seconds", "diverged"  # what a trial's record says besides its values
LONGEST_SILENCE = 3600.0  # seconds, at least, before a trial of another machine is given up
State = Literal["complete", "pruned", "diverged", "running", "lost"]


@dataclass(frozen=True)
class Tried:
    """One trial. accuracy: in per cent, of what the search is judged on; None where it has none, as one that was pruned.

    seconds: of its training.
    """

    number: int
    values: dict[str, Any]
    accuracy: float | None
    state: State
    seconds: float | None


def check(study: Study, journal: Path) -> None:
    """Raises RecordError where a trial's record, or a worker's claim, says what no worker writes."""
    for trial in study.get_trials(deepcopy=False):
        said = {
            "accuracy": all(_is_number(value, 100) for value in trial.values or ()),
            SECONDS: _is_number(trial.user_attrs.get(SECONDS, 0.0)),
            WORKER: _is_worker(trial.user_attrs.get(WORKER, "")),
        }
        if wrong := [what for what, is_right in said.items() if not is_right]:
            raise RecordError(f"{journal}: trial {trial.number}: no worker writes such a record: {wrong[0]}")
    for name, began in study.user_attrs.items():
        if name.startswith(CLAIM) and not (_is_number(began) and _is_worker(_claimant(name))):
            raise RecordError(f"{journal}: no worker claims fresh seeds so: {shortened(name)}")


def _is_number(value: object, most: float = 1e12) -> bool:
    return isinstance(value, int | float) and 0 <= value <= most


def _is_worker(value: object) -> bool:
    return isinstance(value, str) and len(value.rpartition(" ")[2]) < 10  # digits of a process's number


def this_worker() -> str:
    """What a trial's record calls the process that runs it."""
    return f"{socket.gethostname()} {os.getpid()}"


def tried(study: Study, count: int | None = None) -> list[Tried]:
    """Trials that drew values, by number: all, or those that count where so many were asked for."""
    return [_tried(trial) for trial in counted(study, count) if trial.params]


def counted(study: Study, count: int | None = None) -> list[FrozenTrial]:
    """Trials by number, up to so many that weren't lost: a search for more may have gone on from there. All, where none is said."""
    found: list[FrozenTrial] = []
    for trial in study.get_trials(deepcopy=False):
        if count is not None and sum(state_of(each) != "lost" for each in found) >= count:
            break
        found.append(trial)
    return found


def _tried(trial: FrozenTrial) -> Tried:
    state = state_of(trial)
    accuracy = trial.values[0] if state == "complete" and trial.values else None
    return Tried(trial.number, dict(trial.params), accuracy, state, trial.user_attrs.get(SECONDS))


def state_of(trial: FrozenTrial) -> State:
    """What became of a trial."""
    if DIVERGED in trial.user_attrs:
        return "diverged"
    if trial.state == TrialState.COMPLETE:
        return "complete"
    if trial.state == TrialState.PRUNED:
        return "pruned"
    return "lost" if trial.state.is_finished() else "running"


def best(trials: Iterable[Tried]) -> Tried | None:
    """The most accurate trial, of equal ones the first; None where none ended well."""
    ended = [(one.accuracy, -one.number, one) for one in trials if one.accuracy is not None]
    return max(ended)[2] if ended else None


def taken(study: Study, *, before: int | None = None) -> int:
    """How many trials ended or still run, pruned and diverged ones too; of those below a number, where one is given."""
    trials = study.get_trials(deepcopy=False)
    return sum(state_of(trial) != "lost" for trial in trials if before is None or trial.number < before)


def give_up_lost(study: Study) -> int:
    """Mark the trials whose worker is no more, so that others take their places; how many still run."""
    running, silence = 0, _longest_silence(study)
    for trial in study.get_trials(deepcopy=False):
        if state_of(trial) == "running" and trial.state == TrialState.RUNNING:
            if _is_lost(trial, silence):
                study.tell(trial.number, state=TrialState.FAIL)
            else:
                running += 1
    return running


@contextmanager
def seeds_claimed(study: Study, seeds: int) -> Iterator[bool]:
    """Whether this worker is the one that trains the fresh seeds; until the block's end no other one is.

    It is whose claim stands first in the journal, of those that still run: all workers read it in one order. seeds: how many.
    """
    own = f"{CLAIM}{this_worker()} {time.time_ns()}"
    study.set_user_attr(own, time.time())
    try:
        silence = seeds * _longest_silence(study)
        claims = {name: began for name, began in study.user_attrs.items() if name.startswith(CLAIM) and began}
        others = (name for name, began in claims.items() if name == own or not _is_gone(_claimant(name), began, silence))
        yield next(others) == own
    finally:
        study.set_user_attr(own, 0.0)


def _claimant(claim: str) -> str:
    return claim.removeprefix(CLAIM).rpartition(" ")[0]


def _longest_silence(study: Study) -> float:
    """Seconds after which a training of another machine is given up: ten times the longest, and an hour at least."""
    longest = max((trial.user_attrs.get(SECONDS, 0.0) for trial in study.get_trials(deepcopy=False)), default=0.0)
    return max(LONGEST_SILENCE, 10 * longest)


def _is_lost(trial: FrozenTrial, silence: float) -> bool:
    began = trial.datetime_start or datetime.fromtimestamp(0)
    return _is_gone(str(trial.user_attrs.get(WORKER, "")), began.timestamp(), silence)


def _is_gone(worker: str, began: float, silence: float) -> bool:
    """Of this machine: its process is gone. Of another, or of nobody yet: it began too long ago."""
    host, _, process = worker.rpartition(" ")
    if host == socket.gethostname() and process.isdigit():
        return not _runs(int(process))
    return time.time() - began > silence


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return process != os.getpid()  # what this one runs has ended when it asks
