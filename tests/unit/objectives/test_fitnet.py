import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from takd.objectives.batch import Batch, Outputs
from takd.objectives.fitnet import Regressor, adapter, hint_loss, loss, middle, soft_loss
from takd.objectives.registry import FitNetFields
from tests.unit.objectives.logits import gradient_of, made, softmax


def features(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_the_hints_loss_and_gradient_are_half_the_mean_square() -> None:
    own, hint = features(0, 3, 4, 2, 2).requires_grad_(), features(1, 3, 4, 2, 2)
    found = hint_loss(own, hint)
    found.backward()

    def formula(values: np.ndarray) -> float:
        return float(0.5 * np.square(values - hint.numpy()).mean())

    assert found.item() == pytest.approx(formula(own.detach().numpy()), rel=1e-12)
    assert own.grad is not None
    torch.testing.assert_close(own.grad, gradient_of(formula, own), rtol=1e-5, atol=1e-8)
    torch.testing.assert_close(found, nn.MSELoss()(own, hint) / 2)  # which torchdistill's regression takes too


def test_the_soft_loss_and_its_gradient_are_a_cross_entropy_of_both_softmax() -> None:
    student, teacher, _ = made()
    student.requires_grad_()
    found = soft_loss(student, teacher, temperature=3)
    found.backward()

    def formula(values: np.ndarray) -> float:
        return float(-(softmax(teacher.numpy() / 3) * np.log(softmax(values / 3))).sum(axis=1).mean())

    assert found.item() == pytest.approx(formula(student.detach().numpy()), rel=1e-12)
    assert student.grad is not None
    torch.testing.assert_close(student.grad, gradient_of(formula, student), rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize(
    ("student", "teacher", "kernel"),
    [
        ((2, 8, 8), (5, 8, 8), (1, 1)),
        ((2, 8, 8), (5, 4, 4), (5, 5)),
        ((2, 4, 4), (5, 8, 8), (1, 1)),
        ((2, 8, 6), (3, 4, 4), (5, 3)),
    ],
)
def test_the_regressor_reaches_the_hints_shape(student: tuple[int, ...], teacher: tuple[int, ...], kernel: tuple[int, int]) -> None:
    own, hint = features(0, 2, *student).float(), features(1, 2, *teacher).float()
    regressor = Regressor(own, hint, 0)
    (regressed,) = regressor((own,))
    assert regressor.convolution.kernel_size == kernel and regressed.shape[1] == teacher[0]
    assert hint_loss(regressed, hint).isfinite()
    assert regressed.min() < 0 and Regressor(own, hint.relu(), 0)((own,))[0].min() >= 0


@pytest.mark.parametrize(("stages", "place"), [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2)])
def test_the_middle_stage_is_compared(stages: int, place: int) -> None:
    own = [features(i, 2, 3 + i, 4, 4).float() for i in range(stages)]
    assert middle(own) == place
    regressor = adapter(own, own)
    assert isinstance(regressor, Regressor) and regressor.convolution.in_channels == 3 + place


@pytest.mark.parametrize(("epoch", "weight"), [(0, None), (1, None), (2, 4.0), (4, 2.5), (6, 1.0)])
def test_the_hint_comes_first_and_then_the_weight_falls(epoch: int, weight: float | None) -> None:
    student, teacher, labels = made()
    teacher = teacher.half().double()
    hints = tuple(features(i, 16, 4, 2, 2) for i in range(3))
    regressed = features(9, 16, 4, 2, 2)
    batch = Batch(labels, teacher.half(), epoch, hints, epochs=7)
    found = loss(Outputs(student, (regressed,)), batch, FitNetFields(fitnet_hint_epochs=2))
    if weight is None:
        expected = hint_loss(regressed, hints[1])
    else:
        expected = cross_entropy(student, labels) + weight * soft_loss(student, teacher, temperature=3)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)
    assert FitNetFields(fitnet_hint_epochs=2).epochs_before == 2


def test_a_recipe_s_weights_and_temperature_count() -> None:
    """In the second of five epochs under soft targets a quarter of the way from 5 to 0.5 is gone."""
    student, teacher, labels = made()
    fields = FitNetFields(fitnet_hint_epochs=2, fitnet_weight=5, fitnet_last_weight=0.5, fitnet_temperature=2)
    found = loss(Outputs(student, ()), Batch(labels, teacher.half(), 3, epochs=7), fields)
    said = softmax(teacher.half().double().numpy() / 2)
    soft = -(said * np.log(softmax(student.numpy() / 2))).sum(axis=1).mean()
    assert found.item() == pytest.approx(cross_entropy(student, labels).item() + (5 - 4.5 / 4) * soft, rel=1e-5)


def test_a_larger_hint_is_averaged() -> None:
    own, hint = features(0, 3, 4, 2, 2), features(1, 3, 4, 6, 6)
    averaged = hint.numpy().reshape(3, 4, 2, 3, 2, 3).mean(axis=(3, 5))
    assert hint_loss(own, hint).item() == pytest.approx(0.5 * np.square(own.numpy() - averaged).mean(), rel=1e-12)
