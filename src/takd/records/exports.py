"""exports/….json: what a network that was exported is, how it compares with the network, and the digests of its files."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field

from takd.records.fields import Digest, NetworkName, Percent, Text
from takd.records.key import key_of
from takd.records.made import Made

EXPORTING = "takd.shipping.export"  # whose code, and all that it imports, is what exports
Kind = Literal["fp32", "fp16", "int8", "torch"]
Count = Annotated[int, Field(ge=1, le=10**15)]


class ExportRecord(Made):
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

    @classmethod
    def of(cls, key: str, files: list[Path], made_from: list[Path] | None = None, **facts: Any) -> Self:
        """The record of files that were just written. facts: all fields that other records don't have."""
        plain = Made.of(key, files, made_from)
        return cls.model_validate(plain.model_dump() | facts)


def export_key(network: str, kind: Kind, *, code: str) -> str:
    """Of an exported network. network: its key, which is over its images too. code: the hash of all that exports."""
    return key_of("export", network, kind, code)
