"""A file of parameters, checked: params.yaml, a preset that replaces parts of it, or a study of one's own."""

import difflib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator

from takd.data.registry import DATASET_TITLES, OwnImages
from takd.errors import NotSearchedError, ParameterError, TakdError, shortened
from takd.networks.registry import PAPER_FAMILIES, check_builder
from takd.objectives.registry import FIELDS
from takd.study.looks import MOST_SEEDS
from takd.study.metric import Metric
from takd.study.names import WORD
from takd.study.papers_kinds import LARGEST_PATHS
from takd.study.path_section import PathSection
from takd.study.recipe import SECTION_OF
from takd.study.search import Found, JudgedOn, Search, Settings
from takd.study.section import Section, first_problem
from takd.yaml_files import read_yaml

FILE_NAME = r"^[a-z0-9_]{1,60}$"  # of an artifact or a variant, which name files and folders
TYPED = "--config or --changes"  # where parameters come from that were typed, of snakemake and of takd
MOST_FOUND = 100  # files of `overrides_from`
GONE = {
    "shown_families": "`run: there` shows the networks that are there, and trains none",
    "tuning": "a variant with a validation_share for each recipe to compare does it",
}


class Variant(Section):
    """The same networks under a changed recipe, in a folder of their own."""

    teachers: Annotated[
        Literal["own", "shared"],
        Field(description="Whether teachers are trained under the changed recipe too, or are those of what this varies."),
    ] = "own"
    settings: Settings = Field(default={})
    overrides: Annotated[
        dict[Annotated[str, Field(max_length=200)], Settings],
        Field(max_length=200, description="What differs for some of its networks, by pattern; counts after its other fields."),
    ] = Field(default={})

    @model_validator(mode="before")
    @classmethod
    def _fields_beside_its_own(cls, values: Any) -> Any:
        if not isinstance(values, dict) or "settings" in values:
            return values
        own = {name: value for name, value in values.items() if name in cls.model_fields}
        return {"settings": {name: value for name, value in values.items() if name not in own}} | own

    @model_validator(mode="after")
    def _teachers_hold_out_the_same_images(self) -> Self:
        if self.teachers == "shared" and {"validation_share", "validation_seed"} & set(self.settings):
            raise ValueError("its shared teachers were trained on the images that it holds out; say `teachers: own`")
        return self


class Surface(Section):
    """A square around a trained network, in units of its own filters' norms (Li et al. 2018), and the images to measure on."""

    points: Annotated[
        int, Field(ge=3, le=201, description="Points along each direction; odd, so that the network itself is one.")
    ] = 21
    span: Annotated[
        float,
        Field(gt=0, le=10, description="How far the grid goes each way: at 1 each filter is moved by as much as its own norm."),
    ] = 1
    images: Annotated[
        int, Field(ge=1, le=10_000_000, description="Training images on which the loss is measured, the same for every network.")
    ] = 1000

    @model_validator(mode="after")
    def _has_a_centre(self) -> Self:
        if self.points % 2 == 0:
            raise ValueError(f"points: must be odd, not {self.points}")
        return self

    def offsets(self) -> list[float]:
        """Where the points of one direction lie, ascending; the middle one is exactly 0."""
        last = self.points - 1
        return [self.span * (2 * i - last) / last for i in range(self.points)]


class Claims(Section):
    """How claims are judged."""

    equal_within: Annotated[
        float,
        Field(gt=0, le=50, description="Percentage points: a difference whose whole interval lies within this is called equal."),
    ] = 0.3


class Parameters(Section):
    """Everything that a scientist may turn. A preset or the command line replaces parts of it."""

    datasets: Annotated[
        tuple[str, ...],
        Field(
            max_length=20,
            description="Data sets that tables and figures show. Paper: CIFAR-10, CIFAR-100, and ImageNet (`imagenet`), which rows "
            "that name it show where there is a data/imagenet.",
        ),
    ] = ()
    seeds: Annotated[int, Field(ge=1, le=10_000, description="Networks trained for each cell of a table, under seeds 0, 1, …")] = 3
    seeds_at_most: Annotated[
        int, Field(ge=2, le=MOST_SEEDS, description="Students a chain, up to which results/…/decided/CLAIM.md adds to `seeds`.")
    ] = 20
    vary: Annotated[
        Literal["student", "chain", "every_hop"],
        Field(
            description="What differs between seeds: the last hop alone, under teachers of seed 0 (the paper's student of a given "
            "teacher), the whole chain, or every hop: each network has `seeds` students of its own, so that of three seeds the "
            "students 0, 1 and 2 have teacher 0, and 3, 4 and 5 have teacher 1. Then another number of `seeds` gives most students "
            "another teacher, and trains them anew."
        ),
    ] = "student"
    run: Annotated[
        Literal["all", "there"],
        Field(description="Whether tables and figures train what they lack, or show the networks that are there and no others."),
    ] = "all"
    report: Annotated[
        tuple[str, ...], Field(max_length=100, description="Tables and figures that are made where no target is given.")
    ] = ("table", "paths")
    metric: Annotated[
        Metric,
        Field(
            description="What tables, figures, claims and searches compare: top-1 accuracy after the last epoch (paper), or, of "
            "the weights that were kept, top-5 accuracy, balanced accuracy or macro-F1. It changes no training."
        ),
    ] = "accuracy"
    chosen_on: Annotated[
        JudgedOn,
        Field(
            description="The images by which λ, τ and the like were chosen. Where it is `test`, tables, figures, claims and the "
            "report say so; a file of `overrides_from` that was judged on the test images makes it so, as does "
            "`select: best_test`. Paper: the test images."
        ),
    ] = "held_out"
    surface: Surface = Surface()
    claims: Claims = Claims()
    search: Search = Search()
    path: PathSection | None = None
    train: Annotated[Settings, Field(description="The recipe of every network, before what follows.")]
    families: Annotated[dict[str, Settings], Field(description="What differs for a family of networks.")] = Field(default={})
    overrides: Annotated[
        dict[Annotated[str, Field(max_length=200)], Settings],
        Field(
            max_length=200,
            description="What differs for the networks whose name matches a pattern, as in `cifar100/plain/*-2/*`; where several "
            "do, the last one counts.",
        ),
    ] = Field(default={})
    overrides_from: Annotated[
        tuple[Annotated[str, Field(max_length=1000)], ...],
        Field(max_length=MOST_FOUND, description="Files of best values that searches wrote; they count after `overrides`."),
    ] = ()
    variants: Annotated[
        dict[Annotated[str, Field(pattern=FILE_NAME)], Variant],
        Field(
            max_length=100,
            description="Changed recipes by name: results/variants/NAME holds the networks, tables and figures made by one.",
        ),
    ] = Field(default={})

    # Of a study of one's own.
    data: Annotated[OwnImages | None, Field(description="Images of one's own; the data set is called as the study.")] = None
    members: Annotated[
        dict[Annotated[str, Field(pattern=rf"^{WORD}$", max_length=60)], str],
        Field(max_length=LARGEST_PATHS, description="The family's members, largest first, and what builds each."),
    ] = Field(default={})
    weights: Annotated[
        dict[str, str], Field(description="Member to a file of weights: it is trained already, and only teaches.")
    ] = Field(default={})
    start: Annotated[dict[str, str], Field(description="Member to a file of weights that its training begins from.")] = Field(
        default={}
    )

    @field_validator("datasets", "report")
    @classmethod
    def _each_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name, count in Counter(names).items():
            if count > 1:
                raise ValueError(f"{shortened(name)} stands there {count} times")
        return names

    @field_validator("datasets")
    @classmethod
    def _known_datasets(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if name not in DATASET_TITLES:
                raise ValueError(f"unknown data set {shortened(name)!r}; there are {', '.join(DATASET_TITLES)}")
        return names

    @field_validator("members")
    @classmethod
    def _known_builders(cls, members: dict[str, str]) -> dict[str, str]:
        for member, builder in members.items():
            try:
                check_builder(builder)
            except TakdError as error:
                raise ValueError(f"{member}: {error}") from None
        return members

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.members and not (self.data or self.datasets):
            raise ValueError("data: is missing; a study of one's own names its images, or published `datasets`")
        if self.members and len(self.members) < 2:
            raise ValueError("members: a teacher and a student are the fewest")
        if not self.members and not self.datasets:
            raise ValueError("datasets: is missing")
        for field in ("weights", "start"):
            for member in getattr(self, field):
                if member not in self.members:
                    raise ValueError(f"{field}.{member}: no such member; there are {', '.join(self.members) or 'none'}")
        for name in self.families:
            if name not in PAPER_FAMILIES:
                raise ValueError(f"families.{name}: unknown family; there are {', '.join(PAPER_FAMILIES)}")
        if missing := [name for name in ("epochs", "learning_rate") if name not in self.train]:
            raise ValueError(f"train.{missing[0]}: is missing")
        return self


def load_parameters(path: Path, preset: Path | None, typed: Mapping[str, Any]) -> Parameters:
    """Parameters from params.yaml and a preset that replaces parts of it, key by key; a preset with `members` stands alone.

    typed: counts after any file's. Raises ParameterError; NotSearchedError where a file of `overrides_from` isn't there.
    """
    values, source = read_yaml(path) if preset is None else read_yaml(preset), preset or path
    if preset is not None and "members" not in values:
        values, source = merged(read_yaml(path), values), Path(f"{path} with {preset}")
    over = f"{TYPED}, over {source}"
    for name, successor in GONE.items():
        if name in values or name in typed:
            raise ParameterError(f"{source if name in values else over}: {name}: is gone; {successor}")
    try:
        return Parameters.model_validate(_with_found(merged(values, typed), path.parent))
    except ValidationError as error:
        where = over if typed and _can_be_used(values, path.parent) else source
        raise ParameterError(f"{where}: {first_problem(error)}{_nearest(error)}") from None


def _can_be_used(values: dict[str, Any], root: Path) -> bool:
    """Whether a file's parameters are right without what was typed."""
    try:
        Parameters.model_validate(_with_found(values, root))
    except (ValidationError, TakdError):
        return False
    return True


def _nearest(error: ValidationError) -> str:
    """The parameter that was meant, where the first problem is one that there isn't."""
    problem = error.errors()[0]
    *above, name = problem["loc"] or ("",)
    model: type[BaseModel] | None = Parameters
    for part in above:
        field = model.model_fields.get(str(part)) if model else None
        kinds = (field.annotation, *get_args(field.annotation)) if field else ()
        model = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)
    if problem["type"] != "extra_forbidden" or model is None:
        return ""
    if not above and name in (*SECTION_OF, *FIELDS):
        return f"; it stands under train, as in `train: {{{name}: …}}`"
    near = difflib.get_close_matches(str(name)[:100], [field.alias or each for each, field in model.model_fields.items()], 1)
    return f"; did you mean {near[0]}?" if near else ""


def _with_found(values: dict[str, Any], root: Path) -> dict[str, Any]:
    """Values with those of the files of `overrides_from` under `overrides`, where they count last. Raises ParameterError."""
    files, typed = values.get("overrides_from"), values.get("overrides", {})
    if not isinstance(files, list) or len(files) > MOST_FOUND or not isinstance(typed, Mapping):
        return values  # which the schema says, or there are none
    if not all(isinstance(settings, Mapping) for settings in typed.values()):
        return values
    search = values.get("search")
    on_test = isinstance(search, Mapping) and search.get("judged_on") == "test"
    found: dict[str, Any] = {}
    marks: dict[str, str] = {}
    for file in map(str, files):
        if not _is_there(root / file):
            raise NotSearchedError(f"overrides_from: {shortened(file)}: no such file; a search writes it, beside its .csv")
        try:
            one = Found.model_validate(read_yaml(root / file))
        except ValidationError as error:
            raise ParameterError(f"overrides_from: {shortened(file)}: {first_problem(error)}") from None
        if one.judged_on == "test" and not on_test:
            raise ParameterError(
                f"overrides_from: {shortened(file)}: was judged on the test images; "
                "who means that says `search: {judged_on: test}`"
            )
        found = merged(found, one.overrides)
        marks |= {"chosen_on": "test"} if one.judged_on == "test" else {}
    first = {pattern: settings for pattern, settings in typed.items() if pattern not in found}
    last = {pattern: {**typed.get(pattern, {}), **settings} for pattern, settings in found.items()}
    return values | marks | {"overrides": first | last}


def _is_there(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError:  # its name is longer than any
        return False


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with `changes` written over it, mappings key by key; null takes a key away."""
    both = dict(base)
    for key, value in changes.items():
        old = both.get(key)
        both[key] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return {key: value for key, value in both.items() if value is not None}
