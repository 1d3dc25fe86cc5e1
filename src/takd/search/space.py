"""The values that a trial draws for the fields that a search turns."""

from collections.abc import Mapping
from typing import Any

from optuna.trial import Trial

from takd.study.search import WHOLE, Range


def drawn(trial: Trial, fields: Mapping[str, Range]) -> dict[str, Any]:
    """A value for each field, as the trial's sampler draws it."""
    return {field: _drawn(trial, field, where) for field, where in fields.items()}


def _drawn(trial: Trial, field: str, where: Range) -> Any:
    if where.choices:
        return trial.suggest_categorical(field, where.choices)
    assert where.low is not None and where.high is not None  # the range says so
    if field in WHOLE:
        return trial.suggest_int(field, int(where.low), int(where.high), log=where.log)
    return trial.suggest_float(field, where.low, where.high, log=where.log)
