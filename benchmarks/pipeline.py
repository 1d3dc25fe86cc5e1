"""What stands around the trainings: start-up, Snakemake, a whole toy table, nothing to do, memory."""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.noise import ROOT, noise, recipe_of, write_as_cifar10
from takd.study.names import Name
from takd.study.tree import Node, Tree

TABLE = "results/toy/table2.csv"
TRAINING_NAME = "digits/plain/2/seed0"

# A process inherits its parent's peak of memory; this one stands between, small, and reports its child's, in KB.
PEAK = """
import resource, subprocess, sys
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@contextmanager
def fresh_clone() -> Iterator[Path]:
    """A clone of the commit at hand, without any results or prepared data."""
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "takd"
        subprocess.run(["git", "clone", "--quiet", "--no-hardlinks", str(ROOT), str(clone)], check=True)
        yield clone


def toy_table(cores: int) -> dict[str, float]:
    """Table 2 of the toy preset from nothing, then once more with nothing to do.

    overhead: share, in per cent, of the core-seconds that the run held (cores x seconds on the clock) in which none of its
    trainings computed; start-up, imports, Snakemake, soft targets, tables and cores that wait for a teacher are all in it.
    busy_overhead: the same share of the processor's time that the run used, waiting left out.
    """
    with fresh_clone() as clone:
        wall, busy = timed([*snakemake(cores), TABLE], clone)
        metrics = [json.loads(path.read_text()) for path in clone.glob("results/toy/models/**/metrics.json")]
        computed = sum(one["seconds"] for one in metrics)
        again, _ = timed([*snakemake(cores), TABLE], clone)
    return {
        "seconds": wall,
        "busy_seconds": busy,
        "computed_seconds": computed,
        "networks": len(metrics),
        "overhead": 100 * (1 - computed / (cores * wall)),
        "busy_overhead": 100 * (1 - computed / busy),
        "nothing_to_do_seconds": again,
    }


def start_up() -> dict[str, float]:
    """Seconds of Python with torch alone, of the command line alone, and of a short training with what it computed itself."""
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder)
        takd = [sys.executable, "-m", "takd"]
        subprocess.run([*takd, "prepare", "digits", "--output", "digits.safetensors"], cwd=there, env=environment(ROOT), check=True,
                       stdout=subprocess.DEVNULL)  # fmt: skip
        recipe = Tree(ROOT).recipe(Node("results/toy", Name.parse(TRAINING_NAME)))
        recipe = recipe.model_copy(update={"length": recipe.length.model_copy(update={"epochs": 1})})
        job = [*takd, "train", TRAINING_NAME, "--data", "digits.safetensors", "--recipe", recipe.canonical()]
        training, _ = timed([*job, "--output", "model.safetensors", "--metrics", "metrics.json"], there, ROOT)
        computed = json.loads((there / "metrics.json").read_text())["seconds"]
        return {
            "import_torch": timed([sys.executable, "-c", "import torch"], there, ROOT)[0],
            "takd_help": timed([*takd, "--help"], there, ROOT)[0],
            "takd_train": training,
            "takd_train_computed": computed,
        }


def peak_memory(name: str, images: int, test_images: int, threads: int) -> float:
    """Gigabytes that `takd train` holds at most while it trains a network for one epoch."""
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder)
        write_as_cifar10(there / "noise.safetensors", noise(images, test_images))
        job = [sys.executable, "-m", "takd", "train", name, "--data", "noise.safetensors", "--threads", str(threads)]
        job += ["--recipe", recipe_of(Name.parse(name)).canonical(), "--output", "model.safetensors", "--resume", "resume"]
        command = [sys.executable, "-c", PEAK, *job, "--metrics", "metrics.json"]
        ran = subprocess.run(command, cwd=there, env=environment(ROOT), check=True, stdout=subprocess.PIPE, text=True)
    return float(ran.stdout) * 1024 / 1e9


def snakemake(cores: int) -> list[str]:
    """The command, but for its targets."""
    return [sys.executable, "-m", "snakemake", "--cores", str(cores), "--quiet", "rules", "--"]


def timed(command: list[str], folder: Path, checkout: Path | None = None) -> tuple[float, float]:
    """Seconds on the clock, and of the processor, that a command took in `folder`, with the package of `checkout`.

    Raises RuntimeError with what it said where it fails.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.perf_counter()
    ran = subprocess.run(command, cwd=folder, env=environment(checkout or folder), capture_output=True, text=True, check=False)
    wall = time.perf_counter() - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if ran.returncode != 0:
        raise RuntimeError(f"{' '.join(command)}: exit code {ran.returncode}\n{ran.stdout}{ran.stderr}")
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def environment(checkout: Path) -> dict[str, str]:
    """This process's, with the package of `checkout` before an installed one, and this Python's commands before others."""
    return os.environ | {
        "PYTHONPATH": f"{checkout / 'src'}:{checkout}",
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
