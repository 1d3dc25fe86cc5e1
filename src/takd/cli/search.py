"""`takd search`: hyper-parameters of a network, by trials."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from takd.cli.options import Changes, Device, Key, Preset, Threads, expected_key, workflow_here


def add_to(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command()(search)


def search(
    network: Annotated[str, typer.Argument(help="Its name; of a chain, the last hop is searched.")],
    trials: Annotated[int | None, typer.Option(min=1, max=100_000, help="As many in all; by default what `search:` says.")] = None,
    journal: Annotated[Path | None, typer.Option(help="What its workers share; by default beside what comes of it.")] = None,
    fields: Annotated[str, typer.Option(help="Those of `search:` to search, as in trade_off,temperature; by default all.")] = "",
    preset: Preset = None,
    changes: Changes = "",
    key: Key = None,
    threads: Threads = 1,
    device: Device = "auto",
) -> None:
    """Search a network's hyper-parameters over the ranges that `search:` names; several workers may share a journal."""
    from takd.errors import ParameterError
    from takd.study.names import Name

    if find_spec("optuna") is None:
        raise ParameterError("takd search: optuna isn't installed; pip install 'takd[search]'")
    from takd.search.job import search as run

    workflow = workflow_here("search", changes)
    results = "results" if preset is None else f"results/{preset.stem}"
    only = tuple(filter(None, fields.split(",")))
    expected = expected_key(key)
    for path in run(
        workflow,
        results,
        Name.parse(network),
        count=trials,
        only=only,
        journal=journal,
        threads=threads,
        device=device,
        expected_key=expected,
    ):
        print(path)
