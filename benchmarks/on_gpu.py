"""What benchmarks/gpu.py measures, piece by piece: an epoch by each loop, a step alone, trainings at once, what a card can do."""

import math
import select
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import redirect_stdout, suppress
from importlib import import_module
from io import StringIO
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks import baseline
from benchmarks.noise import CLASSES, SIDE, noise, recipe_of
from takd.data.prepared import PreparedData
from takd.data.splits import Split
from takd.data.views import Normalisation, Views
from takd.objectives.registry import ALL
from takd.records.metrics import Epoch
from takd.study.names import Name
from takd.training.captured import Captured, OnDevice
from takd.training.checkpoint import Progress
from takd.training.device import captures, library_versions, used_precision
from takd.training.inference import logits, still
from takd.training.loop import initialised, train
from takd.training.optimiser import optimiser_of
from takd.training.step import Step
from takd.training.steps import Course, order_of_epoch
from takd.training.teaching import ByEpoch

ROOT = Path(__file__).parents[1]
MANY_EPOCHS = 100_000


class Answers(ByEpoch):
    """A teacher's answers that lie in the processor's memory, as those of a file do, and come to the device epoch by epoch."""

    def __init__(self, name: Name, images: int) -> None:
        self.teacher, self.teacher_key, self.teacher_digest = name.teacher(), "0" * 16, "0" * 64
        self.logits = torch.randn(images, CLASSES, generator=torch.Generator().manual_seed(0)).half()

    def of_epoch(self, epoch: int) -> Tensor:
        """The same for each."""
        return self.logits


class Enough(Exception):
    """A training ran as long as it should."""


def wait(device: torch.device) -> None:
    """Until the device has done what it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize()


def milliseconds(call: Callable[[], object], device: torch.device, *, at_least: float = 0.3, repeats: int = 3) -> float:
    """Of one call: the median over repeats, each as many calls as fill `at_least` seconds."""
    call()
    wait(device)
    began = time.perf_counter()
    call()
    wait(device)
    many = max(2, min(2000, math.ceil(at_least / max(1e-6, time.perf_counter() - began))))
    seen = []
    for _ in range(repeats):
        began = time.perf_counter()
        for _ in range(many):
            call()
        wait(device)
        seen.append((time.perf_counter() - began) / many * 1e3)
    return statistics.median(seen)


def card(device: torch.device) -> dict[str, Any]:
    """What the device is, and the rates that it reaches: copied bytes and bf16 products, a second."""
    on_gpu = device.type == "cuda"
    size, side = (2**30, 8192) if on_gpu else (2**24, 512)
    source = torch.empty(size, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    matrix = torch.randn(side, side, device=device, dtype=torch.bfloat16)
    one = torch.zeros(1, device=device)
    found: dict[str, Any] = {"torch": torch.__version__, **library_versions(device)}
    if on_gpu:
        about = torch.cuda.get_device_properties(device)
        found |= {"name": about.name, "GiB": round(about.total_memory / 2**30, 1)}
    copied = 2 * size / milliseconds(lambda: target.copy_(source), device) * 1e3
    product = 2 * side**3 / milliseconds(lambda: torch.mm(matrix, matrix), device) * 1e3
    eager = milliseconds(lambda: one.add_(1), device) * 1e3
    return found | {"copied_bytes_a_second": copied, "bf16_operations_a_second": product, "microseconds_an_eager_kernel": eager}


def epochs(name: Name, data: PreparedData, device: torch.device, *, count: int = 3) -> dict[str, Any]:
    """Seconds of one epoch of takd's own loop, evaluation and the state that a job keeps in it, and whether its steps are captured.

    The median after a first one, which sets up and captures.
    """
    recipe = recipe_of(name)
    recipe = recipe.model_copy(update={"length": recipe.length.model_copy(update={"epochs": 1 + count})})
    answers = Answers(name, len(data.train)) if name.is_distilled else None
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    ends = [time.perf_counter()]
    with TemporaryDirectory() as folder, redirect_stdout(StringIO()) as said:
        progress = Progress(Path(folder) / "resume", "benchmark")
        train(name, recipe, data, answers, device=device, progress=progress, on_epoch=lambda _: ends.append(time.perf_counter()))
    print(said.getvalue(), end="")  # why its steps aren't captured, where they aren't
    first, *others = [after - before for before, after in pairwise(ends)]
    peak = torch.cuda.max_memory_allocated() / 2**20 if device.type == "cuda" else 0.0
    captured = captures(device) and not said.getvalue()
    return {"seconds": statistics.median(others), "first_seconds": first, "peak_MiB": peak, "captured": captured}


def course_of(
    name: Name, data: PreparedData, device: torch.device, *, builder: str | None = None, batch_size: int = 0, seed: int = 0
) -> Course:
    """A training by its recipe, ready to step. builder, batch_size: in the place of the recipe's."""
    recipe = recipe_of(name)
    if batch_size:
        recipe = recipe.model_copy(update={"optimiser": recipe.optimiser.model_copy(update={"batch_size": batch_size})})
    network = initialised(builder or recipe.network.builder, CLASSES, seed, SIDE).to(device).to(memory_format=torch.channels_last)
    network.train()
    precision = used_precision(recipe.optimiser.precision, device)
    objective = import_module(ALL[recipe.objective.name].module)
    split = data.train.to(device)
    everything = torch.arange(len(split))
    return Course(
        name=name.with_seed(seed),
        recipe=recipe,
        images=Views(split, Normalisation.of(split, recipe.views.normalisation), augmentation=recipe.views.augmentation),
        labels=split.labels,
        order=lambda epoch: order_of_epoch(everything, data.train.labels, "each", seed, epoch),
        classes=CLASSES,
        carry_out=Step(network, objective, recipe.objective, optimiser_of(network, recipe.optimiser), precision),
        teacher=Answers(name, len(split)) if name.is_distilled else None,
    )


def stepper(course: Course, *, captured: bool = True) -> Callable[[], None]:
    """The first step of an epoch, again and again: what it writes on the device moves on, which step it is doesn't.

    Raises RuntimeError where it can't be captured, so that no other time stands for a captured one's.
    """
    steps = Captured(course) if captured and captures(course.device) else OnDevice(course)
    size = steps.begin_epoch(0)[0]
    play = steps._captured(size) if isinstance(steps, Captured) else lambda: steps.step(size)
    if isinstance(steps, Captured) and steps.capture is None:
        raise RuntimeError(f"{course.name}: its step can't be captured")

    def step() -> None:
        steps.at.zero_()
        play()

    return step


def kernels(course: Course) -> dict[str, Any]:
    """How many kernels a step without a graph launches, how long they run, and which of them longest."""
    device, step = course.device, stepper(course, captured=False)
    step()
    wait(device)
    on_gpu = [torch.profiler.ProfilerActivity.CUDA] if device.type == "cuda" else []
    with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU, *on_gpu]) as profile:
        step()
        wait(device)
    kind = "CUDA" if on_gpu else "CPU"
    ran = [event for event in profile.events() or () if str(event.device_type).endswith(kind)]
    took = [(event.name[:60], event.device_time if on_gpu else event.self_cpu_time_total) for event in ran]
    longest = sorted(took, key=lambda each: -each[1])[:6]
    return {"kernels": len(ran), "busy_milliseconds": sum(each[1] for each in took) / 1e3, "longest_microseconds": longest}


def bytes_of_step(network: nn.Module) -> int:
    """For one image, what at least moves in bfloat16: each layer's output written and read, forward, and twice that backward."""
    numbers: list[int] = []
    layers = [layer for layer in network.modules() if not list(layer.children())]
    hooks = [layer.register_forward_hook(lambda _, __, output: numbers.append(output[0].numel())) for layer in layers]
    with torch.no_grad():
        network.eval()(torch.zeros(1, 3, SIDE, SIDE))
    for hook in hooks:
        hook.remove()
    return 3 * 2 * 2 * sum(numbers)


def at_once(courses: list[Course]) -> float:
    """Milliseconds of a step of all those trainings, each captured, played in turn on streams of their own by one process."""
    device, steps = courses[0].device, [stepper(course) for course in courses]
    streams = [torch.cuda.Stream(device) for _ in steps] if device.type == "cuda" else []

    def turn() -> None:
        if not streams:
            for step in steps:
                step()
        for stream, step in zip(streams, steps, strict=False):
            with torch.cuda.stream(stream):
                step()

    return milliseconds(turn, device, repeats=2)


def worker(name: Name, data: PreparedData, device: torch.device, seconds: float) -> None:
    """A training of this process alone: after an epoch it says so, waits for a line, and says its images a second since.

    Then it goes on until nobody listens, so that the others' rates have its company too.
    """
    recipe = recipe_of(name)
    recipe = recipe.model_copy(update={"length": recipe.length.model_copy(update={"epochs": MANY_EPOCHS})})
    began, done = 0.0, 0

    def heard(epoch: Epoch) -> None:
        nonlocal began, done, seconds
        if epoch.epoch == 1:
            print("ready", flush=True)
            sys.stdin.readline()
            began = time.perf_counter()
            return
        done += 1
        if seconds < math.inf and time.perf_counter() - began > seconds:
            print(done * len(data.train) / (time.perf_counter() - began), flush=True)
            seconds = math.inf
        if select.select([sys.stdin], [], [], 0)[0]:  # it was closed
            raise Enough

    with suppress(Enough):
        train(name, recipe, data, Answers(name, len(data.train)), device=device, on_epoch=heard)


def processes(name: Name, count: int, device: torch.device, seconds: float, images: int) -> dict[str, float]:
    """Images a second over so many processes that train at once, evaluation in it, from when all of them are ready."""
    command = [sys.executable, "-m", "benchmarks.gpu", "--worker", str(name), "--device", device.type]
    command += ["--seconds", str(seconds), "--images", str(images)]
    began = time.perf_counter()
    pipe = subprocess.PIPE
    running = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) for _ in range(count)]
    try:
        for each in running:
            assert each.stdin is not None and each.stdout is not None
            line = each.stdout.readline()
            while line.strip() not in ("ready", ""):
                line = each.stdout.readline()
            if not line:
                raise RuntimeError("a process of the benchmark ended before its first epoch")
        ready = time.perf_counter() - began
        for each in running:
            assert each.stdin is not None
            each.stdin.write("go\n")
            each.stdin.flush()
        rates = [float(each.stdout.readline()) for each in running if each.stdout is not None]
    finally:
        for each in running:
            each.kill()
    return {"images_a_second": sum(rates), "seconds_until_ready": ready}


def teachers_pass(name: Name, data: PreparedData, device: torch.device) -> float:
    """Seconds in which a teacher answers all training images."""
    network = initialised(recipe_of(name).network.builder, CLASSES, 0, SIDE).to(device)
    split = data.train.to(device)
    images = Views(split, Normalisation.of(split, "paper"), augmentation="none")
    frozen = still(network, used_precision("bfloat16", device), images)
    return milliseconds(lambda: logits(frozen, images), device, at_least=0, repeats=1) / 1e3


def authors_epoch(name: Name, data: PreparedData, device: torch.device, workers: int) -> float:
    """Seconds of the authors' loop, its loader on the processor, by torch's own settings, after some steps that set up."""
    student, teacher = (_fresh(each).to(device) for each in (name, name.teacher()))
    augmented = recipe_of(name).views.augmentation == "crop_flip"

    def moved(split: Split, training: bool) -> Iterator[baseline.Batch]:
        loader = baseline.loader(split, training=training, augmented=augmented and training, workers=workers)
        return ((images.to(device), labels.to(device)) for images, labels in loader)

    descent, few = baseline.optimiser(student), noise(256, 128)
    with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=False, allow_tf32=True):
        for each in (few, data):
            wait(device)
            began = time.perf_counter()
            baseline.authors_epoch(student, teacher, moved(each.train, True), moved(each.test, False), descent)
        wait(device)
        return time.perf_counter() - began


def modern_epoch(name: Name, data: PreparedData, device: torch.device) -> float:
    """Seconds of the careful modern loop, which has cuDNN choose by timing: of a second epoch, as the first sets up."""
    student, teacher = (_fresh(each).to(device).to(memory_format=torch.channels_last) for each in (name, name.teacher()))
    descent, training, test = baseline.optimiser(student), data.train.to(device), data.test.to(device)
    with torch.backends.cudnn.flags(enabled=True, benchmark=True, deterministic=False, allow_tf32=True):
        for _ in range(2):
            wait(device)
            began = time.perf_counter()
            baseline.modern_epoch(student, teacher, training, test, descent)
        wait(device)
        return time.perf_counter() - began


def _fresh(name: Name) -> nn.Module:
    return initialised(recipe_of(name).network.builder, CLASSES, name.seed, SIDE)
