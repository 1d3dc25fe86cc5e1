"""Golden tables of hand-made accuracies, and what their captions say."""

from io import StringIO
from pathlib import Path

import pandas as pd
import pytest

from takd.reporting import kinds, tables
from takd.reporting.context import Context
from takd.study.papers_kinds import Row, Table
from tests.unit.reporting.conftest import ARTIFACTS, accuracies, context
from tests.unit.reporting.golden import check

ACCURACY = accuracies(
    [
        *(("cifar10", "plain", "10-8-2", seed, value) for seed, value in enumerate((70.0, 71.0, 72.0))),
        ("cifar10", "plain", "10-6-2", 0, 73.15),
        ("cifar10", "plain", "2", 0, 69.5),
        ("cifar10", "plain", "2", 1, 70.5),
        ("cifar100", "plain", "10-4-2", 0, 45.9249),
        ("cifar10", "resnet", "2", 0, 99.0),
        ("cifar10", "resnet", "26-8", 0, 99.0),  # in figure 6's place, but not of its variant
    ]
)
COMPARED = accuracies(
    [
        *(("cifar10", "resnet", "26-14-8", seed, value) for seed, value in enumerate((87.0, 88.0, 89.0))),
        ("cifar10", "resnet", "26-8+mutual", 0, 87.71),
        ("cifar10", "resnet", "14", 0, 89.0),
    ],
    variant="comparison",
)


def table(name: str) -> Table:
    spec = ARTIFACTS[name]
    assert isinstance(spec, Table)
    return spec


def markdown(name: str, of: Context) -> str:
    return tables.as_markdown(table(name), tables.numbers(name, table(name), of), of)


@pytest.mark.parametrize("name", ["table1", "table2", "table3", "figure6"])
def test_a_table_is_the_golden_one(name: str, tmp_path: Path) -> None:
    files = kinds.make(name, ARTIFACTS[name], context(pd.concat([ACCURACY, COMPARED])), tmp_path / name)
    assert files == kinds.files(ARTIFACTS[name], tmp_path / name)
    for path in files:
        check(path.name, path.read_text())


def test_data_without_published_numbers_leave_quoted_columns_empty() -> None:
    digits = context(ACCURACY, ("digits",))
    numbers = tables.numbers("figure6", table("figure6"), digits)
    first = pd.read_csv(StringIO(tables.as_csv(numbers)), keep_default_na=False).iloc[0]
    assert (first["NOKD"], first["NOKD n"], first["AT"], first["AT n"], first["AT quoted"]) == ("not run", 0, "not run", 0, "")
    assert "quoted)" not in markdown("figure6", digits)


def test_our_own_run_stands_beside_what_the_paper_quotes() -> None:
    run = accuracies([("cifar10", "resnet", "26-8+at", seed, 86.0 + seed) for seed in range(2)], variant="comparison")
    first = pd.read_csv(StringIO(tables.as_csv(tables.numbers("figure6", table("figure6"), context(run))))).iloc[0]
    assert (first["AT"], first["AT n"], first["AT quoted"], first["AT difference"]) == ("86.50", 2, 86.86, -0.36)
    assert "AT paper" not in first and first["TAKD paper"] == 88.01


def test_accuracies_on_held_out_images_are_said_to_be() -> None:
    assert "HELD-OUT" in markdown("table2", context(ACCURACY.assign(best_test_accuracy=float("nan"))))
    assert "HELD-OUT" not in markdown("table2", context(ACCURACY))


def test_a_cell_is_mean_deviation_count_and_difference() -> None:
    cell = tables.numbers("table2", table("table2"), context(ACCURACY)).iloc[0]
    assert (cell["mean"], cell["deviation"], cell["n"]) == (71.0, 1.0, 3)  # of 70, 71, 72 with n - 1
    assert cell["difference"] == pytest.approx(71.0 - 72.75)


def test_the_caption_says_how_many_networks_kept_another_epoch_than_the_last() -> None:
    kept = [74.0, *ACCURACY["accuracy"][1:]]
    said = markdown("table2", context(ACCURACY.assign(selected_accuracy=kept)))
    assert "Of 5 networks 1 kept the weights of another epoch than the last" in said.splitlines()[0]
    assert "kept the weights" not in markdown("table2", context(ACCURACY))


def test_the_caption_says_how_many_networks_were_imported() -> None:
    imported = ACCURACY.copy()
    imported.loc[[0, 1], ["epochs", "best_test_accuracy"]] = (0, float("nan"))
    said = markdown("table2", context(imported))
    assert "Of 5 networks 2 came in with their weights" in said and "HELD-OUT" not in said


def test_nothing_in_a_name_breaks_a_table() -> None:
    row = Row(model="a|b\n<b>c</b> *d*", family="plain", chains={"x|y `z`": "2", "my_net_": "10-2"})
    spec = Table(kind="table", where="Table|9", title="One\n\n# Two <script>", rows=(row,))
    of = context(ACCURACY, ("cifar10",))
    text = tables.as_markdown(spec, tables.numbers("t", spec, of), of)
    caption, empty, head, rule, ours = text.splitlines()
    assert empty == "" and caption.startswith(r"**Table\|9.** One # Two \<script\>. Top-1")
    assert len(head) == len(rule) == len(ours)
    assert r"x\|y \`z\`" in head and r"my_net\_" in head and r"a\|b \<b\>c\</b\> \*d\*" in ours
