"""A study's variants beside it: one table of every way by each recipe, and what is judged between recipes."""

import pandas as pd
import pytest

from takd.errors import RecordError
from takd.reporting import claims_page, tables
from takd.reporting.judging import Measured, judge
from takd.study import artifacts, own_claims
from takd.study.claims import Claims
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


def measured() -> Measured:
    return Measured(rows(), pd.DataFrame(), PUBLISHED.iloc[:0], 0.3)


def test_a_table_has_a_row_a_recipe() -> None:
    spec = OWN["recipes"]
    assert isinstance(spec, Table) and spec.variants_shown == ("patient",)
    found = tables.numbers("recipes", spec, context(rows(), ("digits",)))
    means = found.set_index(["model", "chain"])["mean"]
    assert means["2", "10-2"] == pytest.approx(63.08) and means["2, patient", "10-2"] == pytest.approx(70.08)
    assert found.set_index(["model", "chain"])["n"]["2, patient", "10-4-2"] == 0


def test_recipes_that_were_measured_on_other_images_do_not_stand_in_one_table() -> None:
    spec, table = OWN["recipes"], rows()
    assert isinstance(spec, Table)
    held_out = table.assign(best_test_accuracy=table["best_test_accuracy"].where(table["variant"] == "patient"))
    of = context(held_out, ("digits",))
    with pytest.raises(RecordError, match=r"accuracies of the main recipe are of held-out images, others' of test images"):
        tables.as_markdown(spec, tables.numbers("recipes", spec, of), of)


def test_a_study_without_variants_has_no_such_table_and_no_such_question() -> None:
    assert list(artifacts.of_own_study("plain", MEMBERS)) == ["table", "paths", "deploy"]
    assert list(own_claims.of_own_study("plain", MEMBERS).claims) == ["teacher", "assistant"]


def test_recipes_are_compared_chain_by_chain() -> None:
    known = own_claims.of_own_study("plain", MEMBERS, ["patient"])
    judged = judge(known, ("digits",), measured())
    found = {(row.better, row.worse): row for row in judged.of("recipe1")}
    assert found["10-2 by patient", "10-2"].verdict == "reproduced"
    assert found["10-2 by patient", "10-2"].found.effect == pytest.approx(7)
    assert found["2 by patient", "2"].verdict == "contradicted"
    assert found["10-4-2 by patient", "10-4-2"].verdict == "not run"
    assert "variant" not in claims_page.as_markdown(known, judged, measured(), own=True)
    (teacher,) = judged.of("teacher")
    assert teacher.found.effect == pytest.approx(3.03 + 0.03)  # the study's own recipe alone


def test_rows_of_two_recipes_are_told_apart() -> None:
    asked = {"kind": "order", "family": "plain", "chains": ["10-2", "2"]}
    both = [asked, asked | {"variant": "patient"}]
    known = Claims.model_validate({"claims": {"C": {"where": "x", "statement": "It is so", "comparisons": both}}})
    text = claims_page.as_markdown(known, judge(known, ("digits",), measured()), measured())
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    (head,) = [line for line in lines if "variant" in line]
    rows = [dict(zip(head, line, strict=True)) for line in lines if "10-2" in line and len(line) == len(head)]
    assert [(row["variant"], row["verdict"]) for row in rows] == [("", "reproduced"), ("patient", "reproduced")]
