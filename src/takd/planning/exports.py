"""Networks as files for devices: the key that each should bear, and whether it is there."""

from collections.abc import Mapping
from functools import cached_property
from typing import cast

from takd.code import code_hash
from takd.planning.keys import Keys
from takd.planning.trained import State
from takd.records.exports import EXPORTING, TIMING, ExportRecord, Kind, LatencyRecord, export_key, latency_key
from takd.study import layout
from takd.study.further_kinds import Deploy
from takd.study.tree import Node

Shipped = tuple[Node, str]  # an exported network, and the kind, as layout.export has it


class Exports:
    """Of one reading of the workflow. kind: as layout.export has it: `.int8`, `.fp16`, or empty."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys

    @cached_property
    def _codes(self) -> tuple[str, str]:
        return code_hash(EXPORTING), code_hash(TIMING)

    def expected(self, node: Node, kind: str) -> tuple[str, str]:
        """The record of an export, and the key that it should bear."""
        key = export_key(self.keys.network(node), cast(Kind, kind.removeprefix(".") or "fp32"), code=self._codes[0])
        return layout.export(*node, kind, "json"), key

    def state(self, node: Node, kind: str) -> State:
        """Whether an export is there, and as it should be."""
        return self.keys.state_of_record(*self.expected(node, kind), ExportRecord)

    def latency(self, node: Node, kind: str) -> tuple[str, str]:
        """The record of how long an export takes, and the key that it should bear."""
        return layout.latency(*node, kind), latency_key(self.expected(node, kind)[1], code=self._codes[1])

    def state_of_latency(self, node: Node, kind: str) -> State:
        """Whether it is known how long an export takes, on whatever machine."""
        return self.keys.state_of_record(*self.latency(node, kind), LatencyRecord)

    def shipped(self, results: str, name: str) -> list[Shipped]:
        """The exports that something shown compares, those of one network beside each other; none where it compares none."""
        spec = self.keys.tree.folder(results).artifacts.get(name)
        if not isinstance(spec, Deploy):
            return []
        suffixes = ["" if kind == "fp32" else f".{kind}" for kind in spec.numbers]
        return [(node, kind) for node in self.keys.networks_shown(results, [name]) for kind in suffixes]

    def timed(self, results: str, name: str) -> dict[tuple[str, str, str, str], Shipped]:
        """Of those the ones that are timed, by data set, family, member and kind: networks of one member are one graph."""
        first: dict[tuple[str, str, str, str], Shipped] = {}
        for node, kind in self.shipped(results, name):
            first.setdefault((node.name.dataset, node.name.family, node.name.member, kind), (node, kind))
        return first

    def lacking(self, results: str, name: str) -> list[str]:
        """The files that something shown of exports lacks."""
        exports = [one for one in self.shipped(results, name) if self.state(*one) != "fresh"]
        latencies = [one for one in self.timed(results, name).values() if self.state_of_latency(*one) != "fresh"]
        return [layout.export(*node, kind, "onnx") for node, kind in exports] + [
            layout.latency(*node, kind) for node, kind in latencies
        ]

    def records(self, results: str, name: str) -> list[str]:
        """The records that it is made from."""
        exports = [self.expected(*one)[0] for one in self.shipped(results, name)]
        return exports + [self.latency(*one)[0] for one in self.timed(results, name).values()]

    def files(self, results: str, name: str) -> list[str]:
        """All files of those exports; none of a folder that isn't one of results."""
        if results not in self.keys.tree.folders:
            return []
        exports = [layout.export(*node, kind, suffix) for node, kind in self.shipped(results, name) for suffix in ("onnx", "md")]
        return exports + self.records(results, name)

    def option(self, wildcards: Mapping[str, str]) -> str:
        """The option that says which numbers an export computes in, for a shell line."""
        return f"--{kind}" if (kind := wildcards["kind"].removeprefix(".")) else ""
