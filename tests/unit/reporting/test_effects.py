"""Effects against textbook formulas, scipy's own tests, and simulated accuracies whose effects are known."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from takd.reporting.effects import Effect, Numbers, SharedSeeds, over_constant, together

CHAINS = list("abcdefghi")


def drawn(
    random: np.random.Generator,
    counts: tuple[int, ...],
    deviations: float | tuple[float, ...] = 0.3,
    effects: tuple[float, ...] = (0.0,) * len(CHAINS),
    of_seeds: float = 0.3,
) -> pd.DataFrame:
    """Accuracies of chains by seed: 50 + the chain's effect + the seed's + chance. counts: seeds a chain, from 0 on."""
    seeds = max(counts)
    values = 50 + np.array(effects[: len(counts)]) + of_seeds * random.normal(size=(seeds, 1))
    values = values + np.array(deviations) * random.normal(size=(seeds, len(counts)))
    for chain, count in enumerate(counts):
        values[count:, chain] = np.nan
    return pd.DataFrame(values, columns=CHAINS[: len(counts)])


def least_squares(table: pd.DataFrame, better: str, worse: str) -> tuple[float, float, int]:
    """Effect, its standard error and degrees of freedom of chain + seed, written out."""
    there = [(seed, chain, value) for seed, row in enumerate(table.to_numpy()) for chain, value in zip(table, row, strict=True)]
    there = [place for place in there if not math.isnan(place[2])]
    names = [*table.columns, *range(1, len(table))]
    design = np.array([[float(name in place[:2]) for name in names] for place in there])
    values = np.array([value for _, _, value in there])
    solution, _, rank, _ = np.linalg.lstsq(design, values, rcond=None)
    freedom = len(values) - int(rank)
    weights = np.array([float(name == better) - float(name == worse) for name in names])
    variance = ((values - design @ solution) ** 2).sum() / freedom
    return float(weights @ solution), math.sqrt(variance * weights @ np.linalg.pinv(design.T @ design) @ weights), freedom


def test_with_all_seeds_there_it_is_the_two_way_layout() -> None:
    table = drawn(np.random.default_rng(1), (6, 6, 6, 6), effects=(1.0, 0.0, 0.0, 0.0))
    found = SharedSeeds(table).effect(["a"], ["b"])
    values = table.to_numpy()
    left = values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + values.mean()
    error = math.sqrt((left**2).sum() / (3 * 5) * 2 / 6)
    assert (found.effect, found.error) == pytest.approx((values[:, 0].mean() - values[:, 1].mean(), error))
    assert (found.freedom, found.n, found.method) == (15, 6, "model")
    half = stats.t.ppf(0.975, 15) * error
    assert (found.low, found.high) == pytest.approx((found.effect - half, found.effect + half))
    assert found.deviation == pytest.approx(error * math.sqrt(6))


@pytest.mark.parametrize("gone", [[], [(2, "b")], [(2, "b"), (4, "a"), (0, "d")]])
def test_unequal_numbers_and_seeds_missing_in_the_middle(gone: list[tuple[int, str]]) -> None:
    table = drawn(np.random.default_rng(2), (7, 7, 5, 3))
    for place in gone:
        table.loc[place[0], place[1]] = np.nan
    for better, worse in (("a", "b"), ("d", "c"), ("a", "d")):
        found = SharedSeeds(table).effect([better], [worse])
        assert found.method == "model"
        assert (found.effect, found.error, found.freedom) == pytest.approx(least_squares(table, better, worse))
        assert found.n == table[[better, worse]].dropna().shape[0]


def test_the_mean_of_several_is_the_mean_of_their_effects() -> None:
    seeds = SharedSeeds(drawn(np.random.default_rng(20), (6, 6, 4, 3)))
    together_, *single = (seeds.effect(better, ["d"]) for better in (["a", "b", "c"], ["a"], ["b"], ["c"]))
    assert together_.effect == pytest.approx(np.mean([found.effect for found in single]))
    assert together_.method == "model"
    assert together_.error < min(found.error for found in single)


def test_two_chains_are_student_s_pairs() -> None:
    table = drawn(np.random.default_rng(4), (5, 5))
    found = SharedSeeds(table).effect(["a"], ["b"])
    interval = stats.ttest_rel(table["a"], table["b"])
    assert (found.low, found.high) == pytest.approx(tuple(interval.confidence_interval()))
    assert found.p == pytest.approx(interval.pvalue) and found.method == "pairs"


def test_without_common_seeds_they_are_welch_s_samples() -> None:
    table = drawn(np.random.default_rng(5), (9, 9), deviations=(0.2, 0.9))
    table.loc[:4, "a"] = np.nan
    table.loc[5:, "b"] = np.nan
    found = SharedSeeds(table).effect(["a"], ["b"])
    test = stats.ttest_ind(table["a"].dropna(), table["b"].dropna(), equal_var=False)
    assert found.p == pytest.approx(test.pvalue) and (found.n, found.method) == (4, "samples")
    assert (found.low, found.high) == pytest.approx(tuple(test.confidence_interval()))


def test_seeds_that_others_connect_are_enough_for_the_model() -> None:
    """a and b have no seed in common; c has them all, and d a few."""
    table = drawn(np.random.default_rng(6), (8, 8, 8, 6))
    table.loc[:3, "a"] = np.nan
    table.loc[4:, "b"] = np.nan
    found = SharedSeeds(table).effect(["a"], ["b"])
    assert (found.method, found.n) == ("model", 0)
    assert (found.effect, found.error, found.freedom) == pytest.approx(least_squares(table, "a", "b"))
    table.loc[4:, "c"] = np.nan  # now nothing connects b and c with a and d
    table.loc[:3, "d"] = np.nan
    assert SharedSeeds(table).model is None
    assert SharedSeeds(table).effect(["a"], ["b"]).method == "samples"
    assert SharedSeeds(table).effect(["b"], ["c"]).method == "pairs"


def test_a_chain_with_one_seed_has_an_effect_and_no_interval_and_changes_no_other() -> None:
    table = drawn(np.random.default_rng(7), (5, 5, 5, 1))
    seeds = SharedSeeds(table)
    found = seeds.effect(["d"], ["a"])
    assert found.effect == pytest.approx(table["d"][0] - table["a"][0]) and (found.n, found.method) == (1, "pairs")
    assert not found.has_interval and math.isnan(found.low) and math.isnan(found.p)
    assert seeds.effect(["b"], ["a"]) == SharedSeeds(table[["a", "b", "c"]]).effect(["b"], ["a"])


def test_ties_decide_nothing() -> None:
    tied = pd.DataFrame({"a": [71.5, 72.5, 70.0], "b": [70.0, 71.0, 68.5]})
    found = SharedSeeds(tied).effect(["a"], ["b"])
    assert found.effect == pytest.approx(1.5) and not found.has_interval and found.method == "pairs"
    all_tied = tied.assign(c=tied["a"] + 1)
    assert SharedSeeds(all_tied).model is None
    assert not SharedSeeds(all_tied).effect(["c"], ["b"]).has_interval
    separate = pd.DataFrame({"a": [70.0, 70.0, np.nan, np.nan], "b": [np.nan, np.nan, 69.0, 69.0]})
    assert not SharedSeeds(separate).effect(["a"], ["b"]).has_interval


def test_what_was_not_run_has_no_effect() -> None:
    seeds = SharedSeeds(pd.DataFrame({"a": [50.0, 51.0], "b": [np.nan, np.nan]}))
    for found in (seeds.effect(["a"], ["b"]), seeds.effect(["a"], ["unknown"]), seeds.effect(["a", "b"], ["a"])):
        assert found.method == "" and math.isnan(found.effect)


def test_a_constant_is_met_by_one_sample() -> None:
    values: pd.Series[float] = pd.Series([87.0, np.nan, 88.0, 90.0])
    found = over_constant(values, "ours", "theirs", 86.86)
    interval = stats.ttest_1samp(values.dropna() - 86.86, 0).confidence_interval()
    assert (found.low, found.high) == pytest.approx(tuple(interval)) and (found.n, found.method) == (3, "constant")
    assert over_constant(values.iloc[:0], "ours", "theirs", 86.86).method == ""


def test_additivity_is_tukey_s_one_degree_of_freedom() -> None:
    table = drawn(np.random.default_rng(8), (6, 6, 6, 6), effects=(3.0, 1.0, 0.0, -2.0), of_seeds=1.0)
    values = table.to_numpy()
    chain, seed = values.mean(axis=0) - values.mean(), values.mean(axis=1) - values.mean()
    product = np.outer(seed, chain)
    of_product = (product * values).sum() ** 2 / (product**2).sum()
    left = ((values - values.mean(axis=0) - seed[:, None]) ** 2).sum()
    p = stats.f.sf(of_product / ((left - of_product) / 14), 1, 14)
    assert SharedSeeds(table).premises.additivity == pytest.approx(p)


def test_a_seed_that_counts_more_for_some_chains_is_not_additive() -> None:
    table = drawn(np.random.default_rng(9), (8, 8, 8, 8), effects=(6.0, 3.0, 1.0, 0.0), of_seeds=1.0)
    values = table.to_numpy()
    seed = values.mean(axis=1) - values.mean()
    seeds = SharedSeeds(table + np.outer(seed, [1.5, 0.5, -0.5, -1.0]))
    assert seeds.premises.additivity < 0.001 and not seeds.premises.hold
    assert seeds.effect(["a"], ["b"]).method == "pairs"
    assert SharedSeeds(table).effect(["a"], ["b"]).method == "model"


def test_deviations_ten_times_apart_are_told_and_pairs_stand() -> None:
    random = np.random.default_rng(10)
    told = [SharedSeeds(drawn(random, (6, 6, 6, 6), (3.0, 0.3, 0.3, 0.3))).effect(["b"], ["c"]).method for _ in range(100)]
    assert told.count("pairs") >= 95
    alike = [SharedSeeds(drawn(random, (6, 6, 6, 6))).effect(["b"], ["c"]).method for _ in range(100)]
    assert alike.count("model") >= 80


def test_a_chain_whose_residuals_are_all_zero_does_not_scatter_like_others() -> None:
    """a is the mean of b and c, which move in opposite ways: the model finds nothing left of a."""
    move = np.array([0.3, -0.1, 0.4, -0.5, 0.2])
    table = pd.DataFrame({"a": 50 + 0 * move, "b": 50 + move, "c": 50 - move})
    assert SharedSeeds(table).premises.deviations == 0
    assert SharedSeeds(table).effect(["b"], ["c"]).method == "pairs"


def effects_of(p_values: Numbers) -> list[Effect]:
    return [Effect(("a",), ("b",), float(stats.t.isf(p / 2, 9)), 1.0, 9.0, 10, 1.0, "pairs") for p in p_values]


@pytest.mark.long
def test_signs_are_told_as_bonferroni_has_it() -> None:
    random = np.random.default_rng(11)
    for _ in range(20):
        p_values = random.beta(0.3, 2, size=8)
        held = together(effects_of(p_values))
        assert [effect.low > 0 for effect in held] == list(multipletests(p_values, method="bonferroni")[0])


def test_all_intervals_of_a_claim_hold_together_at_the_stated_rate() -> None:
    """Signs are told of all; by Holm's levels some interval of twelve would miss its effect in 15 of 100 claims."""
    random, missed = np.random.default_rng(15), 0
    for _ in range(1000):
        errors = random.normal(0, 1, 12)
        effects = [Effect(("a",), ("b",), 9 + float(error), 1.0, 1e6, 10, 1.0, "pairs") for error in errors]
        missed += any(not effect.low <= 9 <= effect.high for effect in together(effects))
    assert 0.02 < missed / 1000 < most(0.05, 1000)


def test_what_has_no_interval_does_not_count() -> None:
    effects = [*effects_of(np.array([1e-6, 1e-5, 0.03])), Effect(("a",), ("b",), 1.0, n=1, method="pairs"), Effect(("a",), ("c",))]
    held = together(effects)
    assert [effect.level for effect in held[:3]] == pytest.approx([1 - 0.05 / 3] * 3)
    assert not any(effect.has_interval for effect in held[3:])


def most(rate: float, draws: int) -> float:
    """What a count at that rate stays below, but for one case in a thousand."""
    return rate + 3.1 * math.sqrt(rate * (1 - rate) / draws)


def false_signs(random: np.random.Generator, draws: int, counts: tuple[int, ...], deviations: float | tuple[float, ...]) -> float:
    """In what share of claims, that each of the others differs from a, a sign is told, where none differs."""
    wrong = 0
    for _ in range(draws):
        seeds = SharedSeeds(drawn(random, counts, deviations))
        held = together([seeds.effect([chain], ["a"]) for chain in CHAINS[1 : len(counts)]])
        wrong += any(effect.low > 0 or effect.high < 0 for effect in held)
    return wrong / draws


def test_false_signs_stay_at_their_rate() -> None:
    rate = false_signs(np.random.default_rng(12), 1000, (6, 6, 5, 3), 0.3)
    assert 0.01 < rate < most(0.05, 1000)


def test_the_interval_holds_a_known_effect_as_often_as_it_says() -> None:
    random = np.random.default_rng(13)
    draws = [SharedSeeds(drawn(random, (6, 6, 3), 0.3, (0.5, 0.0, 0.0))).effect(["a"], ["c"]) for _ in range(500)]
    held = np.mean([found.low <= 0.5 <= found.high for found in draws])
    assert most(0.95, 500) > held > 1 - most(0.05, 500) - 0.01
    assert np.mean([found.effect for found in draws]) == pytest.approx(0.5, abs=0.05)


@pytest.mark.long
@pytest.mark.parametrize(
    ("counts", "deviations", "rate"),
    [
        ((10, 10, 10, 10), 0.3, 0.05),
        ((10, 10, 10, 10), (3.0, 0.3, 0.3, 0.3), 0.05),
        ((10, 10, 10, 10), (0.3, 0.3, 0.3, 3.0), 0.05),
        ((6, 6, 6, 6), (0.3, 0.3, 0.3, 3.0), 0.05),
        ((10, 10, 10, 3), (0.6, 0.3, 0.3, 0.3), 0.05),
        # What few seeds can't tell; docs/how-a-claim-is-judged.md says so.
        ((3, 3, 3, 3), (3.0, 0.3, 0.3, 0.3), 0.10),
        ((3, 3, 3, 3), (0.3, 0.3, 0.3, 3.0), 0.10),
        ((3, 3, 3, 3), (0.6, 0.3, 0.3, 0.3), 0.08),
        ((10, 10, 10, 3), (0.3, 0.3, 0.3, 0.7), 0.13),
        ((3,) * 9, (0.6, *[0.3] * 8), 0.14),
        ((*[10] * 5, *[3] * 4), (*[0.3] * 8, 0.7), 0.16),
        ((10, 10, 10, 10, 3), (*[0.3] * 4, 0.9), 0.16),
        ((3, 10, 10, 10, 10), (0.9, *[0.3] * 4), 0.16),
    ],
)
def test_false_signs_where_chains_scatter_differently(counts: tuple[int, ...], deviations: tuple[float, ...], rate: float) -> None:
    assert false_signs(np.random.default_rng(14), 2000, counts, deviations) < most(rate, 2000)
