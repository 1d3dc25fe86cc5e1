"""A process that has torch imported and forks Snakemake's jobs from itself: importing torch takes longer than training on toy data.

Snakemake starts one with `start`. The command `takd` is `main`: it hands its command over to that process where there is one, and
otherwise runs it itself. Either way each job is a process of its own, computes the same bits, and ends with the command that asked.
"""

import atexit
import ctypes
import json
import os
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import traceback
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, NoReturn

VARIABLE = "TAKD_WARM_PROCESS"  # of the environment; the socket on which it listens
COMMANDS = ("prepare", "train", "targets", "surface")  # those of Snakemake's rules that import torch
LENGTH = struct.Struct("!I")  # of a request, before it
TAKEN = b"+"  # the first answer; the second one is the exit code


def main() -> None:
    """The command `takd`."""
    path = os.environ.get(VARIABLE)
    try:
        code = _handed_over(Path(path), sys.argv[1:]) if path and sys.argv[1:2] and sys.argv[1] in COMMANDS else None
    except KeyboardInterrupt:  # which the job gets too, and speaks of
        code = 128 + signal.SIGINT
    if code is None:
        from takd import cli  # here: a command that is handed over does without it

        cli.main()
    sys.exit(code)


def start() -> None:
    """Start a warm process for the commands that this process will start. It ends after this process, with the last command.

    Where it can't be started, commands run by themselves.
    """
    if sys.platform != "linux":
        return  # forking after an import of torch is safe there alone
    folder = Path(tempfile.mkdtemp(prefix="takd-"))  # that no other user can look into
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(folder / "socket"))
            listener.listen(128)
            process = subprocess.Popen(
                [sys.executable, "-m", "takd.warm_process", str(listener.fileno()), str(folder)],
                # Nothing is ever written there: that it closes says that this process is gone.
                stdin=subprocess.PIPE,
                pass_fds=[listener.fileno()],
                # Libraries look at these when they are loaded; a job says its own number by --threads.
                env=os.environ | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
            )
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        return
    os.environ[VARIABLE] = str(folder / "socket")
    atexit.register(process.communicate)


def _handed_over(path: Path, arguments: list[str]) -> int | None:
    """The exit code of a command that the warm process ran. None where it should run by itself.

    So where there is no such process, or it isn't on this machine, or has imported code that was changed since.
    """
    try:
        started = path.stat().st_mtime
        if any(source.stat().st_mtime > started for source in Path(__file__).parent.rglob("*.py")):
            return None
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(str(path))
            request = json.dumps({"arguments": arguments, "folder": str(Path.cwd()), "environment": dict(os.environ)}).encode()
            socket.send_fds(connection, [LENGTH.pack(len(request))], [0, 1, 2])
            connection.sendall(request)
            if connection.recv(1) != TAKEN:
                return None
            return _code_of_job(connection)
    except OSError:
        return None


def _code_of_job(connection: socket.socket) -> int:
    with suppress(OSError):
        if answer := connection.recv(1):
            return answer[0]
    print("takd: the process that ran this command was killed", file=sys.stderr)
    return 1


class _Request(NamedTuple):
    arguments: list[str]
    folder: str
    environment: dict[str, str]
    files: list[int]  # standard input, output and error of the command


class _Job(NamedTuple):
    pid: int
    ended: int  # the end of a pipe whose other end the job alone holds
    command: socket.socket


def _run() -> None:
    """The warm process itself. Its arguments: the listening socket's file descriptor, and the folder to remove at the end."""
    server = os.getpid()
    try:
        with socket.socket(fileno=int(sys.argv[1])) as listener:
            request = _serve(listener)
    finally:
        if os.getpid() == server:
            shutil.rmtree(sys.argv[2], ignore_errors=True)
    if request is not None:
        _take_over(request)
        _be_the_command()


def _serve(listener: socket.socket) -> _Request | None:
    """Fork a job for each command that connects. Returns its request in a job; None in this process, at the end of all."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the commands, with which their jobs end
    sources: list[socket.socket | int] = [listener, sys.stdin.fileno()]
    jobs: list[_Job] = []
    while sources or jobs:
        ready = select.select([*sources, *(job.ended for job in jobs), *(job.command for job in jobs)], [], [])[0]
        for job in [job for job in jobs if job.ended in ready or job.command in ready]:
            _finish(job, abandoned=job.ended not in ready)
            jobs.remove(job)
        if sys.stdin.fileno() in ready:
            sources.clear()
        elif listener in ready:
            import takd.cli
            import takd.jobs  # noqa: F401  # once, before the first fork

            command, _ = listener.accept()
            try:
                request = _received(command)
            except (OSError, ValueError, struct.error):  # the command ended before it had said all
                command.close()
                continue
            ended, held = os.pipe()
            pid = os.fork()
            if pid == 0:
                return request
            os.close(held)
            for file in request.files:
                os.close(file)
            jobs.append(_Job(pid, ended, command))
            with suppress(OSError):
                command.send(TAKEN)
    return None


def _received(command: socket.socket) -> _Request:
    message, files, _, _ = socket.recv_fds(command, LENGTH.size, 3)
    with command.makefile("rb") as stream:
        content = json.loads(stream.read(LENGTH.unpack(message)[0]))
    return _Request(**content, files=files)


def _take_over(request: _Request) -> None:
    """Be the command's own process: its files, its folder, its environment, its arguments.

    What libraries read from the environment when they are loaded, they read before.
    """
    end_with_parent = 1  # PR_SET_PDEATHSIG: a job must not write files that Snakemake has given up
    ctypes.CDLL(None).prctl(end_with_parent, signal.SIGTERM)
    for standard, file in enumerate(request.files):
        os.dup2(file, standard)
        os.close(file)
    os.chdir(request.folder)
    os.environ.clear()
    os.environ.update(request.environment)
    sys.argv = ["takd", *request.arguments]
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _be_the_command() -> NoReturn:
    """Run the command and end, as forks in Python's multiprocessing do, at once.

    To take apart all that was imported, as Python does at the end, would cost a copy of its pages: 0.65 s.
    """
    from takd import cli

    code = 1
    try:
        cli.main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _finish(job: _Job, abandoned: bool) -> None:
    """Tell a command how its job has ended; or end a job whose command is no more."""
    if abandoned:
        os.kill(job.pid, signal.SIGTERM)
    code = os.waitstatus_to_exitcode(os.waitpid(job.pid, 0)[1])
    with suppress(OSError):
        job.command.send(bytes([code if code >= 0 else 128 - code]))  # as a shell says by which signal
    job.command.close()
    os.close(job.ended)


if __name__ == "__main__":
    _run()
