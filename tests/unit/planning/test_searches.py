from pathlib import Path
from typing import Any

import pytest

from takd.errors import NetworkNameError, ParameterError, TakdError
from takd.files import write_text
from takd.planning import targets
from takd.planning.searches import Searches
from takd.planning.verify import verify
from takd.records.made import Made
from takd.study.search import searched
from tests.unit.planning.project import Project, node
from tests.unit.planning.test_keys import lock, own

FIELDS = {
    "trade_off": {"low": 0.05, "high": 1}, "temperature": {"low": 1, "high": 20, "log": True},
    "learning_rate": {"low": 1e-3, "high": 0.1, "log": True},
}  # fmt: skip
STUDENT, BY = node("digits/plain/10-2/seed0", "results/search"), {"results": "results", "dataset": "digits", "family": "plain"}


def searches(project: Project) -> Searches:
    return project.workflow().searches


def trials_key(project: Project) -> str:
    of = searches(project)
    return of.trials_key(STUDENT, searched(of.section(STUDENT).fields, STUDENT.name))


def test_a_search_reads_teachers_that_hold_out_the_same_images(project: Project) -> None:
    of = searches(project)
    assert of.named(BY | {"chain": "10-2"}) == STUDENT
    assert of.lacking(STUDENT)[1:] == ["results/search/models/digits/plain/10/seed0/model.safetensors"]
    assert of.tree.recipe(of.tree.teacher(STUDENT)).views.validation_share == 0.1
    project.write(vary="chain", search=project.values["search"] | {"fresh_seeds": 1})
    assert [path.split("/")[-2] for path in searches(project).lacking(STUDENT)[1:]] == ["seed0", "seed1"]


def test_a_teacher_that_learns_from_the_images_that_decide_is_refused(project: Project) -> None:
    project.write(overrides={"*/plain/10/*": {"validation_seed": 3}})
    with pytest.raises(ParameterError, match="its teacher digits/plain/10/seed0 learns from images that it holds out"):
        searches(project).lacking(STUDENT)


def test_the_papers_protocol_shares_the_teachers_of_all_images(project: Project) -> None:
    project.write(search=project.values["search"] | {"judged_on": "test"})
    of = searches(project)
    assert of.lacking(STUDENT)[1:] == ["results/models/digits/plain/10/seed0/model.safetensors"]
    assert of.tree.recipe(STUDENT).views.validation_share == 0


@pytest.mark.parametrize(
    ("changes", "same"),
    [
        ({"overrides": {"digits/plain/10-2/*": {"temperature": 2, "learning_rate": 0.03}}}, True),  # which are searched
        ({"overrides": {"digits/plain/10-2/*": {"momentum": 0.5}}}, False),
        ({"overrides": {"digits/plain/10/*": {"learning_rate": 0.03}}}, False),  # its teacher's
        ({"seeds": 1}, True),
        ({"metric": "macro_f1"}, False),
        ({"search": {"fields": {"temperature": {"low": 1, "high": 20, "log": True}}}}, False),
        ({"search": {"fields": FIELDS}}, True),
        ({"search": {"fields": FIELDS | {"temperature": {"low": 1, "high": 21, "log": True}}}}, False),
        ({"search": {"fields": FIELDS | {"temperature": {"low": 1, "high": 20}}}}, False),
        ({"search": {"fields": FIELDS, "judged_on": "test"}}, False),
        ({"search": {"fields": FIELDS, "held_out_share": 0.2}}, False),
    ],
)
def test_trials_begin_anew_where_what_they_share_changes(changes: dict[str, Any], same: bool, project: Project) -> None:
    before = trials_key(project)
    project.write(**changes)
    assert (trials_key(project) == before) == same


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        ({"schedule": ["constant", "step"]}, {"learning_rate_drops": [7]}),
        ({"schedule": ["constant", "step"], "epochs": [6, 9]}, {"learning_rate_drops": [5, 7]}),
        ({"weight_decay": {"low": 0, "high": 0.1}}, {"weight_decay_on": "weights"}),
        ({"optimiser": ["sgd", "adamw"]}, {"beta2": 0.9}),
        ({"optimiser": ["adamw", "sgd"]}, {"nesterov": False}),
        ({"trade_off": [1, 0.5]}, {"label_smoothing": 0.1}),
        ({"unlabelled": ["none", "rest"]}, {"unlabelled_batch": 3}),
    ],
)
def test_trials_begin_anew_where_what_some_of_them_have_changes(
    fields: dict[str, Any], changes: dict[str, Any], project: Project
) -> None:
    """Another recipe for the student alone, of a field that the first of the values leaves out."""
    given = {"learning_rate_drops": [5], "training_share": 0.5}
    project.write(search={"fields": fields}, overrides={"digits/plain/10-2/*": given})
    before = trials_key(project)
    project.write(overrides={"digits/plain/10-2/*": given | changes})
    assert trials_key(project) != before


def test_trials_begin_anew_where_images_without_labels_change_that_some_of_them_have(project: Project) -> None:
    train = {"epochs": 3, "learning_rate": 0.1, "trade_off": 0.5, "temperature": 4, "kl_reduction": "batchmean"}
    fields = {"unlabelled": ["none", "folder"]}
    last = own(project, data={"folder": "data/pets", "unlabelled": "data/more"}, train=train, search={"fields": fields})

    def key(digest: str) -> str:
        lock(project, "ab" * 32, unlabelled=digest * 32)
        of, where = searches(project), node(str(last.name), "results/pets/search")
        return of.trials_key(where, searched(of.section(where).fields, where.name))

    assert key("cd") == key("cd") != key("ef")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"schedule": ["constant", "step"]}, "learning_rate_drops: none before the end of 150 epochs"),
        ({"patience": [0, 3]}, "patience: 3 needs `select: best_held_out`"),
    ],
)
def test_a_value_that_does_not_go_with_the_others_is_told_before_the_first_trial(
    fields: dict[str, Any], said: str, project: Project
) -> None:
    project.write(search={"fields": fields})
    with pytest.raises(ParameterError, match=said):
        searches(project).expected(STUDENT)


@pytest.mark.parametrize(("field", "same"), [("trials", True), ("fresh_seeds", True), ("sampler_seed", False), ("pruner", False)])
def test_more_trials_go_on_in_what_is_there(field: str, same: bool, project: Project) -> None:
    before, result = trials_key(project), searches(project).expected(STUDENT)[1]
    project.write(search=project.values["search"] | {field: "median" if field == "pruner" else 7})
    assert (trials_key(project) == before) == same and searches(project).expected(STUDENT)[1] != result


def test_what_a_search_came_to_is_held_against_its_record(project: Project) -> None:
    of = searches(project)
    record, key = of.expected(STUDENT)
    assert record == "results/search/digits/plain/10-2.json" and of.state(STUDENT) == "missing"
    table = project.root / of.result(STUDENT, "csv")
    write_text(table, "number\n")
    Made.of(key, [table]).write(project.root / record)
    assert of.state(STUDENT) == "fresh"
    found = {one.path: one.finding for one in verify(project.workflow())}
    assert found == {"results/search/digits/plain/10-2.csv": "as it should be", record: "as it should be"}
    write_text(table, "accuracy\n")
    assert of.state(STUDENT) == "stale"
    assert "changed" in {one.finding for one in verify(project.workflow())}


def test_the_pruner_goes_by_accuracy_alone(project: Project) -> None:
    project.write(search=project.values["search"] | {"pruner": "median"}, metric="macro_f1")
    with pytest.raises(ParameterError, match=r"search\.pruner: goes by accuracy .*; with `metric: macro_f1` say none"):
        searches(project).named(BY | {"chain": "10-2"})


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("results/search/digits/plain/10-3.csv", "plain has no member 3"),
        ("results/search/digits/plane/10-2.csv", "unknown family 'plane'"),
        ("results/variants/half/search/digits/plain/10-2.csv", "a search is of params.yaml's own results, or of a preset's"),
        ("results/search/search/digits/plain/10-2.csv", "a search is of params.yaml's own results, or of a preset's"),
        ("results/search/digits/plain/10-2.txt", "nothing makes it"),
        ("results/search/digits/plain/10-2.trials.png", "nothing makes it"),
        ("results/search/models/digits/plain/10-3/seed0/model.safetensors", "plain has no member 3"),
    ],
)
def test_a_target_that_no_search_makes_is_told(target: str, said: str, project: Project) -> None:
    with pytest.raises(TakdError, match=said):
        targets.check(project.workflow(), target)


def test_a_network_whose_weights_were_brought_is_not_searched(project: Project) -> None:
    (project.root / "presets").mkdir()
    Path(project.root, "presets/pets.yaml").write_text(
        "data: {folder: images}\nmembers: {a: 'plain:4', b: 'plain:2'}\nweights: {a: a.pth}\n"
        "train: {epochs: 1, learning_rate: 0.1, trade_off: 0.5, temperature: 4, kl_reduction: batchmean}\n"
        "search: {fields: {learning_rate: {low: 0.01, high: 0.1}}}\n"
    )
    of = searches(project)
    with pytest.raises(ParameterError, match="its weights were brought, so there is nothing to search for"):
        of.node("results/pets", node("pets/pets/a/seed0").name)
    assert of.node("results/pets", node("pets/pets/a-b/seed0").name).results == "results/pets/search"
    with pytest.raises(NetworkNameError):
        of.node("results/pets", node("pets/pets/b-a/seed0").name)
