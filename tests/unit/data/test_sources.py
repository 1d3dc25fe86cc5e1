"""Archives in CIFAR's layout, small and made here; what they hold stands in for the published content."""

import gzip
import hashlib
import http.server
import io
import os
import pickle
import struct
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from takd.data import prepared, sources
from takd.data.registry import DATASETS, Archive
from takd.data.sources import Images
from takd.errors import DataError

COUNT = 12  # images a batch


def python2_pickle(entries: dict[str, Any]) -> bytes:
    """A dictionary of str, lists of int or str, and uint8 arrays, in protocol 2 as Python 2 wrote it."""
    out = [b"\x80\x02}("]

    def put(value: Any) -> None:
        if isinstance(value, str):
            out.append(b"T" + struct.pack("<i", len(value)) + value.encode("latin1"))
        elif isinstance(value, int):
            out.append(b"J" + struct.pack("<i", value))
        elif isinstance(value, list):
            out.append(b"](")
            for item in value:
                put(item)
            out.append(b"e")
        else:
            out.append(b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01")
            out.append(b"".join(b"J" + struct.pack("<i", length) for length in value.shape) + b"\x86")
            out.append(b"cnumpy\ndtype\nU\x02" + value.dtype.str[1:].encode() + b"K\x00K\x01\x87R(K\x03U\x01|NNN")
            out.append(b"J\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89")
            put(value.tobytes().decode("latin1"))
            out.append(b"tb")

    for key, value in entries.items():
        put(key)
        put(value)
    return b"".join([*out, b"u."])


def batch(seed: int, **changes: Any) -> dict[str, Any]:
    random = np.random.default_rng(seed)
    images = random.integers(0, 256, (COUNT, 3072), dtype=np.uint8)
    return {"batch_label": "a batch", "labels": random.integers(0, 10, COUNT).tolist(), "data": images} | changes


def contents() -> dict[str, dict[str, Any]]:
    names = [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]
    return {f"cifar-10-batches-py/{name}": batch(seed) for seed, name in enumerate(names)}


def write_archive(path: Path, files: dict[str, Any]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, entry in files.items():
            data = entry if isinstance(entry, bytes) else python2_pickle(entry)
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def digest_of(entries: list[dict[str, Any]]) -> str:
    """The rule of the data set's description, written out."""
    each = [
        hashlib.sha256(bytes([label]) + image.tobytes()).digest()
        for entry in entries
        for label, image in zip(entry["labels"], entry["data"], strict=True)
    ]
    return hashlib.sha256(b"".join(sorted(each))).hexdigest()


@pytest.fixture
def raw(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a small stand-in for CIFAR-10's archive, and a registry that expects its content."""
    files = list(contents().values())
    train, test = digest_of(files[:5]), digest_of(files[5:])
    small = replace(DATASETS["cifar10"], training_images=5 * COUNT, train_digest=train, test_digest=test)
    monkeypatch.setitem(DATASETS, "cifar10", small)
    write_archive(tmp_path / "cifar-10-python.tar.gz", contents())
    return tmp_path


def test_an_archive_becomes_tensors(raw: Path) -> None:
    prepared.prepare("cifar10", raw, raw / "out.safetensors")
    data = prepared.load(raw / "out.safetensors")
    assert data.train.images.shape == (5 * COUNT, 32, 32, 3) and data.test.images.shape == (COUNT, 32, 32, 3)
    entry = contents()["cifar-10-batches-py/test_batch"]
    pairs = {(label, image.tobytes()) for label, image in zip(entry["labels"], entry["data"], strict=True)}
    found = {
        (label, image.permute(2, 0, 1).contiguous().numpy().tobytes())
        for label, image in zip(data.test.labels.tolist(), data.test.images, strict=True)
    }
    assert found == pairs


@pytest.mark.parametrize(
    ("registered", "what_is_said"),
    [
        ({"classes": 5}, "the train labels go from 0 to 9; for 5 classes they go from 0 to 4"),
        ({"training_images": 7}, f"{5 * COUNT} training images; the registry says 7"),
    ],
)
def test_what_the_registry_says_of_a_data_set_is_checked(
    raw: Path, monkeypatch: pytest.MonkeyPatch, registered: dict[str, Any], what_is_said: str
) -> None:
    monkeypatch.setitem(DATASETS, "cifar10", replace(DATASETS["cifar10"], **registered))
    with pytest.raises(DataError, match=what_is_said):
        prepared.prepare("cifar10", raw, raw / "out.safetensors")
    assert not (raw / "out.safetensors").exists()


def test_an_archive_that_was_packed_again_from_its_folder_is_the_same(raw: Path) -> None:
    prepared.prepare("cifar10", raw, raw / "one.safetensors")
    write_archive(raw / "cifar-10-python.tar.gz", {f"./{name}": entry for name, entry in contents().items()})
    prepared.prepare("cifar10", raw, raw / "other.safetensors")
    assert (raw / "one.safetensors").read_bytes() == (raw / "other.safetensors").read_bytes()


def test_any_order_of_the_images_gives_the_same_file(raw: Path) -> None:
    prepared.prepare("cifar10", raw, raw / "one.safetensors")
    files = contents()
    everything = [files[f"cifar-10-batches-py/data_batch_{i}"] for i in range(1, 6)]
    labels = [label for entry in everything for label in entry["labels"]]
    images: Images = np.concatenate([entry["data"] for entry in everything])
    order = np.random.default_rng(9).permutation(len(labels))
    for i in range(5):
        chosen = order[i * COUNT : (i + 1) * COUNT]
        files[f"cifar-10-batches-py/data_batch_{i + 1}"] |= {"labels": [labels[j] for j in chosen], "data": images[chosen]}
    write_archive(raw / "cifar-10-python.tar.gz", files)
    prepared.prepare("cifar10", raw, raw / "other.safetensors")
    assert (raw / "one.safetensors").read_bytes() == (raw / "other.safetensors").read_bytes()


def test_cifar100_is_read_with_fine_labels_and_digested_with_both(tmp_path: Path) -> None:
    def part(seed: int) -> dict[str, Any]:
        entry = batch(seed)
        fine = entry.pop("labels")
        return entry | {"fine_labels": [label + 40 for label in fine], "coarse_labels": fine}

    path = write_archive(tmp_path / "a.tar.gz", {"cifar-100-python/train": part(0), "cifar-100-python/test": part(1)})
    images, labels, label_bytes = sources.read_cifar100(path)["train"]
    assert images.shape == (COUNT, 3, 32, 32) and (labels == part(0)["fine_labels"]).all()
    assert (label_bytes == np.array([part(0)["coarse_labels"], part(0)["fine_labels"]]).T).all()


def refused(raw: Path, what_is_said: str) -> None:
    with pytest.raises(DataError, match=what_is_said) as raised:
        prepared.prepare("cifar10", raw, raw / "out" / "cifar10.safetensors")
    assert "\n" not in str(raised.value) and "cifar-10-python.tar.gz" in str(raised.value)
    assert not (raw / "out").exists()


def test_one_changed_pixel_is_refused(raw: Path) -> None:
    files = contents()
    files["cifar-10-batches-py/test_batch"]["data"][3, 1000] ^= 1
    write_archive(raw / "cifar-10-python.tar.gz", files)
    refused(raw, "the test images aren't those of CIFAR-10: content digest")


def test_one_changed_label_is_refused(raw: Path) -> None:
    files = contents()
    labels = files["cifar-10-batches-py/data_batch_2"]["labels"]
    labels[0] = (labels[0] + 1) % 10
    write_archive(raw / "cifar-10-python.tar.gz", files)
    refused(raw, "the train images aren't those of CIFAR-10")


def test_another_data_sets_archive_is_refused(raw: Path) -> None:
    write_archive(raw / "cifar-10-python.tar.gz", {"cifar-100-python/train": batch(0)})
    refused(raw, "holds no cifar-10-batches-py/data_batch_1; is it the archive of another data set")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_a_truncated_archive_is_refused(raw: Path, share: float) -> None:
    path = raw / "cifar-10-python.tar.gz"
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    refused(raw, "cut short or damaged")


def test_what_is_no_archive_is_refused(raw: Path) -> None:
    (raw / "cifar-10-python.tar.gz").write_bytes(gzip.compress(b"<html>not found</html>" * 99))
    refused(raw, "cut short or damaged")


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "cifar-10-batches-py/../../evil"])
def test_a_path_that_leaves_the_folder_is_refused(raw: Path, name: str) -> None:
    write_archive(raw / "cifar-10-python.tar.gz", {name: b"evil"} | contents())
    refused(raw, "leaves the archive's folder")


def test_a_link_is_refused(raw: Path) -> None:
    with tarfile.open(raw / "cifar-10-python.tar.gz", "w:gz") as tar:
        link = tarfile.TarInfo("cifar-10-batches-py/data_batch_1")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    refused(raw, "leaves the archive's folder")


class Caller:
    """Pickles as a call of os.mkdir."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_that_calls_something_is_not_run(raw: Path, protocol: int) -> None:
    evil = pickle.dumps({"data": Caller(raw / "made by a pickle"), "labels": []}, protocol)
    write_archive(raw / "cifar-10-python.tar.gz", contents() | {"cifar-10-batches-py/test_batch": evil})
    refused(raw, "the pickle calls posix.mkdir")
    assert not (raw / "made by a pickle").exists()


@pytest.mark.parametrize(
    ("change", "what_is_said"),
    [
        ({"data": np.zeros((COUNT, 3072), np.int32)}, "holds an array of 'i4', expected uint8"),
        ({"data": np.zeros((COUNT, 3000), np.uint8)}, r"images of \(3000,\) bytes, expected 3072"),
        ({"data": "text"}, "no dictionary with an array 'data'"),
        ({"labels": [0] * (COUNT - 1)}, f"'labels' isn't a list of {COUNT} labels"),
        ({"labels": [-1] * COUNT}, f"'labels' isn't a list of {COUNT} labels"),
        ({"labels": ["cat"] * COUNT}, f"'labels' isn't a list of {COUNT} labels"),
    ],
)
def test_a_batch_of_another_form_is_refused(raw: Path, change: dict[str, Any], what_is_said: str) -> None:
    write_archive(raw / "cifar-10-python.tar.gz", contents() | {"cifar-10-batches-py/test_batch": batch(5, **change)})
    refused(raw, f"test_batch: {what_is_said}")


@pytest.mark.parametrize("evil", [b"", b"\x80\x02}(", b"junk", b"\x80\x02]."])
def test_a_damaged_pickle_is_refused(raw: Path, evil: bytes) -> None:
    write_archive(raw / "cifar-10-python.tar.gz", contents() | {"cifar-10-batches-py/test_batch": evil})
    refused(raw, "test_batch: (damaged|no dictionary)")


class Publisher(http.server.BaseHTTPRequestHandler):
    """Serves one file, from where it is asked to, and notes what it was asked."""

    content = b""
    ranges: list[str | None] = []  # noqa: RUF012 (set anew by the fixture)
    knows_ranges = True

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.ranges.append(wanted)
        part = wanted is not None and self.knows_ranges
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted is not None and part else 0
        self.send_response(206 if part else 200)
        self.end_headers()
        self.wfile.write(self.content[start:])

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture
def published() -> Iterator[Archive]:
    content = bytes(range(256)) * 9000
    Publisher.content, Publisher.ranges = content, []
    server = http.server.HTTPServer(("127.0.0.1", 0), Publisher)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Archive("a.tar.gz", f"http://127.0.0.1:{server.server_port}/a.tar.gz", len(content), hashlib.md5(content).hexdigest())
    server.shutdown()
    server.server_close()


def test_an_archive_that_is_not_there_is_downloaded(published: Archive, tmp_path: Path) -> None:
    assert sources.fetch(published, tmp_path / "raw").read_bytes() == Publisher.content
    sources.fetch(published, tmp_path / "raw")
    assert Publisher.ranges == [None]


def test_a_download_goes_on_where_it_was_cut_off(published: Archive, tmp_path: Path) -> None:
    (tmp_path / "a.tar.gz.part").write_bytes(Publisher.content[:1000])
    assert sources.fetch(published, tmp_path).read_bytes() == Publisher.content
    assert Publisher.ranges == ["bytes=1000-"]
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz"]


def test_a_publisher_that_sends_the_whole_file_again_is_taken_from_the_start(
    published: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Publisher, "knows_ranges", False)
    (tmp_path / "a.tar.gz.part").write_bytes(Publisher.content[:1000])
    assert sources.fetch(published, tmp_path).read_bytes() == Publisher.content


def test_a_download_that_ends_early_is_kept_to_go_on(published: Archive, tmp_path: Path) -> None:
    longer = replace(published, bytes=published.bytes + 5)
    with pytest.raises(DataError, match=r"the connection ended after 2,304,000 of 2,304,005 bytes; call again"):
        sources.fetch(longer, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["a.tar.gz.part"]


def test_a_download_of_something_else_is_deleted(published: Archive, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="isn't the published file"):
        sources.fetch(replace(published, md5="0" * 32), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_an_unreachable_publisher_is_said_with_the_place_to_put_the_file(published: Archive, tmp_path: Path) -> None:
    nobody = replace(published, url="http://127.0.0.1:9/a.tar.gz")
    with pytest.raises(DataError, match=r"can't be reached .*place it at .*a\.tar\.gz"):
        sources.fetch(nobody, tmp_path)
