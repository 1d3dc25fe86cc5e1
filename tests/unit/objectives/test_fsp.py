import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy
from torchdistill.losses.mid_level import FSPLoss

from takd.errors import ParameterError
from takd.networks.builders import build
from takd.networks.features import stages, with_features
from takd.objectives.batch import Batch, Outputs
from takd.objectives.fsp import adapter, fsp_loss, fsp_matrix, loss
from takd.objectives.registry import FSPFields
from tests.unit.objectives.logits import gradient_of

BATCH = 3
SHAPES = (2, 4, 4), (3, 2, 2), (4, 2, 2)


def features(seed: int, *shapes: tuple[int, int, int]) -> tuple[Tensor, ...]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(BATCH, *shape, generator=generator, dtype=torch.float64) for shape in shapes)


STUDENT, TEACHER = features(0, *SHAPES), features(1, *SHAPES)


def flow(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Eq. 1 for one image, entry by entry; a larger first map is brought to the second's size by its maxima."""
    height, width = second.shape[1:]
    rows, columns = first.shape[1] // height, first.shape[2] // width
    smaller = first.reshape(len(first), height, rows, width, columns).max(axis=(2, 4))
    return np.array([[(one * other).sum() / (height * width) for other in second] for one in smaller])


def eq_2(student: list[np.ndarray], teacher: list[np.ndarray], weight: float) -> float:
    total = 0.0
    for image in range(BATCH):
        for place in (0, 1):
            own, taught = (flow(each[place][image], each[place + 1][image]) for each in (student, teacher))
            total += weight * np.square(own - taught).sum() / BATCH
    return float(total)


def test_loss_and_gradient_are_those_of_eq_2() -> None:
    student = tuple(each.clone().requires_grad_() for each in STUDENT)
    found = fsp_loss(student, TEACHER, weight=3)
    found.backward()
    own, taught = ([each.detach().numpy() for each in stages] for stages in (student, TEACHER))
    assert found.item() == pytest.approx(eq_2(own, taught, 3), rel=1e-10)
    for place, stage in enumerate(student):

        def formula(values: np.ndarray, place: int = place) -> float:
            return eq_2([values if i == place else each for i, each in enumerate(own)], taught, 3)

        assert stage.grad is not None
        torch.testing.assert_close(stage.grad, gradient_of(formula, stage), rtol=1e-4, atol=1e-6)


def test_matrices_are_torchdistills() -> None:
    for first, second in ((STUDENT[0], STUDENT[1]), (STUDENT[1], STUDENT[0]), (STUDENT[1], STUDENT[2])):
        torch.testing.assert_close(fsp_matrix(first, second), FSPLoss.compute_fsp_matrix(first, second))


def test_the_flow_alone_in_the_first_stage_then_the_labels_alone() -> None:
    logits, labels, fields = torch.randn(BATCH, 4, requires_grad=True), torch.arange(BATCH), FSPFields(fsp_epochs=2, fsp_weight=5)
    first, then = (loss(Outputs(logits, STUDENT), Batch(labels, None, epoch, TEACHER, 5), fields) for epoch in (1, 2))
    torch.testing.assert_close(first, fsp_loss(STUDENT, TEACHER, weight=5))
    torch.testing.assert_close(then, cross_entropy(logits, labels))


def test_narrower_students_are_widened_and_equal_ones_left_as_they_are() -> None:
    narrow = (STUDENT[0][:, :1], STUDENT[1], STUDENT[2][:, :2])
    made = adapter([each.float() for each in narrow], TEACHER)
    widened = made([each.float() for each in narrow])
    assert [each.shape for each in widened] == [each.shape for each in TEACHER]
    assert widened[1] is not None and torch.equal(widened[1], narrow[1].float())
    assert not list(adapter(STUDENT, TEACHER).parameters())


def test_one_stage_has_no_flow() -> None:
    with pytest.raises(ParameterError, match=r"\+fsp compares the flow from stage to stage, but .* one stage alone"):
        adapter(STUDENT[:1], TEACHER[:1])


def test_the_first_stage_falls_at_its_own_rate_and_not_at_a_networks() -> None:
    """A sum of squares of products: at the 0.1 of ResNets it is no number any more after a few steps."""
    images = torch.randn(32, 3, 32, 32, generator=torch.Generator().manual_seed(3))
    assert first_stage("resnet:26", "resnet:8", images, FSPFields().rate_before)[-1] < 0.7
    assert not first_stage("resnet:26", "resnet:8", images, 0.1)[-1] < 1


def first_stage(teacher: str, student: str, images: Tensor, rate: float) -> list[float]:
    """The loss at each of ten steps, in units of the first."""
    torch.manual_seed(4)
    given = build(teacher, 10)
    places = stages(given, images)
    with torch.no_grad():
        hints = [with_features(given, places, images)(images)[1][place] for place in places]
    network = build(student, 10)
    places = stages(network, images)
    taught = with_features(network, places, images)
    hints = hints[-len(places) :]
    widened = adapter([taught(images)[1][place] for place in places], hints)
    optimiser = torch.optim.SGD([*network.parameters(), *widened.parameters()], lr=rate, momentum=0.9, nesterov=True)
    losses = []
    for _ in range(10):
        found = fsp_loss(widened([taught(images)[1][place] for place in places]), hints, weight=1)
        optimiser.zero_grad()
        found.backward()
        optimiser.step()
        losses.append(found.item())
    return [each / losses[0] for each in losses]
