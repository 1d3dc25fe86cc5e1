"""Rounds without a training: networks of made-up accuracies are put where the next look asks for them."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from takd.errors import RecordError
from takd.records.metrics import Epoch
from takd.reporting.deciding import Looking, Progress, make, progress, said_of
from takd.study.names import Name
from takd.study.tree import Node
from tests.unit.planning.project import Project
from tests.unit.planning.test_keys import own

BY = {"results": "results", "claim": "C4"}
CLAIM = {
    "where": "Table 2",
    "statement": "Assistants beat BLKD",
    "comparisons": [{"kind": "above", "family": "plain", "better": ["10-6-2", "10-4-2"], "worse": ["10-2"]}],
}
Accuracy = Callable[[Name], float]


def of_claim(root: Path, claim: dict[str, Any] = CLAIM) -> Project:
    """Looks at 2, 3, 5 and 9 students."""
    project = Project(root)
    project.train(epochs=1)
    project.write(seeds=2, seeds_at_most=9, claims={"equal_within": 1.0})
    (root / "paper/claims.yaml").write_text(yaml.safe_dump({"claims": {"C4": claim}}), encoding="utf-8")
    return project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return of_claim(tmp_path)


def of(project: Project, **typed: Any) -> Progress:
    return progress(project.workflow(typed=typed), "results", "C4")


def clear_or_open(name: Name) -> float:
    """10-6-2 is 20 points better; 10-4-2 is better and worse by turns; each seed's luck is shared."""
    gain = {"10-6-2": 20.0 + 0.1 * (name.seed % 3), "10-4-2": 5.0 if name.seed % 2 else -5.0}.get(name.chain, 0.0)
    return 50.0 + name.seed + gain


def trained(project: Project, found: Progress, accuracy: Accuracy) -> int:
    """Put there what a look lacks, teachers first; how many networks that were."""
    lacking = [node for node in found.workflow.decided.with_teachers(found.lacking) if not found.workflow.keys.has_record(node)]
    for node in lacking:
        put(project, node, accuracy)
    return len(lacking)


def put(project: Project, node: Node, accuracy: Accuracy) -> None:
    """A network of that accuracy."""
    value = accuracy(node.name)
    history = [Epoch(epoch=1, learning_rate=0.1, loss=1, accuracy=value, seconds=2.0)]
    measured: dict[str, Any] = dict.fromkeys(("accuracy", "best_test_accuracy", "selected_accuracy"), value)
    project.make(node, history=history, **measured)


@dataclass
class Run:
    """A claim from nothing to its page. rounds: students and trainings of each. said: of it, before and after."""

    project: Project
    rounds: list[tuple[str, int]]
    said: tuple[str, str, str]
    files: list[Path]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """As Snakemake asks, look by look."""
    project = of_claim(tmp_path_factory.mktemp("claim"))
    before = said_of(project.workflow(), "results", "C4")
    with pytest.raises(RecordError, match="isn't there, or not as it should be; run snakemake"):
        make(project.workflow(), "results", "C4")
    looking, rounds = Looking(project.workflow()), []
    while (students := looking.next(BY)) is not None:
        needs = looking.needs(BY | {"students": students})
        assert needs and all(path.endswith("metrics.json") and not (project.root / path).exists() for path in needs)
        rounds.append((students, trained(project, of(project), clear_or_open)))
        assert looking.needs(BY | {"students": students}) == needs, "what it was told of a look stays"
    between = said_of(project.workflow(), "results", "C4")
    files = make(project.workflow(), "results", "C4")
    return Run(project, rounds, (before, between, said_of(project.workflow(), "results", "C4")), files)


def test_only_open_comparisons_get_students_and_the_last_look_is_the_last(run: Run) -> None:
    # 10, 10-6, 10-4 and two students of three; one more of each at 3; then 10-6-2 is decided: 10-4-2 and 10-2 alone
    assert run.rounds == [("2", 3 + 3 * 2), ("3", 3), ("5", 2 * 2), ("9", 2 * 4)]
    found = of(run.project)
    assert [(one.compared.better, one.now.verdict, one.now.n) for one in found.followed] == [
        (("10-6-2",), "reproduced", 3), (("10-4-2",), "undecided", 9),
    ]  # fmt: skip
    assert found.followed[0].now.effect == pytest.approx(20.1)
    assert [(look.students, list(look.verdicts), look.networks) for look in found.table()] == [
        (2, ["undecided", "undecided"], 9), (3, ["reproduced", "undecided"], 12), (5, ["undecided"], 16), (9, ["undecided"], 24),
    ]  # fmt: skip


def test_a_line_says_how_many_trainings_there_are_at_most(run: Run) -> None:
    before, between, after = run.said
    assert before == "results/decided/C4.md: 30 trainings at most; 9 of them before the next look, at 2 students a chain"
    assert between.endswith("no comparison is open that another student could decide")
    assert after.endswith("is there, and as it should be; nothing is to be trained")


def test_the_page_and_its_table_say_what_came_of_it(run: Run) -> None:
    table, page = run.files
    text = page.read_text(encoding="utf-8")
    assert "2 comparisons: 1 reproduced, 1 undecided." in text
    assert "Looks are at 2, 3, 5 and 9 students a chain. It took 24 networks" in text and "it would have been 30." in text
    rows = pd.read_csv(table)
    assert list(rows["students"]) == [2, 3, 2, 3, 5, 9] and set(rows["networks_at_most"]) == {30}
    assert list(rows["networks"]) == [9, 12, 9, 12, 16, 24]
    assert list(rows[rows["better"] == "10-6-2"]["verdict"]) == ["undecided", "reproduced"]


def test_a_page_is_of_the_very_networks_that_it_read(run: Run, tmp_path: Path) -> None:
    shutil.copytree(run.project.root, tmp_path / "copy")
    copy = of_claim(tmp_path / "copy")
    decided = copy.workflow().decided
    assert decided.state("results", "C4") == "fresh"
    first = decided.networks("results", decided.comparisons("results", "C4")[0], [0])[0]
    copy.make(first, seed=1)  # the same key, and yet another one: of another machine, say
    assert copy.workflow().decided.state("results", "C4") == "stale"


def test_where_only_what_is_there_is_shown_nothing_is_trained(run: Run) -> None:
    found = of(run.project, run="there", seeds_at_most=14)
    assert found.students is None and max(one.now.n for one in found.followed) < 9 < found.looks[-1]
    assert of(run.project, seeds_at_most=14).students is not None


def test_nothing_more_is_trained_when_all_is_decided(project: Project) -> None:
    def equal(name: Name) -> float:
        return 50.0 + name.seed + 0.001 * {"10-6-2": name.seed % 2, "10-4-2": name.seed == 0}.get(name.chain, 0)

    assert [trained(project, of(project), equal) for _ in range(3)] == [9, 3, 0]
    assert [one.now.verdict for one in of(project).followed] == ["equal", "equal"]


def test_a_killed_round_goes_on_and_what_is_decided_lowers_what_is_needed_at_most(project: Project) -> None:
    found = of(project)
    for node in found.workflow.decided.with_teachers(found.lacking[:2]):
        put(project, node, clear_or_open)
    again = of(project)
    assert again.students == 2 and again.to_train(again.lacking) == trained(project, again, clear_or_open) == 9 - len(
        ["10", "10-6", "10-6-2", "10-2"]
    )
    trained(project, of(project), clear_or_open)
    found = of(project)
    # 10-6-2 is decided by 3: of 24 networks that may be needed 12 are there
    assert found.students == 5 and len(found.at_most()) == 24 and found.to_train(found.at_most()) == 12


def test_a_quoted_number_that_nobody_gives_is_no_comparison(tmp_path: Path) -> None:
    quoted = {"kind": "above", "family": "plain", "better": ["2"], "quoted": ["figure6/ResNet-8/AT"]}
    project = of_claim(tmp_path, CLAIM | {"comparisons": [quoted]})
    assert of(project).followed == [] and of(project).students is None
    published = tmp_path / "paper/published.csv"
    published.write_text(f"{published.read_text(encoding='utf-8')}figure6,Figure 6,digits,ResNet-8,AT,40\n", encoding="utf-8")
    while (found := of(project)).students is not None:
        trained(project, found, lambda name: 60.0 + 0.1 * name.seed)
    (one,) = found.followed
    assert (one.worse, one.now.verdict) == ("AT (quoted)", "reproduced") and one.now.effect == pytest.approx(20.1, abs=0.2)


def test_a_page_by_another_metric_says_so_and_holds_nothing_against_the_papers_accuracy(tmp_path: Path) -> None:
    both = {"kind": "above", "family": "plain", "better": ["10-2"], "worse": ["2"], "quoted": ["figure6/ResNet-8/AT"]}
    project = of_claim(tmp_path, CLAIM | {"comparisons": [both]})
    published = tmp_path / "paper/published.csv"
    published.write_text(f"{published.read_text(encoding='utf-8')}figure6,Figure 6,digits,ResNet-8,AT,40\n", encoding="utf-8")
    project.write(metric="macro_f1", seeds_at_most=2)
    of_chain = {"10-2": 20.0, "2": 50.0}  # the other way round than accuracies
    for node in of(project).workflow.decided.with_teachers(of(project).lacking):
        project.make(node, macro_f1=of_chain.get(node.name.chain, 0.0) + 0.1 * node.name.seed * (node.name.chain == "2"))
    table, page = make(project.workflow(), "results", "C4")
    text = page.read_text(encoding="utf-8")
    assert "Networks are compared by macro-F1, %, and not by top-1 accuracy.\n\n1 comparison: 1 contradicted." in text
    assert set(pd.read_csv(table)["metric"]) == {"macro_f1"}


def test_a_study_of_one_s_own_confirms_where_the_paper_s_claim_is_reproduced(run: Run, tmp_path: Path) -> None:
    """Its page has no word of a paper's; its table, which programs read, has the same one as everywhere."""
    project = Project(tmp_path)
    last = own(project, seeds=2, seeds_at_most=4)
    of_chain = {"small": 50.0, "large-small": 60.0}

    def looked() -> Progress:
        return progress(project.workflow(), last.results, "teacher")

    while (found := looked()).students is not None:
        for node in found.workflow.decided.with_teachers(found.lacking):
            value = of_chain.get(node.name.chain, 70.0) + 0.1 * (node.name.seed % 2) * len(node.name.hops)
            measured: dict[str, Any] = dict.fromkeys(("accuracy", "best_test_accuracy", "selected_accuracy"), value)
            history = [Epoch(epoch=n, learning_rate=0.1, loss=1, accuracy=value, seconds=2.0) for n in (1, 2, 3)]
            project.make(node, history=history, **measured)
    table, page = make(project.workflow(), last.results, "teacher")
    text = page.read_text(encoding="utf-8")
    assert "1 comparison: 1 confirmed." in text and "as soon as it is confirmed, contradicted or equal" in " ".join(text.split())
    assert "reproduced" not in text and text.count("confirmed") == 4  # of all, how, its row, and the looks' head
    assert set(pd.read_csv(table)["verdict"]) <= {"reproduced", "undecided"}
    papers = run.files[1].read_text(encoding="utf-8")
    assert papers.count("reproduced") == 4 and "confirmed" not in papers
