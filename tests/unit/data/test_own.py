import os
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from pydantic import ValidationError
from torchvision.datasets import VisionDataset

from takd.data import own
from takd.data.own import Found
from takd.data.registry import OwnImages
from takd.errors import DataError
from tests.unit.data.pictures_of import folder_of_classes, random_pixels, save

COUNTS = {"cat": 4, "Bird": 3, "dog": 5}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder_of_classes(tmp_path / "train", COUNTS)
    folder_of_classes(tmp_path / "test", {"cat": 2, "Bird": 1, "dog": 1}, first=500)
    return tmp_path


def names(items: list[own.Item], root: Path) -> list[str]:
    return [f"{label} {path.relative_to(root)}" for path, label in items if isinstance(path, Path)]


def found_in(root: Path, **more: Any) -> Found:
    return own.find(OwnImages(folder=str(root), **more))


def refused(root: Path, what_is_said: str, **more: Any) -> None:
    with pytest.raises(DataError, match=what_is_said) as raised:
        found_in(root, **more)
    assert "\n" not in str(raised.value) and str(root) in str(raised.value)


def test_classes_are_numbered_by_their_names_bytes(root: Path) -> None:
    found = found_in(root)
    assert found.classes == ("Bird", "cat", "dog") and found.skipped == 0
    assert names(found.test, root) == ["0 test/Bird/0.png", "1 test/cat/0.png", "1 test/cat/1.png", "2 test/dog/0.png"]
    assert Counter(label for _, label in found.train) == {0: 3, 1: 4, 2: 5}


def test_val_serves_as_test_and_is_left_out_beside_it(root: Path) -> None:
    shutil.copytree(root / "test", root / "val")
    save(root / "val/cat/more.png", random_pixels(0))
    assert len(found_in(root).test) == 4
    shutil.rmtree(root / "test")
    assert len(found_in(root).test) == 5


def test_what_is_no_picture_is_skipped_and_counted(root: Path) -> None:
    for name in (".DS_Store", "cat/Thumbs.db", "cat/desktop.ini", "cat/.hidden.png", "dog/notes.txt", "cat/more/._x.png"):
        (root / "train" / name).parent.mkdir(exist_ok=True)
        (root / "train" / name).write_bytes(b"")
    (root / "train/.git/objects").mkdir(parents=True)
    os.mkfifo(root / "train/dog/pipe.png")
    found = found_in(root)
    assert found.skipped == 8 and len(found.train) == 12


def test_pictures_in_folders_of_a_class_and_upper_case_suffixes_are_found(root: Path) -> None:
    save(root / "train/cat/2019/May/a.JPG", random_pixels(0))
    assert "1 train/cat/2019/May/a.JPG" in names(found_in(root).train, root)


def test_links_are_followed_but_never_in_a_circle_nor_to_other_classes(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = folder_of_classes(tmp_path_factory.mktemp("disk"), {"more": 2, "ox": 3})
    (outside / "more/again").symlink_to(outside)
    (root / "train/cat/linked.png").symlink_to(outside / "more/0.png")
    (root / "train/cat/broken.png").symlink_to(outside / "absent.png")
    (root / "train/cat/more").symlink_to(outside / "more")
    (root / "train/cat/up").symlink_to(root)
    (root / "train/cat/dogs").symlink_to(root / "train/dog")
    (root / "train/ox").symlink_to(outside / "ox")
    (root / "train/loop").symlink_to(root / "train")
    shutil.copytree(outside / "ox", root / "test/ox")
    found = found_in(root)
    assert found.classes == ("Bird", "cat", "dog", "ox")
    assert [name for name in names(found.train, root) if name.startswith("3")] == [f"3 train/ox/{i}.png" for i in range(3)]
    cats = {name for name in names(found.train, root) if name.startswith("1")}
    linked = {"linked.png", "more/0.png", "more/1.png", "more/again/ox/0.png", "more/again/ox/1.png", "more/again/ox/2.png"}
    assert cats == {f"1 train/cat/{name}" for name in linked | {f"{i}.png" for i in range(4)}}


def test_of_one_tree_a_share_of_each_class_is_kept(tmp_path: Path) -> None:
    tree = folder_of_classes(tmp_path / "all", {"a": 20, "b": 10, "c": 5})
    found = found_in(tree, test_share=0.2)
    assert Counter(label for _, label in found.test) == {0: 4, 1: 2, 2: 1}
    assert sorted(names(found.train + found.test, tree)) == sorted(
        f"{label} {name}/{i}.png" for label, (name, count) in enumerate((("a", 20), ("b", 10), ("c", 5))) for i in range(count)
    )
    assert found == found_in(tree, test_share=0.2)
    assert found.test != found_in(tree, test_share=0.2, test_seed=1).test
    moved = shutil.copytree(tree, tmp_path / "elsewhere")
    assert names(found_in(moved, test_share=0.2).test, moved) == names(found.test, tree)
    assert len(found_in(folder_of_classes(tmp_path / "p/train", {"a": 4, "b": 4}).parent, test_share=0.5).test) == 4


def test_wrong_folders_are_refused_in_a_line_that_names_the_class(root: Path) -> None:
    refused(root / "absent", "no such folder")
    (root / "file").write_text("")
    refused(root / "file", "not a folder")
    refused(root, "leave out test_share", test_share=0.2)
    shutil.rmtree(root / "test/dog")
    refused(root, "class 'dog' has train images alone; add some to test on, or leave it out")
    (root / "test/dog").mkdir()
    refused(root, "class 'dog' has no test images")
    shutil.rmtree(root / "test/dog")
    folder_of_classes(root / "test", {"emu": 1})
    refused(root, "class 'emu' has test images alone")
    (root / "train/emu").mkdir()
    (root / "train/emu/a.txt").write_text("")
    refused(root, "class 'emu' has no train images; the kinds read are .bmp")
    shutil.rmtree(root / "test")
    refused(root, "no test/ or val/ beside train/; add one, or give a test_share .--test-share for takd init")
    shutil.move(root / "train", root / "val")
    refused(root, "has val/, but no train/ beside it")
    shutil.move(root / "val", root / "tree")
    refused(root, "no train/ with test/ or val/; add one, or give a test_share")
    refused(root / "tree", "class 'emu' has no train images", test_share=0.4)
    shutil.rmtree(root / "tree/emu")
    refused(root / "tree", "class 'Bird' has 3 images; test_share 0.1 keeps 0 of them", test_share=0.1)
    refused(root / "tree", "class 'Bird' has 3 images; test_share 0.9 keeps 3 of them", test_share=0.9)
    refused(root, "class 'tree' alone; give at least two", test_share=0.4)
    (root / "empty").mkdir()
    refused(root / "empty", "no class; give at least two", test_share=0.4)


@pytest.mark.parametrize("name", [b"ca\nt", b"caf\xe9", b"\x1b[31mred"])
def test_a_class_has_a_name_that_can_be_shown(root: Path, name: bytes) -> None:
    folder = Path(os.fsdecode(os.fsencode(root / "train") + b"/" + name))
    folder.mkdir()
    refused(root, "can't be the name of a class")


def table(folder: Path, text: str | bytes) -> Path:
    path = folder / "images.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_table_tells_of_images_relative_to_it(root: Path) -> None:
    (root / "tables").mkdir()
    rows = [
        "path,label,split",
        "../train/cat/0.png,cat,train",
        '"../train/dog/0.png","dog, big",train',
        "../test/cat/1.png,cat,test",
        '../test/dog/0.png,"dog, big",test',
    ]
    path = table(root / "tables", b"\xef\xbb\xbf" + "\r\n".join(rows).encode() + b"\r\n\r\n")
    found = own.find(OwnImages(csv=str(path)))
    assert found.classes == ("cat", "dog, big") and found.root == root / "tables"
    expected = [(f"{root}/tables/../test/cat/1.png", 0), (f"{root}/tables/../test/dog/0.png", 1)]
    assert [(str(source), label) for source, label in found.test] == expected


def test_a_table_without_splits_needs_a_share(root: Path) -> None:
    lines = [f"{label},train/{label}/{i}.png" for label in ("cat", "dog") for i in range(4)]
    path = table(root, "\n".join(["label,path", *lines]))
    found = own.find(OwnImages(csv=str(path), test_share=0.25))
    assert (len(found.train), len(found.test)) == (6, 2)
    with pytest.raises(DataError, match=r"column 'split', or give a test_share \(--test-share for takd init\); it has 'label"):
        own.find(OwnImages(csv=str(path)))


GOOD = "path,label,split\ntrain/cat/0.png,cat,train\ntrain/dog/0.png,dog,train\n"


@pytest.mark.parametrize(
    ("text", "what_is_said"),
    [
        (GOOD + "train/cat/9.png,cat,test\n", "line 4: no file 'train/cat/9.png' beside the table"),
        (GOOD + "train/cat,cat,test\n", "line 4: no file 'train/cat'"),
        (GOOD + "a\0b.png,cat,test\n", "line 4: no file|not a table"),
        (GOOD + "x" * 5000 + ",cat,test\n", "line 4: no file 'xxx.*…'"),
        (GOOD + "train/cat/1.png,emu,test\n", "class 'emu' has test images alone"),
        (GOOD + "train/cat/1.png,cat,test\n", "class 'dog' has train images alone"),
        (GOOD + "train/cat/1.png,cat,TEST\n", "line 4: split 'TEST'; it is train or test"),
        (GOOD + "train/cat/1.png,,test\n", "line 4: no label"),
        (GOOD + "train/cat/1.png,cat\n", "line 4: 2 cells; the first line has 3"),
        (GOOD, "no test images"),
        (GOOD + '"train/cat/1.png,cat,test\n', "not a table of comma-separated values"),
        (GOOD + "train/cat/1.png,caf\xe9,test\n".encode("latin1").decode("latin1"), "class 'café' has test images alone"),
        ("path;label;split\n", "the first line needs one column 'path'; it has 'path;label;split'"),
        ("path,label,label,split\n", "needs one column 'label'"),
        ("", "needs one column 'path'; it has ''"),
        ("path,label,split\ntrain/cat/0.png,cat,train\ntrain/cat/1.png,cat,test\n", "class 'cat' alone"),
        (b"path,label,split\n\xff\xfe", "not a text in UTF-8"),
    ],
)
def test_a_wrong_table_is_refused_with_its_line(root: Path, text: str | bytes, what_is_said: str) -> None:
    with pytest.raises(DataError, match=what_is_said) as raised:
        own.find(OwnImages(csv=str(table(root, text))))
    assert "\n" not in str(raised.value) and "images.csv" in str(raised.value)


def test_a_table_says_once_what_is_for_testing(root: Path) -> None:
    with pytest.raises(DataError, match="has a column 'split' already; leave out test_share"):
        own.find(OwnImages(csv=str(table(root, GOOD)), test_share=0.5))
    with pytest.raises(DataError, match="no such file"):
        own.find(OwnImages(csv=str(root / "absent.csv")))


def country211(raw: Path) -> Path:
    """torchvision's Country211 with few images: a real class that reads a folder and needs no network."""
    for part, counts in (("train", {"DE": 3, "AD": 2}), ("valid", {"DE": 1, "AD": 1}), ("test", {"DE": 1, "AD": 2})):
        folder_of_classes(raw / "country211" / part, counts, first=len(part))
    return raw


def test_a_data_set_of_torchvisions_is_found_with_its_own_numbers(tmp_path: Path) -> None:
    found = own.find(OwnImages(torchvision="Country211"), country211(tmp_path))
    assert found.classes == ("AD", "DE") and [label for _, label in found.test] == [0, 0, 1]
    assert [label for _, label in found.train] == [0, 0, 1, 1, 1] and own.common_side(found) == 8
    assert own.pixels(found.train[0][0], 8).shape == (8, 8, 3)


@pytest.mark.parametrize(
    ("name", "what_is_said"),
    [
        ("NoSuchSet", "no data set 'NoSuchSet'"),
        ("ImageFolder", "has no train and test images of its own"),
        ("VisionDataset", "has no train and test images of its own"),
        ("wrap_dataset_for_transforms_v2", "no data set"),
        ("ImageNet", "no train images in"),
    ],
)
def test_what_torchvision_has_not_is_refused(tmp_path: Path, name: str, what_is_said: str) -> None:
    with pytest.raises(DataError, match=what_is_said) as raised:
        own.find(OwnImages(torchvision=name), tmp_path)
    assert "\n" not in str(raised.value)


def test_images_of_one_size_need_none_to_be_said(root: Path) -> None:
    assert own.common_side(found_in(root)) == 8
    save(root / "test/cat/0.png", random_pixels(0, 9, 9))
    with pytest.raises(DataError, match=r"test/cat/0.png: 9 × 9 pixels, but .*/train/Bird/0.png has 8 × 8; give a size"):
        own.common_side(found_in(root))


@pytest.mark.parametrize(
    ("fields", "what_is_said"),
    [
        ({}, "give one of folder, csv and torchvision; there is none"),
        ({"folder": "a", "csv": "b"}, "there are folder and csv"),
        ({"folder": ""}, "folder"),
        ({"folder": "a\0b"}, "folder"),
        ({"folder": "a", "size": 7}, "size"),
        ({"folder": "a", "size": 1025}, "size"),
        ({"folder": "a", "size": True}, "size"),
        ({"folder": "a", "test_share": 0}, "test_share"),
        ({"folder": "a", "test_share": 1.0}, "test_share"),
        ({"folder": "a", "test_share": float("nan")}, "test_share"),
        ({"folder": "a", "test_share": 0.5, "test_seed": -1}, "test_seed"),
        ({"folder": "a", "test_seed": 1}, "test_seed: needs a test_share"),
        ({"torchvision": "os.system"}, "torchvision"),
        ({"torchvision": "Flowers102", "test_share": 0.5}, "test_share"),
        ({"folder": "a", "colour": 1}, "colour"),
    ],
)
def test_what_is_said_of_images_has_bounds(fields: dict[str, Any], what_is_said: str) -> None:
    with pytest.raises(ValidationError, match=what_is_said):
        OwnImages(**fields)
    assert all(field.description for field in OwnImages.model_fields.values())


class Odd(VisionDataset):  # type: ignore[misc]
    """Takes train=, as a data set of torchvision's may, and gives what it is told to."""

    items: list[Any] = []  # noqa: RUF012 (set anew by each test)

    def __init__(self, root: str, train: bool = True) -> None:
        super().__init__(root)

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> Any:
        return self.items[index]


@pytest.mark.parametrize(
    ("items", "what_is_said"),
    [
        ([(None, 0), (None, 1), (None, "cat")], "torchvision's Odd, image 2: its label is no class number, but 'cat'"),
        ([(None, 0), (None, (1, 2))], "image 1: its label is no class number"),
        ([(None, 0), (None, -1)], "image 1: its label is no class number"),
        ([(None, 0), (None, 2)], "class '1' has no train images"),
        ([(None, 0)], "1 classes and 1 test images; it isn't made for classification"),
        ([], "0 classes and 0 test images"),
        ([None], "can't be read"),
    ],
)
def test_a_data_set_of_torchvisions_that_is_not_for_classification_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, items: list[Any], what_is_said: str
) -> None:
    monkeypatch.setattr("torchvision.datasets.Odd", Odd, raising=False)
    monkeypatch.setattr(Odd, "items", items)
    with pytest.raises(DataError, match=what_is_said):
        own.find(OwnImages(torchvision="Odd"), tmp_path)


def test_classes_without_names_are_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torchvision.datasets.Odd", Odd, raising=False)
    monkeypatch.setattr(Odd, "items", [("no picture", 1), (Image.fromarray(random_pixels(0)), 0)])
    found = own.find(OwnImages(torchvision="Odd"), tmp_path)
    assert found.classes == ("0", "1") and (own.pixels(found.train[1][0], 8) == random_pixels(0)).all()
    with pytest.raises(DataError, match="torchvision's Odd, image 0: not a picture, but str"):
        own.pixels(found.train[0][0], 8)
