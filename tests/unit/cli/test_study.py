import json

import pytest

from takd.study.recipe import read_recipe
from tests.conftest import ROOT
from tests.unit.cli.conftest import Run


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def test_a_recipe_is_resolved_from_parameters_preset_and_changes(takd: Run) -> None:
    code, out, _ = takd("recipe", "digits/plain/10-2/seed0", "--preset", "presets/toy.yaml", "--changes", "train: {batch_size: 7}")
    how = read_recipe(out)
    assert code == 0 and out == f"{how.canonical()}\n"
    fields = json.loads(out)
    assert (fields["objective"]["temperature"], fields["optimiser"]["batch_size"], fields["length"]["epochs"]) == (4, 7, 4)
    assert fields["network"]["builder"] == "plain:2"
    paper = read_recipe(takd("recipe", "cifar10/plain/2/seed0")[1])
    assert paper.all_epochs == 150


@pytest.mark.parametrize(
    ("arguments", "what_is_said"),
    [
        (["digits/plain/2-10/seed0"], "members must shrink from teacher to student, but 10 follows 2"),
        (["digits/plain/10-10/seed0"], "members must shrink"),
        (["digits/plain/3/seed0"], "plain has no member 3; it has 10, 8, 6, 4, 2"),
        (["digits/plane/2/seed0"], "unknown family 'plane'"),
        (["mnist/plain/2/seed0"], "unknown data set 'mnist'"),
        (["digits/plain/10+2/seed0"], "unknown objective '2'; there are mutual"),
        (["digits/plain/2/seed0", "--preset", "presets/slow.yaml"], "presets/slow.yaml: no such file"),
        (["digits/plain/2/seed0", "--preset", "quick"], "quick: no such file; did you mean presets/quick.yaml?"),
        (
            ["digits/plain/2/seed0", "--changes", "train: {speed: 3}"],
            "--config or --changes, over params.yaml: train: speed",
        ),
        (
            ["digits/plain/2/seed0", "--changes", "sedes: 5"],
            "takd: --config or --changes, over params.yaml: sedes: no such parameter; did you mean seeds?",
        ),
        (["digits/plain/2/seed0", "--changes", "[1]"], "--changes: "),
    ],
)
def test_what_has_no_recipe_is_said_in_one_line(takd: Run, arguments: list[str], what_is_said: str) -> None:
    code, out, err = takd("recipe", *arguments)
    assert (code, out) == (2, "") and any(text in err for text in what_is_said.split("|")) and err.count("\n") == 1


def test_a_folder_without_a_preset_is_not_published(takd: Run) -> None:
    code, out, said = takd("publish", "quick")
    assert (code, out) == (2, "") and said.startswith("takd: quick: no preset or variant makes it") and said.count("\n") == 1
