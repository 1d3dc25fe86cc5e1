import re
from itertools import pairwise
from typing import Any

import pytest

from takd.errors import ParameterError, RecordError, TakdError
from takd.planning import targets
from takd.planning.path_walk import FIRST, OF_LABELS, PathWalks, at_most, step, steps
from takd.planning.plan import nodes_of
from takd.planning.verify import verify
from takd.records.metrics import Epoch
from takd.reporting.publish import publish
from takd.study import layout
from takd.study.path_networks import UNAUGMENTED, AskedPath
from takd.study.paths import Path, all_paths, recursion
from tests.unit.planning.project import Project, node

RESULTS, TARGET = "results", "results/best_path.csv"


def asked(project: Project, **path: Any) -> AskedPath:
    """What a project asks for; by default the way from plain 10 to plain 4, through 8 and 6."""
    project.write(path={"from": 10, "to": 4} | path)
    return AskedPath.of(project.workflow().tree, RESULTS)


def accuracy(path: Path) -> float:
    """Of a made-up network: the second member counts most, so that the best path to 6 leads through 8."""
    return sum(10.0**-place * float(member) for place, member in enumerate(path))


def walk(of: AskedPath, assistants_at_most: int | None = None, **given: Any) -> tuple[list[str], dict[Path, float]]:
    """The names of the steps that a search goes, and all that it measured."""
    measured: dict[Path, float] = {}
    names = []
    while (now := step(of, measured, assistants_at_most, **given)).paths:
        names.append(now.name)
        measured |= {path: accuracy(path) for path in now.paths}
    return names, measured


def test_the_trainings_at_most_are_those_counted_by_hand(project: Project) -> None:
    """Two seeds, two members between. From labels: the teacher once; 8, 6 and 4 twice: 7. Taught: 10-8, 10-6, 10-4, 10-8-6, 10-8-4,
    10-6-4 and 10-8-6-4, each twice: 14. One assistant at most leaves out 10-8-6 and 10-8-6-4, none leaves 10-4."""
    for limit, count in ((None, 7 + 14), (2, 21), (1, 7 + 10), (0, 7 + 2)):
        of = asked(project, assistants_at_most=limit)
        networks = project.workflow().paths.networks_at_most(RESULTS)
        assert len(networks) == len(set(networks)) == count
        assert {each.results for each in networks} == {"results/path"}
    assert len(asked(project, to=2).between) == 3
    assert len(project.workflow().paths.networks_at_most(RESULTS)) == 9 + 2 * (4 + 3 + 2 + 1) + 2 * 2  # and 10-6-2, 10-4-2 at most
    assert of.networks(("10",)) == [node("digits/plain/10/seed0", "results/path")]


@pytest.mark.parametrize("limit", [None, 0, 1, 2])
def test_no_search_takes_more_than_it_says_and_each_measures_what_the_recursion_reads(limit: int | None, project: Project) -> None:
    of = asked(project, to=2)
    names, measured = walk(of, limit)
    assert len(measured) <= len(at_most(of, {}, limit))
    order = [steps(of).index(name) for name in names]
    assert names[0] == FIRST and all(one < other for one, other in pairwise(order))
    best, read = recursion(of.members, "10", "2", accuracy, limit)
    assert set(read) | set(of.from_labels) <= set(measured) and best in measured
    assert at_most(of, measured, limit) == sorted(measured, key=len)


def test_an_exhaustive_search_knows_all_of_its_paths_at_once(project: Project) -> None:
    names, measured = walk(asked(project, exhaustive=True, to=2))
    assert names == [FIRST] and len([path for path in measured if len(path) > 1 and path[-1] == "2"]) == 8


def make(project: Project, of: AskedPath, paths: list[Path], seconds: float = 3600.0) -> None:
    """The records of paths' networks, each of which took so long, and the answers of those from labels."""
    for path in paths:
        for each in of.networks(path):
            project.make(each, seconds=seconds, selected_accuracy=60)


def test_a_search_goes_on_by_what_is_there(project: Project) -> None:
    project.train(epochs=1)
    of = asked(project)
    walks = project.workflow().paths
    assert walks.step(of).name == FIRST
    lacking = walks.lacking(of, walks.step(of))
    assert "results/path/models/digits/plain/10-6-4/seed1/metrics.json" in lacking
    assert "results/path/soft_targets/digits/plain/6/seed0/unaugmented.safetensors" in lacking
    make(project, of, list(walks.step(of).paths))
    assert walks.step(of) == ("6", (("10", "8", "6"),))
    assert walks.lacking(of, walks.step(of)) == [
        f"results/path/models/digits/plain/10-8-6/seed{seed}/metrics.json" for seed in (0, 1)
    ]
    make(project, of, [("10", "8", "6")])
    assert walks.step(of) == ("", ())  # of equal paths to 6 the shorter is the best, and 10-6-4 is there
    trained = {("10", "8"), ("10", "6"), ("10", "4"), ("10", "8", "6"), ("10", "8", "4"), ("10", "6", "4")}
    assert set(walks.finished(of).means) == {*of.from_labels, *trained}
    assert [path for path in walks.lacking(of, walks.step(of)) if UNAUGMENTED not in path] == []


def test_networks_of_a_wider_search_do_not_count_in_a_narrower_one(project: Project) -> None:
    """All paths are there, each network took an hour, and all are as good: the recursion leaves 10-8-6-4 out."""
    project.train(epochs=1)
    of, whole = asked(project, exhaustive=True), ("10", "8", "6", "4")
    make(project, of, [*of.from_labels, *all_paths(of.members, "10", "4")])
    assert whole in project.workflow().paths.finished(of).means
    of = asked(project, exhaustive=False)
    assert whole not in project.workflow().paths.finished(of).means
    assert len(project.workflow().paths.networks_at_most(RESULTS)) == 7 + 2 * 6
    of = asked(project, core_hours=9)
    assert set(project.workflow().paths.finished(of).means) == {*of.from_labels, ("10", "4")}
    assert len(project.workflow().paths.networks_at_most(RESULTS)) == 9


def test_a_budget_says_how_many_assistants_there_may_be(project: Project) -> None:
    """An hour a network: from labels 7. No assistant: 10-4 twice, 9 in all. One: 17. Two: 21."""
    project.train(epochs=1)
    of = asked(project, core_hours=100)
    assert step(of, {}, None, is_budget=True).name == OF_LABELS
    make(project, of, of.from_labels)
    for hours, limit in ((100, 2), (21, 2), (20.9, 1), (17, 1), (16.9, 0), (9, 0)):
        of = asked(project, core_hours=hours)
        assert project.workflow().paths.walked(of).assistants_at_most == limit
    of = asked(project, core_hours=8.9)
    said = "path.core_hours: 8.9 are too few: the shortest path, 10-4, and each member from labels alone take 9"
    with pytest.raises(ParameterError, match=re.escape(said)):
        project.workflow().paths.walked(of)


def test_core_seconds_are_of_all_threads_of_all_processes(project: Project) -> None:
    project.train(epochs=1)
    of = asked(project)
    project.make(of.networks(("10",))[0], seconds=50.0, threads=3, processes=2)
    assert project.workflow().paths.walked(of).spent == {("10",): {0: 300.0}}


def test_the_weights_that_were_kept_are_compared(project: Project) -> None:
    project.train(epochs=2)
    of = asked(project)
    epochs = [Epoch(epoch=n, learning_rate=0.1, loss=1, accuracy=each, seconds=1) for n, each in ((1, 62.0), (2, 60.0))]
    project.make(of.networks(("10",))[0], history=epochs, accuracy=60.0, selected_accuracy=62.0, best_test_accuracy=None)
    assert project.workflow().paths.walked(of).means == {("10",): 62}


def test_a_path_is_compared_by_the_metric_of_the_study(project: Project) -> None:
    project.train(epochs=1)
    project.write(metric="macro_f1")
    of = asked(project)
    project.make(of.networks(("10",))[0], selected_accuracy=60, macro_f1=40)
    assert project.workflow().paths.walked(of).means == {("10",): 40}
    project.make(of.networks(("10",))[0], selected_accuracy=60, macro_f1=None)
    with pytest.raises(RecordError, match="digits/plain/10/seed0: its record has no macro_f1"):
        project.workflow().paths.walked(of)


def test_a_budget_is_held_against_what_is_known_before_anything_is_trained(project: Project) -> None:
    project.train(epochs=1)
    for member in ("10", "8", "6", "4"):
        project.make(node(f"digits/plain/{member}/seed0"), seconds=7200.0)
    asked(project, core_hours=17)
    with pytest.raises(ParameterError, match=r"17 are too few: .* take 18"):
        list(targets.of_path(project.workflow(), TARGET))
    asked(project, core_hours=18)
    assert list(targets.of_path(project.workflow(), TARGET)) == [f"{TARGET}: at most 9 trainings, 0 there, from 10 to 4"]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ({"to": 3}, "path: no family has both 10 and 3"),
        ({"from": 110}, "path: no family has both 110 and 4"),
        ({"from": 2, "to": 10}, "path: from 2 to 10: a path leads from a larger member to a smaller one"),
        ({"from": 10, "to": 10}, "a path leads from a larger"),
        ({"assistants_at_most": -1}, "path.assistants_at_most: must be greater than or equal to 0, not -1"),
        ({"assistants_at_most": 1.5}, "path.assistants_at_most: expected a whole number, not 1.5"),
        ({"core_hours": 0}, "path.core_hours: must be greater than 0, not 0"),
        ({"core_hours": 1, "assistants_at_most": 1}, "path: either assistants_at_most, or core_hours"),
        ({"core_hours": 1, "exhaustive": True}, "path: exhaustive: trains all paths"),
        ({"dataset": "cifar10"}, "path.dataset: 'cifar10' isn't among `datasets`, which are digits"),
        ({"seeds": 3}, "path.seeds: no such parameter"),
    ],
)
def test_what_cannot_be_asked_for_is_said_in_one_line(path: dict[str, Any], said: str, project: Project) -> None:
    with pytest.raises(TakdError) as error:
        asked(project, **path)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_a_target_without_what_it_takes_is_told(project: Project) -> None:
    with pytest.raises(ParameterError, match=r"params.yaml: path: is missing; as in path: \{from: 10, to: 2\}"):
        targets.check(project.workflow(), TARGET)
    asked(project)
    targets.check(project.workflow(), TARGET)
    assert TARGET in targets.all_files(project.workflow())
    with pytest.raises(ParameterError, match=r"a path is of params.yaml's own results"):
        targets.check(project.workflow(), "results/path/best_path.csv")
    project.write(datasets=["digits", "cifar10"])
    with pytest.raises(ParameterError, match=r"path.dataset: is missing; one of digits, cifar10"):
        project.workflow()


def test_plan_and_verify_know_it(project: Project) -> None:
    of = asked(project)
    assert nodes_of(project.workflow(), TARGET) == project.workflow().paths.networks_at_most(RESULTS)
    (project.root / RESULTS).mkdir()
    project.show(RESULTS, layout.BEST_PATH)
    assert project.workflow().state("shown", {"results": RESULTS, "what": layout.BEST_PATH}) == "fresh"
    assert list(targets.of_path(project.workflow(), TARGET)) == []
    assert {one.finding for one in verify(project.workflow())} == {"as it should be"}
    asked(project, within=0.1)
    assert {one.finding for one in verify(project.workflow())} == {"stale"}
    assert isinstance(project.workflow().paths, PathWalks) and of.section.within == 0.3


def test_what_a_path_was_sought_among_is_published_with_it(project: Project) -> None:
    asked(project)
    networks = project.workflow().paths.networks_at_most(RESULTS)
    reported = node("digits/plain/10/seed0")
    for one in (*networks[:2], reported):
        project.make(one)
    project.show(RESULTS, layout.BEST_PATH)
    copies = {str(path.relative_to(project.root / "results/published")) for path in publish(project.workflow(), RESULTS)}
    assert copies == {f"{layout.BEST_PATH}.csv", f"{layout.BEST_PATH}.md"} | {
        layout.metrics(*one).removeprefix("results/") for one in (*networks[:2], reported)
    }


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"overrides": {"digits/plain/10-8-6-4/*": {"temperature": 2}}}, False),
        ({"overrides": {"digits/plain/10-2/*": {"temperature": 2}}}, True),
        ({"seeds": 3}, False),
        ({"claims": {"equal_within": 0.1}}, True),
    ],
)
def test_its_key_is_over_every_network_that_it_may_train(change: dict[str, Any], same: bool, project: Project) -> None:
    asked(project)
    before = project.workflow().keys.best_path(RESULTS)
    project.write(**change)
    assert (project.workflow().keys.best_path(RESULTS) == before) == same
