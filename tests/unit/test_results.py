"""The published files tell of the same networks, and docs/notes say what stands in them.

They are of older commits than the code, with fewer columns, so pandas reads them and takd doesn't.
"""

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import stats

from takd.records.weights import Weights
from takd.study.names import Name
from takd.study.tree import Tree
from tests.conftest import ROOT

PUBLISHED = ROOT / "results/published"
FOLDERS = [PUBLISHED, PUBLISHED / "quick"]
NOTES = ROOT / "docs/notes"
WHICH_EPOCH = (NOTES / "2026-11-23-which-epoch-the-papers-number-is-of.md").read_text()
DEVIATIONS = (ROOT / "docs/deviations.md").read_text()
HOW_SOFT = " ".join((NOTES / "2026-11-23-how-soft-a-teacher-is-after-150-epochs.md").read_text().split())


def accuracies(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "accuracy.csv", keep_default_na=False)


@pytest.mark.parametrize("folder", FOLDERS, ids=["results", "quick"])
def test_the_report_counts_the_networks_of_accuracy_csv(folder: Path) -> None:
    networks = accuracies(folder)
    report = dict(re.findall(r"^\| (\w[\w, ]*?) +\| (.*?) +\|$", (folder / "report.md").read_text(), flags=re.MULTILINE))
    assert report["networks"] == f"{len(networks)}, each trained once"
    assert report["time"].startswith(f"{networks['seconds'].sum() / 3600:.2f} hours")
    assert set(re.findall(r"\b[0-9a-f]{12}\b", report["commit"])) == set(networks["commit"])


@pytest.mark.parametrize("folder", FOLDERS, ids=["results", "quick"])
def test_every_network_has_its_curve(folder: Path) -> None:
    networks = accuracies(folder)
    names = networks["dataset"] + "/" + networks["family"] + "/" + networks["chain"] + "/seed" + networks["seed"].astype(str)
    names = (networks["variant"] + " " + names).str.lstrip()
    curves = pd.read_csv(folder / "curves.csv")
    assert set(curves["network"]) == set(names) and not names.duplicated().any()
    last = curves.groupby("network")["accuracy"].last()
    assert last[names].round(6).tolist() == networks["accuracy"].round(6).tolist()


def test_what_is_said_of_the_last_and_the_best_epoch_is_what_was_measured() -> None:
    networks = accuracies(PUBLISHED).query("dataset == 'cifar10' and chain == '2' and variant == ''")
    assert networks["epochs"].unique() == [150]
    for when, column in (("the last", "accuracy"), ("the best by test accuracy, of 150", "best_test_accuracy")):
        each = ", ".join(f"{value:.2f}" for value in networks[column])
        assert f"| {when} | {each} | {networks[column].mean():.2f} |" in WHICH_EPOCH


def test_what_is_said_of_150_epochs_is_what_was_measured() -> None:
    curves = pd.read_csv(PUBLISHED / "curves.csv").groupby("network", sort=False)["accuracy"]
    networks = pd.DataFrame({"last": curves.last(), "steady": curves.apply(lambda each: each[-20:].mean()), "best": curves.max()})
    networks[["chain", "seed"]] = networks.index.str.extract(r"([^/]+)/seed(\d+)$").to_numpy()
    for row in networks[networks["chain"] != "10"].itertuples():
        assert f"| {row.chain}, seed {row.seed} | {row.last:.2f} | {row.steady:.2f} | {row.best:.2f} |" in HOW_SOFT
    students = networks.groupby("chain")[["steady", "best"]].mean().loc[["2", "10-2", "10-8-2", "10-6-2", "10-4-2"]]
    steady, best = ([f"{mean:.2f}" for mean in students[column]] for column in ("steady", "best"))
    assert "NOKD {}, BLKD {}, TAKD {} with an assistant of 8, {} of 6 and {} of 4".format(*steady) in HOW_SOFT
    assert "takd has {}, {}, {}, {} and {}. The paper".format(*best) in HOW_SOFT


def test_what_is_said_of_the_best_of_120_trials_is_what_the_scatter_over_seeds_gives() -> None:
    networks = accuracies(PUBLISHED)
    best = networks[networks["chain"].str.match(r"10-(\d-)?2$")].groupby("chain")["best_test_accuracy"]
    assert best.size().tolist() == [3, 3, 3, 3]
    scatter = best.var().mean() ** 0.5
    highest = np.random.default_rng(0).normal(0, float(scatter), size=(100_000, 120)).max(axis=1).mean()
    said = re.search(r"scatter by ([\d.]+) points .*? expected ([\d.]+) points", HOW_SOFT, re.DOTALL)
    assert said and [float(number) for number in said.groups()] == pytest.approx([scatter, highest], abs=0.006)


def test_what_is_said_of_recipes_for_150_epochs_is_what_was_measured() -> None:
    for row in pd.read_csv(PUBLISHED / "tuning.csv").itertuples():
        assert f"| {row.trade_off:g} | {row.temperature:g} | `{row.kl_reduction}` | {row.accuracy:.2f} |" in HOW_SOFT


def test_ten_students_are_compared_and_every_other_cell_of_the_quick_results_has_three_networks() -> None:
    found = accuracies(PUBLISHED / "quick")
    networks = found[found["family"] == "plain"].groupby(["dataset", "chain"]).size()
    compared = networks.index.get_level_values("chain").isin(["2", "10-2", "10-8-2", "10-6-2", "10-4-2"])
    assert set(networks[compared]) == {10} and compared.sum() == 2 * 5
    assert set(networks[~compared]) == {3}
    resnets = found[found["family"] == "resnet"].groupby("chain").size().to_dict()
    kept = (PUBLISHED / "weights/quick/cifar10/resnet").iterdir()
    assert resnets == {folder.name: len(list(folder.iterdir())) for folder in kept}


def test_the_preset_nearest_to_the_authors_code_can_be_used() -> None:
    folder = Tree(ROOT).folder("results/authors")
    plain, resnet = (folder.recipe(Name.parse(f"cifar10/{chain}/seed0")) for chain in ("plain/10-2", "resnet/110-8"))
    assert (plain.schedule.schedule, resnet.schedule.learning_rate_drops, resnet.length.select) == ("constant", (120,), "best_test")
    assert plain.objective.model_dump()["kl_reduction"] == "elementmean"
    assert folder.parameters.chosen_on == "test"


def test_the_authors_values_stand_on_the_page_and_in_their_preset() -> None:
    rows = re.findall(r"^\| ResNet (110-\S+) \| CIFAR-(\d+) \| ([\d.]+) \| (\d+|not known here) \|", DEVIATIONS, flags=re.MULTILINE)
    assert len(rows) == 4
    for chain, classes, trade_off, temperature in rows:
        recipe = Tree(ROOT).folder("results/authors").recipe(Name.parse(f"cifar{classes}/resnet/{chain}/seed1"))
        given = recipe.objective.model_dump()
        assert given["trade_off"] == float(trade_off)
        assert temperature == "not known here" or given["temperature"] == float(temperature)


def test_what_is_said_of_the_patient_student_is_what_was_measured() -> None:
    note = (NOTES / "2026-11-28-patient-and-consistent.md").read_text()
    for row in pd.read_csv(PUBLISHED / "patient/recipes.csv").to_dict("records"):
        ways = (f"{row[way]:.2f} ± {row[f'{way} deviation']:.2f}" for way in ("NOKD", "BLKD", "through 4"))
        assert f"| {row['model']} | {row['NOKD n']} | {' | '.join(ways)} |" in note
    for one in pd.read_csv(PUBLISHED / "patient/claims.csv").query("kind != 'joint'").itertuples():
        assert f"| {one.better} | {one.worse} | {one.effect:+.2f} | {one.low:+.2f} to {one.high:+.2f} | {one.verdict} |" in note


def test_what_is_said_of_equal_cost_is_what_was_measured() -> None:
    note = (NOTES / "2026-11-28-at-equal-cost.md").read_text()
    cost = pd.read_csv(PUBLISHED / "quick/cost.csv")
    assert len(cost) == 5
    for way in cost.itertuples():
        assert f"| {way.label} | {way.chain} | {way.epochs} | {way.accuracy:.2f} ± {way.deviation:.2f} |" in note

    labels, taught = cost.set_index("label")["epochs_at_equal_cost"][["NOKD", "BLKD"]].round().astype(int)
    assert f"would be given {labels} epochs. The one under the teacher would be given {taught}," in " ".join(note.split())

    def of(folder: str, chain: str) -> np.ndarray:
        files = [PUBLISHED / f"quick/{folder}models/cifar10/plain/{chain}/seed{seed}/metrics.json" for seed in range(3)]
        return np.array([json.loads(file.read_text())["accuracy"] for file in files])

    difference = of("", "10-4-2") - of("variants/equal_cost_blkd/", "10-2")
    interval = stats.ttest_1samp(difference, 0).confidence_interval(0.95)
    said = re.search(r"\+([\d.]+) points above it \(95 % interval −([\d.]+) to \+([\d.]+)\)", " ".join(note.split()))
    assert said and [float(number) for number in said.groups()] == pytest.approx(
        [difference.mean(), -interval.low, interval.high], abs=0.006
    )


def test_what_is_said_of_large_plain_networks_is_what_was_measured() -> None:
    note = (NOTES / "2026-11-28-cifar-100s-large-plain-networks.md").read_text()

    def of(variant: str, member: str) -> str:
        file = PUBLISHED / f"large_plain/{variant}models/cifar100/plain/{member}/seed0/metrics.json"
        record = json.loads(file.read_text()) if file.is_file() else None
        assert record is None or record["measured_on"] == "validation"
        return "" if record is None else f"{record['accuracy']:.2f} "

    base = of("", "10"), of("", "6")
    assert f"plain 10 has {base[0]}% by the quick preset's recipe, and plain 6 has {base[1]}%" in note
    told = {"variants/decay/": "weight decay 5e-4", "variants/slower/": "rate 0.01", "variants/faster/": "rate 0.05"}
    for variant, recipe in told.items():
        assert f"| {recipe} | {of(variant, '10')}| {of(variant, '6')}|" in note


def test_what_is_said_of_assistants_under_later_losses_is_what_was_measured() -> None:
    text = (NOTES / "assistants-under-modern-losses.md").read_text()
    note = " ".join(text.split())
    table = accuracies(PUBLISHED / "modern_losses").pivot(index="seed", columns="chain", values="accuracy")
    losses = {"KD (eq. 3)": "", "DKD": "+dkd", "DIST": "+dist", "logit standardisation": "+logit_std"}
    added = {}
    for title, loss in losses.items():
        direct, through = table[f"10-2{loss}"], table[f"10-4{loss}-2{loss}"]
        added[title] = through - direct
        interval = stats.ttest_1samp(added[title], 0).confidence_interval()
        cells = [f"{one.mean():.2f} ± {one.std():.2f}" for one in (direct, through)]
        says = f"{added[title].mean():+.2f} ({interval.low:+.2f} to {interval.high:+.2f})"
        assert f"| {title} | {cells[0]} | {cells[1]} | {says} |" in text
    together = pd.DataFrame(added).mean(axis=1)
    interval = stats.ttest_1samp(together, 0).confidence_interval()
    assert f"it adds {together.mean():+.2f} points (95 % interval {interval.low:+.2f} to {interval.high:+.2f})" in note
    quick = accuracies(PUBLISHED / "quick").query("dataset == 'cifar10' and chain == '10-2' and variant == ''")["accuracy"]
    assert f"comes to {quick.mean():.2f} with ten students, by those that the search found to {table['10-2'].mean():.2f}" in note


def test_what_is_said_of_published_weights_is_what_was_measured() -> None:
    note = " ".join((NOTES / "assistants-under-modern-losses.md").read_text().split())

    def of(chain: str) -> list[float]:
        files = sorted((PUBLISHED / f"quick/models/cifar10/plain/{chain}").glob("seed*/metrics.json"))
        return [json.loads(file.read_text())["accuracy"] for file in files]

    assert [*of("10-2+dkd"), *of("10-4+dkd-2+dkd"), *of("10-4+dkd")] == [10.0] * 11 and "all ten students and the assistant" in note
    chains = [chain for loss in ("+dist", "+logit_std") for chain in (f"10-2{loss}", f"10-4{loss}-2{loss}")]
    means = {chain: f"{np.mean(of(chain)):.2f}" for chain in chains}
    assert f"DIST came to {means['10-2+dist']} directly and {means['10-4+dist-2+dist']} through an assistant" in note
    assert f"logit standardisation to {means['10-2+logit_std']} and {means['10-4+logit_std-2+logit_std']}" in note


@pytest.mark.parametrize("loss", ["", "+dkd", "+dist", "+logit_std"])
def test_later_losses_are_compared_by_what_their_searches_found(loss: str) -> None:
    folder = Tree(ROOT).folder("results/modern_losses")
    (found,) = yaml.safe_load((PUBLISHED / f"modern_losses/search/cifar10/plain/10-2{loss}.yaml").read_text())["overrides"].values()
    for chain in (f"10-2{loss}", f"10-4{loss}", f"10-4{loss}-2{loss}"):
        recipe = folder.recipe(Name.parse(f"cifar10/plain/{chain}/seed3"))
        given = recipe.objective.model_dump() | recipe.schedule.model_dump()
        assert {name: given[name] for name in found} == pytest.approx(found, rel=1e-3)


def test_what_is_said_of_five_teachers_is_what_was_measured() -> None:
    """Means and interval anew from the records; the hops' shares from the table."""
    text = (NOTES / "2026-11-29-five-teachers.md").read_text()
    note, readme = " ".join(text.split()), " ".join((ROOT / "README.md").read_text().split())

    def of(chain: str, teacher: int, each: int) -> np.ndarray:
        folder = PUBLISHED / f"five_teachers/models/cifar10/plain/{chain}"
        seeds = range(teacher * each, (teacher + 1) * each)
        return np.array([json.loads((folder / f"seed{seed}/metrics.json").read_text())["accuracy"] for seed in seeds])

    added = []
    for teacher in range(5):
        through, direct = of("10-4-2", teacher, 9).mean(), of("10-2", teacher, 3).mean()
        added.append(through - direct)
        row = f"{of('10', teacher, 1)[0]:.2f} | {through:.2f} | {direct:.2f} | {added[-1]:+.2f} |"
        assert f"| {teacher} | {row}" in text
    assert min(added) > 0 and "It is above it under all five teachers." in note
    mean, interval = np.mean(added), stats.ttest_1samp(added, 0).confidence_interval()
    assert f"is {mean:+.2f} points above 10-2 (95 % interval {interval.low:+.2f} to {interval.high:+.2f}, over teachers)" in note
    assert f"(docs/notes/2026-11-29-five-teachers.md): {mean:+.2f} ({interval.low:+.2f} … {interval.high:+.2f})." in readme
    hops = pd.read_csv(PUBLISHED / "five_teachers/levels.csv").query("variance.notna()")
    assert len(hops) == 5
    for hop in hops.to_dict("records"):
        part = f"{hop['variance'] ** 0.5:.2f} | {hop['share']:.0f} %"
        assert f"| {hop['chain']} | {hop['level']} | {hop['networks']} | {part} |" in text


def test_what_is_said_of_the_best_path_is_what_was_measured() -> None:
    """Means and the joint interval anew from the records, by the two-way model; the rules' rows from the table."""
    text = (NOTES / "2026-11-29-the-best-path.md").read_text()
    note, table = " ".join(text.split()), pd.read_csv(PUBLISHED / "path_cifar10/best_path.csv").set_index("rule")

    def of(chain: str) -> np.ndarray:
        folder = PUBLISHED / f"path_cifar10/path/models/cifar10/plain/{chain}"
        records = [json.loads((folder / f"seed{seed}/metrics.json").read_text()) for seed in range(3)]
        assert {(each["measured_on"], each["commit"]) for each in records} == {("validation", "987597315c99")}
        return np.array([each["accuracy"] for each in records])

    chains = ["10-2", *(f"10-{path}-2" for path in ("8", "6", "4", "8-6", "8-4", "6-4", "8-6-4"))]
    values = np.array([of(chain) for chain in chains])
    best = values.mean(axis=1).max()
    rules = dict(re.findall(r"^\| `([^`]+)`[^|]* \| (.+) \|$", text, re.MULTILINE))
    assert set(rules) == set(table.index) - {"chosen"}
    for row in table.drop("chosen").reset_index().to_dict("records"):
        mean = values[chains.index(row["path"])].mean()
        interval = f"({row['low']:+.2f} … {row['high']:+.2f})".replace("-", "−")
        said = f"{row['path']} | {mean:.2f} | {best - mean:.2f} {interval} | {row['trainings']} | {row['core_seconds']:,.0f}"
        assert rules[row["rule"]] == said
        assert row["low"] < 0 < row["high"]
    taken, path = table["core_seconds"], table["path_core_seconds"]
    assert taken["MiniDisc"] < taken["exhaustive"] / 2
    assert round(path["recursion"] / path["exhaustive"], 1) == 1.2
    residuals = values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + values.mean()
    error = np.sqrt((residuals**2).sum() / 14 * (1 / 3) * (1 + 1 / 7))
    together = values[1:].mean() - values[0].mean()
    ends = [together + sign * stats.t.ppf(0.975, 14) * error for sign in (-1, 1)]
    assert f"by {together:.2f} points together (95 % interval {ends[0]:+.2f} to {ends[1]:+.2f})".replace("-", "−") in note
    assert f"From labels alone plain 2 has {of('2').mean():.2f} %." in note
    assert f"than 10-6, by {of('10-8-6').mean() - of('10-6').mean():.2f} points" in note


def test_what_is_said_of_resnets_under_way_is_what_is_kept() -> None:
    note = (NOTES / "2026-11-28-resnets-under-way.md").read_text()
    kept = PUBLISHED / "weights/quick/cifar10/resnet"
    for folder in kept.iterdir():
        records = [json.loads((folder / f"seed{seed}/metrics.json").read_text()) for seed in range(len(list(folder.iterdir())))]
        *teachers, network = (f"ResNet-{size}" for size in folder.name.split("-"))
        seeds = ", ".join(str(seed) for seed in range(len(records)))
        accuracy = ", ".join(f"{record['accuracy']:.2f}" for record in records)
        assert f"| {network} | {' under '.join(reversed(teachers)) or 'labels'} | {seeds} | {accuracy} |" in note
        assert all(record["commit"][:7] in note for record in records)
    seconds = {
        chain: [epoch["seconds"] for epoch in json.loads((kept / chain / "seed0/metrics.json").read_text())["history"]]
        for chain in ("110", "110-20", "110-8")
    }
    assert all(f" | {min(each):.0f} to {max(each):.0f} s |" in note for each in seconds.values())
    files = {str(file.parent.relative_to(kept)): file for file in kept.rglob("metrics.json")}
    assert {name for name, file in files.items() if not file.with_name("model.safetensors").exists()} == {"20/seed0"}
    assert "but for ResNet-20's from labels" in note
    for file in set(files.values()) - {files["20/seed0"]}:
        if digest := json.loads(file.read_text()).get("weights_digest"):  # which the oldest records didn't have
            assert digest == Weights.read(file.with_name("model.safetensors")).about.digest, f"{file}: of other weights"
