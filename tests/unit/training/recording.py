"""A stand-in for a captured graph on a processor: what a step does to tensors is written down once, and done again at each replay.

As in a graph, each operation gets the same tensors again, at the same places, and numbers that the step took from the processor are
those of the recording. So what a step should have read from the device, and didn't, shows as other bits.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class AskedTheProcessor(RuntimeError):
    """An operation that a capture doesn't allow."""


class Recording(TorchDispatchMode):
    """Writes down all operations within it. Raises AskedTheProcessor where one reads a number back, or brings one to the device."""

    FORBIDDEN = ("aten._local_scalar_dense", "aten.lift_fresh", "aten.nonzero", "aten.masked_select", "aten.equal")

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[tuple[Any, tuple[Any, ...], dict[str, Any], list[tuple[int, Tensor]]]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        if str(func).startswith(self.FORBIDDEN):
            raise AskedTheProcessor(str(func))
        result = func(*args, **kwargs)
        given = {each.untyped_storage().data_ptr() for each in tree_leaves((args, kwargs)) if isinstance(each, Tensor)}
        made = [
            (place, each)
            for place, each in enumerate(tree_leaves(result))
            if isinstance(each, Tensor) and each.untyped_storage().data_ptr() not in given
        ]
        self.calls.append((func, args, kwargs, made))
        return result

    @torch.no_grad()
    def replay(self) -> None:
        """Do it all again."""
        for func, args, kwargs, made in self.calls:
            again = tree_leaves(func(*args, **kwargs))
            for place, tensor in made:
                tensor.copy_(again[place])


class Recorded:
    """In the place of takd.training.captured.Capture. Recording runs a step, which a capture doesn't: no trace of it is left."""

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def __call__(self, step: Callable[[], None], rehearsing: Callable[[], AbstractContextManager[None]]) -> Callable[[], None]:
        for _ in range(2):
            with rehearsing():
                step()
        recording = Recording()
        with rehearsing(), recording:
            step()
        return recording.replay
