"""A network's recipe, in sections: everything that changes its weights, and nothing that doesn't.

People write its fields without their sections, in params.yaml, presets and on command lines; `resolve` puts them in their places.
"""

import difflib
import json
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import (
    BaseModel,
    Field,
    SerializeAsAny,
    ValidationError,
    field_validator,
    model_validator,
)

from takd.errors import ParameterError, shortened
from takd.objectives.registry import ALL, Fields, Objective
from takd.study.section import Section, check_kind, first_problem, one_line

LONGEST = 100_000  # characters of a recipe
Share = Annotated[float, Field(ge=0, lt=1)]
Epochs = Annotated[int, Field(ge=1, le=100_000)]


class NetworkSection(Section):
    """What is trained. It comes from the family, not from what people write."""

    builder: Annotated[str, Field(max_length=400, description="What builds the network: plain:10, torchvision:resnet18, …")]
    peer: Annotated[str | None, Field(max_length=400, description="The builder of the network that is trained with it.")] = None
    start: Annotated[
        str | None, Field(pattern=r"^[0-9a-f]{64}$", description="Digest of the weights that training begins from.")
    ] = None


class Views(Section):
    """Which images, and how they are shown."""

    augmentation: Annotated[
        Literal["none", "crop_flip", "resized_crop_flip"],
        Field(
            description="Views that training takes of an image: itself; a random crop after padding by 4 pixels and a random "
            "horizontal flip; or a random part of it, resized, and a flip. Not in the paper; its ResNets need crop and flip."
        ),
    ] = "none"
    normalisation: Annotated[
        Literal["paper", "dataset", "imagenet"],
        Field(
            description="Pixels are brought to -1…1, where their standard deviation is about 0.5 (paper), to zero mean and unit "
            "deviation by the statistics of the training images, or by ImageNet's (for pretrained networks)."
        ),
    ] = "paper"
    validation_share: Annotated[
        Share,
        Field(
            description="Share of the training images held out, class by class, to choose hyper-parameters on; where it isn't 0, "
            "accuracy is measured on them and the test images are never read. Paper: 0, and a choice by test accuracy."
        ),
    ] = 0
    validation_seed: Annotated[int, Field(ge=0, le=999_999, description="Fixes which images are held out.")] = 0
    training_share: Annotated[
        float,
        Field(
            gt=0,
            le=1,
            description="Share of the other training images that is trained on, class by class; a smaller one's are among a "
            "larger one's. Paper: 1.",
        ),
    ] = 1

    @property
    def held_out(self) -> tuple[float, int]:
        """What decides which images are held out: the share of them, and a seed."""
        return self.validation_share, self.validation_seed


class Optimiser(Section):
    """How a step is made."""

    batch_size: Annotated[
        int, Field(ge=1, le=1_000_000, description="Images a step. Not in the paper; the authors' code has 128.")
    ] = 128
    momentum: Annotated[Share, Field(description="Momentum of SGD. Paper: 0.9.")] = 0.9
    nesterov: Annotated[bool, Field(description="Nesterov's momentum. Paper: yes; the authors' code: no.")] = True
    weight_decay: Annotated[
        float, Field(ge=0, le=10, description="L2 penalty on all parameters. Paper: 1e-4 for ResNet, none for plain CNN.")
    ] = 0
    precision: Annotated[
        Literal["bfloat16", "float32"],
        Field(description="Arithmetic of the networks: bfloat16 where the processor or GPU has it, else float32. Paper: float32."),
    ] = "bfloat16"

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov: needs a momentum above 0")
        return self


class Schedule(Section):
    """How large steps are, epoch by epoch."""

    learning_rate: Annotated[
        float,
        Field(
            gt=0,
            le=100,
            description="Step size at the start. Paper: 0.1; its authors' code: 0.01, by which plain CNNs learn.",
        ),
    ]
    schedule: Annotated[
        Literal["constant", "step", "cosine"],
        Field(
            description="How the learning rate falls: not at all (paper, plain CNN), to a tenth at each of `learning_rate_drops` "
            "(paper, ResNet), or along half a cosine to zero at the last step."
        ),
    ] = "constant"
    learning_rate_drops: Annotated[
        tuple[Epochs, ...],
        Field(
            max_length=100,
            description="Epochs after which the learning rate falls to a tenth, for the step schedule. Paper, ResNet: 80 and 120.",
        ),
    ] = ()
    warm_up_epochs: Annotated[
        int,
        Field(
            ge=0,
            le=100_000,
            description="Epochs in which the learning rate rises from a tenth of what the schedule says to all of it. He et al. "
            "2016 needed it for 110 layers; the paper doesn't say.",
        ),
    ] = 0

    @field_validator("learning_rate_drops")
    @classmethod
    def _in_order(cls, drops: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(sorted(drops))


class Length(Section):
    """How long, and what is kept."""

    epochs: Annotated[Epochs, Field(description="Passes over the training images. Paper: 150, and 80 for Figure 6.")]
    select: Annotated[
        Literal["last", "best_held_out", "best_test"],
        Field(
            description="The epoch whose weights are kept, and teach: the last, the best on held-out images, or the best on the "
            "test images, as the authors' code has it. `accuracy` is the last epoch's in any case."
        ),
    ] = "last"


class Recipe(Section):
    """All sections of one training."""

    network: NetworkSection
    views: Views
    optimiser: Optimiser
    schedule: Schedule
    length: Length
    objective: SerializeAsAny[Fields]

    TYPED: ClassVar[dict[str, type[Section]]] = {
        "views": Views, "optimiser": Optimiser, "schedule": Schedule, "length": Length,
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
        drops = self.schedule.learning_rate_drops
        if self.schedule.schedule == "step" and not any(drop < self.length.epochs for drop in drops):
            said = ", ".join(map(str, drops)) or "none"
            raise ValueError(
                f"learning_rate_drops: {said} before the end of {self.length.epochs} epochs, so `schedule: step` has no step"
            )
        return self

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
            meant = f"did you mean {near[0]}?" if near else f"there are {', '.join(sorted(_TYPED))}"
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
    if values.get("schedule") != "step":
        values.pop("learning_rate_drops", None)
    values = _without_late_drops(values)
    if not values.get("validation_share"):
        values.pop("validation_seed", None)
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
