from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from takd import soft_targets
from takd.chain import Network
from takd.checkpoint import load_network, save_network
from takd.data import prepared
from takd.data.prepared import PreparedData, Split
from takd.data.views import Normalisation, Views
from takd.errors import CheckpointError
from takd.recipe import Recipe
from takd.training import initialised
from tests.conftest import recipe, taught

TEACHER = Network.parse("digits/resnet/14/seed0")
STUDENT = Network.parse("digits/resnet/14-8/seed2")
CPU = torch.device("cpu")


@pytest.fixture
def data(digits: Path) -> PreparedData:
    whole = prepared.load(digits)
    return replace(whole, train=Split(whole.train.images[:90], whole.train.labels[:90]))


def write_teacher(path: Path, data: PreparedData, how: Recipe, network: Network = TEACHER) -> Path:
    torch.manual_seed(0)
    model = initialised(network, 10)
    model(torch.randn(50, 3, 32, 32))  # running statistics that aren't the initial ones
    metadata = {"network": str(network), "classes": 10, "data_digest": data.digest, "recipe": how.model_dump(mode="json")}
    save_network(path, model, metadata)
    return path


@pytest.mark.parametrize("views_seed", [None, 2])
def test_soft_targets_are_the_teachers_logits_for_what_students_see(
    data: PreparedData, tmp_path: Path, views_seed: int | None
) -> None:
    how = taught(augmentation="none" if views_seed is None else "crop_flip", precision="float32", epochs=3, normalisation="dataset")
    path = write_teacher(tmp_path / "teacher", data, recipe(precision="float32", normalisation="dataset"))
    epochs = 1 if views_seed is None else 3
    soft_targets.compute(path, data, tmp_path / "targets", views_seed=views_seed, epochs=epochs, device=CPU)
    targets = soft_targets.load(tmp_path / "targets", STUDENT, how, data)
    assert targets.teacher == TEACHER and targets.logits.dtype == torch.float16

    teacher, _ = load_network(path, data.digest)
    images = Views(data.train, Normalisation.of(data.train, "dataset"), augmented=views_seed is not None)
    positions = torch.tensor([70, 3, 12])
    for epoch in range(3):
        with torch.no_grad():
            expected = teacher(images.batch(positions, images.of_epoch(STUDENT.seed, epoch)))
        torch.testing.assert_close(targets.of_epoch(epoch)[positions].float(), expected, rtol=2e-3, atol=2e-3)


def test_augmented_epochs_differ_and_unaugmented_ones_do_not(data: PreparedData, tmp_path: Path) -> None:
    path = write_teacher(tmp_path / "teacher", data, recipe())
    soft_targets.compute(path, data, tmp_path / "still", views_seed=None, epochs=1, device=CPU)
    soft_targets.compute(path, data, tmp_path / "moving", views_seed=2, epochs=2, device=CPU)
    still = soft_targets.load(tmp_path / "still", STUDENT, taught(), data)
    moving = soft_targets.load(tmp_path / "moving", STUDENT, taught(augmentation="crop_flip"), data)
    assert torch.equal(still.of_epoch(0), still.of_epoch(1))
    assert not torch.equal(moving.of_epoch(0), moving.of_epoch(1))


def test_the_same_targets_are_the_same_file(data: PreparedData, tmp_path: Path) -> None:
    path = write_teacher(tmp_path / "teacher", data, recipe())
    for name in ("one", "other"):
        soft_targets.compute(path, data, tmp_path / name, views_seed=2, epochs=2, device=CPU)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


@pytest.fixture
def targets(data: PreparedData, tmp_path: Path) -> Path:
    path = write_teacher(tmp_path / "teacher", data, recipe())
    soft_targets.compute(path, data, tmp_path / "targets", views_seed=2, epochs=2, device=CPU)
    return tmp_path / "targets"


MOVING = taught(augmentation="crop_flip")


@pytest.mark.parametrize(
    ("student", "how", "what_is_said"),
    [
        ("digits/resnet/20-8/seed2", MOVING, "soft targets of digits/resnet/14/seed0, but .* learns from digits/resnet/20/seed0"),
        ("cifar10/resnet/14-8/seed2", MOVING, "learns from cifar10/resnet/14/seed0"),
        ("digits/resnet/14-8/seed1", MOVING, "views under seed 2, but .* sees those under 1"),
        ("digits/resnet/14-8/seed2", taught(), "views under seed 2, but .* sees those under None"),
        ("digits/resnet/14-8/seed2", taught(augmentation="crop_flip", epochs=3), r"shape \(2, 90, 10\) .* needs \(3, 90, 10\)"),
    ],
)
def test_targets_of_another_teacher_or_length_are_refused(
    data: PreparedData, targets: Path, student: str, how: Recipe, what_is_said: str
) -> None:
    with pytest.raises(CheckpointError, match=what_is_said):
        soft_targets.load(targets, Network.parse(student), how, data)


def test_targets_for_more_or_other_images_are_refused(data: PreparedData, targets: Path) -> None:
    fewer = replace(data, train=Split(data.train.images[:80], data.train.labels[:80]))
    with pytest.raises(CheckpointError, match=r"needs \(2, 80, 10\)"):
        soft_targets.load(targets, STUDENT, MOVING, fewer)
    with pytest.raises(CheckpointError, match="on other images"):
        soft_targets.load(targets, STUDENT, MOVING, replace(data, digest="other"))


@pytest.mark.parametrize(("share", "seed", "accepted"), [(0.1, 1, True), (0, 1, False), (0.2, 1, False), (0.1, 0, False)])
def test_a_student_is_not_judged_on_images_that_its_teacher_learnt_from(
    data: PreparedData, tmp_path: Path, share: float, seed: int, accepted: bool
) -> None:
    path = write_teacher(tmp_path / "teacher", data, recipe(validation_share=share, validation_seed=seed))
    soft_targets.compute(path, data, tmp_path / "targets", views_seed=None, epochs=1, device=CPU)
    soft_targets.load(tmp_path / "targets", STUDENT, taught(), data)  # judged on test images
    judged_on_held_out = taught(validation_share=0.1, validation_seed=1)
    with nullcontext() if accepted else pytest.raises(CheckpointError, match=r"learnt from images that .*14-8/seed2 holds out"):
        soft_targets.load(tmp_path / "targets", STUDENT, judged_on_held_out, data)


def test_targets_cut_short_are_refused(data: PreparedData, targets: Path) -> None:
    targets.write_bytes(targets.read_bytes()[:-1])
    with pytest.raises(CheckpointError, match="cut short or damaged"):
        soft_targets.load(targets, STUDENT, MOVING, data)


def test_weights_are_not_taken_for_targets(data: PreparedData, tmp_path: Path) -> None:
    path = write_teacher(tmp_path / "teacher", data, recipe())
    with pytest.raises(CheckpointError, match="holds no soft targets"):
        soft_targets.load(path, STUDENT, taught(), data)


def test_a_teacher_of_another_data_set_is_refused(data: PreparedData, tmp_path: Path) -> None:
    path = write_teacher(tmp_path / "teacher", replace(data, digest="other"), recipe())
    with pytest.raises(CheckpointError, match="digits/resnet/14/seed0 was trained on another data set"):
        soft_targets.compute(path, data, tmp_path / "targets", views_seed=None, epochs=1, device=CPU)
    assert not (tmp_path / "targets").exists()
