"""`takd init`: a study of one's own networks and images, in one file; or a project to have studies in."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from takd.cli.options import Changes, workflow_here

Builder = Annotated[
    str | None,
    typer.Option(help="torchvision:NAME, timm:NAME, plain:4, resnet:20, package.module:function or path/to/file.py:function."),
]


def add_to(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command()(init)
    app.command()(adopt)


def init(
    name: Annotated[str | None, typer.Argument(help="What the study, its data set and its family are called.")] = None,
    data: Annotated[
        str | None, typer.Option(help="A folder with one folder for each class, a .csv of path and label, or torchvision:NAME.")
    ] = None,
    teacher: Builder = None,
    student: Builder = None,
    assistant: Annotated[
        list[str] | None, typer.Option(help="A network between them, built as they are; any number of them.")
    ] = None,
    size: Annotated[
        int | None, typer.Option(help="Pixels along a side; by default the middle one of the shorter sides, at most 224.")
    ] = None,
    test_share: Annotated[float | None, typer.Option(help="Share kept for testing, where images aren't split: 0.2.")] = None,
    weights: Annotated[str | None, typer.Option(help="The teacher's weights (.pth, .safetensors), trained already.")] = None,
    start: Annotated[
        list[str] | None, typer.Option(help="MEMBER=FILE: weights that its training begins from; MEMBER=library: torchvision's.")
    ] = None,
    cores: Annotated[int | None, typer.Option(min=1, max=100_000, help="Cores to count with; by default all.")] = None,
    project: Annotated[
        Path | None, typer.Option(help="Lay out a project in this folder, new or empty; nothing else is given.")
    ] = None,
) -> None:
    """Write presets/NAME.yaml, after images and networks were tried, and say what to do next; or lay out a project."""
    from takd.errors import ParameterError

    if project is not None:
        others = (name, data, teacher, student, assistant, size, test_share, weights, start, cores)
        if any(value is not None for value in others):
            raise ParameterError(f"--project {project}: lays out a project and no study; then `takd init NAME …` in its folder")
        return _project(project)
    if name is None or data is None or teacher is None or student is None:
        given = {"NAME": name, "--data": data, "--teacher": teacher, "--student": student}
        lacking = ", ".join(option for option, value in given.items() if value is None)
        raise ParameterError(
            f"takd init: {lacking} missing; a study is NAME --data … --teacher … --student …, a project --project FOLDER"
        )
    _study(name, data, teacher, student, assistant or [], size, test_share, weights, start or [], cores)


def _project(folder: Path) -> None:
    from takd.starting.project import lay_out

    count = len(lay_out(folder))
    there = "" if folder.resolve() == Path.cwd() else f"    cd {shlex.quote(str(folder))}\n"
    print(f"{folder} is a project now, of {count} files. Next:\n\n{there}    snakemake --cores 2 results/toy/table2.csv\n")


def _study(
    name: str,
    data: str,
    teacher: str,
    student: str,
    assistants: list[str],
    size: int | None,
    test_share: float | None,
    weights: str | None,
    starts: list[str],
    cores: int | None,
) -> None:
    from takd.cli.plan import cost_line
    from takd.errors import ParameterError, shortened
    from takd.planning.plan import cores_here
    from takd.starting.recipes import IMBALANCED, times_larger
    from takd.starting.study import begin
    from takd.starting.text import SEEDS, chains, growing

    if not Path("Snakefile").is_file():
        raise ParameterError(
            f"{Path.cwd()}: no Snakefile here; go into a clone of takd, or lay out a project first: takd init --project FOLDER"
        )
    cores = cores or cores_here()
    made = begin(
        name, data, teacher, assistants, student, size=size, test_share=test_share, weights=weights, starts=starts, cores=cores
    )
    summary = made.summary
    print(
        f"{summary.train} images to train on and {summary.test} to test, {len(summary.labels)} classes, "
        f"{summary.size} pixels a side{'; read as they are asked for' if summary.streamed else ''}"
    )
    if summary.skipped:
        print(f"{summary.skipped} files were left out: hidden, or not pictures")
    if summary.duplicates:
        print(f"warning: test images that are among the training images too: {summary.duplicates} of {summary.test}")
    if (times := times_larger(made.counts)) >= IMBALANCED:
        least, most = (summary.labels[made.counts.index(count)] for count in (min(made.counts), max(made.counts)))
        print(
            f"imbalanced: {max(made.counts)} training images of {shortened(most)}, {min(made.counts)} of {shortened(least)} "
            f"({times} : 1); so the preset says sampling: balanced and metric: balanced_accuracy"
        )
    for member in made.members:
        print(f"  {member.name}: {member.parameters:,} parameters ({member.builder})")
    if larger := growing(made.members):
        print(f"warning: {larger}")
    print(f"ways to the student, {SEEDS} networks each: {', '.join(chains(made.members))}")
    print("their teachers are trained too, and each network from labels alone for the figure of all paths")
    target = f"results/{name}/report.html"
    print(cost_line(target, cores))
    print(f"{made.preset} is written. Next:\n\n    snakemake --cores {cores} {target}\n")


def adopt(
    folder: Annotated[Path, typer.Argument(help="A folder with networks: metrics.json, and model.safetensors where it was kept.")],
    results: Annotated[str, typer.Option(help="The folder of results that they are for, as in results/quick.")] = "results",
    changes: Changes = "",
) -> None:
    """Put networks of an older commit where the pipeline looks: those whose recipe, images and teacher are the ones asked for."""
    from takd.starting.adopt import adopt as adopted

    found = adopted(workflow_here("adopt", changes), folder, results.rstrip("/"))
    for one in found:
        print(f"{one.name}: {one.why or 'adopted'}")
    left = sum(bool(one.why) for one in found)
    print(f"{len(found) - left} of {len(found)} networks are adopted for {results}")
    if left == len(found):
        raise typer.Exit(1)
