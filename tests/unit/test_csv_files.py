from pathlib import Path

import pandas as pd
import pytest

from takd import csv_files
from takd.errors import RecordError

COLUMNS = ["name", "seed", "accuracy"]


def read(path: Path, content: str | bytes, otherwise: str = "") -> pd.DataFrame:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    bounds = {"seed": (0, 999_999), "accuracy": (0, 100)}
    return csv_files.read(path, COLUMNS, RecordError, numbers=bounds, whole=["seed"], otherwise=otherwise)


def test_a_table_comes_with_its_types(tmp_path: Path) -> None:
    table = read(tmp_path / "t.csv", 'name,seed,accuracy\n010,0,95.5\n"a,b",12,1e1\n,3,\n')
    assert table["name"].tolist() == ["010", "a,b", ""]
    assert table["seed"].dtype.kind == "i" and table["seed"].tolist() == [0, 12, 3]
    assert table["accuracy"][:2].tolist() == [95.5, 10.0] and table["accuracy"].isna().tolist() == [False, False, True]


def test_what_a_spreadsheet_writes_is_read(tmp_path: Path) -> None:
    assert len(read(tmp_path / "t.csv", "\ufeffname,seed,accuracy\r\nx,1,2\r\n")) == 1
    assert len(read(tmp_path / "t.csv", "name,seed,accuracy\n")) == 0


@pytest.mark.parametrize(
    "value",
    [
        "NaN",
        "nan",
        "inf",
        "-inf",
        "250",
        "-5",
        "100.0001",
        "9_5",
        "0x10",
        "٩٥",
        " 95",
        "95 %",
        "1e999",
        "True",
        "9" * 5000,
        "1e-5000000",
    ],
)
def test_a_number_that_is_none_is_named_by_row_and_column(tmp_path: Path, value: str) -> None:
    with pytest.raises(RecordError, match=r"t\.csv, row 3: accuracy is .*; expected a number from 0 to 100") as raised:
        read(tmp_path / "t.csv", f"name,seed,accuracy\na,0,95\nb,1,{value}\n")
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 400


@pytest.mark.parametrize("value", ["1.5", "-1", "1e6", "one", "NaN"])
def test_a_whole_number_is_whole(tmp_path: Path, value: str) -> None:
    with pytest.raises(RecordError, match=r"row 2: seed is .*; expected a whole number from 0 to 999999"):
        read(tmp_path / "t.csv", f"name,seed,accuracy\na,{value},95\n")


@pytest.mark.parametrize(
    ("content", "what_is_said"),
    [
        ("", "expected the columns name, seed, accuracy"),
        ("\n", "expected the columns"),
        ("name,seed\na,1\n", "expected the columns"),
        ("seed,name,accuracy\n1,a,2\n", "expected the columns"),
        ("name,seed,accuracy\na,1,95,0\n", "row 2: 4 fields where the head has 3"),
        ("name,seed,accuracy\na,1,95\n\n", "row 3: 0 fields"),
        ("name,seed,accuracy\na,1\n", "row 2: 2 fields"),
        ('name,seed,accuracy\n"a,1,95\n', "not a CSV file: unexpected end of data"),
        ('name,seed,accuracy\n"a"b,1,95\n', "not a CSV file"),
        ("name,seed,accuracy\n" + "x" * 200_000 + ",1,95\n", "not a CSV file: field larger than field limit"),
        ("name,seed,accuracy\n" + "\x1b[31m,1,195\n", "row 2: accuracy"),
        ("name,seed,accuracy\na,1,95\n".encode("utf-16"), "not a text in UTF-8"),
        (b"name,seed,accuracy\n\xff,1,95\n", "not a text in UTF-8"),
        (b"\x1f\x8b\x08\x00", "not a text in UTF-8"),
        ("name,seed,accuracy\n" + "a,1,95\n" * 200_001, "more than 200,000 rows"),
        ("\n" * 50_000_001, "50,000,001 bytes; expected at most 50,000,000"),
    ],
    ids=range(16),
)
def test_what_is_no_such_table_is_said_in_one_line(tmp_path: Path, content: str | bytes, what_is_said: str) -> None:
    with pytest.raises(RecordError, match=what_is_said) as raised:
        read(tmp_path / "t.csv", content)
    assert "\n" not in str(raised.value) and len(str(raised.value)) < 400


def test_what_a_file_should_have_been_is_said_where_the_reader_knows_it(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match=r"t\.csv: not a loss surface; takd surface writes one"):
        read(tmp_path / "t.csv", "a,b\n", otherwise="not a loss surface; takd surface writes one")
    with pytest.raises(RecordError, match="no such file"):
        csv_files.read(tmp_path / "absent.csv", COLUMNS, RecordError)
