"""made/….json: of a table, a figure or another file for people, the key that made it and the digests of its files."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, ValidationError

from takd.errors import RecordError, TakdError
from takd.files import parsed_json, read_text, sha256_of, write_json
from takd.records.fields import Digest, Key
from takd.study.section import Section, first_problem

_FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.]{0,99}$")]  # so that none lies elsewhere


class Made(Section):
    """The record of one rule's files: these don't all have a place of their own for a key."""

    key: Key
    files: Annotated[dict[_FileName, Digest], Field(max_length=20)]  # by their names beside each other
    made_from: dict[Annotated[str, Field(max_length=1000)], Digest] = Field(default_factory=dict, max_length=200_000)  # by paths

    @classmethod
    def of(cls, key: str, files: list[Path], made_from: list[Path] | None = None) -> Self:
        """The record of files that were just written, from those of the second list."""
        digests = {str(path): sha256_of(path) for path in made_from or []}
        return cls(key=key, files={path.name: sha256_of(path) for path in files}, made_from=digests)

    def write(self, path: Path) -> None:
        """Write the record, whole or not at all."""
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def read(cls, path: Path) -> Self:
        """A record. Raises RecordError where the file isn't one."""
        try:
            return cls.model_validate(parsed_json(read_text(path, 100_000_000)))
        except ValidationError as error:
            raise RecordError(f"{path}: not the record of what was made: {first_problem(error)}") from None
        except TakdError as error:
            raise RecordError(str(error)) from None
        except (ValueError, RecursionError):
            raise RecordError(f"{path}: not the record of what was made") from None

    def changed(self, folder: Path) -> list[str]:
        """Those of its files that aren't there, or aren't what was written."""
        return [name for name, digest in self.files.items() if not (folder / name).is_file() or sha256_of(folder / name) != digest]
