"""A trained network as a file that a device runs, held against the network before it appears under its name."""

import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from takd import __version__
from takd.code import code_hash
from takd.data import prepared
from takd.data.prepared import PreparedData
from takd.data.splits import Split
from takd.errors import CheckpointError
from takd.files import read_text, write_text, written_whole
from takd.networks.layers import parameter_count
from takd.records.exports import EXPORTING, ExportRecord, Kind, export_key
from takd.records.key import check_key
from takd.records.provenance import commit, versions
from takd.records.weights import About, read_about
from takd.shipping import graph
from takd.shipping.card import LARGEST_CARD, Facts, card, check_card, records_beside
from takd.shipping.classifier import Classifier
from takd.shipping.onnx_file import AboutOnnx, Numbers, OnnxNetwork, Pixels, with_metadata
from takd.shipping.size import multiply_adds
from takd.study import layout
from takd.training.opened import opened

Run = Callable[[Pixels], tuple[Numbers, Numbers]]  # images to probabilities and logits

BATCH = 32
MOST_LOST = 0.02  # percentage points of accuracy by which a file in float32 may differ from its network
BATCHES_AGREE = 1e-3  # of the largest logit: how far one image alone may differ from the same in a batch


class Comparison(NamedTuple):
    """A file held against its network, in float32, on the test images. accuracy, network_accuracy: top-1, in per cent.

    agreement: per cent of the images to which both give the same class. largest_difference: of two logits.
    """

    accuracy: float
    network_accuracy: float
    agreement: float
    largest_difference: float
    images: int


class Exported(NamedTuple):
    """What was written, and how it compares."""

    files: list[Path]
    bytes: int
    comparison: Comparison


def export(
    model: Path,
    output: Path,
    kind: Kind = "fp32",
    *,
    data_path: Path | None = None,
    builder: str | None = None,
    threads: int = 1,
    record: Path | None = None,
    expected_key: str | None = None,
) -> Exported:
    """Write a trained network as ONNX, or as an ExportedProgram of torch's, and its card, once it was compared with the network.

    data_path: its prepared images; by default those of its data set in data/prepared. builder: of one's own code. record: where
    what was measured is written, too. Raises
    CheckpointError where the file is no network, can't be written so, or the result doesn't answer as the network does; DataError
    for images that can't be read.
    """
    if (beside := output.with_suffix(".md")).is_file():
        check_card(read_text(beside, LARGEST_CARD), beside, output.name)
    made_at = commit()
    torch.set_num_threads(threads)
    name = read_about(model).network
    data = prepared.load(data_path or Path(layout.prepared(name.dataset)))
    network, about = opened(model, data_digest=data.digest, builder=builder)
    key = export_key(about.key, kind, code=code_hash(EXPORTING))
    check_key(output, key, expected_key)
    described = AboutOnnx.of(about, "fp32" if kind == "torch" else kind, made_at)
    content = _written(network, about, kind, described, data.train)
    run = _program(content) if kind == "torch" else OnnxNetwork(content, output, threads)
    comparison = compared(network, about, run, data)
    _check(output, kind, comparison)
    counts = {"parameters": parameter_count(network), "multiply_adds": multiply_adds(network, about.size)}
    own, others = records_beside(model)
    facts = Facts(
        file=output.name,
        kind=kind,
        bytes=len(content),
        **comparison._asdict(),
        **counts,
        commit=made_at,
        version=__version__,
        date=datetime.now(UTC).date().isoformat(),
    )
    files = [output, output.with_suffix(".md")]
    with written_whole(output) as file:
        file.write(content)
    write_text(files[1], card(about, facts, own, others))
    if record is not None:
        made_from = [model.with_name("metrics.json")] if own else []
        made = ExportRecord.of(
            key,
            files,
            made_from,
            name=about.name,
            kind=kind,
            weights_digest=about.digest,
            bytes=len(content),
            **comparison._asdict(),
            **counts,
            commit=made_at,
            versions=versions("onnxruntime"),
        )
        made.write(record)
    return Exported(files, len(content), comparison)


def _written(network: nn.Module, about: About, kind: Kind, described: AboutOnnx, train: Split) -> bytes:
    """The file's bytes."""
    program = graph.traced(network, about, _some(train, 4), torch.float16 if kind == "fp16" else torch.float32)
    if kind == "torch":
        return graph.as_torch(program, about)
    model: Any = graph.as_onnx(program, about)
    if kind == "int8":
        from takd.shipping.quantise import CALIBRATION_IMAGES, quantised

        with graph.said_in_a_line("written in eight bits", about):
            model = quantised(model, (batch.numpy() for batch in _some(train, CALIBRATION_IMAGES).split(BATCH)))
    return with_metadata(model, described)


def _some(split: Split, count: int) -> Tensor:
    """The first images, which are in an order of their digests, so as good as drawn; again from the start where there are fewer."""
    return split.pixels(torch.arange(count) % len(split))


def _program(content: bytes) -> Run:
    """What torch makes of the bytes of an ExportedProgram that this process wrote."""
    module = torch.export.load(io.BytesIO(content)).module()

    @torch.inference_mode()
    def run(images: Pixels) -> tuple[Numbers, Numbers]:
        probabilities, logits = module(torch.from_numpy(images))
        return probabilities.numpy(), logits.numpy()

    return run


def compared(network: nn.Module, about: About, run: Run, data: PreparedData) -> Comparison:
    """What is run held against its network on all test images, in batches of 32, and on one image alone.

    Raises CheckpointError where one image alone gets another answer than in a batch, or answers aren't finite.
    """
    expected, got = _answers(Classifier(network, about), run, data.test)
    labels = data.test.labels.numpy()
    first = data.test.pixels(torch.arange(1)).numpy()
    alone = run(first)[1]
    largest = float(np.abs(expected).max())
    if not np.isfinite(got).all() or np.abs(alone - got[:1]).max() > BATCHES_AGREE * largest:
        raise CheckpointError(f"{about.name}: exported, its logits aren't finite, or depend on the images beside one")
    return Comparison(
        accuracy=100 * float((got.argmax(1) == labels).mean()),
        network_accuracy=100 * float((expected.argmax(1) == labels).mean()),
        agreement=100 * float((got.argmax(1) == expected.argmax(1)).mean()),
        largest_difference=float(np.abs(got - expected).max()),
        images=len(labels),
    )


def _answers(classifier: Classifier, run: Run, test: Split) -> tuple[Numbers, Numbers]:
    """The logits of both for all images of a split: (N, C) each."""

    def batches() -> Iterator[tuple[Numbers, Numbers]]:
        for positions in torch.arange(len(test)).split(BATCH):
            images = test.pixels(positions)
            yield classifier.network(classifier.normalised(images)).float().numpy(), run(images.numpy())[1]

    with torch.inference_mode():
        expected, got = zip(*batches(), strict=True)
    return np.concatenate(expected), np.concatenate(got)


def _check(output: Path, kind: Kind, comparison: Comparison) -> None:
    """Raises CheckpointError where a file in float32 isn't as accurate as its network. Other kinds may lose; they say how much."""
    lost = abs(comparison.network_accuracy - comparison.accuracy)
    if kind in ("fp32", "torch") and lost > MOST_LOST:
        raise CheckpointError(
            f"{output}: not written: top-1 {comparison.accuracy:.2f} % on the test images, where its network has "
            f"{comparison.network_accuracy:.2f} %"
        )
