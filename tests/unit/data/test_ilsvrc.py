import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat
from torchvision.datasets import imagenet

from takd.data import ilsvrc, own
from takd.data.registry import OwnImages
from takd.errors import DataError

WNIDS = ("n00000001", "n00000002")


def picture(shade: int) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (12, 10), (shade, shade, shade)).save(file, "JPEG")
    return file.getvalue()


def tar(files: dict[str, bytes], mode: str = "w") -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode=mode) as archive:  # type: ignore[call-overload]
        for name, value in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(value)
            archive.addfile(member, io.BytesIO(value))
    return content.getvalue()


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The three archives as they are handed out, of two classes: three pictures to train on, two to test on."""
    fields = [("ILSVRC2012_ID", "i4"), ("WNID", "O"), ("words", "O"), ("gloss", "O"), ("num_children", "i4")]
    synsets = np.array([(2, WNIDS[0], "a cat", "", 0), (1, WNIDS[1], "a dog", "", 0), (3, "n3", "both", "", 2)], dtype=fields)
    meta = io.BytesIO()
    savemat(meta, {"synsets": synsets})
    kit = "ILSVRC2012_devkit_t12/data"
    contents = {
        "devkit": tar({f"{kit}/meta.mat": meta.getvalue(), f"{kit}/ILSVRC2012_validation_ground_truth.txt": b"1\n2\n"}, "w:gz"),
        "train": tar({
            f"{WNIDS[0]}.tar": tar({"a.JPEG": picture(10), "b.JPEG": picture(20)}), f"{WNIDS[1]}.tar": tar({"c.JPEG": picture(30)})
        }),
        "val": tar({"ILSVRC2012_val_00000001.JPEG": picture(40), "ILSVRC2012_val_00000002.JPEG": picture(50)}),
    }  # fmt: skip
    for part, content in contents.items():
        name = imagenet.ARCHIVE_META[part][0]
        (tmp_path / name).write_bytes(content)
        monkeypatch.setitem(imagenet.ARCHIVE_META, part, (name, hashlib.md5(content, usedforsecurity=False).hexdigest()))
    return tmp_path


def test_the_archives_become_folders_of_classes_by_their_wordnet_ids(root: Path) -> None:
    before = {path.name for path in root.iterdir()}
    ilsvrc.unpack(root)
    found = own.find(OwnImages(folder=str(root), size=8))
    assert found.classes == WNIDS and [label for _, label in found.train] == [0, 0, 1]
    names = [(source.name, label) for source, label in found.test if isinstance(source, Path)]
    assert names == [("ILSVRC2012_val_00000002.JPEG", 0), ("ILSVRC2012_val_00000001.JPEG", 1)], "as the kit's numbers have it"
    assert {path.name for path in root.iterdir()} == before | {"train", "val"}


def test_folders_that_are_there_stay_as_they_are(root: Path) -> None:
    (root / "train/n00000009").mkdir(parents=True)
    ilsvrc.unpack(root)
    assert [path.name for path in (root / "train").iterdir()] == ["n00000009"] and (root / "val" / WNIDS[0]).is_dir()


@pytest.mark.parametrize("part", ["devkit", "train"])
def test_a_damaged_archive_is_one_line_and_leaves_nothing(root: Path, part: str) -> None:
    (root / imagenet.ARCHIVE_META[part][0]).write_bytes(b"half of it")
    before = {path.name for path in root.iterdir()}
    with pytest.raises(DataError, match="no train/, and the archives beside it can't be unpacked: ") as raised:
        ilsvrc.unpack(root)
    assert "\n" not in str(raised.value) and {path.name for path in root.iterdir()} == before
