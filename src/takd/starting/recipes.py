"""Which recipe a study begins with, by what was found: how large its images are, and whether trainings begin from weights."""

from dataclasses import dataclass

from takd.study.recipe import check_settings

SMALL = 40  # pixels: up to here crop and flip as for CIFAR, above it resized crops
IMBALANCED = 10  # times the images of the smallest class in the largest, from which on a study is told


@dataclass(frozen=True)
class Beginning:
    """A recipe to begin with. why: for what it is, and its sources. lines: field to its value and a comment."""

    why: str
    lines: dict[str, tuple[object, str]]

    @property
    def settings(self) -> dict[str, object]:
        """Its fields, as a recipe takes them."""
        return check_settings({field: value for field, (value, _) in self.lines.items()})


_SGD = {
    "epochs": (60, "more for a small set, fewer to try it out"),
    "learning_rate": (0.05, "0.01 where networks learn nothing, as plain may; transformers: optimiser: adamw, 1e-3"),
    "schedule": ("cosine", "or constant, step"),
    "warm_up_epochs": (3, "1 for a try of few epochs; at 0 large networks may diverge"),
}
_WEIGHTS_ALONE = ("weights", "not biases and norms (He et al. 2019)")

SMALL_FROM_NOTHING = Beginning(
    "small images, from nothing: SGD, crop and flip (He et al. 2016)",
    _SGD
    | {
        "weight_decay": (5e-4, "1e-4 where networks don't overfit"),
        "weight_decay_on": _WEIGHTS_ALONE,
        "augmentation": ("crop_flip", "none where mirrored or cut images mean something else"),
    },
)
LARGE_FROM_NOTHING = Beginning(
    "larger images, from nothing: SGD, resized crops (Goyal et al. 2017)",
    _SGD
    | {
        "weight_decay": (1e-4, "5e-4 for a small set"),
        "weight_decay_on": _WEIGHTS_ALONE,
        "augmentation": ("resized_crop_flip", "none where mirrored or cut images mean something else"),
    },
)
FROM_WEIGHTS = {
    "optimiser": ("adamw", "Loshchilov and Hutter 2019; or sgd, with learning_rate 0.01"),
    "epochs": (20, "what weights know already needs less time"),
    "learning_rate": (1e-4, "small, so that they aren't forgotten"),
    "schedule": ("cosine", "or constant, step"),
    "warm_up_epochs": (1, "the rate begins at a tenth, so that weights aren't thrown far at once"),
    "weight_decay": (0.05, "of AdamW, whose values are larger"),
    "weight_decay_on": _WEIGHTS_ALONE,
    "clip_norm": (1, "no step is larger (Pascanu et al. 2013)"),
}


def recipe_for(size: int, *, from_weights: bool) -> Beginning:
    """The recipe for images of that side, in pixels. from_weights: whether every training begins from weights."""
    from_nothing = SMALL_FROM_NOTHING if size <= SMALL else LARGE_FROM_NOTHING
    if not from_weights:
        return from_nothing
    lines = FROM_WEIGHTS | {"augmentation": from_nothing.lines["augmentation"]}
    return Beginning("from given weights: AdamW at a small rate, for fewer epochs", lines)


def times_larger(counts: list[int]) -> int:
    """How many times the images of the smallest class the largest has, rounded down. counts: images of each class, above 0."""
    return max(counts) // min(counts)
