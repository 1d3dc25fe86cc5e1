"""Files of a publisher's tar.gz, read into memory one by one: nothing is unpacked, and nothing is believed beyond fixed bounds."""

import tarfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from takd.data.registry import Archive
from takd.errors import DataError

BLOCK = 512  # bytes; a tar file's unit
CHUNK = 1 << 18
MOST_GZIP_MEMBERS = 20_000  # bgzip makes one of each 64 kB
LONGEST_HEADER = 1 << 16  # bytes of a long name or of attributes that precede a file

_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_PRECEDING = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)


def files(path: Path, wanted: Collection[str], bounds: Archive) -> Iterator[tuple[str, bytearray]]:
    """Name and content of each wanted file, in the archive's order. ./a and a are one name.

    Raises DataError where the archive is missing, no file or damaged, and where it holds more than `bounds` allows or what leaves
    its folder.
    """
    if not path.exists():
        raise DataError(f"{path}: no such file")
    if not path.is_file():
        raise DataError(f"{path}: isn't a file; move it away and fetch the archive again")
    if path.stat().st_size > bounds.largest_content:
        raise DataError(f"{path}: larger than all that the published archive holds; move it away and fetch it again")
    try:
        with path.open("rb") as file:
            yield from _files(path, _Gunzip(file), wanted, bounds)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cut short or damaged ({error}); move it away and fetch it again") from None


def _files(path: Path, stream: "_Gunzip", wanted: Collection[str], bounds: Archive) -> Iterator[tuple[str, bytearray]]:
    total = 0
    for count in range(bounds.most_members + 1):
        block = stream.read(BLOCK)
        if not any(block):
            return
        if count == bounds.most_members:
            raise DataError(f"{path}: holds more than {bounds.most_members} files; this isn't the published archive")
        member = tarfile.TarInfo.frombuf(bytes(block), "utf-8", "surrogateescape")
        name = PurePosixPath(member.name)
        if name.is_absolute() or ".." in name.parts or member.issym() or member.islnk():
            raise DataError(f"{path}: {member.name!r} leaves the archive's folder; this isn't the published archive")
        precedes = member.type in _PRECEDING
        if not precedes and member.type not in (*_FILES, tarfile.DIRTYPE):
            raise DataError(f"{path}: {member.name!r} is neither a file nor a folder; this isn't the published archive")
        total += member.size
        largest = LONGEST_HEADER if precedes else bounds.largest_member
        if not 0 <= member.size <= largest or total > bounds.largest_content:
            raise DataError(f"{path}: {member.name!r} isn't of the expected size; this isn't the published archive")
        padding = -member.size % BLOCK
        if str(name) in wanted:
            if member.type not in _FILES:
                raise DataError(f"{path}: {member.name!r} isn't a file; this isn't the published archive")
            content = stream.read(member.size)
            stream.skip(padding)
            yield str(name), content
        else:
            stream.skip(member.size + padding)


class _Gunzip:
    """What a gzip file holds, a piece at a time. Raises EOFError where it ends too early, zlib.error where it is damaged."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.pending = file, b""
        self.inflate, self.members = zlib.decompressobj(31), 1

    def read(self, count: int) -> bytearray:
        """The next `count` bytes."""
        content, filled = bytearray(count), 0
        while filled < count:
            piece = self._some(count - filled)
            content[filled : filled + len(piece)] = piece
            filled += len(piece)
        return content

    def skip(self, count: int) -> None:
        """Leave out the next `count` bytes."""
        while count:
            count -= len(self._some(count))

    def _some(self, at_most: int) -> bytes:
        """At least one byte, at most so many."""
        while True:
            if self.inflate.eof:
                self.pending = self.inflate.unused_data
                self.inflate, self.members = zlib.decompressobj(31), self.members + 1
                if self.members > MOST_GZIP_MEMBERS:
                    raise EOFError("of too many pieces")
            self.pending = self.pending or self.file.read(CHUNK)
            if not self.pending:
                raise EOFError("it ends too early")
            piece = self.inflate.decompress(self.pending, min(at_most, CHUNK))
            self.pending = self.inflate.unconsumed_tail
            if piece:
                return piece
