import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from takd import warm_process
from tests.conftest import recipe
from tests.workflow.conftest import Snakemake

TAKD = [sys.executable, "-c", "from takd.warm_process import main; main()"]

# Stands for Snakemake: starts a warm process, says where it listens, and waits.
STARTER = f"""
import os, sys
from takd import warm_process
warm_process.start()
print(os.environ[{warm_process.VARIABLE!r}], flush=True)
sys.stdin.read()
"""


@pytest.fixture
def starter() -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen([sys.executable, "-c", STARTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process


@pytest.fixture
def warm(starter: subprocess.Popen[str]) -> dict[str, str]:
    """The environment of a command that has a warm process at hand."""
    assert starter.stdout is not None
    return os.environ | {warm_process.VARIABLE: starter.stdout.readline().strip()}


def children_of(process: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def training(digits: Path, folder: Path, epochs: int) -> list[str]:
    folder.mkdir()
    return [
        *TAKD, "train", "digits/plain/2/seed0", "--data", str(digits), "--recipe", recipe(epochs=epochs).canonical(),
        "--output", str(folder / "model.safetensors"), "--metrics", str(folder / "metrics.json"),
    ]  # fmt: skip


def heed_interrupts() -> None:
    """In a new process: what a shell starts in the background, as tests may be, ignores them, and so do its children."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def started(command: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """A training, once it has said what its first epoch came to."""
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, preexec_fn=heed_interrupts
    ) as process:
        assert process.stdout is not None
        process.stdout.readline()
        try:
            yield process
        finally:
            process.kill()


def soon(condition: Callable[[], bool]) -> bool:
    """Whether it holds within a minute."""
    deadline = time.monotonic() + 60
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def test_a_forked_job_writes_the_same_bits(warm: dict[str, str], digits: Path, tmp_path: Path) -> None:
    by_itself = subprocess.run(training(digits, tmp_path / "itself", 2), capture_output=True, text=True, check=True)
    forked = subprocess.run(training(digits, tmp_path / "forked", 2), capture_output=True, text=True, check=True, env=warm)
    assert (tmp_path / "forked/model.safetensors").read_bytes() == (tmp_path / "itself/model.safetensors").read_bytes()
    assert forked.stdout.count("epoch") == by_itself.stdout.count("epoch") > 0


def test_a_forked_job_is_not_run_by_the_command(warm: dict[str, str], digits: Path, tmp_path: Path) -> None:
    """Without torch the command can't train by itself."""
    without_torch = [part.replace("from takd", "import sys; sys.modules['torch'] = None; from takd") for part in TAKD]
    command = [*without_torch, *training(digits, tmp_path / "forked", 1)[len(TAKD) :]]
    assert subprocess.run(command, capture_output=True, check=False).returncode != 0
    assert subprocess.run(command, capture_output=True, check=False, env=warm).returncode == 0


def test_a_mistake_ends_as_without_a_warm_process(warm: dict[str, str], tmp_path: Path) -> None:
    command = [*TAKD, "prepare", "imagenet"]
    by_itself = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    forked = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path, env=warm)
    assert forked.returncode == by_itself.returncode == 2
    assert forked.stderr == by_itself.stderr
    assert len(forked.stderr.splitlines()) == 1


def test_a_job_ends_with_its_command(starter: subprocess.Popen[str], warm: dict[str, str], digits: Path, tmp_path: Path) -> None:
    (server,) = children_of(starter.pid)
    with started(training(digits, tmp_path / "forked", 10_000), warm) as command:
        (job,) = children_of(server)
        command.kill()
        command.wait()
        assert soon(lambda: not Path(f"/proc/{job}").exists())
        assert not list((tmp_path / "forked").iterdir())


def test_an_interrupted_command_says_nothing_and_ends_its_job(
    starter: subprocess.Popen[str], warm: dict[str, str], digits: Path, tmp_path: Path
) -> None:
    (server,) = children_of(starter.pid)
    with started(training(digits, tmp_path / "forked", 10_000), warm) as command:
        (job,) = children_of(server)
        command.send_signal(signal.SIGINT)
        _, complaint = command.communicate(timeout=60)
        assert (command.returncode, complaint) == (128 + signal.SIGINT, b"")
        assert soon(lambda: not Path(f"/proc/{job}").exists())


@pytest.mark.parametrize(("forked", "ended_by"), [(True, signal.SIGINT), (True, signal.SIGTERM), (False, signal.SIGTERM)])
def test_a_file_that_is_being_written_is_removed(
    warm: dict[str, str], digits: Path, tmp_path: Path, forked: bool, ended_by: signal.Signals
) -> None:
    subprocess.run(training(digits, tmp_path / "teacher", 1), capture_output=True, check=True, env=warm)
    written = tmp_path / "written"
    command = [
        *TAKD, "targets", str(tmp_path / "teacher/model.safetensors"), "--data", str(digits),
        "--output", str(written / "targets.safetensors"), "--views-seed", "0", "--epochs", "100000",
    ]  # fmt: skip
    with subprocess.Popen(command, env=warm if forked else os.environ, preexec_fn=heed_interrupts) as process:
        try:
            assert soon(lambda: written.exists() and any(written.iterdir()))
            process.send_signal(ended_by)
            process.wait(60)
        finally:
            process.kill()
    assert soon(lambda: not any(written.iterdir()))


def test_a_command_says_by_which_signal_its_job_was_killed(
    starter: subprocess.Popen[str], warm: dict[str, str], digits: Path, tmp_path: Path
) -> None:
    (server,) = children_of(starter.pid)
    with started(training(digits, tmp_path / "forked", 10_000), warm) as command:
        os.kill(children_of(server)[0], signal.SIGKILL)
        assert command.wait(60) == 128 + signal.SIGKILL


def test_it_ends_with_the_process_that_started_it_and_after_the_last_job(
    starter: subprocess.Popen[str], warm: dict[str, str], digits: Path, tmp_path: Path
) -> None:
    (server,) = children_of(starter.pid)
    with started(training(digits, tmp_path / "forked", 20), warm) as command:
        starter.kill()
        assert command.wait(60) == 0
        assert json.loads((tmp_path / "forked/metrics.json").read_text())["epochs"] == 20
        assert soon(lambda: not Path(f"/proc/{server}").exists())
        assert not Path(warm[warm_process.VARIABLE]).parent.exists()


def test_a_command_runs_by_itself_where_none_listens(digits: Path, tmp_path: Path) -> None:
    elsewhere = os.environ | {warm_process.VARIABLE: str(tmp_path / "socket")}
    subprocess.run(training(digits, tmp_path / "itself", 1), capture_output=True, check=True, env=elsewhere)
    assert (tmp_path / "itself/model.safetensors").exists()


def test_a_request_that_breaks_off_leaves_the_others_alone(warm: dict[str, str], tmp_path: Path) -> None:
    for beginning in (b"", warm_process.LENGTH.pack(100) + b"{"):
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(warm[warm_process.VARIABLE])
            connection.sendall(beginning)
    command = [*TAKD, "prepare", "digits", "--output", str(tmp_path / "digits.safetensors")]
    assert subprocess.run(command, env=warm, check=False).returncode == 0


def test_a_command_runs_by_itself_after_a_change_of_the_sources(
    starter: subprocess.Popen[str], warm: dict[str, str], tmp_path: Path
) -> None:
    """Stands for one: a socket that is older than the sources."""
    (server,) = children_of(starter.pid)
    os.utime(warm[warm_process.VARIABLE], (0, 0))
    command = [*TAKD, "prepare", "digits", "--output", str(tmp_path / "digits.safetensors")]
    with subprocess.Popen(command, env=warm, stdout=subprocess.PIPE) as process:
        while process.poll() is None:
            assert not children_of(server)
    assert process.returncode == 0


@pytest.mark.parametrize("options", [[], ["--no-hooks"]])
def test_snakemake_has_one_as_long_as_it_runs(options: list[str], snakemake: Snakemake, workspace: Path) -> None:
    with (workspace / "Snakefile").open("a") as snakefile:
        snakefile.write(f"rule ask:\n    shell: '(printenv {warm_process.VARIABLE} || true) | tee answer | xargs -r test -S'\n")
    ran = snakemake("ask", *options)
    assert ran.code == 0, ran.output
    listened = (workspace / "answer").read_text().strip()
    assert bool(listened) == (not options)
    assert not listened or soon(lambda: not Path(listened).exists())


def test_the_command_is_the_one_that_hands_over() -> None:
    commands = entry_points(group="console_scripts", name="takd")
    assert [command.load() for command in commands] == [warm_process.main]
