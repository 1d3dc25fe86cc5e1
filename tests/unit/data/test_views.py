import math
from pathlib import Path

import pytest
import torch
import torchvision.transforms.v2.functional as T
from torchvision.transforms import InterpolationMode

from takd.data import prepared
from takd.data.prepared import Split
from takd.data.registry import OwnImages
from takd.data.views import (
    Normalisation,
    Views,
    channel_statistics,
    drawn_boxes,
    drawn_views,
    resized_crops,
    share_of,
    shuffled,
    statistics,
    training_and_held_out,
)
from tests.unit.data.pictures_of import folder_of_classes


@pytest.fixture
def split() -> Split:
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(256, (200, 32, 32, 3), generator=generator, dtype=torch.uint8)
    return Split(images, torch.arange(200) % 10)


def test_crop_and_flip_are_torchvisions(split: Split) -> None:
    views = Views(split, Normalisation.of(split, "paper"), augmentation="crop_flip")
    drawn = views.of_epoch(seed=3, epoch=7)
    assert drawn is not None
    batch = views.batch(torch.arange(200), drawn)
    for position in range(0, 200, 13):
        row, column, flip = drawn[position].tolist()
        image = T.crop(T.pad(split.images[position].permute(2, 0, 1), [4]), row, column, 32, 32)
        image = T.hflip(image) if flip else image
        torch.testing.assert_close(batch[position], T.normalize(image / 255, [0.5] * 3, [0.5] * 3), rtol=0, atol=1e-6)


def test_views_are_drawn_for_seed_epoch_and_image_alone(split: Split) -> None:
    views = Views(split, Normalisation.of(split, "paper"), augmentation="crop_flip")
    drawn = views.of_epoch(0, 5)
    assert drawn is not None
    torch.rand(17)  # other randomness doesn't matter
    assert torch.equal(drawn, drawn_views(200, seed=0, epoch=5))
    assert not torch.equal(drawn, drawn_views(200, seed=0, epoch=6))
    assert not torch.equal(drawn, drawn_views(200, seed=1, epoch=5))
    some = torch.tensor([150, 3, 77])
    assert torch.equal(views.batch(some, drawn), views.batch(torch.arange(200), drawn)[some])


def test_every_one_of_the_162_views_is_drawn_as_often() -> None:
    row, column, flip = drawn_views(162_000, seed=0, epoch=0).unbind(1)
    counts = torch.bincount((row * 9 + column) * 2 + flip, minlength=162)
    assert len(counts) == 162 and counts.min() > 850 and counts.max() < 1150  # 1000 each, deviation 32


def test_unaugmented_views_are_the_images(split: Split) -> None:
    views = Views(split, Normalisation.of(split, "paper"))
    assert views.of_epoch(0, 0) is None
    batch = views.batch(torch.tensor([4, 2]), None)
    assert batch.shape == (2, 3, 32, 32) and batch.is_contiguous(memory_format=torch.channels_last)
    expected = split.images[[4, 2]].permute(0, 3, 1, 2) / 127.5 - 1
    torch.testing.assert_close(batch, expected, rtol=0, atol=1e-6)


def test_the_data_sets_own_statistics_give_zero_mean_and_unit_deviation(split: Split) -> None:
    images = split.images.clone()
    images[..., 0] //= 3
    skewed = Split(images, split.labels)
    mean, deviation = channel_statistics(images)
    torch.testing.assert_close(mean, images.float().mean((0, 1, 2)))
    torch.testing.assert_close(deviation, images.float().std((0, 1, 2), correction=0))
    batch = Views(skewed, Normalisation.of(skewed, "dataset")).batch(torch.arange(200), None)
    torch.testing.assert_close(batch.mean((0, 2, 3)), torch.zeros(3), rtol=0, atol=1e-4)
    torch.testing.assert_close(batch.std((0, 2, 3), correction=0), torch.ones(3), rtol=0, atol=1e-4)


def test_a_channel_that_is_the_same_everywhere_is_shown_as_zero(split: Split) -> None:
    pixels = split.images.clone()
    pixels[..., 1] = 7
    same = Split(pixels, split.labels)
    shown = Views(same, Normalisation.of(same, "dataset")).batch(torch.arange(len(same)), None)
    assert not shown[:, 1].any() and shown.isfinite().all() and shown[:, 0].any()


def test_held_out_images_are_the_same_share_of_every_class() -> None:
    labels = torch.tensor([0] * 100 + [1] * 50 + [2] * 9)[torch.randperm(159)]
    training, held_out = training_and_held_out(labels, share=0.1, seed=0)
    assert labels[held_out].bincount(minlength=3).tolist() == [10, 5, 0]
    assert sorted(training.tolist() + held_out.tolist()) == list(range(159))
    again = training_and_held_out(labels, share=0.1, seed=0)[1]
    other = training_and_held_out(labels, share=0.1, seed=1)[1]
    assert torch.equal(held_out, again) and not torch.equal(held_out, other)


def test_without_a_share_nothing_is_held_out() -> None:
    training, held_out = training_and_held_out(torch.arange(10), share=0, seed=0)
    assert torch.equal(training, torch.arange(10)) and len(held_out) == 0


def test_a_share_is_the_same_of_every_class_and_lies_within_larger_ones() -> None:
    labels = torch.tensor([0] * 100 + [1] * 60 + [2] * 40)[torch.randperm(200)]
    training, _ = training_and_held_out(labels, share=0.1, seed=0)
    shares = [share_of(training, labels, share, seed=0) for share in (0.25, 0.5, 1)]
    quarter, half, whole = (set(share.tolist()) for share in shares)
    assert quarter < half < whole == set(training.tolist())
    assert labels[shares[0]].bincount().tolist() == [22, 14, 9]  # of 90, 54 and 36; half an image goes to the even number
    assert labels[shares[1]].bincount().tolist() == [45, 27, 18]
    assert torch.equal(shares[0], shares[0].sort().values)
    assert not torch.equal(shares[0], share_of(training, labels, 0.25, seed=1))


def test_each_epoch_has_an_order_of_its_own() -> None:
    positions = torch.arange(0, 1000, 2)
    first = shuffled(positions, seed=0, epoch=0)
    assert torch.equal(first.sort().values, positions)
    assert torch.equal(first, shuffled(positions, seed=0, epoch=0))
    assert not torch.equal(first, shuffled(positions, seed=0, epoch=1))
    assert not torch.equal(first, shuffled(positions, seed=1, epoch=0))


def images_of(count: int, side: int, seed: int = 2) -> torch.Tensor:
    return torch.randint(256, (count, side, side, 3), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)


@pytest.mark.parametrize("side", [8, 32, 47])
def test_a_resized_crop_is_torchvisions(side: int) -> None:
    boxes = drawn_boxes(60, side, seed=1, epoch=2)
    boxes[:6] = torch.tensor(
        [
            [0, 0, side, side, 0],
            [0, 0, side, side, 1],
            [side - 1, side - 1, 1, 1, 0],
            [0, side - 3, side, 3, 1],
            [side - 2, 0, 2, side, 0],
            [1, 2, 5, 6, 1],
        ]
    )
    images = images_of(60, side)
    crops = resized_crops(images, boxes)
    assert crops.shape == images.shape and crops.dtype == torch.float32 and crops.is_contiguous()
    for image, box, crop in zip(images, boxes.tolist(), crops, strict=True):
        row, column, height, width, flip = box
        expected = T.resized_crop(
            image.permute(2, 0, 1).float(), row, column, height, width, [side, side], InterpolationMode.BILINEAR, antialias=False
        )
        expected = T.hflip(expected) if flip else expected
        torch.testing.assert_close(crop.permute(2, 0, 1), expected, rtol=0, atol=0.01)  # of 255
    torch.testing.assert_close(crops[0], images[0].float(), rtol=0, atol=0.01)  # the whole image is itself


def test_boxes_are_drawn_as_torchvisions_are() -> None:
    count, side = 20_000, 64
    row, column, height, width, flip = drawn_boxes(count, side, seed=0, epoch=0).double().unbind(1)
    area, ratio = height * width / side**2, (width / height).log()
    assert area.min() > 0.23 and area.max() <= 1 and abs(flip.mean() - 0.5) < 0.02
    assert ratio.abs().max() < math.log(4 / 3) + 0.05 and abs(ratio.mean()) < 0.01
    assert (row >= 0).all() and (column >= 0).all() and (row + height).max() == side and (column + width).max() == side
    # Their own class draws from a global stream; means and deviations of as many of its draws agree.
    from torchvision.transforms import RandomResizedCrop

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        theirs = torch.tensor(
            [RandomResizedCrop.get_params(torch.empty(3, side, side), [0.25, 1], [3 / 4, 4 / 3]) for _ in range(4000)]
        )
    for ours, others in zip((row, column, height, width), theirs.double().unbind(1), strict=True):
        assert abs(ours.mean() - others.mean()) < 1 and abs(ours.std() - others.std()) < 0.7  # four deviations of the mean


def test_boxes_depend_on_seed_epoch_and_image_alone() -> None:
    split = Split(images_of(50, 16), torch.arange(50) % 5)
    views = Views(split, Normalisation.of(split, "imagenet"), augmentation="resized_crop_flip")
    drawn = views.of_epoch(0, 5)
    assert drawn is not None and torch.equal(drawn, drawn_boxes(50, 16, seed=0, epoch=5))
    assert not torch.equal(drawn, drawn_boxes(50, 16, seed=0, epoch=6))
    assert not torch.equal(drawn, drawn_boxes(50, 16, seed=1, epoch=5))
    some = torch.tensor([40, 3, 17])
    assert torch.equal(views.batch(some, drawn), views.batch(torch.arange(50), drawn)[some])
    batch = views.batch(some, drawn)
    assert batch.shape == (3, 3, 16, 16) and batch.is_contiguous(memory_format=torch.channels_last)


def test_an_augmentation_or_normalisation_that_there_is_not_is_refused(split: Split) -> None:
    with pytest.raises(ValueError, match="unknown augmentation 'flip'; there are none, crop_flip, resized_crop_flip"):
        Views(split, Normalisation.of(split, "paper"), augmentation="flip")
    with pytest.raises(ValueError, match="unknown normalisation 'mean'; there are paper, dataset and imagenet"):
        Normalisation.of(split, "mean")  # type: ignore[arg-type]


def test_imagenets_normalisation_is_torchvisions(split: Split) -> None:
    batch = Views(split, Normalisation.of(split, "imagenet")).batch(torch.arange(9), None)
    expected = T.normalize(split.images[:9].permute(0, 3, 1, 2) / 255, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
    torch.testing.assert_close(batch, expected, rtol=0, atol=1e-5)


@pytest.mark.parametrize("side", [8, 33, 64])
def test_crops_are_cut_from_squares_of_any_size(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    split = Split(images_of(20, side), torch.arange(20) % 2)
    normalisation = Normalisation.of(split, "paper")
    views = Views(split, normalisation, augmentation="crop_flip")
    drawn = views.of_epoch(0, 0)
    assert drawn is not None and views.padded is not None
    batch = views.batch(torch.arange(20), drawn)
    for position in range(20):
        row, column, flip = drawn[position].tolist()
        image = T.crop(T.pad(split.images[position].permute(2, 0, 1), [4]), row, column, side, side)
        image = T.hflip(image) if flip else image
        torch.testing.assert_close(batch[position], image / 127.5 - 1, rtol=0, atol=1e-6)
    monkeypatch.setattr("takd.data.views.PADDED_AT_ONCE", 100)
    later = Views(split, normalisation, augmentation="crop_flip")
    some = torch.tensor([3, 3, 19, 0])
    assert later.padded is None and torch.equal(later.batch(some, drawn), batch[some])


@pytest.mark.parametrize("augmentation", ["none", "crop_flip", "resized_crop_flip"])
@pytest.mark.parametrize("kind", ["paper", "dataset", "imagenet"])
def test_streamed_views_are_those_in_memory_to_the_bit(tmp_path: Path, augmentation: str, kind: str) -> None:
    for part in ("train", "test"):
        folder_of_classes(tmp_path / "images" / part, {"cat": 7, "dog": 6}, side=21)
    splits = []
    for name, limit in (("memory", 10**9), ("streamed", 1)):
        spec = OwnImages(folder=str(tmp_path / "images"), size=16)
        prepared.prepare_own("pets", spec, tmp_path / f"{name}.safetensors", expected=None, in_memory_bytes=limit)
        splits.append(prepared.load(tmp_path / f"{name}.safetensors").train)
    views = [Views(one, Normalisation.of(one, kind), augmentation=augmentation) for one in splits]  # type: ignore[arg-type]
    assert torch.equal(views[0].scale, views[1].scale) and torch.equal(views[0].shift, views[1].shift)
    for epoch in range(3):
        drawn = [one.of_epoch(4, epoch) for one in views]
        for positions in torch.tensor([5, 12, 0, 5, 7, 1]).split(4):
            assert torch.equal(views[0].batch(positions, drawn[0]), views[1].batch(positions, drawn[1]))


def test_statistics_are_those_of_all_pixels(split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("takd.data.views._CHUNK", 7)
    for ours, theirs in zip(statistics(split), channel_statistics(split.images), strict=True):
        assert torch.equal(ours, theirs)
