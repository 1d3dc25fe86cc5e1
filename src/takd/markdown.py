"""Markdown that reads well in a terminal too, and in which a name is only ever a name."""

import json
import re
from collections.abc import Sequence

_MARKS = re.compile(r"[\\`*\[\]<>|~]|(?<![^\W_])_|_(?![^\W_])|&(?=#?\w+;)")  # an _ within a word means nothing


def escaped(text: str) -> str:
    """A name or a title as one line in which Markdown and HTML see nothing of their own."""
    shown = "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in one_line(text))
    return _MARKS.sub(lambda mark: f"\\{mark.group()}", shown)


def one_line(text: str) -> str:
    """The text with a single blank for all white space between words."""
    return " ".join(text.split())


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns line up: the first line is its head. Its texts are Markdown already."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    rows = ["| " + " | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)) + " |" for line in lines]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([rows[0], rule, *rows[1:]]) + "\n"
