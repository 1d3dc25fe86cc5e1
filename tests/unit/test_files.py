import ast
import errno
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import takd
from takd.errors import CheckpointError, ParameterError, shortened
from takd.files import check_outputs, packed, read_metadata, read_tensors, read_text, write_tensors, write_text, written_whole
from tests.conftest import ROOT


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "file"
    with written_whole(path) as file:
        file.write(b"half")
        assert not path.exists()
    assert path.read_bytes() == b"half"
    with pytest.raises(RuntimeError, match="interrupted"), written_whole(path) as file:
        file.write(b"another")
        raise RuntimeError("interrupted")
    assert path.read_bytes() == b"half"
    assert [entry.name for entry in path.parent.iterdir()] == ["file"]


def test_who_reads_a_file_while_it_is_replaced_reads_the_old_one_whole(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "old")
    with (tmp_path / "file").open(encoding="utf-8") as reader:
        write_text(tmp_path / "file", "another")
        assert reader.read() == "old"
    assert (tmp_path / "file").read_text(encoding="utf-8") == "another"


@pytest.mark.parametrize("link", [os.link, os.symlink])
def test_what_is_linked_elsewhere_is_replaced_and_not_written_into(tmp_path: Path, link: Any) -> None:
    (tmp_path / "cache").write_text("cached", encoding="utf-8")
    link(tmp_path / "cache", tmp_path / "file")
    write_text(tmp_path / "file", "new")
    assert (tmp_path / "cache").read_text(encoding="utf-8") == "cached"
    assert (tmp_path / "file").read_text(encoding="utf-8") == "new" and not (tmp_path / "file").is_symlink()


def test_a_full_disk_leaves_nothing_and_names_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left") as raised:
        write_text(tmp_path / "file", "text")
    assert list(tmp_path.iterdir()) == [] and raised.value.filename == str(tmp_path / "file")


def test_a_signal_removes_what_is_being_written(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom takd.files import end, written_whole\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "with written_whole(Path(sys.argv[1])) as file:\n    file.write(b'half')\n    os.kill(os.getpid(), signal.SIGTERM)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, tmp_path / "file"], check=False)
    assert ended.returncode == 128 + signal.SIGTERM and list(tmp_path.iterdir()) == []


# What may be written.


def test_an_input_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("data", encoding="utf-8")
    (tmp_path / "link").symlink_to("data")
    for output in (tmp_path / "data", tmp_path / "link", tmp_path / "folder/../data"):
        with pytest.raises(ParameterError, match="is read by this command"):
            check_outputs([output], [tmp_path / "data"])
    with pytest.raises(ParameterError, match="is given for two files of the job"):
        check_outputs([tmp_path / "a", tmp_path / "b/../a"], [])
    check_outputs([tmp_path / "new/a", tmp_path / "new/b"], [tmp_path / "data"])


def test_a_folder_a_device_and_a_pipe_are_not_written_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, Path("/dev/null"), tmp_path / "pipe"):
        with pytest.raises(OSError) as raised:
            check_outputs([path], [])
        assert raised.value.filename == str(path)
    with pytest.raises(OSError):
        check_outputs([Path("/proc/nothing/here")], [])


# What is read.


def test_a_text_is_bounded_and_utf_8(tmp_path: Path) -> None:
    (tmp_path / "text").write_bytes(b"\xff\xfe")
    with pytest.raises(ParameterError, match="not a text in UTF-8"):
        read_text(tmp_path / "text")
    with pytest.raises(ParameterError, match="2 bytes; expected at most 1"):
        read_text(tmp_path / "text", 1)
    os.mkfifo(tmp_path / "pipe")
    for path, what in ((tmp_path / "pipe", "a device or a pipe"), (tmp_path, "a folder"), (Path("/dev/zero"), "a device")):
        with pytest.raises(ParameterError, match=what):
            read_text(path)


def test_tensors_and_metadata_come_back_and_same_content_is_same_bytes(tmp_path: Path) -> None:
    metadata = {"b": [1, 2.5, None], "a": {"é": "ü"}}
    for name in ("one", "other"):
        write_tensors(tmp_path / name, {"w": torch.arange(6.0).view(2, 3), "v": torch.tensor(1)}, metadata)
    tensors, found = read_tensors(tmp_path / "one")
    assert found == metadata == read_metadata(tmp_path / "other")
    assert torch.equal(tensors["w"], torch.arange(6.0).view(2, 3)) and tensors["v"].item() == 1
    assert (tmp_path / "one").read_bytes() == (tmp_path / "other").read_bytes()


def test_every_bit_of_what_a_file_says_of_itself_counts(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_tensors(path, {"w": torch.zeros(2)}, {"scale": 0.25, "name": "digits/plain/4/seed0"})
    content = path.read_bytes()
    start = content.index(b'"takd"')
    for place in range(start, content.index(b"}", start)):
        for bit in (0, 5):
            damaged = bytearray(content)
            damaged[place] ^= 1 << bit
            path.write_bytes(damaged)
            try:
                assert read_metadata(path) == {"scale": 0.25, "name": "digits/plain/4/seed0"}  # between tokens, say
            except CheckpointError as error:
                assert "\n" not in str(error)


def header(entries: object, size: int | None = None, content: bytes = b"") -> bytes:
    text = entries if isinstance(entries, bytes) else json.dumps(entries).encode()
    return struct.pack("<Q", len(text) if size is None else size) + text + content


OURS = packed({"kind": "x"})


@pytest.mark.parametrize(
    ("content", "what_is_said"),
    [
        (b"", "not a whole safetensors file"),
        (b"1234567", "not a whole safetensors file"),
        (b"\xff" * 8, "not a whole safetensors file"),
        (header({}, size=2**63), "not a whole safetensors file"),
        (header({}, size=10_000_000), "a safetensors file, but not one that takd wrote"),
        (header({}, size=100_000_000), "not a whole safetensors file"),
        (header({}), "a safetensors file, but not one that takd wrote"),
        (header([]), "not a whole safetensors file"),
        (header("text"), "not a whole safetensors file"),
        (header({"__metadata__": []}), "not a whole safetensors file"),
        (header({"__metadata__": {"takd": 5}}), "not a whole safetensors file"),
        (header({"__metadata__": {"takd": None}}), "not one that takd wrote"),
        (header({"__metadata__": {"takd": "nonsense"}}), "not a whole safetensors file"),
        (header({"__metadata__": {"takd": "[1]"}}), "not a whole safetensors file"),
        (header({"__metadata__": {"takd": '0123456789abcdef {"kind": "x"}'}}), "isn't what was written"),
        (header({"__metadata__": {"takd": "[" * 200_000}}), "not a whole safetensors file"),
        (header({"__metadata__": {"takd": '{"a": ' + "1" * 5000 + "}"}}), "not a whole safetensors file"),
        (header(b"[" * 200_000), "not a whole safetensors file"),
        (header(b'{"a":' * 100_000), "not a whole safetensors file"),
        (header(b'{"a": ' + b"1" * 5000 + b"}"), "not a whole safetensors file"),
        (header(b"\xff\xfe{}"), "not a whole safetensors file"),
        (b"PK\x03\x04 a zip", "a PyTorch checkpoint, not one of takd's files; a teacher of one's own comes in by"),
        (b"\x80\x02}q\x00.", "a PyTorch checkpoint"),
    ],
    ids=range(23),
)
def test_a_head_that_lies_is_refused(tmp_path: Path, content: bytes, what_is_said: str) -> None:
    path = tmp_path / "file.safetensors"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=what_is_said) as raised:
        read_metadata(path)
    said = str(raised.value)
    assert "\n" not in said and len(said) < 400 and "delete" not in said


def tensor(dtype: str = "F32", shape: object = (2,), offsets: object = (0, 8)) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


@pytest.mark.parametrize(
    "entry",
    [
        tensor(shape=(3,)), tensor(shape=(-2,)), tensor(shape=(2**62, 2**62)), tensor(shape=(2**63,)), tensor(shape=(10**30,)),
        tensor(shape="2"), tensor(shape=(2.0,)), tensor(shape=(0,)), tensor(offsets=(0, 4)), tensor(offsets=(8, 0)),
        tensor(offsets=(0, 2**60)), tensor(offsets=(4, 12)), tensor(offsets=(0,)), tensor(offsets=None), tensor(dtype="F128"),
        tensor(offsets=(0, None)), tensor(offsets=(0, 8.5)), tensor(offsets=(0, "8")), tensor(offsets=(0, 10**4000)),
        tensor(dtype="F4", shape=(16,)), tensor(dtype="F6_E2M3", shape=(10,)), tensor(dtype="F8_E8M0", shape=(8,)),
        tensor(dtype=""),
        {}, [], None, {"dtype": "F32"},
    ],
)  # fmt: skip
def test_tensors_that_lie_are_refused_or_harmless(tmp_path: Path, entry: object) -> None:
    path = tmp_path / "file.safetensors"
    path.write_bytes(header({"__metadata__": OURS, "w": entry}, content=bytes(8)))
    try:
        tensors, _ = read_tensors(path)
        assert tensors["w"].numel() * tensors["w"].element_size() <= 8
    except CheckpointError as error:
        assert "\n" not in str(error) and len(str(error)) < 600


def test_a_file_of_somebody_else_is_none_of_ours(tmp_path: Path) -> None:
    save_file({"w": torch.zeros(1)}, tmp_path / "foreign")
    with pytest.raises(CheckpointError, match="a safetensors file, but not one that takd wrote"):
        read_metadata(tmp_path / "foreign")
    torch.save({"w": torch.zeros(1)}, tmp_path / "checkpoint.pth")
    with pytest.raises(CheckpointError, match=r"a PyTorch checkpoint.*`takd init … --weights FILE`"):
        read_metadata(tmp_path / "checkpoint.pth")
    with pytest.raises(CheckpointError, match="no such file"):
        read_metadata(tmp_path / "absent")
    with pytest.raises(CheckpointError, match="a folder, not a file"):
        read_metadata(tmp_path)


# What is said.


def test_what_goes_into_an_error_is_cut_and_escaped() -> None:
    assert shortened("a\n  b\tc") == "a b c"
    assert shortened("\x1b[31mred\x07") == "\\u001b[31mred\\u0007"
    assert shortened("\u202eevil") == "\\u202eevil"
    assert shortened("x" * 300_000) == "x" * 200 + "…"
    assert shortened("\x00" * 300_000).startswith("\\u0000") and len(shortened("\x00" * 300_000)) <= 201


def test_every_text_file_is_opened_with_its_encoding() -> None:
    """So that nothing depends on a machine's locale."""
    without = []
    for path in sorted(Path(takd.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            constants = [each.value for one in node.args for each in ast.walk(one) if isinstance(each, ast.Constant)]
            binary = called == "open" and any("b" in str(constant) for constant in constants)
            image = {"formats", "framework"} & {keyword.arg for keyword in node.keywords}
            said = binary or image or "encoding" in {keyword.arg for keyword in node.keywords}
            if called in ("read_text", "write_text", "open") and not said:
                without.append(f"{path.name}:{node.lineno}: {ast.unparse(node)[:60]}")
    assert without == []


def test_git_passes_over_weights_that_lie_about_and_keeps_what_is_published(tmp_path: Path) -> None:
    shutil.copy(ROOT / ".gitignore", tmp_path)
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    passed_over = ["teacher.pth", "weights/deep/teacher.pth", "results/table2.csv", "data/raw/x.tar.gz"]
    kept = ["presets/pets.yaml", "presets/pets.lock", "results/published/table2.csv", "nets/own.py"]
    said = subprocess.run(["git", "-C", tmp_path, "check-ignore", *passed_over, *kept], capture_output=True, text=True)
    assert said.stdout.split() == passed_over
