from pathlib import Path

import pandas as pd
import pytest

from tests.workflow.conftest import Snakemake

TARGET = "results/mini/best_path.csv"
PRESET = """
datasets: [digits]
seeds: 1
path: {from: 8, to: 2}
train: {epochs: 1, learning_rate: 0.02, temperature: 4, training_share: 0.2}
"""


@pytest.mark.long
def test_a_path_is_found_step_by_step(snakemake: Snakemake, workspace: Path) -> None:
    """From labels 4; 8-6, 8-4, 8-2, 8-6-2 and 8-4-2 at once; then 8-6-4; then 8-6-4-2, where the best path to 4 is through 6."""
    (workspace / "presets/mini.yaml").write_text(PRESET)
    dry = snakemake("-n", TARGET)
    assert f"takd: {TARGET}: at most 11 trainings, 0 there, from 8 to 2" in dry.output
    assert dry.jobs["train"] == 9 and dry.jobs["path_step"] == 1
    ran = snakemake(TARGET)
    assert ran.code == 0, ran.output
    trained = len(list(workspace.glob("results/mini/path/models/**/metrics.json")))
    assert trained in (10, 11) and len(list(workspace.glob(".takd/path/results/mini/*"))) == trained - 8
    table = pd.read_csv(workspace / TARGET).set_index("rule")
    assert table.loc["chosen", "trainings"] == trained
    again = snakemake("-n", TARGET)
    assert "Nothing to be done" in again.output and "at most" not in again.output

    # One network deleted on purpose isn't missed; of another recipe, what it changes alone is trained again.
    (workspace / "results/mini/path/models/digits/plain/8-2/seed0/metrics.json").unlink()
    assert "Nothing to be done" in snakemake("-n", TARGET).output
    (workspace / "presets/mini.yaml").write_text(PRESET + 'overrides: {"*/8-6-2/*": {temperature: 2}}\n')
    dry = snakemake("-n", TARGET)
    assert f"at most {trained} trainings, {trained - 2} there" in dry.output and dry.jobs["train"] == 2
