"""`takd train` and `takd targets`: a network, and what it says to its students."""

from pathlib import Path
from typing import Annotated

import typer

from takd.cli.options import Builder, Data, Device, Key, Output, Threads, check_ending, expected_key, own_code


def add_to(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command()(train)
    app.command()(targets)


def train(
    network: Annotated[str, typer.Argument(help="Its name.")],
    data: Data,
    recipe: Annotated[str, typer.Option(help="Its recipe: JSON, or a file of it. `takd recipe NETWORK` prints one.")],
    output: Annotated[Path, typer.Option(help="Weights to write (safetensors).")],
    metrics: Annotated[Path, typer.Option(help="Accuracies and history to write (JSON).")],
    soft_targets: Annotated[
        list[Path] | None, typer.Option(help="Its teacher's soft targets, for a chain of two or more; once a teacher.")
    ] = None,
    teacher: Annotated[list[Path] | None, typer.Option(help="Or its teacher, to run beside it; once a teacher.")] = None,
    teacher_builder: Annotated[
        list[str] | None, typer.Option(help="What builds a teacher of one's own code, FILE.py:FUNCTION; once a teacher.")
    ] = None,
    start: Annotated[Path | None, typer.Option(help="Weights that its training begins from.")] = None,
    weights: Annotated[Path | None, typer.Option(help="Weights that are taken as they are, without training.")] = None,
    resume: Annotated[Path | None, typer.Option(help="File that keeps the state between epochs, to go on from.")] = None,
    key: Key = None,
    threads: Threads = 1,
    device: Device = "auto",
) -> None:
    """Train one network, from labels alone, under its teacher, or together with a peer; or take its weights over."""
    from takd.errors import ParameterError
    from takd.files import read_text
    from takd.study.names import Name
    from takd.study.recipe import read_recipe
    from takd.training.importing import import_network
    from takd.training.job import Files, train_network

    name = Name.parse(network)
    is_text = recipe.lstrip().startswith(("{", "["))
    how = read_recipe(recipe if is_text else read_text(Path(recipe), 1_000_000))
    if soft_targets and teacher:
        raise ParameterError("--soft-targets and --teacher: one of them says what the teacher says")
    settings = [*([] if is_text else [Path(recipe)]), *([key] if key else [])]
    files = Files(
        data=data,
        output=output,
        metrics=metrics,
        soft_targets=tuple(soft_targets or ()),
        teachers=tuple(teacher or ()),
        start=start,
        weights=weights,
        resume=resume,
        teacher_builders=tuple(each or None for each in teacher_builder or ()),
        settings=tuple(settings),
    )
    expected = expected_key(key)
    if weights is not None:
        import_network(name, how, files, threads=threads, device_name=device, expected_key=expected)
    else:
        train_network(name, how, files, threads=threads, device_name=device, expected_key=expected)


def targets(
    teacher: Annotated[Path, typer.Argument(help="A trained network's file.")],
    data: Data,
    output: Output,
    views: Annotated[str, typer.Option(help="What its students are shown: unaugmented, or as in seed0-30epochs.")] = "unaugmented",
    builder: Builder = None,
    key: Key = None,
    threads: Threads = 1,
    device: Device = "auto",
) -> None:
    """Compute a teacher's soft targets for all training images, for all of its students."""
    from takd.data import prepared
    from takd.data.view_names import parse_views
    from takd.errors import ParameterError
    from takd.files import check_outputs
    from takd.training import soft_targets
    from takd.training.device import chosen_device

    try:
        parse_views(views)
    except ValueError as error:
        raise ParameterError(f"--views: {error}") from None
    check_outputs([output], [teacher, data, *([key] if key else []), *own_code(builder)])
    check_ending(output, ".safetensors")
    device_used = chosen_device(device, threads)
    soft_targets.compute(
        teacher, prepared.load(data), output, views=views, device=device_used, builder=builder, expected_key=expected_key(key)
    )
    print(output)
