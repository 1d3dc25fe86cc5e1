import json
from pathlib import Path

import pandas as pd
import pytest

from takd.errors import ParameterError
from takd.objectives.registry import OBJECTIVES
from takd.study import artifacts
from takd.study.names import Name
from takd.study.own_claims import of_own_study
from takd.study.papers_kinds import LARGEST_PATHS, Row, Surfaces, Table
from takd.study.tree import Node, Tree
from tests.conftest import ROOT

SPECIFICATION = ROOT / "paper/artifacts.yaml"


def chains(name: str) -> set[str]:
    return {shown.name.chain for shown in artifacts.load(SPECIFICATION)[name].networks(("cifar10",), seeds=1)}


def test_the_papers_tables_show_the_papers_networks() -> None:
    assert chains("table1") == {"2", "10-2", "10-4-2", "8", "110-8", "110-20-8"}
    assert chains("table2") == {"10-8-2", "10-6-2", "10-4-2"}
    assert chains("table3") == {"110-56-8", "110-32-8", "110-20-8", "110-14-8"}
    of_8 = {f"26-8+{method}" for method in ("fitnet", "at", "fsp", "bss", "mutual")}
    of_14 = {f"26-14+{method}" for method in ("fitnet", "at", "fsp", "bss", "mutual")}
    assert chains("figure6") == {"8", "26-8", "26-14-8", "14", "26-14", "26-20-14"} | of_8 | of_14


def test_the_table_of_methods_has_a_column_for_each_of_them() -> None:
    cells = list(artifacts.load(SPECIFICATION)["methods"].cells(("cifar10", "cifar100")))
    for student, assistant in (("8", "14"), ("14", "20")):
        shown = {cell.chain for cell in cells if cell.model == f"ResNet-{student}"}
        said = {f"26-{student}+{name}" for name, one in OBJECTIVES.items() if not one.ancestors}
        said |= {f"26-{assistant}-{student}+{name}" for name, one in OBJECTIVES.items() if one.ancestors}
        assert shown == {student, f"26-{student}", f"26-{assistant}-{student}"} | said


@pytest.mark.parametrize(
    ("target", "networks"),
    [
        # 26; of each loss five students directly, an assistant, five students through it; the same of plain 10, 4 and 2
        ("quick/modern", 1 + 4 * (5 + 1 + 5)),
        ("modern_losses/modern_plain", 1 + 4 * (5 + 1 + 5)),
        # 26, 26-14, a teacher of few epochs, and five students by each of four ways
        ("quick/cheap", 3 + 4 * 5),
        # 26; of five methods three students, an assistant, three students through it
        ("quick/combined", 1 + 5 * (3 + 1 + 3)),
        # of either length 26 and 26-20, and three of each of 26-8, 26-14, 26-14-8, 26-20-14
        ("quick/longer", 2 * (2 + 4 * 3)),
        # twelve ways to 8 five times, and to 14 three times, among which is 26-14; 26 and 26-20
        ("quick/methods", 12 * 5 + 12 * 3 + 2),
        # 56, and three students by each of five ways
        ("mdistiller/mdistiller", 1 + 5 * 3),
    ],
)
def test_the_networks_of_what_is_not_in_the_paper_are_counted_by_hand(target: str, networks: int) -> None:
    preset, name = target.split("/")
    assert len(Tree(ROOT).needed(f"results/{preset}", [name])) == networks


def test_a_column_may_be_of_another_variant() -> None:
    cells = list(artifacts.load(SPECIFICATION)["cheap"].cells(("cifar10",)))
    assert [(cell.chain, cell.variant) for cell in cells if cell.column in ("DIRECT", "EARLY")] == [
        ("26-8", ""),
        ("26-8", "early_teacher"),
    ]
    assert artifacts.load(SPECIFICATION)["longer"].variants_shown == ("comparison", "comparison_160")


def test_an_early_epoch_of_the_teacher_teaches_students_of_the_usual_length() -> None:
    tree = Tree(ROOT)
    student = Node("results/quick/variants/early_teacher", Name.parse("cifar10/resnet/26-8/seed1"))
    teacher = tree.teacher(student)
    assert (teacher.results, tree.recipe(teacher).length.epochs) == (student.results, 10)
    assert tree.recipe(student) == tree.recipe(Node("results/quick", student.name)), "whose epochs are 30"
    assert tree.recipe(student).length.epochs == 30


def test_mdistillers_recipe_is_what_its_files_say() -> None:
    recipe = json.loads(Tree(ROOT).recipe(Node("results/mdistiller", Name.parse("cifar100/resnet/56-20+dkd/seed0"))).canonical())
    said = {"epochs": 240, "batch_size": 64, "learning_rate": 0.05, "learning_rate_drops": [150, 180, 210], "momentum": 0.9}
    said |= {"weight_decay": 5e-4, "dkd_beta": 2, "dkd_temperature": 4, "dkd_warm_up_epochs": 20, "nesterov": False}
    there = recipe | {name: value for section in recipe.values() if isinstance(section, dict) for name, value in section.items()}
    assert said == {name: there.get(name) for name in said}, recipe


def test_what_the_paper_quotes_is_marked_and_run_all_the_same() -> None:
    cells = list(artifacts.load(SPECIFICATION)["figure6"].cells(("cifar10", "cifar100")))
    assert [cell.column for cell in cells] == 2 * ["NOKD", "BLKD", "FITNET", "AT", "FSP", "BSS", "MUTUAL", "TAKD"]
    assert {cell.dataset for cell in cells} == {"cifar10"}
    quoted = [cell for cell in cells if cell.quoted]
    assert [cell.column for cell in quoted] == 2 * ["FITNET", "AT", "FSP", "BSS"]
    assert all(len(cell.networks(("cifar10",), seeds=3)) == 3 for cell in quoted)
    assert all(cell.chain == f"26-{cell.model[7:]}+{cell.column.lower()}" for cell in quoted)


def test_a_row_may_have_more_networks_than_the_study() -> None:
    row = Row(model="m", family="plain", chains={"a": "10-2", "b": "2"}, seeds=5)
    spec = Table(kind="table", title="x", where="y", rows=(row,))
    assert [len(spec.networks(("cifar10",), seeds)) for seeds in (1, 3, 5, 7)] == [2 * 5, 2 * 5, 2 * 5, 2 * 7]


def test_figure_7_shows_students_on_cifar_100() -> None:
    surfaces = artifacts.load(SPECIFICATION)["figure7"]
    assert isinstance(surfaces, Surfaces)
    assert [(cell.family, cell.dataset, cell.column, cell.chain) for cell in surfaces.cells(("cifar10", "cifar100"))] == [
        ("plain", "cifar100", "NOKD", "2"), ("plain", "cifar100", "BLKD", "10-2"), ("plain", "cifar100", "TAKD", "10-4-2"),
        ("resnet", "cifar100", "NOKD", "8"), ("resnet", "cifar100", "BLKD", "110-8"), ("resnet", "cifar100", "TAKD", "110-20-8"),
    ]  # fmt: skip


def test_figure_5_has_every_path_once() -> None:
    paths = artifacts.load(SPECIFICATION)["figure5"]
    cells = list(paths.cells(("cifar10", "cifar100")))
    assert {cell.dataset for cell in cells} == {"cifar100"}
    takd = [cell.chain for cell in cells if cell.model == "TAKD"]
    assert takd == [
        "10-8-6",
        "10-8-4", "10-6-4", "10-8-6-4",
        "10-8-2", "10-6-2", "10-4-2", "10-8-6-2", "10-8-4-2", "10-6-4-2", "10-8-6-4-2",
    ]  # fmt: skip
    assert [cell.chain for cell in cells if cell.model == "BLKD"] == ["10-8", "10-6", "10-4", "10-2"]
    assert [cell.chain for cell in cells if cell.model == "NOKD"] == ["10", "8", "6", "4", "2"]


def test_toy_data_stand_in_where_the_papers_are_not_shown() -> None:
    paths = artifacts.load(SPECIFICATION)["figure5"]
    assert {cell.dataset for cell in paths.cells(("digits",))} == {"digits"}


def test_every_published_number_is_there_and_has_its_cell() -> None:
    published = pd.read_csv(ROOT / "paper/published.csv")
    assert len(published) == 15 + 6 + 8 + 16 + 5
    assert not published.duplicated(["artifact", "dataset", "model", "column"]).any()
    assert published["accuracy"].between(40, 95).all()
    for name, artifact in artifacts.load(SPECIFICATION).items():
        if not isinstance(artifact, Table):
            continue
        cells = {(cell.dataset, cell.model, cell.column) for cell in artifact.cells(("cifar10", "cifar100"))}
        theirs = published[published["artifact"] == name]
        if artifact.where == "Not in the paper" or artifact.where.endswith("in passing"):
            assert theirs.empty, name
            continue
        assert cells == set(zip(theirs["dataset"], theirs["model"], theirs["column"], strict=True))


@pytest.mark.parametrize(
    ("text", "what_is_said"),
    [
        (
            "t: {kind: table, title: x, where: y, rows: [{model: m, family: plain, chains: {a: 2-10}}]}",
            "t: chain '2-10'.*must shrink",
        ),
        ("t: {kind: pie, title: x, where: y, rows: []}", "t: Input tag 'pie' found using 'kind' does not match any of .*'table'"),
        ("t: {kind: table, title: x, where: y, rows: []}", "table.rows"),
        ("t: {kind: table, title: x, where: y, rows: [{model: m, family: plain, chain: 2}]}", "rows.0.chain"),
        ("claims: {kind: paths, title: x, where: y, family: plain, members: [4, 2]}", "claims: the name of another result"),
        ("my/own: {kind: paths, title: x, where: y, family: plain, members: [4, 2]}", "my/own: names files"),
        (
            "t: {kind: table, title: x, where: y, rows: [{model: CNN, family: plain, chains: {a: 4-2, b: 8-2}}, "
            "{model: CNN, family: resnet, chains: {b: 14-8}}]}",
            "t: table: rows: 2 have b of CNN on any; give each a `model` of its own",
        ),
        (
            "t: {kind: lines, title: x, where: y, x: S, y: '%', panels: [{family: plain, series: [{label: a, points: {2: 2}}]}, "
            "{family: plain, series: [{label: b, points: {4: 4}}]}]}",
            "t: lines: panels: 2 show plain; one for each family",
        ),
        (
            "t: {kind: table, title: x, where: y, rows: [{model: m, family: plain, chains: {a: 2}, quoted: [b]}]}",
            "quoted: b isn't a column; there are a",
        ),
        ("t: {kind: table, title: x, where: y, rows: [{model: m, family: plain, chains: {a: quoted}}]}", "no member quoted"),
        ("- a list", "expected a mapping"),
    ],
)
def test_a_specification_that_cannot_be_used_is_refused(tmp_path: Path, text: str, what_is_said: str) -> None:
    (tmp_path / "artifacts.yaml").write_text(text)
    with pytest.raises(ParameterError, match=what_is_said):
        artifacts.load(tmp_path / "artifacts.yaml")


def test_an_unknown_table_is_refused() -> None:
    with pytest.raises(ParameterError, match="unknown table or figure 'table9'; did you mean table3\\? There are table1"):
        artifacts.look_up(artifacts.load(SPECIFICATION), "table9")


def test_a_study_of_as_many_members_as_there_may_be_is_shown_and_judged() -> None:
    members = [f"m{number}" for number in range(LARGEST_PATHS)]
    shown, judged = artifacts.of_own_study("own", members), of_own_study("own", members)
    assert len(shown["table"].networks(("own",), seeds=1)) == 1 + 2 ** (LARGEST_PATHS - 2)
    assert len(judged.claims["paths"].comparisons[0].read) == 2 ** (LARGEST_PATHS - 2) - 1
