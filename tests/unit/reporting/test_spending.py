"""What a way to a student costs, added up by hand; and rivals that are trained for as long."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml
from matplotlib import pyplot

from takd.reporting import kinds, show, spending, style
from takd.reporting.context import Context
from takd.study.further_kinds import Costs
from tests.conftest import ROOT
from tests.unit.planning.project import Project, node
from tests.unit.reporting.conftest import ARTIFACTS, accuracies, context

SPEC = ARTIFACTS["cost"]
SECONDS = {"10": 900.0, "10-4": 200.0, "10-4-2": 100.0, "10-2": 80.0, "2": 50.0}


def run(without: str = "", processes: int = 1) -> Context:
    rows = [("cifar10", "plain", chain, seed, 70.0 + seed) for chain in SECONDS if chain != without for seed in (0, 1)]
    table = accuracies(rows, threads=2, epochs=10)
    table["seconds"] = table["chain"].map(SECONDS)
    above = {"10": ("10",), "10-4": ("10", "10-4"), "10-4-2": ("10", "10-4", "10-4-2"), "10-2": ("10", "10-2"), "2": ("2",)}
    spent = {
        ("cifar10", "plain", chain, ""): dict.fromkeys(
            (0, 1), (2 * processes * sum(SECONDS[each] for each in line), 2 * processes * SECONDS[chain])
        )
        for chain, line in above.items()
        if without not in line
    }
    return replace(context(table, ("cifar10",)), spent=spent)


def test_a_way_costs_all_of_its_networks_once() -> None:
    assert isinstance(SPEC, Costs)
    table = spending.numbers("cost", SPEC, run()).set_index("label")
    assert [table.at[name, "core_seconds"] for name in ("NOKD", "BLKD", "TAKD")] == [100, 1960, 2400]  # two threads
    assert [table.at["TAKD", name] for name in ("last_hop", "accuracy", "n")] == [200, 70.5, 2]
    assert table.loc["NOKD, as long as TAKD", "n"] == 0


def test_how_many_epochs_cost_as_much_as_the_path() -> None:
    """Of 2,400 core-seconds NOKD has all for itself, at 10 an epoch; BLKD what its teacher leaves, 600, at 16 an epoch."""
    assert isinstance(SPEC, Costs)
    for processes in (1, 2):
        epochs = spending.numbers("cost", SPEC, run(processes=processes)).set_index("label")["epochs_at_equal_cost"]
        assert epochs[["NOKD", "BLKD"]].tolist() == pytest.approx([240, 37.5]) and pd.isna(epochs["TAKD"])


def test_the_example_in_the_docs() -> None:
    assert isinstance(SPEC, Costs)
    page = " ".join((ROOT / "docs/how-a-claim-is-judged.md").read_text().split())
    table = spending.numbers("cost", SPEC, run()).set_index("label")
    path, epochs = table["core_seconds"]["TAKD"] / 2, table["epochs_at_equal_cost"]["BLKD"]  # by one thread
    assert f"a teacher takes {SECONDS['10']:.0f} core-seconds, its assistant {SECONDS['10-4']:.0f}" in page
    assert f"the student {SECONDS['10-4-2']:.0f}, so the path costs {path:,.0f}" in page
    assert f"10 epochs in {SECONDS['10-2']:.0f} core-seconds, that is {epochs} epochs" in page


def test_a_chain_whose_teacher_is_missing_has_no_cost(tmp_path: Path) -> None:
    assert isinstance(SPEC, Costs)
    table = spending.numbers("cost", SPEC, run(without="10-4")).set_index("label")
    assert table.loc["TAKD", "n"] == 0 and table["epochs_at_equal_cost"].isna().all()
    files = kinds.make("cost", SPEC, run(without="10-4"), tmp_path / "cost")
    assert files == kinds.files(SPEC, tmp_path / "cost") and files[1].read_bytes().startswith(b"\x89PNG")


def test_the_axis_of_costs_has_numbers_that_can_be_read() -> None:
    assert isinstance(SPEC, Costs)
    with pyplot.rc_context(style.STYLE):
        picture = spending.draw(SPEC, spending.numbers("cost", SPEC, run()), run())
        picture.canvas.draw()
    (axis,) = picture.axes
    low, high = axis.get_xlim()
    ticks = zip(axis.get_xticks(), axis.get_xticklabels(), strict=True)
    labels = [label.get_text() for place, label in ticks if low <= place <= high]
    assert labels == ["100", "200", "500", "1000", "2000"]
    assert not any(label.get_text() for label in axis.get_xticklabels(minor=True))
    pyplot.close(picture)


def test_points_that_would_hide_each_other_are_drawn_apart() -> None:
    values = pd.Series([90.0, 3000.0, 3100.0, 1000.0, 2990.0], index=list("abcde"))
    drawn = dict(zip("abcde", spending.apart(values), strict=True))
    assert (drawn["a"], drawn["d"], drawn["e"]) == (90, 1000, 2990)
    assert drawn["b"] / drawn["e"] == pytest.approx(spending.APART) and drawn["c"] / drawn["b"] == pytest.approx(spending.APART)


def test_records_are_added_up_under_the_teacher_that_taught(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Students of seeds 0 and 1 share the teachers of seed 0: each record has 2 s an epoch, and one thread."""
    project = Project(tmp_path)
    project.write(seeds=2, run="there")
    project.train(epochs=5)
    for seed in (0, 1):
        project.make_line(node(f"digits/plain/10-4-2/seed{seed}"))
    monkeypatch.chdir(project.root)
    workflow = project.workflow()
    nodes = workflow.keys.networks_shown("results", ["cost"])
    assert {str(each.name) for each in nodes} == {
        "digits/plain/10/seed0", "digits/plain/10-4/seed0", "digits/plain/10-4-2/seed0", "digits/plain/10-4-2/seed1"
    }  # fmt: skip
    table = pd.read_csv(show.make(workflow, "results/cost.csv")[0]).set_index("label")
    assert [table.at["TAKD", name] for name in ("core_seconds", "last_hop", "n")] == [3 * 5 * 2, 5 * 2, 2]


def test_the_rivals_epochs_are_those_that_the_quick_recipe_s_costs_give() -> None:
    """Medians over seeds, as machines were shared; the ratio's mean over both data sets, to the half."""
    published = pd.read_csv(ROOT / "results/published/quick/accuracy.csv", keep_default_na=False)
    main = published[(published["family"] == "plain") & (published["variant"] == "")]
    costs = main.groupby(["dataset", "chain"])["seconds"].median()
    ratios = {"equal_cost_nokd": 0.0, "equal_cost_blkd": 0.0}
    for dataset in ("cifar10", "cifar100"):
        its = costs[dataset]
        ratios["equal_cost_nokd"] += (its["10"] + its["10-4"] + its["10-4-2"]) / its["2"] / 2
        ratios["equal_cost_blkd"] += (its["10-4"] + its["10-4-2"]) / its["10-2"] / 2
    for file in ("params.yaml", "presets/quick.yaml", "presets/toy.yaml"):
        values = yaml.safe_load((ROOT / file).read_text())
        for variant, ratio in ratios.items():
            epochs = values["variants"][variant]["epochs"] / values["train"]["epochs"]
            assert epochs == pytest.approx(ratio, rel=0.03), (file, variant, ratio)
