"""Networks as files for devices: the key that each should bear, and whether it is there."""

from collections.abc import Mapping
from functools import cached_property
from typing import cast

from takd.code import code_hash
from takd.planning.keys import Keys, State
from takd.records.exports import EXPORTING, ExportRecord, Kind, export_key
from takd.study import layout
from takd.study.tree import Node


class Exports:
    """Of one reading of the workflow. kind: as layout.export has it: `.int8`, `.fp16`, or empty."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys

    @cached_property
    def _code(self) -> str:
        return code_hash(EXPORTING)

    def expected(self, node: Node, kind: str) -> tuple[str, str]:
        """The record of an export, and the key that it should bear."""
        key = export_key(self.keys.network(node), cast(Kind, kind.removeprefix(".") or "fp32"), code=self._code)
        return layout.export(*node, kind, "json"), key

    def state(self, node: Node, kind: str) -> State:
        """Whether an export is there, and as it should be."""
        return self.keys.state_of_record(*self.expected(node, kind), ExportRecord)

    def option(self, wildcards: Mapping[str, str]) -> str:
        """The option that says which numbers an export computes in, for a shell line."""
        return f"--{kind}" if (kind := wildcards["kind"].removeprefix(".")) else ""
