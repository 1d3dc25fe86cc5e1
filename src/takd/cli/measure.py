"""`takd evaluate`, `takd surface` and `takd probe`: what is asked of a trained network."""

import json
from pathlib import Path
from typing import Annotated

import typer

from takd.cli.options import Builder, Data, Device, Key, Output, Threads, check_ending, expected_key, own_code


def add_to(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command()(evaluate)
    app.command()(surface)
    app.command()(probe)


def evaluate(
    network: Annotated[Path, typer.Argument(help="A trained network's file: .safetensors, or .onnx as exported.")],
    data: Data,
    confusion: Annotated[Path | None, typer.Option(help="Write the confusion matrix: its picture (.png) or counts (.csv).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="All of it as JSON, the confusion matrix too.")] = False,
    builder: Builder = None,
    threads: Threads = 1,
    device: Device = "auto",
) -> None:
    """Print a trained network's accuracy on the test images: top-1, top-5, by class; and its calibration error."""
    from takd.errors import ParameterError
    from takd.files import check_outputs
    from takd.measuring.evaluation import evaluated
    from takd.planning.there import check_there

    check_there(network, data)
    if confusion is not None:
        if confusion.suffix.lower() not in (".png", ".csv"):
            raise ParameterError(f"confusion: {confusion} ends in neither .png nor .csv")
        check_outputs([confusion], [network, data, *own_code(builder)])
    found = evaluated(network, data, device_name=device, threads=threads, builder=builder)
    if confusion is not None:
        from takd.reporting.confusion import write

        write(confusion, found.confusion.numpy(), found.labels, found.name)
    if as_json:
        print(json.dumps(found.as_json()))
        return
    print(found.as_text())
    if confusion is not None:
        print(f"{confusion}: which classes it takes for which")


def surface(
    network: Annotated[Path, typer.Argument(help="A trained network's file.")],
    data: Data,
    points: Annotated[int, typer.Option(help="Points along each direction; odd.")],
    span: Annotated[float, typer.Option(help="How far to go each way, in norms of the network's filters.")],
    images: Annotated[int, typer.Option(help="Training images to measure the loss on.")],
    output: Output,
    builder: Builder = None,
    key: Key = None,
    threads: Threads = 1,
    device: Device = "auto",
) -> None:
    """Measure the loss around a trained network, on a grid along two random directions."""
    from pydantic import ValidationError

    from takd.errors import ParameterError
    from takd.files import check_outputs
    from takd.measuring.surface import write_surface
    from takd.planning.there import check_there
    from takd.study.params import Surface
    from takd.study.section import first_problem
    from takd.training.device import chosen_device

    check_there(network, data)
    check_outputs([output], [network, data, *([key] if key else []), *own_code(builder)])
    check_ending(output, ".csv")
    try:
        grid = Surface(points=points, span=span, images=images)
    except ValidationError as error:
        raise ParameterError(first_problem(error)) from None
    device_used = chosen_device(device, threads)
    write_surface(network, data, grid, output, device_used, builder=builder, expected_key=expected_key(key))
    print(output)


def probe(
    networks: Annotated[list[Path], typer.Argument(help="Files of trained networks of one data set.")],
    data: Data,
    output: Output,
    temperature: Annotated[float, typer.Option(help="Temperature of the answers whose entropy is measured.")] = 1.0,
    teacher: Annotated[Path | None, typer.Option(help="A trained network that they are held against.")] = None,
    builder: Builder = None,
    threads: Threads = 1,
    device: Device = "auto",
) -> None:
    """Measure how soft networks' answers are, how near a teacher's, and their accuracy under Gaussian noise of three strengths."""
    from takd.errors import ParameterError
    from takd.files import check_outputs
    from takd.measuring.probe import by_chain, probed, write
    from takd.planning.there import check_there

    read = [*networks, data, *([teacher] if teacher else [])]
    check_there(*read)
    check_outputs([output], [*read, *own_code(builder)])
    check_ending(output, ".csv")
    if len({path.resolve() for path in networks}) < len(networks):
        raise ParameterError("networks: one is given twice, and would count as a seed more")
    table = probed(
        networks, data, temperature=temperature, device_name=device, threads=threads, builder=builder,
        teachers=dict.fromkeys(networks, teacher) if teacher else None,
    )  # fmt: skip
    write(output, table)
    print(by_chain(table).to_string(index=False, float_format="{:.2f}".format))
