"""What was measured of exported networks: a row a file, from the records that the workflow wrote beside them."""

import pandas as pd

from takd.planning.workflow import Workflow
from takd.records.exports import ExportRecord, LatencyRecord
from takd.study.layout import VARIANTS

COLUMNS = [
    "dataset", "family", "chain", "variant", "seed", "numbers", "accuracy", "parameters", "multiply_adds", "bytes", "latency",
    "latency_95", "images_per_second", "machine",
]  # fmt: skip


def exported_of(workflow: Workflow, results: str, what: str) -> pd.DataFrame:
    """A row an export that something shown compares. accuracy: top-1 of the file, in per cent. latency, latency_95: milliseconds.

    Latencies are those of the member's network that was timed. Raises RecordError where a record isn't there, or isn't whole.
    """
    exports = workflow.exports
    timed = {
        group: LatencyRecord.read(workflow.root / exports.latency(*one)[0]) for group, one in exports.timed(results, what).items()
    }
    rows = []
    for node, kind in exports.shipped(results, what):
        name, record = node.name, ExportRecord.read(workflow.root / exports.expected(node, kind)[0])
        took = timed[name.dataset, name.family, name.member, kind]
        variant = node.results.partition(f"{results}{VARIANTS}")[2]
        counted = (record.accuracy, record.parameters, record.multiply_adds, record.bytes)
        clocked = (took.median, took.within, took.images_per_second, took.machine)
        rows.append((name.dataset, name.family, name.chain, variant, name.seed, record.kind, *counted, *clocked))
    return pd.DataFrame(rows, columns=COLUMNS)
