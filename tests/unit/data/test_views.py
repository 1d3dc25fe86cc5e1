import pytest
import torch
import torchvision.transforms.v2.functional as T

from takd.data.prepared import Split
from takd.data.views import Normalisation, Views, channel_statistics, drawn_views, share_of, shuffled, training_and_held_out


@pytest.fixture
def split() -> Split:
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(256, (200, 32, 32, 3), generator=generator, dtype=torch.uint8)
    return Split(images, torch.arange(200) % 10)


def test_crop_and_flip_are_torchvisions(split: Split) -> None:
    views = Views(split, Normalisation.of(split, "paper"), augmented=True)
    drawn = views.of_epoch(seed=3, epoch=7)
    assert drawn is not None
    batch = views.batch(torch.arange(200), drawn)
    for position in range(0, 200, 13):
        row, column, flip = drawn[position].tolist()
        image = T.crop(T.pad(split.images[position].permute(2, 0, 1), [4]), row, column, 32, 32)
        image = T.hflip(image) if flip else image
        torch.testing.assert_close(batch[position], T.normalize(image / 255, [0.5] * 3, [0.5] * 3), rtol=0, atol=1e-6)


def test_views_are_drawn_for_seed_epoch_and_image_alone(split: Split) -> None:
    views = Views(split, Normalisation.of(split, "paper"), augmented=True)
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
    views = Views(split, Normalisation.of(split, "paper"), augmented=False)
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
    batch = Views(skewed, Normalisation.of(skewed, "dataset"), augmented=False).batch(torch.arange(200), None)
    torch.testing.assert_close(batch.mean((0, 2, 3)), torch.zeros(3), rtol=0, atol=1e-4)
    torch.testing.assert_close(batch.std((0, 2, 3), correction=0), torch.ones(3), rtol=0, atol=1e-4)


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
