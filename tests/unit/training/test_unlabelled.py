"""Images without labels: which they are, in which step each is shown, and what a student learns from them."""

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, kl_div, log_softmax

from takd.data.prepared import PreparedData
from takd.data.splits import Split
from takd.data.views import Normalisation, Views
from takd.errors import CheckpointError, ParameterError
from takd.objectives.batch import Batch
from takd.objectives.registry import ALL
from takd.study.names import Name
from takd.study.recipe import Recipe
from takd.training import soft_targets
from takd.training.checks import check_images
from takd.training.loop import chosen_images, train
from takd.training.opened import opened
from takd.training.optimiser import SGD
from takd.training.step import Step
from takd.training.unlabelled import TransferSet, judged_among
from tests.conftest import recipe, taught
from tests.unit.training.conftest import CPU, DIGEST, MadeUp, part, same, weights, write_network

STUDENT = Name.parse("digits/plain/4-2/seed1")


def test_the_rest_is_what_is_neither_trained_on_nor_held_out() -> None:
    labels = torch.arange(200) % 4
    split = Split(torch.zeros(200, 8, 8, 3, dtype=torch.uint8), labels)
    data = PreparedData("any", 4, DIGEST, split, split)
    which = taught(training_share=0.25, validation_share=0.2, unlabelled="rest").views
    training, held_out = chosen_images(labels, which, 3)
    transfer = TransferSet.of(data, training, held_out, which, 3)
    assert transfer is not None and len(training) == 40 and len(held_out) == 40 and len(transfer.positions) == 120
    assert torch.equal(torch.cat((training, held_out, transfer.positions)).sort().values, torch.arange(200))
    assert TransferSet.of(data, training, held_out, taught(training_share=0.25).views, 3) is None


@pytest.mark.parametrize("size", [4, 7, 25])
def test_steps_take_one_pass_after_another_whatever_an_epoch_is(size: int) -> None:
    """Ten images, three steps an epoch: counted over epochs, each image is taken as often as another, to one."""
    transfer = TransferSet(torch.arange(100, 110), size, seed=0)
    steps = [positions for epoch in range(5) for positions in transfer.of_epoch(3, epoch)]
    assert [len(positions) for positions in steps] == [size] * 15
    row = torch.cat(steps)
    passes = [row[start : start + 10] for start in range(0, len(row) - 9, 10)]
    assert all(torch.equal(each.sort().values, transfer.positions) for each in passes)
    assert not torch.equal(passes[0], passes[1])
    counts = row.unique(return_counts=True)[1]
    assert counts.max() - counts.min() <= 1


def given(objective: str) -> tuple[Step, Tensor, Batch]:
    """A step of an objective, logits of a student for five images with labels and three without, and what is said of them."""
    random = torch.Generator().manual_seed(1)
    student, teacher = (3 * torch.randn(8, 6, generator=random) for _ in range(2))
    fields = recipe(objective=objective).objective
    module = import_module(ALL[objective].module)
    step = Step(nn.Identity(), module, fields, SGD([], momentum=0, nesterov=False, weight_decay=0), torch.float32)
    return step, student, Batch(torch.tensor([0, 5, 2, 2, 1]), teacher, epoch=0, unlabelled=3)


def test_the_teacher_alone_speaks_of_them_and_each_image_counts_alike() -> None:
    step, student, batch = given("distillation")
    assert batch.teacher_logits is not None
    total = torch.zeros(())
    for place in range(8):
        own, said = (log_softmax(logits[place] / 4, 0) for logits in (student, batch.teacher_logits))
        soft = 16 * kl_div(own, said, reduction="sum", log_target=True)
        total += 0.5 * cross_entropy(student[place], batch.labels[place]) + 0.5 * soft if place < 5 else soft
    torch.testing.assert_close(step.loss(student, batch), total / 8)


@pytest.mark.parametrize("objective", [name for name, each in ALL.items() if each.unlabelled])
def test_every_objective_that_can_leaves_the_labels_out(objective: str) -> None:
    """So that images without labels cost less than those with any, by the same objective, by their cross-entropy's share."""
    step, student, batch = given(objective)
    _, unlabelled = batch.divided()
    alone = step.objective.unlabelled_loss(student[5:], unlabelled, step.fields)
    labels = torch.tensor([1, 2, 3])
    whole = step.objective.loss(student[5:], unlabelled._replace(labels=labels), step.fields)
    weight = {"distillation": 0.5, "dist": 1, "logit_std": 0.1}[objective]
    soft = 0.5 if objective == "distillation" else 1
    torch.testing.assert_close(whole, weight * cross_entropy(student[5:], labels) + soft * alone)


def test_a_student_is_shown_them_with_its_teachers_answers_and_no_label(
    fewer: PreparedData, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[Tensor] = []
    batches: list[Batch] = []
    real_batch, real_loss = Views.batch, Step.loss

    def watched_batch(self: Views, positions: Tensor, views: Tensor | None) -> Tensor:
        shown.append(positions)
        return real_batch(self, positions, views)

    def watched_loss(self: Step, outputs: Tensor, batch: Batch) -> Tensor:
        batches.append(batch)
        return real_loss(self, outputs, batch)

    monkeypatch.setattr(Views, "batch", watched_batch)
    monkeypatch.setattr(Step, "loss", watched_loss)
    how = taught(builder="plain:2", epochs=1, training_share=0.3, unlabelled="rest", unlabelled_batch=12, batch_size=20)
    answers = MadeUp(100, epochs=1)
    train(STUDENT, how, fewer, answers, device=CPU)
    training, _ = chosen_images(fewer.train.labels, how.views, STUDENT.seed)
    for positions, batch in zip(shown, batches, strict=False):
        labelled, rest = positions[:-12], positions[-12:]
        assert batch.unlabelled == 12 and torch.equal(batch.labels, fewer.train.labels[labelled])
        assert torch.isin(labelled, training).all() and not torch.isin(rest, training).any()
        assert batch.teacher_logits is not None and torch.equal(batch.teacher_logits, answers.logits[0][positions])
    assert sum(len(batch.labels) for batch in batches) == len(training)


def test_a_share_that_leaves_no_image_is_refused(fewer: PreparedData) -> None:
    with pytest.raises(ParameterError, match=r"recipe: unlabelled: training_share 0.999 leaves no image of digits"):
        check_images(STUDENT, taught(training_share=0.999, unlabelled="rest"), fewer)


# A folder of them.


def in_folder(data: PreparedData, count: int) -> PreparedData:
    """A data set with so many images without labels: test images, the last ones, turned upside down; but for one."""
    images = data.test.images[-count:].flip(1)
    images[0] = data.test.images[0]
    return replace(data, unlabelled=images, unlabelled_digest=DIGEST)


def of_folder(**changes: Any) -> Recipe:
    how = taught(builder="plain:2", epochs=1, unlabelled="folder", unlabelled_batch=12, precision="float32", **changes)
    return how.model_copy(update={"network": how.network.model_copy(update={"unlabelled": DIGEST})})


def test_a_folder_is_shown_with_what_the_teacher_says_of_it(
    fewer: PreparedData, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The teacher runs beside its student, and answers the images that come after those with labels."""
    data = in_folder(fewer, 30)
    teacher = write_network(tmp_path / "teacher.safetensors", data, "digits/plain/4/seed0", "plain:4")
    seen: list[tuple[Tensor, Batch]] = []
    real = Step.__call__

    def watched(self: Step, pictures: Tensor, batch: Batch, rate: float) -> Tensor:
        seen.append((pictures, batch))
        return real(self, pictures, batch, rate)

    monkeypatch.setattr(Step, "__call__", watched)
    how = of_folder(normalisation="dataset")
    assert how.only_online == "unlabelled"
    online = soft_targets.online(teacher, STUDENT, how, data, CPU)
    first = train(STUDENT, how, data, online, device=CPU)
    monkeypatch.undo()
    assert data.unlabelled is not None
    pixels = Views(Split(data.unlabelled, torch.zeros(30)), Normalisation.of(data.train, "dataset"))
    known = pixels.batch(torch.arange(30), None)
    network, _ = opened(teacher)
    for pictures, batch in seen:
        places = [int((known == picture).flatten(1).all(1).nonzero()[0]) for picture in pictures[-12:]]
        as_taught = Views(Split(data.unlabelled, torch.zeros(30)), Normalisation.of(data.train, "paper"))
        said = network(as_taught.batch(torch.tensor(places), None))
        assert batch.teacher_logits is not None and len(set(places)) == 12
        torch.testing.assert_close(batch.teacher_logits[-12:].float(), said, rtol=1e-2, atol=1e-2)
    assert same(weights(first.network), weights(train(STUDENT, how, data, online, device=CPU).network))


def test_a_folder_of_other_images_or_none_is_refused(fewer: PreparedData, tmp_path: Path) -> None:
    check_images(STUDENT, of_folder(), in_folder(fewer, 10))
    with pytest.raises(ParameterError, match="its recipe is of images without labels, but digits has none"):
        check_images(STUDENT, of_folder(), fewer)
    with pytest.raises(ParameterError, match="but digits has others"):
        check_images(STUDENT, of_folder(), replace(in_folder(fewer, 10), unlabelled_digest="1" * 64))
    with pytest.raises(CheckpointError, match="sees others without labels; give its teacher instead, by --teacher"):
        soft_targets.from_file(tmp_path / "any", STUDENT, of_folder(), fewer)


def test_images_that_are_judged_on_are_counted(fewer: PreparedData) -> None:
    assert judged_among(fewer, torch.arange(0)) == 0
    assert judged_among(in_folder(fewer, 10), torch.arange(0)) == 1
    data = replace(fewer, unlabelled=part(fewer.train, 7).images)
    assert judged_among(data, torch.tensor([0, 3, 50])) == 2
