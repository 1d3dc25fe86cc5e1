"""A network's recipe: everything that changes its weights, and nothing that doesn't."""

import json
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]


class Recipe(BaseModel):
    """How one network is trained. Text that reads as a number is taken as that number, so `1e-4` and `1e-04` are the same."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    epochs: int = Field(gt=0, description="Passes over the training images. Paper: 150, and 80 for the comparison of Figure 6.")
    batch_size: int = Field(gt=0, description="Images a step. Not in the paper; the authors' code has 128.")
    learning_rate: Positive = Field(
        description="Step size at the start. Paper: 0.1; its authors' code: 0.01, by which plain CNNs learn."
    )
    schedule: Literal["constant", "step", "cosine"] = Field(
        description="How the learning rate falls: not at all (paper, plain CNN), to a tenth at each of `learning_rate_drops` "
        "(paper, ResNet), or along half a cosine to zero at the last step."
    )
    learning_rate_drops: tuple[Annotated[int, Field(gt=0)], ...] = Field(
        description="Epochs after which the learning rate falls to a tenth, for the step schedule. Paper, ResNet: 80 and 120."
    )
    warm_up_epochs: int | None = Field(
        default=None,
        ge=1,
        description="Epochs in which the learning rate rises from a tenth of what the schedule says to all of it. He et al. 2016 "
        "needed it for 110 layers; the paper doesn't say.",
    )
    momentum: Share = Field(description="Momentum of SGD. Paper: 0.9.")
    nesterov: bool = Field(description="Nesterov's momentum. Paper: yes; the authors' code: no.")
    weight_decay: float = Field(ge=0, description="L2 penalty on all parameters. Paper: 1e-4 for ResNet, none for plain CNN.")
    augmentation: Literal["none", "crop_flip"] = Field(
        description="Views that training takes of an image: itself, or a random crop after padding by 4 pixels and a random "
        "horizontal flip. Not in the paper; its ResNet accuracies need crop and flip."
    )
    normalisation: Literal["paper", "dataset"] = Field(
        description="Pixels are brought to -1…1, where their standard deviation is about 0.5 (paper), or to zero mean and unit "
        "deviation by the statistics of the data set's training images."
    )
    precision: Literal["bfloat16", "float32"] = Field(
        description="Arithmetic of the networks: bfloat16 where the processor or GPU has it, else float32. Paper: float32."
    )
    validation_share: Share = Field(
        description="Share of the training images held out, class by class, to choose hyper-parameters on; where it isn't 0, "
        "accuracy is measured on them and the test images are never read. Paper: 0, and a choice by test accuracy."
    )
    validation_seed: int = Field(ge=0, description="Fixes which images are held out.")
    training_share: Annotated[float, Field(gt=0, le=1)] = Field(
        description="Share of the other training images that is trained on, class by class; a smaller one's are among a larger "
        "one's. Paper: 1."
    )
    select: Literal["last", "best_held_out", "best_test"] | None = Field(
        default=None,
        description="The epoch whose weights are kept, and teach: the last (the default), the best on held-out images, or the best "
        "on the test images, as the authors' code has it. `accuracy` is the last epoch's in any case.",
    )
    trade_off: float | None = Field(default=None, ge=0, le=1, description="λ of eq. 3: the weight of the teacher's soft targets.")
    temperature: Positive | None = Field(default=None, description="τ of eq. 2: how much both softmax functions are flattened.")
    kl_reduction: Literal["batchmean", "elementmean"] | None = Field(
        default=None,
        description="Divergence averaged over the batch (paper, eq. 2), or over the batch and the classes (the authors' code).",
    )
    separate_epochs: int | None = Field(
        default=None,
        ge=0,
        description="Epochs that the two networks of mutual learning train separately, before `epochs` together; the learning rate "
        "stays at its start meanwhile. Paper: 40, and then 80.",
    )

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov: needs a momentum above 0")
        return self

    @model_validator(mode="after")
    def _best_of_what_is_judged(self) -> Self:
        judged = "best_held_out" if self.validation_share else "best_test"
        if self.select not in (None, "last", judged):
            raise ValueError(f"select: {self.select} needs a validation_share {'of' if self.validation_share else 'above'} 0")
        return self

    @property
    def all_epochs(self) -> int:
        """Passes over the training images from start to end: `epochs`, after `separate_epochs` where there are any."""
        return (self.separate_epochs or 0) + self.epochs

    @property
    def held_out(self) -> tuple[float, int]:
        """What decides which images are held out: the share of them, and a seed."""
        return self.validation_share, self.validation_seed

    def canonical(self) -> str:
        """The recipe as JSON, keys sorted: equal recipes give equal text."""
        return json.dumps(self.model_dump(exclude_none=True), sort_keys=True)
