"""What a preset's `metric:` decides: which numbers of records are compared, and what is said where they lack it."""

from dataclasses import replace
from pathlib import Path
from typing import cast

import pandas as pd
import pytest

from takd.errors import ParameterError, RecordError
from takd.records import accuracy
from takd.records.accuracy import rows_of
from takd.reporting import kinds, tables
from takd.reporting.judging import Measured, judge
from takd.search.job import judged
from takd.study import artifacts
from takd.study.metric import check_metric
from takd.study.own_claims import of_own_study
from takd.study.papers_kinds import Table
from tests.unit.reporting.conftest import context, record

OWN = artifacts.of_own_study("plain", ["10", "2"])
TABLE = cast(Table, OWN["table"])
ORDER = {"plain": ["10", "2"]}
NUMBERS = {"2": [(60.0, 20.0), (62.0, 22.0), (61.0, 24.0)], "10-2": [(50.0, 40.0), (52.5, 44.0), (51.0, 42.0)]}  # accuracy, F1


def rows(metric: str = "macro_f1", lacking: str = "") -> pd.DataFrame:
    """Three seeds each by labels alone and by a teacher, who makes accuracy worse and macro-F1 better."""
    records = [
        ("", record(f"digits/plain/{chain}/seed{seed}", (one,), macro_f1=None if chain == lacking else f1))
        for chain, seeds in NUMBERS.items()
        for seed, (one, f1) in enumerate(seeds)
    ]
    return rows_of(records, ORDER, metric)  # type: ignore[arg-type]


def verdict(metric: str) -> str:
    measured = Measured(rows(metric), pd.DataFrame(), pd.DataFrame(columns=["artifact", "model", "column", "dataset", "accuracy"]),
                        0.3, metric)  # type: ignore[arg-type]  # fmt: skip
    (row,) = judge(of_own_study("plain", ["10", "2"]), ("digits",), measured).rows
    return row.verdict


def test_the_metric_decides_a_verdict() -> None:
    assert (verdict("accuracy"), verdict("macro_f1")) == ("contradicted", "reproduced")


def test_a_table_is_of_the_metric_and_says_so() -> None:
    given = replace(context(rows(), ("digits",)), metric="macro_f1")
    found = tables.numbers("table", TABLE, given).set_index("chain")
    assert found["mean"].to_dict() == {"2": 22, "10-2": 42}
    text = tables.as_markdown(TABLE, found.reset_index(), given)
    assert "Macro-F1 of the weights that were kept, %" in text and "Top-1" not in text
    assert tables.as_csv(found.reset_index(), "macro_f1").splitlines()[1].split(",")[2] == "macro_f1"


def test_networks_whose_records_lack_it_were_not_kept() -> None:
    given = replace(context(rows(lacking="2"), ("digits",)), metric="macro_f1")
    found = tables.numbers("table", TABLE, given)
    assert found.set_index("chain")["n"].to_dict() == {"2": 0, "10-2": 3}
    text = tables.as_markdown(TABLE, found, given)
    assert "| not kept |" in text and "The records of 3 other networks have no macro-F1" in text
    assert tables.as_csv(found, "macro_f1").splitlines()[1].split(",")[3] == "not kept"


def test_a_figure_is_of_the_metric_too(tmp_path: Path) -> None:
    given = replace(context(rows(), ("digits",)), metric="macro_f1")
    kinds.make("paths", OWN["paths"], given, tmp_path / "paths")
    values = pd.read_csv(tmp_path / "paths.csv", dtype={"chain": str}).set_index("chain")["value"]
    assert values["10-2"] == 42
    assert "macro-F1 in place of accuracy" in (tmp_path / "paths.svg").read_text()


def test_an_accuracy_csv_has_the_metric_beside_accuracy_and_is_read_again(tmp_path: Path) -> None:
    table = rows(lacking="10-2")
    accuracy.write(tmp_path / "accuracy.csv", table)
    again = accuracy.read(tmp_path / "accuracy.csv", "macro_f1")
    assert again.groupby("chain")["macro_f1"].sum().to_dict() == {"2": 20 + 22 + 24, "10-2": 0}
    assert list(again.columns) == [*accuracy.COLUMNS, "macro_f1"]
    with pytest.raises(RecordError, match="expected the columns"):
        accuracy.read(tmp_path / "accuracy.csv")


def test_a_search_is_judged_by_it() -> None:
    one = record("digits/plain/2/seed0", (60.0, 50.0), macro_f1=33.0)
    assert judged(one, on_test=True) == 60 and judged(one, on_test=True, metric="macro_f1") == 33
    assert judged(one.model_copy(update={"selected_accuracy": 60.0}), on_test=False) == 60  # of the weights that were kept
    with pytest.raises(RecordError, match="has no top5_accuracy"):
        judged(one, on_test=False, metric="top5_accuracy")


def test_top5_says_nothing_of_five_classes() -> None:
    check_metric("top5_accuracy", "digits", 6)
    check_metric("macro_f1", "pairs", 2)
    with pytest.raises(ParameterError, match="100 % for any network of pets, which has 5 classes; take accuracy"):
        check_metric("top5_accuracy", "pets", 5)
