"""A function as a command: what the user can mend is said in one line, with exit code 2."""

import sys
from collections.abc import Callable

import typer

from takd.errors import TakdError


def run(main: Callable[..., None]) -> None:
    """Call `main` with the arguments of the command line."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(main)
    try:
        app()
    except TakdError as error:
        print(f"benchmarks: {error}", file=sys.stderr)
        sys.exit(2)
