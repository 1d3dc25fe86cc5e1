"""What results are compared by: the numbers of a record among which a preset's `metric:` chooses."""

from typing import Literal

from takd.errors import ParameterError

Metric = Literal["accuracy", "top5_accuracy", "balanced_accuracy", "macro_f1"]
TITLES: dict[Metric, str] = {
    "accuracy": "top-1 accuracy",
    "top5_accuracy": "top-5 accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro-F1",
}
FIRST = 5  # classes that top-5 accuracy asks about


def said_of(metric: Metric) -> str:
    """The metric, and which weights it is of, at the beginning of a sentence."""
    title = TITLES[metric]
    return f"{title[0].upper()}{title[1:]} {'after the last epoch' if metric == 'accuracy' else 'of the weights that were kept'}"


def said_of_others(metric: Metric) -> str:
    """That networks are compared by another metric than top-1 accuracy, in a sentence; empty where they aren't."""
    return "" if metric == "accuracy" else f"Networks are compared by {TITLES[metric]}, %, and not by top-1 accuracy."


def check_metric(metric: Metric, dataset: str, classes: int) -> None:
    """Raises ParameterError where the metric can't tell networks of so many classes apart."""
    if metric == "top5_accuracy" and classes <= FIRST:
        raise ParameterError(
            f"metric: top5_accuracy is 100 % for any network of {dataset}, which has {classes} classes; "
            "take accuracy, balanced_accuracy or macro_f1"
        )
