"""What all commands have in common: help, version, errors in one line, and an end at any time that leaves nothing half written."""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from takd import __version__, cli
from takd.errors import DataError
from tests.conftest import ROOT, recipe
from tests.unit.cli.conftest import Run, files_in, train_arguments

COMMANDS = ("prepare", "train", "targets", "evaluate", "surface", "probe", "recipe", "show", "plan", "verify", "list")


def started(*arguments: object, **environment: str) -> "subprocess.Popen[str]":
    """The command line in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "takd", *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_help_names_the_commands(takd: Run) -> None:
    code, out, _ = takd("--help")
    assert code == 0
    for command in COMMANDS:
        assert f" {command} " in out
        assert takd(command, "--help")[0] == 0


def test_a_terminal_of_ascii_alone_is_helped_too() -> None:
    process = started("--help", PYTHONIOENCODING="ascii", LC_ALL="C")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "") and "train" in out and out.isascii()


def test_the_version_is_said(takd: Run) -> None:
    assert takd("--version") == (0, f"takd {__version__}\n", "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["trian"], "No such command 'trian'. Did you mean 'train'? takd --help says more"),
        (["plan"], "Missing argument 'targets'; takd plan --help says more"),
        (["plan", "--speed", "3"], "No such option: --speed; takd plan --help says more"),
        (["plan", "--cores", "0", "x"], "Invalid value for '--cores': Input should be greater than or equal to 1; takd plan"),
    ],
)
def test_a_command_that_is_typed_wrongly_is_one_line(takd: Run, arguments: list[str], said: str) -> None:
    code, out, err = takd(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"takd: {said}")


def test_of_several_processes_one_that_fails_is_gone_at_once_after_its_line() -> None:
    """Others may wait for it in a sum, and the end of its own threads for them."""
    code = (
        "import sys, threading, time; from takd import cli; threading.Thread(target=time.sleep, args=(60,)).start(); "
        "sys.argv = ['takd', 'recipe', 'nonsense']; cli.main()"
    )
    environment = os.environ | {"TORCHELASTIC_RUN_ID": "none", "WORLD_SIZE": "2"}
    ended = subprocess.run(
        [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert ended.returncode == 2 and ended.stderr.startswith("takd: ") and ended.stderr.count("\n") == 1


def test_who_stops_reading_is_told_nothing() -> None:
    with started("list") as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (DataError("pets: no images"), "takd: pets: no images\n"),
        (DataError("two\nlines\x1b[31m"), "takd: two lines\\u001b[31m\n"),
        (DataError("x" * 5000), f"takd: {'x' * 2000}…\n"),
        (OSError(28, "No space left on device", "here"), "takd: here: No space left on device\n"),
        (OSError(28, "No space left on device"), "takd: No space left on device\n"),
        (
            RuntimeError("out of memory!"),
            "takd: the device: its memory is full; a smaller batch_size, or fewer jobs at once. torch says: out of memory!\n",
        ),
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB."),
            "takd: the device: its memory is full; a smaller batch_size, or fewer jobs at once. "
            "torch says: CUDA out of memory. Tried to allocate 2 GiB.\n",
        ),
        (
            torch.AcceleratorError("CUDA error: unspecified launch failure\nCompile with `TORCH_USE_CUDA_DSA`"),
            "takd: the device: it was lost; the same command goes on where it was. "
            "torch says: CUDA error: unspecified launch failure Compile with `TORCH_USE_CUDA_DSA`\n",
        ),
        (
            torch.AcceleratorError("CUDA error: CUDA-capable device(s) is/are busy or unavailable"),
            "takd: the device: another process has it for itself; wait for that, or take another by --device. "
            "torch says: CUDA error: CUDA-capable device(s) is/are busy or unavailable\n",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(error: Exception, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    def command() -> None:
        raise error

    assert cli.ended(command) == 2
    assert capsys.readouterr().err == said


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("a bug"),
        RuntimeError("the connection timed out"),
        torch.AcceleratorError("CUDA error: device-side assert triggered"),  # an index out of range
    ],
)
def test_takds_own_mistakes_are_not_hidden(error: RuntimeError) -> None:
    def command() -> None:
        raise error

    with pytest.raises(RuntimeError) as raised:
        cli.ended(command)
    assert raised.value is error


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["recipe", "digits/plain/10-2/seed0", "--preset", "presets/toy.yaml"], ["list"]],
    ids=lambda each: each[0],
)
def test_commands_that_read_no_tensors_do_not_import_torch(arguments: list[str]) -> None:
    code = """
import sys
from takd import cli
try:
    cli.main()
except SystemExit:
    print("torch" in sys.modules)
"""
    command = [sys.executable, "-c", code, *arguments]
    environment = os.environ | {"PYTHONPATH": "src"}
    out = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment).stdout
    assert out.splitlines()[-1] == "False"


NETWORK = "results/models/digits/plain/10-4/seed0/model.safetensors"


@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate", NETWORK, "--data", "absent"],
        ["surface", NETWORK, "--data", "absent", "--points", 3, "--span", 1, "--images", 9, "--output", "surface.csv"],
        ["probe", "params.yaml", NETWORK, "--data", "absent", "--output", "probes.csv"],
        ["probe", "params.yaml", "--teacher", NETWORK, "--data", "absent", "--output", "probes.csv"],
        ["export", NETWORK, "--output", "student.onnx"],
        ["predict", NETWORK, "picture.png"],
        ["show", NETWORK],
    ],
    ids=lambda arguments: arguments[0],
)
def test_every_command_that_opens_a_network_says_so(
    takd: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[object]
) -> None:
    monkeypatch.chdir(workspace)
    code, out, err = takd(*arguments)
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert err.startswith(f"takd: {NETWORK}: ") and f"`snakemake --cores 1 -- {NETWORK}`" in err


def test_a_search_is_of_one_network_too(takd: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace)
    target = "results/search/digits/plain/10-4.csv"
    code, out, err = takd("show", target)
    assert (
        (code, out) == (2, "") and err.startswith(f"takd: {target}: is of one network; ") and f"-- {target}` makes this one" in err
    )


def test_a_networks_folder_is_made_by_its_record(takd: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workspace)
    code, out, err = takd("show", "results/toy/models/digits/plain/10/seed0")
    assert (code, out) == (2, "") and "-- results/toy/models/digits/plain/10/seed0/metrics.json` makes this one" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["probe", "params.yaml", "--data", "absent", "--output", "p.json"], "p.json: such a file ends in .csv; call it p.csv"),
        (
            ["surface", "a", "--data", "b", "--points", 3, "--span", 1, "--images", 9, "--output", "s.json"],
            "s.json: such a file ends in .csv; call it s.csv",
        ),
        (["targets", "a", "--data", "b", "--output", "t.csv"], "t.csv: such a file ends in .safetensors; call it t.safetensors"),
        (["prepare", "digits", "--output", "d.npz"], "d.npz: such a file ends in .safetensors; call it d.safetensors"),
    ],
    ids=lambda each: each[0],
)
def test_a_file_is_not_called_what_it_is_not(
    takd: Run, workspace: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[object], said: str
) -> None:
    monkeypatch.chdir(workspace)
    before = files_in(workspace)
    assert takd(*arguments) == (2, "", f"takd: {said}\n")
    assert files_in(workspace) == before


def test_a_training_that_is_told_to_end_leaves_nothing_half_written(digits: Path, tmp_path: Path) -> None:
    how = recipe(builder="plain:2", epochs=100_000, training_share=0.1).canonical()
    process = started(*train_arguments(tmp_path, digits, recipe=how, resume=tmp_path / "resume", device="cpu"))
    assert process.stdout is not None
    for _ in range(3):  # its state is written again and again
        assert process.stdout.readline().startswith("epoch ")
    time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 128 + signal.SIGTERM
    assert [path.name for path in files_in(tmp_path)] == ["resume"]


def test_a_file_that_is_being_written_when_the_end_comes_is_removed(tmp_path: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from takd.files import end, written_whole
signal.signal(signal.SIGTERM, end)
with written_whole(Path({str(tmp_path / "file")!r})) as file:
    file.write(b"half")
    file.flush()
    os.kill(os.getpid(), signal.SIGTERM)
    print("went on")
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ | {"PYTHONPATH": "src"}, cwd=ROOT
    )
    assert (done.returncode, done.stdout, files_in(tmp_path)) == (128 + signal.SIGTERM, "", [])


@pytest.mark.parametrize(("limit", "resumes"), [(1_000, False), (1_000, True), (80_000, True)])
def test_a_disk_that_is_full_is_said_with_the_file_and_nothing_is_left(
    takd: Run, digits: Path, tmp_path: Path, limit: int, resumes: bool
) -> None:
    """No file may be larger than the limit: the weights have 53 kB, the state after an epoch 105 kB."""
    resume = tmp_path / "resume"
    options: dict[str, Any] = {"device": "cpu"} | ({"resume": resume} if resumes else {})
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
    try:
        code, _, err = takd(*train_arguments(tmp_path, digits, **options))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    named = resume if resumes else tmp_path / "out" / "model.safetensors"
    assert (code, err) == (2, f"takd: {named}: File too large\n")
    assert files_in(tmp_path) == []


def test_a_command_is_added_as_the_docs_say(tmp_path: Path) -> None:
    section = (ROOT / "docs/extend.md").read_text().partition("## A command\n")[2].partition("\n## ")[0]
    module, line = re.findall(r"^```(?:python|text)\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
    shutil.copytree(ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    (tmp_path / "src/takd/cli/mine.py").write_text(module)
    rooms = tmp_path / "src/takd/cli/__init__.py"
    rooms.write_text(re.sub(r"(?<=^ROOMS = \()(.*?)(?=^\))", rf"\g<1>{line}", rooms.read_text(), flags=re.MULTILINE | re.DOTALL))

    def typed(network: str) -> "subprocess.CompletedProcess[str]":
        environment = os.environ | {"PYTHONPATH": str(tmp_path / "src")}
        command = [sys.executable, "-m", "takd", "teachers", network]
        return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)

    assert typed("digits/plain/10-4-2/seed0").stdout.splitlines() == ["digits/plain/10-4/seed0", "digits/plain/10/seed0"]
    grown = typed("digits/plain/4-10/seed0")
    assert (grown.returncode, grown.stdout) == (2, "") and "members must shrink from teacher to student" in grown.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan", "results/toy/table2.csv"],
        ["verify"],
        ["list"],
        ["list", "results/toy"],
        ["recipe", "digits/plain/2/seed0"],
        ["show", "results/toy/table2.csv"],
        ["publish", "results/toy"],
        ["adopt", "results/toy"],
        ["search", "digits/plain/10-4/seed0"],
    ],
    ids=" ".join,
)
def test_a_folder_that_is_no_project_is_said_by_every_command_that_reads_one(
    takd: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    expected = f"takd: {tmp_path}: no params.yaml and no presets/ here; takd {arguments[0]} works in a project's folder\n"
    assert takd(*arguments) == (2, "", expected)
    assert files_in(tmp_path) == []


def test_a_project_without_anything_to_make_is_told_so(takd: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "presets").mkdir()
    assert takd("recipe", "digits/plain/2/seed0") == (2, "", "takd: results: no preset or variant makes it; there are none\n")
