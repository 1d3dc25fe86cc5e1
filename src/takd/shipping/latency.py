"""How long an exported network takes on this machine: one image at a time, and many at once, on one core."""

import time
from typing import NamedTuple

import numpy as np
import torch

from takd.records.provenance import machine
from takd.shipping.onnx_file import OnnxNetwork

WARM_UP, CALLS, MANY = 50, 200, 32  # calls, calls, images


class Latency(NamedTuple):
    """Milliseconds for one image, of `calls` calls; images a second, 32 at once, of as many; and the processor's name."""

    median: float
    within: float  # 95 % of the calls
    images_per_second: float
    calls: int
    machine: str

    def __str__(self) -> str:
        return (
            f"one image in {self.median:.3g} ms (median; 95 % within {self.within:.3g} ms), {MANY} at once at "
            f"{self.images_per_second:,.0f} images/s; {self.calls} calls, one core of {self.machine}"
        )


def measured(network: OnnxNetwork, calls: int = CALLS) -> Latency:
    """The latency of a network that was opened with one thread, by the clock, after 50 calls to warm up."""
    size = network.about.size
    images = np.random.default_rng(0).integers(256, size=(MANY, size, size, 3), dtype=np.uint8)
    alone, together = (_seconds(network, images[:count], calls) for count in (1, MANY))
    median, within = (1000 * float(np.quantile(alone, share)) for share in (0.5, 0.95))
    return Latency(median, within, MANY / float(np.median(together)), calls, machine(torch.device("cpu")))


def _seconds(network: OnnxNetwork, images: np.ndarray[tuple[int, ...], np.dtype[np.uint8]], calls: int) -> list[float]:
    """Seconds of each call."""
    for _ in range(WARM_UP):
        network(images)
    seconds = []
    for _ in range(calls):
        start = time.perf_counter()
        network(images)
        seconds.append(time.perf_counter() - start)
    return seconds
