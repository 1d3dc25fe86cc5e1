import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from takd.objectives.batch import Batch
from takd.objectives.distillation import distillation_loss
from takd.objectives.dkd import dkd_loss, loss
from takd.objectives.registry import DKDFields
from tests.unit.objectives.logits import CLASSES, gradient_of, made, softmax


def eq_7(student: np.ndarray, teacher: np.ndarray, labels: np.ndarray, alpha: float, beta: float, temperature: float) -> float:
    """Zhao et al.'s equations 1, 2 and 7, image by image."""
    total = 0.0
    for own, taught, label in zip(softmax(student / temperature), softmax(teacher / temperature), labels, strict=True):
        b_s, b_t = (np.array([p[label], 1 - p[label]]) for p in (own, taught))
        q_s, q_t = (np.delete(p, label) / (1 - p[label]) for p in (own, taught))
        total += alpha * (b_t * np.log(b_t / b_s)).sum() + beta * (q_t * np.log(q_t / q_s)).sum()
    return float(temperature**2 * total / len(labels))


@pytest.mark.parametrize(("alpha", "beta", "temperature"), [(1, 8, 4), (0.5, 2, 1), (0, 1, 2), (1, 0, 3)])
def test_loss_and_gradient_are_those_of_eq_7(alpha: float, beta: float, temperature: float) -> None:
    student, teacher, labels = made()
    student.requires_grad_()
    found = dkd_loss(student, teacher, labels, alpha=alpha, beta=beta, temperature=temperature)
    found.backward()

    def formula(logits: np.ndarray) -> float:
        return eq_7(logits, teacher.numpy(), labels.numpy(), alpha, beta, temperature)

    assert found.item() == pytest.approx(formula(student.detach().numpy()), rel=1e-10)
    assert student.grad is not None
    torch.testing.assert_close(student.grad, gradient_of(formula, student), rtol=1e-5, atol=1e-7)


def test_with_the_teachers_doubt_as_beta_it_is_what_it_decouples() -> None:
    """Eq. 6: KL = TCKD + (1 - p of the label by the teacher) NCKD, image by image."""
    student, teacher, labels = made()
    for i in range(len(labels)):
        one = slice(i, i + 1)
        doubt = 1 - (teacher[one] / 4).softmax(1)[0, labels[i]].item()
        whole = distillation_loss(student[one], teacher[one], labels[one], trade_off=1, temperature=4)
        parts = dkd_loss(student[one], teacher[one], labels[one], alpha=1, beta=doubt, temperature=4)
        assert parts.item() == pytest.approx(whole.item(), rel=1e-9)


@pytest.mark.parametrize(
    ("epochs", "epoch", "weight"), [(20, 0, 0.05), (20, 9, 0.5), (20, 19, 1), (20, 50, 1), (8, 1, 0.25), (0, 0, 1)]
)
def test_its_weight_rises_in_the_warm_up(epochs: int, epoch: int, weight: float) -> None:
    student, teacher, labels = made()
    teacher = teacher.half().double()
    fields = DKDFields(dkd_warm_up_epochs=epochs)
    expected = cross_entropy(student, labels) + weight * dkd_loss(student, teacher, labels, alpha=1, beta=8, temperature=4)
    found = loss(student, Batch(labels, teacher.half(), epoch), fields)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


def test_of_two_classes_only_the_labels_counts_and_large_logits_stay_finite() -> None:
    student, teacher, labels = made(classes=2)
    with_others, without = (dkd_loss(student, teacher, labels, alpha=1, beta=beta, temperature=4) for beta in (8, 0))
    assert with_others.item() == pytest.approx(without.item())
    large = 1e4 * student.float()
    assert torch.isfinite(dkd_loss(large, -large, labels, alpha=1, beta=8, temperature=0.5))


def test_softened_labels_set_the_same_class_apart() -> None:
    student, teacher, labels = made()
    softened = 0.9 * torch.nn.functional.one_hot(labels, CLASSES).double() + 0.1 / CLASSES
    hard, soft = (loss(student, Batch(each, teacher.half(), 50), DKDFields()) for each in (labels, softened))
    torch.testing.assert_close(soft - hard, cross_entropy(student, softened) - cross_entropy(student, labels))


def test_a_recipe_s_weights_and_temperature_count() -> None:
    student, teacher, labels = made()
    fields = DKDFields(dkd_alpha=0.3, dkd_beta=1.7, dkd_temperature=2.5, dkd_warm_up_epochs=0)
    found = loss(student, Batch(labels, teacher.half(), 0), fields)
    decoupled = eq_7(student.numpy(), teacher.half().double().numpy(), labels.numpy(), 0.3, 1.7, 2.5)
    assert found.item() == pytest.approx(cross_entropy(student, labels).item() + decoupled, rel=1e-6)
