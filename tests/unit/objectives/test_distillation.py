import numpy as np
import pytest
import torch

from takd.objectives import batch as given
from takd.objectives.distillation import KLReduction, distillation_loss, loss, unlabelled_loss
from takd.objectives.registry import DistillationFields

BATCH, CLASSES = 16, 7


def logarithms_of_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))


def eq_3(student: np.ndarray, teacher: np.ndarray, labels: np.ndarray, trade_off: float, temperature: float) -> float:
    """The paper's equations 1 to 3, written out in numpy."""
    hard = -logarithms_of_softmax(student)[np.arange(len(labels)), labels].mean()
    log_y_s, log_y_t = logarithms_of_softmax(student / temperature), logarithms_of_softmax(teacher / temperature)
    soft = temperature**2 * (np.exp(log_y_t) * (log_y_t - log_y_s)).sum(axis=1).mean()
    return float((1 - trade_off) * hard + trade_off * soft)


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(5)
    student = 3 * torch.randn(BATCH, CLASSES, generator=generator, dtype=torch.float64)
    teacher = 5 * torch.randn(BATCH, CLASSES, generator=generator, dtype=torch.float64)
    return student, teacher, torch.randint(CLASSES, (BATCH,), generator=generator)


Batch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@pytest.mark.parametrize("trade_off", [0.0, 0.05, 0.5, 1.0])
@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0, 20.0])
def test_loss_is_eq_3(batch: Batch, trade_off: float, temperature: float) -> None:
    loss = distillation_loss(*batch, trade_off=trade_off, temperature=temperature)
    student, teacher, labels = (tensor.numpy() for tensor in batch)
    assert loss.item() == pytest.approx(eq_3(student, teacher, labels, trade_off, temperature), rel=1e-12)


def test_without_weight_the_teacher_says_nothing(batch: Batch) -> None:
    student, teacher, labels = batch
    one = distillation_loss(student, teacher, labels, trade_off=0, temperature=4)
    other = distillation_loss(student, -teacher, labels, trade_off=0, temperature=9)
    assert one.item() == other.item() == torch.nn.functional.cross_entropy(student, labels).item()


def test_with_full_weight_labels_say_nothing_and_a_perfect_student_pays_nothing(batch: Batch) -> None:
    student, teacher, labels = batch
    one = distillation_loss(student, teacher, labels, trade_off=1, temperature=4)
    other = distillation_loss(student, teacher, (labels + 1) % CLASSES, trade_off=1, temperature=4)
    assert one.item() == other.item() > 0
    assert distillation_loss(teacher + 3, teacher, labels, trade_off=1, temperature=4).item() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize("trade_off", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("temperature", [0.5, 4.0, 20.0])
def test_gradient_is_the_one_that_the_equations_have(batch: Batch, trade_off: float, temperature: float) -> None:
    student, teacher, labels = batch
    student.requires_grad_()
    distillation_loss(student, teacher, labels, trade_off=trade_off, temperature=temperature).backward()
    hard = student.softmax(1) - torch.nn.functional.one_hot(labels, CLASSES)
    soft = temperature * ((student / temperature).softmax(1) - (teacher / temperature).softmax(1))
    expected = ((1 - trade_off) * hard + trade_off * soft) / BATCH
    assert student.grad is not None
    torch.testing.assert_close(student.grad, expected.detach(), rtol=1e-10, atol=1e-14)


def test_the_authors_reduction_divides_the_soft_loss_by_the_classes(batch: Batch) -> None:
    paper = distillation_loss(*batch, trade_off=1, temperature=4)
    code = distillation_loss(*batch, trade_off=1, temperature=4, kl_reduction="elementmean")
    assert code.item() == pytest.approx(paper.item() / CLASSES, rel=1e-12)


@pytest.mark.parametrize(("kl_reduction", "share"), [("batchmean", 1), ("elementmean", 1 / CLASSES)])
def test_a_recipe_s_fields_count(batch: Batch, kl_reduction: KLReduction, share: float) -> None:
    student, teacher, labels = batch
    fields, shown = (
        DistillationFields(trade_off=0.3, temperature=2.5, kl_reduction=kl_reduction),
        given.Batch(labels, teacher.half(), 0),
    )
    hard, soft = (eq_3(student.numpy(), teacher.half().double().numpy(), labels.numpy(), weight, 2.5) for weight in (0, 1))
    assert loss(student, shown, fields).item() == pytest.approx(0.7 * hard + 0.3 * soft * share, rel=1e-6)
    assert unlabelled_loss(student, shown, fields).item() == pytest.approx(soft * share, rel=1e-6)


def test_large_logits_stay_finite() -> None:
    logits = torch.tensor([[3e4, -3e4], [0.0, 1e4]])
    loss = distillation_loss(-logits, logits, torch.tensor([0, 1]), trade_off=0.5, temperature=0.5)
    assert torch.isfinite(loss)


@pytest.mark.parametrize(
    ("change", "what_is_said"),
    [
        ({"trade_off": 1.1}, "trade_off"),
        ({"trade_off": -0.1}, "trade_off"),
        ({"temperature": 0.0}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
    ],
)
def test_parameters_out_of_range_are_refused(batch: Batch, change: dict[str, float], what_is_said: str) -> None:
    with pytest.raises(ValueError, match=what_is_said):
        distillation_loss(*batch, trade_off=change.get("trade_off", 0.5), temperature=change.get("temperature", 4.0))


def test_logits_of_other_shapes_are_refused(batch: Batch) -> None:
    student, teacher, labels = batch
    with pytest.raises(ValueError, match=r"\(16, 7\) and \(16, 6\)"):
        distillation_loss(student, teacher[:, 1:], labels, trade_off=0.5, temperature=4)
