"""The journal: a file to which all workers of a search append what their trials do, on folders that machines share too.

A worker that is killed may leave half a line at its end. Optuna passes over it when it reads, and would append to it.
"""

import json
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

from takd.errors import RecordError
from takd.files import check_place, check_regular
from takd.search.pruning import pruner_of
from takd.search.sampler import SeededTPE
from takd.search.trials import check
from takd.study.search import Pruner

LONGEST_LINE = 1_000_000  # bytes


class MendingLock(JournalFileSymlinkLock):
    """Optuna's lock, under which a line that nobody will end is cut off before the next is written."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path.absolute()))  # the lock is a link to the journal, from whatever folder
        self.path = path

    def acquire(self) -> bool:
        """Wait until nobody else writes, and mend the end of the file."""
        got = super().acquire()
        try:
            mend(self.path)
        except BaseException:
            self.release()
            raise
        return got


def mend(path: Path) -> None:
    """Cut off a last line that isn't whole: without an end, or not JSON. The caller holds the lock."""
    if not path.exists() or (size := path.stat().st_size) == 0:
        return
    with path.open("rb+") as file:
        file.seek(max(0, size - LONGEST_LINE))
        end = file.read()
        last = end.rstrip(b"\n").rpartition(b"\n")[2] if end.endswith(b"\n") else end.rpartition(b"\n")[2]
        torn = len(last) + end.endswith(b"\n")
        if not end.endswith(b"\n") or not _is_json(last):
            file.truncate(size - torn)


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def open_study(path: Path, name: str, seed: int, pruner: Pruner = "none") -> optuna.Study:
    """The trials of that name in a journal, which is begun where it isn't there. seed: of the sampler.

    Raises RecordError where the file isn't a journal, OSError where it can't be written.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    check_place(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists():
        check_regular(path, RecordError)
    try:
        storage = JournalStorage(JournalFileBackend(str(path), lock_obj=MendingLock(path)))
        given: dict[str, Any] = {"study_name": name, "sampler": SeededTPE(seed), "pruner": pruner_of(pruner)}
        if name in optuna.get_all_study_names(storage):
            known = optuna.load_study(storage=storage, **given)
            check(known, path)
            return known
        # another worker may have begun it meanwhile
        return optuna.create_study(storage=storage, direction="maximize", load_if_exists=True, **given)
    except (ValueError, KeyError, TypeError, AttributeError, AssertionError, RecursionError):
        raise RecordError(f"{path}: not a journal of trials, or damaged before its last line; name another by --journal") from None
