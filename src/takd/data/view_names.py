"""What a set of views is called: made, parsed and compared here alone. No torch."""

import re
from typing import Literal, NamedTuple, get_args

Augmentation = Literal["none", "crop_flip", "resized_crop_flip"]
AUGMENTATIONS: tuple[str, ...] = get_args(Augmentation)

UNAUGMENTED = "unaugmented"
_SUFFIXES: dict[Augmentation, str] = {"crop_flip": "", "resized_crop_flip": "-resized"}
_NUMBER = r"(0|[1-9]\d{0,9})"
PATTERN = rf"{UNAUGMENTED}|seed\d+-\d+epochs(?:-resized)?"  # of a name in a path
_NAME = re.compile(rf"seed{_NUMBER}-{_NUMBER}epochs(|-resized)", re.ASCII)


class ViewsName(NamedTuple):
    """The parts of a name. seed: that of the network that is shown them. Unaugmented views have seed 0 and one epoch."""

    augmentation: Augmentation
    seed: int
    epochs: int


def views_name(augmentation: str, seed: int, epochs: int) -> str:
    """The name of what a training is shown: unaugmented, seed0-30epochs (crop and flip) or seed0-30epochs-resized.

    Raises ValueError for an augmentation that there isn't, a negative seed, or fewer than one epoch.
    """
    if augmentation == "none":
        return UNAUGMENTED
    suffix = _SUFFIXES.get(checked(augmentation))
    name = f"seed{seed}-{epochs}epochs{suffix}"
    parse_views(name)
    return name


def parse_views(name: str) -> ViewsName:
    """The parts of a name. Raises ValueError for a text that `views_name` doesn't give."""
    if name == UNAUGMENTED:
        return ViewsName("none", 0, 1)
    match = _NAME.fullmatch(name)
    if match is None or match[2] == "0":
        raise ValueError(f"no name of views: {name[:60]!r}; there are {UNAUGMENTED}, seed0-30epochs and seed0-30epochs-resized")
    augmentation = next(kind for kind, suffix in _SUFFIXES.items() if suffix == match[3])
    return ViewsName(augmentation, int(match[1]), int(match[2]))


def covers(there: str, needed: str) -> bool:
    """Whether a file of the views `there` holds all of `needed`: the same kind and seed, and at least as many epochs.

    Raises ValueError where either is no name of views.
    """
    file, wanted = parse_views(there), parse_views(needed)
    return file[:2] == wanted[:2] and file.epochs >= wanted.epochs


def checked(augmentation: str) -> Augmentation:
    """The augmentation of that name. Raises ValueError where there is none."""
    for kind in get_args(Augmentation):
        if kind == augmentation:
            return kind  # type: ignore[no-any-return]
    raise ValueError(f"unknown augmentation {augmentation!r}; there are {', '.join(AUGMENTATIONS)}")
