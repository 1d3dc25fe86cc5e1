"""What was removed ends in one line that names its successor."""

from pathlib import Path

import pytest

from takd.cli import ended
from takd.cli.gone import SUCCESSORS
from takd.errors import ParameterError
from takd.study.params import load_parameters


@pytest.mark.parametrize("name", SUCCESSORS)
@pytest.mark.parametrize("arguments", [[], ["x.json", "--output", "y", "--help"]])
def test_a_command_that_is_gone_names_its_successor(
    name: str, arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from takd.cli import app

    monkeypatch.setattr("sys.argv", ["takd", name, *arguments])
    assert ended(app) == 2
    said = capsys.readouterr().err
    assert said == f"takd: takd {name} is gone; now it is {SUCCESSORS[name]}\n"


@pytest.mark.parametrize("text", ["shown_families: [plain]", "tuning: {networks: [cifar10/plain/10-2]}"])
def test_a_parameter_that_is_gone_names_its_successor(tmp_path: Path, text: str) -> None:
    file = tmp_path / "params.yaml"
    file.write_text(f"datasets: [digits]\ntrain: {{epochs: 1, learning_rate: 0.1}}\n{text}\n")
    with pytest.raises(ParameterError, match=r"(shown_families|tuning): is gone; .*(run: there|variant)"):
        load_parameters(file, None, {})
