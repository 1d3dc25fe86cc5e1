"""`takd init` and `takd recipe`: a study of one's own, and what a network's recipe comes to."""

from pathlib import Path
from typing import Annotated

import typer

from takd.cli.options import Changes, check_project, parsed_changes


def add_to(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command()(recipe)


def recipe(
    network: Annotated[str, typer.Argument(help="Its name.")],
    preset: Annotated[Path | None, typer.Option(help="A preset that replaces parts of params.yaml.")] = None,
    changes: Changes = "",
) -> None:
    """Print a network's recipe as JSON, resolved from params.yaml and a preset."""
    from takd.errors import ParameterError
    from takd.planning.keys import Keys
    from takd.study.names import Name
    from takd.study.tree import Node, Tree

    check_project("recipe")
    tree = Tree(typed=parsed_changes(changes))
    results = "results" if preset is None else f"results/{preset.stem}"
    if preset is not None and not preset.is_file():
        meant = Path("presets", f"{preset.name}.yaml")
        raise ParameterError(f"{preset}: no such file{f'; did you mean {meant}?' if meant.is_file() else ''}")
    if preset is not None and preset.resolve() != Path("presets", preset.name).resolve():
        raise ParameterError(f"{preset}: not one of this project's presets; they lie in presets/")
    tree.folder(results)
    print(Keys(tree).recipe(Node(results, Name.parse(network))).canonical())
