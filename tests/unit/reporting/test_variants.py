"""A study's variants beside it: one table of every way by each recipe, and what is judged between recipes."""

import pandas as pd
import pytest

from takd.reporting import tables
from takd.reporting.judging import Measured, judge
from takd.study import artifacts, own_claims
from takd.study.papers_kinds import Table
from tests.unit.reporting.conftest import PUBLISHED, accuracies, context

MEMBERS = ("10", "4", "2")
OWN = artifacts.of_own_study("plain", MEMBERS, ["patient"])
MEANS = {("", "2"): 60.0, ("", "10-2"): 63.0, ("", "10-4-2"): 64.0, ("patient", "2"): 59.0, ("patient", "10-2"): 70.0}
NOISE = (0.0, 0.3, -0.4, 0.2, -0.1)


def rows() -> pd.DataFrame:
    """Five seeds of each; through the assistant nothing was run by the other recipe."""
    found = [
        (variant, ("digits", "plain", chain, seed, mean + noise + 0.01 * seed * len(chain)))
        for (variant, chain), mean in MEANS.items()
        for seed, noise in enumerate(NOISE)
    ]
    return accuracies([row for _, row in found], variant=[variant for variant, _ in found])


def test_a_table_has_a_row_a_recipe() -> None:
    spec = OWN["recipes"]
    assert isinstance(spec, Table) and spec.variants_shown == ("patient",)
    found = tables.numbers("recipes", spec, context(rows(), ("digits",)))
    means = found.set_index(["model", "chain"])["mean"]
    assert means["2", "10-2"] == pytest.approx(63.08) and means["2, patient", "10-2"] == pytest.approx(70.08)
    assert found.set_index(["model", "chain"])["n"]["2, patient", "10-4-2"] == 0


def test_a_study_without_variants_has_no_such_table_and_no_such_question() -> None:
    assert list(artifacts.of_own_study("plain", MEMBERS)) == ["table", "paths", "deploy"]
    assert list(own_claims.of_own_study("plain", MEMBERS).claims) == ["teacher", "assistant"]


def test_recipes_are_compared_chain_by_chain() -> None:
    known = own_claims.of_own_study("plain", MEMBERS, ["patient"])
    judged = judge(known, ("digits",), Measured(rows(), pd.DataFrame(), PUBLISHED.iloc[:0], 0.3))
    found = {(row.better, row.worse): row for row in judged.of("recipe1")}
    assert found["10-2 by patient", "10-2"].verdict == "reproduced"
    assert found["10-2 by patient", "10-2"].found.effect == pytest.approx(7)
    assert found["2 by patient", "2"].verdict == "contradicted"
    assert found["10-4-2 by patient", "10-4-2"].verdict == "not run"
    (teacher,) = judged.of("teacher")
    assert teacher.found.effect == pytest.approx(3.03 + 0.03)  # the study's own recipe alone
