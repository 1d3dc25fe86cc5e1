"""Records of exports and latencies, and locks: what nobody wrote is refused in a line, though its digest fits."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from takd.errors import TakdError
from takd.planning.lock import Lock
from takd.records import made
from takd.records.exports import ExportRecord, LatencyRecord
from tests.unit.records.examples import DIGEST, EXPORTED, KEY, NAME, TIMED

BOTH: dict[str, Any] = {"key": KEY, "name": NAME, "kind": "int8"}
LOCK: dict[str, Any] = {"digest": DIGEST, "classes": 1000, "train": 1_281_167, "test": 50_000, "size": 160}
RECORDS: dict[type[ExportRecord] | type[LatencyRecord], dict[str, Any]] = {
    ExportRecord: {**BOTH, "files": {"2.int8.onnx": DIGEST}, **EXPORTED},
    LatencyRecord: {**BOTH, "files": {}, **TIMED},
}
NONE_OF = ("name", "kind", "key", "files", "versions", "commit")  # fields of which this is wrong, whatever else they take
WRONG: list[Any] = [None, True, -1, "5", "9" * 5000, [], {}, "a\nb\x1b[31m", "x" * 300_000, [1] * 100_000, 10**400]


@pytest.fixture(params=RECORDS, ids=lambda record: record.__name__)
def record(request: pytest.FixtureRequest) -> type[ExportRecord] | type[LatencyRecord]:
    kind: type[ExportRecord] | type[LatencyRecord] = request.param
    return kind


def signed(path: Path, values: dict[str, Any]) -> Path:
    """As if takd had written it."""
    path.write_text(json.dumps(values | {"digest": made._digest(values)}))
    return path


def one_line(read: Callable[[Path], object], path: Path) -> str:
    with pytest.raises(TakdError) as raised:
        read(path)
    said = str(raised.value)
    assert said.isprintable() and len(said) < 700 and said.startswith(str(path))
    return said


def test_a_record_comes_back(tmp_path: Path, record: type[ExportRecord] | type[LatencyRecord]) -> None:
    written = record.model_validate(RECORDS[record])
    written.write(tmp_path / "record.json")
    assert record.read(tmp_path / "record.json") == written


def test_a_record_of_a_field_of_another_kind_is_refused(tmp_path: Path, record: type[ExportRecord] | type[LatencyRecord]) -> None:
    values = RECORDS[record]
    numbers = [field for field, value in values.items() if isinstance(value, int | float)]
    for field in numbers:
        for wrong in (*WRONG, float("nan"), float("inf")):
            one_line(record.read, signed(tmp_path / "record.json", values | {field: wrong}))
    for field in (name for name in NONE_OF if name in values):
        for wrong in (None, True, -1, [1], "a\nb\x1b[31m", "x" * 300_000, {str(number): 1 for number in range(2000)}):
            one_line(record.read, signed(tmp_path / "record.json", values | {field: wrong}))


@pytest.mark.parametrize(
    ("changes", "what_is_said"),
    [
        ({"accuracy": 3462.67}, "accuracy: "),
        ({"agreement": 100.5}, "agreement: "),
        ({"files": {"../../notes.txt": DIGEST}}, "files"),
        ({"kind": "int4"}, "kind: "),
        ({"name": "digits/../seed0"}, "name: "),
        ({"median": 3.0, "within": 2.0}, "within: below the median"),
        ({"calls": 10**7}, "calls: "),
        ({"machine": "\x1b]0;a title\x07"}, "machine: holds characters that can't be shown"),
        ({"speed": 3}, "speed: "),
    ],
)
def test_a_record_that_says_what_cannot_be_is_refused(tmp_path: Path, changes: dict[str, Any], what_is_said: str) -> None:
    timed = not changes.keys() & {"accuracy", "agreement", "files", "kind", "name"}
    record = LatencyRecord if timed else ExportRecord
    said = one_line(record.read, signed(tmp_path / "record.json", RECORDS[record] | changes))
    assert what_is_said in said


def test_a_number_edited_by_hand_is_told(tmp_path: Path, record: type[ExportRecord] | type[LatencyRecord]) -> None:
    path = signed(tmp_path / "record.json", RECORDS[record])
    path.write_text(path.read_text().replace('"commit": "abc"', '"commit": "abd"'))
    assert "isn't what was written" in one_line(record.read, path)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"[" * 100_000, b'{"key": ' * 5000, b"\xff\xfe", b"9" * 5000])
def test_what_is_no_record_at_all_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    for read in (ExportRecord.read, LatencyRecord.read, Lock.read):
        one_line(read, path)


def test_a_lock_of_another_kind_is_refused(tmp_path: Path) -> None:
    """As presets/imagenet.lock, which people merge in git."""
    path = tmp_path / "imagenet.lock"
    path.write_text(json.dumps(LOCK))
    assert Lock.read(path) == Lock.model_validate(LOCK)
    for field in LOCK:
        for wrong in (*WRONG, float("nan"), 10**30):
            path.write_text(json.dumps(LOCK | {field: wrong}))
            one_line(Lock.read, path)
    path.write_text(f"<<<<<<< HEAD\n{json.dumps(LOCK)}\n=======\n{json.dumps(LOCK)}\n>>>>>>> other\n")
    assert "not what `takd prepare` recorded" in one_line(Lock.read, path)
    path.unlink()
    path.mkdir()
    assert "a folder, not a file" in one_line(Lock.read, path)
