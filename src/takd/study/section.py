"""Fields that are checked, and what is said where one can't be used: in one line, in the words of who typed it."""

import json
from collections.abc import Mapping
from types import UnionType
from typing import Annotated, Any, ClassVar, Union, get_args, get_origin

from pydantic import (
    BaseModel,
    ConfigDict,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_serializer,
)

from takd.errors import shortened


class Section(BaseModel):
    """Fields that go together. A number is a number: `true` and a text aren't."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _numbers_are_numbers(cls, value: Any, info: ValidationInfo) -> Any:
        if info.field_name:
            check_kind(cls.model_fields[info.field_name].annotation, value)
        return value


class Part(Section):
    """A part of a recipe. quiet: fields that stand in it only where they say something else than what holds unless said.

    They came when recipes had been written and hashed: a recipe without them is the one that it was.
    """

    quiet: ClassVar[frozenset[str]] = frozenset()

    @model_serializer(mode="wrap")
    def _without_what_is_quiet(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        fields = type(self).model_fields
        written: dict[str, Any] = handler(self)
        return {
            name: value
            for name, value in written.items()
            if name not in self.quiet or getattr(self, name) != fields[name].get_default(call_default_factory=True)
        }


def check_kind(annotation: Any, value: Any) -> None:
    """Raise ValueError where pydantic would make a number of `true` or of a text, or `true` of a number."""
    several = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    kinds = {get_args(one)[0] if get_origin(one) is Annotated else one for one in several}
    wanted = next((one for one in (bool, int, float) if one in kinds), None)
    if wanted is None:
        return
    is_number = isinstance(value, int | float)
    if (is_number and isinstance(value, bool) != (wanted is bool)) or (isinstance(value, str) and str not in kinds):
        shown = str(value).lower() if isinstance(value, bool) else shortened(repr(value))
        raise ValueError(f"expected {_KINDS[wanted]}, not {shown}")


_KINDS = {int: "a whole number", float: "a number", bool: "true or false"}


def first_problem(error: ValidationError) -> str:
    """What pydantic found first, in one line: where, what is wrong, and what stands there."""
    return one_line(error.errors(include_url=False)[0])


_SAID = {
    "missing": "is missing",
    "extra_forbidden": "no such parameter",
    "tuple_type": "expected a list, as in [a, b]",
    "list_type": "expected a list, as in [a, b]",
    "dict_type": "expected a mapping of names to values, as in {a: b}",
    "mapping_type": "expected a mapping of names to values, as in {a: b}",
    "model_type": "expected a mapping of names to values, as in {a: b}",
    "model_attributes_type": "expected a mapping of names to values, as in {a: b}",
    "string_type": "expected a text",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "finite_number": "expected a number that isn't infinite",
}
_COUNTED = {"too_short": "expected at least {min_length} of them", "too_long": "expected at most {max_length} of them"}


def one_line(problem: Mapping[str, Any]) -> str:
    """One of pydantic's problems in one line."""
    where = shortened(".".join(str(part)[:100] for part in problem["loc"]))
    said = str(problem["msg"]).removeprefix("Value error, ").replace("Input should be", "must be")
    what = _SAID.get(problem["type"], shortened(said, 400))
    if problem["type"] in _COUNTED:
        what = _COUNTED[problem["type"]].format_map(problem["ctx"])
    silent = problem["type"] in ("missing", "extra_forbidden", "value_error")
    found = "" if silent else f", not {shortened(json.dumps(problem.get('input'), default=str))}"
    return f"{where}: {what}{found}".removeprefix(": ")
