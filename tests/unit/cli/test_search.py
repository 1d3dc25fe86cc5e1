import json
from pathlib import Path

import pandas as pd
import pytest
import yaml

from takd.records.made import Made
from takd.records.metrics import Metrics
from tests.unit.cli.conftest import Run

PRESET = """
datasets: [digits]
train: {epochs: 1, training_share: 0.2, temperature: 4}
families: {plain: {learning_rate: 0.02}}
search: {trials: 2, fresh_seeds: 1}
"""
NETWORK = "digits/plain/2"


@pytest.fixture
def project(workspace: Path, digits: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (workspace / "presets/mini.yaml").write_text(PRESET)
    (workspace / "data/prepared").mkdir(parents=True)
    (workspace / "data/prepared/digits.safetensors").symlink_to(digits)
    monkeypatch.chdir(workspace)
    return workspace


def test_a_search_trains_networks_of_the_pipeline_and_goes_on_where_it_ended(takd: Run, project: Path) -> None:
    given = ["search", f"{NETWORK}/seed0", "--preset", "presets/mini.yaml"]
    code, out, _ = takd(*given)
    assert code == 0 and out.count("\ntrial ") + out.startswith("trial ") == 2
    folder = project / "results/mini/search/digits/plain"
    record = Metrics.read(folder / "2/trial1/metrics.json")
    assert record.measured_on == "validation" and record.recipe is not None and record.recipe.views.validation_share == 0.1
    found = yaml.safe_load((folder / "2.yaml").read_text())["overrides"][f"{NETWORK}/*"]
    assert list(found) == ["learning_rate"]
    fresh = Metrics.read(folder / "2/seed1/metrics.json")
    assert fresh.recipe is not None and fresh.recipe.schedule.learning_rate == found["learning_rate"]
    assert f"({fresh.selected_accuracy:.2f})" in (folder / "2.md").read_text()
    assert Made.read(folder / "2.json").changed(folder) == []

    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and ".journal" not in path.name}
    code, out, _ = takd(*given)
    assert code == 0 and "trial" not in out and {path: path.read_bytes() for path in files} == files
    code, out, _ = takd(*given, "--trials", "3")
    assert code == 0 and out.startswith("trial 2: learning_rate ")
    code, out, _ = takd(*given)  # the first two, as if nobody had asked for a third
    assert code == 0 and "trial" not in out and (folder / "2.csv").read_bytes() == files[folder / "2.csv"]

    # by a name of its own it takes part in the recipe
    (project / "presets/later.yaml").write_text(PRESET + "overrides_from: [results/mini/search/digits/plain/2.yaml]\n")
    code, out, _ = takd("recipe", f"{NETWORK}/seed0", "--preset", "presets/later.yaml")
    found = yaml.safe_load((folder / "2.yaml").read_text())["overrides"][f"{NETWORK}/*"]
    assert code == 0 and json.loads(out)["schedule"]["learning_rate"] == found["learning_rate"]


def test_by_the_papers_protocol_the_best_epoch_on_the_test_images_decides(takd: Run, project: Path) -> None:
    section = '{"judged_on": "test", "fresh_seeds": 0, "fields": {"learning_rate": {"low": 0.08}}}'
    changes = f'{{"search": {section}, "train": {{"epochs": 4}}}}'
    code, _, err = takd("search", f"{NETWORK}/seed0", "--preset", "presets/mini.yaml", "--changes", changes)
    assert code == 0, err
    folder = project / "results/mini/search/digits/plain"
    table = pd.read_csv(folder / "2.csv")
    for number, accuracy in enumerate(table["accuracy"]):
        record = Metrics.read(folder / f"2/trial{number}/metrics.json")
        assert record.measured_on == "test"
        assert max(epoch.accuracy for epoch in record.history) == pytest.approx(accuracy)
    assert set(table["judged_on"]) == {"test"} and yaml.safe_load((folder / "2.yaml").read_text())["judged_on"] == "test"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["digits/plain/4-2/seed0"], "results/mini/search/models/digits/plain/4/seed0/model.safetensors"),
        (["digits/plain/2/seed0", "--fields", "trade_off"], "trade_off: digits/plain/2/seed0 minimises labels"),
        (["digits/plain/2-4/seed0"], "members must shrink"),
        (["digits/plain/2"], "expected dataset/family/chain/seedN"),
        (["digits/plain/2/seed0", "--journal", "presets"], "presets: Is a directory"),
        (["digits/plain/2/seed0", "--journal", "params.yaml"], "params.yaml: not a journal of trials"),
        (["digits/plain/2/seed0", "--changes", '{"search": {"fields": {"learning_rate": {"low": 1}}}}'], "a reversed range"),
    ],
)
def test_what_cannot_be_searched_is_said_in_one_line(arguments: list[str], said: str, takd: Run, project: Path) -> None:
    code, _, err = takd("search", *arguments, "--preset", "presets/mini.yaml")
    assert code == 2 and said in err and err.count("\n") == 1
    assert not list(project.glob("results/mini/search/digits/**/*.csv"))
