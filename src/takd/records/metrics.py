"""metrics.json: what one training was, and what it measured."""

import base64
import hashlib
import json
import math
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import FailFast, Field, ValidationError, model_validator

from takd.errors import RecordError, shortened
from takd.files import check_regular, parsed_json, write_json
from takd.records.fields import Builder, Classes, Digest, Key, NetworkName, Percent, Text
from takd.study.names import Name
from takd.study.recipe import Recipe
from takd.study.section import Section, first_problem

LARGEST = 20_000_000  # bytes; 100,000 epochs of history and ImageNet's answers fit
MOST_ANSWERS = 1_000_000


class Epoch(Section):
    """One line of a training's history. accuracy: top-1 in per cent after the epoch, on test or held-out images.

    loss: mean over the epoch, in nats; for a network and its peer, the sum of both.
    """

    epoch: Annotated[int, Field(ge=1, le=200_000)]
    learning_rate: Annotated[float, Field(ge=0, le=100)]
    loss: float
    accuracy: Percent
    seconds: Annotated[float, Field(ge=0)]


class Origin(Section):
    """How a network came about: everything that its bits depend on, and where that was."""

    name: NetworkName
    key: Key
    recipe: Recipe | None
    weights: Digest | None = None  # of the file that it was taken from, where it wasn't trained
    builder: Builder
    classes: Classes
    data_digest: Digest
    teacher: NetworkName | None = None
    teacher_digest: Digest | None = None  # of the teacher's weights; of several, of those of all
    code: Text
    threads: Annotated[int, Field(ge=1, le=65_536)]  # of each process
    processes: Annotated[int, Field(ge=2, le=65_536)] | None = None  # that shared each step; None where one did all
    device: Text
    machine: Text
    instructions: Text  # the instruction set in use
    precision: Literal["bfloat16", "float32"]
    versions: dict[str, Text]


class Metrics(Origin):
    """A trained network's record. accuracy: the last epoch's; best_test_accuracy: the paper's way; None on held-out images.

    selected_accuracy: of the weights that were kept. Theirs are top5_accuracy, None for five classes or fewer, balanced_accuracy
    and macro_f1, means over classes; all in per cent, of the images that were judged. Older records have none of these.
    test_answers: their class for each test image, packed. adopted: the commit of the code that trained it, where this record was
    signed anew.
    """

    commit: Text
    measured_on: Literal["test", "validation"]
    accuracy: Percent
    best_test_accuracy: Percent | None
    selected_accuracy: Percent
    top5_accuracy: Percent | None = None
    balanced_accuracy: Percent | None = None
    macro_f1: Percent | None = None
    test_answers: Annotated[str, Field(max_length=LARGEST)] | None
    epochs: Annotated[int, Field(ge=0, le=200_000)]
    seconds: Annotated[float, Field(ge=0)]
    parameters: Annotated[int, Field(ge=1, le=10**12)]
    weights_digest: Digest | None = None  # None where the weights of an adopted network weren't kept
    history: Annotated[list[Epoch], Field(max_length=200_000), FailFast()]
    adopted: bool = False

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        if self.recipe is not None and self.epochs != self.recipe.all_epochs:
            waits = self.recipe.length.patience
            if not waits or not ended_early([epoch.accuracy for epoch in self.history], waits):
                raise ValueError(f"epochs: {self.epochs}, but its recipe has {self.recipe.all_epochs}")
        if self.history:
            accuracies = [epoch.accuracy for epoch in self.history]
            if not math.isclose(self.accuracy, accuracies[-1], abs_tol=1e-9):
                raise ValueError(f"accuracy: {self.accuracy:g}, but its history ends at {accuracies[-1]:g}")
            if self.best_test_accuracy is not None and not math.isclose(self.best_test_accuracy, max(accuracies), abs_tol=1e-9):
                raise ValueError(f"best_test_accuracy: {self.best_test_accuracy:g}, but its history's is {max(accuracies):g}")
            if [epoch.epoch for epoch in self.history] != list(range(1, self.epochs + 1)):
                raise ValueError(f"history: expected epochs 1 to {self.epochs}")
            if not any(math.isclose(self.selected_accuracy, each, abs_tol=1e-9) for each in accuracies):
                raise ValueError(f"selected_accuracy: {self.selected_accuracy:g}, which no epoch of its history had")
        return self

    @property
    def network(self) -> Name:
        """Its name."""
        return Name.parse(self.name)

    @property
    def training_share(self) -> float:
        """The share of the training images that it learnt from; 1 for weights that were brought."""
        return 1.0 if self.recipe is None else self.recipe.views.training_share

    def write(self, path: Path) -> None:
        """Write the record, whole or not at all, with a digest of what it says."""
        values = self.model_dump(mode="json", exclude_none=True)
        write_json(path, values | {"digest": _digest(values)})

    @classmethod
    def read(cls, path: Path | str) -> Self:
        """A record. Raises RecordError where the file isn't one, or says something else than what was written."""
        values = _json(path := Path(path))
        written = values.pop("digest", None)
        try:
            record = cls.model_validate(
                {"teacher": None, "best_test_accuracy": None, "test_answers": None, "recipe": None} | values
            )
        except ValidationError as error:
            raise RecordError(f"{path}: not what a training wrote: {first_problem(error)}") from None
        if written != _digest(values):
            raise RecordError(f"{path}: isn't what was written: it was changed by hand, or damaged")
        return record


def ended_early(accuracies: Sequence[float], patience: int) -> bool:
    """Whether the best of the accuracies, epoch by epoch, lies `patience` epochs back; never where that is 0."""
    return 0 < patience < len(accuracies) - accuracies.index(max(accuracies)) if accuracies else False


def stored_key(path: Path) -> tuple[str, str | None] | None:
    """The key and the weights' digest that a record bears; None where there is no whole one. What it measured isn't looked at."""
    try:
        values = _json(path)
        written = values.pop("digest", None)
        return (str(values["key"]), values.get("weights_digest")) if written == _digest(values) else None
    except (RecordError, KeyError, OSError, RecursionError):
        return None


def packed_answers(classes: list[int]) -> str:
    """Classes below 65,536 as text: little-endian 16-bit numbers, deflated, base64; 4 kB for CIFAR-10's 10,000 test images."""
    return base64.b64encode(zlib.compress(b"".join(one.to_bytes(2, "little") for one in classes), 9)).decode()


def unpacked_answers(text: str) -> list[int]:
    """The classes that `packed_answers` packed. Raises RecordError where a text isn't from there."""
    try:
        stream = zlib.decompressobj()
        content = stream.decompress(base64.b64decode(text, validate=True), 2 * MOST_ANSWERS)
        if not stream.eof or len(content) % 2:
            raise ValueError
    except (ValueError, zlib.error):
        raise RecordError("test_answers: not the packed classes of a test set") from None
    return [int.from_bytes(content[place : place + 2], "little") for place in range(0, len(content), 2)]


def _digest(values: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]


def _json(path: Path) -> dict[str, Any]:
    check_regular(path, RecordError)
    if path.stat().st_size > LARGEST:
        raise RecordError(f"{path}: {path.stat().st_size:,} bytes; the record of a training has less than {LARGEST:,}")
    try:
        values = parsed_json(path.read_bytes())
    except (ValueError, RecursionError) as error:
        what = "empty" if path.stat().st_size == 0 else f"not JSON ({shortened(error, 80)})"
        raise RecordError(f"{path}: {what}; not what a training wrote") from None
    if not isinstance(values, dict):
        raise RecordError(f"{path}: not what a training wrote")
    return values
