from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from takd.data.prepared import PreparedData
from takd.data.splits import Split
from takd.data.views import Normalisation, Views
from takd.errors import CheckpointError, DivergenceError, ParameterError
from takd.records.soft_targets import SoftTargets
from takd.study.names import Name
from takd.study.recipe import Recipe
from takd.training import soft_targets
from takd.training.inference import logits
from takd.training.loop import train
from takd.training.opened import opened
from tests.conftest import taught
from tests.unit.training.conftest import CPU, part, same, weights, write_network

TEACHER = "digits/resnet/14/seed0"
STUDENT = Name.parse("digits/resnet/14-8/seed2")
MOVING = taught(builder="resnet:8", augmentation="crop_flip")


@pytest.fixture
def data(few: PreparedData) -> PreparedData:
    return replace(few, train=part(few.train, 110))


@pytest.fixture
def teacher(data: PreparedData, tmp_path: Path) -> Path:
    return write_network(tmp_path / "teacher", data, TEACHER, "resnet:14")


@pytest.fixture
def targets(data: PreparedData, teacher: Path, tmp_path: Path) -> Path:
    soft_targets.compute(teacher, data, tmp_path / "targets", views="seed2-2epochs", device=CPU)
    return tmp_path / "targets"


@pytest.mark.parametrize("augmentation", ["none", "crop_flip", "resized_crop_flip"])
def test_soft_targets_are_the_teachers_logits_for_what_students_see(data: PreparedData, tmp_path: Path, augmentation: str) -> None:
    how = taught(augmentation=augmentation, epochs=3)
    path = write_network(tmp_path / "teacher", data, TEACHER, "resnet:14", normalisation="dataset")
    soft_targets.compute(path, data, tmp_path / "targets", views=soft_targets.views_of(how, 2), device=CPU)
    answers = soft_targets.from_file(tmp_path / "targets", STUDENT, how, data)
    assert str(answers.teacher) == TEACHER and answers.targets.logits.dtype == torch.float16

    network, _ = opened(path)
    images = Views(data.train, Normalisation.of(data.train, "dataset"), augmentation=augmentation)
    positions = torch.tensor([70, 3, 12])
    for epoch in range(3):
        with torch.no_grad():
            expected = network(images.batch(positions, images.of_epoch(STUDENT.seed, epoch)))
        torch.testing.assert_close(answers.of_epoch(epoch)[positions].float(), expected, rtol=2e-3, atol=2e-3)
    assert torch.equal(answers.of_epoch(0), answers.of_epoch(1)) == (augmentation == "none")


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("augmentation", ["none", "crop_flip", "resized_crop_flip"])
def test_a_student_ends_in_the_same_bits_whether_its_teacher_was_asked_before_or_runs_beside_it(
    data: PreparedData, tmp_path: Path, augmentation: str, precision: str
) -> None:
    """The teacher is of another family than the student: names say members, and builders what they are."""
    path = write_network(tmp_path / "teacher", data, "digits/mixed/large/seed0", "resnet:8", precision=precision)
    student = Name.parse("digits/mixed/large-small/seed2")
    how = taught(builder="plain:2", augmentation=augmentation, batch_size=32, trade_off=0.9)
    soft_targets.compute(path, data, tmp_path / "targets", views=soft_targets.views_of(how, 2), device=CPU)
    from_file = soft_targets.from_file(tmp_path / "targets", student, how, data)
    online = soft_targets.online(path, student, how, data, CPU)
    assert (from_file.teacher, from_file.teacher_digest) == (online.teacher, online.teacher_digest)
    first, second = (train(student, how, data, answers, device=CPU) for answers in (from_file, online))
    assert same(weights(first.network), weights(second.network))


@pytest.mark.parametrize("augmentation", ["none", "crop_flip"])
def test_a_policys_views_are_answered_beside_the_student_alone(data: PreparedData, teacher: Path, augmentation: str) -> None:
    """The teacher sees the views of its student's seed, other ones in each epoch; a file says that it can't hold the answers."""
    how = taught(builder="resnet:8", augmentation=augmentation, policy="trivialaugment", erasing=0.3)
    online = soft_targets.online(teacher, STUDENT, how, data, CPU)
    images = Views(
        data.train, Normalisation.of(data.train, "paper"), augmentation=augmentation, policy="trivialaugment", erasing=0.3
    )
    for epoch in range(2):
        views = images.of_epoch(STUDENT.seed, epoch)
        assert torch.equal(online.of_epoch(epoch), logits(online.network, images, views).half())
    assert not torch.equal(online.of_epoch(0), online.of_epoch(1))
    soft_targets.compute(teacher, data, teacher.parent / "file", views=soft_targets.views_of(how, 2), device=CPU)
    with pytest.raises(CheckpointError, match="changed by policy; give its teacher instead, by --teacher"):
        soft_targets.from_file(teacher.parent / "file", STUDENT, how, data)


def test_a_teacher_is_asked_once_about_views_that_do_not_change(
    data: PreparedData, teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []

    def counted(*arguments: Any, **options: Any) -> torch.Tensor:
        asked.append(arguments)
        return logits(*arguments, **options)

    monkeypatch.setattr(soft_targets, "logits", counted)
    for how, times in ((taught(builder="resnet:8"), 1), (MOVING, 2)):
        asked.clear()
        online = soft_targets.online(teacher, STUDENT, how, data, CPU)
        assert torch.equal(online.of_epoch(0), online.of_epoch(1)) == (times == 1)
        assert len(asked) == times


def test_the_same_targets_are_the_same_file(data: PreparedData, teacher: Path, targets: Path, tmp_path: Path) -> None:
    soft_targets.compute(teacher, data, tmp_path / "again", views="seed2-2epochs", device=CPU)
    assert targets.read_bytes() == (tmp_path / "again").read_bytes()


def test_targets_of_more_epochs_serve_a_shorter_training(data: PreparedData, targets: Path) -> None:
    answers = soft_targets.from_file(targets, STUDENT, taught(augmentation="crop_flip", epochs=1), data)
    assert torch.equal(answers.of_epoch(0), SoftTargets.read(targets).logits[0])


@pytest.mark.parametrize(
    ("student", "how", "what_is_said"),
    [
        ("digits/resnet/20-8/seed2", MOVING, "of digits/resnet/14/seed0, but .* learns from digits/resnet/20/seed0"),
        ("cifar10/resnet/14-8/seed2", MOVING, "learns from cifar10/resnet/14/seed0"),
        ("digits/resnet/14-8/seed1", MOVING, "the views seed2-2epochs, but .* sees seed1-2epochs"),
        ("digits/resnet/14-8/seed2", taught(), "the views seed2-2epochs, but .* sees unaugmented"),
        ("digits/resnet/14-8/seed2", taught(augmentation="resized_crop_flip"), "but .* sees seed2-2epochs-resized"),
        ("digits/resnet/14-8/seed2", taught(augmentation="crop_flip", epochs=3), "but .* sees seed2-3epochs"),
    ],
)
def test_targets_of_another_teacher_or_of_other_views_are_refused(
    data: PreparedData, targets: Path, student: str, how: Recipe, what_is_said: str
) -> None:
    with pytest.raises(CheckpointError, match=what_is_said):
        soft_targets.from_file(targets, Name.parse(student), how, data)


def test_targets_for_more_or_other_images_are_refused(data: PreparedData, targets: Path) -> None:
    fewer = replace(data, train=Split(data.train.images[:80], data.train.labels[:80]))
    with pytest.raises(CheckpointError, match=r"needs \(2, 80, 10\)"):
        soft_targets.from_file(targets, STUDENT, MOVING, fewer)
    with pytest.raises(CheckpointError, match="of other images than digits's"):
        soft_targets.from_file(targets, STUDENT, MOVING, replace(data, digest="other"))


@pytest.mark.parametrize(("share", "seed", "accepted"), [(0.1, 1, True), (0, 0, False), (0.2, 1, False), (0.1, 0, False)])
@pytest.mark.parametrize("runs_beside", [False, True])
def test_a_student_is_not_judged_on_images_that_its_teacher_learnt_from(
    data: PreparedData, tmp_path: Path, share: float, seed: int, accepted: bool, runs_beside: bool
) -> None:
    path = write_network(tmp_path / "teacher", data, TEACHER, "plain:2", held_out=(share, seed))
    soft_targets.compute(path, data, tmp_path / "targets", views="unaugmented", device=CPU)

    def given(how: Recipe) -> object:
        if runs_beside:
            return soft_targets.online(path, STUDENT, how, data, CPU)
        return soft_targets.from_file(tmp_path / "targets", STUDENT, how, data)

    given(taught())  # judged on test images
    with nullcontext() if accepted else pytest.raises(CheckpointError, match=r"learnt from images that .*14-8/seed2 holds out"):
        given(taught(validation_share=0.1, validation_seed=1))


def test_targets_cut_short_are_refused(data: PreparedData, targets: Path) -> None:
    targets.write_bytes(targets.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="cut short or damaged"):
        soft_targets.from_file(targets, STUDENT, MOVING, data)


def test_weights_are_not_taken_for_targets(data: PreparedData, teacher: Path) -> None:
    with pytest.raises(CheckpointError, match="not soft targets"):
        soft_targets.from_file(teacher, STUDENT, taught(), data)


def test_a_teacher_of_another_data_set_is_refused(data: PreparedData, tmp_path: Path) -> None:
    path = write_network(tmp_path / "teacher", data, TEACHER, "plain:2", data_digest="f" * 64)
    with pytest.raises(CheckpointError, match="digits/resnet/14/seed0 was trained on other images"):
        soft_targets.compute(path, data, tmp_path / "targets", views="unaugmented", device=CPU)
    with pytest.raises(CheckpointError, match="was trained on other images"):
        soft_targets.online(path, STUDENT, taught(), data, CPU)
    assert not (tmp_path / "targets").exists()


def test_answers_that_overflow_half_precision_are_refused_where_they_arise(data: PreparedData, tmp_path: Path) -> None:
    largest = [1e5, 1e5, 1e5]  # pixels of 255 become 2.55e7
    path = write_network(tmp_path / "teacher", data, TEACHER, "plain:2", scale=largest)
    said = r"digits/resnet/14/seed0: its logits overflow half precision \(65,504\) in epoch 1"
    with pytest.raises(DivergenceError, match=said):
        soft_targets.compute(path, data, tmp_path / "targets", views="unaugmented", device=CPU)
    assert [each.name for each in tmp_path.iterdir()] == ["teacher"]
    with pytest.raises(DivergenceError, match=said):
        train(STUDENT, taught(builder="plain:2"), data, soft_targets.online(path, STUDENT, taught(), data, CPU), device=CPU)


def test_another_key_than_the_workflow_expects_ends_it(data: PreparedData, teacher: Path, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match="expected 1111111111111111"):
        soft_targets.compute(teacher, data, tmp_path / "targets", views="unaugmented", device=CPU, expected_key="1" * 16)
    assert not (tmp_path / "targets").exists()
