"""How long an exported network takes on this machine: one image at a time, and many at once, on one core."""

import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from takd.code import code_hash
from takd.errors import RecordError
from takd.files import read_text, sha256_of, write_text
from takd.records.exports import EXPORTING, TIMING, ExportRecord, LatencyRecord, export_key, latency_key
from takd.records.key import check_key
from takd.records.provenance import commit, machine, versions
from takd.shipping.card import LARGEST_CARD, with_latency
from takd.shipping.onnx_file import AboutOnnx, OnnxNetwork

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


def latency(
    onnx: Path, calls: int = CALLS, *, to_card: bool = False, record: Path | None = None, expected_key: str | None = None
) -> tuple[AboutOnnx, Latency]:
    """What a file says of itself, and how long it takes. to_card: say so in the card beside it, too.

    record: where what was measured is written, for an export of the workflow, which has a record beside it. Raises CheckpointError
    where the file isn't one that takd exported, RecordError where what lies beside it isn't of it.
    """
    network = OnnxNetwork.read(onnx, threads=1)
    about = network.about
    key = latency_key(export_key(about.key, about.variant, code=code_hash(EXPORTING)), code=code_hash(TIMING))
    check_key(onnx, key, expected_key)
    beside = onnx.with_suffix(".json")
    made = ExportRecord.read(beside) if record is not None else None
    if made is not None and (changed := made.changed(onnx.parent)):
        raise RecordError(f"{onnx.with_name(changed[0])}: isn't what was written; run snakemake again")
    card = onnx.with_suffix(".md")
    text = read_text(card, LARGEST_CARD) if to_card else ""
    if to_card:
        with_latency(text, "", card)  # before all those calls
    found = measured(network, calls)
    if to_card:
        write_text(card, with_latency(text, str(found), card))
    if made is not None and record is not None:
        made.model_copy(update={"files": {name: sha256_of(onnx.with_name(name)) for name in made.files}}).write(beside)
        facts = found._asdict() | {"name": about.name, "kind": about.variant}
        LatencyRecord.of(key, [], [beside], **facts, commit=commit(), versions=versions("onnxruntime")).write(record)
    return about, found


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
