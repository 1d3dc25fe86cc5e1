import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from takd.data import prepared
from takd.planning.lock import Lock
from tests.conftest import ROOT
from tests.unit.cli.conftest import Run, files_in

PRESET = """
data: {{folder: {folder}, size: 16}}
members: {{large: "plain:4", small: "plain:2"}}
train: {{learning_rate: 0.02, epochs: 1, trade_off: 0.5, temperature: 4, kl_reduction: batchmean}}
"""


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two classes of noise, and a preset that names them."""
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for number, place in enumerate(f"images/{part}/{label}" for part in ("train", "test") for label in ("cat", "dog")):
        (tmp_path / place).mkdir(parents=True)
        for index in range(3):
            Image.fromarray(random.integers(256, size=(16, 16, 3), dtype=np.uint8)).save(tmp_path / place / f"{number}{index}.png")
    (tmp_path / "presets").mkdir()
    (tmp_path / "presets/pets.yaml").write_text(PRESET.format(folder="images"))
    (tmp_path / "params.yaml").write_text((ROOT / "params.yaml").read_text())
    return tmp_path


def test_a_data_set_is_prepared_where_others_look_for_it(takd: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert takd("prepare", "digits") == (0, "data/prepared/digits.safetensors\n", "")
    assert len(prepared.load(tmp_path / "data/prepared/digits.safetensors").train) == 1438


def test_ones_own_images_are_recorded_at_the_first_time_and_held_to_later(takd: Run, study: Path) -> None:
    code, out, _ = takd("prepare", "pets", "--preset", "presets/pets.yaml")
    assert code == 0 and out.startswith("presets/pets.lock: written; commit it with the preset")
    lock = Lock.read(study / "presets/pets.lock")
    data = prepared.load(study / "data/prepared/pets.safetensors")
    assert lock is not None and (lock.digest, lock.train, lock.classes, lock.size) == (data.digest, 6, 2, 16)
    before = (study / "presets/pets.lock").read_bytes()
    code, out, _ = takd("prepare", "pets", "--preset", "presets/pets.yaml")
    assert code == 0 and "lock" not in out and (study / "presets/pets.lock").read_bytes() == before
    (study / "images/train/cat/00.png").unlink()
    code, _, err = takd("prepare", "pets", "--preset", "presets/pets.yaml")
    assert code == 2 and "images: not the images that were registered" in err and err.count("\n") == 1
    assert "; bring those back, or delete presets/pets.lock and run again: these count from then on, and networks are" in err
    assert prepared.load(study / "data/prepared/pets.safetensors").digest == data.digest
    (study / "presets/pets.lock").unlink()
    assert takd("prepare", "pets", "--preset", "presets/pets.yaml")[0] == 0
    lock = Lock.read(study / "presets/pets.lock")
    assert lock is not None and lock.train == 5 and lock.digest != data.digest


def test_doubled_test_images_are_counted_in_the_lock_and_in_one_of_before_too(takd: Run, study: Path) -> None:
    shutil.copy(study / "images/train/cat/00.png", study / "images/test/cat/20.png")
    assert takd("prepare", "pets", "--preset", "presets/pets.yaml")[0] == 0
    place = study / "presets/pets.lock"
    lock = Lock.read(place)
    assert lock is not None and lock.duplicates == 1
    place.write_text(place.read_text().replace('"duplicates": 1,', ""))
    before = Lock.read(place)
    assert before is not None and before.duplicates == 0
    code, out, _ = takd("prepare", "pets", "--preset", "presets/pets.yaml")
    assert code == 0 and "presets/pets.lock: written" in out and Lock.read(place) == lock


def test_a_published_data_set_has_no_lock_to_be_gone(takd: Run, study: Path) -> None:
    assert takd("prepare", "pets", "--preset", "presets/pets.yaml")[0] == 0
    shutil.copytree(ROOT / "paper", study / "paper")
    shutil.copy(study / "data/prepared/pets.safetensors", study / "data/prepared/digits.safetensors")
    (line,) = [line for line in takd("verify")[1].splitlines() if "digits" in line]
    assert (
        line == "data/prepared/digits.safetensors: stale: of other images than are known, or of what a preset said of them before"
    )


def test_images_that_came_later_are_noticed_by_verify(takd: Run, study: Path) -> None:
    assert takd("prepare", "pets", "--preset", "presets/pets.yaml")[0] == 0
    (study / "params.yaml").unlink()  # the preset stands alone
    assert takd("verify") == (0, "1 file: 1 as it should be\n", "")
    shutil.copy(study / "images/train/cat/00.png", study / "images/train/cat/more.png")
    code, out, _ = takd("verify", "results/pets")
    assert code == 1 and out.splitlines()[0] == (
        "images: changed: 7 images to train on and 6 to test, but 6 and 6 in presets/pets.lock; "
        "bring those back, or delete presets/pets.lock and run snakemake, which trains anew"
    )
    (study / "images/train/emu").mkdir()
    assert "images: changed: not the images of presets/pets.lock: images: class 'emu' has no train images" in takd("verify")[1]
    shutil.rmtree(study / "images")  # what was prepared is enough
    assert takd("verify")[0] == 0


def test_a_lock_that_is_gone_is_named_as_the_cause(takd: Run, study: Path) -> None:
    assert takd("prepare", "pets", "--preset", "presets/pets.yaml")[0] == 0
    (study / "params.yaml").unlink()
    (study / "presets/pets.lock").unlink()
    code, out, _ = takd("verify")
    assert code == 1 and out.splitlines() == [
        "data/prepared/pets.safetensors: stale: presets/pets.lock is gone, so no network is known to be of these images; "
        "get it back, or snakemake trains anew",
        "1 file: 1 stale",
    ]


def test_a_picture_that_was_replaced_is_noticed_by_verify(takd: Run, study: Path) -> None:
    assert takd("prepare", "pets", "--preset", "presets/pets.yaml")[0] == 0
    (study / "params.yaml").unlink()
    picture = study / "images/train/cat/00.png"
    os.utime(picture, (0, 0))
    assert takd("verify")[0] == 0, "written anew, and the same"
    before = picture.read_bytes()
    shutil.copy2(study / "images/train/dog/10.png", picture)
    os.utime(picture, (0, 0))  # a copy that keeps an old date
    code, out, _ = takd("verify")
    assert code == 1 and out.startswith("images: changed: not the images of presets/pets.lock: others lie in their place, perhaps ")
    assert "images/train/cat/00.png; bring those back" in out
    picture.write_bytes(before[:40])
    assert "images: changed: not the images of presets/pets.lock: " in takd("verify")[1]
    picture.write_bytes(before)
    assert takd("verify")[0] == 0


def test_a_label_that_was_changed_in_a_table_is_noticed_by_verify(takd: Run, study: Path) -> None:
    parts = [(part, label, path) for part in ("train", "test") for label in ("cat", "dog") for path in _sorted(study, part, label)]
    table = study / "labels.csv"
    table.write_text("path,label,split\n" + "".join(f"{path},{label},{part}\n" for part, label, path in parts))
    (study / "presets/pets.yaml").write_text(PRESET.format(folder="images").replace("folder: images", "csv: labels.csv"))
    (study / "params.yaml").unlink()
    assert takd("prepare", "pets", "--preset", "presets/pets.yaml")[0] == 0
    assert takd("verify")[0] == 0
    table.write_text(table.read_text().replace("cat,train", "dog,train", 1))
    code, out, _ = takd("verify")
    assert code == 1 and "labels.csv: changed: not the images of presets/pets.lock: others lie in their place, perhaps " in out


def _sorted(study: Path, part: str, label: str) -> list[str]:
    return sorted(str(path.relative_to(study)) for path in (study / "images" / part / label).iterdir())


def test_imagenet_is_read_from_its_folder_and_stays_in_its_files(takd: Run, study: Path) -> None:
    assert takd("prepare", "imagenet")[2] == "data/imagenet: no such folder\n".join(("takd: ", ""))
    (study / "images/test").rename(study / "images/val")
    (study / "data").mkdir()
    (study / "images").rename(study / "data/imagenet")
    code, out, _ = takd("prepare", "imagenet")
    assert code == 0 and out.startswith("presets/imagenet.lock: written")
    lock, data = Lock.read(study / "presets/imagenet.lock"), prepared.load(study / "data/prepared/imagenet.safetensors")
    assert lock is not None and (lock.digest, lock.train, lock.test, lock.classes, lock.size) == (data.digest, 6, 6, 2, 224)
    assert isinstance(data.train, prepared.StreamedSplit), "however few images there are"
    (study / "data/imagenet/val/cat/20.png").unlink()
    assert "not the images that were registered" in takd("prepare", "imagenet")[2]


@pytest.mark.parametrize(
    ("arguments", "what_is_said"),
    [
        (["mnist"], "unknown data set 'mnist'"),
        (["digits", "--output", "presets"], "presets: Is a directory"),
        (["digits", "--output", "/dev/null"], "/dev/null: a device or a pipe, not a file"),
        (["cifar10", "--raw", ".", "--output", "cifar-10-python.tar.gz"], "cifar-10-python.tar.gz: is read by this command"),
        (["pets", "--preset", "absent.yaml"], "absent.yaml: no such file"),
        (["pets", "--preset", "params.yaml"], "params.yaml: names no images of one's own"),
        (["pets", "--preset", "presets/pets.yaml", "--output", "presets/pets.yaml"], "presets/pets.yaml: is read by this command"),
        (["pets", "--preset", "presets/pets.yaml", "--output", "presets/pets.lock"], "presets/pets.lock: is given for two files"),
        (
            ["pets", "--preset", "presets/pets.yaml", "--output", "images/train/cat/00.png"],
            "images/train/cat/00.png: lies among the images of images",
        ),
        (["digits", "--preset", "presets/pets.yaml"], "digits: is the name of Digits; give your images another"),
    ],
)
def test_what_cannot_be_prepared_is_said_in_one_line(takd: Run, study: Path, arguments: list[str], what_is_said: str) -> None:
    (study / "cifar-10-python.tar.gz").write_bytes(b"170 megabytes, downloaded for an hour")
    before = {path: path.read_bytes() for path in files_in(study)}
    code, _, err = takd("prepare", *arguments)
    assert code == 2 and what_is_said in err and err.count("\n") == 1
    assert {path: path.read_bytes() for path in files_in(study)} == before
