"""The command line. Each command does one step of the pipeline on files that it is given; Snakemake's rules call the same."""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer

from takd import __version__
from takd.errors import TakdError, device_fault, shortened
from takd.files import end

app = typer.Typer(
    help="Knowledge distillation through teacher assistants. A network is named dataset/family/chain/seedN, as in "
    "cifar10/plain/10-4-2/seed0: the chain runs from the first teacher to the network itself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
LONGEST_LINE = 2000  # characters of a complaint


def _version(asked: bool) -> None:
    if asked:
        print(f"takd {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print takd's version.")] = False,
) -> None:
    """What comes before a command."""


# Commands import what they need themselves: torch takes seconds to import, and most commands do without.
ROOMS = (
    "gone",
    "init",
    "study",
    "data",
    "train",
    "measure",
    "export",
    "search",
    "show",
    "predict",
    "plan",
)
for room in ROOMS:
    import_module(f"takd.cli.{room}").add_to(app)


def main() -> None:
    """Run the command line; what is the user's to mend is said in one line, with exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")  # what a terminal can't show is spelled, not a traceback
    signal.signal(signal.SIGTERM, end)

    def command() -> object:
        return app(prog_name="takd", standalone_mode=False)

    sys.exit(_ended_of_several(command) if "TORCHELASTIC_RUN_ID" in os.environ else ended(command))


def ended(command: Callable[[], object]) -> int:
    """Run a command; the exit code that it ends with, after one line where it was somebody's mistake."""
    try:
        code = command()
    except typer.TyperException as error:
        return _mistyped(error)
    except typer.Abort:
        return _complaint("interrupted", 130)
    except BrokenPipeError:  # as of `takd list | head`
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())  # where what is still to be written goes
        return 1
    except TakdError as error:
        return _complaint(str(error))
    except OSError as error:
        if error.filename is None and error.strerror is None:
            raise
        where = f"{error.filename}: " if error.filename else ""
        return _complaint(f"{where}{error.strerror}")
    except RuntimeError as error:
        if (fault := device_fault(error)) is None:
            raise
        goes_on = "; the same command goes on where it was" if "lost" in fault else ""
        return _complaint(f"the device: {fault}{goes_on}. torch says: {shortened(error)}")
    return code if isinstance(code, int) else 0


def _ended_of_several(command: Callable[[], object]) -> int:
    """As `ended`, of a process that shares a training with others: where it fails, it is gone at once, and waits for none of them.

    They may wait for it, in a sum over all. torchrun ends them as soon as one is gone.
    """
    try:
        code = ended(command)
    except Exception:
        traceback.print_exc()
        code = 1
    if code != 0:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _mistyped(error: typer.TyperException) -> int:
    """What was typed is no command, or one without what it needs. Where it was `takd` alone, the help was printed already."""
    said = getattr(error, "format_message", str)().rstrip(".")
    command = getattr(getattr(error, "ctx", None), "command_path", "takd")
    return _complaint(f"{said}{' ' if said.endswith('?') else '; '}{command} --help says more") if said else 2


def _complaint(text: str, code: int = 2) -> int:
    print(f"takd: {shortened(text, LONGEST_LINE)}", file=sys.stderr)
    return code
