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

    Raises RecordError where something isn't as it should be, or a network of what is shown isn't there: what is published is what
    the parameters and code say.
    """
    workflow.tree.folder(results)  # which says so where there is none
    folder = workflow.root / results
    target = workflow.root / PUBLISHED / Path(results).relative_to("results")
    keys, records = workflow.keys, sorted((folder / "made").glob("*.json"))
    if not records:
        raise RecordError(f"{results}: nothing is there to publish; run snakemake first")
    made = [path.stem for path in records]
    for what in dict.fromkeys([*made, *workflow.tree.shown(results)]):
        state = keys.state_of_shown(results, what)
        if state == "stale" or (state == "missing" and what in made):
            raise RecordError(f"{folder / what}: {state}; run snakemake, then publish")
    shown = [what for what in made if what != layout.BEST_PATH]
    needed = {node for what in shown for node in keys.networks_behind(results, what)}
    nodes = dict.fromkeys(keys.networks_reported(results))
    if layout.BEST_PATH in made:
        nodes |= dict.fromkeys(networks_of_path(workflow, results))
    for node in nodes:
        state = keys.state(node)
        if state == "stale" or (node in needed and not keys.has_record(node)):
            lacks = "stale" if state == "stale" else "missing"
            raise RecordError(f"{layout.metrics(*node)}: {lacks}; run snakemake, then publish")
    files = [folder / name for path in records for name in Made.read(path).files]
    files += [workflow.root / layout.metrics(*node) for node in nodes if keys.has_record(node)]
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
