"""The parameter file as a whole, checked, and the recipe that it gives each network."""

import json
import math
import re
from collections import Counter
from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, create_model, field_validator, model_validator

from takd.chain import Network
from takd.data.registry import DATASETS, dataset
from takd.errors import NetworkNameError, ParameterError
from takd.grid import SurfaceGrid
from takd.networks.registry import FAMILIES, family
from takd.objectives.registry import FIELDS as OF_OBJECTIVES
from takd.recipe import Recipe

# A number where it can be one (YAML has 1e-4 for a word), else one of a field's words.
GridValue = Annotated[float | str, Field(union_mode="left_to_right")]
NAME = r"^[a-z0-9_]+$"  # of an artifact or a variant, which name files and folders

# A recipe of which any field may be left out: what differs for a family, or for the networks that a pattern names.
Changes: Any = create_model(
    "Changes",
    __config__=ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False),
    __doc__="Fields of a recipe that replace those of `train`.",
    **{  # type: ignore[call-overload]
        name: (Annotated[(field.annotation, *field.metadata, Field(description=field.description))] | None, None)
        for name, field in Recipe.model_fields.items()
    },
)


class Variant(Changes):  # type: ignore[misc]
    """The same networks under a changed recipe, in a folder of their own."""

    teachers: Literal["own", "shared"] = Field(
        default="own",
        description="Whether teachers are trained under the changed recipe too, or are those of the results that this varies.",
    )


class Tuning(BaseModel):
    """A grid of recipes, compared on images that are held out of training."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    networks: tuple[str, ...] = Field(
        min_length=1, description="dataset/family/chain whose last hop is tried, as in cifar10/plain/10-2."
    )
    seeds: int = Field(gt=0, description="Networks trained for each point of the grid.")
    validation_share: float = Field(gt=0, lt=1, description="Share of the training images held out, from every network alike.")
    grid: dict[str, Annotated[tuple[GridValue, ...], Field(min_length=1)]] = Field(
        min_length=1, description="Fields of a recipe, and the values to try: every combination."
    )

    @field_validator("grid")
    @classmethod
    def _known_fields(cls, grid: dict[str, tuple[GridValue, ...]]) -> dict[str, tuple[GridValue, ...]]:
        for name, values in grid.items():
            for value in values:
                Changes(**{name: value})
        return grid

    @field_validator("networks")
    @classmethod
    def _known_networks(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            _as_value_error(Network.parse, f"{name}/seed0")
        return _each_once(names)

    @model_validator(mode="after")
    def _fields_count(self) -> Self:
        for field in self.grid:
            if field.startswith("validation_"):
                raise ValueError(f"grid: all points hold out the same images, so it can't vary {field}")
        if len(self.points()) < math.prod(map(len, self.grid.values())):
            raise ValueError("grid: a value stands there twice")
        for name in self.networks:
            fields = Network.parse(f"{name}/seed0").objective.fields
            for field in self.grid:
                if field in OF_OBJECTIVES and field not in fields:
                    raise ValueError(f"grid: {name} has no use for {field}")
        return self

    def held_out(self) -> Variant:
        """The variant in which teachers are trained, without the images held out."""
        return Variant(validation_share=self.validation_share)

    def points(self) -> dict[str, Variant]:
        """The grid's points as variants of that one, by name, as in `temperature=4,trade_off=0.5`."""
        values = [[(name, value) for value in self.grid[name]] for name in sorted(self.grid)]
        return {
            ",".join(f"{name}={as_word(value)}" for name, value in point): Variant(teachers="shared", **dict(point))
            for point in product(*values)
        }


class Parameters(BaseModel):
    """Everything that a scientist may turn. params.yaml is the paper's; a preset or the command line replaces parts of it."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="takd parameters")

    datasets: tuple[str, ...] = Field(
        min_length=1, description="Data sets that tables and figures show. Paper: CIFAR-10, CIFAR-100."
    )
    seeds: int = Field(gt=0, description="Networks trained for each cell of a table, under seeds 0, 1, … Not in the paper.")
    vary: Literal["student", "chain"] = Field(
        description="What differs between seeds: the last hop alone, under teachers of seed 0 (the paper's student of a given "
        "teacher), or the whole chain."
    )
    shown_families: Literal["all"] | Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        description="Families of networks whose rows and panels are run: all, or a list of names."
    )
    report: tuple[str, ...] = Field(
        min_length=1, description="Tables and figures that `snakemake` makes when it isn't given a target."
    )
    surface: SurfaceGrid = Field(description="The grid of the loss surfaces of Figure 7. Not in the paper.")
    train: Recipe = Field(description="The recipe of every network, before what follows.")
    families: dict[str, Changes] = Field(description="What differs for a family of networks.")
    overrides: dict[str, Changes] = Field(
        description="What differs for the networks whose name matches a pattern, as in `cifar100/plain/*-2/*`; where several do, "
        "the last one counts."
    )

    variants: dict[Annotated[str, Field(pattern=NAME)], Variant] = Field(
        description="Changed recipes by name: results/variants/NAME holds the networks, tables and figures made by one."
    )
    tuning: Tuning = Field(description="What `snakemake results/tuning.csv` compares.")

    _changes: tuple[Any, ...] = PrivateAttr(())  # of the variants that these parameters are, the last one counts

    @field_validator("datasets")
    @classmethod
    def _known_datasets(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            _as_value_error(dataset, name)
        return _each_once(names)

    @field_validator("families", "shown_families")
    @classmethod
    def _known_families(cls, families: Any) -> Any:
        for name in families if families != "all" else ():
            _as_value_error(family, name)
        return families

    @field_validator("overrides")
    @classmethod
    def _patterns_of_names(cls, overrides: dict[str, Any]) -> dict[str, Any]:
        for pattern in overrides:
            if not re.search(r"([*?\]]|seed\d+)$", pattern):
                raise ValueError(f"{pattern!r} matches no network, as names end in /seed0 and the like; say {pattern}/*")
            kinds: list[tuple[str, Collection[str]]] = [("data set", DATASETS), ("family", FAMILIES)]
            for part, (kind, known) in zip(pattern.split("/"), kinds, strict=False):
                if re.search(r"[*?\[]", part):
                    break
                if part not in known:
                    raise ValueError(f"{pattern!r} matches no network: no {kind} {part!r}; there are {', '.join(known)}")
        return overrides

    @field_validator("variants")
    @classmethod
    def _teachers_hold_out_the_same_images(cls, variants: dict[str, Any]) -> dict[str, Any]:
        for name, variant in variants.items():
            if variant.teachers == "shared" and variant.model_fields_set & {"validation_share", "validation_seed"}:
                raise ValueError(f"{name}: its shared teachers were trained on the images that it holds out; say `teachers: own`")
        return variants

    @model_validator(mode="after")
    def _objectives_are_complete(self) -> Self:
        for name in OF_OBJECTIVES:
            if getattr(self.train, name) is None:
                raise ValueError(f"train.{name} is missing")
        return self

    @classmethod
    def of(cls, values: Mapping[str, Any], source: str) -> Self:
        """Parameters from a parsed file. source: what to call it in an error. Raises ParameterError."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ParameterError(f"{source}: {first_problem(error)}") from None

    @classmethod
    def load(cls, path: Path, preset: Path | None = None, changes: Mapping[str, Any] | None = None) -> Self:
        """Parameters from params.yaml, with what a preset, and then `changes`, replace key by key. Raises ParameterError."""
        values = read_yaml(path)
        if preset is not None:
            values = _merged(values, read_yaml(preset))
        return cls.of(_merged(values, changes or {}), str(path) if preset is None else f"{path} with {preset}")

    @property
    def families_run(self) -> Collection[str]:
        """The families whose networks are run."""
        return FAMILIES if self.shown_families == "all" else self.shown_families

    @property
    def teacher_seed(self) -> int | None:
        """The seed of every network above a last hop; None where a chain has one seed throughout."""
        return 0 if self.vary == "student" else None

    def varied(self, variant: Any) -> Self:
        """These parameters under a variant's changes, which count after all others."""
        copy = self.model_copy()
        copy._changes = (*self._changes, variant)
        return copy

    def recipe(self, network: Network) -> Recipe:
        """The network's recipe: `train`, its family's changes, each matching override's, the variant's; less what can't matter.

        Raises ParameterError where they don't go together.
        """
        values = self.train.model_dump()
        changes = [self.families[network.family]] if network.family in self.families else []
        changes += [change for pattern, change in self.overrides.items() if fnmatchcase(str(network), pattern)]
        for change in (*changes, *self._changes):
            values |= change.model_dump(exclude_unset=True, exclude_none=True, exclude={"teachers"})
        values |= {name: None for name in OF_OBJECTIVES if name not in network.objective.fields}
        if values["schedule"] != "step":
            values["learning_rate_drops"] = ()
        if values["validation_share"] == 0:
            values["validation_seed"] = 0
        if values["select"] == "last":
            values["select"] = None
        try:
            recipe = Recipe(**values)
        except ValidationError as error:
            raise ParameterError(f"{network}: {first_problem(error)}") from None
        if recipe.schedule == "step" and not any(drop < recipe.epochs for drop in recipe.learning_rate_drops):
            drops = ", ".join(map(str, recipe.learning_rate_drops)) or "none"
            raise ParameterError(
                f"{network}: learning_rate_drops: {drops} before the end of {recipe.epochs} epochs, so `schedule: step` has no step"
            )
        return recipe


def read_recipe(text: str) -> Recipe:
    """A recipe from JSON, or from the path of a JSON or YAML file that holds one. Raises ParameterError."""
    source, values = ("recipe", _parsed("recipe", text)) if text.lstrip().startswith("{") else (text, read_yaml(Path(text)))
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise ParameterError(f"{source}: {first_problem(error)}") from None


def as_word(value: float | str) -> str:
    """A value of a grid as people read it, and as folders are named."""
    return value if isinstance(value, str) else f"{value:g}"


def surface_grid(points: int, span: float, images: int) -> SurfaceGrid:
    """The grid of those sizes. Raises ParameterError where there can't be one."""
    try:
        return SurfaceGrid(points=points, span=span, images=images)
    except ValidationError as error:
        raise ParameterError(first_problem(error)) from None


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML or JSON file that holds a mapping. Raises ParameterError."""
    if not path.is_file():
        raise ParameterError(f"{path}: no such file")
    try:
        return _parsed(str(path), path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise ParameterError(f"{path}: not a text in UTF-8") from None


def first_problem(error: ValidationError) -> str:
    """What pydantic found first, in one line: where, what is wrong, and what stands there."""
    problem = error.errors()[0]
    where = ".".join(str(part) for part in problem["loc"] if part != "Changes")
    found = (
        ""
        if problem["type"] in ("missing", "extra_forbidden", "value_error")
        else f", not {json.dumps(problem['input'], default=str)}"
    )
    what = {"missing": "is missing", "extra_forbidden": "no such parameter"}.get(problem["type"], problem["msg"])
    return f"{where}: {what.removeprefix('Value error, ')}{found}".removeprefix(": ")


class _NoKeyTwice(yaml.SafeLoader):
    """YAML in which a mapping may not have a key twice: the first one would be lost without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key in [key for key, _ in node.value if isinstance(key, yaml.ScalarNode)]:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} stands there twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _parsed(source: str, text: str) -> dict[str, Any]:
    try:
        values = yaml.load(text, _NoKeyTwice)
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that there isn't
        raise ParameterError(f"{source}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise ParameterError(f"{source}: expected a mapping of names to values")
    return values


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` written over it, mappings key by key; null takes a key away."""
    both = dict(base)
    for key, value in changes.items():
        old = both.get(key)
        both[key] = _merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return {key: value for key, value in both.items() if value is not None}


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"{name} stands there {count} times")
    return names


def _as_value_error(look_up: Any, name: str) -> None:
    try:
        look_up(name)
    except NetworkNameError as error:
        raise ValueError(str(error)) from None
