"""From a folder of images and a few builders to presets/NAME.yaml: everything is tried before a line is written."""

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from takd.data import own
from takd.data.prepared import PreparedSummary, load, prepare_own
from takd.data.registry import DATASET_TITLES, OwnImages
from takd.errors import ParameterError, shortened
from takd.files import check_place, write_text
from takd.networks.builders import build, check
from takd.networks.checkpoints import load_into, read_state_dict
from takd.networks.library import library_weights
from takd.networks.registry import kind_and_name
from takd.planning.lock import Lock, digest_of
from takd.starting.text import CORES, Member, preset_text
from takd.study import artifacts, layout
from takd.study.section import first_problem

LIBRARY = "library"  # in the place of a file: the weights that the library publishes
TEST_SHARE = 0.2  # of a tree that isn't split
LARGEST_SIZE = 224  # pixels, where nobody says another size: what ImageNet's networks are shown
SAMPLE = 50  # pictures that are looked at to choose a size


@dataclass(frozen=True)
class Beginning:
    """What was found, and what was written. counts: training images of each class, in the order of labels."""

    preset: Path
    summary: PreparedSummary
    members: list[Member]
    counts: list[int]


def begin(
    name: str,
    data: str,
    teacher: str,
    assistants: Sequence[str],
    student: str,
    *,
    size: int | None = None,
    test_share: float | None = None,
    weights: str | None = None,
    starts: Sequence[str] = (),
    cores: int = CORES,
    root: Path = Path(),
) -> Beginning:
    """Write presets/NAME.yaml and its lock, and the prepared images. weights: a file with the trained teacher.

    starts: `MEMBER=FILE` each, or `MEMBER=library` for the weights that torchvision publishes. cores: for the command in the
    preset's head. Raises a TakdError where a name is
    taken, images can't be read, or a network can't be built for the classes found; nothing is left behind then.
    """
    preset = _free_place(name, root)
    spec = _images(data, size, test_share)
    spec = spec if spec.size else spec.model_copy(update={"size": _size_of(spec)})
    prepared = root / layout.prepared(name)
    summary = prepare_own(name, spec, prepared, expected=None)
    try:
        members = _members([teacher, *assistants, student], summary, weights, starts, root)
        counts = load(prepared).train.labels.bincount(minlength=len(summary.labels)).tolist()
        lock_of(summary, spec).write(preset.with_suffix(".lock"))
        write_text(preset, preset_text(name, spec, summary, members, counts, cores))
    except BaseException:
        for path in (prepared, preset.with_suffix(".lock")):
            path.unlink(missing_ok=True)
        raise
    return Beginning(preset, summary, members, counts)


def lock_of(summary: PreparedSummary, images: OwnImages) -> Lock:
    """What was prepared, as its lock. images: what the preset says of them."""
    counts = {"classes": len(summary.labels), "train": summary.train, "test": summary.test, "size": summary.size}
    counts |= {"duplicates": summary.duplicates}
    return Lock(digest=summary.digest, data=digest_of(images), unlabelled=summary.unlabelled_digest, **counts)


def _free_place(name: str, root: Path) -> Path:
    if not re.fullmatch(r"[A-Za-z0-9_]{1,60}", name):
        raise ParameterError(f"{shortened(name)}: names a folder of results; use letters, digits and _")
    if name in DATASET_TITLES or name in layout.RESERVED or name in artifacts.RESERVED:
        raise ParameterError(f"{name}: is the name of something of takd's; choose another one")
    preset = root / "presets" / f"{name}.yaml"
    if preset.exists():
        raise ParameterError(f"{preset}: is there already; edit it, or choose another name")
    check_place(preset)
    return preset


def _images(data: str, size: int | None, test_share: float | None) -> OwnImages:
    """Where images are, from what was typed: a folder, a table, or torchvision:NAME."""
    kind, _, rest = data.partition(":")
    if not data.endswith(".csv") and Path(data).is_file():
        raise ParameterError(f"--data {shortened(data)}: a file; give a folder with one a class, a .csv, or torchvision:NAME")
    place = {"torchvision": rest} if kind == "torchvision" else {"csv" if data.endswith(".csv") else "folder": data}
    given = {"size": size, "test_share": test_share}
    try:
        spec = OwnImages.model_validate(place | {field: value for field, value in given.items() if value is not None})
    except ValidationError as error:
        raise ParameterError(f"--data {shortened(data)}: {first_problem(error)}") from None
    is_one_tree = spec.folder is not None and Path(spec.folder).is_dir() and not (Path(spec.folder) / "train").is_dir()
    if is_one_tree and test_share is None:
        spec = spec.model_copy(update={"test_share": TEST_SHARE})
    return spec


def _size_of(spec: OwnImages) -> int:
    """The side that images are brought to: the middle one of some pictures' shorter sides."""
    found = own.find(spec)
    sides = [own.shorter_side(source) for source, _ in (*found.train[:SAMPLE], *found.test[:SAMPLE])]
    return max(8, min(LARGEST_SIZE, int(statistics.median(sides))))


def _members(builders: list[str], summary: PreparedSummary, weights: str | None, typed: Sequence[str], root: Path) -> list[Member]:
    """The family, largest first: each is built for the classes found, and shown images of the size found."""
    classes = len(summary.labels)
    names = [_member_name(builder) for builder in builders]
    starts = dict(_start(one) for one in typed)
    for name in names:
        if names.count(name) > 1:
            raise ParameterError(
                f"{name}: {names.count(name)} of --teacher, --assistant and --student are called so; a chain has each name once"
            )
    for member in starts:
        if member not in names:
            raise ParameterError(f"--start {member}: no such network; there are {', '.join(names)}")
    found = []
    for place, (name, builder) in enumerate(zip(names, builders, strict=True)):
        parameters = check(builder, classes, summary.size, root=root)
        brought = weights if place == 0 else None
        start = str(library_weights(builder)) if starts.get(name) == LIBRARY else starts.get(name)
        for path, may_differ in ((brought, False), (start, True)):
            if path is not None:
                network = build(builder, classes, size=summary.size, root=root)
                load_into(network, read_state_dict(Path(path)), source=path, head_may_differ=may_differ)
        found.append(Member(name, builder, parameters, brought, start))
    between = sorted(found[1:-1], key=lambda member: -member.parameters)
    return [found[0], *between, found[-1]]


def _member_name(builder: str) -> str:
    """resnet34 of torchvision:resnet34; plain4 of plain:4, as a number alone says nothing beside networks of other kinds."""
    kind, name = kind_and_name(builder)
    return re.sub(r"[^A-Za-z0-9_.]", "_", f"{kind}{name}" if name.isdecimal() else name)


def _start(typed: str) -> tuple[str, str]:
    member, equals, path = typed.partition("=")
    if not equals or not path:
        raise ParameterError(f"--start {shortened(typed)}: expected MEMBER=FILE, as in resnet34=resnet34.pth")
    return member, path
