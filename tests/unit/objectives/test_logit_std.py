import math

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from torchdistill.losses.mid_level import LogitStdKDLoss

from takd.objectives.batch import Batch
from takd.objectives.logit_std import loss, standardised, standardised_loss
from takd.objectives.registry import LogitStdFields
from tests.unit.objectives.logits import CLASSES, PLACES, answers, gradient_of, made, softmax


def written_out(student: np.ndarray, teacher: np.ndarray, temperature: float) -> float:
    """Sun et al.'s algorithms 1 and 2, in numpy, whose deviation is over all classes."""
    own, taught = (
        softmax((z - z.mean(axis=1, keepdims=True)) / z.std(axis=1, keepdims=True) / temperature) for z in (student, teacher)
    )
    return float(temperature**2 * (taught * np.log(taught / own)).sum(axis=1).mean())


@pytest.mark.parametrize("temperature", [1.0, 2.0, 4.0])
def test_loss_and_gradient_are_those_of_the_algorithms(temperature: float) -> None:
    student, teacher, _ = made()
    student.requires_grad_()
    found = standardised_loss(student, teacher, temperature=temperature)
    found.backward()

    def formula(logits: np.ndarray) -> float:
        return written_out(logits, teacher.numpy(), temperature)

    assert found.item() == pytest.approx(formula(student.detach().numpy()), rel=1e-6)
    assert student.grad is not None
    torch.testing.assert_close(student.grad, gradient_of(formula, student), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(("temperature", "label_weight", "weight"), [(2, 0.1, 9), (1, 0.5, 2)])
def test_it_is_torchdistills_but_for_the_deviation(temperature: float, label_weight: float, weight: float) -> None:
    """Theirs, as the authors', divides by C - 1: the same as another temperature."""
    student, teacher, labels = made()
    wider = temperature * math.sqrt((CLASSES - 1) / CLASSES)
    theirs = LogitStdKDLoss(*PLACES, temperature=wider, alpha=label_weight, beta=weight * (temperature / wider) ** 2)
    teacher = teacher.half().double()
    fields = LogitStdFields(logit_std_temperature=temperature, logit_std_label_weight=label_weight, logit_std_weight=weight)
    found = loss(student, Batch(labels, teacher.half(), 0), fields)
    torch.testing.assert_close(found, theirs(*answers(student, teacher), labels), rtol=1e-5, atol=0)


def test_scale_and_shift_of_logits_cost_nothing() -> None:
    student, teacher, labels = made()
    found = standardised_loss(0.1 * teacher - 4, teacher, temperature=2)
    assert found.item() == pytest.approx(0, abs=1e-9)
    assert standardised(student).std(1, correction=0).tolist() == pytest.approx([1] * len(labels))


def test_equal_logits_have_a_finite_gradient() -> None:
    student = torch.zeros(2, 5, requires_grad=True)
    fields = LogitStdFields()
    total = loss(student, Batch(torch.tensor([0, 1]), torch.randn(2, 5).half(), 0), fields)
    total.backward()
    assert student.grad is not None and student.grad.isfinite().all()
    assert total.item() > 0.1 * cross_entropy(student, torch.tensor([0, 1])).item()
