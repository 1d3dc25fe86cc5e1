import json
from pathlib import Path

import pytest

from takd.errors import ParameterError
from takd.planning.verify import verify
from takd.records import metrics as records
from takd.study import layout
from takd.study.tree import Node
from tests.unit.planning.project import Project, node

TEACHER, STUDENT = node("digits/plain/10/seed0"), node("digits/plain/10-4/seed0")


def findings(project: Project, target: str | None = None) -> dict[str, str]:
    return {one.path.removeprefix("results/"): one.finding for one in verify(project.workflow(), target)}


def folder(of: Node) -> str:
    return layout.network_folder(*of).removeprefix("results/")


@pytest.fixture
def made(project: Project) -> Project:
    """Two networks, the teacher's answers, a surface and a table."""
    project.make_line(STUDENT)
    project.surface(STUDENT)
    project.show("results", "table2")
    return project


FILES = {
    f"{folder(TEACHER)}/metrics.json", f"{folder(TEACHER)}/model.safetensors", f"{folder(STUDENT)}/metrics.json",
    f"{folder(STUDENT)}/model.safetensors", "soft_targets/digits/plain/10/seed0/unaugmented.safetensors",
    "surfaces/digits/plain/10-4/seed0.csv", "table2.csv", "table2.md", "made/table2.json",
}  # fmt: skip


def test_all_is_as_it_should_be(made: Project) -> None:
    assert findings(made) == dict.fromkeys(FILES, "as it should be")


def test_nothing_is_there_yet(project: Project) -> None:
    assert findings(project) == {}


def test_logs_trainings_under_way_and_published_copies_are_passed_over(made: Project) -> None:
    for name in ("logs/report.log", "resume/digits/plain/10/seed0.safetensors", "published/quick/table2.csv",
                 "search/digits/plain/2.journal",
                 f"{folder(STUDENT)}/train.log",
                 f"{folder(STUDENT)}/.model.safetensors.1.part"):  # fmt: skip
        path = made.root / "results" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x", encoding="utf-8")
    assert set(findings(made)) == FILES


def test_another_recipe_makes_all_downstream_stale(made: Project) -> None:
    made.write(overrides={"digits/plain/10-4/*": {"epochs": 3}})
    stale = {name for name, finding in findings(made).items() if finding == "stale"}
    assert stale == {name for name in FILES if "10-4" in name or "table2" in name}


@pytest.mark.parametrize("name", sorted(FILES))
def test_one_changed_byte_is_told_and_nothing_else_is(made: Project, name: str) -> None:
    path = made.root / "results" / name
    content = bytearray(path.read_bytes())
    place = content.rindex(b"6") if name.endswith(".json") else len(content) - 2
    content[place] ^= 1
    path.write_bytes(content)
    found = findings(made)
    if name == "made/table2.json":
        assert {each for each, finding in found.items() if finding != "as it should be"} <= {name, "table2.csv", "table2.md"}
    else:
        beside = folder(TEACHER) if "plain/10/" in name else folder(STUDENT)
        rest = {each: finding for each, finding in found.items() if each != name and not each.startswith(beside)}
        assert set(rest.values()) == {"as it should be"}
    assert found[name] in ("changed", "stale") and (found[name] == "changed" or name == "made/table2.json")


@pytest.mark.parametrize("name", sorted(FILES))
@pytest.mark.parametrize("share", [0, 0.5])
def test_an_empty_file_and_half_a_file_are_told(made: Project, name: str, share: float) -> None:
    path = made.root / "results" / name
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert findings(made)[name] == "changed"


@pytest.mark.parametrize(
    "name",
    ["notes.txt", "table1.csv", "models/digits/plain/10/seed0/notes.txt", "models/digits/plain/12/seed0/metrics.json",
     "models/digits/plain/10/seed01/metrics.json", "models/digits/plain/4-10/seed0/model.safetensors", "other/table2.csv",
     "variants/odd/table2.csv", "models/digits/metrics.json", "surfaces/mnist/plain/10/seed0.csv",
     "models/digits/plain/1٠/seed0/metrics.json", "made/pie.json", "models/digits/plain/10/seed٠/metrics.json"],
)  # fmt: skip
def test_what_takd_does_not_make_is_foreign(made: Project, name: str) -> None:
    path = made.root / "results" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((made.root / layout.made("results", "table2")).read_bytes() if name.startswith("made/") else b"x")
    assert findings(made)[name] == "foreign"


def test_answers_by_another_name_are_foreign(made: Project) -> None:
    path = made.root / layout.soft_targets(*TEACHER, "unaugmented")
    path.rename(path.with_name("seed0-9epochs.safetensors"))
    assert findings(made)["soft_targets/digits/plain/10/seed0/seed0-9epochs.safetensors"] == "foreign"


def test_another_networks_files_are_stale(made: Project) -> None:
    other = node("digits/plain/10-6/seed0")
    (made.root / layout.network_folder(*other)).parent.mkdir()
    (made.root / layout.network_folder(*STUDENT)).rename(made.root / layout.network_folder(*other))
    found = findings(made)
    assert found[f"{folder(other)}/metrics.json"] == found[f"{folder(other)}/model.safetensors"] == "stale"


def test_an_adopted_network_is_told_and_is_as_it_should_be(made: Project) -> None:
    made.make(STUDENT, adopted=True, commit="older")
    found = findings(made)
    assert found[f"{folder(STUDENT)}/metrics.json"] == "adopted"
    assert found[f"{folder(STUDENT)}/model.safetensors"] == "as it should be"


def test_a_number_that_was_edited_is_told_though_its_digest_was_made_anew(made: Project) -> None:
    path = made.root / layout.metrics(*STUDENT)
    values = json.loads(path.read_bytes()) | {"accuracy": 99.0}
    values.pop("digest")
    path.write_text(json.dumps(values | {"digest": records._digest(values)}), encoding="utf-8")
    found = {one.path: one for one in verify(made.workflow())}[layout.metrics(*STUDENT)]
    assert found.finding == "changed" and "accuracy: 99, but its history ends at 60" in found.why


def test_a_folder_that_is_a_link_is_followed_and_a_circle_is_left(made: Project) -> None:
    (made.root / "results").rename(made.root / "elsewhere")
    (made.root / "results").symlink_to("elsewhere")
    (made.root / "elsewhere/models").rename(made.root / "more")
    (made.root / "results/models").symlink_to(made.root / "more")
    (made.root / "elsewhere/circle").symlink_to(made.root / "results")
    assert findings(made) == dict.fromkeys(FILES, "as it should be")


def test_a_target_is_verified_with_all_that_it_needs(made: Project) -> None:
    made.make_line(node("digits/plain/10-8-2/seed1"))
    everything, table = set(findings(made)), set(findings(made, "results/table2.csv"))
    assert {"table2.csv", "table2.md", "made/table2.json"} <= table
    assert everything - table == set()  # the surface is of 10-4, which the table needs
    alone = set(findings(made, layout.metrics(*TEACHER)))
    assert alone == {name for name in FILES if "plain/10/" in name}


@pytest.mark.parametrize("target", ["results", "results/"])
def test_a_folder_of_results_is_verified_whole(made: Project, target: str) -> None:
    assert findings(made, target) == findings(made)


def test_a_networks_folder_is_verified_too(made: Project) -> None:
    assert findings(made, layout.network_folder(*TEACHER)) == findings(made, layout.metrics(*TEACHER))


def test_a_folder_that_nothing_makes_is_named_with_the_nearest(made: Project) -> None:
    with pytest.raises(
        ParameterError, match="results/variants/hlaf: no preset or variant makes it; there are results/variants/half"
    ):
        verify(made.workflow(), "results/variants/hlaf")


def test_a_broken_preset_does_not_stop_it(made: Project) -> None:
    (made.root / "presets").mkdir()
    (made.root / "presets/odd.yaml").write_text("a: [", encoding="utf-8")
    path = made.root / "results/odd/table2.csv"
    path.parent.mkdir()
    path.write_text("x", encoding="utf-8")
    found = findings(made)
    assert found.pop("odd/table2.csv") == "foreign"
    assert found == dict.fromkeys(FILES, "as it should be")
    (made.root / "presets/odd.yaml").write_text("overrides_from: [results/search/digits/plain/10-4.yaml]\n", encoding="utf-8")
    (why,) = (one.why for one in verify(made.workflow()) if one.finding == "foreign")
    assert why.endswith("10-4.yaml: no such file; a search writes it, beside its .csv")


def test_every_finding_is_one_line(made: Project) -> None:
    for name in FILES:
        (made.root / "results" / name).write_bytes(b"\x1b[31m\n\n" * 1000)
    found = verify(made.workflow())
    assert {one.finding for one in found} <= {"changed", "foreign"}
    assert all("\n" not in one.why and "\x1b" not in one.why and len(one.why) < 600 for one in found)


def test_what_is_said_leads_to_the_file(made: Project) -> None:
    Path(made.root / layout.model(*STUDENT)).write_bytes(b"")
    found = next(one for one in verify(made.workflow()) if one.path == layout.model(*STUDENT))
    assert found.finding == "changed" and "not a whole safetensors file" in found.why


def whys(project: Project) -> dict[str, str]:
    return {one.path.removeprefix("results/"): one.why for one in verify(project.workflow()) if one.finding == "stale"}


def test_a_changed_recipe_is_told_by_its_fields_and_what_hangs_on_it_by_the_network(made: Project) -> None:
    made.write(overrides={"digits/plain/10/*": {"learning_rate": 0.5, "epochs": 3}})
    why = whys(made)
    assert why[f"{folder(TEACHER)}/metrics.json"] == "of another recipe (learning_rate: 0.01, now 0.5; epochs: 150, now 3)"
    assert why[f"{folder(TEACHER)}/model.safetensors"] == why[f"{folder(TEACHER)}/metrics.json"]
    assert why[f"{folder(STUDENT)}/metrics.json"] == "its teacher digits/plain/10/seed0 is stale"
    assert why["surfaces/digits/plain/10-4/seed0.csv"].startswith("its network is stale: its teacher")
    assert why["table2.csv"] == "2 of its networks are stale, digits/plain/10/seed0 first"


def test_more_fields_than_three_are_counted(made: Project) -> None:
    made.train(learning_rate=0.5, epochs=3, batch_size=7, momentum=0.3, weight_decay=0.7)
    assert whys(made)[f"{folder(TEACHER)}/metrics.json"].endswith(" and 2 more)")


def test_other_code_other_images_and_a_teacher_trained_again_are_told_apart(made: Project) -> None:
    made.make(STUDENT, code="0" * 16, key="0" * 16, commit="5ee7c0de")
    assert "of other code, commit 5ee7c0de; `takd adopt`" in whys(made)[f"{folder(STUDENT)}/metrics.json"]
    made.make(STUDENT, data_digest="0" * 64, key="0" * 16)
    assert whys(made)[f"{folder(STUDENT)}/metrics.json"] == "of other images"
    made.make(STUDENT)
    made.make(TEACHER, seed=1)
    assert whys(made)[f"{folder(STUDENT)}/metrics.json"] == "its teacher was trained again since"
    assert whys(made)["table2.csv"] == "1 of its networks is stale, digits/plain/10-4/seed0 first"


def test_a_whole_line_is_stale_below_a_teacher_that_was_trained_again(made: Project) -> None:
    student = node("digits/plain/10-4-2/seed0")
    made.make_line(student)
    made.show("results", "table2")
    made.make(TEACHER, seed=1)
    made.make(STUDENT, seed=2)  # under the new teacher, so that 10-4-2 alone is of the old line
    assert [path for path in whys(made) if path.endswith("metrics.json")] == [f"{folder(student)}/metrics.json"]
    made.make(student)
    made.make(TEACHER, seed=3)
    why = whys(made)
    assert why[f"{folder(STUDENT)}/metrics.json"] == "its teacher was trained again since"
    assert why[f"{folder(student)}/metrics.json"] == "its teacher digits/plain/10-4/seed0 is stale"
    assert why["table2.csv"] == "2 of its networks are stale, digits/plain/10-4/seed0 first"
    keys = made.workflow().keys
    assert keys.state_of_shown("results", "table2") == "stale"
    views = made.workflow().views(student)
    assert keys.state_of_soft_targets(STUDENT, views) == "stale", "or the student would learn from the old assistant again"


def test_weights_that_are_not_those_of_the_record_are_called_so(made: Project) -> None:
    model = made.root / layout.model(*TEACHER)
    kept = model.read_bytes()
    made.make(TEACHER, seed=1)
    model.write_bytes(kept)
    assert whys(made)[f"{folder(TEACHER)}/model.safetensors"].startswith("its record and its weights aren't of one training")


def test_a_table_whose_networks_are_fresh_says_that_what_it_shows_changed(made: Project) -> None:
    path = made.root / "paper/published.csv"
    path.write_bytes(path.read_bytes() + b"\n")
    assert whys(made)["table2.csv"] == "what it shows, its networks' recipes, or code that shows it changed since"
