"""Keys change for what is downstream of a change, and for nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from takd.code import code_hash
from takd.errors import ParameterError
from takd.planning import keys as planning_keys
from takd.planning import trained
from takd.planning.lock import Lock, digest_of
from takd.records import key as records_key
from takd.study.tree import Node
from tests.unit.planning.project import Project, node

LINE = ["10", "10-4", "10-4-2", "10-2", "2"]
LESS = "results/variants/half"


def keys(project: Project) -> dict[str, str]:
    """Of everything in a small project."""
    found = project.workflow().keys
    nodes = {chain: node(f"digits/plain/{chain}/seed0") for chain in LINE}
    nodes |= {"resnet": node("digits/resnet/8/seed0"), "less": node("digits/plain/10-2/seed0", LESS)}
    nodes |= {"other data": node("cifar10/plain/10-4/seed0"), "mutual": node("digits/plain/10-4+mutual/seed0")}
    every = {name: found.network(each) for name, each in nodes.items()}
    every |= {f"answers of {name}": found.soft_targets(nodes[name], "unaugmented") for name in ("10", "10-4")}
    every |= {f"loss around {name}": found.surface(nodes[name]) for name in ("2", "10-2")}
    every |= {what: found.of_shown("results", what) for what in ("table2", "table1", "accuracy", "claims", "report")}
    return every | {"data": found.data("digits")}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before if before[name] != after[name]}


DOWNSTREAM_OF_10_4 = {"10-4", "10-4-2", "answers of 10-4", "table2", "table1", "accuracy", "claims", "report"}


def test_keys_are_the_same_for_the_same_and_differ_among_all(project: Project) -> None:
    first = keys(project)
    assert first == keys(project) and len(set(first.values())) == len(first)


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"overrides": {"digits/plain/10-4/*": {"epochs": 3}}}, DOWNSTREAM_OF_10_4),
        ({"overrides": {"digits/plain/10-4/*": {"temperature": 3}}}, DOWNSTREAM_OF_10_4),
        ({"overrides": {"digits/plain/10-4-2/seed0": {"trade_off": 0.25}}}, DOWNSTREAM_OF_10_4 - {"10-4", "answers of 10-4"}),
        ({"overrides": {"digits/plain/10-8/*": {"epochs": 3}}}, {"table2", "accuracy", "claims", "report"}),
        ({"overrides": {"digits/plain/10-6-2/seed1": {"epochs": 3}}}, {"table2", "accuracy", "claims", "report"}),
        ({"overrides": {"cifar10/*": {"epochs": 3}}}, {"other data"}),
        ({"overrides": {"*/plain/1?/*": {"temperature": 3, "learning_rate_drops": [4], "separate_epochs": 5}}}, set()),
        ({"overrides": {"digits/plain/10-4/seed1": {"epochs": 3}}}, set()),  # teachers have seed 0
        ({"surface": {"points": 5, "span": 1, "images": 100}}, {"loss around 2", "loss around 10-2"}),
        ({"claims": {"equal_within": 0.1}}, {"claims", "report"}),
        ({"metric": "macro_f1"}, {"table2", "table1", "accuracy", "claims", "report"}),
        ({"report": ["table2", "figure5"]}, {"accuracy", "claims", "report"}),
        ({"seeds": 3}, {"table2", "table1", "accuracy", "claims", "report"}),
        ({"vary": "chain"}, {"table2", "table1", "accuracy", "claims", "report"}),
    ],
    ids=range(14),
)  # fmt: skip
def test_a_changed_parameter_changes_the_keys_of_what_is_downstream(
    project: Project, changes: dict[str, Any], what: set[str]
) -> None:
    before = keys(project)
    project.write(**changes)
    assert changed(before, keys(project)) == what


def test_a_variant_shares_the_keys_of_its_teachers(project: Project) -> None:
    before = keys(project)
    variants = project.values["variants"]
    project.write(variants=variants | {"half": {"training_share": 0.25, "epochs": 300, "teachers": "shared"}})
    assert changed(before, keys(project)) == {"less"}
    project.write(variants=variants, overrides={"digits/plain/10/*": {"epochs": 3}})
    assert {"less", "10-2", "10-4-2", "table2"} <= changed(before, keys(project))
    assert not {"2", "resnet", "mutual"} & changed(before, keys(project))


def test_claims_are_judged_by_loss_surfaces_of_the_main_recipe_alone(project: Project) -> None:
    path = project.root / "paper/artifacts.yaml"
    artifacts = yaml.safe_load(path.read_text(encoding="utf-8"))
    artifacts["halved"] = artifacts["figure7"] | {"where": "Halved", "variant": "half"}
    path.write_text(yaml.safe_dump(artifacts, sort_keys=False), encoding="utf-8")
    project.write(datasets=["cifar100"], report=["figure7", "halved", "table2"])
    found = project.workflow().keys
    assert found.surface_figures("results") == ["figure7"]
    assert found.of_shown("results", "halved") != found.of_shown("results", "figure7")
    assert found.surface_figures(LESS) == ["figure7"]


def test_equal_recipes_typed_differently_have_equal_keys(project: Project) -> None:
    before = keys(project)
    text = (project.root / "params.yaml").read_text(encoding="utf-8")
    for old, new in (
        ("learning_rate: 0.01", "learning_rate: 1e-2"),
        ("epochs: 150", "epochs: 0150"),
        ("temperature: 16", "temperature: '16.0'"),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    (project.root / "params.yaml").write_text(text, encoding="utf-8")
    assert keys(project) == before
    project.train(weight_decay=0.0)
    project.write(overrides={"digits/plain/*": {"epochs": 150.0, "momentum": 0.90}})
    assert keys(project) == before


def test_another_digest_of_the_data_changes_all_that_is_made_of_them(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys(project)
    real = Lock.of_published

    def other(name: str) -> Lock:
        lock = real(name)
        return lock.model_copy(update={"digest": "0" * 64}) if name == "digits" else lock

    monkeypatch.setattr(Lock, "of_published", other)
    assert changed(before, keys(project)) == set(before) - {"other data"}


SHOWN = {"table2", "table1", "accuracy", "claims", "report"}


@pytest.mark.parametrize(
    ("module", "what"),
    [
        (records_key.TRAINING, {*LINE, "resnet", "less", "other data", "mutual", "answers of 10", "answers of 10-4", *SHOWN,
                                "loss around 2", "loss around 10-2"}),
        (records_key.SOFT_TARGETS, {"answers of 10", "answers of 10-4"}),
        ("takd.measuring.surface", {"loss around 2", "loss around 10-2"}),
        (planning_keys.REPORTING, SHOWN),
        ("takd.networks.resnet", {"resnet", "table1"}),
        ("takd.objectives.mutual", {"mutual"}),
        ("takd.objectives.labels", set(LINE) | {"resnet", "less", "other data", "answers of 10", "answers of 10-4", *SHOWN,
                                                "loss around 2", "loss around 10-2"}),
    ],
)  # fmt: skip
def test_changed_code_changes_what_is_made_by_it(
    project: Project, monkeypatch: pytest.MonkeyPatch, module: str, what: set[str]
) -> None:
    real, edited = code_hash, [False]

    def hashed(*modules: str, files: Any = ()) -> str:
        return f"{real(*modules, files=files)} {edited[0] and module in modules}"

    monkeypatch.setattr(trained, "code_hash", hashed)
    monkeypatch.setattr(records_key, "code_hash", hashed)
    before = keys(project)
    edited[0] = True
    assert changed(before, keys(project)) == what


def test_what_the_paper_says_is_in_the_keys_of_what_is_held_against_it(project: Project) -> None:
    before = keys(project)
    (project.root / "paper/published.csv").write_text("another", encoding="utf-8")
    assert changed(before, keys(project)) == {"table2", "table1", "claims", "report"}


def test_a_claim_that_changes_changes_no_table_and_nothing_of_a_study_of_ones_own(project: Project) -> None:
    own(project)
    before, pets = keys(project), project.workflow().keys.report("results/pets")
    claims = project.root / "paper/claims.yaml"
    claims.write_text(f"# another\n{claims.read_text(encoding='utf-8')}", encoding="utf-8")
    assert changed(before, keys(project)) == {"claims", "report"}
    assert project.workflow().keys.report("results/pets") == pets
    (project.root / "paper/published.csv").write_text("another", encoding="utf-8")
    assert project.workflow().keys.report("results/pets") == pets


# A study of one's own.


def own(project: Project, **changes: Any) -> Node:
    """The path of three members, of which the last is somebody's own code."""
    members = {"large": "torchvision:resnet18", "middle": "plain:4", "small": "net.py:build"}
    train = {"epochs": 3, "learning_rate": 0.1, "trade_off": 0.5, "temperature": 4, "kl_reduction": "batchmean"}
    values = {"data": {"folder": "data/pets"}, "members": members, "train": train} | changes
    (project.root / "presets").mkdir(exist_ok=True)
    (project.root / "presets/pets.yaml").write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    if not (project.root / "net.py").exists():
        (project.root / "net.py").write_text("import layers\n\n\ndef build(): return layers.LAYERS\n", encoding="utf-8")
        (project.root / "layers.py").write_text("LAYERS = 1\n", encoding="utf-8")
        lock(project, "ab" * 32)
    return node("pets/pets/large-middle-small/seed0", "results/pets")


def lock(project: Project, digest: str, unlabelled: str | None = None) -> None:
    images = project.workflow().tree.folder("results/pets").parameters.data
    assert images is not None
    read = Lock(digest=digest, classes=3, train=100, test=20, size=32, data=digest_of(images), unlabelled=unlabelled)
    read.write(project.root / "presets/pets.lock")


def test_images_without_labels_count_by_their_content_and_for_those_whom_they_teach_alone(project: Project) -> None:
    train = {"epochs": 3, "learning_rate": 0.1, "trade_off": 0.5, "temperature": 4, "kl_reduction": "batchmean"}
    last, data = own(project), {"folder": "data/pets"}
    before = line(project, last)

    def changed_by(folder: str, digest: str, **said: str) -> list[bool]:
        own(project, data=data | {"unlabelled": folder}, train=train | said)
        lock(project, "ab" * 32, unlabelled=digest * 32)
        return [one != other for one, other in zip(before, line(project, last), strict=True)]

    assert changed_by("data/more", "cd") == [False, False, False]  # they are there, and no recipe says so
    assert changed_by("data/more", "cd", unlabelled="folder") == [False, True, True]
    with_them = line(project, last)
    changed_by("data/elsewhere", "cd", unlabelled="folder")
    assert line(project, last) == with_them
    assert project.workflow().keys.recipe(last).network.unlabelled == "cd" * 32
    changed_by("data/more", "ef", unlabelled="folder")
    assert line(project, last)[0] == with_them[0] and not set(line(project, last)[1:]) & set(with_them)
    own(project, train=train | {"unlabelled": "folder"})
    with pytest.raises(ParameterError, match=r"unlabelled: folder, but its preset names none; `data: {unlabelled: FOLDER}` does"):
        line(project, last)


def line(project: Project, last: Node) -> list[str]:
    workflow = project.workflow()
    return [workflow.keys.network(each) for each in workflow.tree.lineage(last)]


def differ(before: list[str], after: list[str]) -> list[bool]:
    return [one != other for one, other in zip(before, after, strict=True)]


def test_own_code_and_what_it_imports_counts_for_its_own_network(project: Project) -> None:
    last = own(project)
    before = line(project, last)
    for name, text in (("net.py", "import layers\n\n\ndef build(): return layers.LAYERS + 1\n"), ("layers.py", "LAYERS = 22\n")):
        (project.root / name).write_text(text, encoding="utf-8")
        after = line(project, last)
        assert differ(before, after) == [False, False, True]
        before = after
    (project.root / "layers.py").write_text("# said\nLAYERS = 22\n", encoding="utf-8")
    (project.root / "other.py").write_text("LAYERS = 23\n", encoding="utf-8")
    assert line(project, last) == before


def test_own_images_count_by_their_recorded_digest(project: Project) -> None:
    last = own(project)
    before = line(project, last)
    lock(project, "cd" * 32)
    assert differ(before, line(project, last)) == [True, True, True]
    lock(project, "ab" * 32)
    assert line(project, last) == before


@pytest.mark.parametrize(
    ("field", "member", "which"), [("weights", "large", [True, True, True]), ("start", "middle", [False, True, True])]
)
def test_the_bytes_of_weights_that_are_brought_count(project: Project, field: str, member: str, which: list[bool]) -> None:
    last = own(project)
    without = line(project, last)
    own(project, **{field: {member: "brought.pt"}})
    (project.root / "brought.pt").write_bytes(b"one")
    one = line(project, last)
    assert differ(without, one) == which
    (project.root / "brought.pt").write_bytes(b"other")
    assert differ(one, line(project, last)) == which
    (project.root / "brought.pt").rename(project.root / "moved.pt")
    with pytest.raises(ParameterError, match=r"brought\.pt: no such file"):
        line(project, last)
    own(project, **{field: {member: "moved.pt"}})
    (project.root / "moved.pt").write_bytes(b"one")
    assert line(project, last) == one  # where they lie doesn't count


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"[" * 5000, b'{"digest": "x"}', b'{"digest": 1, "classes": "3"}', b"\xff", b" " * 20_000],
    ids=range(8),
)
def test_a_lock_that_cannot_be_read_is_said(project: Project, content: bytes) -> None:
    last = own(project)
    (project.root / "presets/pets.lock").write_bytes(content)
    with pytest.raises(ParameterError, match=r"pets\.lock") as raised:
        line(project, last)
    assert "\n" not in str(raised.value)


def test_a_lock_of_more_doubled_images_than_it_has_for_testing_is_refused(project: Project) -> None:
    last = own(project)
    lock(project, "ab" * 32)
    path = project.root / "presets/pets.lock"
    holds = json.loads(path.read_bytes())
    path.write_text(json.dumps(holds | {"duplicates": holds["test"]}))
    line(project, last)
    path.write_text(json.dumps(holds | {"duplicates": holds["test"] + 1}))
    with pytest.raises(ParameterError, match=rf"pets\.lock: .*duplicates: {holds['test'] + 1} of {holds['test']} test images"):
        line(project, last)


def test_a_key_is_over_each_part_by_itself() -> None:
    keys = [
        records_key.key_of(*parts) for parts in (("ab", "c"), ("a", "bc"), ("abc",), (["ab", "c"],), ("ab", None), ("ab", "None"))
    ]
    assert len(set(keys)) == len(keys) and all(len(key) == 16 for key in keys)
    with pytest.raises(
        ParameterError, match=r"x\.csv: the recipe, code, data or teacher changed since .* run the same command again"
    ):
        records_key.check_key(Path("x.csv"), "a", "b")
    records_key.check_key(Path("x.csv"), "a", None)
