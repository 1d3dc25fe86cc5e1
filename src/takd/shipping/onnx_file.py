"""ONNX files that takd writes: what they say of themselves, and opening them by ONNX Runtime on the CPU."""

import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import numpy.typing as npt
import onnxruntime
from pydantic import Field, ValidationError

from takd.errors import CheckpointError, shortened
from takd.files import check_regular, packed, parsed_json
from takd.records.fields import Digest, Key, NetworkName, Text
from takd.records.weights import About, Label
from takd.shipping.graph import INPUT, LOGITS, MOST_BYTES, PROBABILITIES
from takd.study.section import Section, first_problem

Pixels = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.float32]
Variant = Literal["fp32", "fp16", "int8"]


class AboutOnnx(Section):
    """What a file says of itself. key, weights_digest: of the network that it is. variant: the numbers that it computes in."""

    name: NetworkName
    key: Key
    weights_digest: Digest
    variant: Variant
    labels: Annotated[tuple[Label, ...], Field(min_length=2, max_length=65_536)]
    size: Annotated[int, Field(ge=1, le=4096)]
    commit: Text

    @classmethod
    def of(cls, about: About, variant: Variant, commit: str) -> Self:
        """Of a network's file. Raises CheckpointError where nobody knows what its classes are called."""
        if not about.labels:
            raise CheckpointError(f"{about.name}: its classes have no names, so nobody could read its answers; train it again")
        return cls(
            name=about.name, key=about.key, weights_digest=about.digest, variant=variant, labels=about.labels, size=about.size,
            commit=commit,
        )  # fmt: skip


def with_metadata(model: Any, about: AboutOnnx) -> bytes:
    """The bytes of an onnx.ModelProto that says what it is: all under `takd`, and the labels as JSON under `labels`, for others."""
    del model.metadata_props[:]
    said = packed(about.model_dump(mode="json")) | {"labels": json.dumps(about.labels, ensure_ascii=False)}
    for key, value in said.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value
    model.producer_name, model.producer_version = "takd", ""
    return bytes(model.SerializeToString(deterministic=True))


class OnnxNetwork:
    """A network in an ONNX file, run on the CPU. It holds operators of ONNX alone: none of its own is loaded, and no other file."""

    def __init__(self, content: bytes, where: object, threads: int = 1) -> None:
        """where: what an error calls it. Raises CheckpointError where it isn't a network that takd wrote."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 4  # what is wrong with a file is said once, by us
        try:
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its exceptions have no base of their own
            raise CheckpointError(f"{where}: not a network that ONNX Runtime runs: {shortened(error)}") from None
        self.about = _about(self._session.get_modelmeta().custom_metadata_map, where)
        self.labels = self.about.labels
        side, classes = self.about.size, len(self.labels)
        given = [(one.name, one.type, one.shape[1:]) for one in self._session.get_inputs()]
        answered = [(one.name, one.shape[1:]) for one in self._session.get_outputs()]
        wanted = [(PROBABILITIES, [classes]), (LOGITS, [classes])]
        if given != [(INPUT, "tensor(uint8)", [side, side, 3])] or answered != wanted:
            raise CheckpointError(f"{where}: its inputs and outputs aren't those that takd writes")

    @classmethod
    def read(cls, path: Path, threads: int = 1) -> Self:
        """Open a file. Raises CheckpointError where it isn't a network that takd wrote."""
        check_regular(path)
        if path.stat().st_size > MOST_BYTES:
            raise CheckpointError(f"{path}: {path.stat().st_size:,} bytes; an ONNX file in one piece has at most {MOST_BYTES:,}")
        return cls(path.read_bytes(), path, threads)

    def __call__(self, images: Pixels) -> tuple[Numbers, Numbers]:
        """Probabilities and logits, both (B, C). images: (B, S, S, 3), uint8. Raises CheckpointError where it can't run."""
        try:
            probabilities, logits = self._session.run([PROBABILITIES, LOGITS], {INPUT: images})
        except Exception as error:
            raise CheckpointError(f"{self.about.name}: can't run as ONNX: {shortened(error)}") from None
        return probabilities, logits


def _about(said: dict[str, str], where: object) -> AboutOnnx:
    try:
        text = said["takd"]
        values = parsed_json(text.partition(" ")[2])
        if packed(values)["takd"] != text:
            raise CheckpointError(f"{where}: isn't what was written: what it says of itself was changed, or damaged")
        return AboutOnnx.model_validate(values)
    except KeyError:
        raise CheckpointError(f"{where}: an ONNX file, but not one that takd wrote") from None
    except ValidationError as error:
        raise CheckpointError(f"{where}: not a network of takd's, or of another version: {first_problem(error)}") from None
    except (ValueError, RecursionError):
        raise CheckpointError(f"{where}: isn't what was written: what it says of itself is damaged") from None
