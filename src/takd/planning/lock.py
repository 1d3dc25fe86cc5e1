"""presets/NAME.lock: the content of one's own images, as they were first read; in git, beside the preset."""

import hashlib
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError, model_validator

from takd.data.registry import DATASETS, IN_FOLDERS, OwnImages
from takd.errors import ParameterError
from takd.files import parsed_json, read_text, write_json
from takd.study.section import Section, first_problem


class Lock(Section):
    """What a data set holds. digest: of all images and labels, in any order. size: pixels along a side.

    duplicates: test images that are among the training images too. unlabelled: digest of the images without labels, where
    there are some.
    """

    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    classes: Annotated[int, Field(ge=2, le=65_536)]
    train: Annotated[int, Field(ge=1, le=10**9)]
    test: Annotated[int, Field(ge=1, le=10**9)]
    size: Annotated[int, Field(ge=1, le=4096)]
    duplicates: Annotated[int, Field(ge=0, le=10**9)] = 0
    data: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$|^$")] = ""  # of what the preset says of them, when they were read
    unlabelled: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None

    @model_validator(mode="after")
    def _duplicates_are_test_images(self) -> Self:
        if self.duplicates > self.test:
            raise ValueError(f"duplicates: {self.duplicates} of {self.test} test images")
        return self

    @classmethod
    def of_published(cls, name: str) -> Self:
        """Of a data set that takd knows."""
        known = DATASETS[name]
        digest = hashlib.sha256((known.train_digest + known.test_digest).encode()).hexdigest()
        test = 10_000 if known.archive else 359
        return cls(digest=digest, classes=known.classes, train=known.training_images, test=test, size=32)

    @classmethod
    def as_published(cls, name: str) -> Self:
        """Of a data set in a folder that nobody has read yet: the numbers that are published, and no digest; for plans alone."""
        known = IN_FOLDERS[name]
        assert known.images.size is not None
        return cls(digest="0" * 64, classes=known.classes, train=known.train, test=known.test, size=known.images.size)

    @property
    def bytes_of_images(self) -> int:
        """What the pixels of all images take in memory."""
        return (self.train + self.test) * self.size**2 * 3

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The lock in a file; None where there is none yet. Raises ParameterError where it can't be read."""
        if not path.exists():
            return None
        try:
            return cls.model_validate(parsed_json(read_text(path, 10_000)))
        except ValidationError as error:
            raise ParameterError(f"{path}: not what `takd prepare` recorded: {first_problem(error)}") from None
        except (ValueError, RecursionError):
            raise ParameterError(f"{path}: not what `takd prepare` recorded; get it from git again") from None

    def is_of(self, images: OwnImages) -> bool:
        """Whether the preset still says of the images what it said when they were read."""
        return self.data == digest_of(images)

    def write(self, path: Path) -> None:
        """Write the lock, whole or not at all."""
        write_json(path, self.model_dump(exclude_none=True))


def digest_of(images: OwnImages) -> str:
    """Of what a preset says of its images: another place, size or share makes other images of them."""
    return hashlib.sha256(images.model_dump_json(exclude_none=True).encode()).hexdigest()[:16]
