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
        ("overrides: {}\n", "judged_on: is missing"),
        ("judged_on: held_out\noverrides: {x: {tau: 3}}\n", "tau: no such field of a recipe"),
        ("judged_on: held_out\noverrides: []\n", "expected a mapping"),
        ("[]", "expected a mapping"),
        (None, "overrides_from: found.yaml: no such file; a search writes it, beside its .csv"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_in_one_line(project: Path, text: str | None, said: str) -> None:
    (project / "found.yaml").unlink()
    if text is not None:
        (project / "found.yaml").write_text(text)
    with pytest.raises(ParameterError) as raised:
        overrides(project)
    assert said in str(raised.value) and "\n" not in str(raised.value)
