import contextlib
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

Snakemake = Callable[..., "Ran"]

# A table of two small networks, for runs that take seconds.
TABLE = """
small:
  kind: table
  where: None
  title: A small table
  rows: [{model: CNN, family: plain, chains: {BLKD: 4-2}}]
"""


@dataclass
class Ran:
    """A run of snakemake."""

    code: int
    output: str

    @property
    def jobs(self) -> dict[str, int]:
        """How many of each rule it lists, where it didn't fail."""
        assert self.code == 0, self.output
        table = self.output.rpartition("Job stats:\n")[2]
        return {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table, flags=re.MULTILINE) if rule != "total"}


def settled(folder: Path) -> None:
    """Wait until no job that a killed Snakemake left behind works in a folder."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        alive = []
        for process in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if (process / "cwd").readlink() == folder and b"takd" in (process / "cmdline").read_bytes():
                    alive.append(process)
        if not alive:
            return
        time.sleep(0.1)


@pytest.fixture
def snakemake(workspace: Path) -> Snakemake:
    """Runs the real snakemake in a copy of the workflow: snakemake("-n", "--cores=2", "results/table2.csv", seeds=1)."""

    def run(*arguments: str, **config: object) -> Ran:
        environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        settings = ["--config", *(f"{name}={value}" for name, value in config.items())] if config else []
        targets = [argument for argument in arguments if not argument.startswith("-")]
        options = " ".join(argument for argument in arguments if argument not in targets).split()
        cores = [] if "-n" in options else ["--cores", "2"]
        ended = subprocess.run(
            [sys.executable, "-m", "snakemake", *cores, *options, *settings, "--", *targets],
            cwd=workspace,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        return Ran(ended.returncode, ended.stdout + ended.stderr)

    return run
