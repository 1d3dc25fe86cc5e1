import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from torchdistill.losses.mid_level import DISTLoss

from takd.objectives.batch import Batch
from takd.objectives.dist import dist_loss, loss, unlabelled_loss
from takd.objectives.registry import DISTFields
from tests.unit.objectives.logits import PLACES, answers, gradient_of, made, softmax


def written_out(student: np.ndarray, teacher: np.ndarray, beta: float, gamma: float, temperature: float) -> float:
    """Huang et al.'s equations, by numpy's own correlations."""
    own, taught = softmax(student / temperature), softmax(teacher / temperature)
    inter = np.mean([1 - np.corrcoef(a, b)[0, 1] for a, b in zip(own, taught, strict=True)])
    intra = np.mean([1 - np.corrcoef(a, b)[0, 1] for a, b in zip(own.T, taught.T, strict=True)])
    return float(temperature**2 * (beta * inter + gamma * intra))


CASES = [(1, 1, 1), (2, 2, 4), (1, 0, 2), (0, 1, 2)]


@pytest.mark.parametrize(("beta", "gamma", "temperature"), CASES)
def test_loss_and_gradient_are_those_of_the_correlations(beta: float, gamma: float, temperature: float) -> None:
    student, teacher, _ = made()
    student.requires_grad_()
    found = dist_loss(student, teacher, beta=beta, gamma=gamma, temperature=temperature)
    found.backward()

    def formula(logits: np.ndarray) -> float:
        return written_out(logits, teacher.numpy(), beta, gamma, temperature)

    assert found.item() == pytest.approx(formula(student.detach().numpy()), rel=1e-7)
    assert student.grad is not None
    torch.testing.assert_close(student.grad, gradient_of(formula, student), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(("beta", "gamma", "temperature"), CASES)
def test_it_is_torchdistills(beta: float, gamma: float, temperature: float) -> None:
    student, teacher, _ = made()
    theirs = DISTLoss(*PLACES, beta=beta, gamma=gamma, tau=temperature)(*answers(student, teacher))
    found = dist_loss(student, teacher, beta=beta, gamma=gamma, temperature=temperature)
    torch.testing.assert_close(found, theirs, rtol=1e-6, atol=1e-9)


def test_a_linear_change_of_the_predictions_costs_nothing_and_labels_count_beside() -> None:
    _, teacher, labels = made()
    assert dist_loss(teacher + 3, teacher, beta=1, gamma=1, temperature=2).item() == pytest.approx(0, abs=1e-12)
    teacher = teacher.half().double()
    found = loss(teacher, Batch(labels, teacher.half(), 0), DISTFields())
    torch.testing.assert_close(found, cross_entropy(teacher, labels), rtol=1e-6, atol=1e-6)


def test_equal_predictions_have_a_finite_gradient() -> None:
    student, teacher = torch.zeros(1, 5, requires_grad=True), torch.randn(1, 5)
    dist_loss(student, teacher, beta=1, gamma=1, temperature=1).backward()
    assert student.grad is not None and student.grad.isfinite().all()


def test_a_recipe_s_weights_and_temperature_count() -> None:
    student, teacher, labels = made()
    fields, batch = DISTFields(dist_beta=0.4, dist_gamma=1.3, dist_temperature=2.2), Batch(labels, teacher.half(), 0)
    relations = written_out(student.numpy(), teacher.half().double().numpy(), 0.4, 1.3, 2.2)
    assert unlabelled_loss(student, batch, fields).item() == pytest.approx(relations, rel=1e-5)
    assert loss(student, batch, fields).item() == pytest.approx(cross_entropy(student, labels).item() + relations, rel=1e-5)
