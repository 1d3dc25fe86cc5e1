"""The theory's inequalities, judged by made-up errors whose rates and asymptotes are known."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from takd.reporting.judging import Measured, judge
from takd.reporting.learning import OfFits, Term
from takd.reporting.verdicts import Row
from takd.study import claims
from tests.conftest import ROOT
from tests.unit.reporting.conftest import PUBLISHED, SHARES, accuracies

PAPER = claims.load(ROOT / "paper/claims.yaml")
THEORY = PAPER.model_copy(update={"claims": {name: PAPER.claims[name] for name in ("T1", "T2", "T3")}, "premises": {}})
NO_RISES = pd.DataFrame({name: pd.Series(dtype=object) for name in ("dataset", "family", "chain", "seed", "rise", "matched_rise")})
# chain to asymptote and rate: errors are asymptote + 3 share^-rate
AS_THE_PAPER_HAS_IT = {"10": (20.0, 0.9), "10-4": (22.0, 0.8), "10-4-2": (27.5, 0.8), "10-2": (33.0, 0.6), "2": (36.0, 0.4)}


def trained(known: dict[str, tuple[float, float]], seeds: int = 4, spread: float = 0.05) -> pd.DataFrame:
    """Networks of all shares, by the recipe and by soft targets alone."""
    draw = np.random.default_rng(0)
    rows = [
        ("cifar10", "plain", chain, seed, 100 - asymptote - 3 * share**-rate + draw.normal(scale=spread), variant, share)
        for chain, (asymptote, rate) in known.items()
        for variant, share in SHARES.items()
        if variant != "few" and ("-" in chain or not variant.startswith("soft"))
        for seed in range(seeds)
    ]
    table = accuracies([row[:5] for row in rows])
    return table.assign(variant=[row[5] for row in rows], training_share=[row[6] for row in rows])


def rows_of(claim: str, table: pd.DataFrame, teacher_seed: int | None = 0) -> list[Row]:
    return judge(THEORY, ("cifar10",), Measured(table, NO_RISES, PUBLISHED, 0.3, teacher_seed=teacher_seed)).of(claim)


def test_rates_as_the_paper_has_them_are_told() -> None:
    rows = rows_of("T1", trained(AS_THE_PAPER_HAS_IT))
    told = [(row.better, row.worse, row.variant) for row in rows]
    pairs = [("10-4-2", "10-2"), ("10-4", "10-2"), ("10-2", "2"), ("10", "2")]
    assert told == [(*pair, "") for pair in pairs] + [(*pair, "λ = 1") for pair in pairs[:3]]
    assert {row.verdict for row in rows} == {"reproduced"} and {row.unit for row in rows} == {"α"}
    assert rows[0].found.effect == pytest.approx(0.2, abs=0.08) and rows[0].better_mean == pytest.approx(0.8, abs=0.05)
    turned = rows_of("T1", trained(AS_THE_PAPER_HAS_IT | {"2": (36.0, 0.9), "10": (20.0, 0.4)}))
    assert [row.verdict for row in turned[2:4]] == ["contradicted"] * 2


def test_approximation_errors_add_up_by_hand() -> None:
    row, alone = rows_of("T2", trained(AS_THE_PAPER_HAS_IT, spread=0.01))
    teacher, assistant = 20 + 3, 22 + 3  # errors on all of the images
    along, direct = (22 - teacher) + (27.5 - assistant), 33 - teacher
    assert [row.better_mean, row.worse_mean] == pytest.approx([along, direct], abs=0.2)
    assert row.found.effect == pytest.approx(direct - along, abs=0.3)
    assert row.verdict == alone.verdict == "reproduced" and alone.variant == "λ = 1"


def test_intervals_of_a_difference_are_put_together_by_hand() -> None:
    def between(low: float, high: float) -> Term:
        return Term(1, 1.0, lambda level: (low, high))

    one, other = between(0.7, 1.4), replace(between(0.8, 1.5), weight=-1, value=0.9)
    found = OfFits(("a",), ("b",), 0.1, terms=(one, other))
    assert found.low == pytest.approx(0.1 - math.hypot(0.3, 0.6)) and found.high == pytest.approx(0.1 + math.hypot(0.4, 0.1))
    unbounded = replace(found, terms=(between(0.7, math.inf), other))
    assert unbounded.high == math.inf and unbounded.low == found.low and unbounded.p == 1


def test_the_example_in_the_docs() -> None:
    page = " ".join((ROOT / "docs/how-a-claim-is-judged.md").read_text().split())
    terms = (Term(1, 0.72, lambda _: (0.61, 0.84)), Term(-1, 0.58, lambda _: (0.50, 0.64)))
    found = OfFits(("a→s",), ("t→s",), 0.72 - 0.58, terms=terms)
    assert "0.72 (0.61 … 0.84)" in page and "0.58 (0.50 … 0.64)" in page
    assert f"= {found.low:+.2f}, its upper end" in page and f"= {found.high:+.2f}. It is reproduced." in page


def test_p_is_where_the_interval_touches_zero() -> None:
    (row, *_) = rows_of("T1", trained(AS_THE_PAPER_HAS_IT, spread=1.0))
    assert isinstance(row.found, OfFits) and 0.001 < row.found.p < 1
    outer, inner = replace(row.found, level=1 - row.found.p * 0.9), replace(row.found, level=1 - row.found.p * 1.1)
    assert outer.low < 0 < outer.high and not inner.low < 0 < inner.high


def test_what_lacks_a_share_is_not_run() -> None:
    table = trained(AS_THE_PAPER_HAS_IT)
    whole = table[table["variant"] == ""]
    assert {row.verdict for row in rows_of("T1", whole) if not row.variant} == {"not run"}
    assert {row.verdict for claim in ("T1", "T2", "T3") for row in rows_of(claim, table.iloc[:0])} == {"not run"}
    no_alone = table[~table["variant"].str.startswith("soft")]
    assert {row.verdict for row in rows_of("T1", no_alone) if row.variant} == {"not run"}


def test_a_path_that_isnt_beside_its_direct_hop_is_one_line() -> None:
    values = {"kind": "nearer", "family": "plain", "shares": ["half", "quarter"], "path": ["10-4", "10-6-2"], "direct": "10-2"}
    claim = {"where": "x", "statement": "y", "comparisons": [values]}
    with pytest.raises(ValueError, match="isn't a way through one assistant beside 10-2"):
        claims.Claims.model_validate({"claims": {"A": claim}})
