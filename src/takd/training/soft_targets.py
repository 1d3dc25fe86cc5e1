"""What a frozen teacher says about the views that its students are shown: asked once and kept in a file, or asked as they come."""

from pathlib import Path

import torch
from torch import Tensor, nn

from takd.code import code_hash
from takd.data.prepared import PreparedData
from takd.data.view_names import covers, parse_views, views_name
from takd.errors import CheckpointError, DivergenceError
from takd.records.key import SOFT_TARGETS, check_key, soft_targets_key
from takd.records.soft_targets import SoftTargets, write_soft_targets
from takd.records.weights import About
from takd.study.names import Name
from takd.study.recipe import Recipe
from takd.training.device import used_precision
from takd.training.distributed import ALONE, World
from takd.training.inference import logits, logits_of, still
from takd.training.opened import opened, shown
from takd.training.teaching import ByEpoch, Said, Shown


class Online:
    """A teacher that runs beside its student: the same bits as from a file, as batches and rounding are the same."""

    def __init__(
        self,
        network: nn.Module,
        about: About,
        data: PreparedData,
        views: str,
        device: torch.device,
        *,
        seed: int | None = None,
        policy: str = "none",
        erasing: float = 0,
        world: World = ALONE,
        unlabelled: bool = False,
    ) -> None:
        """views: the name of what the student is shown. seed, policy, erasing: of the student, where a name can't say all.

        world: the processes that share an epoch's images. unlabelled: whether it is asked about images without labels too.
        """
        self.world = world
        self.teacher, self.teacher_key, self.teacher_digest = about.network, about.key, about.digest
        named = parse_views(views)
        self.seed = named.seed if seed is None else seed
        split = data.with_unlabelled() if unlabelled else data.train
        self.images = shown(split.to(device), about, augmentation=named.augmentation, policy=policy, erasing=erasing)
        self.network = still(network.to(device), used_precision(about.precision, device), self.images)
        self.unaugmented: Tensor | None = None  # the answers to views that don't change: asked once
        self.answers: Tensor | None = None  # those of the epoch, where they could be asked at once

    def of_epoch(self, epoch: int) -> Tensor:
        """Its logits for the training images as one epoch shows them: (N, C), half precision, on the device.

        Raises DivergenceError where one overflows half precision.
        """
        if self.unaugmented is not None:
            return self.unaugmented
        views = self.images.of_epoch(self.seed, epoch)
        answers = self.rounded(logits(self.network, self.images, views, world=self.world), epoch)
        if views is None:
            self.unaugmented = answers
        return answers

    def begin_epoch(self, epoch: int, device: torch.device, *, is_mixed: bool) -> None:
        """Ask for the whole epoch at once, in the batches that a file is made by, unless each step mixes its images."""
        self.answers = None if is_mixed else self.of_epoch(epoch).to(device)

    def of_step(self, shown: Shown) -> Said:
        """Its logits, on the device. Raises DivergenceError where one overflows half precision."""
        if self.answers is not None:
            return Said(self.answers[shown.positions])
        pictures = self.images.batch(shown.positions, shown.views)
        return Said(self.rounded(logits_of(self.network, pictures if shown.mix is None else shown.mix(pictures)[0]), shown.epoch))

    def rounded(self, answers: Tensor, epoch: int) -> Tensor:
        """Logits in half precision. Raises DivergenceError where one overflows it."""
        answers = answers.half()
        if not answers.isfinite().all():
            raise DivergenceError(
                f"{self.teacher}: its logits overflow half precision (65,504) in epoch {epoch + 1}; it hasn't learnt, or learnt by "
                "too high a learning rate"
            )
        return answers


class FromFile(ByEpoch):
    """A teacher's answers that were asked before, to images as they are: `from_file` refuses those that a step changes."""

    def __init__(self, targets: SoftTargets) -> None:
        about = targets.about
        self.teacher, self.teacher_key, self.teacher_digest = Name.parse(about.teacher), about.teacher_key, about.teacher_digest
        self.targets = targets

    def of_epoch(self, epoch: int) -> Tensor:
        """Its logits for the training images as one epoch shows them: (N, C), half precision."""
        return self.targets.of_epoch(epoch)


def compute(
    teacher: Path,
    data: PreparedData,
    output: Path,
    *,
    views: str,
    device: torch.device,
    builder: str | None = None,
    expected_key: str | None = None,
) -> None:
    """Write a teacher's logits for all training images: once as they are, or for each epoch's views.

    views: the name of what its students are shown. builder: of a teacher of one's own code. Raises CheckpointError where the
    teacher was trained on other data, ParameterError where the workflow expects another key, DivergenceError where an answer
    overflows half precision.
    """
    network, about = opened(teacher, data_digest=data.digest, builder=builder)
    online = Online(network, about, data, views, device)
    epochs = parse_views(views).epochs
    key = soft_targets_key(about.key, views, code=code_hash(SOFT_TARGETS), data_digest=data.digest)
    check_key(output, key, expected_key)
    write_soft_targets(
        output,
        (online.of_epoch(epoch).cpu() for epoch in range(epochs)),
        shape=(epochs, len(data.train), data.classes),
        about={
            "teacher": about.name,
            "teacher_key": about.key,
            "teacher_digest": about.digest,
            "key": key,
            "views": views,
            "data_digest": data.digest,
            "held_out": about.held_out,
        },
    )


def views_of(recipe: Recipe, seed: int) -> str:
    """The name of the views that a training under a seed is shown."""
    return views_name(recipe.views.augmentation, seed, recipe.all_epochs)


def from_file(path: Path, student: Name, recipe: Recipe, data: PreparedData, teacher: Name | None = None) -> FromFile:
    """The soft targets for a student, checked. Raises CheckpointError where they are another teacher's, data set's or view's.

    teacher: whose they have to be, whatever its seed; the network one hop before, if none is named.
    """
    if recipe.only_online == "unlabelled":
        raise CheckpointError(
            f"{path}: answers to training images alone, but {student} sees others without labels; give its teacher instead, by "
            "--teacher"
        )
    if recipe.only_online:
        raise CheckpointError(
            f"{path}: answers to images as they are, but {student} sees them changed by {recipe.only_online}; give its teacher "
            "instead, by --teacher"
        )
    targets = SoftTargets.read(path)
    about = targets.about
    _check_teacher(str(path), Name.parse(about.teacher), about.data_digest, about.held_out, student, recipe, data, teacher)
    needed = views_of(recipe, student.seed)
    if not covers(about.views, needed):
        raise CheckpointError(f"{path}: answers to the views {about.views}, but {student} sees {needed}")
    shape = (parse_views(about.views).epochs, len(data.train), data.classes)
    if tuple(targets.logits.shape) != shape:
        raise CheckpointError(
            f"{path}: soft targets of shape {tuple(targets.logits.shape)} (epochs, images, classes), but {student} needs {shape}"
        )
    return FromFile(targets)


def online(
    path: Path,
    student: Name,
    recipe: Recipe,
    data: PreparedData,
    device: torch.device,
    builder: str | None = None,
    teacher: Name | None = None,
    world: World = ALONE,
) -> Online:
    """A student's teacher, to run beside it, checked. Raises CheckpointError where it is another one, or of another data set.

    teacher: as `from_file` has it. world: the processes that ask it together.
    """
    network, about = opened(path, data_digest=data.digest, builder=builder)
    _check_teacher(str(path), about.network, about.data_digest, about.held_out, student, recipe, data, teacher)
    views, how = views_of(recipe, student.seed), recipe.views
    more = how.unlabelled == "folder"
    return Online(
        network,
        about,
        data,
        views,
        device,
        seed=student.seed,
        policy=how.policy,
        erasing=how.erasing,
        world=world,
        unlabelled=more,
    )


def _check_teacher(
    source: str,
    teacher: Name,
    data_digest: str,
    held_out: tuple[float, int],
    student: Name,
    recipe: Recipe,
    data: PreparedData,
    wanted: Name | None,
) -> None:
    expected = (wanted or student.teacher()).with_seed(teacher.seed)
    if teacher != expected:
        raise CheckpointError(f"{source}: of {teacher}, but {student} learns from {expected}")
    if data_digest != data.digest:
        raise CheckpointError(f"{source}: of other images than {data.name}'s")
    if recipe.views.validation_share and held_out != recipe.views.held_out:
        raise CheckpointError(
            f"{source}: {teacher} learnt from images that {student} holds out; both need the same validation_share and _seed"
        )
