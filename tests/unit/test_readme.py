"""What README says: its numbers are those of the results, its links and commands are there, and it stays short."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd
import pytest
import typer
import yaml
from typer.core import TyperGroup

from takd.cli import app
from takd.data.prepared import PreparedSummary
from takd.data.registry import OwnImages
from takd.data.view_names import views_name
from takd.planning import targets
from takd.planning.costs import FILE, add_to_file
from takd.planning.plan import made_plan, nodes_of
from takd.planning.workflow import Workflow
from takd.starting.text import Member, preset_text
from tests.conftest import ROOT
from tests.pages import blocks

README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
QUICK = ROOT / "results/published/quick"
BY_WAY = ("2", "10-2", "10-4-2")  # from labels alone, from the teacher, through an assistant
STUDENTS = {  # family, data set, its chains by way, how many students each has
    "plain 2, CIFAR-10": ("plain", "cifar10", BY_WAY, (10, 10, 10)),
    "plain 2, CIFAR-100": ("plain", "cifar100", BY_WAY, (10, 10, 10)),
    "ResNet-8, CIFAR-10": ("resnet", "cifar10", ("8", "110-8", "110-20-8"), (5, 4, 4)),
}


def networks() -> pd.DataFrame:
    table = pd.read_csv(QUICK / "accuracy.csv", keep_default_na=False)
    return table[table["variant"] == ""]


def published(dataset: str, model: str = "CNN") -> list[float]:
    table = pd.read_csv(ROOT / "paper/published.csv").query("artifact == 'table1' and model == @model and dataset == @dataset")
    accuracy = table.set_index("column")["accuracy"]
    return [float(accuracy[column]) for column in ("NOKD", "BLKD", "TAKD")]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def test_its_table_is_what_was_measured() -> None:
    shown = [cells(line) for line in README.splitlines() if re.match(r"\|.*\| *(takd|paper) *\|", line)]
    expected = []
    for title, (family, dataset, ways, counts) in STUDENTS.items():
        accuracy = networks().query("dataset == @dataset and family == @family").groupby("chain")["accuracy"]
        assert tuple(accuracy.count()[chain] for chain in ways) == counts
        expected.append([title, "takd", *(f"{accuracy.mean()[chain]:.2f} ± {accuracy.std()[chain]:.2f}" for chain in ways)])
        paper = published(dataset, "CNN" if family == "plain" else "ResNet")
        expected.append(["", "paper", *(f"{value:.2f}" for value in paper)])
    assert shown == expected


def interval(row: dict[Any, Any]) -> str:
    return f"{row['effect']:+.2f} ({row['low']:+.2f} … {row['high']:+.2f})"


def test_what_it_says_of_teachers_and_assistants_is_what_was_measured() -> None:
    text, verdicts = " ".join(README.split()), (QUICK / "claims.md").read_text()
    claims = pd.read_csv(QUICK / "claims.csv").query("claim == 'C1' and kind != 'joint'").to_dict("records")
    by_pair = {(row["dataset"], row["better"], row["worse"]): row for row in claims}
    ours = {name: by_pair[dataset, ways[2], ways[1]] for name, (_, dataset, ways, _) in STUDENTS.items()}
    teachers = {name: by_pair[dataset, ways[1], ways[0]] for name, (_, dataset, ways, _) in STUDENTS.items()}
    said = (
        "A teacher helps each student. Above it the assistant adds {} points on CIFAR-10 and {} on CIFAR-100; "
        "the paper has +0.94 and +0.35."
    )
    plain10, plain100, resnet = ours.values()
    assert said.format(interval(plain10), interval(plain100)) in text
    assert f"For ResNet-8 it adds {interval(resnet)}; the paper has +0.33." in text
    for (_, dataset, _, _), paper in zip(STUDENTS.values(), (0.94, 0.35, 0.33), strict=True):
        _, direct, through = published(dataset, "ResNet" if paper == 0.33 else "CNN")
        assert through - direct == pytest.approx(paper)
    assert [row["verdict"] for row in ours.values()] == ["undecided", "reproduced", "undecided"]
    assert [row["verdict"] for row in teachers.values()] == ["reproduced"] * 3
    orders = r"in (\d+) pairs that were run: (\d+) reproduced, (\d+) equal, (\d+) undecided\."
    found = re.search(orders + r" Over (\d+) cells .* by ([\d.]+) points on average, and by ([\d.]+) by the best epoch", verdicts)
    assert found is not None
    count, reproduced, equal, undecided, compared, last, best = found.groups()
    said = f"Of {count} pairs that its claims rank, {reproduced} are reproduced, {equal} is equal and {undecided} are undecided."
    assert said in text
    assert f"Over {compared} cells our accuracy is {last} points from the paper's, and {best} by the best epoch." in text
    contradicted = re.findall(r"^\| ([A-Z]\d) +\| \*\*contradicted\*\* ", verdicts, flags=re.MULTILINE)
    assert contradicted == re.findall(r"\(([A-Z]\d)\)", text)
    rows = pd.read_csv(QUICK / "claims.csv").query("claim in ('C8', 'S1') and verdict == 'contradicted'")
    assert "Two statements are contradicted, both on CIFAR-100. A teacher's student lies less flat than one from labels" in text
    assert rows[["claim", "dataset", "better", "worse"]].to_numpy().tolist() == [
        ["C8", "cifar100", "10-2", "2"],
        ["S1", "cifar100", "8", "6"],
    ]


def test_its_picture_shows_what_was_measured() -> None:
    picture = (ROOT / "docs/idea.svg").read_text()
    accuracy = networks().query("dataset == 'cifar10' and family == 'plain'").set_index(["chain", "seed"])["accuracy"]
    assert re.findall(r">(\d+\.\d) %<", picture)[:2] == [f"{accuracy[chain, 0]:.1f}" for chain in ("10", "10-4")]
    alone, direct, through = (f"{round(accuracy[chain].mean(), 2):.1f}" for chain in BY_WAY)
    text = re.sub("<[^>]*>", "", picture)
    assert f"2 layers: {through} %" in text and f"directly: {direct} %" in text and f"from labels alone: {alone} %" in text
    alternative = re.search(r"!\[([^\]]*)\]", README)
    assert alternative and alternative[1] == (
        f"A teacher of {accuracy['10', 0]:.0f} % teaches an assistant, which teaches a student of {through} %"
    )


def test_it_is_short() -> None:
    assert len(README.splitlines()) < 120


@pytest.mark.parametrize(
    "page",
    [
        *PAGES,
        ROOT / "CHANGELOG.md",
        *(page for place in ("docs/decisions", "docs/notes", "results/published") for page in sorted((ROOT / place).rglob("*.md"))),
    ],
    ids=lambda page: page.name,
)
def test_what_a_page_links_to_is_there(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text())
    assert not [link for link in links if not link.startswith("http") and not (page.parent / link).exists()]


def commands(page: Path, program: str) -> Iterator[list[str]]:
    """The words of each line of that program that a page shows in a block of code."""
    for block in re.findall(r"^```sh\n(.*?)^```", page.read_text(), flags=re.MULTILINE | re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            if program in words[:1]:
                yield words[1:]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_its_commands_are_takds(page: Path) -> None:
    known = typer.main.get_command(app)
    assert isinstance(known, TyperGroup)
    for name, *words in commands(page, "takd"):
        if f"def {name}(" in page.read_text():
            continue  # a command that the page itself adds
        assert name in known.commands, name
        known.commands[name].make_context(name, words)  # which refuses options that it doesn't have


@pytest.fixture
def with_pets(workspace: Path) -> Path:
    """A project after the `takd init` that README shows."""
    (words,) = [words for words in commands(ROOT / "README.md", "takd") if words[0] == "init"]
    options = dict(zip(words[2::2], words[3::2], strict=True))
    members = [Member(options[kind].partition(":")[2], options[kind], 1) for kind in ("--teacher", "--assistant", "--student")]
    summary = PreparedSummary("pets", "0" * 64, ("cat", "dog"), 224, 100, 20, 0, 0, streamed=False)
    preset = workspace / "presets" / f"{words[1]}.yaml"
    preset.write_text(preset_text(words[1], OwnImages(folder=options["--data"]), summary, members))
    return workspace


def write_files(page: Path, folder: Path) -> None:
    """The presets and artifacts that a page shows, and the best values that its presets take over."""
    for path, adds, text in ((*block.file, block.text) for block in blocks(page) if block.file):
        if path.startswith(("paper/", "presets/")):
            with (folder / path).open("a" if adds else "w") as file:
                file.write(text)
            for found in yaml.safe_load(text).get("overrides_from", ()):
                (folder / found).parent.mkdir(parents=True, exist_ok=True)
                (folder / found).write_text("judged_on: held_out\noverrides: {}\n")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_its_targets_can_be_made(page: Path, with_pets: Path) -> None:
    write_files(page, with_pets)
    workflow = Workflow(with_pets, writes_keys=False)
    asked = [*commands(page, "snakemake"), *(words for words in commands(page, "takd") if words[0] in ("plan", "show", "verify"))]
    asked_for = [word for words in asked for word in words if word.startswith("results/")]
    for target in asked_for:
        targets.check(workflow, target)
    assert asked_for or page.name not in ("README.md", "reproduce-a-table.md", "run-on-a-gpu.md", "your-own.md")


def test_what_a_search_of_its_page_finds_counts_in_the_table_that_is_then_made(workspace: Path) -> None:
    page = ROOT / "docs/search.md"
    write_files(page, workspace)
    workflow = Workflow(workspace, writes_keys=False)
    for preset in ("found", "equally_tuned"):
        (target,) = [word for words in commands(page, "snakemake") for word in words if word.startswith(f"results/{preset}/")]
        chains = {str(node.name).rpartition("/seed")[0] for node in nodes_of(workflow, target)}
        values = yaml.safe_load((workspace / f"presets/{preset}.yaml").read_text())["overrides_from"]
        assert values and {path.partition("/search/")[2].removesuffix(".yaml") for path in values} <= chains


def test_what_each_target_takes_is_what_the_docs_say() -> None:
    workflow = Workflow(ROOT, writes_keys=False)
    rows = [cells(line) for line in (ROOT / "docs/reproduce-a-table.md").read_text().splitlines() if line.startswith("| `results/")]
    named = [row[0].strip("`") for row in rows]
    reported = workflow.tree.shown("results")
    assert sorted(named) == sorted([*(f"results/{name}.csv" for name in reported), "results/report.html"])
    for target, networks, soft_targets, *_ in rows:
        nodes = nodes_of(workflow, target.strip("`"))
        asked = {}
        for node in nodes:
            recipe = workflow.tree.recipe(node)
            if node.name.is_distilled and not recipe.only_online:
                views = views_name(recipe.views.augmentation, node.name.seed, recipe.all_epochs)
                asked[workflow.tree.teacher(node), views] = workflow.soft_targets_bytes(node)
        said = re.fullmatch(r"(\d+), ([\d.]+) GB", soft_targets)
        assert said and (int(networks), int(said[1])) == (len(nodes), len(asked)), target
        assert float(said[2]) == pytest.approx(sum(asked.values()) / 1e9, abs=0.6 * 10 ** -len(said[2].partition(".")[2])), target


@pytest.fixture
def timed(workspace: Path) -> Workflow:
    """A project in which an epoch takes as long as the published trainings of its kind did, the middle one."""
    seen: dict[tuple[str, str], list[float]] = {}
    for row in pd.read_csv(QUICK / "accuracy.csv", keep_default_na=False).to_dict("records"):
        if "+mutual" not in row["chain"]:  # whose seconds are its peer's, too
            kind = row["dataset"], f"{row['family']}:{row['chain'].split('-')[-1]}"
            seen.setdefault(kind, []).append(row["seconds"] / row["epochs"] / row["training_share"])
    add_to_file(workspace / FILE, {kind: median(seconds) for kind, seconds in seen.items()})
    return Workflow(workspace, writes_keys=False)


def core_hours_said(text: str) -> list[tuple[str, str]]:
    """Targets and what they take, as a comment says it above the command, or beside it in a preset."""
    above = re.findall(r"^# .*about ([\d.]+) core-hours?\nsnakemake .*?(results/\S+)$", text, re.MULTILINE)
    beside = re.findall(r"^.*snakemake .*?(results/\S+) .*about ([\d.]+) core-hours?$", text, re.MULTILINE)
    return [(target, hours) for hours, target in above] + beside


def test_the_core_hours_that_are_said_are_those_of_the_plan(timed: Workflow) -> None:
    said = [
        (page.name, *found)
        for page in [*PAGES, *sorted((ROOT / "presets").glob("*.yaml"))]
        for found in core_hours_said(page.read_text())
    ]
    assert {page for page, _, _ in said} == {"README.md", "reproduce-a-table.md", "unlabelled.yaml"}
    for _, target, hours in said:
        plan = made_plan(timed, [target], 1)
        assert not plan.unknown and f"{plan.seconds / 3600:.{len(hours.partition('.')[2])}f}" == hours, target


def test_the_core_hours_of_equal_care_are_those_of_the_plan(timed: Workflow) -> None:
    page = ROOT / "docs/search.md"
    asked = [word for words in commands(page, "snakemake") for word in words if word.startswith("results/equal_care/search/")]
    plan = made_plan(timed, asked, 1)
    assert f"{plan.trainings} trainings, about {plan.seconds / 3600:.0f} core-hours" in page.read_text()
