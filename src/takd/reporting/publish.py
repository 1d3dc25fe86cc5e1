"""Results that git keeps: copies below results/published of what people read, and of what each network measured."""

import shutil
from pathlib import Path

from takd.errors import RecordError
from takd.files import read_text, write_text
from takd.planning.targets import networks_of_path
from takd.planning.workflow import Workflow
from takd.records.made import Made
from takd.study import layout

PUBLISHED = Path("results/published")
LARGEST = 1_000_000  # bytes of a file in git


def publish(workflow: Workflow, results: str) -> list[Path]:
    """Copy what a folder of results shows, and its networks' metrics.json, those that a path was sought among too; the copies.

    Raises RecordError where something isn't as it should be: what is published is what the parameters and code say.
    """
    workflow.tree.folder(results)  # which says so where there is none
    folder = workflow.root / results
    target = workflow.root / PUBLISHED / Path(results).relative_to("results")
    records = sorted((folder / "made").glob("*.json"))
    if not records:
        raise RecordError(f"{results}: nothing is there to publish; run snakemake first")
    files = []
    for path in records:
        if (state := workflow.keys.state_of_shown(results, path.stem)) != "fresh":
            raise RecordError(f"{path}: {state}; run snakemake, then publish")
        files += [folder / name for name in Made.read(path).files]
    nodes = workflow.keys.networks_reported(results)
    if any(path.stem == layout.BEST_PATH for path in records):
        nodes = list(dict.fromkeys([*nodes, *networks_of_path(workflow, results)]))
    for node in nodes:
        if workflow.keys.has_record(node):
            files.append(workflow.root / layout.metrics(*node))
    copies = []
    for file in files:
        if file.stat().st_size <= LARGEST and file.suffix != ".html":
            copy = target / file.relative_to(folder)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
            if file.name == "report.md":
                write_text(copy, read_text(file).replace("](../", "](../../"))  # its links, from a folder deeper
            copies.append(copy)
    return copies
