"""Which GPU a job takes where several start together: the one that fewest other jobs of the project have.

A job that has a GPU holds a locked file of its own. The operating system unlocks it however the job ends, so nothing has to be
tidied up.
"""

import contextlib
import os
import re
import socket
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

FOLDER = Path(".takd/gpus")


class Cards:
    """The GPUs of a machine, as the jobs of one project share them. held: the one that this process has. lock: its locked file."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder = folder
        self.held: str | None = None
        self.lock: int | None = None

    def take(self, free: Mapping[str, int], identity: Callable[[str], str]) -> str:
        """One of the GPUs, for as long as this process lives: of those that fewest have, the one with most free memory.

        free: bytes, by the name that torch has for a GPU; not empty. identity: what a GPU is called by whoever sees it, as jobs may
        each see another part of a machine. Where files can't be locked, free memory decides alone.
        """
        if self.held is not None and self.held in free:
            return self.held
        self.give_back()
        prefixes = {name: re.sub(r"[^\w-]", "_", f"{socket.gethostname()}-{identity(name)}") for name in free}
        try:
            import fcntl  # late: Windows has none

            self.folder.mkdir(parents=True, exist_ok=True)
            with (self.folder / "choosing").open("wb") as choosing:
                fcntl.flock(choosing, fcntl.LOCK_EX)  # no two choose at once
                jobs = {name: self._jobs(prefix) for name, prefix in prefixes.items()}
                name = min(free, key=lambda each: (jobs[each], -free[each]))
                self.lock, _ = tempfile.mkstemp(prefix=f"{prefixes[name]}.", dir=self.folder)
                fcntl.flock(self.lock, fcntl.LOCK_EX)
        except (OSError, ImportError):
            name = max(free, key=free.__getitem__)
        self.held = name
        return name

    def give_back(self) -> None:
        """Have no GPU any more."""
        if self.lock is not None:
            os.close(self.lock)
        self.held = self.lock = None

    def _jobs(self, prefix: str) -> int:
        """How many have that GPU; what ended jobs left is removed."""
        import fcntl

        count = 0
        for path in self.folder.glob(f"{prefix}.*"):
            with contextlib.suppress(FileNotFoundError), path.open("r+b") as file:  # NFS locks no file that is open to read alone
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()
                except BlockingIOError:
                    count += 1
        return count


CARDS = Cards()
