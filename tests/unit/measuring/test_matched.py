"""The scale of logits: found where it is known, and no help to a network that is only surer of itself."""

import math

import pytest
import torch
from torch.nn.functional import cross_entropy

from takd.measuring.matched import fitted_scale, fitted_scales, matched_loss
from tests.conftest import ROOT


def test_the_scale_is_found_where_it_is_known() -> None:
    """Three of four images are right by a margin of m: the least loss is where sigmoid(scale m) is 3 / 4."""
    margin = 5.0
    logits = torch.tensor([[margin, 0.0]]).repeat(8, 1)
    labels = torch.tensor([0, 0, 0, 1] * 2)
    assert fitted_scale(logits, labels) == pytest.approx(math.log(3) / margin, rel=1e-4)


def test_who_is_surer_has_the_same_loss_at_matched_temperature() -> None:
    random = torch.Generator().manual_seed(1)
    logits, labels = torch.randn(200, 10, generator=random), torch.randint(10, (200,), generator=random)
    logits[torch.arange(200), labels] += 2
    surer = 7 * logits
    assert cross_entropy(surer, labels) > 1.3 * cross_entropy(logits, labels)
    losses = [matched_loss(each, labels, fitted_scales(each, labels)).item() for each in (logits, surer)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_each_half_is_judged_by_the_scale_of_the_other() -> None:
    logits = torch.tensor([[2.0, 0.0], [4.0, 0.0]]).repeat(4, 1)
    labels = torch.tensor([0, 0, 0, 0, 0, 0, 1, 1])  # 3 of 4 right, in each half
    even, odd = fitted_scales(logits, labels)
    assert (even, odd) == pytest.approx((math.log(3) / 4, math.log(3) / 2), rel=1e-4)
    margins = torch.tensor([2 * even, 4 * odd]).repeat(4)
    signs = 1 - 2 * labels
    assert matched_loss(logits, labels, (even, odd)).item() == pytest.approx(torch.log1p((-signs * margins).exp()).mean().item())


def test_a_network_that_is_always_right_may_be_as_sure_as_it_likes() -> None:
    logits, labels = torch.tensor([[1.0, 0.0]] * 4), torch.zeros(4, dtype=torch.int64)
    assert matched_loss(logits, labels, fitted_scales(logits, labels)).item() < 1e-9


def test_the_example_in_the_docs() -> None:
    page = " ".join((ROOT / "docs/how-a-claim-is-judged.md").read_text().split())
    logits, labels = torch.tensor([[5.0, 0.0]] * 8), torch.tensor([0, 0, 0, 0, 0, 0, 1, 1])
    scales = fitted_scales(logits, labels)
    before, after = cross_entropy(logits, labels).item(), matched_loss(logits, labels, scales).item()
    assert f"The scale is ln 3 / 5 = {scales[0]:.2f}, and the loss falls from {before:.2f} to {after:.2f} nats" in page
