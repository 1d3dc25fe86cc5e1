"""The command line as a user meets it: what it prints, its exit code, and what it leaves on the disk."""

from collections.abc import Callable
from pathlib import Path

import pytest

from takd import cli
from tests.conftest import recipe

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def takd(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Calls the command line: exit code, standard output, standard error."""

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["takd", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


def train_arguments(folder: Path, images: Path, network: str = "digits/plain/2/seed0", **options: object) -> list[object]:
    given = {
        "data": images,
        "recipe": recipe(builder="plain:2", epochs=1, training_share=0.2).canonical(),
        "output": folder / "out" / "model.safetensors",
        "metrics": folder / "out" / "metrics.json",
    } | options
    return ["train", network, *(part for name, value in given.items() for part in (f"--{name.replace('_', '-')}", value))]


def files_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())
