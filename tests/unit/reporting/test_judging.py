"""The paper's claims, judged by made-up accuracies whose verdicts are known."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from takd.errors import ParameterError
from takd.reporting.judging import ALL, Measured, judge, supposed
from takd.reporting.verdicts import Judged, Row, counted_once, of_claim
from takd.study import claims

ROOT = Path(__file__).parents[3]
PAPER = claims.load(ROOT / "paper/claims.yaml")
PUBLISHED = pd.read_csv(ROOT / "paper/published.csv")
NO_RISES = pd.DataFrame({name: pd.Series(dtype=object) for name in ("dataset", "family", "chain", "seed", "rise", "matched_rise")})
READ = sorted({cell.chain for claim in PAPER.all().values() for cell in claim.cells(("cifar100",)) if cell.family == "plain"})
PATHS_TO_2 = ["10-8-2", "10-6-2", "10-4-2", "10-8-6-2", "10-8-4-2", "10-6-4-2", "10-8-6-4-2"]
NOISE = np.random.default_rng(0).normal(0, 1, (40, len(READ)))


def table(
    values: dict[str, float], column: str = "accuracy", seeds: int = 5, spread: float = 0.1, **changes: str | int
) -> pd.DataFrame:
    """Values of chains over seeds: the mean, and chance that follows the chain's name alone, of mean zero."""
    rows = []
    for chain, mean in values.items():
        noise = NOISE[:seeds, READ.index(chain) if chain in READ else len(chain)]
        rows += [(chain, seed, mean + spread * (noise[seed] - noise.mean())) for seed in range(seeds)]
    names: dict[str, Any] = {"dataset": "cifar100", "family": "plain", "variant": "", "epochs": 150, "training_share": 1.0}
    return pd.DataFrame(rows, columns=["chain", "seed", column]).assign(**(names | changes))


def judged(
    values: dict[str, float],
    *only: str,
    datasets: tuple[str, ...] = ("cifar100",),
    rises: dict[str, float] | None = None,
    **changes: Any,
) -> Judged:
    """Those claims judged, or all of them, with the premises."""
    of_rises = table(rises, "rise").drop(columns=["variant", "epochs", "training_share"]) if rises else NO_RISES
    of_rises = of_rises.assign(matched_rise=4 - of_rises["rise"])  # the other way round
    said = PAPER.model_copy(update={"claims": {name: PAPER.claims[name] for name in only or PAPER.claims}})
    return judge(said, datasets, Measured(table(values, **changes), of_rises, PUBLISHED, 0.3))


def plain(found: Judged, claim: str) -> list[Row]:
    return [row for row in found.of(claim) if row.family == "plain"]


ALONE = {"10": 60.0, "8": 56.0, "6": 53.0, "4": 48.0, "2": 40.0}


def as_the_paper_has_it() -> dict[str, float]:
    """Every hop that is added helps; size 4, whose 48 is nearest (60 + 40) / 2, is the best assistant of size 2."""
    hops = {chain: chain.count("-") for chain in READ}
    accuracy = {chain: ALONE.get(chain, ALONE[chain.split("-")[-1].partition("+")[0]] + 2.0 * hops[chain]) for chain in READ}
    accuracy |= {"10-4-2": 45.0, "10-2": 42.0, "8-2": 43.0, "6-2": 44.0, "4-2": 42.5}  # figure 2: up to 6, then down
    accuracy |= {"10-8": 56.5, "10-6": 54.0, "10-8-6-4-2": 50.0}
    return accuracy | {"10-4": 51.0}  # gains of figure 3: 0.9, 1.9, 6.3 and 5 %


@pytest.mark.parametrize("claim", ["C1", "C2", "C3", "C4", "C5", "C6", "S1", "S2"])
def test_accuracies_as_the_paper_has_them_reproduce_its_claims(claim: str) -> None:
    rows = plain(judged(as_the_paper_has_it(), claim), claim)
    assert of_claim(rows) == "reproduced", rows
    assert all(row.found.low > 0 and row.found.n == 5 for row in rows)


@pytest.mark.parametrize(
    ("claim", "change"),
    [
        ("C1", {"10-4-2": 41.0}),  # below BLKD
        ("C1", {"2": 43.0}),  # BLKD below NOKD
        ("C2", {"10-2": 49.0}),  # goes on rising
        ("C2", {"4-2": 49.0}),  # only falls
        ("C3", {"10-2": 48.0}),  # the gain goes on rising as the student shrinks
        ("C4", {"10-8-2": 41.0}),
        ("C5", {"10-8-2": 47.0}),
        ("C5", {"4": 42.0}),  # size 6 is now the nearest, and its 10-6-2 is below 10-4-2
        ("C6", {"10-8-6": 50.0}),
        ("C6", {"10-8-6-4-2": 43.5}),  # the full path isn't the best
        ("S1", {"8": 50.0}),
        ("S2", {"4-2": 46.0}),
    ],
)
def test_one_accuracy_the_other_way_contradicts(claim: str, change: dict[str, float]) -> None:
    assert of_claim(plain(judged(as_the_paper_has_it() | change, claim), claim)) == "contradicted"


def test_equal_paths_are_comparably_good_and_one_that_isn_t_contradicts() -> None:
    alike = as_the_paper_has_it() | dict.fromkeys(PATHS_TO_2, 45.0) | dict.fromkeys(("10-8-4", "10-6-4", "10-8-6-4"), 52.0)
    rows = plain(judged(alike, "S3"), "S3")
    assert len(rows) == 10 and of_claim(rows) == "reproduced" and {row.worse for row in rows} == {"mean of the others"}
    assert of_claim(plain(judged(alike | {"10-6-2": 46.0}, "S3"), "S3")) == "contradicted"
    assert rows[0].found.effect == pytest.approx(0.0, abs=1e-6)


RISES = {"2": 3.0, "10-2": 2.0, "10-4-2": 1.0}


@pytest.mark.parametrize(
    ("rises", "verdict"),
    [
        (RISES, "reproduced"),  # TAKD's rises least: the flattest
        (RISES | {"10-4-2": 2.5}, "contradicted"),  # steeper than BLKD's
        (RISES | {"2": 1.2}, "contradicted"),  # NOKD's is flatter than BLKD's
        (RISES | {"2": 2.01}, "undecided"),
        ({"2": 3.0, "10-2": 2.0}, "reproduced so far"),  # no surface of TAKD's
        (None, "not run"),
    ],
)
def test_the_lower_rise_is_the_flatter_surface(rises: dict[str, float] | None, verdict: str) -> None:
    rows = [row for row in plain(judged(as_the_paper_has_it(), "C8", rises=rises), "C8") if row.unit == "nats"]
    assert [(row.better, row.worse, row.unit) for row in rows] == [("10-4-2", "10-2", "nats"), ("10-2", "2", "nats")]
    assert of_claim(rows) == verdict
    if rises == RISES:
        assert [row.found.effect for row in rows] == pytest.approx([1.0, 1.0])
        assert (rows[0].better_mean, rows[0].worse_mean) == pytest.approx((1.0, 2.0))


def test_at_matched_temperature_another_surface_may_be_the_flatter() -> None:
    found = judged(as_the_paper_has_it(), "C8", rises=RISES)
    rows = [row for row in plain(found, "C8") if row.unit == "nats, matched"]
    assert [(row.better, row.worse, row.verdict) for row in rows] == [
        ("10-4-2", "10-2", "contradicted"),
        ("10-2", "2", "contradicted"),
    ]
    assert (rows[0].better_mean, rows[0].worse_mean) == pytest.approx((3.0, 2.0))
    assert of_claim(plain(found, "C8")) == "contradicted", "as flat as the paper says, but only where the logits are not scaled"
    assert len(counted_once(plain(found, "C8"))) == 4


def test_a_difference_of_gains_is_in_per_cent_of_nokd() -> None:
    found = judged(as_the_paper_has_it())
    assert {row.unit for row in plain(found, "C3")} == {"% of NOKD"} and {row.unit for row in plain(found, "C2")} == {"points"}
    # 51 / 48 over 56.5 / 56 and over 42 / 40
    assert [row.found.effect for row in plain(found, "C3")] == pytest.approx([6.25 - 0.89, 6.25 - 5.0], abs=0.02)


def test_a_missing_point_may_be_the_peak_so_nothing_is_contradicted() -> None:
    falling = as_the_paper_has_it() | {"10-2": 49.0}  # above 4-2, 6-2 and 8-2
    assert of_claim(plain(judged(falling, "C2"), "C2")) == "contradicted"
    assert of_claim(plain(judged({chain: value for chain, value in falling.items() if chain != "8-2"}, "C2"), "C2")) == "undecided"
    without = {chain: value for chain, value in as_the_paper_has_it().items() if chain != "4"}
    assert [row.better for row in plain(judged(without, "C3"), "C3")] == ["10-6"] * 2


def test_all_points_that_may_be_the_peak_were_asked_so_all_count() -> None:
    """With two ends and two points between, four intervals hold together, of which two are shown."""
    rows = plain(judged(as_the_paper_has_it(), "C2", spread=3.0), "C2")
    assert {row.found.level for row in rows} == {1 - 0.05 / 4}


def test_no_assistant_is_the_nearest_while_one_was_not_trained_alone() -> None:
    without = {chain: value for chain, value in as_the_paper_has_it().items() if chain != "6"}
    assert [(row.better, row.verdict) for row in plain(judged(without, "C5"), "C5")] == [("nearest the mean", "not run")]


def test_one_seed_decides_nothing_and_none_was_not_run() -> None:
    assert of_claim(plain(judged(as_the_paper_has_it(), "C1", seeds=1), "C1")) == "undecided"
    incomplete = as_the_paper_has_it()
    del incomplete["10-4-2"]
    assert [row.verdict for row in plain(judged(incomplete, "C1"), "C1")] == ["not run", "reproduced"]
    assert of_claim(plain(judged({"10": 60.0}, "C4"), "C4")) == "not run"
    assert all(row.verdict == "not run" for row in judged({}).rows)


def test_other_data_families_and_variants_are_not_mixed_in() -> None:
    assert all(row.verdict == "not run" for row in judged(as_the_paper_has_it(), "C1", variant="long").rows)
    assert all(row.verdict == "not run" for row in judged(as_the_paper_has_it(), "C1", family="pets").rows)
    assert {row.dataset for row in judged(as_the_paper_has_it(), "C6", datasets=("cifar10", "cifar100")).of("C6")} == {"cifar100"}


METHODS = ("fitnet", "at", "fsp", "bss", "mutual")
COMPARED = {"26-14-8": 88.0, "26-20-14": 91.2}
COMPARED |= {f"26-8+{method}": 87.0 + 0.1 * place for place, method in enumerate(METHODS)}
COMPARED |= {f"26-14+{method}": 90.0 + 0.1 * place for place, method in enumerate(METHODS)}


def compared(values: dict[str, float], claim: str, dataset: str = "cifar10", **changes: int) -> list[Row]:
    kind: dict[str, Any] = {"dataset": dataset, "family": "resnet", "variant": "comparison", "epochs": 80}
    return judged(values, claim, datasets=(dataset,), **(kind | changes)).of(claim)


def test_takd_is_compared_with_our_own_run_of_every_method() -> None:
    rows = compared(COMPARED, "C7")
    assert [(row.better, row.worse) for row in rows] == [
        *(("26-14-8", f"26-8+{method}") for method in METHODS),
        *(("26-20-14", f"26-14+{method}") for method in METHODS),
    ]
    assert of_claim(rows) == "reproduced" and {row.found.method for row in rows} == {"model"}
    assert rows[1].found.effect == pytest.approx(88.0 - 87.1) and rows[1].paper == pytest.approx(88.01 - 86.86)


@pytest.mark.parametrize("change", [{"26-8+at": 88.5}, {"26-14+mutual": 93.5}])
def test_takd_below_our_own_run_of_a_method_contradicts(change: dict[str, float]) -> None:
    assert of_claim(compared(COMPARED | change, "C7")) == "contradicted"
    assert of_claim(compared(COMPARED | change, "S7")) == "reproduced", "what is quoted is judged apart"


def test_what_is_quoted_is_compared_apart() -> None:
    rows = compared(COMPARED, "S7")
    quoted = ["FITNET (quoted)", "AT (quoted)", "FSP (quoted)", "BSS (quoted)"]
    assert [(row.better, row.worse) for row in rows] == [(takd, worse) for takd in ("26-14-8", "26-20-14") for worse in quoted]
    assert rows[1].found.effect == pytest.approx(88.0 - 86.86) and rows[1].worse_mean == 86.86
    assert {row.found.method for row in rows} == {"constant"}
    assert of_claim(compared(COMPARED | {"26-14-8": 86.0}, "S7")) == "contradicted"


def test_trainings_of_another_length_are_not_compared_with_quoted_numbers_and_toy_data_have_none() -> None:
    assert of_claim(compared(COMPARED, "C7", epochs=10)) == "reproduced"
    assert [row.verdict for row in compared(COMPARED, "S7", epochs=10)] == 8 * ["not run"]
    assert compared(COMPARED, "S7", "digits") == [] and len(compared(COMPARED, "C7", "digits")) == 10


def test_beside_an_effect_stands_whether_its_interval_holds_the_paper_s() -> None:
    takd, blkd = plain(judged(as_the_paper_has_it(), "C1"), "C1")
    assert [takd.paper, blkd.paper] == pytest.approx([44.92 - 44.57, 44.57 - 41.09])
    assert not takd.holds_paper and not blkd.holds_paper, "the made-up effects are 3 and 2 points"
    takd, _ = plain(judged(as_the_paper_has_it() | {"10-4-2": 42.35}, "C1"), "C1")
    assert takd.holds_paper
    assert all(math.isnan(row.paper) for row in plain(judged(as_the_paper_has_it(), "C2"), "C2"))


def test_an_open_comparison_says_how_many_seeds_the_paper_s_effect_takes() -> None:
    rows = plain(judged(as_the_paper_has_it() | {"10-4-2": 42.0}, "C1", spread=0.5), "C1")
    assert rows[0].verdict == "undecided" and rows[0].seeds_to_decide is not None and rows[1].seeds_to_decide is None


def test_a_claim_s_comparisons_are_judged_together() -> None:
    """Each of C4's six has to pass a sixth of 5 %."""
    rows = plain(judged(as_the_paper_has_it(), "C4"), "C4")
    assert [row.found.level for row in rows] == pytest.approx([1 - 0.05 / 6] * 6)


def test_a_joint_test_is_the_mean_of_its_chains_at_95_per_cent() -> None:
    found = judged(as_the_paper_has_it())
    (paths,) = (row for row in found.joint if row.label == "paths' mean above BLKD, student 2")
    mean = np.mean([as_the_paper_has_it()[path] for path in PATHS_TO_2])
    assert paths.found.effect == pytest.approx(mean - 42.0) and paths.found.level == 0.95 and paths.kind == "joint"
    assert paths.better == f"mean of {', '.join(PATHS_TO_2)}" and paths.better_mean == pytest.approx(mean)


def test_a_joint_test_over_data_sets_averages_independent_effects() -> None:
    both = pd.concat([table(as_the_paper_has_it()), table(as_the_paper_has_it(), spread=0.4, dataset="cifar10")])
    both.loc[(both["dataset"] == "cifar10") & (both["chain"] == "10-4-2"), "accuracy"] += 1.0
    found = judge(PAPER, ("cifar10", "cifar100"), Measured(both, NO_RISES, PUBLISHED, 0.3))
    (row,) = (row for row in found.joint if row.label == "TAKD above BLKD")
    its = [one for one in found.of("C1") if one.better == "10-4-2"]
    assert (row.dataset, row.family) == (ALL, "plain") and row.found.effect == pytest.approx((4.0 + 3.0) / 2)
    assert row.found.error == pytest.approx(math.hypot(*(one.found.error for one in its)) / 2)
    assert row.paper == pytest.approx((0.94 + 0.35) / 2)
    (mean,) = (row for row in found.joint if row.label == "assistants' mean above BLKD" and row.dataset == ALL)
    its = [row for row in found.joint if row.label == "assistants' mean above BLKD" and row.family == "plain"]
    assert [row.dataset for row in its] == ["cifar10", "cifar100", ALL] and mean.verdict == "reproduced"


def test_what_claims_suppose_is_met_by_a_ladder_and_not_by_a_better_assistant() -> None:
    met = judged(as_the_paper_has_it() | {"10-8": 58.0, "10-8-6": 56.0, "10-8-6-4": 53.0})
    assert supposed(PAPER.claims["C4"], met, "cifar100", "plain") == "met"
    assert supposed(PAPER.claims["C1"], met, "cifar100", "plain") == ""
    ladder = as_the_paper_has_it() | {"10-8": 58.0, "10-8-6": 56.0, "10-8-6-4": 53.0}
    better_assistant = judged(ladder | {"10-6": 64.0})
    assert supposed(PAPER.claims["C4"], better_assistant, "cifar100", "plain") == "not met"
    assert supposed(PAPER.claims["C2"], better_assistant, "cifar100", "plain") == "met", "C2 has no assistants"
    assert supposed(PAPER.claims["C2"], judged(as_the_paper_has_it() | {"8": 50.0}), "cifar100", "plain") == "not met"
    assert supposed(PAPER.claims["C4"], met, "cifar100", "resnet") == "not run"
    (against,) = (row for row in better_assistant.of("P1") if row.verdict == "contradicted")
    assert (against.better, against.worse) == ("10", "10-6") and against.worse_mean == pytest.approx(64.0)


@pytest.mark.parametrize(
    "premise",
    [
        {"kind": "above", "better": ["10-2"], "quoted": ["figure6/ResNet-8/FITNET"]},
        {"kind": "nearest", "assistants": {"10-4-2": "4", "10-6-2": "6"}, "between": ["10", "2"]},
        {"kind": "varied", "chains": ["10-2"], "by": "half"},
    ],
)
def test_what_a_claim_supposes_may_be_of_any_kind(premise: dict[str, Any]) -> None:
    known = claims.Claims.model_validate(
        {
            "claims": {"C": said({"kind": "order", "family": "plain", "chains": ["10-2", "2"]}) | {"supposes": ["P"]}},
            "premises": {"P": said(premise | {"family": "plain"})},
        }
    )
    found = judge(known, ("cifar100",), Measured(table({"10-2": 45.0, "2": 40.0}), NO_RISES, PUBLISHED, 0.3))
    assert supposed(known.claims["C"], found, "cifar100", "plain") == "not run"


def said(comparison: dict[str, Any]) -> dict[str, Any]:
    return {"where": "x", "statement": "It is so", "comparisons": [comparison]}


def test_the_models_that_intervals_rest_on_are_told_with_their_premises() -> None:
    found = judged(as_the_paper_has_it())
    (model,) = (one for one in found.models if one.claim == "C1")
    assert set(model.chains) == {"10-4-2", "10-2", "2"} and 0 < model.premises.additivity < 1 and 0 < model.premises.deviations < 1


def test_where_the_deviations_differ_pairs_stand() -> None:
    values = table(as_the_paper_has_it(), seeds=12)
    noisy = values["chain"] == "2"
    values.loc[noisy, "accuracy"] = 40.0 + 10 * (values.loc[noisy, "accuracy"] - 40.0)
    found = judge(PAPER, ("cifar100",), Measured(values, NO_RISES, PUBLISHED, 0.3))
    takd, blkd = plain(found, "C1")
    assert (takd.found.method, blkd.found.method) == ("pairs", "pairs")
    by_chain = values.pivot(index="seed", columns="chain", values="accuracy")
    assert takd.found.p == pytest.approx(stats.ttest_rel(by_chain["10-4-2"], by_chain["10-2"]).pvalue)


@pytest.mark.parametrize("equal_within", [0.0, -0.3, 50.1, math.nan, math.inf])
def test_a_margin_that_can_t_be_is_said_in_one_line(equal_within: float) -> None:
    with pytest.raises(ParameterError, match="claims: equal_within: expected percentage points above 0, at most 50, not") as caught:
        Measured(table({}), NO_RISES, PUBLISHED, equal_within)
    assert "\n" not in str(caught.value)
