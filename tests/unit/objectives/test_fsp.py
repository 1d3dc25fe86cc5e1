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
from takd.study.names import Name
from takd.study.recipe import Recipe
from takd.study.tree import Tree
from takd.training.schedule import learning_rate
from tests.conftest import ROOT
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
            total += weight * np.square(own - taught).mean() / BATCH
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


@pytest.mark.parametrize("chain", ["plain/10-2", "plain/10-6", "resnet/26-8"])
def test_the_first_stage_falls_at_a_recipe_s_own_rate(chain: str) -> None:
    """Under a sum over the matrices' entries it was no number any more after four steps, of plain CNNs at 0.0001 too."""
    folder = Tree(ROOT).folder("results/toy")
    recipe = folder.recipe(Name.parse(f"digits/{chain}+fsp/seed0"))
    teacher = folder.recipe(Name.parse(f"digits/{chain.partition('-')[0]}/seed0"))
    losses = first_stage(teacher.network.builder, recipe)
    assert losses[-1] < 0.97 * losses[0] and max(losses) < 1.01 * losses[0]


def first_stage(teacher: str, recipe: Recipe) -> list[float]:
    """The loss at each of ten steps on sixteen images."""
    torch.manual_seed(4)
    images = torch.randn(16, 3, 32, 32)
    given, network = build(teacher, 10), build(recipe.network.builder, 10)
    places = stages(network, images)
    taught = with_features(network, places, images)
    shown = stages(given, images)[-len(places) :]
    with torch.no_grad():
        features = with_features(given, shown, images)(images)[1]
    hints = [features[place] for place in shown]
    widened = adapter([taught(images)[1][place] for place in places], hints)
    optimiser = torch.optim.SGD(
        [*network.parameters(), *widened.parameters()],
        lr=learning_rate(recipe, 0, 0),
        momentum=recipe.optimiser.momentum,
        nesterov=recipe.optimiser.nesterov,
        weight_decay=recipe.optimiser.weight_decay,
    )
    losses = []
    for _ in range(10):
        found = fsp_loss(widened([taught(images)[1][place] for place in places]), hints, weight=1)
        optimiser.zero_grad()
        found.backward()
        optimiser.step()
        losses.append(found.item())
    return losses
