"""Several teachers of one student: an ensemble of equals, a teacher with all above it, and one that is asked about made images."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from takd.data import prepared
from takd.data.prepared import PreparedData
from takd.data.views import Normalisation
from takd.errors import CheckpointError, ParameterError
from takd.records.key import teachers_key
from takd.study.names import Name
from takd.training.checkpoint import Progress
from takd.training.job import taught_by
from takd.training.loop import train
from takd.training.soft_targets import online
from takd.training.teaching import Several, Shown, together
from takd.training.watched import Asking
from tests.conftest import recipe, taught
from tests.unit.training.conftest import CPU, MadeUp, Stop, same, stop_after, weights, write_network
from tests.unit.training.test_job import run

STEP = Shown(torch.tensor([4, 1]), None, 0)
DENSE = Name.parse("digits/plain/6-4-2+dgkd/seed3")
ASKING = Name.parse("digits/plain/4-2+bss/seed3")


def made_up(seed: int, images: int = 10) -> MadeUp:
    one = MadeUp(images, 2)
    one.teacher, one.teacher_key, one.logits = Name.parse(f"digits/plain/4/seed{seed}"), f"key{seed}", one.logits * (1 + seed)
    return one


def test_an_ensembles_softmax_at_the_temperature_is_the_mean_of_its_teachers() -> None:
    one, other = np.random.default_rng(0).normal(size=(2, 3, 5))
    found = together([torch.tensor(one).float(), torch.tensor(other).half()], 4).numpy()
    softmax = [np.exp(each / 4) / np.exp(each / 4).sum(1, keepdims=True) for each in (one, other, found)]
    np.testing.assert_allclose(softmax[2], (softmax[0] + softmax[1]) / 2, atol=1e-4)


def test_each_of_several_teachers_speaks_for_itself() -> None:
    teachers = [made_up(seed) for seed in range(3)]
    several = Several(teachers, None)
    several.begin_epoch(1, CPU, is_mixed=False)
    said = several.of_step(STEP)
    assert said.logits is not None and torch.equal(said.logits, teachers[0].logits[1][[4, 1]])
    assert [torch.equal(each, teacher.logits[1][[4, 1]]) for each, teacher in zip(said.ancestors, teachers[1:], strict=True)] == [
        True
    ] * 2
    assert several.teacher_key == teachers_key(["key0", "key1", "key2"]) != teachers_key(["key1", "key0", "key2"])
    assert teachers_key(["key0"]) == "key0"


def test_the_weights_of_each_teacher_are_in_what_is_recorded_of_several() -> None:
    teachers = [made_up(seed) for seed in range(3)]
    before = Several(teachers, None).teacher_digest
    assert len(before) == 64 and before != teachers[0].teacher_digest
    teachers[2].teacher_digest = "f" * 64  # retrained, by the same recipe
    assert Several(teachers, None).teacher_digest != before


def test_who_teaches_a_network_is_said_by_its_name_and_its_recipe() -> None:
    assert taught_by(DENSE, recipe(objective="dgkd")) == [Name.parse(f"digits/plain/{chain}/seed3") for chain in ("6-4", "6")]
    equals = taught_by(Name.parse("digits/plain/4-2/seed3"), taught(ensemble=[5, 0]))
    assert equals == [Name.parse(f"digits/plain/4/seed{seed}") for seed in (5, 0)]


def test_a_job_is_given_as_many_teachers_as_its_network_has(digits: Path, tmp_path: Path) -> None:
    data = prepared.load(digits)
    first = write_network(tmp_path / "first", data, "digits/plain/4/seed0", "plain:4")
    second = write_network(tmp_path / "second", data, "digits/plain/4/seed1", "plain:6")  # of other weights
    how, name = taught(builder="plain:2", training_share=0.1, epochs=1, ensemble=[0, 1]), "digits/plain/4-2/seed0"
    with pytest.raises(ParameterError, match=r"1 teachers were given, but it learns from 2: digits/plain/4/seed0, "):
        run(tmp_path, digits, name, how, teachers=(first,))
    with pytest.raises(CheckpointError, match="was given digits/plain/4/seed1, but its ensemble has seed 0 there"):
        run(tmp_path, digits, name, how, teachers=(second, first))
    assert not (tmp_path / "model.safetensors").exists()
    both = run(tmp_path, digits, name, how, teachers=(first, second))
    alone = run(tmp_path / "alone", digits, name, taught(builder="plain:2", training_share=0.1, epochs=1), teachers=(first,))
    assert both.weights_digest != alone.weights_digest and both.teacher == "digits/plain/4/seed0"


def dense(folder: Path, data: PreparedData, how: Any) -> Several:
    teachers = [("6-4", "plain:4"), ("6", "plain:6")]
    paths = [write_network(folder / chain, data, f"digits/plain/{chain}/seed3", builder) for chain, builder in teachers]
    beside = [online(path, DENSE, how, data, CPU, None, name) for path, name in zip(paths, DENSE.ancestors, strict=True)]
    return Several(beside, None)


def asking(folder: Path, data: PreparedData, how: Any) -> Asking:
    path = write_network(folder / "teacher", data, "digits/plain/4/seed3", "plain:4")
    return Asking(online(path, ASKING, how, data, CPU), Normalisation.of(data.train, "paper"))


@pytest.mark.parametrize(("name", "teacher"), [(DENSE, dense), (ASKING, asking)])
def test_an_interrupted_training_ends_in_the_same_bits(fewer: PreparedData, tmp_path: Path, name: Name, teacher: Any) -> None:
    how = recipe(objective=name.objective.name, builder="plain:2", epochs=3, augmentation="crop_flip", batch_size=50)
    whole = train(name, how, fewer, teacher(tmp_path, fewer, how), device=CPU)
    progress = Progress(tmp_path / "resume", "key")
    with pytest.raises(Stop):
        train(name, how, fewer, teacher(tmp_path, fewer, how), device=CPU, progress=progress, on_epoch=stop_after(1))
    resumed = train(name, how, fewer, teacher(tmp_path, fewer, how), device=CPU, progress=progress)
    assert same(weights(whole.network), weights(resumed.network))


def test_a_dense_students_teachers_above_its_own_count(fewer: PreparedData, tmp_path: Path) -> None:
    how = recipe(objective="dgkd", builder="plain:2", epochs=1, dgkd_dropped=0, dgkd_trade_off=1)
    several = dense(tmp_path, fewer, how)
    both = train(DENSE, how, fewer, several, device=CPU)
    own = train(DENSE, how, fewer, several.teachers[0], device=CPU)
    assert not same(weights(both.network), weights(own.network))


def test_a_teacher_takes_made_images_as_it_takes_its_own(fewer: PreparedData, tmp_path: Path) -> None:
    """They are as the student sees them, in the paper's normalisation; the teacher's is by the data set's own statistics."""
    how = recipe(objective="bss", builder="plain:2", epochs=1)
    teacher = asking(tmp_path, fewer, how)
    few = torch.arange(8)
    images = (fewer.train.images[few].float() - 127.5) / 127.5
    images = images.movedim(-1, 1) if images.shape[-1] == 3 else images
    teacher.begin_epoch(0, CPU, is_mixed=False)
    said = teacher.of_step(Shown(few, None, 0))
    assert said.logits is not None and said.ask is not None
    torch.testing.assert_close(said.ask.logits(images), said.logits.float(), rtol=2e-2, atol=2e-2)
    assert (said.ask.darkest.unique(), said.ask.brightest.unique()) == (torch.tensor([-1.0]), torch.tensor([1.0]))


def test_bss_needs_its_teacher_itself(digits: Path, tmp_path: Path) -> None:
    with pytest.raises(ParameterError, match=r"needs --teacher, digits/plain/4/seed3, as \+bss asks it more than logits"):
        run(tmp_path, digits, str(ASKING), recipe(objective="bss", builder="plain:2", epochs=1), soft_targets=(tmp_path / "x",))
