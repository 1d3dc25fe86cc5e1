import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score
from sklearn.utils.class_weight import compute_class_weight

from takd.training.labels import balanced_weights
from takd.training.scores import by_classes, scores_of, top5_accuracy


def test_every_class_counts_alike_however_many_images_it_has() -> None:
    """Counted by hand: 98 of 100 of one class are right, and 1 of 2 of another."""
    labels = torch.tensor([0] * 100 + [1] * 2)
    answers = torch.tensor([0] * 98 + [1] * 2 + [1, 0])
    balanced, f1 = by_classes(answers, labels)
    assert balanced == pytest.approx((98 + 50) / 2) == pytest.approx(100 * balanced_accuracy_score(labels, answers))
    of_0, of_1 = 2 * 98 / (2 * 98 + 1 + 2), 2 * 1 / (2 * 1 + 2 + 1)  # 2 TP / (2 TP + FP + FN)
    assert f1 == pytest.approx(50 * (of_0 + of_1))


def test_a_class_that_is_never_answered_or_never_there_is_no_error() -> None:
    for answers, labels in (([0, 0], [0, 1]), ([0, 2], [0, 0])):
        balanced, f1 = by_classes(torch.tensor(answers), torch.tensor(labels))
        assert balanced == 50 and f1 == pytest.approx(100 * (2 / 3) / 2)


def test_a_label_among_the_first_five_counts() -> None:
    logits = torch.arange(7.0).expand(4, 7)  # the five largest are classes 2 to 6
    assert top5_accuracy(logits, torch.tensor([6, 2, 1, 0])) == 50
    assert top5_accuracy(logits[:, :5], torch.tensor([0, 0, 0, 0])) is None
    balanced, f1 = by_classes(logits.argmax(dim=1), labels := torch.tensor([6, 2, 1, 0]))
    assert scores_of(logits, labels) == (50, balanced, f1) and balanced == 25


def test_weights_are_scikit_learns_and_make_classes_count_alike() -> None:
    labels = torch.tensor([0] * 100 + [1] + [3] * 9)
    weights = balanced_weights(labels, classes=4)
    assert weights[2] == 0 and weights.dtype == torch.float32
    expected = compute_class_weight("balanced", classes=np.array([0, 1, 3]), y=labels.numpy())
    assert weights[[0, 1, 3]].tolist() == pytest.approx(expected)
    assert (weights[labels].sum() / 3).item() == pytest.approx(weights[0].item() * 100) == pytest.approx(weights[1].item())
