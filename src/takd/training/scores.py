"""What else than top-1 accuracy answers are judged by: by classes alike, and by whether the label is among the first five."""

from typing import NamedTuple

from torch import Tensor

FIRST = 5


class Scores(NamedTuple):
    """In per cent, of the images that a network is judged on. top5_accuracy: None for five classes or fewer."""

    top5_accuracy: float | None
    balanced_accuracy: float
    macro_f1: float


def scores_of(logits: Tensor, labels: Tensor) -> Scores:
    """All of them. logits: (N, C). labels: (N,), int64."""
    return Scores(top5_accuracy(logits, labels), *by_classes(logits.argmax(dim=1), labels))


def by_classes(answers: Tensor, labels: Tensor) -> tuple[float, float]:
    """Balanced accuracy and macro-F1, scikit-learn's, both in per cent: means over classes, however many images each has.

    answers, labels: (N,), int64. A class that has no image counts in neither, unless it was answered: then its F1 is 0.
    """
    from sklearn.metrics import f1_score, recall_score  # late: it is asked once, at the end

    true, said = labels.cpu().numpy(), answers.cpu().numpy()
    balanced = recall_score(true, said, labels=sorted(set(true.tolist())), average="macro", zero_division=0)
    return 100 * float(balanced), 100 * float(f1_score(true, said, average="macro", zero_division=0))


def top5_accuracy(logits: Tensor, labels: Tensor) -> float | None:
    """Share of the images whose label is among the five largest logits, in per cent; None for five classes or fewer.

    logits: (N, C). labels: (N,), int64.
    """
    if logits.shape[1] <= FIRST:
        return None
    return 100 * float((logits.topk(FIRST, dim=1).indices == labels[:, None]).any(dim=1).float().mean())
