"""made/….json: of a table, a figure or another file for people, the key that made it and the digests of its files."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError

from takd.errors import RecordError, TakdError
from takd.files import parsed_json, read_text, sha256_of, write_json
from takd.records.fields import Digest, Key
from takd.study.section import Section, first_problem

_Path = Annotated[str, Field(max_length=1000)]
MOST_SOURCES = 200_000  # files from which one is made
_FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,250}$")]  # so that none lies elsewhere


class Made(Section):
    """The record of one rule's files: these don't all have a place of their own for a key."""

    key: Key
    files: Annotated[dict[_FileName, Digest], Field(max_length=20)]  # by their names beside each other
    made_from: dict[_Path, Digest] = Field(default_factory=dict, max_length=MOST_SOURCES)

    @classmethod
    def of(cls, key: str, files: list[Path], made_from: list[Path] | None = None) -> Self:
        """The record of files that were just written, from those of the second list."""
        digests = {str(path): sha256_of(path) for path in made_from or []}
        return cls(key=key, files={path.name: sha256_of(path) for path in files}, made_from=digests)

    def write(self, path: Path) -> None:
        """Write the record, whole or not at all, with a digest of what it says."""
        values = self.model_dump(mode="json")
        write_json(path, values | {"digest": _digest(values)})

    @classmethod
    def read(cls, path: Path) -> Self:
        """A record. Raises RecordError where the file isn't one."""
        try:
            values = parsed_json(read_text(path, 100_000_000), MOST_SOURCES)
            written = values.pop("digest", None) if isinstance(values, dict) else None
            record = cls.model_validate(values)
        except ValidationError as error:
            raise RecordError(f"{path}: not the record of what was made: {first_problem(error)}") from None
        except TakdError as error:
            raise RecordError(str(error)) from None
        except (ValueError, RecursionError):
            raise RecordError(f"{path}: not the record of what was made") from None
        if written != _digest(values):
            raise RecordError(f"{path}: isn't what was written: it was changed by hand, or damaged")
        return record

    def changed(self, folder: Path) -> list[str]:
        """Those of its files that aren't there, or aren't what was written."""
        return [name for name, digest in self.files.items() if not (folder / name).is_file() or sha256_of(folder / name) != digest]


def _digest(values: object) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()[:16]
