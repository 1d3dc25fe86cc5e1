import json
import os
from pathlib import Path

import pytest

from takd.errors import RecordError
from takd.records.made import Made
from tests.unit.records.examples import DIGEST, KEY


def test_a_record_of_what_was_made_tells_what_was_changed(tmp_path: Path) -> None:
    for name in ("table2.csv", "table2.md"):
        (tmp_path / name).write_text(name, encoding="utf-8")
    made = Made.of(KEY, [tmp_path / "table2.csv", tmp_path / "table2.md"])
    made.write(tmp_path / "made/table2.json")
    found = Made.read(tmp_path / "made/table2.json")
    assert found == made and found.key == KEY and found.changed(tmp_path) == []
    (tmp_path / "table2.csv").write_text("by hand", encoding="utf-8")
    assert found.changed(tmp_path) == ["table2.csv"]
    (tmp_path / "table2.md").unlink()
    assert found.changed(tmp_path) == ["table2.csv", "table2.md"]
    os.mkfifo(tmp_path / "table2.md")
    assert found.changed(tmp_path) == ["table2.csv", "table2.md"]


def test_a_record_of_very_many_sources_is_read_again(tmp_path: Path) -> None:
    made = Made(key=KEY, files={"accuracy.csv": DIGEST}, made_from={f"results/{number}": DIGEST for number in range(1500)})
    made.write(tmp_path / "made.json")
    assert Made.read(tmp_path / "made.json") == made


@pytest.mark.parametrize(
    "values",
    [
        {}, [], None, {"key": KEY}, {"key": "k", "files": {}}, {"key": KEY, "files": []}, {"key": KEY, "files": {"a": "b"}},
        {"key": KEY, "files": {"../../etc/passwd": DIGEST}}, {"key": KEY, "files": {"/dev/zero": DIGEST}},
        {"key": KEY, "files": {"..": DIGEST}}, {"key": KEY, "files": {"": DIGEST}}, {"key": KEY, "files": {"\x1b[31m": DIGEST}},
        {"key": KEY, "files": {f"f{i}": DIGEST for i in range(21)}}, {"key": KEY, "files": {}, "more": 1}, {"key": 1, "files": {}},
    ],
    ids=range(15),
)  # fmt: skip
def test_what_is_no_such_record_is_refused(tmp_path: Path, values: object) -> None:
    path = tmp_path / "made.json"
    path.write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(RecordError, match=r"made\.json: not the record of what was made") as raised:
        Made.read(path)
    assert "\n" not in str(raised.value) and "\x1b" not in str(raised.value) and len(str(raised.value)) < 500


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 50_000, b" " * 100_001, b'{"key": ' + b"1" * 5000 + b"}"])
def test_what_is_no_json_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "made.json").write_bytes(content)
    with pytest.raises(RecordError, match=r"made\.json") as raised:
        Made.read(tmp_path / "made.json")
    assert "\n" not in str(raised.value)
