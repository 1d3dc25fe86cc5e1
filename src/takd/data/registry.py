"""Which data sets there are. Importing it doesn't import torch: names are checked with it."""

from dataclasses import dataclass

from takd.errors import NetworkNameError


@dataclass(frozen=True)
class Archive:
    """A publisher's archive. `md5` is that of the published file; any archive with the same content serves as well."""

    filename: str
    url: str
    bytes: int
    md5: str


@dataclass(frozen=True)
class Dataset:
    """A data set of 32x32 colour images.

    train_digest, test_digest: what `takd.data.prepared.content_digest` gives for each split, whatever the order of its images.
    archive: None where the images come with an installed package.
    """

    title: str
    classes: int
    training_images: int
    train_digest: str
    test_digest: str
    archive: Archive | None = None


DATASETS: dict[str, Dataset] = {
    "cifar10": Dataset(
        "CIFAR-10",
        10,
        50_000,
        "55a61f79a40ece2ceda9fb5f9f7078f6ea2fc4952489cef56682bcf92cfcc260",
        "325704b01eb92e1e2a6215ae6a916bb7db7de054af0c496be1c7be2e0fcfbf5f",
        Archive(
            "cifar-10-python.tar.gz",
            "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
            170_498_071,
            "c58f30108f718f92721af3b95e74349a",
        ),
    ),
    "cifar100": Dataset(
        "CIFAR-100",
        100,
        50_000,
        "7077d87fc363f92dbf1245f13ba80561d7b33a96c79ad57168d49dc172aaa92b",
        "96adb3db8da7632dbb350559a17b9f585fab5b17675de5fc8f6761384196b294",
        Archive(
            "cifar-100-python.tar.gz",
            "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
            169_001_437,
            "eb9058c3a382ffc7106e4002c42a8d85",
        ),
    ),
    "digits": Dataset(
        "Digits",
        10,
        1438,
        "0edaf0fc30f2c986da7adc4af58e8091e6069d221caf65261b0beae6b4b77d3b",
        "b511dcaaf1dd2ff3d4ed53822271990fe8ef46ebe167c5de01e2e128b48ace7a",
    ),
}


def dataset(name: str) -> Dataset:
    """The data set of that name. Raises NetworkNameError where there is none."""
    if name not in DATASETS:
        raise NetworkNameError(f"unknown data set {name!r}; there are {', '.join(DATASETS)}")
    return DATASETS[name]
