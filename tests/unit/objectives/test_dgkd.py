import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy

from takd.objectives.batch import Batch
from takd.objectives.dgkd import kept, loss, soft_loss
from takd.objectives.distillation import distillation_loss
from takd.objectives.registry import DGKDFields
from tests.unit.objectives.logits import gradient_of

LABELS = torch.tensor([0, 3, 1])
RANDOM = torch.Generator().manual_seed(0)
STUDENT, *TEACHERS = (torch.randn(3, 4, generator=RANDOM, dtype=torch.float64) for _ in range(4))


def softmax(logits: np.ndarray, temperature: float) -> np.ndarray:
    powers = np.exp(logits / temperature)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def formula(student: np.ndarray, teachers: list[np.ndarray], trade_off: float, temperature: float) -> float:
    labels = -np.log(softmax(student, 1)[range(3), LABELS.numpy()]).mean()
    own = softmax(student, temperature)
    soft = sum((p * np.log(p / own)).sum() / 3 for p in (softmax(each, temperature) for each in teachers))
    return float((1 - trade_off) * labels + trade_off * temperature**2 * soft)


def test_loss_and_gradient_are_those_of_the_formula() -> None:
    student = STUDENT.clone().requires_grad_()
    batch = Batch(LABELS, TEACHERS[0], 0, ancestors_logits=tuple(TEACHERS[1:]))
    found = loss(student, batch, DGKDFields(dgkd_trade_off=0.3, dgkd_temperature=5, dgkd_dropped=0))
    found.backward()
    taught = [each.numpy() for each in TEACHERS]
    assert found.item() == pytest.approx(formula(STUDENT.numpy(), taught, 0.3, 5), rel=1e-10)
    assert student.grad is not None
    expected = gradient_of(lambda values: formula(values, taught, 0.3, 5), student)
    torch.testing.assert_close(student.grad, expected, rtol=1e-4, atol=1e-6)


def test_under_one_teacher_it_is_eq_3() -> None:
    eq_3 = distillation_loss(STUDENT, TEACHERS[0], LABELS, trade_off=0.7, temperature=4)
    fields = DGKDFields(dgkd_trade_off=0.7, dgkd_temperature=4)
    torch.testing.assert_close(loss(STUDENT, Batch(LABELS, TEACHERS[0], 0), fields), eq_3)


def drawn(seed: int, teachers: int = 3, dropped: int = 1) -> list[int]:
    return kept(teachers, dropped, torch.Generator().manual_seed(seed))


def test_some_teachers_say_nothing_drawn_at_each_step() -> None:
    speaking = [drawn(seed) for seed in range(300)]
    assert all(len(each) == 2 for each in speaking) and speaking == [drawn(seed) for seed in range(300)]
    silent = [({0, 1, 2} - set(each)).pop() for each in speaking]
    assert all(70 <= silent.count(place) <= 130 for place in range(3))  # each 100, give or take three deviations


@pytest.mark.parametrize(("dropped", "count"), [(0, 3), (2, 1), (9, 1)])
def test_one_teacher_always_speaks(dropped: int, count: int) -> None:
    assert len(drawn(0, 3, dropped)) == count


def test_a_batch_hears_those_that_are_drawn() -> None:
    batch = Batch(
        LABELS, TEACHERS[0], 2, ancestors_logits=tuple(TEACHERS[1:]), random=lambda purpose: torch.Generator().manual_seed(7)
    )
    speaking = [TEACHERS[place] for place in drawn(7)]
    expected = 0.5 * cross_entropy(STUDENT, LABELS) + 0.5 * soft_loss(STUDENT, speaking, temperature=5)
    torch.testing.assert_close(loss(STUDENT, batch, DGKDFields()), expected)
