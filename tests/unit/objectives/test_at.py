from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torchdistill.losses.mid_level import ATLoss

from takd.objectives.at import at_loss, attention, loss
from takd.objectives.batch import Batch, Outputs
from takd.objectives.registry import ATFields
from tests.unit.objectives.logits import gradient_of

BATCH = 3


def features(seed: int, *shapes: tuple[int, int, int]) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(BATCH, *shape, generator=generator, dtype=torch.float64) for shape in shapes)


STUDENT, TEACHER = features(0, (2, 4, 4), (3, 2, 2)), features(1, (5, 4, 4), (4, 2, 2))


def eq_2(student: list[np.ndarray], teacher: list[np.ndarray], weight: float, squared: bool) -> float:
    """The second term of eq. 2, and what the authors' code has of it, image by image."""
    total = 0.0
    for own, taught in zip(student, teacher, strict=True):
        for a, b in zip(own, taught, strict=True):
            q_s, q_t = (np.square(each).sum(axis=0).ravel() for each in (a, b))
            gap = np.linalg.norm(q_s / np.linalg.norm(q_s) - q_t / np.linalg.norm(q_t))
            total += weight / q_s.size / len(own) * (gap**2 if squared else gap / 2)
    return total


@pytest.mark.parametrize("squared", [False, True])
def test_loss_and_gradient_are_those_of_eq_2(squared: bool) -> None:
    student = tuple(each.clone().requires_grad_() for each in STUDENT)
    found = at_loss(student, TEACHER, weight=1000, squared=squared)
    found.backward()
    own, taught = ([each.detach().numpy() for each in stages] for stages in (student, TEACHER))
    assert found.item() == pytest.approx(eq_2(own, taught, 1000, squared), rel=1e-10)
    for place, stage in enumerate(student):

        def formula(values: np.ndarray, place: int = place) -> float:
            return eq_2([values if i == place else each for i, each in enumerate(own)], taught, 1000, squared)

        assert stage.grad is not None
        torch.testing.assert_close(stage.grad, gradient_of(formula, stage), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("squared", "mode"), [(False, "paper"), (True, "code")])
def test_it_is_torchdistills(squared: bool, mode: str) -> None:
    """Theirs, in the paper's way, leaves the weight, its pixels and the half to a factor; in the code's, only the weight."""
    places = (
        {f"stage{i}": {"output": each} for i, each in enumerate(STUDENT)},
        {f"stage{i}": {"output": each} for i, each in enumerate(TEACHER)},
    )
    pairs = {
        stage: {
            "student": {"path": stage, "io": "output"},
            "teacher": {"path": stage, "io": "output"},
            "weight": 1000 if squared else 500 / each["output"].shape[2:].numel(),
        }
        for stage, each in places[0].items()
    }
    torch.testing.assert_close(at_loss(STUDENT, TEACHER, weight=1000, squared=squared), ATLoss(pairs, mode=mode)(*places))


def test_the_larger_map_is_averaged_to_the_smallers_size() -> None:
    (large,), (small,) = features(2, (2, 4, 4)), features(3, (6, 2, 2))
    halved = large.square().mean(1).reshape(BATCH, 2, 2, 2, 2).mean((2, 4)).flatten(1)
    expected = halved / halved.norm(dim=1, keepdim=True)
    torch.testing.assert_close(attention(large, (2, 2)), expected)
    assert at_loss((large,), (small,), weight=1, squared=True).item() == at_loss((small,), (large,), weight=1, squared=True).item()


def test_equal_attention_costs_nothing_and_has_a_finite_gradient() -> None:
    own = tuple((2 * each).requires_grad_() for each in TEACHER)
    logits, labels = torch.randn(BATCH, 4), torch.arange(BATCH)
    found = loss(Outputs(logits, own), Batch(labels, None, 0, TEACHER), ATFields())
    found.backward()
    torch.testing.assert_close(found, cross_entropy(logits, labels).double(), check_dtype=False, atol=1e-5, rtol=0)
    assert all(each.grad is not None and each.grad.isfinite().all() for each in own)


@pytest.mark.parametrize("distance", ["norm", "squared"])
def test_a_recipe_s_weight_and_distance_count(distance: Literal["norm", "squared"]) -> None:
    logits, labels = torch.randn(BATCH, 4, dtype=torch.float64), torch.arange(BATCH)
    found = loss(Outputs(logits, STUDENT), Batch(labels, None, 0, TEACHER), ATFields(at_weight=7, at_distance=distance))
    own, taught = ([each.numpy() for each in stages] for stages in (STUDENT, TEACHER))
    expected = cross_entropy(logits, labels).item() + eq_2(own, taught, 7, distance == "squared")
    assert found.item() == pytest.approx(expected, rel=1e-10)


def test_maps_are_compared_at_the_smallers_size() -> None:
    (large,), (small,) = features(2, (2, 4, 4)), features(3, (6, 2, 2))
    halved = large.square().mean(1, keepdim=True).reshape(BATCH, 1, 2, 2, 2, 2).mean((3, 5)).sqrt()  # of one channel: the same map
    expected = eq_2([halved.numpy()], [small.numpy()], 3, True)
    assert at_loss((large,), (small,), weight=3, squared=True).item() == pytest.approx(expected, rel=1e-10)
