"""Commands that were: each ends in one line that names its successor."""

from collections.abc import Callable

import typer

from takd.errors import ParameterError

SUCCESSORS = {
    "collect": "takd show results/accuracy.csv",
    "curves": "takd show results/curves.csv",
    "summarise": "takd show results/metrics.json",
    "tabulate": "takd show results/table2.csv",
    "draw": "takd show results/figure2.csv",
    "draw-surfaces": "takd show results/figure7.csv",
    "judge": "takd show results/claims.csv",
    "report": "takd show results/report.html",
    "page": "takd show results/report.html",
    "tuning": "a variant with a validation_share for each recipe to compare, in params.yaml",
}


def add_to(app: typer.Typer) -> None:
    """Add this room's commands, which no help lists."""
    anything = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}
    for name, successor in SUCCESSORS.items():
        app.command(name, hidden=True, context_settings=anything)(_ending(name, successor))


def _ending(name: str, successor: str) -> Callable[[], None]:
    def gone() -> None:
        raise ParameterError(f"takd {name} is gone; now it is {successor}")

    return gone
