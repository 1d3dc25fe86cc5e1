from pathlib import Path
from typing import Any

import pytest

from takd.errors import ParameterError
from takd.study.params import load_parameters
from tests.conftest import ROOT

FOUND = 'judged_on: {}\noverrides:\n  "digits/plain/4-2/*": {{temperature: 9, learning_rate: 0.03}}\n'


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    (tmp_path / "found.yaml").write_text(FOUND.format("held_out"))
    return tmp_path


def overrides(project: Path, **typed: Any) -> dict[str, dict[str, Any]]:
    return load_parameters(project / "params.yaml", None, {"overrides_from": ["found.yaml"]} | typed).overrides


def test_what_a_search_found_counts_after_overrides_and_leaves_other_fields(project: Path) -> None:
    typed = {"digits/plain/4-2/*": {"temperature": 2, "epochs": 7}, "*/plain/*-*/*": {"temperature": 3}}
    found = overrides(project, overrides=typed)
    assert list(found) == ["*/plain/*-*/*", "digits/plain/4-2/*"]
    assert found["digits/plain/4-2/*"] == {"temperature": 9, "epochs": 7, "learning_rate": 0.03}


def test_what_two_searches_of_a_network_found_counts_together(project: Path) -> None:
    (project / "more.yaml").write_text('judged_on: held_out\noverrides: {"digits/plain/4-2/*": {learning_rate: 0.05}}\n')
    found = overrides(project, overrides_from=["found.yaml", "more.yaml"])
    assert found["digits/plain/4-2/*"] == {"temperature": 9, "learning_rate": 0.05}


def test_what_was_judged_on_test_images_is_taken_by_that_name_alone(project: Path) -> None:
    (project / "found.yaml").write_text(FOUND.format("test"))
    with pytest.raises(ParameterError, match=r"found\.yaml: was judged on the test images; who means that says"):
        overrides(project)
    typed = {"overrides_from": ["found.yaml"], "search": {"judged_on": "test"}}
    given = load_parameters(project / "params.yaml", None, typed)
    assert given.overrides["digits/plain/4-2/*"]["temperature"] == 9
    assert given.chosen_on == "test"  # so that tables say so


def test_what_was_judged_on_held_out_images_is_not_marked(project: Path) -> None:
    typed = {"overrides_from": ["found.yaml"], "search": {"judged_on": "test"}}
    assert load_parameters(project / "params.yaml", None, typed).chosen_on == "held_out"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("overrides: {}\n", "found.yaml: judged_on: is missing"),
        ("judged_on: held_out\noverrides: {x: {tau: 3}}\n", "found.yaml: overrides.x: tau: no such field of a recipe"),
        ("judged_on: held_out\noverrides: []\n", "found.yaml: overrides: expected a mapping"),
        ("judged_on: held_out\noverrides: {x: [1]}\n", "found.yaml: overrides.x: expected a mapping"),
        ("judged_on: neither\noverrides: {}\n", "found.yaml: judged_on: must be 'held_out' or 'test'"),
        ("judged_on: held_out\njudged_on: test\n", "found.yaml, line 2: judged_on stands there twice"),
        ("judged_on: held_out\noverrides: !!python/object:os.system {}\n", "the tag tag:yaml.org"),
        (f"overrides: {'[' * 50}", "lists within lists"),
        (f"judged_on: held_out\noverrides: {{x: {{epochs: {'9' * 40}}}}}", "a number of more than 30 digits"),
        ("judged_on: held_out\noverrides: {x: {epochs: .nan}}", "epochs: expected a whole number, not '.nan'"),
        ("a: &a {x: {}}\noverrides: *b\n", "*b stands for nothing"),
        ("x" * 500_001, "found.yaml: 500,001 bytes; expected at most 500,000"),
        ("judged_on: held_out\0", "found.yaml: not YAML"),
        ("[]", "expected a mapping"),
        ("", "found.yaml: expected a mapping of names to values, not nothing"),
        (None, "overrides_from: found.yaml: no such file; a search writes it, beside its .csv"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_in_one_line(project: Path, text: str | None, said: str) -> None:
    (project / "found.yaml").unlink()
    if text is not None:
        (project / "found.yaml").write_text(text)
    with pytest.raises(ParameterError) as raised:
        overrides(project)
    assert said in str(raised.value) and "\n" not in str(raised.value) and len(str(raised.value)) < 500


@pytest.mark.parametrize("file", [".", "/dev/zero", "a\0b", "ü" * 300, "x" * 5000, "a\nb\x1b[31m", 5, ["found.yaml"]])
def test_what_is_no_file_is_said_in_one_line(project: Path, file: object) -> None:
    with pytest.raises(ParameterError, match=r"overrides_from: .*: no such file") as raised:
        overrides(project, overrides_from=[file])
    assert str(raised.value).isprintable() and len(str(raised.value)) < 400


def test_more_files_than_a_hundred_are_read_by_nobody(project: Path) -> None:
    with pytest.raises(ParameterError, match="overrides_from: ") as raised:
        overrides(project, overrides_from=["absent.yaml"] * 101)
    assert "absent.yaml: no such file" not in str(raised.value)


@pytest.mark.parametrize("settings", [5, "x", [1]])
def test_overrides_beside_it_that_are_no_mapping_are_said(project: Path, settings: object) -> None:
    with pytest.raises(ParameterError, match=r"overrides.digits/plain/4-2/\*: expected a mapping"):
        overrides(project, overrides={"digits/plain/4-2/*": settings})
