"""Which objectives a hop of a chain can have, and their fields in a recipe. Importing it doesn't import torch."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Fields(BaseModel):
    """What a recipe says for one objective alone."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    source: ClassVar[str] = ""
    whole_labels: ClassVar[bool] = False  # whether its loss asks which class an image is of, and so can't use softened labels
    name: str

    @classmethod
    def typed(cls) -> tuple[str, ...]:
        """The fields that people write."""
        return tuple(name for name in cls.model_fields if name != "name")

    @property
    def epochs_before(self) -> int:
        """Epochs of a stage before the recipe's own."""
        return 0

    @property
    def epochs_that_differ(self) -> int:
        """After how many epochs the loss function stays what it is; of losses over logits alone."""
        return self.epochs_before

    @property
    def teachers_seeds(self) -> tuple[int, ...]:
        """The seeds of the teachers that answer together; empty where one answers."""
        return ()


Weight = Field(ge=0, le=1e6)
Temperature = Field(ge=1e-2, le=1e4)


class LabelFields(Fields):
    """Eq. 1 has none."""

    source = "Mirzadeh et al. 2020, eq. 1"
    name: Literal["labels"] = "labels"


class DistillationFields(Fields):
    """Eq. 3's."""

    source = "Mirzadeh et al. 2020, eqs. 2 and 3; Hinton et al. 2015"
    name: Literal["distillation"] = "distillation"
    trade_off: Annotated[float, Field(ge=0, le=1, description="λ of eq. 3: the weight of the teacher's soft targets.")]
    temperature: Annotated[float, Field(ge=1e-2, le=1e4, description="τ of eq. 2: how much both softmax functions are flattened.")]
    kl_reduction: Annotated[
        Literal["batchmean", "elementmean"],
        Field(
            description="Divergence averaged over the batch (paper, eq. 2), or over the batch and the classes (the authors' code)."
        ),
    ]
    ensemble: Annotated[
        tuple[Annotated[int, Field(ge=0, le=999_999)], ...] | None,
        Field(
            min_length=2,
            max_length=100,
            description="Seeds of the teacher's chain, whose networks answer together: the mean of their softmax functions at τ "
            "(Hinton et al. 2015, section 3). Without it one teacher answers.",
        ),
    ] = None

    @property
    def teachers_seeds(self) -> tuple[int, ...]:
        """The ensemble's."""
        return self.ensemble or ()

    @field_validator("ensemble")
    @classmethod
    def _each_seed_once(cls, value: tuple[int, ...] | None) -> tuple[int, ...] | None:
        if value is not None and len(set(value)) < len(value):
            raise ValueError(f"each seed once, not {list(value)}")
        return value


class MutualFields(Fields):
    """Mutual learning's."""

    source = "Zhang et al. 2018, eqs. 3 to 5"
    name: Literal["mutual"] = "mutual"
    separate_epochs: Annotated[
        int,
        Field(
            ge=0,
            le=100_000,
            description="Epochs that the two networks of mutual learning train separately, before `epochs` together; the learning "
            "rate stays at its start meanwhile. Paper: 40, and then 80.",
        ),
    ]

    @property
    def epochs_before(self) -> int:
        """The separate ones."""
        return self.separate_epochs


class DKDFields(Fields):
    """Decoupled distillation's."""

    source = "Zhao et al. 2022, eq. 7"
    name: Literal["dkd"] = "dkd"
    dkd_alpha: Annotated[float, Weight, Field(description="α: the weight of what the teacher says of the label's class.")] = 1
    dkd_beta: Annotated[
        float,
        Weight,
        Field(
            description="β: the weight of what the teacher says of the other classes among themselves. Paper: chosen by "
            "pair, 1 to 8; its authors' code: 8 unless a pair's own file says another."
        ),
    ] = 8
    dkd_temperature: Annotated[float, Temperature, Field(description="τ of DKD. Paper: 4, on CIFAR-100.")] = 4
    dkd_warm_up_epochs: Annotated[
        int,
        Field(
            ge=0,
            le=100_000,
            description="Epochs in which the weight of DKD rises in even steps to all of it. Not in the paper; its authors' code: "
            "20 of 240.",
        ),
    ] = 20

    @property
    def epochs_that_differ(self) -> int:
        """Those in which the weight rises."""
        return self.dkd_warm_up_epochs


class DISTFields(Fields):
    """DIST's."""

    source = "Huang et al. 2022, eqs. 8 to 10"
    name: Literal["dist"] = "dist"
    dist_beta: Annotated[float, Weight, Field(description="β: the weight of the relations between classes, image by image.")] = 1
    dist_gamma: Annotated[float, Weight, Field(description="γ: the weight of the relations between images, class by class.")] = 1
    dist_temperature: Annotated[float, Temperature, Field(description="τ of DIST.")] = 1


class LogitStdFields(Fields):
    """Logit standardisation's."""

    source = "Sun et al. 2024, algorithms 1 and 2"
    name: Literal["logit_std"] = "logit_std"
    logit_std_label_weight: Annotated[float, Weight, Field(description="The weight of the labels' cross-entropy.")] = 0.1
    logit_std_weight: Annotated[float, Weight, Field(description="The weight of the standardised soft targets.")] = 9
    logit_std_temperature: Annotated[float, Temperature, Field(description="The base temperature τ of standardised logits.")] = 2


class ATFields(Fields):
    """Attention transfer's."""

    source = "Zagoruyko and Komodakis 2017, eq. 2"
    name: Literal["at"] = "at"
    at_weight: Annotated[
        float, Weight, Field(description="β of eq. 2, before it is divided by the pixels of a stage's map. Paper: 1000.")
    ] = 1000
    at_distance: Annotated[
        Literal["norm", "squared"],
        Field(
            description="Half the norm of the maps' difference, or the square of the norm. Paper: `norm`; its authors' code: "
            "`squared`."
        ),
    ] = "norm"


class FitNetFields(Fields):
    """FitNets'."""

    source = "Romero et al. 2015, eqs. 2 and 3"
    name: Literal["fitnet"] = "fitnet"
    fitnet_hint_epochs: Annotated[
        int,
        Field(
            ge=0,
            le=100_000,
            description="Epochs in which the student learns the teacher's hint alone, before `epochs` under soft targets; the "
            "learning rate stays at its start meanwhile. Paper: until a held-out loss falls no longer, 500 at most.",
        ),
    ] = 40
    fitnet_weight: Annotated[
        float,
        Weight,
        Field(description="λ of eq. 2 in the first epoch under soft targets; then it changes in even steps. Paper: 4."),
    ] = 4
    fitnet_last_weight: Annotated[float, Weight, Field(description="λ of eq. 2 in the last epoch. Paper: 1.")] = 1
    fitnet_temperature: Annotated[float, Temperature, Field(description="τ of eq. 1. Paper: 3.")] = 3

    @property
    def epochs_before(self) -> int:
        """Those of the hint."""
        return self.fitnet_hint_epochs


class FSPFields(Fields):
    """FSP's."""

    source = "Yim et al. 2017, eqs. 1 and 2"
    name: Literal["fsp"] = "fsp"
    fsp_epochs: Annotated[
        int,
        Field(
            ge=0,
            le=100_000,
            description="Epochs in which the student learns the teacher's FSP matrices alone, before `epochs` from labels; the "
            "learning rate stays at its start meanwhile.",
        ),
    ] = 40
    fsp_weight: Annotated[
        float, Weight, Field(description="λ of eq. 2, of a mean over each matrix's entries; the same for all pairs of stages.")
    ] = 1

    @property
    def epochs_before(self) -> int:
        """Those of the matrices."""
        return self.fsp_epochs


class BSSFields(Fields):
    """Boundary supporting samples'."""

    source = "Heo et al. 2019, eqs. 5 to 9"
    whole_labels = True
    name: Literal["bss"] = "bss"
    bss_weight: Annotated[
        float,
        Weight,
        Field(
            description="The boundary samples' weight, from which it falls in even steps to 0 at three quarters. Authors' code: 2."
        ),
    ] = 2
    bss_soft_weight: Annotated[
        float,
        Weight,
        Field(description="The soft targets' weight, from which it falls in even steps to a quarter. Authors' code: 4."),
    ] = 4
    bss_temperature: Annotated[float, Temperature, Field(description="τ of both soft losses. Authors' code: 3.")] = 3
    bss_samples: Annotated[int, Field(ge=1, le=100_000, description="Boundary samples a step, at most. Authors' code: 64.")] = 64
    bss_steps: Annotated[int, Field(ge=1, le=1000, description="Steps towards the boundary, at most. Authors' code: 10.")] = 10
    bss_step: Annotated[
        float, Field(gt=0, le=1e3, description="η of eq. 6, in units of the student's normalised pixels. Authors' code: 0.3.")
    ] = 0.3


class DGKDFields(Fields):
    """Densely guided distillation's."""

    source = "Son et al. 2021, section 3"
    name: Literal["dgkd"] = "dgkd"
    dgkd_trade_off: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="λ: the soft targets' weight; the labels' is 1 - λ. Authors' code: 1.",
        ),
    ] = 0.5
    dgkd_temperature: Annotated[float, Temperature, Field(description="τ of DGKD. Authors' code: 5.")] = 5
    dgkd_dropped: Annotated[
        int,
        Field(
            ge=0,
            le=14,
            description="Teachers, drawn at each step, that say nothing; one always speaks. Authors' code: 1.",
        ),
    ] = 1


@dataclass(frozen=True)
class Objective:
    """module: has the learner and the loss. fields: what a recipe says for it.

    partner: what the network one hop before is: a `teacher`, trained before and asked for its soft targets, or a `peer`, trained
    in the same job; None where there is no such network. features: whether it compares them, so that the teacher runs beside its
    student; its module then has an adapter too. ancestors: whether the teacher's teachers teach as well. asks: whether it makes
    images of its own, about which student and teacher are asked; its module then has `made` too. unlabelled: whether images without
    labels can join a step, of which the teacher alone speaks; its module then has `unlabelled_loss` too.
    """

    name: str
    module: str
    fields: type[Fields]
    partner: Literal["teacher", "peer"] | None
    features: bool = False
    ancestors: bool = False
    asks: bool = False
    unlabelled: bool = False


# Eq. 1: the first hop of a chain. Eq. 3: a later hop that says no other.
LABELS = Objective("labels", "takd.objectives.labels", LabelFields, None)
DISTILLATION = Objective("distillation", "takd.objectives.distillation", DistillationFields, "teacher", unlabelled=True)

# What a hop says after a `+`, as in 26-8+mutual. A new objective is one entry here and the module that it names.
OBJECTIVES: dict[str, Objective] = {
    "mutual": Objective("mutual", "takd.objectives.mutual", MutualFields, "peer"),
    "dkd": Objective("dkd", "takd.objectives.dkd", DKDFields, "teacher"),
    "dist": Objective("dist", "takd.objectives.dist", DISTFields, "teacher", unlabelled=True),
    "logit_std": Objective("logit_std", "takd.objectives.logit_std", LogitStdFields, "teacher", unlabelled=True),
    "at": Objective("at", "takd.objectives.at", ATFields, "teacher", features=True),
    "fitnet": Objective("fitnet", "takd.objectives.fitnet", FitNetFields, "teacher", features=True),
    "fsp": Objective("fsp", "takd.objectives.fsp", FSPFields, "teacher", features=True),
    "bss": Objective("bss", "takd.objectives.bss", BSSFields, "teacher", asks=True),
    "dgkd": Objective("dgkd", "takd.objectives.dgkd", DGKDFields, "teacher", ancestors=True),
}

ALL: dict[str, Objective] = {one.name: one for one in (LABELS, DISTILLATION, *OBJECTIVES.values())}
FIELDS: tuple[str, ...] = tuple(name for one in ALL.values() for name in one.fields.typed())
