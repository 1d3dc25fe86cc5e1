"""Images of a data set of torchvision's, as images of one's own."""

import inspect
from pathlib import Path
from typing import Any

from takd.data.found import TEST_SHARE, Found, Item, Stored, checked_name
from takd.errors import DataError, shortened

_TRAIN, _TEST = ("train", "trainval"), ("test", "val")


def find(name: str, raw: Path) -> Found:
    """Both splits of a class of torchvision.datasets, in `raw` or downloaded to it. Classes keep the numbers that they have there.

    Raises DataError where there is no such class, it has no split for training and one for testing, its labels aren't numbers, or
    it can't be had.
    """
    train, test = _split(name, raw, _TRAIN), _split(name, raw, _TEST)
    labels = [_labels(dataset) for dataset in (train, test)]
    count = max((*labels[0], *labels[1]), default=-1) + 1
    known = getattr(train, "classes", None)
    named = isinstance(known, list | tuple) and len(known) >= count and all(isinstance(one, str) for one in known)
    classes = tuple(known) if named and known is not None else tuple(str(number) for number in range(count))
    where = Path(f"torchvision's {name}")
    for label, one in enumerate(classes):
        checked_name(where, one)
        if label not in labels[0]:
            raise DataError(f"{where}: class {one!r} has no train images")
    if len(classes) < 2 or not labels[1]:
        raise DataError(f"{where}: {len(classes)} classes and {len(labels[1])} test images; it isn't made for classification")
    if len(set(classes)) != len(classes):
        raise DataError(f"{where}: two classes of one name")
    items: list[list[Item]] = [
        [(Stored(dataset, index), label) for index, label in enumerate(numbers)]
        for dataset, numbers in zip((train, test), labels, strict=True)
    ]
    return Found(raw, items[0], items[1], classes)


def _split(name: str, raw: Path, names: tuple[str, ...]) -> Any:
    """The first of those splits that there is."""
    from torchvision import datasets
    from torchvision.datasets import VisionDataset

    made: Any = getattr(datasets, name, None)
    if not (inspect.isclass(made) and issubclass(made, VisionDataset)):
        raise DataError(f"torchvision: no data set {name!r}; its list is at https://pytorch.org/vision/stable/datasets.html")
    parameters = inspect.signature(made).parameters
    if "train" in parameters:
        choices: list[dict[str, Any]] = [{"train": names is _TRAIN}]
    elif "split" in parameters:
        choices = [{"split": one} for one in names]
    else:
        raise DataError(f"torchvision's {name}: has no train and test images of its own; give its folder and a {TEST_SHARE}")
    reason: Exception | None = None
    for choice in choices:
        for download in [{}, {"download": True}] if "download" in parameters else [{}]:
            try:
                return made(str(raw), **choice, **download)  # type: ignore[call-arg]
            except Exception as error:  # its classes raise nearly anything where files are missing
                reason = reason or error if "Unknown value" in str(error) else error
    raise DataError(f"torchvision's {name}: no {names[0]} images in {raw}, nor to be fetched ({shortened(reason)})")


def _labels(dataset: Any) -> list[int]:
    """Label of each image. Raises DataError where one isn't a number."""
    for attribute in ("targets", "_labels", "labels"):
        values: Any = getattr(dataset, attribute, None)
        values = values.tolist() if hasattr(values, "tolist") else values
        if isinstance(values, list) and len(values) == len(dataset) and all(type(value) is int for value in values):
            break
    else:
        try:
            values = [dataset[index][1] for index in range(len(dataset))]
        except Exception as error:  # whatever its class raises
            raise DataError(f"torchvision's {type(dataset).__name__}: can't be read ({shortened(error)})") from None
    for index, value in enumerate(values):
        if type(value) is not int or value < 0:
            raise DataError(f"{Stored(dataset, index)}: its label is no class number, but {shortened(repr(value))}")
    return list(values)
