"""Every benchmark in one run: `make bench` prints the table and writes benchmarks/results.json and results.md."""

import json
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from rich.console import Console

from benchmarks import epochs, growth, pipeline, report
from benchmarks.command import run
from benchmarks.epochs import EpochTimer
from benchmarks.lines import Line, Repeat
from benchmarks.noise import TRAINING_IMAGES
from takd.errors import ParameterError
from takd.files import write_json, write_text
from takd.records.provenance import commit, machine, versions

WARM_UP_IMAGES = 512
MATHEMATICS_IMAGES = 10_000  # of an epoch without evaluation, for the share of the matrix product
LEAST_REPEATS, LEAST_SHARE = 5, 0.2  # of what counts as a result
PLAIN_EPOCHS, STUDENTS = 20, 3  # that share one pass of a teacher: unaugmented, and of a teacher's augmented views


@dataclass(frozen=True)
class Settings:
    """images: training images of a whole epoch. share: of it that is run where the baseline takes minutes."""

    repeats: int
    images: int
    share: float
    threads: int


Measurement = Callable[[Settings], list[Line]]


def nokd_plain(settings: Settings) -> list[Line]:
    """Labels alone: what the authors' loader and arithmetic cost."""
    return [_compared("nokd-plain", "NOKD plain 2", "cifar10/plain/2/seed0", epochs.authors_epoch, 1, 4, 1, settings)]


def blkd_plain(settings: Settings) -> list[Line]:
    """A large teacher without augmentation."""
    work = f"BLKD plain 10 → 2, teacher's pass over {PLAIN_EPOCHS} epochs"
    name = "cifar10/plain/10-2/seed0"
    return [_compared("blkd-plain", work, name, epochs.authors_epoch, PLAIN_EPOCHS, 25, settings.share, settings)]


def blkd_resnet(settings: Settings) -> list[Line]:
    """A teacher that sees other crops and flips in every epoch."""
    work = f"BLKD ResNet 20 → 8, crop and flip, teacher's pass over {STUDENTS} students"
    name = "cifar10/resnet/20-8/seed0"
    return [_compared("blkd-resnet", work, name, epochs.authors_epoch, STUDENTS, 8, settings.share, settings)]


def modern(settings: Settings) -> list[Line]:
    """What is left against a loop that has what a careful engineer gives it: all threads for one epoch, and an epoch for each."""
    work = f"BLKD plain 10 → 2, teacher's pass over {PLAIN_EPOCHS} epochs"
    name = "cifar10/plain/10-2/seed0"
    jobs = settings.threads
    side_by_side = f"{work}, {jobs} at once with one thread each"
    return [
        _compared("modern", work, name, epochs.modern_epoch, PLAIN_EPOCHS, 4, 1, settings),
        _compared(f"modern-{jobs}-jobs", side_by_side, name, epochs.modern_epoch, PLAIN_EPOCHS, 4, 1, settings, jobs),
    ]


def arithmetic(settings: Settings) -> list[Line]:
    """How much of the machine's bf16 matrix product a training reaches."""
    images = min(MATHEMATICS_IMAGES, settings.images)
    lines = []
    for title, name, bar in (("plain 10", "cifar10/plain/10/seed0", 65), ("ResNet-20", "cifar10/resnet/20/seed0", 45)):
        with _side() as side:
            side.submit(epochs.arithmetic, name, WARM_UP_IMAGES, settings.threads).result()
            repeats = [side.submit(epochs.arithmetic, name, images, settings.threads).result() for _ in range(settings.repeats)]
        lines.append(
            Line.single(
                f"arithmetic-{title.lower().replace(' ', '-')}",
                f"training {title}",
                "%",
                "share",
                repeats,
                bar=bar,
                at_least=True,
                compared_with="the machine's bf16 matrix product",
                images=images,
            )
        )
    return lines


def toy_table(settings: Settings) -> list[Line]:
    """What a small table costs beyond its trainings, and what one costs that is there."""
    repeats = [pipeline.toy_table(settings.threads) for _ in range(settings.repeats)]
    cores = f"{settings.threads} cores"
    return [
        Line.single("toy-table", f"{pipeline.TABLE} from nothing: core-seconds outside of training", "%", "overhead", repeats,
                    bar=40, compared_with=f"{cores} × seconds on the clock"),
        Line.single("toy-table-busy", f"{pipeline.TABLE} from nothing: processor time outside of training", "%", "busy_overhead",
                    repeats, bar=40, compared_with="the run's processor time"),
        Line.single("toy-table-seconds", f"{pipeline.TABLE} from nothing", "s", "seconds", repeats),
        Line.single("nothing-to-do", f"{pipeline.TABLE} a second time", "s", "nothing_to_do_seconds", repeats, bar=3),
    ]  # fmt: skip


def memory(settings: Settings) -> list[Line]:
    """The peak of one training."""
    images = settings.images
    repeats: list[Repeat] = [
        {"gigabytes": pipeline.peak_memory("cifar10/plain/10/seed0", images, images // 5, settings.threads)}
        for _ in range(min(settings.repeats, 2))  # it hardly differs between runs
    ]
    work = "peak memory of takd train, plain 10 for an epoch"
    return [Line.single("memory", work, "GB", "gigabytes", repeats, bar=1.2, images=images)]


def start_up(settings: Settings) -> list[Line]:
    """What a job costs before it computes."""
    repeats = [pipeline.start_up() for _ in range(settings.repeats)]
    titles = {
        "import_torch": "python -c 'import torch'",
        "takd_help": "takd --help",
        "takd_train": "takd train, one epoch of plain 2 on digits",
        "takd_train_computed": "of which it computed",
    }
    return [Line.single(f"start-up-{key}", title, "s", key, repeats) for key, title in titles.items()]


def dry_runs(settings: Settings) -> list[Line]:
    """What Snakemake itself takes to plan many networks."""
    lines = []
    for about in growth.DRY_RUNS:
        repeat = growth.dry_run(about)
        of = f"of {repeat['networks']:,.0f} networks"
        lines += [
            Line.single(f"growth-{about}", f"snakemake -n {of}", "s", "seconds", [repeat]),
            Line.single(f"growth-{about}-alone", f"as many jobs without takd, {of}", "s", "alone_seconds", [repeat]),
            Line.single(f"growth-{about}-memory", f"peak memory of snakemake -n {of}", "GB", "gigabytes", [repeat]),
            Line.single(f"growth-{about}-memory-alone", f"the same without takd, {of}", "GB", "alone_gigabytes", [repeat]),
        ]
    return lines


MEASUREMENTS: dict[str, Measurement] = {
    "nokd-plain": nokd_plain,
    "blkd-plain": blkd_plain,
    "blkd-resnet": blkd_resnet,
    "modern": modern,
    "arithmetic": arithmetic,
    "toy-table": toy_table,
    "memory": memory,
    "start-up": start_up,
    "growth": dry_runs,
}


def main(
    repeats: Annotated[int, typer.Option(min=1, help="Of each side, alternating.")] = LEAST_REPEATS,
    only: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(MEASUREMENTS)}; can be given again.")] = None,
    images: Annotated[int, typer.Option(min=1000, help="Training images of a whole epoch.")] = TRAINING_IMAGES,
    share: Annotated[float, typer.Option(min=0.02, max=1, help="Of an epoch, run where the baseline takes minutes.")] = LEAST_SHARE,
    threads: Annotated[int, typer.Option(min=1, help="Of each side, and cores of the toy table.")] = 2,
    output: Annotated[
        Path | None,
        typer.Option(help="JSON to write, a table beside it. By default benchmarks/results.json; nothing with --only."),
    ] = None,
) -> None:
    """Measure, print the table, write it with every repeat."""
    chosen = only or list(MEASUREMENTS)
    if output is None and only is None:
        output = report.HERE / "results.json"
    for name in chosen:
        if name not in MEASUREMENTS:
            raise ParameterError(f"unknown benchmark {name!r}; there are {', '.join(MEASUREMENTS)}")
    settings = Settings(repeats, images, share, threads)
    results: dict[str, Any] = {
        **asdict(settings),
        # what clones the commit would measure another version than what doesn't
        "quick": repeats < LEAST_REPEATS or images != TRAINING_IMAGES or share < LEAST_SHARE or commit().endswith("+"),
        "machine": machine(torch.device("cpu")),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "versions": versions(),
        "commit": commit(),
        "paths": _paths() if "growth" in chosen else [],
    }
    console = Console()
    lines: list[Line] = []
    for name in chosen:
        console.print(f"measuring {name} …", style="dim")
        lines += MEASUREMENTS[name](settings)
        # Written after each measurement: a run that is stopped leaves what it has.
        results["lines"] = [asdict(line) | {"met": line.met} for line in lines]
        if output is not None:
            write_json(output, results)
    if output is not None:
        write_text(output.with_suffix(".md"), report.as_markdown(json.loads(output.read_text())))
    console.print(report.as_table(results))


def _paths() -> list[dict[str, int]]:
    hours = growth.training_core_hours()
    return [row | {"training_core_hours": round(some)} for row, some in zip(growth.networks_of_paths(), hours, strict=True)]


def _compared(
    name: str,
    work: str,
    network: str,
    baseline: EpochTimer,
    shared_by: int,
    bar: float,
    share: float,
    settings: Settings,
    jobs: int = 1,
) -> Line:
    """Both sides in turns, each in processes of its own: takd tells the allocator to keep memory, which would help the other.

    jobs: how many epochs a side runs at once, the threads shared out among them; the one that takes longest counts.
    """
    images = round(share * settings.images)
    threads = settings.threads // jobs
    with ExitStack() as stack:
        theirs, ours = ([stack.enter_context(_side()) for _ in range(jobs)] for _ in range(2))
        sides = ((theirs, baseline), (ours, epochs.takd_epoch))
        for side, epoch in sides:
            _at_once(side, epoch, network, WARM_UP_IMAGES, threads, shared_by)
        times: tuple[list[Repeat], list[Repeat]] = ([], [])
        for _ in range(settings.repeats):
            for (side, epoch), taken in zip(sides, times, strict=True):
                taken.append(_at_once(side, epoch, network, images, threads, shared_by))
    compared_with = "the authors' loop" if baseline is epochs.authors_epoch else "a careful modern loop"
    if images != TRAINING_IMAGES:
        work += f" ({images:,} images)"
    return Line.ratio(name, work, compared_with, bar, images, *times)


def _at_once(side: list[ProcessPoolExecutor], epoch: EpochTimer, network: str, images: int, threads: int, shared_by: int) -> Repeat:
    """An epoch in each of a side's processes; the slowest."""
    running = [process.submit(epoch, network, images, images // 5, threads, shared_by) for process in side]
    return max((future.result() for future in running), key=lambda repeat: repeat["seconds"])


def _side() -> ProcessPoolExecutor:
    """A process for one of the sides. Started afresh, not forked: torch's threads don't survive a fork."""
    return ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn"))


if __name__ == "__main__":
    run(main)
