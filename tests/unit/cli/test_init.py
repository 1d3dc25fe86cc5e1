import shutil
from pathlib import Path

import pytest
from PIL import Image

from takd.data.found import Found, Item, Stored
from tests.unit.cli.conftest import Run, files_in
from tests.unit.data.pictures_of import folder_of_classes, random_pixels, save


def test_a_project_says_what_to_do_next(takd: Run, tmp_path: Path) -> None:
    code, out, _ = takd("init", "--project", tmp_path / "my project")
    assert code == 0
    assert f"\n    cd '{tmp_path}/my project'\n    snakemake --cores 2 results/toy/table2.csv\n" in out
    assert (tmp_path / "my project/Snakefile").is_file()


@pytest.mark.parametrize(
    ("arguments", "what_is_said"),
    [
        (["--project", "there"], "there: isn't empty; a project is laid out in a folder that is new or empty"),
        (["pets", "--project", "mine"], "--project mine: lays out a project and no study; then `takd init NAME …` in its folder"),
        (["--project", "mine", "--start", "a=b"], "--project mine: lays out a project and no study"),
        (
            ["pets", "--data", "there", "--teacher", "plain:4", "--student", "plain:2"],
            ": no Snakefile here; go into a clone of takd, or lay out a project first: takd init --project FOLDER",
        ),
        ([], "takd init: NAME, --data, --teacher, --student missing; a study is NAME --data … --teacher"),
        (["pets", "--data", "pets", "--student", "plain:2"], "takd init: --teacher missing; a study is NAME --data"),
    ],
)
def test_what_cannot_begin_is_one_line(
    takd: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], what_is_said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    (tmp_path / "there/notes.txt").touch()
    code, out, err = takd("init", *arguments)
    assert (code, out) == (2, "")
    where = tmp_path if what_is_said.startswith(":") else ""
    assert err.startswith(f"takd: {where}{what_is_said}") and err.count("\n") == 1
    assert files_in(tmp_path) == [tmp_path / "there/notes.txt"]


@pytest.fixture
def begin(takd: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Begins a study of a few pictures; whatever is built takes two seconds an epoch."""
    monkeypatch.chdir(workspace)
    monkeypatch.setattr("takd.measuring.costs.epoch_seconds", lambda *_: 2.0)
    for place, (split, count) in enumerate({"train": 4, "test": 2}.items()):
        folder_of_classes(workspace / "data/pets" / split, {"cat": count, "dog": count}, first=100 * place)
    return lambda *options: takd("init", "pets", "--data", "data/pets", *options)


@pytest.mark.parametrize("cores", [3, 7])
def test_what_to_type_next_has_the_cores_that_were_counted_with(begin: Run, workspace: Path, cores: int) -> None:
    code, out, err = begin("--teacher", "plain:4", "--student", "plain:2", "--cores", cores)
    assert code == 0, err
    assert f" on {cores} cores" in out and f"\n    snakemake --cores {cores} results/pets/report.html\n" in out
    assert "warning" not in out
    assert f"\n# snakemake --cores {cores} results/pets/report.html\n" in (workspace / "presets/pets.yaml").read_text()


def test_a_teacher_that_is_smaller_than_its_student_is_a_warning_and_no_error(begin: Run, workspace: Path) -> None:
    code, out, err = begin("--teacher", "plain:2", "--student", "plain:4")
    assert code == 0, err
    (line,) = [line for line in out.splitlines() if line.startswith("warning: ")]
    assert line.startswith("warning: plain4 (") and " is larger than plain2 (" in line
    assert (workspace / "presets/pets.yaml").is_file()


@pytest.mark.parametrize(
    ("builder", "meant"),
    [
        ("plian:4", "plain:4"),
        ("resnt:20", "resnet:20"),
        ("torchvison:resnet18", "torchvision:"),
        ("resnet34", "torchvision:resnet34"),
        ("plain4", "plain:4"),
        ("resnet20", "resnet:20"),
        ("mobilenet_v3_small", "torchvision:mobilenet_v3_small"),
    ],
)
def test_a_builder_that_was_mistyped_gets_the_nearest(begin: Run, workspace: Path, builder: str, meant: str) -> None:
    before = files_in(workspace)
    code, out, err = begin("--teacher", builder, "--student", "plain:2")
    assert (code, out) == (2, "") and f" did you mean {meant}?" in err and err.count("\n") == 1
    assert files_in(workspace) == before


def test_photos_that_are_not_square_get_a_size_of_their_shorter_sides(begin: Run, workspace: Path) -> None:
    for path in sorted((workspace / "data/pets").rglob("*.png")):
        save(path, random_pixels(len(str(path)) + ord(path.stem), 24, 16))
    code, out, err = begin("--teacher", "plain:4", "--student", "plain:2")
    assert code == 0, err
    assert ", 16 pixels a side\n" in out and "\n  size: 16\n" in (workspace / "presets/pets.yaml").read_text(encoding="utf-8")


def test_photos_of_a_data_set_of_torchvisions_get_a_size_too(takd: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace)
    monkeypatch.setattr("takd.measuring.costs.epoch_seconds", lambda *_: 2.0)
    photos = [(Image.fromarray(random_pixels(number, 24, 16)), number % 2) for number in range(12)]

    class Stand:
        def __init__(self, first: int, last: int) -> None:
            self.images = photos[first:last]

        def __getitem__(self, index: int) -> tuple[Image.Image, int]:
            return self.images[index]

    train, test = Stand(0, 8), Stand(8, 12)
    items: list[list[Item]] = [
        [(Stored(one, place), label) for place, (_, label) in enumerate(one.images)] for one in (train, test)
    ]
    found = Found(workspace, items[0], items[1], ("cat", "dog"))
    monkeypatch.setattr("takd.data.from_torchvision.find", lambda *_: found)
    code, out, err = takd("init", "photos", "--data", "torchvision:Flowers102", "--teacher", "plain:4", "--student", "plain:2")
    assert code == 0, err
    assert ", 16 pixels a side\n" in out


def test_images_without_any_to_test_on_are_told_the_option(begin: Run, workspace: Path) -> None:
    shutil.rmtree(workspace / "data/pets/test")
    code, _, err = begin("--teacher", "plain:4", "--student", "plain:2")
    assert code == 2 and "add one, or give a test_share (--test-share for takd init)" in err
    assert begin("--teacher", "plain:4", "--student", "plain:2", "--test-share", "0.25")[0] == 0


@pytest.mark.parametrize(
    ("options", "what_is_said"),
    [
        (["--teacher", "torchvision:resnet18x", "--student", "plain:2"], "resnet18x: torchvision has no network of that name"),
        (["--teacher", "plain:4", "--student", "plain:2", "--start", "3=library"], "--start 3: no such network"),
        (["--teacher", "plain:4", "--student", "plain:2", "--weights", "absent.pth"], "absent.pth: no such file"),
    ],
)
def test_what_cannot_begin_leaves_no_images_behind(begin: Run, workspace: Path, options: list[str], what_is_said: str) -> None:
    before = files_in(workspace)
    code, _, err = begin(*options)
    assert (code, err.count("\n")) == (2, 1) and what_is_said in err
    assert files_in(workspace) == before


def test_a_file_in_the_place_of_images_is_told_what_they_may_be(
    takd: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace)
    code, _, err = takd("init", "pets", "--data", "params.yaml", "--teacher", "plain:4", "--student", "plain:2")
    assert (code, err) == (
        2, "takd: --data params.yaml: a file; give a folder with one a class, a .csv, or torchvision:NAME\n"
    )  # fmt: skip
