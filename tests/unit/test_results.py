"""The files of a folder of results tell of the same networks."""

import re
from pathlib import Path

import pandas as pd
import pytest

from takd.reporting import accuracy
from tests.conftest import ROOT

FOLDERS = [ROOT / "results", ROOT / "results/quick"]


@pytest.mark.parametrize("folder", FOLDERS, ids=["results", "quick"])
def test_the_report_counts_the_networks_of_accuracy_csv(folder: Path) -> None:
    networks = accuracy.read(folder / "accuracy.csv")
    report = dict(re.findall(r"^\| (\w[\w, ]*?) +\| (.*?) +\|$", (folder / "report.md").read_text(), flags=re.MULTILINE))
    assert report["networks"] == f"{len(networks)}, each trained once"
    assert report["time"].startswith(f"{networks['seconds'].sum() / 3600:.2f} hours")
    assert set(re.findall(r"\b[0-9a-f]{12}\b", report["commit"])) == set(networks["commit"])


@pytest.mark.parametrize("folder", FOLDERS, ids=["results", "quick"])
def test_every_network_has_its_curve(folder: Path) -> None:
    networks = accuracy.read(folder / "accuracy.csv")
    names = networks["dataset"] + "/" + networks["family"] + "/" + networks["chain"] + "/seed" + networks["seed"].astype(str)
    names = (networks["variant"] + " " + names).str.lstrip()
    curves = pd.read_csv(folder / "curves.csv")
    assert set(curves["network"]) == set(names) and not names.duplicated().any()
    last = curves.groupby("network")["accuracy"].last()
    assert last[names].round(6).tolist() == networks["accuracy"].round(6).tolist()


def test_what_is_said_of_the_last_and_the_best_epoch_is_what_was_measured() -> None:
    networks = accuracy.read(ROOT / "results/accuracy.csv").query("dataset == 'cifar10' and chain == '2' and variant == ''")
    assert networks["epochs"].unique() == [150]
    deviations = (ROOT / "docs/deviations.md").read_text()
    for when, column in (("the last", "accuracy"), ("the best by test accuracy, of 150", "best_test_accuracy")):
        each = ", ".join(f"{value:.2f}" for value in networks[column])
        assert f"| {when} | {each} | {networks[column].mean():.2f} |" in deviations
    readme = (ROOT / "README.md").read_text()
    last, best = networks["accuracy"], networks["best_test_accuracy"]
    assert f"{last.mean():.2f} ± {last.std():.2f} %" in readme and f"at {best.mean():.2f} in its best epoch" in readme


def test_what_is_said_of_softer_answers_is_what_was_measured() -> None:
    curves = pd.read_csv(ROOT / "results/curves.csv").set_index("network")["accuracy"]
    deviations = (ROOT / "docs/deviations.md").read_text()
    for network, said in (
        ("2/seed1", "plain 2 from labels alone"),
        ("10-2/seed1", "10-2, τ = 16"),
        ("10-4-2/seed1", "10-4-2, τ = 16"),
        ("10-4/seed0", "10-4 (seed 0), τ = 16"),
    ):
        accuracy = curves[f"cifar10/plain/{network}"]
        assert f"| {said} | {accuracy.iloc[-1]:.2f} | {accuracy[-20:].mean():.2f} | {accuracy.max():.2f} |" in deviations
    tried = pd.read_csv(ROOT / "results/tuning.csv").set_index("temperature")["accuracy"]
    assert f"{tried[16]:.2f} at 16 and {tried[8]:.2f}\nat 8" in deviations
