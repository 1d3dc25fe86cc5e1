import json
from pathlib import Path

import pytest

from takd.errors import CheckpointError
from takd.reporting import tuning


def metrics(folder: Path, accuracy: float, temperature: float, seed: int, measured_on: str = "validation") -> Path:
    path = folder / f"{temperature}-{seed}.json"
    values = {
        "dataset": "cifar10", "family": "plain", "chain": "10-2", "seed": seed, "accuracy": accuracy, "commit": "abc",
        "measured_on": measured_on, "recipe": {"temperature": temperature, "trade_off": 0.5},
    }  # fmt: skip
    path.write_text(json.dumps(values))
    return path


def test_the_best_point_by_mean_accuracy_comes_first(tmp_path: Path) -> None:
    paths = [metrics(tmp_path, *of) for of in ((60.0, 1, 0), (64.0, 1, 1), (63.0, 4, 0), (63.5, 4, 1))]
    table = tuning.tabulate(paths, ["temperature"])
    assert table["temperature"].tolist() == [4, 1]
    assert table["accuracy"].tolist() == [63.25, 62.0]
    assert table["n"].tolist() == [2, 2]
    assert "| CIFAR-10 | plain 10-2 | 4           | 63.25 ± 0.35 | 2 |" in tuning.as_markdown(table, ["temperature"])


def test_words_of_a_recipe_stand_beside_its_numbers(tmp_path: Path) -> None:
    paths = [metrics(tmp_path, *of) for of in ((60.0, 1, 0), (64.0, 4, 0))]
    other = json.loads(paths[0].read_text())
    other["recipe"]["schedule"] = "cosine"
    paths[1].write_text(json.dumps(other | {"accuracy": 61.0}))
    paths[0].write_text(json.dumps(other | {"recipe": other["recipe"] | {"schedule": "constant"}}))
    fields = ["schedule", "temperature"]
    said = tuning.as_markdown(tuning.tabulate(paths, fields), fields)
    assert [line.split()[6:9:2] for line in said.splitlines()[4:]] == [["cosine", "1"], ["constant", "1"]]


def test_what_was_judged_on_test_images_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="judged on the test images"):
        tuning.tabulate([metrics(tmp_path, 60.0, 1, 0, "test")], ["temperature"])


def test_one_network_twice_is_no_second_seed(tmp_path: Path) -> None:
    paths = [metrics(tmp_path, *of) for of in ((60.0, 1, 0), (64.0, 4, 0))]
    with pytest.raises(CheckpointError, match=r"4-0\.json: one network under one recipe twice"):
        tuning.tabulate([*paths, paths[1]], ["temperature"])


def test_what_is_no_training_under_the_grid_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="not the metrics of a training: it has no learning_rate"):
        tuning.tabulate([metrics(tmp_path, 60.0, 1, 0)], ["learning_rate"])
