import json
from pathlib import Path

import pytest

from takd.data import prepared
from takd.records.surface import read_points
from tests.conftest import ROOT
from tests.unit.cli.conftest import Run, files_in
from tests.unit.training.conftest import write_network

GRID = ["--span", "1", "--images", "10"]


@pytest.fixture
def model(digits: Path, tmp_path: Path) -> Path:
    return write_network(tmp_path / "model", prepared.load(digits), "digits/plain/2/seed0", "plain:2")


def test_a_surface_is_written_and_its_place_said(takd: Run, digits: Path, model: Path, tmp_path: Path) -> None:
    output = tmp_path / "s.csv"
    code, out, _ = takd("surface", model, "--data", digits, *GRID, "--points", "3", "--output", output)
    assert (code, out) == (0, f"{output}\n") and len(read_points([output])) == 9


@pytest.mark.parametrize(
    ("options", "what_is_said"),
    [
        (["--points", "4", "--output", "y"], "points: must be odd, not 4"),
        (["--points", "3", "--span", "nan", "--output", "y"], "span: "),
        (["--points", "3", "--images", "9999", "--output", "y"], "images: digits has 1438 training images, fewer than 9999"),
        (["--points", "3", "--output", "model"], "model: is read by this command"),
        (["--points", "3", "--output", "/dev/null"], "/dev/null: a device or a pipe, not a file"),
        (["--points", "3", "--output", "key", "--key", "key"], "key: is read by this command"),
        (["--points", "3", "--output", "y", "--key", "key"], "expected 1111111111111111); run the same command again"),
        (["--points", "3", "--output", "y", "--device", "cuda:99"], "device 'cuda:99': not on this machine"),
    ],
)
def test_a_surface_that_cannot_be_is_said_in_one_line(
    takd: Run, digits: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], what_is_said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "key").write_text("1" * 16)
    before = {path: path.read_bytes() for path in files_in(tmp_path)}
    code, _, err = takd("surface", "model", "--data", digits, *GRID, *options)
    assert code == 2 and what_is_said in err and err.count("\n") == 1
    assert {path: path.read_bytes() for path in files_in(tmp_path)} == before


@pytest.mark.parametrize(
    ("arguments", "what_is_said"),
    [
        (["params.yaml", "--data", "params.yaml"], "params.yaml: not a whole safetensors file"),
        (["absent", "--data", "params.yaml"], "params.yaml: not a whole safetensors file"),
        (["paper", "--data", "absent"], "absent: no such file"),
    ],
)
def test_what_cannot_be_evaluated_is_said_in_one_line(
    takd: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str], what_is_said: str
) -> None:
    monkeypatch.chdir(ROOT)
    code, _, err = takd("evaluate", *arguments)
    assert code == 2 and what_is_said in err and err.count("\n") == 1


def test_an_evaluation_is_printed_and_its_confusion_drawn(takd: Run, digits: Path, model: Path, tmp_path: Path) -> None:
    code, out, _ = takd("evaluate", model, "--data", digits, "--confusion", tmp_path / "c.png")
    lines = out.splitlines()
    assert code == 0 and lines[0].startswith("digits/plain/2/seed0: top-1 ") and len(lines) == 14
    assert lines[-1] == f"{tmp_path / 'c.png'}: which classes it takes for which"
    assert (tmp_path / "c.png").read_bytes().startswith(b"\x89PNG")
    code, out, _ = takd("evaluate", model, "--data", digits, "--json", "--confusion", tmp_path / "c.csv")
    said = json.loads(out)
    assert code == 0 and f"{said['network']}: top-1 {said['accuracy']:.2f} %" == lines[0]
    assert sum(map(sum, said["confusion"])) == said["images"] == 359 and len(said["accuracy_by_class"]) == 10
    assert (tmp_path / "c.csv").read_text().splitlines()[1] == ",".join(map(str, (0, *said["confusion"][0])))


@pytest.mark.parametrize(
    ("confusion", "what_is_said"),
    [
        ("c.jpg", "confusion: c.jpg ends in neither .png nor .csv"),
        ("model.png", "model.png: is read by this command"),
        ("folder.png", "folder.png: Is a directory"),
    ],
)
def test_a_confusion_that_cannot_be_written_is_said_first(
    takd: Run, digits: Path, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, confusion: str, what_is_said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    model.rename("model.png")
    Path("folder.png").mkdir()
    code, out, err = takd("evaluate", "model.png", "--data", digits, "--confusion", confusion)
    assert (code, out) == (2, "") and what_is_said in err and err.count("\n") == 1


def test_a_probe_is_written_and_its_means_said(takd: Run, digits: Path, model: Path, tmp_path: Path) -> None:
    code, out, _ = takd("probe", model, "--data", digits, "--output", tmp_path / "p.csv")
    assert code == 0 and "noise 0.16" in out and len((tmp_path / "p.csv").read_text().splitlines()) == 5
    code, _, err = takd("probe", model, model, "--data", digits, "--output", tmp_path / "q.csv")
    assert code == 2 and "one is given twice" in err and err.count("\n") == 1 and not (tmp_path / "q.csv").exists()
