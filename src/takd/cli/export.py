"""`takd export` and `takd latency`: a trained network as a file that a device runs, and how long it takes."""

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from takd.cli.options import Builder, Key, Output, Threads, expected_key, own_code

if TYPE_CHECKING:
    from takd.records.exports import Kind


def add_to(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command()(export)
    app.command()(latency)


def export(
    network: Annotated[Path, typer.Argument(help="A trained network's file.")],
    output: Output,
    data: Annotated[Path | None, typer.Option(help="Its prepared data set; by default the one in data/prepared.")] = None,
    int8: Annotated[bool, typer.Option("--int8", help="In eight bits, their ranges seen on training images.")] = False,
    fp16: Annotated[bool, typer.Option("--fp16", help="In half precision: half the size.")] = False,
    torch: Annotated[bool, typer.Option("--torch", help="An ExportedProgram of torch's (.pt2) in the place of ONNX.")] = False,
    builder: Builder = None,
    record: Annotated[Path | None, typer.Option(help="File to write what was measured to, for the workflow.")] = None,
    key: Key = None,
    threads: Threads = 1,
) -> None:
    """Write a trained network as ONNX, and a card about it, after it was compared with the network on the test images."""
    from takd.errors import ParameterError
    from takd.files import check_outputs
    from takd.planning.there import check_there

    kind = _kind(int8=int8, fp16=fp16, torch=torch)
    _check_installed("export", "onnxruntime", *(() if kind == "torch" else ("onnx", "onnxscript")))
    suffix = ".pt2" if kind == "torch" else ".onnx"
    if output.suffix != suffix:
        raise ParameterError(f"{output}: such a file ends in {suffix}; call it {output.with_suffix(suffix)}")
    check_there(network, *([data] if data else []))
    outputs = [output, output.with_suffix(".md"), *([record] if record else [])]
    check_outputs(outputs, [network, *(path for path in (data, key) if path), *own_code(builder)])
    from takd.shipping.export import export as run

    exported = run(
        network, output, kind, data_path=data, builder=builder, threads=threads, record=record, expected_key=expected_key(key)
    )
    held = exported.comparison
    print(f"{output}: {exported.bytes:,} bytes")
    print(
        f"top-1 {held.accuracy:.2f} % on {held.images:,} test images, its network {held.network_accuracy:.2f} % in float32; "
        f"same answer to {held.agreement:.2f} %, logits differ by at most {held.largest_difference:.2g}"
    )


def latency(
    network: Annotated[Path, typer.Argument(help="An .onnx file that takd export wrote.")],
    calls: Annotated[int, typer.Option(min=200, max=1_000_000, help="Calls that are timed, after 50 to warm up.")] = 200,
    card: Annotated[bool, typer.Option("--card", help="Say it in the card beside the file, too.")] = False,
    record: Annotated[Path | None, typer.Option(help="File to write what was measured to, for the workflow.")] = None,
    key: Key = None,
) -> None:
    """Print how long an exported network takes on one core of this machine; let nothing else run meanwhile."""
    from takd.errors import ParameterError
    from takd.files import check_outputs
    from takd.planning.there import check_there

    check_there(network)
    if network.suffix != ".onnx":
        raise ParameterError(f"{network}: not an .onnx file; takd export writes one, as in {network.with_suffix('.onnx').name}")
    _check_installed("latency", "onnxruntime")
    from takd.shipping.latency import latency as run

    outputs = [*([network.with_suffix(".md")] if card else []), *([record] if record else [])]
    check_outputs(outputs, [network, *([key] if key else [])])
    about, found = run(network, calls, to_card=card, record=record, expected_key=expected_key(key))
    print(f"{about.name}, {about.variant}: {found}")


def _check_installed(command: str, *packages: str) -> None:
    from takd.errors import ParameterError

    for package in packages:
        if find_spec(package) is None:
            raise ParameterError(f"takd {command}: {package} isn't installed; pip install 'takd[export]'")


def _kind(*, int8: bool, fp16: bool, torch: bool) -> "Kind":
    from takd.errors import ParameterError

    if int8 + fp16 + torch > 1:
        raise ParameterError("--int8, --fp16, --torch: a file is one of them; give one")
    return "int8" if int8 else "fp16" if fp16 else "torch" if torch else "fp32"
