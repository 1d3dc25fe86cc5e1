from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, one_hot

from takd.data.prepared import PreparedData
from takd.errors import CheckpointError
from takd.objectives.batch import Batch
from takd.study.names import Name
from takd.study.recipe import Recipe
from takd.training import soft_targets
from takd.training.checkpoint import Progress
from takd.training.loop import train
from takd.training.mixing import Mixing
from tests.conftest import mutual, recipe, taught
from tests.unit.training.conftest import CPU, Stop, same, stop_after, weights, write_network

ALONE, STUDENT = Name.parse("digits/plain/2/seed0"), Name.parse("digits/plain/4-2/seed3")
MUTUAL = Name.parse("digits/plain/4-2+mutual/seed0")
IMAGES = torch.rand((6, 3, 8, 8), generator=torch.Generator().manual_seed(1))
LABELS = torch.tensor([0, 1, 2, 3, 4, 5])


@pytest.fixture
def teacher(fewer: PreparedData, tmp_path: Path) -> Path:
    return write_network(tmp_path / "teacher", fewer, "digits/plain/4/seed0", "plain:4", normalisation="dataset")


def test_mixup_is_the_papers_formula() -> None:
    """Zhang et al. 2018: λ x + (1 - λ) x' and λ y + (1 - λ) y', with a λ that the labels' shares tell."""
    drawn = set()
    for step in range(20):
        images, shares = Mixing(0.4, None, 6)(IMAGES, LABELS, 0, 0, step)
        share = float(shares[0, 0])
        drawn.add(share)
        before = torch.tensor([5, 0, 1, 2, 3, 4])
        torch.testing.assert_close(images, share * IMAGES + (1 - share) * IMAGES[before])
        torch.testing.assert_close(shares, share * one_hot(LABELS, 6) + (1 - share) * one_hot(LABELS[before], 6))
    assert len(drawn) == 20 and all(0 <= share <= 1 for share in drawn)


def test_cutmix_pastes_a_box_whose_share_the_labels_tell() -> None:
    """Yun et al. 2019: each pixel is of one of the two images, and the label's share is that of its pixels."""
    for step in range(20):
        images, shares = Mixing(None, 1.0, 6)(IMAGES, LABELS, 0, 0, step)
        own = (images == IMAGES).all(dim=1)
        assert (own | (images == IMAGES.roll(1, 0)).all(dim=1)).all() and (own == own[0]).all()
        rows, columns = (~own[0]).nonzero().unbind(1)
        if len(rows):
            assert len(rows) == (rows.max() - rows.min() + 1) * (columns.max() - columns.min() + 1)  # a box
        assert float(shares[0, 0]) == pytest.approx(float(own[0].float().mean()))


def test_where_both_are_asked_for_a_step_draws_one_of_them() -> None:
    pasted = [bool((Mixing(1.0, 1.0, 6)(IMAGES, LABELS, 0, 0, step)[0] == IMAGES).any()) for step in range(40)]
    assert 8 < sum(pasted) < 32


def test_a_draw_depends_on_seed_epoch_and_step_alone_and_leaves_torchs_generator_as_it_was() -> None:
    mixing = Mixing(0.4, None, 6)
    torch.manual_seed(7)
    before = torch.get_rng_state()
    first, _ = mixing(IMAGES, LABELS, 1, 2, 3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(5)
    assert torch.equal(first, mixing(IMAGES, LABELS, 1, 2, 3)[0])
    others = [mixing(IMAGES, LABELS, *draw)[0] for draw in ((0, 2, 3), (1, 0, 3), (1, 2, 0))]
    assert not any(torch.equal(first, other) for other in others)


@pytest.mark.parametrize(
    ("name", "how"),
    [
        (ALONE, recipe(builder="plain:2", mixup=0.4, label_smoothing=0.1, augmentation="crop_flip")),
        (STUDENT, taught(builder="plain:2", mixup=0.4, cutmix=1.0, augmentation="resized_crop_flip", batch_size=30)),
        (MUTUAL, mutual(builder="plain:2", peer="plain:4", epochs=1, separate_epochs=1, cutmix=1.0)),
    ],
    ids=["alone", "taught", "mutual"],
)
def test_mixed_trainings_end_in_the_same_bits_also_after_an_interruption(
    fewer: PreparedData, teacher: Path, tmp_path: Path, name: Name, how: Recipe
) -> None:
    def answers() -> soft_targets.Online | None:
        named = Name.parse("digits/plain/4-2/seed3")
        return soft_targets.online(teacher, named, how, fewer, CPU) if name == STUDENT else None

    whole = train(name, how, fewer, answers(), device=CPU)
    progress = Progress(tmp_path / "resume.safetensors", key="this training")
    with pytest.raises(Stop):
        train(name, how, fewer, answers(), device=CPU, progress=progress, on_epoch=stop_after(1))
    torch.rand(5)
    resumed = train(name, how, fewer, answers(), device=CPU, progress=progress)
    assert same(weights(whole.network), weights(resumed.network))
    assert [epoch.loss for epoch in whole.history] == [epoch.loss for epoch in resumed.history]


def test_a_teacher_answers_the_mixed_images_that_its_student_sees(
    fewer: PreparedData, teacher: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The teacher is shown the same pixels, normalised in its own way: its answers are those to the student's images so changed."""
    batches: list[Batch] = []
    shown: list[Tensor] = []

    def loss(outputs: Tensor, batch: Batch, fields: object) -> Tensor:
        batches.append(batch)
        return cross_entropy(outputs, batch.labels)

    def watched(mixing: Mixing, images: Tensor, labels: Tensor, *draw: int) -> tuple[Tensor, Tensor]:
        shown.append(images)
        mixed = call(mixing, images, labels, *draw)
        shown.append(mixed[0])
        return mixed

    call = Mixing.__call__
    monkeypatch.setattr("takd.objectives.distillation.loss", loss)
    monkeypatch.setattr(Mixing, "__call__", watched)
    how = taught(builder="plain:2", mixup=1.0, epochs=1, augmentation="crop_flip")
    online = soft_targets.online(teacher, STUDENT, how, fewer, CPU)
    train(STUDENT, how, fewer, online, device=CPU)
    unmixed, teachers, _, students = shown
    scale, shift = (values[:3].view(1, 3, 1, 1) for values in (online.images.scale, online.images.shift))
    pixels = (students + 1) * 127.5  # back from the paper's normalisation
    torch.testing.assert_close(teachers, pixels * scale + shift, rtol=1e-4, atol=1e-4)
    said = batches[0].teacher_logits
    assert said is not None and said.dtype == torch.float16
    with torch.no_grad():
        torch.testing.assert_close(said, online.network(teachers).half())
    assert not torch.allclose(unmixed, teachers, atol=0.1)
    torch.testing.assert_close(batches[0].labels.sum(1), torch.ones(100))


def test_soft_targets_by_file_say_that_they_cannot(fewer: PreparedData, teacher: Path, tmp_path: Path) -> None:
    soft_targets.compute(teacher, fewer, tmp_path / "targets", views="unaugmented", device=CPU)
    settings: tuple[dict[str, Any], ...] = ({"mixup": 0.2}, {"cutmix": 1})
    for how in settings:
        with pytest.raises(CheckpointError, match=f"{next(iter(how))}; give its teacher instead, by --teacher") as raised:
            soft_targets.from_file(tmp_path / "targets", STUDENT, taught(**how), fewer)
        assert "\n" not in str(raised.value)
    assert soft_targets.from_file(tmp_path / "targets", STUDENT, taught(), fewer)
