"""model.safetensors: a trained network's weights, with all that is needed to open them again."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, FailFast, Field, ValidationError, model_validator

from takd.errors import CheckpointError, shortened
from takd.files import read_metadata, read_tensors, write_tensors
from takd.records.fields import Builder, Classes, Digest, HeldOut, Key, NetworkName, Text
from takd.study.names import Name
from takd.study.section import Section, first_problem

if TYPE_CHECKING:
    from torch import Tensor

LARGEST = 16_000_000_000  # bytes of a file
PART = 1 << 22  # elements that are looked at at a time
Scale = Annotated[float, Field(gt=0, le=1e6)]
Shift = Annotated[float, Field(ge=-1e6, le=1e6)]


def _printable(label: str) -> str:
    if not label.isprintable():
        raise ValueError("holds what can't be printed")
    return label


Label = Annotated[str, Field(min_length=1, max_length=400), AfterValidator(_printable)]


class About(Section):
    """What a file of weights says of them. labels: the classes' names. scale, shift: a pixel p in 0…255 is shown as
    scale p + shift.

    digest: of the tensors, names and shapes. size: pixels along a side of the images. own_code: hash of somebody's own code that
    built it when it was made; None where a library did.
    """

    name: NetworkName
    key: Key
    builder: Builder
    classes: Classes
    labels: Annotated[tuple[Label, ...], Field(max_length=65_536), FailFast()]
    size: Annotated[int, Field(ge=1, le=4096)]
    scale: Annotated[tuple[Scale, ...], Field(min_length=3, max_length=3)]
    shift: Annotated[tuple[Shift, ...], Field(min_length=3, max_length=3)]
    precision: Literal["bfloat16", "float32"]
    held_out: HeldOut
    data_digest: Digest
    commit: Text
    own_code: Key | None = None
    digest: Digest

    @model_validator(mode="after")
    def _a_label_a_class(self) -> Self:
        if len(self.labels) not in (0, self.classes):
            raise ValueError(f"labels: {len(self.labels)} for {self.classes} classes")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("labels: two classes of one name")
        return self

    @property
    def network(self) -> Name:
        """Its name."""
        return Name.parse(self.name)


@dataclass(frozen=True)
class Weights:
    """A file of weights that was read: its tensors by name, and what it says of them."""

    about: About
    tensors: "dict[str, Tensor]"

    @classmethod
    def read(cls, path: Path, *, data_digest: str | None = None) -> Self:
        """Weights, checked against their digest. data_digest: of the images that they should have learnt from.

        Raises CheckpointError where the file isn't takd's weights, isn't what was written, or is of other images.
        """
        about = read_about(path)
        if path.stat().st_size > LARGEST:
            raise CheckpointError(f"{path}: {path.stat().st_size:,} bytes; a network's weights have at most {LARGEST:,}")
        tensors, _ = read_tensors(path)
        if data_digest is not None and about.data_digest != data_digest:
            raise CheckpointError(f"{path}: {about.name} was trained on other images")
        if tensors_digest(tensors) != about.digest:
            raise CheckpointError(f"{path}: isn't what was written: its bytes were changed, or damaged")
        _check_numbers(path, tensors)
        return cls(about, tensors)


def read_about(path: Path) -> About:
    """What a file of weights says of them, without torch. Raises CheckpointError where it isn't one."""
    try:
        return About.model_validate(read_metadata(path))
    except ValidationError as error:
        raise CheckpointError(f"{path}: not a network's weights, or of another version of takd: {first_problem(error)}") from None


def write_weights(path: Path, tensors: "dict[str, Tensor]", about: dict[str, Any]) -> About:
    """Write a network's weights, whole or not at all. about: the fields of About less its digest."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    record = About.model_validate(about | {"digest": tensors_digest(tensors)})
    write_tensors(path, tensors, record.model_dump(mode="json"))
    return record


def _check_numbers(path: Path, tensors: "dict[str, Tensor]") -> None:
    import torch

    if not tensors:
        raise CheckpointError(f"{path}: holds no weights")
    for name, tensor in tensors.items():
        if tensor.dtype not in (torch.float32, torch.int64):
            kind = str(tensor.dtype).removeprefix("torch.")
            raise CheckpointError(f"{path}: {shortened(name, 60)} is {kind}; weights are float32, or int64 where they count")
        if not all(part.isfinite().all() for part in tensor.flatten().split(PART)):
            raise CheckpointError(f"{path}: {shortened(name, 60)} holds numbers that aren't finite")


def tensors_digest(tensors: "dict[str, Tensor]") -> str:
    """sha256 over tensors, their names, shapes and types: the same for the same weights, whatever stands beside them."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        add_bytes(digest, tensor)
    return digest.hexdigest()


def add_bytes(digest: "hashlib._Hash", tensor: "Tensor") -> None:
    """Go on with a digest by a tensor's bytes, some at a time: it may be mapped from the disk, and larger than the memory."""
    import torch

    for part in tensor.contiguous().flatten().split(PART):
        digest.update(part.view(torch.uint8).numpy())
