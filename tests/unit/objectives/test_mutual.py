import numpy as np
import pytest
import torch
from torch import nn

from takd.objectives import batch as given
from takd.objectives.distillation import distillation_loss
from takd.objectives.mutual import Pair, loss, mutual_loss, pair_loss
from takd.objectives.registry import MutualFields

BATCH, CLASSES = 16, 7


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Logits of both networks, (2, B, C), and labels."""
    generator = torch.Generator().manual_seed(5)
    logits = 3 * torch.randn(2, BATCH, CLASSES, generator=generator, dtype=torch.float64)
    return logits, torch.randint(CLASSES, (BATCH,), generator=generator)


Batch = tuple[torch.Tensor, torch.Tensor]


def softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits)
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def written_out(own: np.ndarray, other: np.ndarray, labels: np.ndarray) -> float:
    """Cross-entropy and KL(other ‖ own) of each image as Zhang et al. have them, in numpy."""
    p, q = softmax(own), softmax(other)
    cross_entropy = -np.log(p[np.arange(len(labels)), labels])
    divergence = (q * np.log(q / p)).sum(axis=1)
    return float((cross_entropy + divergence).mean())


def test_each_network_minimises_cross_entropy_and_its_distance_from_the_other(batch: Batch) -> None:
    logits, labels = batch
    own, other = (part.numpy() for part in logits)
    expected = written_out(own, other, labels.numpy())
    assert mutual_loss(logits[0], logits[1], labels).item() == pytest.approx(expected, rel=1e-12)
    both = expected + written_out(other, own, labels.numpy())
    assert pair_loss(logits, labels, separate=False).item() == pytest.approx(both, rel=1e-12)


def test_it_is_twice_the_papers_objective_with_half_the_weight_at_temperature_one(batch: Batch) -> None:
    (own, other), labels = batch
    halves = distillation_loss(own, other, labels, trade_off=0.5, temperature=1)
    assert mutual_loss(own, other, labels).item() == pytest.approx(2 * halves.item(), rel=1e-12)


def test_gradients_reach_each_network_through_its_own_prediction_alone(batch: Batch) -> None:
    logits, labels = batch
    logits.requires_grad_()
    pair_loss(logits, labels, separate=False).backward()
    p = logits.detach().softmax(dim=2)
    truth = nn.functional.one_hot(labels, CLASSES)
    expected = ((p - truth) + (p - p.flip(0))) / BATCH
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, expected, rtol=1e-10, atol=1e-14)


def test_the_other_networks_prediction_is_a_constant(batch: Batch) -> None:
    logits, labels = batch
    own, other = (part.clone().requires_grad_() for part in logits)
    mutual_loss(own, other, labels).backward()
    assert own.grad is not None and other.grad is None


def test_networks_that_agree_pay_for_the_labels_alone(batch: Batch) -> None:
    logits, labels = batch
    same = logits[:1].expand(2, -1, -1)
    apart = pair_loss(same, labels, separate=True)
    assert pair_loss(same, labels, separate=False).item() == pytest.approx(apart.item(), rel=1e-12)


def test_separately_each_has_its_own_cross_entropy(batch: Batch) -> None:
    logits, labels = batch
    logits.requires_grad_()
    pair_loss(logits, labels, separate=True).backward()
    expected = (logits.detach().softmax(dim=2) - nn.functional.one_hot(labels, CLASSES)) / BATCH
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, expected, rtol=1e-10, atol=1e-14)


def test_a_recipe_s_separate_epochs_count(batch: Batch) -> None:
    logits, labels = batch
    found = [loss(logits, given.Batch(labels, None, epoch), MutualFields(separate_epochs=3)).item() for epoch in range(5)]
    separate, together = (pair_loss(logits, labels, separate=each).item() for each in (True, False))
    assert found == [separate] * 3 + [together] * 2


def test_a_pair_answers_student_first() -> None:
    student, peer = nn.Linear(3, CLASSES), nn.Linear(3, CLASSES)
    images = torch.randn(BATCH, 3)
    assert torch.equal(Pair(student, peer)(images), torch.stack((student(images), peer(images))))
