"""takd on one GPU, within ten minutes: `make bench-gpu` writes benchmarks/gpu.json after each measurement, and gpu.md in the end.

Made-up images of CIFAR-10's size; no network is asked. `--only PART` adds to what the file has already. `--device cpu --output
FILE` tries all of it on a processor, at tiny sizes.
"""

import json
import os
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from benchmarks import gpu_report, on_gpu
from benchmarks.command import run
from benchmarks.flops import training_operations
from benchmarks.noise import CLASSES, SIDE, TEST_IMAGES, TRAINING_IMAGES, noise, recipe_of
from takd.data.prepared import PreparedData
from takd.errors import ParameterError, shortened
from takd.files import write_json, write_text
from takd.records.provenance import commit
from takd.study.names import Name
from takd.training.device import chosen_device
from takd.training.loop import initialised

HERE = Path(__file__).parent
LABELS = ("plain/2", "plain/4", "plain/10", "resnet/8", "resnet/20", "resnet/110")
TAUGHT = ("plain/10-2", "resnet/110-8")
TABLE = ("resnet:8", "resnet:20", "resnet:56", "resnet:110")
BATCHES = (128, 256, 512, 1024)
AT_ONCE = (1, 2, 4, 8, 16)
SHARED_BY = {"plain": 20, "resnet": 3}  # epochs or students that share one pass of a teacher, as in benchmarks/bench.py


@dataclass
class Bench:
    """One run. found: what was measured, by part and key. deadline: seconds of time.monotonic, after which nothing begins."""

    device: torch.device
    data: PreparedData
    output: Path
    deadline: float
    found: dict[str, Any] = field(default_factory=dict)

    @property
    def is_tiny(self) -> bool:
        """Whether it is only tried."""
        return self.device.type == "cpu"

    @property
    def on_device(self) -> PreparedData:
        """The images there, for those who don't bring them."""
        return replace(self.data, train=self.data.train.to(self.device))

    def measure(self, part: str, key: str, work: Callable[[], object]) -> None:
        """Measure one thing and write it; where it fails, that is what was found."""
        if time.monotonic() > self.deadline:
            value: object = {"failed": "no time was left"}
        else:
            try:
                value = work()
            except Exception as error:
                traceback.print_exc(limit=-3)
                value = {"failed": f"{type(error).__name__}: {shortened(error)}"}
        self.found.setdefault(part, {})[key] = value
        print(part, key, shortened(json.dumps(value)), flush=True)
        write_json(self.output, self.found)


def name_of(chain: str) -> Name:
    """The network of a chain of the paper's, on CIFAR-10."""
    return Name.parse(f"cifar10/{chain}/seed0")


def card(bench: Bench) -> None:
    """What the device can do."""
    bench.measure("card", "rates", partial(on_gpu.card, bench.device))


def epochs(bench: Bench) -> None:
    """Seconds of an epoch, by network; of one that could teach also those in which it answers all images."""
    chains = ("plain/2", "resnet/8", "plain/10-2", "resnet/20-8") if bench.is_tiny else (*TAUGHT, *LABELS)
    for chain in chains:
        count = 2 if bench.is_tiny or chain.endswith("/110") else 4
        name = name_of(chain)

        def work(name: Name = name, count: int = count) -> dict[str, Any]:
            found = on_gpu.epochs(name, bench.data, bench.device, count=count)
            return found if name.is_distilled else found | {"pass_seconds": on_gpu.teachers_pass(name, bench.data, bench.device)}

        bench.measure("epochs", chain, work)


def steps(bench: Bench) -> None:
    """Milliseconds of a step, with a graph and without, what of the card that is, and what a step launches."""
    data = bench.on_device
    for chain in ("plain/2", "resnet/20-8") if bench.is_tiny else (*TAUGHT, "plain/10", "resnet/20", "resnet/110"):
        name = name_of(chain)

        def work(name: Name = name) -> dict[str, Any]:
            made = partial(on_gpu.course_of, name, data, bench.device)
            graph, eager = (on_gpu.milliseconds(on_gpu.stepper(made(), captured=each), bench.device) for each in (True, False))
            recipe = recipe_of(name)
            network = initialised(recipe.network.builder, CLASSES, 0, SIDE)
            size = min(recipe.optimiser.batch_size, len(data.train))
            per_second = size / graph * 1e3
            return {
                "captured_milliseconds": graph,
                "eager_milliseconds": eager,
                "images": size,
                "operations_a_second": per_second * training_operations(network),
                "bytes_a_second": per_second * on_gpu.bytes_of_step(network),
                **on_gpu.kernels(made()),
            }

        bench.measure("steps", chain, work)


def ways(bench: Bench) -> None:
    """takd's epoch against the authors' way and a careful modern loop, on the same card and its host."""
    for chain in ("plain/10-2", "resnet/20-8") if bench.is_tiny else TAUGHT:
        name = name_of(chain)

        def work(name: Name = name) -> dict[str, float]:
            student = on_gpu.epochs(name, bench.data, bench.device, count=2)["seconds"]
            teacher = on_gpu.teachers_pass(name.teacher(), bench.data, bench.device)
            return {
                "takd_seconds": student + teacher / SHARED_BY[name.family],
                "teacher_seconds": teacher,
                "authors_seconds": on_gpu.authors_epoch(name, bench.data, bench.device, workers=0 if bench.is_tiny else 8),
                "modern_seconds": on_gpu.modern_epoch(name, bench.data, bench.device),
            }

        bench.measure("ways", chain, work)


def at_once(bench: Bench) -> None:
    """Images a second over all trainings that run at once: as processes, and as streams of one process."""
    data, chains = bench.on_device, ("plain/10-2",) if bench.is_tiny else TAUGHT
    for chain in chains:
        for count in (1, 2) if bench.is_tiny else AT_ONCE:
            name = name_of(chain)

            def streams(name: Name = name, count: int = count) -> dict[str, float]:
                courses = [on_gpu.course_of(name, data, bench.device, seed=seed) for seed in range(count)]
                size = min(courses[0].recipe.optimiser.batch_size, len(data.train))
                return {"images_a_second": count * size / on_gpu.at_once(courses) * 1e3}

            seconds, images = (1.0, 256) if bench.is_tiny else (5.0, TRAINING_IMAGES)
            bench.measure("at once, streams", f"{chain} x {count}", streams)
            work = partial(on_gpu.processes, name, count, bench.device, seconds, images)
            bench.measure("at once, processes", f"{chain} x {count}", work)


def table(bench: Bench) -> None:
    """Seconds of an epoch's steps by ResNet, batch size and number at once."""
    data = bench.on_device
    for builder in TABLE[:2] if bench.is_tiny else TABLE:
        for batch_size in BATCHES[:1] if bench.is_tiny else BATCHES:
            for count in (1, 2) if bench.is_tiny else (1, 4):

                def work(builder: str = builder, batch_size: int = batch_size, count: int = count) -> dict[str, float]:
                    made = partial(on_gpu.course_of, name_of("resnet/8"), data, bench.device, builder=builder)
                    courses = [made(batch_size=batch_size, seed=seed) for seed in range(count)]
                    step = on_gpu.at_once(courses) / count / min(batch_size, len(data.train))
                    return {"seconds_an_epoch_each": step * TRAINING_IMAGES / 1e3}

                bench.measure("table", f"{builder} batch {batch_size} x {count}", work)


PARTS: Mapping[str, Callable[[Bench], None]] = {
    "card": card,
    "epochs": epochs,
    "steps": steps,
    "ways": ways,
    "at-once": at_once,
    "table": table,
}


def main(
    device: Annotated[str, typer.Option(help="cuda, cuda:1 …, or cpu, at tiny sizes.")] = "cuda",
    seconds: Annotated[float, typer.Option(min=1, help="After which no measurement begins.")] = 480,
    only: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(PARTS)}; can be given again.")] = None,
    output: Annotated[Path | None, typer.Option(help="JSON to write, a page beside it. By default benchmarks/gpu.json.")] = None,
    worker: Annotated[str | None, typer.Option(hidden=True)] = None,
    images: Annotated[int, typer.Option(hidden=True)] = 0,
) -> None:
    """Measure on one GPU, write what was found and a page of it."""
    os.environ.setdefault("CUDA_DEVICE_MAX_CONNECTIONS", "32")  # before CUDA starts: with its 8, sixteen streams would share queues
    chosen = chosen_device(device, 1)
    if worker is not None:
        on_gpu.worker(Name.parse(worker), noise(images, images // 5), chosen, seconds)
        return
    if output is None and chosen.type == "cpu":
        raise ParameterError("--device cpu: is no result; name a file of your own by --output")
    for part in only or ():
        if part not in PARTS:
            raise ParameterError(f"unknown part {part!r}; there are {', '.join(PARTS)}")
    sizes = (256, 64) if chosen.type == "cpu" else (TRAINING_IMAGES, TEST_IMAGES)
    output = output or HERE / "gpu.json"
    bench = Bench(chosen, noise(*sizes), output, time.monotonic() + seconds)
    if only and output.exists():  # the other parts, as they were found by another run
        bench.found = json.loads(output.read_text())
    bench.found["about"] = {"commit": commit(), "device": chosen.type, "images": sizes[0], "date": time.strftime("%Y-%m-%d")}
    for part in only or PARTS:
        began = time.monotonic()
        PARTS[part](bench)
        bench.measure("seconds", part, lambda began=began: round(time.monotonic() - began, 1))  # type: ignore[misc]
    write_text(output.with_suffix(".md"), gpu_report.as_markdown(bench.found))


if __name__ == "__main__":
    run(main)
