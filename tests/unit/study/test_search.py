from typing import Any

import pytest
from pydantic import ValidationError

from takd.errors import ParameterError
from takd.study.names import Name
from takd.study.search import Search, searched
from takd.study.section import first_problem

FIELDS = {"trade_off": {"low": 0.05, "high": 1}, "learning_rate": {"low": 1e-3, "high": 0.1, "log": True}}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"trade_off": {"low": 0.5, "high": 0.5}}, "fields.trade_off: an empty range: low and high are both 0.5"),
        ({"trade_off": {"low": 1, "high": 0.1}}, "fields.trade_off: a reversed range: low 1 is above high 0.1"),
        ({"weight_decay": {"low": 0, "high": 1e-3, "log": True}}, "a logarithmic range begins above 0, not at 0"),
        ({"trade_off": {"low": 0.1}}, "expected {low: …, high: …}, or a list of choices"),
        ({"trade_off": {"low": 0.1, "high": 1.5}}, "trade_off: must be less than or equal to 1, not 1.5"),
        ({"temprature": {"low": 1, "high": 20}}, "temprature: no such field of a recipe; did you mean temperature?"),
        ({"epochs": {"low": 1.5, "high": 20}}, "epochs: expected a whole number, not 1.5"),
        ({"augmentation": ["none", "crop"]}, "augmentation: must be 'none', 'crop_flip'"),
        ({"augmentation": ["none"]}, "choices: expected two or more that differ"),
        ({"augmentation": ["none", "none"]}, "choices: expected two or more that differ"),
        ({"augmentation": {"low": 1, "high": 2}}, "augmentation: must be 'none'"),
        ({"trade_off": {"low": 0.1, "high": 1, "choices": [0.1, 1]}}, "either low and high, or choices"),
        ({"trade_off": {"low": 0.1, "high": 1, "step": 1}}, "step: no such parameter"),
        ({"trade_off": 0.5}, "expected a mapping"),
        ({"validation_share": {"low": 0.1, "high": 0.2}}, "validation_share: trials that differ in it can't be compared"),
        ({"select": ["last", "best_held_out"]}, "select: trials that differ in it can't be compared"),
    ],
)
def test_a_field_that_cannot_be_searched_is_named_in_one_line(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as raised:
        Search.model_validate({"fields": fields})
    line = first_problem(raised.value)
    assert said in line and "\n" not in line


@pytest.mark.parametrize(
    "fields",
    [
        {"epochs": {"low": 1, "high": 20}},
        {"augmentation": ["none", "crop_flip"]},
        {"nesterov": [True, False]},
        {"batch_size": [64, 128]},
        {"weight_decay": {"low": 1e-6, "high": 1e-3, "log": True}},
    ],
)
def test_a_range_of_any_kind_of_field_is_taken(fields: dict[str, Any]) -> None:
    assert list(Search.model_validate({"fields": fields}).fields) == list(fields)


@pytest.mark.parametrize(
    ("network", "only", "found"),
    [
        ("digits/plain/4-2/seed0", (), ["trade_off", "learning_rate"]),
        ("digits/plain/2/seed0", (), ["learning_rate"]),
        ("digits/plain/4-2/seed0", ("trade_off",), ["trade_off"]),
    ],
)
def test_a_network_has_the_fields_that_can_matter_for_it(network: str, only: tuple[str, ...], found: list[str]) -> None:
    assert list(searched(Search.model_validate({"fields": FIELDS}).fields, Name.parse(network), only)) == found


@pytest.mark.parametrize(
    ("fields", "only", "said"),
    [
        (FIELDS, ("trade_off",), "trade_off: digits/plain/2/seed0 minimises labels, which has no field of its own"),
        (FIELDS, ("momentum",), "momentum: not among the fields of `search:`, which are trade_off, learning_rate"),
        ({"trade_off": FIELDS["trade_off"]}, (), "minimises labels, which has none of trade_off"),
        ({}, (), "fields: is missing"),
    ],
)
def test_a_field_that_the_objective_lacks_is_refused(fields: dict[str, Any], only: tuple[str, ...], said: str) -> None:
    with pytest.raises(ParameterError, match=said):
        searched(Search.model_validate({"fields": fields}).fields, Name.parse("digits/plain/2/seed0"), only)


def test_images_are_held_out_unless_the_test_images_judge() -> None:
    assert Search(held_out_share=0.2).settings == {"validation_share": 0.2}
    assert Search(judged_on="test", held_out_share=0.2).settings == {"validation_share": 0}
