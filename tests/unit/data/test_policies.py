from typing import Any

import pytest
import torch
from torch import Tensor
from torchvision.transforms import v2

from takd.data.policies import ERASED, change_of, changed, drawn_seeds
from takd.data.splits import Split
from takd.data.views import Normalisation, Views

IMAGES = torch.randint(256, (40, 16, 16, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
SPLIT = Split(IMAGES, torch.arange(40) % 4)
PAPER = Normalisation.of(SPLIT, "paper")


def pixels(shown: Tensor) -> Tensor:
    """Back from the paper's normalisation: (B, H, W, 3), uint8."""
    return ((shown + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 1)


@pytest.mark.parametrize(("policy", "kind"), [("randaugment", v2.RandAugment), ("trivialaugment", v2.TrivialAugmentWide)])
def test_each_image_is_changed_by_torchvision_under_its_own_seed(policy: str, kind: Any) -> None:
    views = Views(SPLIT, PAPER, policy=policy)
    seeds = views.of_epoch(1, 2)
    assert seeds is not None and torch.equal(seeds, drawn_seeds(40, 1, 2)) and len(set(seeds.flatten().tolist())) == 40
    shown = pixels(views.batch(torch.arange(40), seeds))
    for image, seed, mine in zip(IMAGES, seeds.flatten().tolist(), shown, strict=True):
        torch.manual_seed(seed)
        assert torch.equal(mine, kind()(image.permute(2, 0, 1)).permute(1, 2, 0))
    assert (shown != IMAGES).flatten(1).any(1).sum() > 20


@pytest.mark.parametrize("augmentation", ["none", "crop_flip", "resized_crop_flip"])
def test_a_view_depends_on_seed_epoch_and_image_alone(augmentation: str) -> None:
    """Not on what else is in its batch, on torch's generator, or on what was drawn before; which is left as it was."""
    views = Views(SPLIT, PAPER, augmentation=augmentation, policy="trivialaugment", erasing=0.5)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    drawn = views.of_epoch(1, 2)
    whole = views.batch(torch.arange(40), drawn)
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(7)
    chosen = torch.tensor([30, 2, 17])
    assert torch.equal(whole[chosen], views.batch(chosen, views.of_epoch(1, 2)))
    for seed, epoch in ((0, 2), (1, 3)):
        assert not torch.equal(whole, views.batch(torch.arange(40), views.of_epoch(seed, epoch)))
    plain = Views(SPLIT, PAPER, augmentation=augmentation)
    crops = plain.of_epoch(1, 2)
    assert drawn is not None and (crops is None or torch.equal(drawn[:, :-1], crops))  # the crops are those without a policy


def test_erasing_takes_a_box_of_some_images_to_the_mean_colour() -> None:
    views = Views(SPLIT, PAPER, erasing=0.6)
    shown = pixels(views.batch(torch.arange(40), views.of_epoch(0, 0)))
    erased = 0
    for image, mine in zip(IMAGES, shown, strict=True):
        gone = (mine == torch.tensor(ERASED).to(torch.uint8)).all(2)
        assert torch.equal(mine[~gone], image[~gone])
        if gone.any():
            rows, columns = gone.nonzero().unbind(1)
            erased += 1
            assert gone.sum() == (rows.max() - rows.min() + 1) * (columns.max() - columns.min() + 1)
    assert 15 <= erased <= 33


def test_nothing_is_changed_where_nothing_is_asked_for() -> None:
    assert change_of("none", 0) is None
    assert Views(SPLIT, PAPER).of_epoch(0, 0) is None
    change = change_of("randaugment", 1)
    assert change is not None
    resized = IMAGES[:4].float() + 0.25  # as a resized crop leaves them: between two values
    seeds = drawn_seeds(4, 0, 0)[:, 0]
    assert torch.equal(changed(resized, seeds, change), changed(IMAGES[:4], seeds, change))
