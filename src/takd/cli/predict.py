"""`takd predict`: what a trained network says a picture shows."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from takd.cli.options import Builder


def add_to(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command()(predict)


def predict(
    network: Annotated[Path, typer.Argument(help="A trained network's file: .safetensors, or .onnx as exported.")],
    pictures: Annotated[list[Path], typer.Argument(help="Pictures, or folders of them.")],
    count: Annotated[int, typer.Option(min=1, help="How many of the likeliest labels to print.")] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="A JSON object a line, for machines.")] = False,
    builder: Builder = None,
) -> None:
    """Print the likeliest labels of pictures, with their probabilities: a line each."""
    import takd
    from takd.data.folders import pictures_below
    from takd.data.pictures import shown
    from takd.errors import DataError

    paths = [path for place in pictures for path in (pictures_below(place) if place.is_dir() else [place])]
    predictor = takd.load(network, builder=builder)
    if not predictor.labelled:
        print(f"takd: {network}: its file doesn't name the classes; they are numbered from 0", file=sys.stderr)
    unread = 0
    for path in paths:
        try:
            answers = predictor.predict(path, count)
        except DataError as error:  # the others are still answered
            print(f"takd: {error}", file=sys.stderr)
            unread += 1
            continue
        if as_json:
            print(json.dumps({"picture": str(path), "answers": [answer._asdict() for answer in answers]}))
        else:
            print(f"{shown(path)}: {', '.join(f'{answer.label} {100 * answer.probability:.1f} %' for answer in answers)}")
    if unread:
        raise typer.Exit(2)
