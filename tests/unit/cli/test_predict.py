import json
from pathlib import Path

import pytest

import takd as package
from takd.data import prepared
from tests.unit.cli.conftest import Run
from tests.unit.data.pictures_of import random_pixels, save
from tests.unit.data.test_pictures import png_of
from tests.unit.training.conftest import write_network

LABELS = tuple(f"digit {number}" for number in range(10))


@pytest.fixture
def model(digits: Path, tmp_path: Path) -> Path:
    return write_network(tmp_path / "model", prepared.load(digits), "digits/plain/2/seed0", "plain:2", labels=LABELS)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number, name in enumerate(("b.png", "a.jpg", "cats/c.png", ".hidden/d.png")):
        save(tmp_path / "pictures" / name, random_pixels(number, 20 + number, 30))
    (tmp_path / "pictures/notes.txt").write_text("no picture")
    return tmp_path / "pictures"


def test_a_picture_has_its_three_likeliest_labels_on_a_line(takd: Run, model: Path, folder: Path) -> None:
    code, out, err = takd("predict", model, folder / "b.png")
    answers = package.load(model).predict(folder / "b.png")
    said = ", ".join(f"{label} {100 * probability:.1f} %" for label, probability in answers)
    assert (code, out, err) == (0, f"{folder / 'b.png'}: {said}\n", "") and len(answers) == 3


def test_a_folder_has_a_line_a_picture(takd: Run, model: Path, folder: Path) -> None:
    code, out, _ = takd("predict", model, folder, folder / "b.png", "--json", "--count", "2")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [line["picture"] for line in lines] == [str(folder / name) for name in ("a.jpg", "b.png", "cats/c.png", "b.png")]
    for line in lines:
        expected = [answer._asdict() for answer in package.load(model).predict(line["picture"], 2)]
        assert line["answers"] == expected and len(expected) == 2


def test_classes_without_names_are_said_to_be_numbers(takd: Run, digits: Path, tmp_path: Path, folder: Path) -> None:
    path = write_network(tmp_path / "unnamed", prepared.load(digits), "digits/plain/2/seed0", "plain:2")
    code, out, err = takd("predict", path, folder / "b.png", "--json")
    assert code == 0 and {answer["label"] for answer in json.loads(out)["answers"]} <= set("0123456789")
    assert err == f"takd: {path}: its file doesn't name the classes; they are numbered from 0\n"


def test_pictures_that_cannot_be_read_have_a_line_each_and_the_others_are_answered(takd: Run, model: Path, folder: Path) -> None:
    whole = (folder / "b.png").read_bytes()
    bad = {"cut.png": whole[: len(whole) // 2], "bomb.png": png_of(100_000, 100_000), "text.png": b"no picture"}
    for name, content in bad.items():
        (folder / name).write_bytes(content)
    code, out, err = takd("predict", model, *(folder / name for name in [*bad, "absent.png", "b.png"]))
    assert code == 2 and out.startswith(f"{folder / 'b.png'}: ") and out.count("\n") == 1
    said = ("cut short or damaged", "more than 89,478,485 pixels", "not a picture", "no such file")
    for line, name, what in zip(err.splitlines(), [*bad, "absent.png"], said, strict=True):
        assert line.startswith(f"takd: {folder / name}: ") and what in line


@pytest.mark.parametrize(
    ("network", "picture", "what_is_said"),
    [
        ("pictures/notes.txt", "pictures", "pictures/notes.txt: not a whole safetensors file"),
        ("pictures", "pictures", "pictures: a folder, not a file"),
        ("absent", "pictures", "absent: no such file"),
        ("model", "empty", "empty: holds no pictures (.bmp, "),
    ],
)
def test_what_cannot_be_answered_is_said_in_one_line(
    takd: Run, model: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    network: str, picture: str, what_is_said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    code, out, err = takd("predict", network, picture)
    assert (code, out) == (2, "") and what_is_said in err and err.count("\n") == 1
