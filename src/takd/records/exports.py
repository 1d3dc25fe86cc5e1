"""exports/….json: what an exported network is, how it compares with the network; and ….latency.json: how long it takes."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from takd.records.fields import Digest, NetworkName, Percent, Text
from takd.records.key import key_of
from takd.records.made import Made

EXPORTING = "takd.shipping.export"  # whose code, and all that it imports, is what exports
TIMING = "takd.shipping.latency"  # and what times
Kind = Literal["fp32", "fp16", "int8", "torch"]
Count = Annotated[int, Field(ge=1, le=10**15)]
Milliseconds = Annotated[float, Field(gt=0, le=1e9)]


class _Measured(Made):
    @classmethod
    def of(cls, key: str, files: list[Path], made_from: list[Path] | None = None, **facts: Any) -> Self:
        """The record of files that were just written. facts: all fields that other records don't have."""
        return cls.model_validate(Made.of(key, files, made_from).model_dump() | facts)


class ExportRecord(_Measured):
    """The record of an exported network. accuracy: top-1 of the file; network_accuracy: of its network in float32.

    Both are per cent of the test images, as is agreement: to how many both give the same class. largest_difference: of two logits.
    multiply_adds: for one image. bytes: of the file.
    """

    name: NetworkName
    kind: Kind
    weights_digest: Digest
    accuracy: Percent
    network_accuracy: Percent
    agreement: Percent
    largest_difference: Annotated[float, Field(ge=0)]
    images: Count
    bytes: Count
    parameters: Count
    multiply_adds: Count
    commit: Text
    versions: dict[str, Text]


class LatencyRecord(_Measured):
    """How long an exported network took, on one core of a machine. It is of no file but the export's record.

    median, within: milliseconds for one image, half and 95 % of `calls` calls; images_per_second: 32 given at once, as often.
    """

    name: NetworkName
    kind: Kind
    median: Milliseconds
    within: Milliseconds
    images_per_second: Annotated[float, Field(gt=0, le=1e12)]
    calls: Annotated[int, Field(ge=1, le=1_000_000)]
    machine: Text
    commit: Text
    versions: dict[str, Text]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.within < self.median:
            raise ValueError("within: below the median, which half of the calls are above")
        return self


def export_key(network: str, kind: Kind, *, code: str) -> str:
    """Of an exported network. network: its key, which is over its images too. code: the hash of all that exports."""
    return key_of("export", network, kind, code)


def latency_key(export: str, *, code: str) -> str:
    """Of an exported network's latency. export: the export's key. code: the hash of all that times. The machine isn't in it."""
    return key_of("latency", export, code)
