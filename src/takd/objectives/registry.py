"""Which objectives a hop of a chain can have. Importing it doesn't import torch: names are checked with it."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Objective:
    """fields: those of a recipe that count under this objective alone.

    partner: what the network one hop before is: a `teacher`, trained before and asked for its soft targets, or a `peer`, trained
    in the same job; None where there is no such network.
    """

    fields: tuple[str, ...]
    partner: Literal["teacher", "peer"] | None


LABELS = Objective(fields=(), partner=None)  # eq. 1: the first size of a chain
DISTILLATION = Objective(("trade_off", "temperature", "kl_reduction"), "teacher")  # eq. 3: a hop that doesn't say its objective

# What a hop says after a `+`, as in 26-8+mutual.
OBJECTIVES: dict[str, Objective] = {
    "mutual": Objective(("separate_epochs",), "peer"),
}

FIELDS = tuple(field for objective in (DISTILLATION, *OBJECTIVES.values()) for field in objective.fields)
