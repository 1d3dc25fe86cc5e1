import time
from pathlib import Path
from typing import Any

import pytest

from takd.errors import ParameterError
from takd.yaml_files import cleaned, parse_yaml, read_yaml


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ("10", 10), ("010", 10), ("-3", -3), ("+5", 5), ("1e5", 1e5), ("1e-4", 1e-4), (".5", 0.5), ("5.", 5.0), ("-0.0", 0.0),
        ("'1e-4'", 1e-4), ("1_0", "1_0"), ("1:30", "1:30"), ("1:30.5", "1:30.5"), ("0x10", "0x10"), ("0o17", "0o17"),
        ("0b11", "0b11"), ("1٠", "1٠"), ("１０", "１０"), (".nan", ".nan"), ("-.inf", "-.inf"), ("1.5.2", "1.5.2"), ("1e", "1e"),
        ("true", True), ("False", False), ("yes", "yes"), ("on", "on"), ("'true'", "true"), ("null", None), ("~", None), ("", None),
        ("!!str 010", "010"), ("2024-02-30", "2024-02-30"), ("12:30:45", "12:30:45"), ("10-4-2", "10-4-2"), ("=", "="),
    ],
)  # fmt: skip
def test_what_looks_like_a_number_is_one_and_nothing_else_is(typed: str, value: object) -> None:
    found = parse_yaml(f"a: {typed}", "P")["a"]
    assert (found, type(found)) == (value, type(value)) and str(found) == str(value)


def test_names_are_what_was_typed() -> None:
    assert list(parse_yaml("010: 1\n'1e1': 2\ntrue: 3\n1.0: 4", "P")) == ["010", "1e1", "true", "1.0"]


def test_json_is_yaml_and_a_byte_order_mark_is_passed_over() -> None:
    assert parse_yaml('\ufeff{"a":[1,2.5,{"b":null}],"c\\u00e9":"\\/\\n"}', "P") == {"a": [1, 2.5, {"b": None}], "cé": "/\n"}


def test_an_alias_stands_for_its_value() -> None:
    assert parse_yaml("a: &x {b: [1]}\nc: *x\nd: [*x, *x]", "P")["d"] == [{"b": [1]}, {"b": [1]}]


BOMB = "".join(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10) if i else 'x'}]\n" for i in range(40))
KEYS = "".join(f"a{i}: &a{i} {{<<: [{','.join([f'*a{i - 1}'] * 10) if i else '{}'}], k{i}: 1}}\n" for i in range(15))


@pytest.mark.parametrize(
    ("text", "what_is_said"),
    [
        (BOMB, "P, line 5: more than 20,000 values, those that aliases stand for among them"),
        (KEYS, "<< can't be used; say the values themselves"),
        ("x: &x {a: [1, 1, 1, 1]}\ny: [" + ",".join(["*x"] * 9000) + "]", "more than 20,000 values"),
        ("x: &x " + "y" * 10_000 + "\ny: [" + ",".join(["*x"] * 30_000) + "]", "more than 20,000 values"),
        ("datasets: &o [*o]", "stands for nothing that was said before"),
        ("a: &o {b: *o}", "stands for nothing that was said before"),
        ("a: [" + "1," * 200_000 + "]", "more than 20,000 values"),
        ("a: " + "[" * 5000, "P, line 1: lists within lists, more than 20 deep"),
        ("[" * 200_000, "lists within lists"),
        ("a: " + "{b: " * 3000, "P, line 1: "),
        ("- " * 3000, "lists within lists"),
        ("a:\n  " + "- " * 3000, "lists within lists"),
        ("? " * 3000, "can't be a name"),
        ("".join(" " * i + "a:\n" for i in range(500)), "lists within lists"),
        ("x" * 600_000, "600,000 characters; parameters have at most 500,000"),
        ("a: " + "1" * 5000, "P, line 1: a number of more than 30 digits: 1111"),
        ("a: 0." + "1" * 5000, "a number of more than 30 digits"),
        ("a: 1e400", "1e400 is beyond what can be computed with"),
        ("a: 1e-400", "1e-400 is beyond"),
        ("a: !!python/object/apply:os.system [ls]", "the tag tag:yaml.org,2002:python/object/apply:os.system can't stand here"),
        ("a: !!binary aGVsbG8=", "can't stand here"),
        ("a: !!set {x, y}", "can't stand here"),
        ("a: !" + "x" * 5000 + " 1", "can't stand here"),
        ("a: 1\n---\nb: 2", "P, line 2: a second document"),
        ("seeds: 3\nvary: student\nseeds: 5\n", "P, line 3: seeds stands there twice"),
        ("a: {b: 1, 'b': 2}", "b stands there twice"),
        ("1: 1\n'1': 2", "1 stands there twice"),
        ("seeds: {{ seeds }}", "can't be a name; put quotes around it"),
        ("[a]: 1", "can't be a name"),
        ("a: &x b\n*x : 1\n*x : 2", "b stands there twice"),
        ("a: *b", r"P, line 1: \*b stands for nothing"),
        ("- a", r"expected a mapping of names to values, not \['a'\]"),
        ("x", "expected a mapping of names to values, not 'x'"),
        ("", "expected a mapping of names to values, not nothing"),
        ("# x", "not nothing"),
        ("train: [1, 2\nx: {", "not YAML"),
        ("train:\n  a: 1\n b: 2", "line 3: not YAML: .*; is it indented as the lines around it"),
        ("a:\t1\n\tb: 2", "not YAML"),
        ("a: \x1b[31m", "not YAML: unacceptable character"),
        ('a: "\x00"', "not YAML"),
        ('a: "\\U0011FFFF"', "not YAML"),
        ('a: "\\ud800"', "half of a character"),
        ('? "\\ud800"\n: 1', "half of a character"),
        ("\ud800: 1", "not YAML"),
        ("%YAML 9.9\n---\na: 1", "not YAML"),
    ],
    ids=range(45),
)
def test_what_cannot_be_read_is_said_in_one_line_at_once(text: str, what_is_said: str) -> None:
    started = time.monotonic()
    with pytest.raises(ParameterError, match=what_is_said) as raised:
        parse_yaml(text, "P")
    said = str(raised.value)
    assert said.startswith("P") and "\n" not in said and said.isprintable() and len(said) < 400
    assert time.monotonic() - started < 5


def test_a_file_is_read_as_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "preset.yaml"
    path.write_bytes("# Größe\ntitle: Größe ±\n".encode())
    assert read_yaml(path) == {"title": "Größe ±"}


@pytest.mark.parametrize(
    ("content", "what_is_said"),
    [("# Größe\nseeds: 3\n".encode("latin-1"), "not a text in UTF-8"), ("seeds: 3".encode("utf-16"), "not a text in UTF-8"),
     (b"a" * 600_000, "600,000 bytes; expected at most 500,000"), (b"\0" * 1000, "not YAML")],
)  # fmt: skip
def test_a_file_that_is_no_text_is_refused(tmp_path: Path, content: bytes, what_is_said: str) -> None:
    path = tmp_path / "preset.yaml"
    path.write_bytes(content)
    with pytest.raises(ParameterError, match=what_is_said) as raised:
        read_yaml(path)
    assert "\n" not in str(raised.value)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="no such file"):
        read_yaml(tmp_path / "absent.yaml")
    with pytest.raises(ParameterError, match="a folder, not a file"):
        read_yaml(tmp_path)
    with pytest.raises(ParameterError, match="a device or a pipe"):
        read_yaml(Path("/dev/zero"))


def test_values_that_were_parsed_elsewhere_follow_the_same_rules() -> None:
    assert cleaned({"a": {"b": "1e-4", "c": ["010", True, None]}, "d": 2}, "P") == {"a": {"b": 1e-4, "c": [10, True, None]}, "d": 2}
    assert cleaned({"a": {1: "x"}}, "P") == {"a": {"1": "x"}}


def circle() -> list[Any]:
    values: list[Any] = []
    values.append(values)
    return values


@pytest.mark.parametrize("value", [circle(), [[1] * 30_000], float("nan"), float("inf"), 10**5000, "9" * 5000], ids=range(6))
def test_values_that_were_parsed_elsewhere_are_bounded(value: object) -> None:
    with pytest.raises(ParameterError, match=r"^P: a: ") as raised:
        cleaned({"a": value}, "P")
    assert len(str(raised.value)) < 300
