"""The files of results/quick tell of the same networks."""

import re

import pandas as pd

from takd.reporting import accuracy
from tests.conftest import ROOT

QUICK = ROOT / "results/quick"
NETWORKS = accuracy.read(QUICK / "accuracy.csv")
NAMES = NETWORKS["dataset"] + "/" + NETWORKS["family"] + "/" + NETWORKS["chain"] + "/seed" + NETWORKS["seed"].astype(str)


def test_the_report_counts_the_networks_of_accuracy_csv() -> None:
    report = dict(re.findall(r"^\| (\w[\w, ]*?) +\| (.*?) +\|$", (QUICK / "report.md").read_text(), flags=re.MULTILINE))
    assert report["networks"] == f"{len(NETWORKS)}, each trained once"
    assert report["time"].startswith(f"{NETWORKS['seconds'].sum() / 3600:.2f} hours")
    assert set(re.findall(r"\b[0-9a-f]{12}\b", report["commit"])) == set(NETWORKS["commit"])


def test_every_network_has_its_curve() -> None:
    curves = pd.read_csv(QUICK / "curves.csv")
    assert set(curves["network"]) == set(NAMES) and not NAMES.duplicated().any()
    last = curves.groupby("network")["accuracy"].last()
    assert last[NAMES].round(6).tolist() == NETWORKS["accuracy"].round(6).tolist()
