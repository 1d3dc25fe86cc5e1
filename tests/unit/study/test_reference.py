import json
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from takd.data.registry import OwnImages
from takd.objectives.registry import ALL
from takd.study import reference
from takd.study.params import Claims, Parameters, Surface
from takd.study.path_section import PathSection
from takd.study.recipe import Recipe
from takd.study.recipe_parts import Schedule, Views
from takd.study.search import Range, Search
from tests.conftest import ROOT

MODELS: list[type[BaseModel]] = [
    *(Parameters, Surface, Claims, Search, Range, PathSection, OwnImages),
    *Recipe.TYPED.values(),
    *(objective.fields for objective in ALL.values()),
]


def numbers(model: type[BaseModel]) -> list[str]:
    """The fields of a model that are numbers, or lists of them."""
    properties = model.model_json_schema()["properties"]
    return [name for name, about in properties.items() if '"integer"' in (text := json.dumps(about)) or '"number"' in text]


def test_the_page_is_what_the_models_say() -> None:
    assert (ROOT / "docs/parameters.md").read_text() == reference.page()


def test_every_parameter_stands_there_once_and_every_number_has_its_unit() -> None:
    page = reference.page()
    for model in MODELS:
        for name in model.model_fields:
            if name not in ("name", "data", "surface", "claims", "search", "path"):
                said = model.model_fields[name].alias or name
                both = said == "unlabelled"  # in a recipe whether such images teach, under `data` where they lie
                assert page.count(f"\n| `{said}` |") == 1 + both, said
        assert set(numbers(model)) <= set(reference.UNITS), model


@pytest.mark.parametrize(
    ("model", "field", "said", "inside", "outside"),
    [
        (Views, "training_share", "above 0, to 1 of the training images", [0.001, 1], [0, 1.001]),
        (Views, "validation_share", "from 0, below 1 of the training images", [0, 0.999], [-0.001, 1]),
        (Schedule, "learning_rate_drops", "a list of at most 100: 1 to 100,000 epochs", [[1], [1] * 100], [[0], [1] * 101]),
        (Surface, "span", "above 0, to 10 filter norms", [0.1, 10], [0, 10.1]),
        (OwnImages, "size", "8 to 1,024 pixels", [8, 1024], [7, 1025]),
    ],
)
def test_a_range_is_what_the_model_accepts(
    model: type[BaseModel], field: str, said: str, inside: list[Any], outside: list[Any]
) -> None:
    assert f"| `{field}` | {said} |" in reference.table(model)
    needed: dict[type[BaseModel], dict[str, Any]] = {Schedule: {"learning_rate": 0.1}, OwnImages: {"folder": "images"}}
    others = needed.get(model, {})
    for value in inside:
        model.model_validate(others | {field: value})
    for value in outside:
        with pytest.raises(ValidationError):
            model.model_validate(others | {field: value})


def test_a_source_stands_apart_from_what_a_field_is() -> None:
    assert reference.split("Images a step. Not in the paper; the authors' code has 128.") == (
        "Images a step.",
        "Not in the paper; the authors' code has 128.",
    )
    assert reference.split("It falls: not at all (paper), or to a tenth.") == ("It falls: not at all (paper), or to a tenth.", "")
