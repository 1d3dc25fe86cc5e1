"""Every objective weights its labels' cross-entropy, and nothing else, by class."""

from importlib import import_module
from typing import Any

import pytest
import torch
from torch import Tensor

from takd.objectives.batch import Batch, Outputs, cross_entropy
from takd.objectives.registry import ALL
from takd.training.labels import softened, weights_of

WEIGHTS = torch.tensor([0.5, 2.0, 3.0])
LABELS = torch.tensor([0, 1, 2, 0])
# How often, and by which weight, the labels' cross-entropy stands in each loss.
SHARES = {"distillation": 0.25, "logit_std": 0.1, "dgkd": 0.5}
GIVEN: dict[str, dict[str, Any]] = {
    "distillation": {"trade_off": 0.75, "temperature": 4, "kl_reduction": "batchmean"},
    "mutual": {"separate_epochs": 0},
    "fitnet": {"fitnet_hint_epochs": 0},
    "fsp": {"fsp_epochs": 0},
}


def by_hand(logits: Tensor, weights: Tensor) -> Tensor:
    """Σ w (-log p) / Σ w, over the images of the batch."""
    chosen = torch.log_softmax(logits, dim=1)[torch.arange(len(LABELS)), LABELS]
    return -(weights[LABELS] * chosen).sum() / weights[LABELS].sum()


@pytest.mark.parametrize("name", ALL)
def test_the_cross_entropy_with_labels_is_weighted_and_nothing_else(name: str) -> None:
    generator = torch.Generator().manual_seed(0)
    logits, teacher = torch.randn(2, 4, 3, generator=generator)
    maps = (torch.rand(4, 2, 3, 3, generator=generator),)
    outputs: Any = torch.stack((logits, teacher)) if name == "mutual" else logits
    outputs = Outputs(logits, maps) if ALL[name].features else outputs
    module, fields = import_module(ALL[name].module), ALL[name].fields(name=name, **GIVEN.get(name, {}))
    batch = Batch(LABELS, teacher, epoch=1, teacher_features=(maps[0] + 1,), epochs=3)
    difference = module.loss(outputs, batch._replace(weights=weights_of(LABELS, WEIGHTS)), fields) - module.loss(
        outputs, batch, fields
    )
    sides = (logits, teacher) if name == "mutual" else (logits,)
    expected = sum(by_hand(side, WEIGHTS) - by_hand(side, torch.ones(3)) for side in sides)
    torch.testing.assert_close(difference, SHARES.get(name, 1) * expected, rtol=1e-4, atol=1e-5)


def test_smoothed_labels_teach_the_same_whatever_their_classes_count() -> None:
    """An image's own loss is least where its answer is its label; of one class alone the loss is what it is without weights."""
    labels = softened(LABELS, 3, 0.3)
    answer = labels.log().requires_grad_()
    weights = weights_of(LABELS, WEIGHTS)
    cross_entropy(answer, labels, weights).backward()
    torch.testing.assert_close(answer.grad, torch.zeros(4, 3))
    logits = torch.randn(4, 3, generator=torch.Generator().manual_seed(1))
    one = cross_entropy(logits[2:3], labels[2:3], weights_of(LABELS[2:3], WEIGHTS))
    torch.testing.assert_close(one, cross_entropy(logits[2:3], labels[2:3]))
    hardly = softened(LABELS, 3, 1e-7)
    torch.testing.assert_close(cross_entropy(logits, hardly, weights), by_hand(logits, WEIGHTS), rtol=1e-5, atol=1e-5)


def test_a_mixture_counts_as_its_parts_do() -> None:
    mixed = torch.tensor([[0.25, 0.75, 0.0]])
    found = weights_of(mixed, WEIGHTS)
    assert found is not None and found.tolist() == [0.25 * 0.5 + 0.75 * 2.0]
    assert weights_of(mixed, None) is None
