"""Which data sets there are, and what is said of images of one's own. Importing it doesn't import torch."""

from dataclasses import dataclass
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from takd.errors import NetworkNameError

SMALLEST_SIDE, LARGEST_SIDE = 8, 1024  # pixels
IN_MEMORY_BYTES = 8_000_000_000  # of pixels; a larger set is streamed from its files
MOST_CLASSES = 65_536  # a label has two bytes

_Place = Annotated[str, Field(min_length=1, max_length=4096, pattern=r"^[^\x00\n]+$")]


@dataclass(frozen=True)
class Archive:
    """A publisher's archive. `md5` is that of the published file; any archive with the same content serves as well.

    most_members, largest_member, largest_content: bounds on its files, each one's bytes and all their bytes, unpacked. CIFAR's have
    10 files at most, of 155 MB at most, 187 MB in all.
    """

    filename: str
    url: str
    bytes: int
    md5: str
    most_members: int = 100
    largest_member: int = 200_000_000
    largest_content: int = 250_000_000


@dataclass(frozen=True)
class Dataset:
    """A data set of 32x32 colour images.

    train_digest, test_digest: what `takd.data.prepared.content_digest` gives for each split, whatever the order of its images.
    archive: None where the images come with an installed package. labels: the classes' names, in the order of their numbers.
    """

    title: str
    classes: int
    training_images: int
    train_digest: str
    test_digest: str
    archive: Archive | None = None
    labels: tuple[str, ...] = ()


class OwnImages(BaseModel):
    """Where images of one's own are: in a folder, in a table, or in a data set of torchvision's. Exactly one of the three."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, coerce_numbers_to_str=True)

    folder: _Place | None = Field(
        default=None,
        description="A folder with train/ and test/ (or val/), each with one folder for each class; or one such tree, of "
        "which `test_share` is kept for testing.",
    )
    csv: _Place | None = Field(
        default=None,
        description="A table with the columns path and label, and split (train or test) unless there is a `test_share`. Paths are "
        "relative to the table.",
    )
    torchvision: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,99}$")] | None = Field(
        default=None,
        description="A class of torchvision.datasets that has a split for training and one for testing, such as Flowers102. It is "
        "read from data/raw, and downloaded where it isn't there.",
    )
    size: int | None = Field(
        default=None,
        ge=SMALLEST_SIDE,
        le=LARGEST_SIDE,
        strict=True,
        description="Side of the square images, pixels: the shorter side is brought to it, then the centre is cut out. Left out: "
        "the images' own, where all are squares of one size.",
    )
    test_share: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Share of each class's images that is kept for testing, where images aren't split already.",
    )
    test_seed: int = Field(default=0, ge=0, lt=1 << 31, strict=True, description="Fixes which images `test_share` keeps.")
    unlabelled: _Place | None = Field(
        default=None,
        description="A folder of pictures without labels, in it and below it, that teach where a recipe says `unlabelled: folder`.",
    )

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        given = [name for name in ("folder", "csv", "torchvision") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"give one of folder, csv and torchvision; there {'are ' + ' and '.join(given) if given else 'is none'}"
            )
        if self.torchvision is not None and self.test_share is not None:
            raise ValueError("test_share: torchvision's data sets are split already; leave it out")
        if self.test_seed and self.test_share is None:
            raise ValueError("test_seed: needs a test_share")
        return self


@dataclass(frozen=True)
class InFolder:
    """A published data set that can't be downloaded: who has it, has it in a folder. Only rows that name it show it.

    images: where, and at how many pixels. classes, train, test: as published, for plans; what the folder holds is counted, and its
    digest is kept in presets/NAME.lock when it is first read.
    """

    title: str
    images: OwnImages
    classes: int
    train: int
    test: int


_CIFAR10 = "airplane automobile bird cat deer dog frog horse ship truck"
_CIFAR100 = (
    "apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can "
    "castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin "
    "elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster "
    "man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck "
    "pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk "
    "skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger "
    "tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm"
)

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
        tuple(_CIFAR10.split()),
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
        tuple(_CIFAR100.split()),
    ),
    "digits": Dataset(
        "Digits",
        10,
        1438,
        "0edaf0fc30f2c986da7adc4af58e8091e6069d221caf65261b0beae6b4b77d3b",
        "b511dcaaf1dd2ff3d4ed53822271990fe8ef46ebe167c5de01e2e128b48ace7a",
        labels=tuple("0123456789"),
    ),
}

IN_FOLDERS: dict[str, InFolder] = {
    "imagenet": InFolder("ImageNet", OwnImages(folder="data/imagenet", size=224), 1000, 1_281_167, 50_000),
}

# Of all that are published, by their names.
DATASET_TITLES = {name: one.title for name, one in DATASETS.items()} | {name: one.title for name, one in IN_FOLDERS.items()}


def dataset(name: str) -> Dataset:
    """The data set of that name. Raises NetworkNameError where there is none."""
    if name not in DATASETS:
        raise NetworkNameError(f"unknown data set {name!r}; there are {', '.join(DATASETS)}")
    return DATASETS[name]
