"""What a training says while it runs: a line an epoch, a bar where somebody is looking, and each epoch to those who listen."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from takd.records.metrics import Epoch

_listeners: list[Callable[[Epoch], None]] = []


@contextmanager
def heard_by(listener: Callable[[Epoch], None]) -> Iterator[None]:
    """Within the block a training of this process says each epoch to the listener, too.

    What the listener raises ends that training, which then writes nothing.
    """
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


class Bar:
    """Of one training. images: those of an epoch. quiet: it says nothing, as another process says it."""

    def __init__(self, images: int, epochs: int, *, quiet: bool = False) -> None:
        self.images, self.epochs, self.quiet = images, epochs, quiet
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("images"), TimeRemainingColumn())
        console = Console()
        self.progress = Progress(*columns, console=console, transient=True, disable=quiet or not console.is_terminal)
        self.task = self.progress.add_task("", total=images)

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.progress.stop()

    def step(self, images: int) -> None:
        """So many images more were trained on."""
        self.progress.advance(self.task, images)

    def epoch(self, epoch: Epoch) -> None:
        """An epoch is done."""
        if self.quiet:
            return
        left = (self.epochs - epoch.epoch) * epoch.seconds
        print(
            f"epoch {epoch.epoch}/{self.epochs}  loss {epoch.loss:.4f}  accuracy {epoch.accuracy:.2f} %  "
            f"{self.images / epoch.seconds:.0f} images/s  {left / 60:.1f} min left",
            flush=True,
        )
        self.progress.reset(self.task, total=self.images, description=f"epoch {epoch.epoch + 1}")
        for listener in _listeners:
            listener(epoch)
