"""A network's recipe, in sections: everything that changes its weights, and nothing that doesn't.

People write its fields without their sections, in params.yaml, presets and on command lines; `resolve` puts them in their places.
"""

import difflib
import json
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

from pydantic import BaseModel, SerializeAsAny, ValidationError, field_validator, model_validator

from takd.errors import ParameterError, shortened
from takd.objectives.registry import ALL, LABELS, Fields, Objective
from takd.study.recipe_parts import Labels, Length, NetworkSection, Optimiser, Schedule, Views
from takd.study.section import Part, Section, check_kind, first_problem, one_line

LONGEST = 100_000  # characters of a recipe


class Recipe(Part):
    """All sections of one training."""

    quiet = frozenset({"labels"})

    network: NetworkSection
    views: Views
    optimiser: Optimiser
    schedule: Schedule
    length: Length
    labels: Labels = Labels()
    objective: SerializeAsAny[Fields]

    TYPED: ClassVar[dict[str, type[Section]]] = {
        "views": Views, "optimiser": Optimiser, "schedule": Schedule, "length": Length, "labels": Labels,
    }  # fmt: skip

    @field_validator("objective", mode="before")
    @classmethod
    def _of_its_name(cls, value: Any) -> Any:
        if not isinstance(value, Mapping):
            return value
        name = value.get("name")
        if not isinstance(name, str) or name not in ALL:
            raise ValueError(f"unknown objective {shortened(repr(name))}; there are {', '.join(ALL)}")
        return ALL[name].fields.model_validate(_checked(ALL[name].fields, value))

    @model_validator(mode="after")
    def _sections_go_together(self) -> Self:
        judged = "best_held_out" if self.views.validation_share else "best_test"
        if self.length.select not in ("last", judged):
            share = "of 0" if self.views.validation_share else "above 0"
            raise ValueError(f"select: {self.length.select} needs a validation_share {share}")
        if (patience := self.length.patience) and self.length.select != "best_held_out":
            raise ValueError(f"patience: {patience} needs `select: best_held_out`, which says what is waited for")
        if patience and (before := self.objective.epochs_before):
            raise ValueError(f"patience: {self.objective.name} has {before} epochs before, in which accuracy says nothing; give 0")
        if patience >= self.all_epochs:
            raise ValueError(f"patience: {patience} of {self.all_epochs} epochs can't end a training early; give fewer")
        drops = self.schedule.learning_rate_drops
        if self.schedule.schedule == "step" and not any(drop < self.length.epochs for drop in drops):
            said = ", ".join(map(str, drops)) or "none"
            raise ValueError(
                f"learning_rate_drops: {said} before the end of {self.length.epochs} epochs, so `schedule: step` has no step; "
                "give an earlier one, or `schedule: cosine`"
            )
        if self.labels.class_weights == "balanced" and self.views.sampling == "balanced":
            raise ValueError("class_weights: balanced, beside `sampling: balanced`, makes up for small classes twice; give one")
        if (parts := self.optimiser.batch_norm_parts) > 1 and ALL[self.objective.name].asks:
            raise ValueError(
                f"batch_norm_parts: {parts}, but {self.objective.name} makes images, maybe fewer than that; leave it away"
            )
        if self.labels.softens and self.objective.whole_labels:
            raise ValueError(f"{self.labels.softens}: {self.objective.name} needs whole labels; leave it away for this network")
        if self.labels.mixes and ALL[self.objective.name].features:
            raise ValueError(
                f"{self.labels.mixes}: {self.objective.name} compares features of the images as they are; leave it away"
            )
        if self.views.unlabelled != "none":
            self._can_teach_without_labels()
        return self

    def _can_teach_without_labels(self) -> None:
        if not ALL[self.objective.name].unlabelled:
            can = ", ".join(name for name, each in ALL.items() if each.unlabelled)
            raise ValueError(f"unlabelled: {self.objective.name} can't teach without labels; {can} can")
        if self.labels.mixes:
            raise ValueError(f"unlabelled: {self.labels.mixes} mixes labels too, which these images don't have; leave one away")

    @property
    def images_an_epoch(self) -> float:
        """How many images an epoch trains on, as a share of the training images that aren't held out."""
        unlabelled = self.views.unlabelled_batch if self.views.unlabelled != "none" else 0
        return self.views.training_share * (1 + unlabelled / self.optimiser.batch_size)

    @property
    def only_online(self) -> str | None:
        """The field for which a file can't hold a teacher's answers, so that it runs beside its student; None where one can."""
        objective = ALL[self.objective.name]
        beside = f"+{self.objective.name}" if objective.features or objective.asks else None
        more = "unlabelled" if self.views.unlabelled == "folder" else None
        return self.labels.mixes or self.views.changes or more or beside

    @property
    def all_epochs(self) -> int:
        """Passes over the training images from start to end: a stage before, where the objective has one, and `epochs`."""
        return self.objective.epochs_before + self.length.epochs

    def canonical(self) -> str:
        """The recipe as JSON, keys sorted: equal recipes give equal text."""
        return json.dumps(self.model_dump(mode="json", exclude_none=True), sort_keys=True)


SECTION_OF = {field: name for name, section in Recipe.TYPED.items() for field in section.model_fields}
_TYPED: dict[str, type[BaseModel]] = {field: Recipe.TYPED[name] for field, name in SECTION_OF.items()} | {
    field: objective.fields for objective in ALL.values() for field in objective.fields.typed()
}


def check_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of recipes as people write them, each by itself: known, of its type, within its bounds. Raises ValueError."""
    for name, value in settings.items():
        if name not in _TYPED:
            near = difflib.get_close_matches(name, _TYPED, 1)
            meant = f"did you mean {near[0]}?" if near else f"docs/parameters.md has all {len(_TYPED)}"
            raise ValueError(f"{shortened(name, 60)}: no such field of a recipe; {meant}")
        model = _TYPED[name]
        _checked(model, {name: value})
        try:
            model.__pydantic_validator__.validate_assignment(model.model_construct(), name, value)
        except ValidationError as error:
            problem = next((one for one in error.errors() if one["loc"][:1] == (name,)), None)
            if problem is not None:
                raise ValueError(one_line(problem)) from None
    return dict(settings)


def _checked(model: type[BaseModel], values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Values for a model, if those for numbers are numbers. Raises ValueError."""
    for name, value in values.items():
        if name in model.model_fields:
            try:
                check_kind(model.model_fields[name].annotation, value)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
    return values


def resolve(network: NetworkSection, objective: Objective, settings: Iterable[Mapping[str, Any]]) -> Recipe:
    """The recipe that settings give, the later ones counting; less what can't matter. Raises ParameterError."""
    values: dict[str, Any] = {}
    for each in settings:
        values |= {name: value for name, value in each.items() if value is not None}
    values = _without_late_drops(_without_what_cannot_matter(values, objective))
    sections: dict[str, dict[str, Any]] = {name: {} for name in Recipe.TYPED}
    for name, value in values.items():
        if name in SECTION_OF:
            sections[SECTION_OF[name]][name] = value
    try:
        own = {name: values[name] for name in objective.fields.typed() if name in values}
        return Recipe(network=network, objective={"name": objective.name, **own}, **sections)  # type: ignore[arg-type]
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        typed = problem["loc"][1:] if problem["loc"] and problem["loc"][0] in Recipe.model_fields else problem["loc"]
        raise ParameterError(one_line({**problem, "loc": typed or problem["loc"]})) from None  # people write no sections


def _without_what_cannot_matter(values: dict[str, Any], objective: Objective) -> dict[str, Any]:
    """Less the fields of what isn't used, so that equal trainings have equal recipes however they were typed."""
    idle = set()
    if values.get("schedule") != "step":
        idle.add("learning_rate_drops")
    if not values.get("validation_share"):
        idle.add("validation_seed")
    idle.add("nesterov" if values.get("optimiser") == "adamw" else "beta2")
    if not values.get("weight_decay"):
        idle.add("weight_decay_on")
    if objective is LABELS:
        idle.add("unlabelled")
    if objective is LABELS or values.get("unlabelled", "none") == "none":
        idle.add("unlabelled_batch")
    if objective.name == "distillation" and values.get("trade_off") == 1:
        idle |= {"label_smoothing", "class_weights"}
    return {name: value for name, value in values.items() if name not in idle}


def _without_late_drops(values: dict[str, Any]) -> dict[str, Any]:
    """Less the drops that come after the end, if there are others: they can't matter."""
    drops, epochs = values.get("learning_rate_drops"), values.get("epochs")
    if not isinstance(drops, list | tuple) or not all(isinstance(one, int | float) for one in (*drops, epochs)):
        return values  # which the schema says
    early = [drop for drop in drops if drop < epochs]
    return values | {"learning_rate_drops": early} if early else values


def read_recipe(text: str) -> Recipe:
    """A recipe from its canonical JSON. Raises ParameterError."""
    if len(text) > LONGEST:
        raise ParameterError(f"recipe: {len(text):,} characters; one has at most {LONGEST:,}")
    try:
        return Recipe.model_validate_json(text)
    except ValidationError as error:
        raise ParameterError(f"recipe: {first_problem(error)}; `takd recipe NETWORK` prints one") from None
