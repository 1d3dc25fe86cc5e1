"""Reading CSV files that people edit, too: one line says what is wrong with one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from takd.errors import TakdError

TEXTS = ("chain", "commit", "variant")  # that may look like numbers
NUMBERS = ("accuracy", "best_test_accuracy", "seconds")


def read(path: Path, columns: Sequence[str], error: type[TakdError], otherwise: str = "") -> pd.DataFrame:
    """A CSV file with those columns. Raises `error` where it isn't one, which then says `otherwise`, or what was expected."""
    kinds: Any = {name: kind for names, kind in ((TEXTS, str), (NUMBERS, float)) for name in names if name in columns}
    try:
        table = pd.read_csv(path, dtype=kinds)
    except FileNotFoundError:
        raise error(f"{path}: no such file") from None
    except ValueError as problem:  # pandas' own errors and a wrong encoding among them
        raise error(f"{path}: {otherwise or f'not such a CSV file: {problem}'}") from None
    if list(table.columns) != list(columns):
        raise error(f"{path}: {otherwise or 'expected the columns ' + ', '.join(columns)}")
    return table
