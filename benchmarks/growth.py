"""How the graph of Figure 5 grows with its members, and how Snakemake's own time grows with the networks that it plans."""

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.noise import ROOT
from benchmarks.pipeline import fresh_clone, snakemake, timed
from takd.files import write_text
from takd.measuring.costs import epoch_seconds
from takd.planning.costs import FILE, add_to_file
from takd.planning.lock import Lock
from takd.planning.plan import made_plan, nodes_of
from takd.planning.workflow import Workflow
from takd.study.names import Name

DATASET, FAMILY = "cifar100", "resnet"
MEMBERS = (110, 56, 44, 32, 26, 20, 14, 8)
FIGURES = {f"growth{count}": (*MEMBERS[: count + 1], MEMBERS[-1]) for count in range(len(MEMBERS) - 1)}  # by members between
DRY_RUNS = {10: ([10, 8, 6, 4], 1), 100: ([10, 8, 6, 4, 2], 5), 1000: ([10, 8, 6, 4, 2], 50)}  # about so many: members, seeds

ALONE = """
rule all:
    input: expand("of/{{number}}", number=range({jobs}))
rule first:
    output: "first/{{number}}"
    shell: "touch {{output}}"
rule one:
    input: "first/{{number}}"
    output: "of/{{number}}"
    shell: "touch {{output}}"
"""


def networks_of_paths() -> list[dict[str, int]]:
    """For each number of intermediate sizes: paths from teacher to student, hops in them, and networks that they take.

    Networks are those of the whole figure: every path to every size, each once, and every size trained alone.
    """
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        workflow = _project(Path(folder))
        for intermediate, name in enumerate(FIGURES):
            networks = [node.name for node in nodes_of(workflow, f"results/{name}.csv")]
            teacher, student = str(MEMBERS[0]), str(MEMBERS[-1])
            paths = [one for one in networks if (one.members[0], one.member) == (teacher, student)]
            hops = sum(len(one.hops) for one in paths)
            rows.append({"intermediate_sizes": intermediate, "paths": len(paths), "hops_of_paths": hops, "networks": len(networks)})
    return rows


def training_core_hours() -> list[float]:
    """For each number of intermediate sizes: core-hours that the same networks take by the paper's recipe.

    From a few steps of each size, as `takd plan` estimates them.
    """
    lock = Lock.of_published(DATASET)
    with tempfile.TemporaryDirectory() as folder:
        workflow = _project(Path(folder))
        measured = {}
        for member in MEMBERS:
            recipe = workflow.tree.folder("results").recipe(Name.parse(f"{DATASET}/{FAMILY}/{member}/seed0"))
            measured[DATASET, recipe.network.builder] = epoch_seconds(DATASET, lock, recipe)
        add_to_file(Path(folder) / FILE, measured)
        return [made_plan(workflow, [f"results/{name}.csv"], cores=1).seconds / 3600 for name in FIGURES]


def dry_run(about: int) -> dict[str, float]:
    """What `snakemake -n` takes to plan about so many networks, from nothing.

    seconds, gigabytes: of Snakemake with takd's rules. alone_seconds, alone_gigabytes: of Snakemake with as many jobs of one rule,
    each with one input and one output, which nobody's code is asked about.
    """
    members, seeds = DRY_RUNS[about]
    with fresh_clone() as clone:
        path = clone / "paper/artifacts.yaml"
        write_text(path, f"{path.read_text()}\ngrowth: {json.dumps(_figure('plain', members))}\n")
        target = "results/growth.csv"
        networks = nodes_of(Workflow(clone, {"seeds": seeds}, writes_keys=False), target)
        dry = [*snakemake(1)[:-1], "--dry-run"]
        seconds, gigabytes = _taken([*dry, "--config", f"seeds={seeds}", "--", target], clone)
        write_text(clone / "alone/Snakefile", ALONE.format(jobs=len(networks)))  # a student's answers are a job too
        alone_seconds, alone_gigabytes = _taken([*dry, "--", "all"], clone / "alone")
    return {
        "networks": len(networks), "seconds": seconds, "gigabytes": gigabytes,
        "alone_seconds": alone_seconds, "alone_gigabytes": alone_gigabytes,
    }  # fmt: skip


def _taken(command: list[str], folder: Path) -> tuple[float, float]:
    """Seconds on the clock, and 10⁹ bytes that it held at most."""
    asking = "import resource, subprocess, sys; code = subprocess.call(sys.argv[2:]); "
    asking += "open(sys.argv[1], 'w').write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)); sys.exit(code)"
    said = folder / "peak"
    seconds, _ = timed(
        [sys.executable, "-c", asking, str(said), *command], folder, folder.parent if folder.name == "alone" else None
    )
    return seconds, int(said.read_text()) * 1024 / 1e9


def _project(folder: Path) -> Workflow:
    """A project of params.yaml and the figures of every path, with one seed."""
    shutil.copy(ROOT / "params.yaml", folder)
    figures = {name: _figure(FAMILY, members) for name, members in FIGURES.items()}
    write_text(folder / "paper/artifacts.yaml", json.dumps(figures))
    return Workflow(folder, {"seeds": 1, "report": list(figures)}, writes_keys=False)


def _figure(family: str, members: object) -> dict[str, Any]:
    return {"kind": "paths", "where": "growth", "title": "growth", "only": [DATASET], "family": family, "members": members}
