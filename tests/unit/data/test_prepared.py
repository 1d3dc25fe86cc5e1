import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from PIL import Image
from torch import Tensor

from takd.data import prepared
from takd.data.prepared import PreparedData, StreamedSplit, prepare_own
from takd.data.registry import DATASETS, OwnImages, dataset
from takd.data.splits import in_order
from takd.data.views import Normalisation, Views
from takd.errors import DataError, NetworkNameError
from takd.files import packed, read_tensors, write_tensors
from tests.unit.data.pictures_of import folder_of_classes, random_pixels, save


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("digits") / "digits.safetensors"
    prepared.prepare("digits", path.parent, path)
    return path


def test_digits_are_scikit_learns_enlarged_fourfold(digits: Path) -> None:
    data = prepared.load(digits)
    assert len(data.train) == DATASETS["digits"].training_images == 1438 and len(data.test) == 359
    assert data.train.images.dtype == torch.uint8 and data.train.images.shape[1:] == (32, 32, 3)
    squares = data.train.images.reshape(-1, 8, 4, 8, 4, 3)
    assert (squares == squares[:, :, :1, :, :1, :1]).all()
    assert data.train.labels.bincount().min() > 100


def test_the_prepared_file_is_always_the_same(digits: Path, tmp_path: Path) -> None:
    prepared.prepare("digits", tmp_path, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == digits.read_bytes()
    data = prepared.load(digits)
    tensors = (data.train.images, data.train.labels, data.test.images, data.test.labels)
    assert [hashlib.sha256(tensor.numpy().tobytes()).hexdigest()[:16] for tensor in tensors] == [
        "4c84e17a90b0b315",
        "72ed770647233e96",
        "bc3ba08de927e3b8",
        "a61cf1dbd9c544d8",
    ]
    assert data.labels == tuple("0123456789") and data.size == 32 and not data.streamed


def test_another_file_is_not_taken_for_a_data_set(digits: Path, tmp_path: Path) -> None:
    weights = tmp_path / "weights.safetensors"
    write_tensors(weights, {"w": torch.zeros(3)}, {"network": "cifar10/plain/2/seed0"})
    with pytest.raises(DataError, match="not a prepared data set"):
        prepared.load(weights)
    with pytest.raises(DataError, match="no such file"):
        prepared.load(tmp_path / "absent.safetensors")
    (tmp_path / "short.safetensors").write_bytes(digits.read_bytes()[:5000])
    with pytest.raises(DataError, match="cut short or damaged"):
        prepared.load(tmp_path / "short.safetensors")


def test_a_data_set_prepared_from_other_content_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "digits.safetensors"
    write_tensors(path, {"train_images": torch.zeros(1)}, {"dataset": "digits", "digest": "old"})
    with pytest.raises(DataError, match="prepared from other content"):
        prepared.load(path)


def test_an_unknown_data_set_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NetworkNameError, match="unknown data set 'mnist'; there are cifar10, cifar100, digits"):
        dataset("mnist")


def test_every_published_data_set_names_its_classes() -> None:
    for published in DATASETS.values():
        assert len(set(published.labels)) == published.classes


def rewritten(path: Path, output: Path, change: Callable[[dict[str, Tensor], dict[str, Any]], None], *, sign: bool = True) -> Path:
    """A prepared file with something changed, and, where `sign`, with the digest that its bytes then have."""
    tensors, metadata = read_tensors(path)
    tensors = {name: tensor.clone() for name, tensor in tensors.items()}
    change(tensors, metadata)
    if sign:
        content = b"".join(tensors[name].contiguous().numpy().tobytes() for name in sorted(tensors))
        metadata["bytes_digest"] = hashlib.sha256(content).hexdigest()
    output.write_bytes(safetensors.torch.save({name: t.contiguous() for name, t in tensors.items()}, metadata=packed(metadata)))
    return output


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("own")
    folder_of_classes(root / "images/train", {"cat": 4, "dog": 3})
    folder_of_classes(root / "images/test", {"cat": 2, "dog": 2}, first=500)
    prepare_own("pets", OwnImages(folder=str(root / "images")), root / "pets.safetensors", expected=None)
    prepare_own("pets", OwnImages(folder=str(root / "images")), root / "streamed.safetensors", expected=None, in_memory_bytes=2111)
    return root / "pets.safetensors"


CHANGES: list[tuple[Callable[[dict[str, Tensor], dict[str, Any]], Any], str]] = [
    (lambda t, m: t["train_labels"].__setitem__(0, 2), "train labels go from 0 to 2; for 2 classes they go from 0 to 1"),
    (lambda t, m: t["test_labels"].__setitem__(0, -1), "test labels go from -1"),
    (
        lambda t, m: t.update(train_labels=t["train_labels"].int()),
        r"train_labels is \(7,\), torch.int32; expected \(7,\), torch.int64",
    ),
    (lambda t, m: t.update(train_labels=t["train_labels"][:5]), r"train_images is \(7, 8, 8, 3\)"),
    (lambda t, m: t.update(train_labels=t["train_labels"][:0], train_images=t["train_images"][:0]), "0 train images"),
    (lambda t, m: t.update(train_labels=t["train_labels"][:5], train_images=t["train_images"][:5]), "5 train images; .* says 7"),
    (lambda t, m: t.update(test_images=t["test_images"].float()), "test_images is .*torch.float32"),
    (lambda t, m: t.update(test_images=t["test_images"][..., :2]), r"test_images is \(4, 8, 8, 2\)"),
    (lambda t, m: t.update(test_images=t["test_images"][:, :4]), r"test_images is \(4, 4, 8, 3\)"),
    (lambda t, m: t.update(train_labels=torch.tensor(3)), r"train_labels is \(\)"),
    (lambda t, m: t.pop("test_labels"), "test_labels is missing"),
    (lambda t, m: t.update(more=torch.zeros(1)), "holds more than a data set"),
    (lambda t, m: m.update(classes=1), "its metadata can't be used: classes"),
    (lambda t, m: m.update(classes=True), "its metadata can't be used: classes"),
    (lambda t, m: m.update(classes=3), "labels: aren't the 3 classes' names"),
    (lambda t, m: m.update(labels=["a", "a"]), "labels: aren't the 2 classes' names"),
    (lambda t, m: m.update(labels="ab"), "its metadata can't be used: labels"),
    (lambda t, m: m.update(size="8"), "its metadata can't be used: size"),
    (lambda t, m: m.update(size=10**9), "its metadata can't be used: size"),
    (lambda t, m: m.update(images=[7, 4]), "its metadata can't be used: images"),
    (lambda t, m: m.update(digest="0"), "its metadata can't be used: digest"),
    (lambda t, m: m.update(streamed=True), "root: goes with streamed images"),
    (lambda t, m: m.update(root="/", streamed=True), "train_digests is missing"),
    (lambda t, m: m.update(more=1), "its metadata can't be used: more"),
    (lambda t, m: m.update(dataset=""), "its metadata can't be used: dataset"),
    (lambda t, m: m.update(dataset=7), "not a prepared data set"),
    (lambda t, m: m.update(dataset="cifar10"), "prepared from other content than CIFAR-10's"),
    (lambda t, m: m.update(dataset="digits", digest=prepared.combined_digest(DATASETS["digits"])), "not the 10 classes of Digits"),
]


@pytest.mark.parametrize(("change", "what_is_said"), CHANGES)
def test_a_file_that_is_not_what_it_says_is_refused(
    own: Path, tmp_path: Path, change: Callable[[dict[str, Tensor], dict[str, Any]], None], what_is_said: str
) -> None:
    with pytest.raises(DataError, match=what_is_said) as raised:
        prepared.load(rewritten(own, tmp_path / "a.safetensors", change))
    assert "\n" not in str(raised.value) and "a.safetensors" in str(raised.value)


def test_one_changed_byte_is_told_and_a_file_of_older_versions_is_prepared_again(own: Path, tmp_path: Path) -> None:
    for name in ("train_images", "train_labels", "test_images", "test_labels"):
        path = rewritten(own, tmp_path / "a.safetensors", lambda t, m, n=name: t[n].view(-1)[-1:].bitwise_xor_(1), sign=False)  # type: ignore[misc]
        with pytest.raises(DataError, match="damaged: its bytes aren't those that were written; prepare it again"):
            prepared.load(path)
    with pytest.raises(DataError, match="prepared by an older takd; prepare it again"):
        prepared.load(rewritten(own, tmp_path / "a.safetensors", lambda t, m: m.pop("bytes_digest"), sign=False))


def test_names_of_streamed_files_are_checked(own: Path, tmp_path: Path) -> None:
    streamed = own.with_name("streamed.safetensors")
    for names in (b"", b"\0" * 7, b"a\0" * 6, b"a\0" * 8, b"a\0" * 6 + b"b"):
        change = {
            "train_paths": torch.frombuffer(bytearray(names), dtype=torch.uint8) if names else torch.zeros(0, dtype=torch.uint8)
        }
        with pytest.raises(DataError, match="train_paths aren't the names of 7 files"):
            prepared.load(rewritten(streamed, tmp_path / "a.safetensors", lambda t, m, c=change: t.update(c)))  # type: ignore[misc]


def write_out(data: PreparedData, root: Path, suffix: str = ".png") -> None:
    """A data set as pictures, in an order that has nothing to do with their digests."""
    for part, split in (("train", data.train), ("test", data.test)):
        for number, (image, label) in enumerate(zip(split.images.numpy(), split.labels.tolist(), strict=True)):
            save(root / part / data.labels[label] / f"{(number * 7919) % 10007}{suffix}", image)


def test_digits_written_out_as_pictures_are_the_published_ones_to_the_bit(digits: Path, tmp_path: Path) -> None:
    data = prepared.load(digits)
    write_out(data, tmp_path)
    summary = prepare_own("mine", OwnImages(folder=str(tmp_path)), tmp_path / "mine.safetensors", expected=data.digest)
    mine = prepared.load(tmp_path / "mine.safetensors")
    for ours, theirs in ((mine.train, data.train), (mine.test, data.test)):
        assert torch.equal(ours.images, theirs.images) and torch.equal(ours.labels, theirs.labels)
    assert (mine.digest, mine.labels, mine.size) == (data.digest, data.labels, 32)
    assert (summary.train, summary.test, summary.skipped, summary.streamed) == (1438, 359, 0, False)


def test_the_file_depends_on_content_and_class_names_alone(own: Path, tmp_path: Path) -> None:
    for number, place in enumerate(sorted((own.parent / "images").rglob("*.png"))):
        with Image.open(place) as image:
            (tmp_path / place.parent.relative_to(own.parent)).mkdir(parents=True, exist_ok=True)
            image.save(tmp_path / place.parent.relative_to(own.parent) / f"{99 - number}.BMP")
    prepare_own("pets", OwnImages(folder=str(tmp_path / "images")), tmp_path / "pets.safetensors", expected=None)
    assert (tmp_path / "pets.safetensors").read_bytes() == own.read_bytes()


def test_other_images_than_those_registered_are_refused(own: Path, tmp_path: Path) -> None:
    spec = OwnImages(folder=str(own.parent / "images"))
    digest = prepared.load(own).digest
    prepare_own("pets", spec, tmp_path / "pets.safetensors", expected=digest)
    save(own.parent / "images/train/cat/more.png", random_pixels(77))
    try:
        with pytest.raises(DataError, match=rf"images: not the images that were registered: .* \w{{12}}…, expected {digest[:12]}…"):
            prepare_own("pets", spec, tmp_path / "other.safetensors", expected=digest)
    finally:
        (own.parent / "images/train/cat/more.png").unlink()
    assert not (tmp_path / "other.safetensors").exists()


def test_test_images_that_are_trained_on_are_counted(own: Path, tmp_path: Path) -> None:
    folder_of_classes(tmp_path / "train", {"cat": 4, "dog": 3})
    folder_of_classes(tmp_path / "test", {"cat": 2}, first=0)
    save(tmp_path / "test/dog/0.png", random_pixels(1))  # a cat's picture
    save(tmp_path / "test/dog/1.png", random_pixels(5000))
    (tmp_path / "train/notes.txt").write_text("")
    summary = prepare_own("pets", OwnImages(folder=str(tmp_path)), tmp_path / "p.safetensors", expected=None)
    assert (summary.train, summary.test, summary.duplicates, summary.skipped) == (7, 4, 3, 1)


def test_images_without_labels_are_read_from_any_depth_and_held_to_their_digest(own: Path, tmp_path: Path) -> None:
    for number, place in enumerate(("b.png", "deep/er/a.png", "c.png")):
        save(tmp_path / "more" / place, random_pixels(7000 + number))
    save(tmp_path / "more/test.png", random_pixels(500))  # a cat that is for testing
    spec = OwnImages(folder=str(own.parent / "images"), unlabelled=str(tmp_path / "more"))
    summary = prepare_own("pets", spec, tmp_path / "pets.safetensors", expected=None)
    assert (summary.unlabelled, summary.unlabelled_tests, summary.digest) == (4, 1, prepared.load(own).digest)
    data = prepared.load(tmp_path / "pets.safetensors")
    pixels = sorted(hashlib.sha256(random_pixels(seed).tobytes()).digest() for seed in (7000, 7001, 7002, 500))
    assert data.unlabelled_digest == summary.unlabelled_digest == hashlib.sha256(b"".join(pixels)).hexdigest()
    assert data.unlabelled is not None and [hashlib.sha256(each.numpy().tobytes()).digest() for each in data.unlabelled] == pixels
    both = data.with_unlabelled()
    assert both.labels.tolist() == [*data.train.labels.tolist(), -1, -1, -1, -1] and torch.equal(both.images[7:], data.unlabelled)
    (tmp_path / "more/b.png").rename(tmp_path / "more/another.png")
    prepare_own("pets", spec, tmp_path / "same.safetensors", expected=None, expected_unlabelled=summary.unlabelled_digest)
    assert (tmp_path / "same.safetensors").read_bytes() == (tmp_path / "pets.safetensors").read_bytes()
    save(tmp_path / "more/new.png", random_pixels(7777))
    with pytest.raises(DataError, match="more: not the images that were registered"):
        prepare_own("pets", spec, tmp_path / "p", expected=None, expected_unlabelled=summary.unlabelled_digest)
    for room in (2112 + 191, 100):
        with pytest.raises(DataError, match="more: 5 images without labels don't fit into memory beside the others"):
            prepare_own("pets", spec, tmp_path / "p", expected=None, in_memory_bytes=room)
    with pytest.raises(DataError, match="absent: no such folder; it should hold images without labels"):
        prepare_own("pets", spec.model_copy(update={"unlabelled": str(tmp_path / "absent")}), tmp_path / "p", expected=None)
    assert not (tmp_path / "p").exists()


def test_images_without_labels_that_are_not_what_the_file_says_are_refused(own: Path, tmp_path: Path) -> None:
    bad = rewritten(own, tmp_path / "bad", lambda t, m: m.update(unlabelled_digest="0" * 64))
    with pytest.raises(DataError, match=r"unlabelled_images aren't \(0, 8, 8, 3\)"):
        prepared.load(bad)


def test_labels_of_more_than_256_classes_have_two_bytes(tmp_path: Path) -> None:
    rows = ["path,label,split"]
    for number in range(300):
        save(tmp_path / f"{number}.png", random_pixels(number))
        rows += [f"{number}.png,class {number:03},{split}" for split in ("train", "test")]
    (tmp_path / "a.csv").write_text("\n".join(rows))
    summary = prepare_own("many", OwnImages(csv=str(tmp_path / "a.csv")), tmp_path / "a.safetensors", expected=None)
    digests = [hashlib.sha256(n.to_bytes(2, "little") + random_pixels(n).transpose(2, 0, 1).tobytes()).digest() for n in range(300)]
    split = hashlib.sha256(b"".join(sorted(digests))).hexdigest()
    assert summary.digest == hashlib.sha256(f"{split}{split}".encode()).hexdigest()
    assert sorted(prepared.load(tmp_path / "a.safetensors").test.labels.tolist()) == list(range(300))


def test_what_cannot_be_prepared_leaves_nothing(own: Path, tmp_path: Path) -> None:
    spec, output = OwnImages(folder=str(tmp_path)), tmp_path / "out.safetensors"
    with pytest.raises(DataError, match="digits: is the name of Digits; give your images another"):
        prepare_own("digits", spec, output, expected=None)
    folder_of_classes(tmp_path / "train", {"cat": 2, "dog": 2})
    folder_of_classes(tmp_path / "test", {"cat": 2, "dog": 2})
    (tmp_path / "test/dog/1.png").write_bytes(b"no picture")
    with pytest.raises(DataError, match=r"test/dog/1.png: not a picture"):
        prepare_own("pets", OwnImages(folder=str(tmp_path), size=8), output, expected=None)
    assert not output.exists()
    folder_of_classes(tmp_path / "small/train", {"cat": 1, "dog": 1}, side=4)
    folder_of_classes(tmp_path / "small/test", {"cat": 1, "dog": 1}, side=4)
    with pytest.raises(DataError, match=r"images of 4 × 4 pixels; give a size from 8 to 1024"):
        prepare_own("pets", OwnImages(folder=str(tmp_path / "small")), output, expected=None)


def test_streamed_images_are_those_in_memory(own: Path) -> None:
    memory, streamed = prepared.load(own), prepared.load(own.with_name("streamed.safetensors"))
    assert streamed.streamed and not memory.streamed and streamed.size == memory.size == 8
    assert (streamed.digest, streamed.labels) == (memory.digest, memory.labels)
    assert own.with_name("streamed.safetensors").stat().st_size < own.stat().st_size + 1000
    for ours, theirs in ((streamed.train, memory.train), (streamed.test, memory.test)):
        everything = torch.arange(len(theirs))
        assert torch.equal(ours.labels, theirs.labels) and torch.equal(ours.pixels(everything), theirs.images)
    some = torch.tensor([5, 0, 5, 2])
    assert torch.equal(streamed.train.pixels(some), memory.train.pixels(some))
    chosen = streamed.train.subset(torch.tensor([6, 1, 3])).to(torch.device("cpu"))
    assert len(chosen) == 3 and torch.equal(chosen.pixels(torch.tensor([2, 0])), memory.train.images[[3, 6]])
    assert chosen.pixels(torch.zeros(0, dtype=torch.int64)).shape == (0, 8, 8, 3)
    with pytest.raises(TypeError, match="streamed"):
        streamed.train.images  # noqa: B018


def test_a_streamed_picture_that_changed_is_told(tmp_path: Path) -> None:
    for part in ("train", "test"):
        folder_of_classes(tmp_path / "images" / part, {"cat": 2, "dog": 2})
    path = tmp_path / "a.safetensors"
    prepare_own("pets", OwnImages(folder=str(tmp_path / "images")), path, expected=None, in_memory_bytes=1)
    data = prepared.load(path)
    assert isinstance(data.train, StreamedSplit)
    save(tmp_path / "images/train/dog/1.png", random_pixels(9999))
    with pytest.raises(DataError, match=r"train/dog/1.png: not the picture that was prepared; prepare the data set again"):
        data.train.pixels(torch.arange(4))
    (tmp_path / "images/train/dog/1.png").unlink()
    with pytest.raises(DataError, match=r"train/dog/1.png: no such file"):
        data.train.pixels(torch.arange(4))


def test_streamed_batches_are_those_of_memory_in_order(tmp_path: Path) -> None:
    for part in ("train", "test"):
        folder_of_classes(tmp_path / "images" / part, {"cat": 6, "dog": 6})
    memory, streamed = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    prepare_own("pets", OwnImages(folder=str(tmp_path / "images")), memory, expected=None)
    prepare_own("pets", OwnImages(folder=str(tmp_path / "images")), streamed, expected=None, in_memory_bytes=1)
    shown = [_crops(prepared.load(path).train) for path in (memory, streamed)]
    order = torch.randperm(12).split(5)
    views = shown[0].of_epoch(0, 3)
    expected, found = (list(images.batches(order, views)) for images in shown)
    assert [len(batch) for batch in found] == [5, 5, 2]
    assert all(torch.equal(one, other) for one, other in zip(expected, found, strict=True))
    assert list(shown[1].batches([], views)) == []
    save(tmp_path / "images/train/dog/1.png", random_pixels(9999))  # belongs to one batch of the three
    with pytest.raises(DataError, match=r"dog/1.png: not the picture that was prepared"):
        list(shown[1].batches(order, views))


def _crops(split: prepared.Split) -> Views:
    return Views(split, Normalisation.of(split, "paper"), augmentation="crop_flip")


def test_streamed_names_may_hold_any_bytes(tmp_path: Path) -> None:
    for part in ("train", "test"):
        folder_of_classes(tmp_path / "images" / part, {"cat": 1, "dog": 1})
        for number, name in enumerate((b"caf\xe9.png", b"line\nend.png", "ü ß.png".encode())):
            folder = str(tmp_path / "images" / part / "cat").encode() + b"/"
            save(tmp_path / "x.png", random_pixels(number + (part == "test") * 10)).rename(
                (folder + name).decode("utf-8", "surrogateescape")
            )
    memory, streamed = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    prepare_own("pets", OwnImages(folder=str(tmp_path / "images")), memory, expected=None)
    prepare_own("pets", OwnImages(folder=str(tmp_path / "images")), streamed, expected=None, in_memory_bytes=1)
    assert torch.equal(prepared.load(streamed).train.pixels(torch.arange(5)), prepared.load(memory).train.images)


def test_torchvisions_images_that_are_too_many_for_memory_are_refused(tmp_path: Path) -> None:
    for part in ("train", "test"):
        folder_of_classes(tmp_path / "country211" / part, {"AD": 2, "DE": 2}, first=len(part))
    spec, output = OwnImages(torchvision="Country211"), tmp_path / "a.safetensors"
    with pytest.raises(DataError, match="torchvision's Country211, image 0: the data set is too large for memory"):
        prepare_own("flags", spec, output, expected=None, in_memory_bytes=1, raw=tmp_path)
    assert prepare_own("flags", spec, output, expected=None, raw=tmp_path).labels == ("AD", "DE")


def test_threads_keep_the_order_and_read_no_further_than_asked() -> None:
    import time

    done: list[int] = []

    def slow(number: int) -> int:
        time.sleep(0.001 * (number % 7))
        done.append(number)
        return number * number

    assert list(in_order(slow, range(300))) == [number * number for number in range(300)]
    done.clear()
    results = in_order(slow, range(10_000))
    assert next(results) == 0
    results.close()  # type: ignore[attr-defined]
    assert len(done) < 100
