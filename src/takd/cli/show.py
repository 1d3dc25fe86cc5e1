"""`takd show`: a table, a figure, the verdicts or the report, from what trainings measured."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from takd.cli.options import Changes, Key, expected_key, workflow_here

if TYPE_CHECKING:
    import pandas as pd


def add_to(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command()(show)
    app.command()(publish)


def show(
    target: Annotated[str, typer.Argument(help="What to make, as in results/quick/table2.csv; what belongs to it is made too.")],
    changes: Changes = "",
    key: Key = None,
) -> None:
    """Make a table, a figure, accuracy.csv, the claims' verdicts or the report, from networks that are there."""
    from takd.errors import ParameterError
    from takd.planning import targets
    from takd.reporting import deciding
    from takd.reporting.show import make

    workflow = workflow_here("show", changes)
    targets.check_result(workflow, target)
    if any(of(workflow, target) is not None for of in (targets.product_of, targets.searched_network)):
        file = target if Path(target).suffix else f"{target.rstrip('/')}/metrics.json"
        raise ParameterError(
            f"{target}: is of one network; takd show makes what compares several. `snakemake --cores 1 -- {file}` makes this one, "
            "`takd evaluate` says how it does"
        )
    for line in targets.left_out(workflow, target):
        print(f"takd: {line}", file=sys.stderr)
    claimed = targets.decided_claim(workflow, target)
    expected = expected_key(key)
    for path in make(workflow, target, expected, _ask) if claimed is None else deciding.make(workflow, *claimed, expected):
        print(path)


def _ask(models: list[Path], data: Path, temperature: float, teachers: Mapping[Path, Path]) -> "pd.DataFrame":
    from takd.measuring.probe import probed

    return probed(models, data, temperature=temperature, device_name="cpu", threads=1, teachers=teachers)


def publish(
    results: Annotated[str, typer.Argument(help="A folder of results, as in results/quick.")],
    changes: Changes = "",
) -> None:
    """Copy what a folder of results shows to results/published, which is in git."""
    from takd.reporting.publish import publish as copied

    copies = copied(workflow_here("publish", changes), results.rstrip("/"))
    print(f"{len(copies)} files below {copies[0].parent if copies else results}")
