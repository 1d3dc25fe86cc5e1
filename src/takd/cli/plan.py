"""`takd plan`, `verify` and `list`: what a target needs and costs, what is there, and what can be made."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from takd.cli.options import Changes, workflow_here

if TYPE_CHECKING:
    from takd.planning.plan import Plan
    from takd.planning.workflow import Workflow
    from takd.study.tree import Node


def add_to(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command()(plan)
    app.command()(verify)
    app.command("list")(list_targets)


def plan(
    targets: Annotated[
        list[str], typer.Argument(help="What would be made, as in results/quick/table2.csv; a network's metrics too.")
    ],
    cores: Annotated[int | None, typer.Option(min=1, max=100_000, help="Cores to count with; by default all.")] = None,
    changes: Changes = "",
    measure: Annotated[bool, typer.Option(help="Time a few steps of what no record tells of; else it stays unknown.")] = True,
) -> None:
    """Print the networks that targets need, those already there or begun, and the time that is left on this machine."""
    from rich.console import Console
    from rich.table import Column, Table

    from takd.study.layout import VARIANTS

    made = _plan(targets, cores, changes, measure)
    title = f"{targets[0] if len(targets) == 1 else f'{len(targets)} targets'}: {len(made.networks)} networks"
    table = Table(Column("network", overflow="fold"), "epochs", "time on one core", title=title)
    for planned in made.networks:
        seconds = planned.seconds
        known = "unknown" if seconds is None else duration(seconds)
        takes = "there" if seconds == 0 else "imported" if planned.times == 0 else known
        if planned.begun:
            takes += f" from epoch {planned.begun.epoch}, {planned.begun.accuracy:.2f} %"
        variant = planned.node.results.partition(VARIANTS)[2]
        times = f" × {planned.times}" if planned.times > 1 else ""
        table.add_row(f"{variant} {planned.node.name}{times}".lstrip(), str(planned.epochs), takes)
    Console().print(table)
    print(_in_a_line(made))


def cost_line(target: str, cores: int) -> str:
    """What a target takes with so many cores, in a line."""
    return _in_a_line(_plan([target], cores, "", measure=True))


def duration(seconds: float) -> str:
    """A time in the unit that suits it: 0.4 s, 12 s, 3.5 min, 12.00 hours."""
    if seconds < 59.5:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 3597 else f"{seconds / 3600:.2f} hours"


def _plan(targets: list[str], cores: int | None, changes: str, measure: bool) -> "Plan":
    """The plan for targets; what no record tells of is timed by a few steps, where that is asked for."""
    from takd.planning.costs import FILE, add_to_file
    from takd.planning.plan import busy, cores_here, made_plan

    workflow = workflow_here("plan", changes)
    known = _of_claims(workflow, targets)
    made = made_plan(workflow, targets, cores or cores_here(), known)
    if made.unknown and measure:
        was_busy = busy()
        measured = _measured(workflow, [planned.node for planned in made.unknown])
        if was_busy:
            print(f"takd: {was_busy}", file=sys.stderr)
        else:
            add_to_file(FILE, measured)
        made = made_plan(workflow, targets, cores or cores_here(), known, measured)
    return made


def _of_claims(workflow: "Workflow", targets: list[str]) -> "dict[str, list[Node]]":
    """The networks at most of claims to be decided: a comparison that is decided by what is there needs no more of them."""
    from takd.planning.targets import decided_claim

    claimed = {target: claim for target in targets if (claim := decided_claim(workflow, target)) is not None}
    if not claimed:
        return {}
    from takd.reporting.deciding import progress

    return {target: progress(workflow, *claim).at_most() for target, claim in claimed.items()}


def _in_a_line(made: "Plan") -> str:
    from takd.study.layout import prepared

    there = len(made.networks) - len(made.missing)
    size = f"; soft targets: {made.bytes_of_soft_targets / 1e9:.2f} GB" if made.bytes_of_soft_targets else ""
    streamed = f"; images of {', '.join(made.streamed)} are read from their files as they are needed" if made.streamed else ""
    unknown = f", without {len(made.unknown)} of which no record tells" if made.unknown else ""
    time = f"about {duration(made.seconds)} on {made.cores} cores{unknown}"
    if made.missing and len(made.unknown) == len(made.missing):
        time = "time unknown, as no record tells of any"
    if made.unknown and made.unread:
        time += "".join(f"; `snakemake --cores 1 -- {prepared(name)}` first, and it is timed" for name in made.unread)
    begun = f" ({len(made.begun)} of them begun)" if made.begun else ""
    shipping = "".join(f", {count} to {what}" for count, what in ((made.exports, "export"), (made.timings, "time")) if count)
    return f"{made.trainings} to train{begun}{shipping}, {there} there: {time}{size}{streamed}"


def _measured(workflow: "Workflow", nodes: "list[Node]") -> dict[tuple[str, str], float]:
    """Seconds of an epoch of those networks and of their peers, by data set and builder."""
    from takd.measuring.costs import epoch_seconds

    found: dict[tuple[str, str], float] = {}
    for node in nodes:
        lock = workflow.keys.shape(node.results, node.name.dataset)
        recipe = workflow.tree.recipe(node)
        for builder in filter(None, (recipe.network.builder, recipe.network.peer)):
            if lock is not None and (node.name.dataset, builder) not in found:
                print(f"takd: timing a few steps of {builder}", file=sys.stderr)
                network = recipe.network.model_copy(update={"builder": builder})
                found[node.name.dataset, builder] = epoch_seconds(
                    node.name.dataset, lock, recipe.model_copy(update={"network": network})
                )
    return found


def verify(
    target: Annotated[
        str | None, typer.Argument(help="A table, figure, network or folder of results; by default everything below results/.")
    ] = None,
    changes: Changes = "",
) -> None:
    """Say of each file of results whether it is as it should be; exit code 1 where one isn't."""
    from collections import Counter

    from takd.planning.verify import verify as check
    from takd.study.layout import PREPARED

    found = check(workflow_here("verify", changes), target)
    for one in found:
        if one.finding not in ("as it should be", "adopted"):
            print(f"{one.path}: {one.finding}: {one.why}")
    counts = Counter(one.finding for one in found)
    of_images = any(one.finding != "as it should be" and one.path.startswith(PREPARED) for one in found)
    of_recipe = any(one.finding == "stale" and "recipe" in one.why for one in found)
    if of_recipe and not changes and not of_images:
        print(
            "stale by what params.yaml and the presets say now; if --config said more in that run, say it again here, "
            "as in --changes 'search: {trials: 20}'"
        )
    said = ", ".join(f"{count} {_of(finding, count)}" for finding, count in counts.items())
    print(f"{len(found)} {'file' if len(found) == 1 else 'files'}: {said or 'nothing is there yet'}")
    if set(counts) - {"as it should be", "adopted"}:
        raise typer.Exit(1)


def _of(finding: str, count: int) -> str:
    return "as they should be" if finding == "as it should be" and count != 1 else finding


def list_targets(
    folder: Annotated[str | None, typer.Argument(help="What is made in it, as in results/toy; without it, the folders.")] = None,
    changes: Changes = "",
) -> None:
    """List what can be made: the folders of results, or the tables, figures, verdicts and report of one of them."""
    from takd.planning.targets import files_of, folders_for_people, listed
    from takd.study.layout import VARIANTS

    workflow = workflow_here("list", changes)
    if folder is not None:
        results = folder.rstrip("/")
        _print_columns([(f"{results}/{one}", one.title) for one in listed(workflow, results)])
        return
    folders = [name for name in folders_for_people(workflow) if VARIANTS not in name]
    _print_columns([(name, f"{len(list(files_of(workflow, name)))} targets") for name in folders])
    sys.stdout.flush()
    for line in (
        "takd list FOLDER says which; the same can be made below FOLDER/variants/NAME, for each variant of its parameters",
        "and FOLDER/decided/CLAIM.md, for each claim of claims.md whose comparisons are of accuracies by one recipe",
    ):
        print(line, file=sys.stderr)  # who pipes the list gets paths alone


def _print_columns(rows: list[tuple[str, str]]) -> None:
    width = max((len(path) for path, _ in rows), default=0)
    for path, text in rows:
        print(f"{path:{width}}  {text}")
