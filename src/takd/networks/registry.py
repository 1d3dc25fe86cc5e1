"""Which networks there are: the paper's families, and what a builder's text looks like. Imports no torch."""

from __future__ import annotations

import re
from difflib import get_close_matches

from takd.errors import ParameterError

_PAPER_SIZES = {"plain": (10, 8, 6, 4, 2), "resnet": (110, 56, 44, 32, 26, 20, 14, 8), "imagenet": (50, 20, 14)}

# Of each of the paper's families, its members, largest first, and what builds each.
PAPER_FAMILIES: dict[str, dict[str, str]] = {
    family: {str(size): f"{family}:{size}" for size in sizes} for family, sizes in _PAPER_SIZES.items()
}

LIBRARIES = ("torchvision", "timm")
OWN_FORMS = "package.module:function or path/to/file.py:function"
FORMS = f"plain:SIZE, resnet:SIZE, imagenet:SIZE, torchvision:NAME, timm:NAME, {OWN_FORMS}"

_MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_LIBRARY_NAME = re.compile(r"\w+(\.\w+)?", re.ASCII)  # timm: model.tag


def kind_and_name(builder: str) -> tuple[str, str]:
    """What stands before a builder's last colon, and after it. Raises ParameterError where the text is malformed."""
    check_builder(builder)
    kind, _, name = builder.rpartition(":")
    return kind, name


def check_builder(text: str) -> None:
    """Raise ParameterError where a builder's text is malformed. It imports nothing: what exists shows when it is built."""
    if not isinstance(text, str):
        raise ParameterError(f"{text!r}: not a builder of networks; right would be {FORMS}")
    shown = repr(text if len(text) <= 80 else text[:77] + "...")
    kind, colon, name = text.rpartition(":")
    if not colon or not kind or not name:
        right = f"did you mean {meant}?" if (meant := _meant(text)) else f"right would be {FORMS}"
        raise ParameterError(f"{shown}: not a builder of networks; {right}")
    known = (*_PAPER_SIZES, *LIBRARIES)
    if kind.isalpha() and kind not in known and name[:1].isdecimal() and (near := get_close_matches(kind, known, 1)):
        raise ParameterError(f"{shown}: not a builder of networks; did you mean {near[0]}:{name[:20]}?")
    if kind in _PAPER_SIZES:
        if not _is_size(kind, name):
            sizes = "6 n + 2: 8, 14, 20, ..." if kind == "resnet" else ", ".join(map(str, _PAPER_SIZES[kind]))
            raise ParameterError(f"{shown}: there is no {kind} of size {name[:20]!r}; sizes are {sizes}")
    elif kind in LIBRARIES:
        if not _LIBRARY_NAME.fullmatch(name):
            raise ParameterError(f"{shown}: not a name of a network in {kind}; right would be, say, {kind}:resnet18")
    elif not name.isidentifier():
        raise ParameterError(f"{shown}: after the colon stands no name of a function; right would be {OWN_FORMS}")
    elif kind.endswith(".py"):
        if not kind.isprintable() or kind.startswith("~"):
            raise ParameterError(f"{shown}: not a path; right would be path/to/file.py:function")
    elif not _MODULE.fullmatch(kind):
        raise ParameterError(f"{shown}: before the colon stands neither a module nor a .py file; right would be {FORMS}")


def _meant(text: str) -> str:
    """The builder of a name without a kind: plain:4 of plain4, torchvision:resnet34 of resnet34; empty where it is no such name."""
    if (match := re.fullmatch(r"([a-z]+)([0-9]+)", text)) and match[2] in PAPER_FAMILIES.get(match[1], {}):
        return f"{match[1]}:{match[2]}"
    return f"torchvision:{text}" if re.fullmatch(r"[a-z]+[a-z_]*[0-9][a-z0-9_]{0,60}", text) else ""


def _is_size(family: str, text: str) -> bool:
    if not re.fullmatch(r"[1-9][0-9]{0,3}", text):
        return False
    size = int(text)
    return size >= 8 and size % 6 == 2 if family == "resnet" else size in _PAPER_SIZES[family]


def is_library(builder: str) -> bool:
    """Whether a network comes from takd, torchvision or timm: takd.load opens it by name. Others only when asked."""
    return kind_and_name(builder)[0] in (*_PAPER_SIZES, *LIBRARIES)


def library_of(builder: str) -> str | None:
    """The package whose version a network's bits depend on: 'torchvision', 'timm', or None for takd's own and the user's."""
    kind = kind_and_name(builder)[0]
    return kind if kind in LIBRARIES else "torchvision" if kind == "imagenet" else None


def nearest(name: str, names: list[str], count: int = 3) -> str:
    """For an error's text: the names most like `name`, joined by commas; the first few where none is."""
    return ", ".join(get_close_matches(name.lower(), names, count, cutoff=0.4) or names[:count])
