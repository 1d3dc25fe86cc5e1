"""YAML that people type, read as YAML 1.2 and bounded: what looks like a number is one, and nothing else is.

It is read as a stream of events, so depth, aliases and size are bounded before anything is built of them.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from takd.errors import ParameterError, shortened
from takd.files import read_text

LONGEST = 500_000  # characters of a file
DEEPEST = 20  # mappings and lists within each other
MOST_VALUES = 20_000
MOST_DIGITS = 30
# Digits, point and exponent alone: `010` is 10, `1e-05` of a command line is 0.00001; `1_0` and `1:30` are words.
_NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | None] = {"": None, "~": None, "null": None, "true": True, "false": False}
_TEXT = "tag:yaml.org,2002:str"


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML or JSON file that holds a mapping of texts to values. Raises ParameterError where it doesn't."""
    return parse_yaml(read_text(path, LONGEST), str(path))


def parse_yaml(text: str, source: str) -> dict[str, Any]:
    """The mapping that a text spells. source: what to call it in an error. Raises ParameterError."""
    if len(text) > LONGEST:
        raise ParameterError(f"{source}: {len(text):,} characters; parameters have at most {LONGEST:,}")
    reading = _Reading(source)
    try:
        for event in yaml.parse(text.removeprefix("\ufeff"), Loader=yaml.SafeLoader):
            reading.take(event)
    except yaml.MarkedYAMLError as error:
        line = f", line {error.problem_mark.line + 1}" if error.problem_mark else ""
        indented = "; is it indented as the lines around it?" if "<block mapping start>" in str(error.problem) else ""
        raise ParameterError(f"{source}{line}: not YAML: {shortened(error.problem or str(error))}{indented}") from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise ParameterError(f"{source}: not YAML: {shortened(str(error))}") from None
    if not isinstance(reading.document, dict):
        found = "nothing" if reading.document is None else shortened(repr(reading.document))
        raise ParameterError(f"{source}: expected a mapping of names to values, not {found}")
    return reading.document


def cleaned(values: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Values that were parsed elsewhere, as by Snakemake, under the same rules. Raises ParameterError."""
    left = [MOST_VALUES]
    return {str(key): _cleaned(value, f"{source}: {shortened(key)}", 1, left) for key, value in values.items()}


def _cleaned(value: Any, where: str, depth: int, left: list[int]) -> Any:
    left[0] -= 1
    if depth > DEEPEST or left[0] < 0:
        raise ParameterError(f"{where}: too many values within each other; an alias to itself?")
    if isinstance(value, dict):
        return {str(key): _cleaned(one, where, depth + 1, left) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(one, where, depth + 1, left) for one in value]
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        if abs(value) >= 10**MOST_DIGITS or value != value:
            raise ParameterError(f"{where}: a number of more than {MOST_DIGITS} digits")
        return value
    return _number_or_text(value, where) if isinstance(value, str) else str(value)  # a date


def _number_or_text(text: str, where: str) -> float | str:
    """A text that looks like a number as one, whole where it has digits alone. Raises ParameterError where it is too large."""
    if not _NUMBER.fullmatch(text):
        return text
    if len(text) > MOST_DIGITS:
        raise ParameterError(f"{where}: a number of more than {MOST_DIGITS} digits: {shortened(text, 40)}")
    number = float(text) + 0.0  # not -0
    if not math.isfinite(number) or (number == 0 and re.search("[1-9]", re.split("[eE]", text)[0])):
        raise ParameterError(f"{where}: {text} is beyond what can be computed with")
    return int(text) if re.fullmatch(r"[-+]?[0-9]+", text) else number


@dataclass
class _Open:
    """A mapping or list that hasn't ended. values: so far. size: of values in it, those of aliases too. key: the one that waits."""

    values: dict[str, Any] | list[Any]
    anchor: str | None
    size: int = 1
    key: str | None = None


@dataclass
class _Reading:
    """What the events of a text have come to."""

    source: str
    document: Any = None
    documents: int = 0
    open: list[_Open] = field(default_factory=list)
    anchors: dict[str, tuple[Any, int]] = field(default_factory=dict)  # each with its size

    def take(self, event: yaml.Event) -> None:
        """Go on by one event. Raises ParameterError."""
        assert event.start_mark is not None
        self.line = event.start_mark.line + 1
        match event:
            case yaml.DocumentStartEvent():
                self.documents += 1
                if self.documents > 1:
                    raise self._wrong("a second document; parameters are one")
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                if event.tag is not None and event.tag not in ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"):
                    raise self._wrong(f"the tag {shortened(event.tag, 60)} can't stand here")
                if self.open and isinstance(self.open[-1].values, dict) and self.open[-1].key is None:
                    raise self._wrong("a list or a mapping can't be a name; put quotes around it")
                if len(self.open) >= DEEPEST:
                    raise self._wrong(f"lists within lists, more than {DEEPEST} deep")
                self.open.append(_Open({} if isinstance(event, yaml.MappingStartEvent) else [], event.anchor))
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                ended = self.open.pop()
                self._put(ended.values, ended.size, ended.anchor)
            case yaml.AliasEvent():
                if event.anchor not in self.anchors:
                    raise self._wrong(f"*{shortened(event.anchor, 60)} stands for nothing that was said before")
                self._put(*self.anchors[event.anchor], None)
            case yaml.ScalarEvent():
                self._put(self._scalar(event), 1, event.anchor)

    def _scalar(self, event: yaml.ScalarEvent) -> Any:
        text = event.value
        if any("\ud800" <= one <= "\udfff" for one in text):
            raise self._wrong("half of a character")
        if self.open and isinstance(self.open[-1].values, dict) and self.open[-1].key is None:
            return text  # a name, as it was typed
        if event.tag is not None:
            if event.tag not in (_TEXT, "!"):
                raise self._wrong(f"the tag {shortened(event.tag, 60)} can't stand here")
            return text
        if event.style is None and text.lower() in _WORDS and text in (text.lower(), text.title(), text.upper()):
            return _WORDS[text.lower()]
        return _number_or_text(text, f"{self.source}, line {self.line}")

    def _put(self, value: Any, size: int, anchor: str | None) -> None:
        """A value that is whole takes its place: as the document, a name, or in what is open."""
        if anchor is not None:
            self.anchors[anchor] = (value, size)
        if not self.open:
            self.document = value
            return
        into = self.open[-1]
        into.size += size
        if sum(each.size for each in self.open) > MOST_VALUES:
            raise self._wrong(f"more than {MOST_VALUES:,} values, those that aliases stand for among them")
        if isinstance(into.values, list):
            into.values.append(value)
        elif into.key is None:
            if not isinstance(value, str) or value == "<<":
                raise self._wrong("an alias can't be a name" if value != "<<" else "<< can't be used; say the values themselves")
            if value in into.values:
                raise self._wrong(f"{shortened(value)} stands there twice")
            into.key = value
        else:
            into.values[into.key] = value
            into.key = None

    def _wrong(self, what: str) -> ParameterError:
        return ParameterError(f"{self.source}, line {self.line}: {what}")
