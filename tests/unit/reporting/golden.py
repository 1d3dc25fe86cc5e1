"""Golden files: TAKD_WRITE_GOLDEN=1 pytest tests/unit/reporting writes them anew."""

import os

from tests.unit.reporting.conftest import GOLDEN


def check(name: str, text: str) -> None:
    """Assert that a golden file is that text."""
    if os.environ.get("TAKD_WRITE_GOLDEN"):
        (GOLDEN / name).write_text(text)
    assert (GOLDEN / name).read_text() == text
