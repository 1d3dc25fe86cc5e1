"""Latency is what a clock says, here one that a test moves."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from takd.shipping import latency


class Pretended:
    """Takes 2 ms for one image, 10 ms every tenth time, and 16 ms for 32; the first calls take a second."""

    about = SimpleNamespace(size=8)

    def __init__(self) -> None:
        self.now = 0.0
        self.calls: dict[int, int] = {}

    def __call__(self, images: Any) -> None:
        assert images.shape[1:] == (8, 8, 3) and images.dtype == np.uint8
        count = self.calls[len(images)] = self.calls.get(len(images), 0) + 1
        usual = 0.016 if len(images) == 32 else 0.010 if count % 10 == 0 else 0.002
        self.now += 1.0 if count <= latency.WARM_UP else usual


def test_calls_are_counted_after_the_warm_up(monkeypatch: pytest.MonkeyPatch) -> None:
    network: Any = Pretended()
    monkeypatch.setattr("time.perf_counter", lambda: network.now)
    found = latency.measured(network)
    assert network.calls == {1: 250, 32: 250}
    assert [found.median, found.within] == pytest.approx([2.0, 10.0])
    assert found.calls == 200
    assert found.images_per_second == pytest.approx(32 / 0.016)
    assert "one image in 2 ms (median; 95 % within 10 ms), 32 at once at 2,000 images/s; 200 calls" in str(found)
