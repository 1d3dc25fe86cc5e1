from pathlib import Path

import pandas as pd
import pytest

from takd.errors import ParameterError
from takd.objectives.registry import OBJECTIVES
from takd.study import artifacts
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


def test_what_the_paper_quotes_is_marked_and_run_all_the_same() -> None:
    cells = list(artifacts.load(SPECIFICATION)["figure6"].cells(("cifar10", "cifar100")))
    assert [cell.column for cell in cells] == 2 * ["NOKD", "BLKD", "FITNET", "AT", "FSP", "BSS", "MUTUAL", "TAKD"]
    assert {cell.dataset for cell in cells} == {"cifar10"}
    quoted = [cell for cell in cells if cell.quoted]
    assert [cell.column for cell in quoted] == 2 * ["FITNET", "AT", "FSP", "BSS"]
    assert all(len(cell.networks(("cifar10",), seeds=3)) == 3 for cell in quoted)
    assert all(cell.chain == f"26-{cell.model[7:]}+{cell.column.lower()}" for cell in quoted)


def test_a_row_may_have_more_networks_than_the_study() -> None:
    row = artifacts.Row(model="m", family="plain", chains={"a": "10-2", "b": "2"}, seeds=5)
    spec = artifacts.Table(kind="table", title="x", where="y", rows=(row,))
    assert [len(spec.networks(("cifar10",), seeds)) for seeds in (1, 3, 5, 7)] == [2 * 5, 2 * 5, 2 * 5, 2 * 7]


def test_figure_7_shows_students_on_cifar_100() -> None:
    surfaces = artifacts.load(SPECIFICATION)["figure7"]
    assert isinstance(surfaces, artifacts.Surfaces)
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
    assert len(published) == 15 + 6 + 8 + 16
    assert not published.duplicated(["artifact", "dataset", "model", "column"]).any()
    assert published["accuracy"].between(40, 95).all()
    for name, artifact in artifacts.load(SPECIFICATION).items():
        if not isinstance(artifact, artifacts.Table):
            continue
        cells = {(cell.dataset, cell.model, cell.column) for cell in artifact.cells(("cifar10", "cifar100"))}
        theirs = published[published["artifact"] == name]
        if artifact.where == "Not in the paper":
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
    with pytest.raises(ParameterError, match="unknown table or figure 'table9'; there are table1"):
        artifacts.look_up(artifacts.load(SPECIFICATION), "table9")
