"""What a search for hyper-parameters is: the fields, their ranges, and the images that its trials are judged on."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from takd.errors import ParameterError, shortened
from takd.objectives.registry import ALL
from takd.study.names import Name
from takd.study.recipe import SECTION_OF, Recipe, check_settings
from takd.study.section import Section

_MODELS = (*Recipe.TYPED.values(), *(objective.fields for objective in ALL.values()))
WHOLE = {name for model in _MODELS for name, field in model.model_fields.items() if field.annotation is int}  # whole numbers
# They say which images trials are judged on, and at which epoch: trials that differ in them can't be compared.
JUDGING = ("validation_share", "validation_seed", "select")

Settings = Annotated[dict[str, Any], AfterValidator(check_settings)]
JudgedOn = Literal["held_out", "test"]
Pruner = Literal["none", "median"]


class Range(Section):
    """Where a field's value is looked for: from low to high, or among choices. A list in its place is its choices."""

    low: Annotated[float | None, Field(description="The lowest value, within the field's own bounds.")] = None
    high: Annotated[float | None, Field(description="The highest value.")] = None
    log: Annotated[bool, Field(description="Whether values are drawn evenly over the logarithm; low is above 0 then.")] = False
    choices: Annotated[
        tuple[str | float | bool, ...], Field(max_length=100, description="Values to choose among, in place of a range.")
    ] = ()

    @model_validator(mode="before")
    @classmethod
    def _list_of_choices(cls, value: Any) -> Any:
        return {"choices": value} if isinstance(value, list | tuple) else value

    @field_validator("choices", mode="before")
    @classmethod
    def _plain_values(cls, values: Any) -> Any:
        for value in values if isinstance(values, list | tuple) else ():
            if not isinstance(value, str | int | float | bool):
                raise ValueError(f"expected numbers, words or true and false, not {shortened(repr(value))}")
        return values

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if self.choices:
            if self.low is not None or self.high is not None or self.log:
                raise ValueError("either low and high, or choices")
            if len(set(self.choices)) < max(2, len(self.choices)):
                raise ValueError("choices: expected two or more that differ")
            return self
        if self.low is None or self.high is None:
            raise ValueError("expected {low: …, high: …}, or a list of choices")
        if self.low == self.high:
            raise ValueError(f"an empty range: low and high are both {self.low:g}")
        if self.low > self.high:
            raise ValueError(f"a reversed range: low {self.low:g} is above high {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"a logarithmic range begins above 0, not at {self.low:g}")
        return self

    @property
    def examples(self) -> tuple[Any, ...]:
        """Values of it: all choices, or both ends."""
        return self.choices or (self.low, self.high)


class Search(Section):
    """How hyper-parameters are searched: by trials of one network each, which differ in some fields of the recipe."""

    trials: Annotated[int, Field(ge=1, le=100_000, description="Trainings of a search. Paper: 120.")] = 120
    judged_on: Annotated[
        JudgedOn,
        Field(
            description="What decides: accuracy on training images that are held out of it and of every teacher's training, or the "
            "best epoch's on the test images. Paper: the test images."
        ),
    ] = "held_out"
    held_out_share: Annotated[
        float, Field(gt=0, lt=1, description="Share of the training images held out, class by class, where these decide.")
    ] = 0.1
    fresh_seeds: Annotated[
        int, Field(ge=0, le=1000, description="Further seeds under which the best is trained again: how much of it was luck.")
    ] = 3
    sampler_seed: Annotated[int, Field(ge=0, le=999_999, description="Fixes what the sampler draws.")] = 0
    pruner: Annotated[
        Pruner,
        Field(
            description="Whether a trial ends early: `median`, where its best accuracy so far is below the median of what others "
            "had by the same epoch. Not in the paper."
        ),
    ] = "none"
    fields: Annotated[
        dict[Annotated[str, Field(max_length=60)], Range],
        Field(max_length=20, description="Fields of recipes, each with its range; a network's objective leaves out what it lacks."),
    ] = Field(default={})

    @field_validator("fields")
    @classmethod
    def _of_a_recipe(cls, fields: Mapping[str, Range]) -> Mapping[str, Range]:
        for name, where in fields.items():
            if name in JUDGING:
                raise ValueError(f"{name}: trials that differ in it can't be compared; leave it to `judged_on`")
            for value in where.examples:
                check_settings({name: _as_typed(name, value)})
        return fields

    @property
    def settings(self) -> dict[str, Any]:
        """What the search changes in the recipe of every network that takes part, teachers too."""
        return {"validation_share": self.held_out_share if self.judged_on == "held_out" else 0}


class Found(Section):
    """What a search wrote of its best values: a pattern of names to settings, as under `overrides`."""

    judged_on: JudgedOn
    overrides: dict[Annotated[str, Field(max_length=400)], Settings]


def searched(fields: Mapping[str, Range], name: Name, only: tuple[str, ...] = ()) -> dict[str, Range]:
    """Those of the fields that can matter for a network: its objective's, and what every training has.

    only: the names of those that are wanted; all, where it is empty. Raises ParameterError where one that is wanted isn't searched,
    the network's objective doesn't have it, or none is left.
    """
    if not fields:
        raise ParameterError("search: fields: is missing; as in {temperature: {low: 1, high: 20, log: true}}")
    own = {*SECTION_OF, *name.objective.fields.typed()}
    for field in only:
        if field not in fields:
            raise ParameterError(f"{shortened(field, 60)}: not among the fields of `search:`, which are {', '.join(fields)}")
        if field not in own:
            had = ", ".join(name.objective.fields.typed()) or "no field of its own"
            raise ParameterError(f"{field}: {name} minimises {name.objective.name}, which has {had}")
    found = {field: where for field, where in fields.items() if field in own and (not only or field in only)}
    if not found:
        raise ParameterError(
            f"search: {name} minimises {name.objective.name}, which has none of {', '.join(fields)}; add learning_rate, say"
        )
    return found


def _as_typed(name: str, value: Any) -> Any:
    """The end of a range as somebody would type it: 3 for a field of whole numbers."""
    return int(value) if name in WHOLE and isinstance(value, float) and value.is_integer() else value
