"""Archives and pickles that were made to harm: each ends in one line, soon, and in little memory."""

import gzip
import io
import os
import pickle
import struct
import subprocess
import sys
import tarfile
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from takd.data import archives, pickles, sources
from takd.data.registry import DATASETS
from takd.errors import DataError
from tests.unit.data.test_sources import batch, contents, python2_pickle, write_archive

BOUNDS = DATASETS["cifar10"].archive
TEST = "cifar-10-batches-py/test_batch"
assert BOUNDS is not None


def header(name: str = TEST, size: int = 0, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A tar header, with a size that may be negative or beyond what follows."""
    info = tarfile.TarInfo(name)
    info.type = kind
    block = bytearray(info.tobuf(tarfile.GNU_FORMAT)[-512:])
    block[124:136] = tarfile.itn(size, 12, tarfile.GNU_FORMAT)  # type: ignore[attr-defined]
    block[148:156] = b" " * 8
    block[148:156] = f"{sum(block):06o}\0 ".encode()
    return bytes(block)


def gzipped(path: Path, content: bytes) -> Path:
    path.write_bytes(gzip.compress(content, 1))
    return path


def refused(path: Path, what_is_said: str) -> None:
    started = time.monotonic()
    with pytest.raises(DataError, match=what_is_said) as raised:
        sources.read_cifar10(path)
    assert time.monotonic() - started < 10
    assert "\n" not in str(raised.value) and path.name in str(raised.value)
    assert "delete" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "what_is_said"),
    [
        (header(size=-512), "'cifar-10-batches-py/test_batch' isn't of the expected size"),
        (header("other", size=-(10**6)) + bytes(1024), "'other' isn't of the expected size"),
        (header(size=3 * 10**9), "isn't of the expected size"),
        (header("other", size=2**62), "'other' isn't of the expected size"),
        (header("././@LongLink", 3 * 10**9, tarfile.GNUTYPE_LONGNAME), "'././@LongLink' isn't of the expected size"),
        (header("././@LongLink", 3 * 10**9, tarfile.GNUTYPE_LONGLINK), "isn't of the expected size"),
        (header("pax", 10**8, tarfile.XHDTYPE), "'pax' isn't of the expected size"),
        (header("pax", 10**8, tarfile.XGLTYPE), "'pax' isn't of the expected size"),
        (header(kind=tarfile.FIFOTYPE), "is neither a file nor a folder"),
        (header(kind=tarfile.CHRTYPE), "is neither a file nor a folder"),
        (header("other", kind=tarfile.BLKTYPE), "is neither a file nor a folder"),
        (header(kind=tarfile.GNUTYPE_SPARSE), "is neither a file nor a folder"),
        (header("other", kind=b"Q"), "is neither a file nor a folder"),
        (header(kind=tarfile.DIRTYPE), "isn't a file"),
        (header(kind=tarfile.LNKTYPE), "leaves the archive's folder"),
        (header("other", kind=tarfile.SYMTYPE), "leaves the archive's folder"),
        (header("a/../../b"), "leaves the archive's folder"),
        (header("a\nb/../c"), "leaves the archive's folder"),
        (b"".join(header(f"file {i}") for i in range(2000)), "holds more than 100 files"),
        (b"".join(header("pax", 0, tarfile.XHDTYPE) for i in range(200)), "holds more than 100 files"),
        (b"".join(header("d", 0, tarfile.DIRTYPE) for i in range(200)), "holds more than 100 files"),
        (header()[:300], "cut short or damaged"),
        (b"", "cut short or damaged"),
        (b"\xff" * 1024, "cut short or damaged"),
        (bytes(1024), "holds no cifar-10-batches-py/data_batch_1"),
    ],
)
def test_a_hostile_member_is_refused(tmp_path: Path, content: bytes, what_is_said: str) -> None:
    refused(gzipped(tmp_path / "a.tar.gz", content), what_is_said)


def test_all_members_together_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert BOUNDS is not None
    small = replace(BOUNDS, largest_member=5000, largest_content=12_000)
    monkeypatch.setitem(DATASETS, "cifar10", replace(DATASETS["cifar10"], archive=small))
    content = b"".join(header(f"file {i}", 5000) + bytes(5120) for i in range(3))
    refused(gzipped(tmp_path / "a.tar.gz", content), "'file 2' isn't of the expected size")
    (tmp_path / "b.tar.gz").write_bytes(os.urandom(13_000))
    refused(tmp_path / "b.tar.gz", "larger than all that the published archive holds")


def test_a_few_kilobytes_that_unpack_to_much_stay_small(tmp_path: Path) -> None:
    path = gzipped(tmp_path / "a.tar.gz", header("zeros", 199_000_000) + bytes(60_000_000))
    tracemalloc.start()
    refused(path, "cut short or damaged")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000


def test_a_gzip_file_of_many_pieces_is_read_and_of_too_many_refused(tmp_path: Path) -> None:
    whole = gzip.decompress(write_archive(tmp_path / "a.tar.gz", contents()).read_bytes())
    pieces = [gzip.compress(whole[start : start + 5000]) for start in range(0, len(whole), 5000)]
    (tmp_path / "b.tar.gz").write_bytes(b"".join(pieces))
    assert sources.read_cifar10(tmp_path / "b.tar.gz")["test"][0].shape == (12, 3, 32, 32)
    (tmp_path / "b.tar.gz").write_bytes(gzip.compress(b"") * 30_000)
    refused(tmp_path / "b.tar.gz", "of too many pieces")


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_an_honest_archive_that_was_packed_again_is_read(tmp_path: Path, form: int) -> None:
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz", format=form) as tar:
        folder = tarfile.TarInfo("cifar-10-batches-py")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for name, entry in contents().items():
            data = python2_pickle(entry)
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), 1234567890.125  # a fraction needs a header of its own
            tar.addfile(info, io.BytesIO(data))
        if form != tarfile.USTAR_FORMAT:
            tar.addfile(tarfile.TarInfo("long " * 100))
    assert sources.read_cifar10(tmp_path / "a.tar.gz")["train"][0].shape == (60, 3, 32, 32)


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "socket", "broken link"])
def test_something_else_in_an_archives_place_is_refused_at_once(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    assert BOUNDS is not None
    path = tmp_path / BOUNDS.filename
    for place in (path, path.with_name(path.name + ".part")):
        match kind:
            case "pipe":
                os.mkfifo(place)
            case "folder":
                place.mkdir()
            case "device":
                place.symlink_to("/dev/zero")
            case "socket":
                with socket.socket(socket.AF_UNIX) as server:
                    monkeypatch.chdir(tmp_path)  # its name may have 100 letters
                    server.bind(place.name)
            case "broken link":
                place.symlink_to(tmp_path / "absent")
        with pytest.raises(DataError, match=f"{place.name}: isn't a file; move it away"):
            sources.fetch(BOUNDS, tmp_path)
        if place == path:
            refused(path, "isn't a file; move it away|no such file")
            path.rmdir() if kind == "folder" else path.unlink()


def pickled(*parts: bytes) -> bytes:
    return b"\x80\x02" + b"".join(parts) + b"."


ARRAY = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
TYPE = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"


def state(rows: bytes, columns: bytes, content: bytes, *, fortran: bytes = b"\x89") -> bytes:
    return b"(K\x01" + rows + columns + b"\x86" + TYPE + fortran + content + b"tb"


NEGATIVE, LARGEST = b"J\xff\xff\xff\xff", b"J\xff\xff\xff\x7f"
SHARED = b")" + b"q\x00h\x00\x86" * 200  # a tuple of itself twice, 200 times over

HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "nested lists": (lambda: pickled(b"]" * 10**6, b"a" * (10**6 - 1)), "more than 1,000,000 opcodes"),
    "nested lists within the bound": (lambda: pickled(b"]" * 450_000, b"a" * 449_999), "no dictionary"),
    "nested tuples": (lambda: pickled(b")", b"\x85" * 900_000), "no dictionary"),
    "nested dictionaries": (lambda: pickled(b"}" + b"U\x01a}" * 300_000 + b"s" * 300_000), "no dictionary with an array"),
    "a memo index of 2**28": (lambda: pickled(b"]r" + struct.pack("<I", 2**28)), "no dictionary"),
    "a memo index in text": (lambda: pickled(b"]p" + b"9" * 900 + b"\n"), "no dictionary"),
    "a number of many digits": (lambda: pickled(b"I" + b"9" * 5_000_000 + b"\n"), "a line without an end"),
    "five million lists": (lambda: pickled(b"(" + b"]" * 5 * 10**6 + b"l"), "more than 1,000,000 opcodes"),
    "five million marks": (lambda: pickled(b"(" * 5 * 10**6), "more than 1,000,000 opcodes"),
    "a shared tuple as a key": (lambda: pickled(b"}", SHARED, b"K\x00s"), "keys that aren't short texts"),
    "a shared tuple as a type": (lambda: pickled(b"cnumpy\ndtype\n", SHARED, b"\x85R"), "an array of something"),
    "a shared tuple as a state": (lambda: pickled(ARRAY, SHARED, b"b"), "isn't a two-dimensional one"),
    "a list within itself": (lambda: pickled(b"]q\x00h\x00a"), "no dictionary"),
    "a list of itself as labels": (
        lambda: pickled(b"}(U\x04data", array_of(2), b"U\x06labels]q\x00h\x00au"),
        "isn't a list of 2 labels",
    ),
    "a long key": (lambda: pickled(b"}T" + struct.pack("<i", 10**6) + b"a" * 10**6 + b"K\x00s"), "keys that aren't short texts"),
    "a text of negative length": (lambda: pickled(b"T\xff\xff\xff\xff"), "it ends too early"),
    "a text of 4 GB": (lambda: pickled(b"B\xff\xff\xff\xff"), "it ends too early"),
    "a text of 2**63 bytes": (lambda: pickled(b"\x8e" + b"\xff" * 8), "it ends too early"),
    "an array of negative shape": (
        lambda: pickled(b"}U\x04data" + ARRAY + state(NEGATIVE, NEGATIVE, b"U\x01a") + b"s"),
        "bytes don't fill its shape",
    ),
    "an array of a huge shape": (lambda: pickled(ARRAY + state(LARGEST, LARGEST, b"U\x01a")), "don't fill its shape"),
    "an array by columns": (
        lambda: pickled(ARRAY + state(b"K\x01", b"K\x01", b"U\x01a", fortran=b"\x88")),
        "isn't a two-dimensional one",
    ),
    "an array without content": (lambda: pickled(b"}U\x04data" + ARRAY + b"s"), r"images of \(\) bytes"),
    "an empty array": (lambda: pickled(b"}U\x04data" + ARRAY + state(b"K\x00", b"M\x00\x0c", b"U\x00") + b"s"), "images of"),
    "an unknown memo": (lambda: pickled(b"h\x07"), "damaged"),
    "a mark that there is not": (lambda: pickled(b"t"), "damaged"),
    "an empty stack": (lambda: pickled(), "damaged"),
    "a persistent object": (lambda: pickled(b"Pabc\n"), "damaged .opcode 0x50"),
    "an extension": (lambda: pickled(b"\x82\x01"), "damaged .opcode 0x82"),
    "an instance": (lambda: pickled(b"(ios\nsystem\n"), "damaged .opcode 0x69"),
    "a call of a list": (lambda: pickled(b"])R"), "the pickle calls something"),
    "a state of a list": (lambda: pickled(b"])b"), "sets the state of something"),
    "a name with escapes": (lambda: pickled(b"cos\x1b[31m\nsystem\n"), r"the pickle calls os\?\[31m.system"),
    "a long name": (lambda: pickled(b"c" + b"o" * 900 + b"\nsystem\n"), "the pickle calls ooo"),
    "a name of lists": (lambda: pickled(b"]]\x93"), "damaged"),
    "eval": (lambda: pickle.dumps(eval, 2), "the pickle calls __builtin__.eval"),
}


def array_of(rows: int) -> bytes:
    content = bytes(3072 * rows)
    return ARRAY + state(b"K" + bytes([rows]), b"M\x00\x0c", b"T" + struct.pack("<i", len(content)) + content)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_pickle_is_refused(tmp_path: Path, name: str) -> None:
    content, what_is_said = HOSTILE[name]
    refused(write_archive(tmp_path / "a.tar.gz", {TEST: content()}), f"{TEST}: .*{what_is_said}")


def test_hostile_pickles_take_less_than_a_gigabyte(tmp_path: Path) -> None:
    large = [name for name in HOSTILE if name.startswith(("nested", "five million", "a shared", "a memo"))]
    paths = [str(write_archive(tmp_path / f"{name}.tar.gz", {TEST: HOSTILE[name][0]()})) for name in large]
    code = """if True:
        import resource, sys
        from takd.data import sources
        from takd.errors import DataError
        resource.setrlimit(resource.RLIMIT_AS, (10**9, 10**9))
        for path in sys.argv[1:]:
            try:
                sources.read_cifar10(__import__("pathlib").Path(path))
            except DataError as error:
                assert "MemoryError" not in repr(error.__context__), path
                continue
            sys.exit(path)
    """
    done = subprocess.run(
        [sys.executable, "-c", code, *paths], capture_output=True, text=True, check=False, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr


def test_an_honest_archive_takes_little_more_than_its_content(tmp_path: Path) -> None:
    entries: dict[str, Any] = {}
    for number, name in enumerate(contents()):
        random = np.random.default_rng(number)
        images = random.integers(0, 256, (3000, 3072), dtype=np.uint8)
        entries[name] = batch(number, data=images, labels=random.integers(0, 10, 3000).tolist())
    path = write_archive(tmp_path / "a.tar.gz", entries)
    del entries, images
    tracemalloc.start()
    parts = sources.read_cifar10(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    content = sum(images.nbytes for images, _, _ in parts.values())
    assert content == 6 * 3000 * 3072 and peak < 2.2 * content


def test_python_3s_pickles_are_read_as_well() -> None:
    for protocol in (2, 3, 4, 5):
        entry = {"labels": [1, 2, 300, -1, 2**40], "name": "ü", "more": (b"bytes",) if protocol > 2 else (), "none": None}
        assert pickles.read(pickle.dumps(entry, protocol)) == entry


def test_what_precedes_a_wanted_file_is_left_out(tmp_path: Path) -> None:
    assert BOUNDS is not None
    content = header("other", 700) + bytes(1024) + header("./a", 3) + b"abc" + bytes(509) + bytes(1024)
    assert list(archives.files(gzipped(tmp_path / "a.tar.gz", content), {"a"}, BOUNDS)) == [("a", bytearray(b"abc"))]
