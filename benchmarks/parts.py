"""What single parts of the engine bring, each with and without: `python -m benchmarks.parts` prints and writes parts.md."""

import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from statistics import median

import torch
import torch.nn.functional as F
from torch import nn

from benchmarks.command import run
from benchmarks.noise import CLASSES, noise, recipe_of
from takd.chain import Network
from takd.data.views import Normalisation, Views
from takd.device import chosen_device
from takd.files import write_text
from takd.inference import frozen, logits, top1_accuracy
from takd.networks.registry import build
from takd.optimiser import SGD
from takd.provenance import machine

IMAGES, BATCH, REPEATS = 1_280, 128, 3
HERE = Path(__file__).parent
Row = tuple[str, str, str]


def main(output: Path = HERE / "parts.md") -> None:
    """Measure every part, each in processes of its own, and write the table."""
    rows = [row for part in (threads, allocator, evaluation, soft_targets, loading, start_up) for row in part()]
    table = "\n".join(f"| {' | '.join(row)} |" for row in [("part", "how", "measured"), ("---",) * 3, *rows])
    head = f"{machine(torch.device('cpu'))}; medians of {REPEATS}, {IMAGES} images each; one thread unless it says otherwise."
    write_text(output, f"<!-- written by benchmarks/parts.py -->\n\n{head}\n\n{table}\n")
    print(table)


def threads() -> list[Row]:
    """One or two threads a job."""
    rows = []
    for family, size in (("plain", 2), ("plain", 4), ("plain", 10), ("resnet", 8), ("resnet", 20)):
        one, two = _apart(_training_rate, family, size, 1, True), _apart(_training_rate, family, size, 2, True)
        both = sum(_at_once(_training_rate, family, size, 1, True))
        said = f"{one:,.0f} images/s with one thread, {two:,.0f} with two, {both:,.0f} in two jobs of one"
        rows.append(("threads", f"training {family} {size}", said))
    return rows


def allocator() -> list[Row]:
    """Freed memory kept, or given back to the system after every step."""
    rows = []
    for family, size in (("plain", 2), ("plain", 4), ("plain", 10), ("resnet", 8)):
        kept, given = (_apart(_training_rate, family, size, 1, keep) for keep in (True, False))
        said = f"{kept:,.0f} images/s kept, {given:,.0f} given back"
        rows.append(("memory given back", f"training {family} {size}", said))
    return rows


def evaluation() -> list[Row]:
    """What a look at the test images costs in every epoch."""
    rows = []
    for family, size in (("plain", 2), ("plain", 10), ("resnet", 8)):
        looks = 10_000 / _apart(_evaluation_rate, family, size)
        trains = 50_000 / _apart(_training_rate, family, size, 1, True)
        rows.append(("evaluation", f"{family} {size}", f"{looks:.2f} s of an epoch's {looks + trains:.1f} s"))
    return rows


def soft_targets() -> list[Row]:
    """Batch norm folded or not, and in which precision a teacher answers."""
    rows = []
    for family, size in (("plain", 10), ("resnet", 20)):
        rates = {
            how: _apart(_teacher_rate, family, size, how) for how in ("as it is, float32", "folded, float32", "folded, bfloat16")
        }
        rows.append(("soft targets", f"{family} {size}", ", ".join(f"{how}: {rate:,.0f} images/s" for how, rate in rates.items())))
    return rows


def loading() -> list[Row]:
    """Batches gathered as bytes and normalised on the fly, or as floats."""
    bytes_, floats = _apart(_loading_milliseconds, True), _apart(_loading_milliseconds, False)
    said = f"{bytes_:.2f} ms a batch from bytes (154 MB for 50,000 images), {floats:.2f} ms from floats (614 MB)"
    return [("batches", f"{BATCH} images", said)]


def start_up() -> list[Row]:
    """What a job does before its first step."""
    seconds = {}
    for name, code in (
        ("Python alone", ""),
        ("import torch", "import torch"),
        ("and torch._dynamo", "import torch, torch._dynamo"),
    ):
        seconds[name] = median(_seconds(partial(subprocess.run, [sys.executable, "-c", code], check=True)))
    return [("start-up", "a Python process", ", ".join(f"{name}: {value:.2f} s" for name, value in seconds.items()))]


def _training_rate(family: str, size: int, thread_count: int, keep_memory: bool) -> float:
    """Images a second of forward, backward and step, from bytes in memory."""
    if keep_memory:
        chosen_device("cpu", thread_count)
    torch.set_num_threads(thread_count)
    network = _network(family, size).train()
    views, labels = _views()
    optimiser = SGD(network.parameters(), momentum=0.9, nesterov=True, weight_decay=0)

    def steps() -> None:
        for batch in torch.arange(IMAGES).split(BATCH):
            with torch.autocast("cpu", dtype=torch.bfloat16):
                out = network(views.batch(batch, None))
            F.cross_entropy(out.float(), labels[batch]).backward()
            optimiser.step(0.01)

    return IMAGES / median(_seconds(steps))


def _evaluation_rate(family: str, size: int) -> float:
    chosen_device("cpu", 1)
    network, (views, labels) = _network(family, size), _views()
    return IMAGES / median(_seconds(lambda: top1_accuracy(frozen(network, torch.bfloat16), views, labels)))


def _teacher_rate(family: str, size: int, how: str) -> float:
    chosen_device("cpu", 1)
    network, (views, _) = _network(family, size), _views()
    if how.startswith("folded"):
        network = frozen(network, torch.bfloat16 if how.endswith("bfloat16") else torch.float32)
    return IMAGES / median(_seconds(lambda: logits(network, views)))


def _loading_milliseconds(from_bytes: bool) -> float:
    chosen_device("cpu", 1)
    views, _ = _views()
    floats = views.batch(torch.arange(IMAGES), None).permute(0, 2, 3, 1).contiguous()
    order = torch.randperm(IMAGES).split(BATCH)

    def batches() -> None:
        for batch in order:
            views.batch(batch, None) if from_bytes else floats.index_select(0, batch).permute(0, 3, 1, 2)

    return 1000 * median(_seconds(batches)) / len(order)


def _network(family: str, size: int) -> nn.Module:
    torch.manual_seed(0)
    return build(family, size, CLASSES).to(memory_format=torch.channels_last).eval()


def _views() -> tuple[Views, torch.Tensor]:
    data = noise(IMAGES, 10).train
    recipe = recipe_of(Network.parse("cifar10/plain/2/seed0"))
    return Views(data, Normalisation.of(data, recipe.normalisation), augmented=False), data.labels


def _seconds(work: Callable[[], object]) -> list[float]:
    """Of each repeat, after one that isn't measured."""
    taken = []
    for _ in range(REPEATS + 1):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return taken[1:]


def _apart(measure: Callable[..., float], *arguments: object) -> float:
    """A measurement in a process of its own, so that none helps or hinders the next."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(measure, *arguments).result()


def _at_once(measure: Callable[..., float], *arguments: object) -> list[float]:
    """The same measurement in two processes at once."""
    context = get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context, initializer=_begin_together, initargs=(context.Barrier(2),)) as processes:
        return [future.result() for future in [processes.submit(measure, *arguments) for _ in range(2)]]


def _begin_together(both: Barrier) -> None:
    """Wait for the other process: this one has imported all that it needs."""
    both.wait()


if __name__ == "__main__":
    run(main)
