"""The sections of a recipe: each field with its range, what it does and where it is from."""

from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from takd.study.section import Part

Share = Annotated[float, Field(ge=0, lt=1)]
Epochs = Annotated[int, Field(ge=1, le=100_000)]


class NetworkSection(Part):
    """What is trained. It comes from the family, not from what people write."""

    builder: Annotated[str, Field(max_length=400, description="What builds the network: plain:10, torchvision:resnet18, …")]
    peer: Annotated[str | None, Field(max_length=400, description="The builder of the network that is trained with it.")] = None
    start: Annotated[
        str | None, Field(pattern=r"^[0-9a-f]{64}$", description="Digest of the weights that training begins from.")
    ] = None
    unlabelled: Annotated[
        str | None, Field(pattern=r"^[0-9a-f]{64}$", description="Digest of the folder of images without labels that it is shown.")
    ] = None


class Views(Part):
    """Which images, and how they are shown."""

    quiet = frozenset({"policy", "erasing", "sampling", "unlabelled", "unlabelled_batch"})

    augmentation: Annotated[
        Literal["none", "crop_flip", "resized_crop_flip"],
        Field(
            description="Views that training takes of an image: itself; a random crop after padding by 4 pixels and a random "
            "horizontal flip; or a random part of it, resized, and a flip. Not in the paper; its ResNets need crop and flip."
        ),
    ] = "none"
    policy: Annotated[
        Literal["none", "randaugment", "trivialaugment"],
        Field(
            description="What else is done to each view: nothing; two random operations of RandAugment (Cubuk et al. 2020) at "
            "torchvision's strength; or one of TrivialAugment (Müller and Hutter 2021). Not in the paper."
        ),
    ] = "none"
    erasing: Annotated[
        float,
        Field(
            ge=0,
            le=1,
            description="Probability that a random box of a view is erased, to the mean colour of photographs (Zhong et al. 2020, "
            "RE-M). Not in the paper.",
        ),
    ] = 0
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

    sampling: Annotated[
        Literal["each", "balanced"],
        Field(
            description="Which images an epoch has: each one once, or as many drawn with replacement so that every class is as "
            "likely as another, for data sets that have far more of some. Paper: each."
        ),
    ] = "each"
    unlabelled: Annotated[
        Literal["none", "rest", "folder"],
        Field(
            description="Images without labels that teach too, on which the teacher alone speaks (λ = 1): none; the rest of the "
            "training images, which `training_share` leaves out, without their labels; or the folder that `data` names under "
            "`unlabelled`. Not in the paper."
        ),
    ] = "none"
    unlabelled_batch: Annotated[
        int, Field(ge=1, le=1_000_000, description="Images without labels that join each step, beside `batch_size` with labels.")
    ] = 128

    @model_validator(mode="after")
    def _leaves_a_rest(self) -> Self:
        if self.unlabelled == "rest" and self.training_share == 1:
            raise ValueError("unlabelled: rest needs a training_share below 1, which leaves one")
        return self

    @property
    def changes(self) -> str | None:
        """The field by which views are changed image by image, beyond crop and flip; None where they aren't."""
        return "policy" if self.policy != "none" else "erasing" if self.erasing else None

    @property
    def held_out(self) -> tuple[float, int]:
        """What decides which images are held out: the share of them, and a seed."""
        return self.validation_share, self.validation_seed


class Optimiser(Part):
    """How a step is made."""

    quiet = frozenset({"optimiser", "beta2", "weight_decay_on", "clip_norm", "batch_norm_parts"})

    optimiser: Annotated[
        Literal["sgd", "adamw"],
        Field(
            description="Stochastic gradient descent, or AdamW (Loshchilov and Hutter 2019), which transformers need. Paper: sgd."
        ),
    ] = "sgd"
    batch_size: Annotated[
        int, Field(ge=1, le=1_000_000, description="Images a step. Not in the paper; the authors' code has 128.")
    ] = 128
    momentum: Annotated[Share, Field(description="Momentum of SGD; of AdamW, β₁. Paper: 0.9.")] = 0.9
    beta2: Annotated[Share, Field(description="β₂ of AdamW: how long squared gradients are remembered. Not in the paper.")] = 0.999
    nesterov: Annotated[bool, Field(description="Nesterov's momentum. Paper: yes; the authors' code: no.")] = True
    weight_decay: Annotated[
        float,
        Field(
            ge=0,
            le=10,
            description="L2 penalty on parameters; of AdamW, the share of a parameter that goes at each step, times the "
            "learning rate. Paper: 1e-4 for ResNet, none for plain CNN.",
        ),
    ] = 0
    weight_decay_on: Annotated[
        Literal["all", "weights"],
        Field(
            description="What weight decay pulls at: all parameters, or weights alone and not biases and norms, which have one "
            "dimension (He et al. 2019, section 3.1). Paper: all."
        ),
    ] = "all"
    clip_norm: Annotated[
        float,
        Field(
            ge=0,
            le=1e6,
            description="A network's gradient is scaled down to this norm where it is longer; 0: it isn't. Not in the paper.",
        ),
    ] = 0
    batch_norm_parts: Annotated[
        int,
        Field(
            ge=1,
            le=4096,
            description="Parts of a step that batch norm normalises each by itself (Hoffer et al. 2017), as so many processes do "
            "that don't synchronise it; 1: the whole step, whatever the processes. Not in the paper.",
        ),
    ] = 1
    precision: Annotated[
        Literal["bfloat16", "float32"],
        Field(description="Arithmetic of the networks: bfloat16 where the processor or GPU has it, else float32. Paper: float32."),
    ] = "bfloat16"

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.optimiser == "sgd" and self.nesterov and self.momentum == 0:
            raise ValueError("nesterov: needs a momentum above 0")
        return self


class Schedule(Part):
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


class Length(Part):
    """How long, and what is kept."""

    quiet = frozenset({"ema_decay", "patience"})

    epochs: Annotated[Epochs, Field(description="Passes over the training images. Paper: 150, and 80 for Figure 6.")]
    select: Annotated[
        Literal["last", "best_held_out", "best_test"],
        Field(
            description="The epoch whose weights are kept, and teach: the last, the best on held-out images, or the best on the "
            "test images, as the authors' code has it. `accuracy` is the last epoch's in any case."
        ),
    ] = "last"
    patience: Annotated[
        int,
        Field(
            ge=0,
            le=100_000,
            description="Epochs without a better accuracy on held-out images after which training ends, where `select` is "
            "`best_held_out`; 0: it never does before its time. Not in the paper.",
        ),
    ] = 0
    ema_decay: Annotated[
        Share,
        Field(
            description="Where it isn't 0, an exponential moving average of the weights is judged, kept and taught by: after each "
            "step it keeps this share of itself and takes the rest from the weights. Not in the paper."
        ),
    ] = 0


class Labels(Part):
    """What the labels say, and images that are mixed with their labels."""

    quiet = frozenset({"class_weights", "label_smoothing", "mixup", "cutmix"})

    class_weights: Annotated[
        Literal["none", "balanced"],
        Field(
            description="How much a label counts in the cross-entropy: as any other, or N / (C n) of N training images, C classes "
            "and n images of its class (King and Zeng 2001; scikit-learn's `balanced`). Soft targets aren't weighted. "
            "Not in the paper."
        ),
    ] = "none"

    label_smoothing: Annotated[
        Share,
        Field(
            description="Share of a label that is spread over all classes alike (Szegedy et al. 2016, section 7); 0 leaves labels "
            "as they are. Not in the paper."
        ),
    ] = 0
    mixup: Annotated[
        float | None,
        Field(
            gt=0,
            le=100,
            description="α of mixup (Zhang et al. 2018): images and labels of a step are averaged in pairs, by a weight drawn from "
            "Beta(α, α). A teacher answers the mixed image. Not in the paper.",
        ),
    ] = None
    cutmix: Annotated[
        float | None,
        Field(
            gt=0,
            le=100,
            description="α of CutMix (Yun et al. 2019): a box of another image of the step is pasted in, its share drawn from "
            "Beta(α, α). With mixup too, each step draws one of the two. Not in the paper.",
        ),
    ] = None

    @property
    def softens(self) -> str | None:
        """The field by which labels aren't whole; None where they are."""
        return self.mixes or ("label_smoothing" if self.label_smoothing else None)

    @property
    def mixes(self) -> str | None:
        """The field by which images are mixed; None where they aren't."""
        return "mixup" if self.mixup else "cutmix" if self.cutmix else None
