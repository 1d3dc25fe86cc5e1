"""soft_targets/….safetensors: a frozen teacher's logits for every view that its students are shown."""

import hashlib
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import AfterValidator, ValidationError

from takd.data.view_names import parse_views
from takd.errors import CheckpointError, DivergenceError
from takd.files import packed, read_metadata, read_tensors, written_whole
from takd.records.fields import Digest, HeldOut, Key, NetworkName, Text
from takd.records.weights import PART, add_bytes
from takd.study.section import Section, first_problem

if TYPE_CHECKING:
    from torch import Tensor


def _views(text: str) -> str:
    parse_views(text)
    return text


Views = Annotated[Text, AfterValidator(_views)]
_NOT_YET = "0" * 64
_LOGITS = "logits"


class About(Section):
    """What a file of soft targets says of them. digest: of the logits' bytes. held_out: what the teacher didn't learn from."""

    teacher: NetworkName
    teacher_key: Key
    teacher_digest: Digest
    key: Key
    views: Views
    data_digest: Digest
    held_out: HeldOut
    digest: Digest


@dataclass(frozen=True)
class SoftTargets:
    """logits: (1, N, C) for unaugmented images, (epochs, N, C) for augmented ones; half precision, mapped from the disk."""

    about: About
    logits: "Tensor"

    @classmethod
    def read(cls, path: Path) -> Self:
        """Soft targets, checked against their digest. Raises CheckpointError where the file isn't what was written, or none."""
        import torch

        about = read_about(path)
        tensors, _ = read_tensors(path)
        logits = tensors.get(_LOGITS)
        if logits is None or logits.dim() != 3 or logits.dtype != torch.float16 or 0 in logits.shape:
            raise CheckpointError(f"{path}: holds no soft targets: expected half-precision logits (epochs, images, classes)")
        digest, says_something = hashlib.sha256(), False
        for values in logits.flatten().split(PART):
            add_bytes(digest, values)
            says_something = says_something or bool(values.any())
            if not values.isfinite().all():
                raise CheckpointError(f"{path}: holds logits that aren't finite numbers")
        if not says_something:
            raise CheckpointError(f"{path}: all logits are 0: no teacher's answers")
        if digest.hexdigest() != about.digest:
            raise CheckpointError(f"{path}: isn't what was written: its bytes were changed, or damaged")
        return cls(about, logits)

    def of_epoch(self, epoch: int) -> "Tensor":
        """The teacher's logits for the training images as one epoch shows them: (N, C)."""
        return self.logits[epoch if len(self.logits) > 1 else 0]


def read_about(path: Path) -> About:
    """What a file of soft targets says of them, without torch. Raises CheckpointError where it isn't one."""
    try:
        return About.model_validate(read_metadata(path))
    except ValidationError as error:
        raise CheckpointError(f"{path}: not soft targets, or of another version of takd: {first_problem(error)}") from None


def write_soft_targets(path: Path, epochs: "Iterator[Tensor]", shape: tuple[int, int, int], about: dict[str, Any]) -> None:
    """Write logits, an epoch at a time: over all epochs they can be larger than the memory. about: About less its digest.

    epochs: (N, C) each, half precision. Raises DivergenceError where one overflowed, or all are 0: students would learn nonsense.
    """
    size = 2 * shape[0] * shape[1] * shape[2]
    digest = hashlib.sha256()
    says_something = False
    with written_whole(path) as file:
        file.write(_header(about, _NOT_YET, shape, size))
        for epoch, values in enumerate(epochs):
            if not values.isfinite().all():
                raise DivergenceError(
                    f"{about['teacher']}: its logits overflow half precision (65,504) in epoch {epoch + 1}; it hasn't learnt, or "
                    "learnt by too high a learning rate"
                )
            says_something = says_something or bool(values.any())
            content = values.numpy().tobytes()
            digest.update(content)
            file.write(content)
        if not says_something:
            raise DivergenceError(f"{about['teacher']}: its logits are all 0 in half precision; it hasn't learnt anything")
        file.seek(0)
        file.write(_header(about, digest.hexdigest(), shape, size))  # of the same length: a digest has 64 digits


def _header(about: dict[str, Any], digest: str, shape: tuple[int, int, int], size: int) -> bytes:
    record = About.model_validate(about | {"digest": digest})
    entries = {
        "__metadata__": packed(record.model_dump(mode="json")),
        _LOGITS: {"dtype": "F16", "shape": shape, "data_offsets": (0, size)},
    }
    header = json.dumps(entries).encode()
    header += b" " * (-len(header) % 8)  # so that the tensor is aligned
    return struct.pack("<Q", len(header)) + header
