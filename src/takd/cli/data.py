"""`takd prepare`: from an archive, a folder or a table of images to tensors."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from takd.cli.options import Preset, check_ending

if TYPE_CHECKING:
    from takd.data.registry import OwnImages


def add_to(app: typer.Typer) -> None:
    """Add this room's commands."""
    app.command()(prepare)


def prepare(
    dataset: Annotated[str, typer.Argument(help="cifar10, cifar100, digits, imagenet, or a study of one's own.")],
    raw: Annotated[Path, typer.Option(help="Folder of archives; one that isn't there is downloaded.")] = Path("data/raw"),
    output: Annotated[Path | None, typer.Option(help="File to write; by default data/prepared/DATASET.safetensors.")] = None,
    preset: Preset = None,
) -> None:
    """Verify a data set's content and write its images as tensors."""
    from takd.data import prepared
    from takd.data.registry import IN_FOLDERS
    from takd.data.registry import dataset as look_up
    from takd.files import check_outputs
    from takd.study import layout

    output = output or Path(layout.prepared(dataset))
    if preset is not None:
        _prepare_own(dataset, raw, output, preset)
        return
    if dataset in IN_FOLDERS:
        _prepare_published(dataset, output)
        return
    archive = look_up(dataset).archive
    check_outputs([output], [raw / archive.filename] if archive else [])
    check_ending(output, ".safetensors")
    prepared.prepare(dataset, raw, output)
    print(output)


def _prepare_own(dataset: str, raw: Path, output: Path, preset: Path) -> None:
    """Prepare a study's own images; what they hold is recorded beside the preset at the first time, and held to later."""
    from takd.data.registry import IN_MEMORY_BYTES
    from takd.errors import ParameterError
    from takd.files import check_outputs
    from takd.study.params import load_parameters

    place = preset.with_suffix(".lock")
    check_outputs([output, place], [preset])
    own = load_parameters(Path("params.yaml"), preset, {}).data
    if own is None:
        raise ParameterError(f"{preset}: names no images of one's own (`data:`)")
    _prepare_registered(dataset, own, output, place, said_by=str(preset), raw=raw, in_memory_bytes=IN_MEMORY_BYTES)


def _prepare_published(dataset: str, output: Path) -> None:
    """Prepare a published data set that is in a folder, unpacked where need be; its images stay in their files."""
    from takd.data import ilsvrc
    from takd.data.registry import IN_FOLDERS
    from takd.files import check_outputs

    images, place = IN_FOLDERS[dataset].images, Path("presets", f"{dataset}.lock")
    check_outputs([output, place], [])
    ilsvrc.unpack(Path(str(images.folder)))
    _prepare_registered(dataset, images, output, place, said_by="takd", raw=Path("data/raw"), in_memory_bytes=0)


def _prepare_registered(
    dataset: str, images: "OwnImages", output: Path, place: Path, *, said_by: str, raw: Path, in_memory_bytes: int
) -> None:
    """Read images, and hold them to the lock at `place`, which is written where there is none."""
    from takd.data.prepared import prepare_own
    from takd.planning.lock import Lock
    from takd.starting.study import lock_of

    _check_apart(output, images)
    check_ending(output, ".safetensors")
    lock = Lock.read(place)
    if lock is not None and not lock.is_of(images):
        print(f"{place}: what {said_by} says of its images has changed since; they are read anew", flush=True)
        lock = None
    summary = prepare_own(
        dataset,
        images,
        output,
        expected=None if lock is None else lock.digest,
        expected_unlabelled=None if lock is None else lock.unlabelled,
        raw=raw,
        in_memory_bytes=in_memory_bytes,
    )
    if summary.unlabelled_tests:
        print(
            f"{images.unlabelled}: {summary.unlabelled_tests} of its {summary.unlabelled} images are test images, which would teach"
        )
    if lock is None or lock.duplicates != summary.duplicates:  # which locks of before didn't have
        lock_of(summary, images).write(place)
        print(f"{place}: written; commit it with the preset, so that later runs hold to these images")
    print(f"{output}: {summary}")


def _check_apart(output: Path, own: "OwnImages") -> None:
    """Raises ParameterError where an output would be written over one of the user's images, or over their table."""
    from takd.errors import ParameterError
    from takd.files import check_outputs

    check_outputs([output], [Path(own.csv)] if own.csv else [])
    among = own.folder is not None and output.resolve().is_relative_to(Path(own.folder).resolve())
    if among and output.suffix != ".safetensors":
        raise ParameterError(f"{output}: lies among the images of {own.folder}; give the output another place")
