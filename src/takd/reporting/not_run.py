"""Which tables and figures there is nothing to show of, and how a report says so: by name, in a line at the end."""

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import pandas as pd

from takd.files import read_text
from takd.reporting.curves import Chain
from takd.study.artifacts import AnyArtifact


def of_which_nothing(paths: Sequence[Path], shown: Mapping[str, AnyArtifact], chains: Collection[Chain]) -> list[Path]:
    """Of files of tables and figures those with nothing to show. shown: by their stems. chains: those of which there are networks.

    Where more than networks' accuracies is needed, the numbers beside the file count.
    """
    return [path for path in paths if not _has_something(path, shown[path.stem], chains)]


def _has_something(path: Path, spec: AnyArtifact, chains: Collection[Chain]) -> bool:
    if spec.kind in ("surfaces", "probes", "wins", "deploy"):
        return len(read_text(path.with_name(f"{path.stem}.csv")).splitlines()) > 1
    if spec.kind == "answers":
        return bool(pd.read_csv(path.with_name(f"{path.stem}.csv"))["n"].gt(0).any())
    if spec.kind == "levels":  # of a teacher both chains have to be there
        return bool(pd.read_csv(path.with_name(f"{path.stem}.csv"))["networks"].gt(0).any())
    cells = spec.cells(tuple(dict.fromkeys(chain.dataset for chain in chains)))
    return any(Chain(cell.variant, cell.dataset, cell.family, cell.chain) in chains for cell in cells)


def sentence(paths: Sequence[Path], shown: Mapping[str, AnyArtifact]) -> str:
    """What a report says of them, by where they stand; empty where there are none."""
    return f"Not run: {', '.join(shown[path.stem].where for path in paths)}." if paths else ""
