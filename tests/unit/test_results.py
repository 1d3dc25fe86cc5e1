"""The files of a folder of results tell of the same networks."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

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


def test_what_is_said_of_150_epochs_is_what_was_measured() -> None:
    curves = pd.read_csv(ROOT / "results/curves.csv").groupby("network", sort=False)["accuracy"]
    networks = pd.DataFrame({"last": curves.last(), "steady": curves.apply(lambda each: each[-20:].mean()), "best": curves.max()})
    networks[["chain", "seed"]] = networks.index.str.extract(r"([^/]+)/seed(\d+)$").to_numpy()
    deviations, readme = ((ROOT / name).read_text() for name in ("docs/deviations.md", "README.md"))
    for row in networks[networks["chain"] != "10"].itertuples():
        assert f"| {row.chain}, seed {row.seed} | {row.last:.2f} | {row.steady:.2f} | {row.best:.2f} |" in deviations
    students = networks.groupby("chain")[["steady", "best"]].mean().loc[["2", "10-2", "10-8-2", "10-6-2", "10-4-2"]]
    steady, best = ([f"{mean:.2f}" for mean in students[column]] for column in ("steady", "best"))
    assert "NOKD {}, BLKD {}, TAKD {} with an assistant of 8, {} of 6 and {} of 4".format(*steady) in deviations
    assert "takd has {}, {}, {}, {} and {}, where".format(*best) in deviations
    assert f"BLKD and TAKD, so counted, have {best[1]} and\n{best[4]}." in readme
    assert f"NOKD {steady[0]}, BLKD {steady[1]}, TAKD {min(steady[2:])} to {max(steady[2:])}" in readme
    table = pd.read_csv(ROOT / "results/table2.csv").set_index("dataset").loc["cifar10"]
    assert [table[f"TA={size} n"] for size in (8, 6, 4)] == [3, 3, 3]
    assert f"assistants of 6 and 8 TAKD has {table['TA=6']} and {table['TA=8']} (three students each; the paper" in readme


def test_what_is_said_of_the_best_of_120_trials_is_what_the_scatter_over_seeds_gives() -> None:
    networks = accuracy.read(ROOT / "results/accuracy.csv")
    best = networks[networks["chain"].str.match(r"10-(\d-)?2$")].groupby("chain")["best_test_accuracy"]
    assert best.size().tolist() == [3, 3, 3, 3]
    scatter = best.var().mean() ** 0.5
    highest = np.random.default_rng(0).normal(0, float(scatter), size=(100_000, 120)).max(axis=1).mean()
    said = re.search(
        r"scatter by ([\d.]+) points .*? expected ([\d.]+) points", (ROOT / "docs/deviations.md").read_text(), re.DOTALL
    )
    assert said and [float(number) for number in said.groups()] == pytest.approx([scatter, highest], abs=0.006)


def test_what_is_said_of_150_epochs_and_of_ten_is_what_was_measured() -> None:
    long, quick = (accuracy.read(folder / "accuracy.csv").query("dataset == 'cifar10'") for folder in FOLDERS)
    longer = (long.groupby("chain")["accuracy"].mean() - quick.groupby("chain")["accuracy"].mean())[
        ["2", "10-2", "10-8-2", "10-6-2", "10-4-2"]
    ]
    readme = " ".join((ROOT / "README.md").read_text().split())
    assert f"NOKD ends {-longer['2']:.1f} points lower, BLKD and TAKD within half a point" in readme
    assert longer.iloc[1:].abs().max() < 0.5


def test_what_is_said_of_recipes_for_150_epochs_is_what_was_measured() -> None:
    section = (ROOT / "docs/deviations.md").read_text().partition("## How soft")[2].partition("\n## ")[0]
    for row in pd.read_csv(ROOT / "results/tuning.csv").itertuples():
        assert f"| {row.trade_off:g} | {row.temperature:g} | `{row.kl_reduction}` | {row.accuracy:.2f} |" in section


def test_what_the_first_screen_says_of_assistants_is_what_was_measured() -> None:
    readme = " ".join((ROOT / "README.md").read_text().split())
    claims = (ROOT / "results/quick/claims.md").read_text()
    row = r"\| C1 +\| {} +\| plain +\| 10-4-2 +\| 10-2 +\| (\S+) +\| (\S+)\s…\s(\S+) +\|"
    ten, hundred = (re.findall(row.format(name), claims) for name in ("CIFAR-10", "CIFAR-100"))
    assert "{} points on CIFAR-10 (95 % interval {} … {})".format(*ten[0]) in readme
    assert "{} on CIFAR-100 ({} … {})".format(*hundred[0]) in readme
    verdicts = re.findall(r"\| C4 +\| \S+ +\| plain +\| 10-(\d)-2 +\| 10-2 +\|.*?\| (\w+) +\| *\d* +\|\n", claims)
    assert sorted(verdicts) == [(size, said) for size, said in zip("446688", 4 * ["reproduced"] + 2 * ["undecided"], strict=True)]
    assert "An assistant of 6 does as much; of 8, undecided." in readme
    measured = accuracy.read(ROOT / "results/quick/accuracy.csv").query("dataset == 'cifar100'")
    by_path = measured.pivot_table(index="seed", columns="chain", values="accuracy")
    paths = by_path.filter(regex=r"^10-(\d+-)+2$").dropna()
    above = paths.mean(axis=1) - by_path["10-2"][paths.index]
    interval = stats.t.interval(0.95, len(above) - 1, above.mean(), stats.sem(above))
    assert len(paths.columns) == 7 and (paths.mean() > by_path["10-2"][paths.index].mean()).all()
    assert f"together they are {above.mean():+.2f} above it ({interval[0]:+.2f} … {interval[1]:+.2f})" in readme


def test_ten_students_are_compared_and_every_other_cell_of_the_quick_results_has_three_networks() -> None:
    networks = accuracy.read(ROOT / "results/quick/accuracy.csv").groupby(["dataset", "chain"]).size()
    compared = networks.index.get_level_values("chain").isin(["2", "10-2", "10-8-2", "10-6-2", "10-4-2"])
    assert set(networks[compared]) == {10} and compared.sum() == 2 * 5
    assert set(networks[~compared]) == {3}
