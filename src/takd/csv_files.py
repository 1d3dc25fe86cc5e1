"""CSV files that people edit, too, read and bounded: one line says what is wrong with one, and in which row and column."""

import csv
import re
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path

import pandas as pd

from takd.errors import TakdError, shortened
from takd.files import read_text

LONGEST = 50_000_000  # bytes
MOST_ROWS = 200_000
Bounds = tuple[float, float]
_NUMBER = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,3})?")


def read(
    path: Path,
    columns: Sequence[str],
    error: type[TakdError],
    *,
    numbers: Mapping[str, Bounds] = {},
    whole: Sequence[str] = (),
    otherwise: str = "",
) -> pd.DataFrame:
    """A CSV file with those columns; what isn't in `numbers` is text, empty where nothing stands there.

    numbers: columns of numbers, NaN where nothing stands there, and the bounds of each. whole: those of
    them that are whole numbers. Raises `error` where the file isn't one, which then says `otherwise`, or what was expected.
    """
    try:
        rows = csv.reader(StringIO(read_text(path, LONGEST).removeprefix("\ufeff")), strict=True)
        if next(rows, None) != list(columns):
            raise error(f"{path}: {otherwise or 'expected the columns ' + ', '.join(columns)}")
        found = []
        for number, row in enumerate(rows, 2):
            if len(row) != len(columns):
                raise error(f"{path}, row {number}: {len(row)} fields where the head has {len(columns)}")
            if number > MOST_ROWS:
                raise error(f"{path}: more than {MOST_ROWS:,} rows")
            found.append(row)
    except csv.Error as problem:
        raise error(f"{path}: {otherwise or f'not a CSV file: {problem}'}") from None
    except TakdError as problem:
        raise error(str(problem)) from None
    table = pd.DataFrame(found, columns=list(columns), dtype=str)
    for name, bounds in numbers.items():
        values = [_number(text, bounds, name in whole) for text in table[name]]
        if None in values:
            place = values.index(None)
            kind = "a whole number" if name in whole else "a number"
            raise error(
                f"{path}, row {place + 2}: {name} is {shortened(repr(table[name][place]))}; "
                f"expected {kind} from {bounds[0]:.10g} to {bounds[1]:.10g}"
            )
        table[name] = pd.Series(values, dtype=float)
        if name in whole and table[name].notna().all():
            table[name] = table[name].astype(int)
    return table


def _number(text: str, bounds: Bounds, whole: bool) -> float | None:
    """NaN for nothing; None where the text is no such number."""
    if text == "":
        return float("nan")
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if bounds[0] <= value <= bounds[1] and (not whole or value.is_integer()) else None
