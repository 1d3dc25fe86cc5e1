"""The command line. Each command does one step of the pipeline on files that it is given; Snakemake's rules call the same."""

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from takd.errors import ParameterError, TakdError
from takd.files import check_place, end

# Commands import what they need themselves: torch takes seconds to import, and most commands do without.

app = typer.Typer(
    help="Knowledge distillation through teacher assistants. A network is named dataset/family/chain/seedN, as in "
    "cifar10/plain/10-4-2/seed0: the chain runs from the first teacher to the network itself.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Data = Annotated[Path, typer.Option(help="A prepared data set.")]
Output = Annotated[Path, typer.Option(help="File to write.")]
Results = Annotated[Path, typer.Option(help="The folder of results that the metrics lie in; those below its variants are marked.")]
Threads = Annotated[int, typer.Option(min=1, help="Processor threads. Another number gives other bits.")]
Device = Annotated[str, typer.Option(help="auto (a GPU where there is one), cpu, cuda, cuda:1 …")]
ParameterFile = Annotated[Path, typer.Option("--params", help="The parameter file.")]
Accuracy = Annotated[Path, typer.Option(help="An accuracy.csv.")]
Datasets = Annotated[str, typer.Option(help="Data sets to show, separated by commas.")]
Published = Annotated[Path, typer.Option(help="The paper's numbers.")]
Specification = Annotated[Path, typer.Option("--artifacts", help="What each table and figure shows.")]


def main() -> None:
    """Run the command line; what is the user's to mend is said in one line, with exit code 2."""
    signal.signal(signal.SIGTERM, end)
    try:
        app()
    except TakdError as error:
        sys.exit(_complaint(str(error)))
    except OSError as error:
        if error.filename is None and error.strerror is None:
            raise
        where = f"{error.filename}: " if error.filename else ""
        sys.exit(_complaint(f"{where}{error.strerror}"))


def _known(datasets: str) -> tuple[str, ...]:
    """Names of data sets from a text. Raises NetworkNameError where there is no such data set."""
    from takd.data.registry import dataset

    names = tuple(name.strip() for name in datasets.split(","))
    for name in names:
        dataset(name)
    return names


def _complaint(text: str) -> int:
    print(f"takd: {' '.join(text.split())}", file=sys.stderr)
    return 2


@app.command()
def prepare(
    dataset: Annotated[str, typer.Argument(help="cifar10, cifar100 or digits.")],
    raw: Annotated[Path, typer.Option(help="Folder of archives; one that isn't there is downloaded.")] = Path("data/raw"),
    output: Annotated[Path | None, typer.Option(help="File to write; by default data/prepared/DATASET.safetensors.")] = None,
) -> None:
    """Verify a data set's archive and write its images as tensors."""
    from takd.data.prepared import prepare

    output = output or Path(f"data/prepared/{dataset}.safetensors")
    check_place(output)
    prepare(dataset, raw, output)
    print(output)


@app.command()
def train(
    network: Annotated[str, typer.Argument(help="Its name.")],
    data: Data,
    recipe: Annotated[str, typer.Option(help="Its recipe: JSON, or a JSON or YAML file. `takd recipe NETWORK` prints one.")],
    output: Annotated[Path, typer.Option(help="Weights to write (safetensors).")],
    metrics: Annotated[Path, typer.Option(help="Accuracies and history to write (JSON).")],
    soft_targets: Annotated[Path | None, typer.Option(help="Its teacher's soft targets, for a chain of two or more.")] = None,
    resume: Annotated[Path | None, typer.Option(help="File that keeps the state between epochs, to go on from.")] = None,
    threads: Threads = 1,
    device: Device = "auto",
) -> None:
    """Train one network, from labels alone, under its teacher's soft targets, or together with a peer."""
    from takd.jobs import train_network

    train_network(
        network, data, recipe, output=output, metrics=metrics, soft_targets_path=soft_targets, resume=resume, threads=threads,
        device_name=device,
    )  # fmt: skip


@app.command()
def targets(
    teacher: Annotated[Path, typer.Argument(help="A trained network's file.")],
    data: Data,
    output: Output,
    views_seed: Annotated[int | None, typer.Option(help="Seed of augmented views; without it, images as they are.")] = None,
    epochs: Annotated[int, typer.Option(min=1, help="Epochs of augmented views.")] = 1,
    threads: Threads = 1,
    device: Device = "auto",
) -> None:
    """Compute a teacher's soft targets for all training images, for all of its students."""
    from takd import soft_targets
    from takd.data import prepared
    from takd.device import chosen_device

    if views_seed is None and epochs != 1:
        raise ParameterError(f"--epochs {epochs}: images as they are need one; --views-seed asks for augmented views")
    check_place(output)
    soft_targets.compute(
        teacher, prepared.load(data), output, views_seed=views_seed, epochs=epochs, device=chosen_device(device, threads)
    )
    print(output)


@app.command()
def evaluate(
    network: Annotated[Path, typer.Argument(help="A trained network's file.")],
    data: Data,
    threads: Threads = 1,
    device: Device = "auto",
) -> None:
    """Print a trained network's top-1 accuracy on the test images."""
    from takd.jobs import test_accuracy

    name, accuracy = test_accuracy(network, data, device_name=device, threads=threads)
    print(f"{name}: {accuracy:.2f} %")


@app.command()
def surface(
    network: Annotated[Path, typer.Argument(help="A trained network's file.")],
    data: Data,
    points: Annotated[int, typer.Option(help="Points along each direction; odd.")],
    span: Annotated[float, typer.Option(help="How far to go each way, in norms of the network's filters.")],
    images: Annotated[int, typer.Option(help="Training images to measure the loss on.")],
    output: Output,
    threads: Threads = 1,
    device: Device = "auto",
) -> None:
    """Measure the loss around a trained network, on a grid along two random directions."""
    from takd.data import prepared
    from takd.device import chosen_device
    from takd.params import surface_grid
    from takd.surface import write_surface

    grid = surface_grid(points=points, span=span, images=images)
    write_surface(network, prepared.load(data), grid, output, chosen_device(device, threads))
    print(output)


@app.command()
def collect(
    metrics: Annotated[list[Path], typer.Argument(help="Metrics that trainings wrote.")],
    output: Output,
    results: Results = Path("results"),
) -> None:
    """Gather the metrics of trained networks into one accuracy.csv, a row a network."""
    from takd.files import write_text
    from takd.reporting import accuracy

    write_text(output, accuracy.collect(metrics, results).to_csv(index=False, lineterminator="\n"))


@app.command()
def summarise(
    accuracy: Annotated[Path, typer.Option(help="An accuracy.csv.")],
    output: Output,
) -> None:
    """Write the mean accuracy of every chain, by data set and family, as JSON."""
    from takd.files import write_json
    from takd.reporting import accuracy as accuracies
    from takd.reporting import summary

    write_json(output, summary.summarise(accuracies.read(accuracy)))


@app.command()
def curves(
    metrics: Annotated[list[Path], typer.Argument(help="Metrics that trainings wrote.")],
    output: Output,
    results: Results = Path("results"),
) -> None:
    """Gather loss, accuracy and learning rate of trained networks into one curves.csv, a row an epoch."""
    from takd.files import write_text
    from takd.reporting import summary

    write_text(output, summary.curves(metrics, results).to_csv(index=False, lineterminator="\n"))


@app.command()
def tuning(
    metrics: Annotated[list[Path], typer.Argument(help="Metrics of the grid's networks.")],
    fields: Annotated[str, typer.Option(help="Fields of the recipe that the grid varies, separated by commas.")],
    csv: Annotated[Path, typer.Option(help="Table to write, for programs.")],
    markdown: Annotated[Path, typer.Option(help="Table to write, for people.")],
) -> None:
    """Compare recipes by accuracy on held-out images, the best first."""
    from takd.files import write_text
    from takd.reporting import tuning as reporting

    varied = fields.split(",")
    table = reporting.tabulate(metrics, varied)
    write_text(csv, table.to_csv(index=False, lineterminator="\n", float_format="%.4g"))
    write_text(markdown, reporting.as_markdown(table, varied))


@app.command()
def tabulate(
    artifact: Annotated[str, typer.Argument(help="Which table.")],
    accuracy: Accuracy,
    datasets: Datasets,
    csv: Annotated[Path, typer.Option(help="Table to write, for programs.")],
    markdown: Annotated[Path, typer.Option(help="Table to write, for people.")],
    artifacts: Specification = Path("paper/artifacts.yaml"),
    published: Published = Path("paper/published.csv"),
) -> None:
    """Make one of the paper's tables, our numbers beside the paper's."""
    from takd.files import write_text
    from takd.reporting import accuracy as accuracies
    from takd.reporting import artifacts as specification
    from takd.reporting import tables

    shown = specification.look_up(specification.load(artifacts), artifact)
    if not isinstance(shown, specification.Table):
        raise ParameterError(f"{artifact}: a figure, not a table; takd draw makes it")
    measured = accuracies.read(accuracy)
    rows = tables.tabulate(artifact, shown, _known(datasets), measured, tables.read_published(published))
    write_text(csv, tables.as_csv(rows))
    write_text(markdown, tables.as_markdown(shown, rows, held_out=accuracies.on_held_out(measured)))


@app.command()
def draw(
    artifact: Annotated[str, typer.Argument(help="Which figure.")],
    accuracy: Accuracy,
    datasets: Datasets,
    csv: Annotated[Path, typer.Option(help="The numbers behind it, to write.")],
    png: Annotated[Path, typer.Option(help="Picture to write.")],
    svg: Annotated[Path, typer.Option(help="Picture to write.")],
    artifacts: Specification = Path("paper/artifacts.yaml"),
) -> None:
    """Draw one of the paper's figures, with error bars over seeds."""
    from takd.files import write_text
    from takd.reporting import accuracy as accuracies
    from takd.reporting import artifacts as specification
    from takd.reporting import figures

    shown = specification.look_up(specification.load(artifacts), artifact)
    if isinstance(shown, specification.Table):
        raise ParameterError(f"{artifact}: a table, not a figure; takd tabulate makes it")
    if isinstance(shown, specification.Surfaces):
        raise ParameterError(f"{artifact}: loss surfaces, not accuracies; takd draw-surfaces makes it")
    measured = accuracies.read(accuracy)
    data = figures.data_behind(shown, _known(datasets), measured)
    figures.draw(shown, data, png, svg, held_out=accuracies.on_held_out(measured))
    write_text(csv, data.to_csv(index=False, lineterminator="\n", float_format="%.4f"))


@app.command()
def draw_surfaces(
    artifact: Annotated[str, typer.Argument(help="Which figure.")],
    surfaces: Annotated[list[Path], typer.Argument(help="Loss surfaces that `takd surface` wrote.")],
    datasets: Datasets,
    csv: Annotated[Path, typer.Option(help="How flat each surface is, to write.")],
    png: Annotated[Path, typer.Option(help="Picture to write.")],
    svg: Annotated[Path, typer.Option(help="Picture to write.")],
    artifacts: Specification = Path("paper/artifacts.yaml"),
) -> None:
    """Draw loss surfaces beside each other, and write how flat each is."""
    from takd.files import write_text
    from takd.reporting import artifacts as specification
    from takd.reporting import flatness
    from takd.reporting import surfaces as drawing

    shown = specification.look_up(specification.load(artifacts), artifact)
    if not isinstance(shown, specification.Surfaces):
        raise ParameterError(f"{artifact}: shows no loss surfaces; takd draw or takd tabulate makes it")
    points = flatness.read_points(surfaces)
    rises = flatness.rises(points)
    drawing.draw(shown, _known(datasets), points, rises, png, svg)
    write_text(csv, flatness.as_csv(rises))


@app.command()
def judge(
    accuracy: Accuracy,
    datasets: Datasets,
    csv: Annotated[Path, typer.Option(help="Every comparison, to write.")],
    markdown: Annotated[Path, typer.Option(help="The verdicts to write, for people.")],
    artifacts: Specification = Path("paper/artifacts.yaml"),
    claims: Annotated[Path, typer.Option(help="What the paper claims.")] = Path("paper/claims.csv"),
    published: Published = Path("paper/published.csv"),
    surfaces: Annotated[list[Path] | None, typer.Option(help="How flat surfaces are, as `takd draw-surfaces` wrote it.")] = None,
) -> None:
    """Judge the paper's claims: effects with intervals over seeds, and a verdict on each."""
    from takd.files import write_text
    from takd.reporting import accuracy as accuracies
    from takd.reporting import artifacts as specification
    from takd.reporting import claims as judging
    from takd.reporting import flatness, tables

    statements = judging.read_statements(claims)
    measured, known = accuracies.read(accuracy), specification.load(artifacts)
    numbers, rises = tables.read_published(published), flatness.read(surfaces or [])
    comparisons = judging.Judge(measured, known, _known(datasets), numbers, rises).comparisons()
    write_text(csv, judging.as_csv(comparisons))
    write_text(markdown, judging.as_markdown(statements, comparisons, held_out=accuracies.on_held_out(measured)))


@app.command()
def report(
    metrics: Annotated[list[Path], typer.Argument(help="Metrics that trainings wrote.")],
    section: Annotated[list[Path], typer.Option(help="A table (.md), a figure (.png) or the claims, in the order to show them.")],
    title: Annotated[str, typer.Option(help="Of the page.")],
    output: Output,
    artifacts: Specification = Path("paper/artifacts.yaml"),
    deviations: Annotated[
        str, typer.Option(help="Where the page of deviations is, seen from the output.")
    ] = "../docs/deviations.md",
) -> None:
    """Write what was run, and all that came out, as one page."""
    from takd.files import write_text
    from takd.reporting import artifacts as specification
    from takd.reporting import report as reporting

    known = specification.load(artifacts)
    write_text(output, reporting.as_markdown(title, metrics, known, section, deviations))


@app.command()
def page(markdown: Annotated[Path, typer.Argument(help="A table or the claims (.md).")], output: Output) -> None:
    """Turn a table or the claims into a page that a browser shows."""
    from takd.files import write_text
    from takd.reporting.page import as_html, read

    write_text(output, as_html(read(markdown), title=markdown.stem))


@app.command()
def recipe(
    network: Annotated[str, typer.Argument(help="Its name.")],
    params: ParameterFile = Path("params.yaml"),
    preset: Annotated[Path | None, typer.Option(help="A preset that replaces parts of the parameter file.")] = None,
) -> None:
    """Print a network's recipe as JSON, resolved from the parameter file."""
    from takd.chain import Network
    from takd.params import Parameters

    print(Parameters.load(params, preset).recipe(Network.parse(network)).canonical())


@app.command()
def plan(
    target: Annotated[Path, typer.Argument(help="What would be made, as in results/quick/table2.csv; a network's metrics too.")],
    params: ParameterFile = Path("params.yaml"),
    presets: Annotated[Path, typer.Option(help="Folder of presets.")] = Path("presets"),
    artifacts: Specification = Path("paper/artifacts.yaml"),
    cores: Annotated[int | None, typer.Option(min=1, help="Cores to count with; by default all.")] = None,
) -> None:
    """Print the networks that a target needs, those already there, and the hours that the others take on this machine."""
    from takd.plan import plan

    made = plan(target, params, presets, artifacts, cores or os.cpu_count() or 1)
    table = Table("network", "epochs", "minutes on one core", title=f"{target}: {len(made.networks)} networks")
    for planned in made.networks:
        minutes = f"{planned.seconds / 60:.1f}" if planned.seconds else "there"
        table.add_row(planned.name, str(planned.recipe.all_epochs), minutes)
    Console().print(table)
    there = len(made.networks) - made.missing
    print(f"{made.missing} to train, {there} there: about {made.seconds / 3600:.2f} hours on {made.cores} cores")


if __name__ == "__main__":
    main()
