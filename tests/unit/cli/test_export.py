import re
from pathlib import Path

import pytest

from takd.cli import export as command
from takd.data import prepared
from tests.unit.cli.conftest import Run, files_in
from tests.unit.training.conftest import write_network

NAME = "digits/plain/2/seed0"


@pytest.fixture
def model(digits: Path, tmp_path: Path) -> Path:
    return write_network(tmp_path / "model.safetensors", prepared.load(digits), NAME, "plain:2", labels=tuple("0123456789"))


def test_export_says_how_the_file_compares(takd: Run, model: Path, digits: Path, tmp_path: Path) -> None:
    output = tmp_path / "student.onnx"
    code, out, err = takd("export", model, "--output", output, "--data", digits)
    assert (code, err) == (0, "")
    assert out.startswith(f"{output}: {output.stat().st_size:,} bytes\ntop-1 ")
    assert "same answer to 100.00 %" in out
    assert sorted(path.name for path in files_in(tmp_path)) == ["model.safetensors", "student.md", "student.onnx"]

    code, out, err = takd("latency", output)
    assert (code, err) == (0, "")
    assert re.fullmatch(
        rf"{NAME}, fp32: one image in \S+ ms \(median; 95 % within \S+ ms\), 32 at once at \S+ images/s; 200 calls, one "
        r"core of .+\n",
        out,
    )


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--output", "a.onnx", "--int8", "--fp16"], "takd: --int8, --fp16, --torch: a file is one of them; give one\n"),
        (["--output", "a.pt"], "takd: a.pt: such a file ends in .onnx; call it a.onnx\n"),
        (["--output", "a.onnx", "--torch"], "takd: a.onnx: such a file ends in .pt2; call it a.pt2\n"),
        (["--output", "a.onnx", "--data", "absent"], "takd: absent: no such file\n"),
        (["--output", "a.onnx"], "takd: data/prepared/digits.safetensors: no such file\n"),
    ],
)
def test_what_cannot_be_exported_so_ends_in_one_line(
    takd: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], complaint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert takd("export", model, *arguments) == (2, "", complaint)
    assert files_in(tmp_path) == [model]


def test_a_file_that_is_no_network_ends_in_one_line(takd: Run, digits: Path, tmp_path: Path) -> None:
    for path in (digits, tmp_path / "absent"):
        code, out, err = takd("export", path, "--output", tmp_path / "a.onnx", "--data", digits)
        assert (code, out, err.count("\n")) == (2, "", 1) and str(path) in err


@pytest.mark.parametrize("missing", ["onnx", "onnxscript", "onnxruntime"])
def test_without_its_extra_export_names_it(
    takd: Run, model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    monkeypatch.setattr(command, "find_spec", lambda name: None if name == missing else object())
    code, _, err = takd("export", model, "--output", tmp_path / "a.onnx")
    assert (code, err) == (2, f"takd: takd export: {missing} isn't installed; pip install 'takd[export]'\n")


def test_what_is_not_an_export_has_no_latency(takd: Run, model: Path, tmp_path: Path) -> None:
    code, out, err = takd("latency", model)
    assert (code, out, err) == (2, "", f"takd: {model}: not an .onnx file; takd export writes one, as in model.onnx\n")
    renamed = model.rename(tmp_path / "model.onnx")
    code, out, err = takd("latency", renamed)
    assert (code, out, err.count("\n")) == (2, "", 1) and "not a network that ONNX Runtime runs" in err
    assert takd("latency", tmp_path / "absent.onnx")[2] == f"takd: {tmp_path / 'absent.onnx'}: no such file\n"


def test_a_card_of_another_file_is_not_written_over(takd: Run, model: Path, digits: Path, tmp_path: Path) -> None:
    assert takd("export", model, "--output", tmp_path / "student.onnx", "--data", digits)[0] == 0
    card = (tmp_path / "student.md").read_text(encoding="utf-8")
    code, out, err = takd("export", model, "--output", tmp_path / "student.pt2", "--data", digits, "--torch")
    said = f"takd: {tmp_path / 'student.md'}: isn't the card of student.pt2; call that file otherwise, so that its card has a"
    assert (code, out, err.count("\n")) == (2, "", 1) and err.startswith(said)
    assert (tmp_path / "student.md").read_text(encoding="utf-8") == card and not (tmp_path / "student.pt2").exists()
    assert takd("export", model, "--output", tmp_path / "student.onnx", "--data", digits)[0] == 0  # its own it is
    (tmp_path / "student.md").write_text("# My notes on it\n", encoding="utf-8")
    assert takd("export", model, "--output", tmp_path / "student.onnx", "--data", digits)[0] == 2
    assert (tmp_path / "student.md").read_text(encoding="utf-8") == "# My notes on it\n"
