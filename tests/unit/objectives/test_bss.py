import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from takd.objectives import bss
from takd.objectives.batch import Asked, Batch
from takd.objectives.bss import boundary_weight, loss, made, moved, soft_loss
from takd.objectives.registry import BSSFields
from takd.training.steps import generator_for

RANDOM = torch.Generator().manual_seed(0)
WEIGHT = torch.randn(4, 3 * 2 * 2, generator=RANDOM)  # a teacher of one layer: its boundaries are planes
ASKED = Asked(lambda images: images.flatten(1) @ WEIGHT.T, torch.full((3, 1, 1), -4.0), torch.full((3, 1, 1), 4.0))
PICTURES = torch.randn(40, 3, 2, 2, generator=RANDOM)
SAID = ASKED.logits(PICTURES)
FIELDS = BSSFields(bss_samples=8)


def batch(labels: Tensor, epoch: int = 0, epochs: int = 12) -> Batch:
    return Batch(labels, SAID, epoch, epochs=epochs, ask=ASKED)


def test_soft_loss_is_the_cross_entropy_of_both_softmax_functions() -> None:
    student, teacher = torch.randn(2, 5, 4, generator=RANDOM, dtype=torch.float64)
    p, q = (np.exp(each.numpy() / 3) / np.exp(each.numpy() / 3).sum(1, keepdims=True) for each in (teacher, student))
    assert soft_loss(student, teacher, temperature=3).item() == pytest.approx(-(p * np.log(q)).sum(1).mean(), rel=1e-12)


def test_weights_fall_as_the_authors_code_has_them() -> None:
    for epoch in range(12):
        done = (epoch + 1) / 12
        assert boundary_weight(batch(SAID.argmax(1), epoch), FIELDS) == pytest.approx(max(2 * (1 - 4 / 3 * done), 0))
    labels, outputs = SAID.argmax(1), torch.randn(40, 4, generator=RANDOM)
    student, teacher = torch.randn(2, 8, 4, generator=RANDOM)
    whole = batch(labels, 2)._replace(made=(student, teacher))
    expected = cross_entropy(outputs, labels) + (3 * (1 - 3 / 12) + 1) * soft_loss(outputs, SAID, temperature=3)
    torch.testing.assert_close(loss(outputs, batch(labels, 2), FIELDS), expected)
    boundary = 2 * (1 - 4 / 3 * 3 / 12) * soft_loss(student, teacher, temperature=3)
    torch.testing.assert_close(loss(outputs, whole, FIELDS), expected + boundary)


def test_a_sample_is_moved_just_over_the_boundary_by_eq_6() -> None:
    """The boundary of a linear teacher is met along its normal: the first step is η times the scores' difference."""
    labels, towards = SAID.argmax(1), SAID.argsort(1)[:, 2]
    one = moved(PICTURES, labels, towards, ASKED, BSSFields(bss_steps=1, bss_step=0.1))
    normal = (WEIGHT[towards] - WEIGHT[labels]).view_as(PICTURES)
    distance = (SAID.gather(1, labels[:, None]) - SAID.gather(1, towards[:, None])).view(-1, 1, 1, 1)
    length = normal.flatten(1).norm(dim=1).view(-1, 1, 1, 1)
    torch.testing.assert_close(one, (PICTURES + 0.1 * (distance + 1e-4) * normal / length).clamp(-4, 4))
    far = moved(PICTURES, labels, towards, ASKED, BSSFields(bss_steps=60))
    assert (ASKED.logits(far).argmax(1) != labels).float().mean() > 0.9
    assert far.abs().max() <= 4 and not far.requires_grad


def test_base_samples_are_those_that_both_get_right_and_differ_most_about() -> None:
    labels = SAID.argmax(1)
    outputs = SAID.clone()
    outputs[:10] = outputs[:10].roll(1, 1)  # which the student gets wrong
    labels[10:15] = (labels[10:15] + 1) % 4  # which both get wrong
    outputs[20] = outputs[20] * 0.1  # about whose other classes they differ
    found = made(PICTURES, outputs, batch(labels), BSSFields(bss_samples=1))
    assert found is not None and found.shape == (1, 3, 2, 2)
    assert int((found[0] - PICTURES).flatten(1).norm(dim=1).argmin()) == 20
    again = made(PICTURES, outputs, batch(labels), BSSFields(bss_samples=1))
    assert again is not None and torch.equal(found, again)
    assert made(PICTURES, outputs, batch((SAID.argmax(1) + 1) % 4), FIELDS) is None
    assert made(PICTURES, outputs, batch(labels, epoch=9), FIELDS) is None


def test_a_teacher_that_is_sure_of_one_class_still_gives_one_to_move_to() -> None:
    sure = torch.zeros(40, 4).scatter(1, SAID.argmax(1)[:, None], 1e4)
    found = made(PICTURES, sure, batch(SAID.argmax(1))._replace(teacher_logits=sure), FIELDS)
    assert found is not None and found.isfinite().all()


def test_a_recipe_s_weights_and_temperature_count() -> None:
    fields, labels = BSSFields(bss_weight=1.5, bss_soft_weight=0.7, bss_temperature=2), SAID.argmax(1)
    outputs, (student, teacher) = torch.randn(40, 4, generator=RANDOM), torch.randn(2, 8, 4, generator=RANDOM)

    def soft(own: Tensor, taught: Tensor) -> float:
        p, q = (np.exp(each.double().numpy() / 2) for each in (taught, own))
        return float(-(p / p.sum(1, keepdims=True) * np.log(q / q.sum(1, keepdims=True))).sum(1).mean())

    found = loss(outputs, batch(labels, 2)._replace(made=(student, teacher)), fields)
    expected = (
        cross_entropy(outputs, labels).item() + 0.7 * (1 - 3 / 16) * soft(outputs, SAID) + 1.5 * (2 / 3) * soft(student, teacher)
    )
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_samples_stay_between_black_and_white() -> None:
    narrow = Asked(ASKED.logits, torch.full((3, 1, 1), -0.2), torch.full((3, 1, 1), 0.3))
    found = moved(PICTURES.clamp(-0.2, 0.3), SAID.argmax(1), SAID.argsort(1)[:, 2], narrow, BSSFields(bss_steps=2))
    assert found.min() == pytest.approx(-0.2) and found.max() == pytest.approx(0.3)


def logits_of(*probabilities: float) -> Tensor:
    return torch.tensor(probabilities).log()


def test_how_much_they_differ_about_the_labels_class_does_not_count() -> None:
    """The first image differs more over all classes, the second over the others: 0.15 against 0.12, summed as squares."""
    teacher = torch.stack([logits_of(0.94, 0.02, 0.02, 0.02), logits_of(0.4, 0.33, 0.2, 0.07)])
    student = torch.stack([logits_of(0.34, 0.22, 0.22, 0.22), logits_of(0.4, 0.06, 0.2, 0.34)])
    given = Batch(torch.zeros(2, dtype=torch.int64), teacher, 0, epochs=12, ask=ASKED)
    found = made(PICTURES[:2], student, given, BSSFields(bss_samples=1, bss_step=1e-6))
    assert found is not None
    torch.testing.assert_close(found[0], PICTURES[1].clamp(-4, 4), atol=1e-3, rtol=0)


def drawn(teacher: Tensor, student: Tensor, seed: int, monkeypatch: pytest.MonkeyPatch) -> Tensor:
    """The classes that 40 images of class 0 are moved to."""
    found: list[Tensor] = []
    monkeypatch.setattr(bss, "moved", lambda pictures, labels, towards, ask, fields: found.append(towards))
    given = Batch(torch.zeros(40, dtype=torch.int64), teacher.expand(40, 4), 0, epochs=12, ask=ASKED)
    given = given._replace(random=lambda purpose: torch.Generator().manual_seed(seed + len(purpose)))
    made(PICTURES, student.expand(40, 4), given, BSSFields(bss_samples=40))
    return found[0]


def test_the_class_to_move_to_is_drawn_by_the_teachers_probabilities_of_the_wrong_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    student = logits_of(0.5, 0.01, 0.01, 0.48)
    assert (drawn(logits_of(0.8999, 1e-9, 0.1, 1e-9), student, 0, monkeypatch) == 2).all()
    even = logits_of(0.4, 0.2, 0.2, 0.2)
    first, again, other = (drawn(even, student, seed, monkeypatch) for seed in (0, 0, 1))
    assert torch.equal(first, again) and not torch.equal(first, other) and set(first.tolist()) == {1, 2, 3}


def test_random_numbers_are_by_seed_epoch_step_and_purpose() -> None:
    asked = [(0, 0, 0, "boundary"), (1, 0, 0, "boundary"), (0, 1, 0, "boundary"), (0, 0, 1, "boundary"), (0, 0, 0, "teachers")]
    once, again = ([tuple(torch.rand(3, generator=generator_for(*each)).tolist()) for each in asked] for _ in range(2))
    assert once == again and len(set(once)) == len(asked)
