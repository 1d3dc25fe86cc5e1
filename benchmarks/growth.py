"""How the graph of Figure 5 grows with its sizes, and how Snakemake's own time grows with the networks that it plans."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from benchmarks.noise import ROOT
from benchmarks.pipeline import fresh_clone, snakemake, timed
from takd.chain import Network
from takd.folders import folders, needed
from takd.params import Parameters
from takd.plan import EpochSeconds, soft_target_seconds, training_seconds
from takd.reporting.artifacts import Artifact, Paths, load, look_up

NAME = "growth"
SIZES = (110, 56, 44, 32, 26, 20, 14, 8)  # of ResNets, of which there are most
DRY_RUNS = {10: ([10, 8, 6, 4], 1), 100: ([10, 8, 6, 4, 2], 5), 1000: ([10, 8, 6, 4, 2], 50)}  # about so many: sizes, seeds


def networks_of_paths() -> list[dict[str, int]]:
    """For each number of intermediate sizes: paths from teacher to student, hops in them, and networks that they take.

    Networks are those of the whole figure: every path to every size, each once, and every size trained alone.
    """
    rows = []
    for intermediate, networks in enumerate(_figures()):
        paths = [one for one in networks if one.sizes[0] == SIZES[0] and one.sizes[-1] == SIZES[-1]]
        hops = sum(len(one.sizes) for one in paths)
        rows.append({"intermediate_sizes": intermediate, "paths": len(paths), "hops_of_paths": hops, "networks": len(networks)})
    return rows


def training_core_hours() -> list[float]:
    """For each number of intermediate sizes: core-hours that the same networks take by the paper's recipe.

    From a few steps of each size, as `takd plan` estimates them.
    """
    parameters = Parameters.load(ROOT / "params.yaml")
    known: EpochSeconds = {}
    hours = []
    for networks in _figures():
        seconds = sum(training_seconds(one, parameters.recipe(one), known) for one in networks)
        for teacher in {one.teacher() for one in networks if one.is_distilled}:
            seconds += soft_target_seconds(teacher, parameters.recipe(teacher), known)
        hours.append(seconds / 3600)
    return hours


def dry_run(about: int) -> dict[str, float]:
    """Seconds that `snakemake -n` takes to plan about so many networks, from nothing."""
    sizes, seeds = DRY_RUNS[about]
    with fresh_clone() as clone:
        _write_figure(clone, sizes)
        figure = look_up(load(clone / "paper/artifacts.yaml"), NAME)
        networks = _needed(figure, seeds)
        command = [*snakemake(1)[:-1], "--dry-run", "--config", f"seeds={seeds}", "--", f"results/{NAME}.csv"]
        seconds, _ = timed(command, clone)
    return {"networks": len(networks), "seconds": seconds}


def _figures() -> Iterator[list[Network]]:
    """The networks of a figure of every path, without an intermediate size, with one, and so on."""
    for intermediate in range(len(SIZES) - 1):
        sizes = (*SIZES[: intermediate + 1], SIZES[-1])
        figure = Paths(title=NAME, where=NAME, kind="paths", only=("cifar100",), family="resnet", sizes=sizes)
        yield _needed(figure, seeds=1)


def _needed(figure: Artifact, seeds: int) -> list[Network]:
    """The networks of a figure and all of their teachers, as the workflow finds them."""
    found = folders(ROOT / "params.yaml", ROOT / "presets", {"seeds": seeds})
    return [network for _, network in needed(found, "results", [figure])]


def _write_figure(clone: Path, sizes: list[int]) -> None:
    path = clone / "paper/artifacts.yaml"
    figure = {NAME: {"kind": "paths", "where": NAME, "title": NAME, "only": ["cifar100"], "family": "plain", "sizes": sizes}}
    path.write_text(path.read_text() + yaml.safe_dump(figure))
