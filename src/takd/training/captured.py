"""A GPU's steps: each finds all it needs on the device and moves on by itself, so one is captured as a graph and played again.

Launching a kernel takes the processor as long as a small kernel runs; a captured step launches all of them at once. Whatever can't
be captured runs as on a processor, and says why.
"""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

import torch
from torch import Tensor

from takd.data.splits import StreamedSplit
from takd.errors import device_fault, shortened
from takd.objectives.batch import Batch
from takd.objectives.registry import ALL
from takd.training.device import captures
from takd.training.labels import softened, weights_of
from takd.training.optimiser import Optimiser
from takd.training.schedule import learning_rate
from takd.training.steps import Course, OneByOne, Steps, in_batches
from takd.training.teaching import Said, Shown

WARM_UP = 3  # steps before a capture, as torch asks for: libraries choose and set up what they need

Replay = Callable[[], None]


def steps_of(course: Course) -> Steps:
    """A training's steps in the form that its device has; where a GPU can't capture them, it is said once."""
    if not captures(course.device):
        return OneByOne(course)
    if (why := why_not_captured(course)) is None:
        return Captured(course)
    _say(course, why)
    return OneByOne(course)


def why_not_captured(course: Course) -> str | None:
    """What of a training asks the processor at each step, as a clause; None where nothing does."""
    recipe, objective = course.recipe, ALL[course.recipe.objective.name]
    reasons = {
        "several processes share each step": course.carry_out.world.size > 1,
        "its images are read from files as they are needed": isinstance(course.images.split, StreamedSplit),
        f"{recipe.views.changes} draws numbers on the processor": recipe.views.changes is not None,
        f"{recipe.labels.mixes} draws numbers on the processor": course.mixing is not None,
        "images without labels join its steps": course.transfer is not None,
        f"+{objective.name} asks its teacher at each step": objective.features or objective.asks,
        f"+{objective.name} draws which teachers speak": objective.ancestors,
        "its network draws random numbers, or may, as its code is unknown": course.is_random,
        f"its optimiser is {recipe.optimiser.optimiser}": recipe.optimiser.optimiser != "sgd",
        "ema_decay averages its weights": course.after_step is not None,
    }
    return next((why for why, holds in reasons.items() if holds), None)


class OnDevice:
    """Steps that find everything on the device: the epoch's order, views, soft targets and learning rates, and which step it is.

    All of these keep their places in memory from epoch to epoch. `step` carries out the next one. losses: as Steps has it.
    """

    def __init__(self, course: Course) -> None:
        """Of a course for which why_not_captured has no reason."""
        self.course = course
        self.at = torch.zeros(1, dtype=torch.int64, device=course.device)
        self.epoch = 0
        self.losses = self.rates = torch.empty(0, device=course.device)
        self.order = torch.empty(0, dtype=torch.int64, device=course.device)
        self.full, self.last = self.order, self.order
        self.views: Tensor | None = None
        self.said = Said()

    def of_epoch(self, epoch: int) -> Iterator[int]:
        """As Steps has it."""
        for size in self.begin_epoch(epoch):
            self.step(size)
            yield size

    def begin_epoch(self, epoch: int) -> list[int]:
        """Bring to the device what an epoch's steps need; how many images each of them has."""
        course, recipe, first = self.course, self.course.recipe, len(self.order) == 0
        views, order = course.begin_epoch(epoch)
        said = self._said(views, epoch)
        sizes = [len(batch) for batch in in_batches(order, recipe.optimiser.batch_size)]
        numbers = torch.float32 if course.device.type == "cuda" else torch.float64  # in which the optimiser reads a rate
        rates = torch.tensor([learning_rate(recipe, epoch, step / len(sizes)) for step in range(len(sizes))], dtype=numbers)
        if first:
            self.order, self.rates, self.views, self.said = order, rates.to(course.device), views, said
            self.losses = torch.zeros(len(sizes), device=course.device)
            full = sum(size == sizes[0] for size in sizes)
            self.full, self.last = order[: full * sizes[0]].view(full, sizes[0]), order[full * sizes[0] :]
        else:
            self.order.copy_(order)
            self.rates.copy_(rates)
            if self.views is not None and views is not None:
                self.views.copy_(views)
            for there, new in zip(_logits(self.said), _logits(said), strict=True):
                there.copy_(new)
        self.epoch = epoch
        self.at.zero_()
        return sizes

    def step(self, size: int) -> None:
        """The next step of the epoch, of so many images. It asks the processor nothing, and what it writes stays in its place."""
        course, recipe = self.course, self.course.recipe
        positions = self.full.index_select(0, self.at)[0] if size == self.full.shape[1] else self.last
        pictures = course.images.batch(positions, self.views)
        sure = course.labels[positions]
        labels = softened(sure, course.classes, recipe.labels.label_smoothing)
        logits = None if self.said.logits is None else self.said.logits[positions]
        ancestors = tuple(each[positions] for each in self.said.ancestors)
        batch = Batch(
            labels,
            logits,
            self.epoch,
            epochs=recipe.all_epochs,
            ancestors_logits=ancestors,
            weights=weights_of(sure, course.class_weights),
        )
        loss = course.carry_out(pictures, batch, self.rates.index_select(0, self.at).squeeze(0))
        self.losses.index_copy_(0, self.at, loss.view(1))
        self.at.add_(1)

    def _said(self, views: Tensor | None, epoch: int) -> Said:
        """What the teacher says of all images, as the epoch shows them."""
        if self.course.teacher is None:
            return Said()
        everything = torch.arange(len(self.course.images), device=self.course.device)
        return self.course.teacher.of_step(Shown(everything, views, epoch))


def _logits(said: Said) -> tuple[Tensor, ...]:
    return said.ancestors if said.logits is None else (said.logits, *said.ancestors)


class Captured(OnDevice):
    """Those steps, each size of them captured when it is first needed, then replayed.

    In epochs before the loss function stays what it is, steps aren't captured.
    """

    def __init__(self, course: Course) -> None:
        super().__init__(course)
        self.replays: dict[int, Replay] = {}
        self.capture: Capture | None = Capture(course.device)

    def of_epoch(self, epoch: int) -> Iterator[int]:
        """As Steps has it."""
        changes = epoch < self.course.recipe.objective.epochs_that_differ
        for size in self.begin_epoch(epoch):
            if changes:
                self.step(size)
            else:
                if size not in self.replays:
                    self.replays[size] = self._captured(size)
                self.replays[size]()
            yield size

    def _captured(self, size: int) -> Replay:
        """A step of that size, to be played; where it can't be captured, the step itself, which is said."""
        step, carry_out = partial(self.step, size), self.course.carry_out
        if self.capture is None:
            return step
        written = [*carry_out.model.parameters(), *carry_out.model.buffers(), self.at, self.losses]
        try:
            return self.capture(step, partial(untouched, carry_out.optimiser, written))
        except RuntimeError as error:
            cause = error.__context__ if isinstance(error.__context__, RuntimeError) else error  # then the capture's end failed too
            if device_fault(cause) is not None:
                raise cause from None
            _say(self.course, f"torch says: {shortened(cause)}")  # somebody's network that asks the processor
            self.capture = None
            for parameter in carry_out.optimiser.parameters:
                parameter.grad = None
            return step


class Capture:
    """Captures steps as CUDA graphs that share their memory, as they are never played at once."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.stream: torch.cuda.Stream | None = None
        self.first: torch.cuda.CUDAGraph | None = None

    def __call__(self, step: Replay, rehearsing: Callable[[], AbstractContextManager[None]]) -> Replay:
        """Warm up on a stream of its own, then record what `step` launches, without running it.

        rehearsing: within it a step leaves no trace. Raises RuntimeError where a step can't be captured.
        """
        if self.stream is None:
            self.stream = torch.cuda.Stream(self.device)
        own = torch.cuda.current_stream(self.device)
        self.stream.wait_stream(own)
        with torch.cuda.stream(self.stream):
            for _ in range(WARM_UP):
                with rehearsing():
                    step()
        own.wait_stream(self.stream)
        graph = torch.cuda.CUDAGraph()
        pool = None if self.first is None else self.first.pool()
        try:
            with torch.cuda.graph(graph, pool=pool, stream=self.stream, capture_error_mode="thread_local"):
                step()
        finally:
            torch.cuda.set_stream(own)  # where a capture fails, torch stays on its stream
        self.first = self.first or graph
        replay: Replay = graph.replay
        return replay


@contextmanager
def untouched(optimiser: Optimiser, tensors: list[Tensor]) -> Iterator[None]:
    """Within it a step may run; afterwards tensors, optimiser and random numbers are as they were.

    What the optimiser remembers only since then becomes zeros, with which its next step is the first.
    """
    before = [tensor.detach().clone() for tensor in tensors]
    remembered = [{name: tensor.clone() for name, tensor in state.items()} for state in optimiser.state]
    devices = sorted({tensor.device.index for tensor in tensors if tensor.device.type == "cuda"})
    try:
        with torch.random.fork_rng(devices=devices):
            yield
    finally:
        with torch.no_grad():
            for tensor, kept in zip(tensors, before, strict=True):
                tensor.copy_(kept)
            for state, known in zip(optimiser.state, remembered, strict=True):
                for name, tensor in state.items():
                    tensor.copy_(known[name]) if name in known else tensor.zero_()


def _say(course: Course, why: str) -> None:
    if course.carry_out.world.leads:
        print(f"{course.name}: its steps aren't captured, so that an epoch takes longer: {why}", flush=True)
