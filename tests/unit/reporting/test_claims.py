"""Claims against hand-made accuracies whose verdict is obvious."""

import math

import pandas as pd
import pytest
from scipy import stats

from takd.errors import ParameterError
from takd.reporting import accuracy as accuracies
from takd.reporting import artifacts, flatness, tables
from takd.reporting.claims import Comparison, Judge, as_csv, as_markdown, compare, read_statements, verdict_of
from tests.conftest import ROOT

ARTIFACTS = artifacts.load(ROOT / "paper/artifacts.yaml")
PUBLISHED = tables.read_published(ROOT / "paper/published.csv")
STATEMENTS = read_statements(ROOT / "paper/claims.csv")


def by_seed(*values: float) -> "pd.Series[float]":
    return pd.Series(list(values), index=range(len(values)))


def swing(chain: str) -> float:
    """How a made-up chain follows its seed: each by another factor, as equal ones would leave no deviation of the difference."""
    return (1 if "-" in chain else -1) * (1 + 0.02 * sum(int(digit) for digit in chain if digit.isdigit()))


def judge(
    accuracy_of: dict[str, float], spread: float = 0.1, seeds: int = 3, rise_of: dict[str, float] | None = None
) -> dict[str, list[Comparison]]:
    """Comparisons by claim, for plain CNNs on CIFAR-100 with these mean accuracies and rises of their loss surfaces."""
    rows = [
        ("cifar100", "plain", chain, seed, mean + spread * (seed - 1) * swing(chain))
        for chain, mean in accuracy_of.items()
        for seed in range(seeds)
    ]
    table = (
        pd.DataFrame(rows, columns=["dataset", "family", "chain", "seed", "accuracy"])
        .assign(variant="")
        .reindex(columns=accuracies.COLUMNS)
    )
    rise_rows = [
        ("cifar100", "plain", chain, seed, mean + spread * (seed - 1) * swing(chain))
        for chain, mean in (rise_of or {}).items()
        for seed in range(seeds)
    ]
    rises = pd.DataFrame(rise_rows, columns=["dataset", "family", "chain", "seed", "rise"]).reindex(columns=flatness.COLUMNS)
    found: dict[str, list[Comparison]] = {}
    for comparison in Judge(table, ARTIFACTS, ("cifar100",), PUBLISHED, rises).comparisons():
        if comparison.family == "plain" and comparison.dataset == "cifar100":
            found.setdefault(comparison.claim, []).append(comparison)
    return found


ALL = [cell.chain for cell in ARTIFACTS["figure5"].cells(("cifar100",))] + ["8-2", "6-2", "4-2"]
ALONE = {"10": 60.0, "8": 56.0, "6": 53.0, "4": 48.0, "2": 40.0}


def as_the_paper_has_it() -> dict[str, float]:
    """Every hop that is added helps; size 4, whose 48 is nearest (60 + 40) / 2, is the best assistant of size 2."""
    accuracy = ALONE | {chain: ALONE[chain.split("-")[-1]] + 2.0 * chain.count("-") for chain in ALL if "-" in chain}
    accuracy |= {"10-4-2": 45.0, "10-2": 42.0, "8-2": 43.0, "6-2": 44.0, "4-2": 42.5}  # figure 2: up to 6, then down
    accuracy |= {"10-8": 56.5, "10-6": 54.0, "10-8-6-4-2": 50.0}
    return accuracy | {"10-4": 51.0}  # gains of figure 3: 0.9, 1.9, 6.3 and 5 %


@pytest.mark.parametrize("claim", ["C1", "C2", "C3", "C4", "C5", "C6"])
def test_accuracies_as_the_paper_has_them_reproduce_its_claims(claim: str) -> None:
    comparisons = judge(as_the_paper_has_it())[claim]
    assert verdict_of(comparisons) == "reproduced", comparisons
    assert all(comparison.low > 0 and comparison.n == 3 for comparison in comparisons)


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
    ],
)
def test_one_accuracy_the_other_way_contradicts(claim: str, change: dict[str, float]) -> None:
    assert verdict_of(judge(as_the_paper_has_it() | change)[claim]) == "contradicted"


RISES = {"2": 3.0, "10-2": 2.0, "10-4-2": 1.0}


@pytest.mark.parametrize(
    ("rises", "verdict"),
    [
        (RISES, "reproduced"),  # TAKD's rises least: the flattest
        (RISES | {"10-4-2": 2.5}, "contradicted"),  # steeper than BLKD's
        (RISES | {"2": 1.2}, "contradicted"),  # NOKD's is flatter than BLKD's
        (RISES | {"2": 2.01}, "undecided"),
        ({"2": 3.0, "10-2": 2.0}, "undecided"),  # no surface of TAKD's
        ({}, "not run"),
    ],
)
def test_the_lower_rise_is_the_flatter_surface(rises: dict[str, float], verdict: str) -> None:
    comparisons = judge(as_the_paper_has_it(), rise_of=rises)["C8"]
    assert [(c.better, c.worse, c.unit) for c in comparisons] == [("10-4-2", "10-2", "nats"), ("10-2", "2", "nats")]
    assert verdict_of(comparisons) == verdict


def test_a_difference_of_losses_is_in_nats() -> None:
    comparisons = judge(as_the_paper_has_it(), rise_of=RISES)
    assert [c.effect for c in comparisons["C8"]] == pytest.approx([1.0, 1.0])
    text = as_markdown(STATEMENTS, comparisons["C8"] + comparisons["C1"])
    assert text.count("| nats ") == 2 and text.count("| points ") == len(comparisons["C1"])


def test_a_difference_of_gains_is_in_per_cent_of_nokd() -> None:
    comparisons = judge(as_the_paper_has_it())
    assert {c.unit for c in comparisons["C3"]} == {"% of NOKD"}
    assert {c.unit for c in comparisons["C2"]} == {"points"}
    # 51 / 48 over 42 / 40 and over 56.5 / 56
    assert [c.effect for c in comparisons["C3"]] == pytest.approx([6.25 - 5.0, 6.25 - 0.89], abs=0.02)


def test_a_missing_point_may_be_the_peak_so_nothing_is_contradicted() -> None:
    falling = as_the_paper_has_it() | {"10-2": 49.0}  # above 4-2, 6-2 and 8-2
    assert verdict_of(judge(falling)["C2"]) == "contradicted"
    assert verdict_of(judge({chain: value for chain, value in falling.items() if chain != "8-2"})["C2"]) == "undecided"
    without = {chain: value for chain, value in as_the_paper_has_it().items() if chain != "4"}
    assert [c.better for c in judge(without)["C3"]] == ["gain of 10-6"] * 2


def test_a_variant_s_table_is_not_the_paper_s() -> None:
    changed = ARTIFACTS | {"table2": ARTIFACTS["table2"].model_copy(update={"variant": "comparison"})}
    empty = pd.DataFrame(columns=accuracies.COLUMNS)
    claims = {c.claim for c in Judge(empty, changed, ("cifar10",), PUBLISHED, NO_RISES).comparisons()}
    assert claims == {"C1", "C2", "C3", "C6", "C7", "C8"}


def test_a_quoted_number_beside_paths_is_no_path() -> None:
    table2 = ARTIFACTS["table2"]
    assert isinstance(table2, artifacts.Table)
    rows = tuple(row.model_copy(update={"chains": row.chains | {"others": "quoted"}}) for row in table2.rows)
    empty = pd.DataFrame(columns=accuracies.COLUMNS)
    changed = ARTIFACTS | {"table2": table2.model_copy(update={"rows": rows})}
    assert Judge(empty, changed, ("cifar10",), PUBLISHED, NO_RISES).comparisons()


def test_every_assistant_and_every_path_is_compared_with_blkd_and_nokd() -> None:
    comparisons = {claim: [(c.better, c.worse) for c in its] for claim, its in judge(as_the_paper_has_it()).items()}
    paths = ("10-8-2", "10-6-2", "10-4-2")
    assert comparisons["C4"] == [(path, worse) for path in paths for worse in ("10-2", "2")]
    of_4 = ["10-8-4", "10-6-4", "10-8-6-4"]
    of_2 = ["10-8-2", "10-6-2", "10-4-2", "10-8-6-2", "10-8-4-2", "10-6-4-2", "10-8-6-4-2"]
    expected = {("10-8-6", "10-6"), ("10-8-6", "6")}
    expected |= {(path, worse) for path in of_4 for worse in ("10-4", "4")} | {("10-8-6-4", other) for other in of_4[:-1]}
    expected |= {(path, worse) for path in of_2 for worse in ("10-2", "2")} | {("10-8-6-4-2", other) for other in of_2[:-1]}
    assert len(comparisons["C6"]) == len(expected) and set(comparisons["C6"]) == expected


def test_what_spans_zero_is_undecided() -> None:
    comparisons = judge(as_the_paper_has_it(), spread=3)["C1"]
    assert verdict_of(comparisons) == "undecided"
    for comparison in comparisons:
        if comparison.verdict == "undecided":
            assert comparison.low < 0 < comparison.high and comparison.seeds_to_decide is not None


def test_one_seed_decides_nothing_and_none_was_not_run() -> None:
    assert verdict_of(judge(as_the_paper_has_it(), seeds=1)["C1"]) == "undecided"
    incomplete = as_the_paper_has_it()
    del incomplete["10-4-2"]
    assert [c.verdict for c in judge(incomplete)["C1"]] == ["not run", "reproduced"]
    assert verdict_of(judge(incomplete)["C1"]) == "undecided"
    assert verdict_of(judge({"10": 60.0})["C4"]) == verdict_of([]) == "not run"


def compared(dataset: str, accuracy_of: dict[str, float], seeds: int = 3, epochs: int = 80) -> list[Comparison]:
    """The comparisons of C7 for ResNets of Figure 6's variant with these mean accuracies."""
    rows = [
        (dataset, "resnet", chain, seed, mean + 0.1 * (seed - (seeds - 1) / 2) * (1 if "mutual" in chain else -1))
        for chain, mean in accuracy_of.items()
        for seed in range(seeds)
    ]
    table = pd.DataFrame(rows, columns=["dataset", "family", "chain", "seed", "accuracy"])
    table = table.assign(variant="comparison", epochs=epochs).reindex(columns=accuracies.COLUMNS)
    return [c for c in Judge(table, ARTIFACTS, (dataset,), PUBLISHED, NO_RISES).comparisons() if c.claim == "C7"]


NO_RISES = pd.DataFrame(columns=flatness.COLUMNS)
COMPARED = {"26-14-8": 88.0, "26-8+mutual": 87.5, "26-20-14": 91.2, "26-14+mutual": 90.5}


def test_takd_is_compared_with_every_quoted_number_and_with_our_mutual_learning() -> None:
    comparisons = compared("cifar10", COMPARED)
    others = ["FITNET (quoted)", "AT (quoted)", "FSP (quoted)", "BSS (quoted)"]
    assert [(c.better, c.worse) for c in comparisons] == [
        *(("26-14-8", worse) for worse in (*others, "26-8+mutual")),
        *(("26-20-14", worse) for worse in (*others, "26-14+mutual")),
    ]
    assert verdict_of(comparisons) == "reproduced" and all(c.n == 3 for c in comparisons)
    quoted = PUBLISHED.query("artifact == 'figure6' and column == 'AT'")["accuracy"]
    assert [comparisons[1].effect, comparisons[6].effect] == pytest.approx([88.0 - quoted.min(), 91.2 - quoted.max()])


@pytest.mark.parametrize("change", [{"26-14-8": 86.0, "26-8+mutual": 85.0}, {"26-14+mutual": 93.5}])
def test_takd_below_a_quoted_number_or_our_mutual_learning_contradicts(change: dict[str, float]) -> None:
    assert verdict_of(compared("cifar10", COMPARED | change)) == "contradicted"


def test_shorter_trainings_are_not_compared_with_quoted_numbers() -> None:
    verdicts = {c.worse: c.verdict for c in compared("cifar10", COMPARED, epochs=10)}
    assert verdicts.pop("26-8+mutual") == verdicts.pop("26-14+mutual") == "reproduced"
    assert set(verdicts.values()) == {"not run"} and len(verdicts) == 4


def test_a_quoted_number_is_a_constant() -> None:
    ours = by_seed(87.0, 88.0, 90.0)
    _, low, high, n, _, _ = compare(ours, 86.86)
    interval = stats.ttest_1samp(ours, 86.86).confidence_interval(0.95)
    assert (low, high) == pytest.approx((interval.low - 86.86, interval.high - 86.86)) and n == 3


def test_without_our_networks_the_comparison_was_not_run_and_toy_data_have_no_quoted_numbers() -> None:
    assert {c.verdict for c in compared("cifar10", {"8": 86.0})} == {"not run"}
    half = compared("cifar10", {"26-14-8": 88.0})
    assert [c.verdict for c in half] == [*["reproduced"] * 4, *["not run"] * 6]
    assert verdict_of(compared("cifar10", COMPARED, seeds=1)) == "undecided"
    assert [c.worse for c in compared("digits", COMPARED)] == ["26-8+mutual", "26-14+mutual"]


def test_the_interval_is_students_for_pairs() -> None:
    better, worse = by_seed(50.0, 52.0, 57.0), by_seed(49.0, 50.0, 54.0)
    effect, low, high, n, verdict, _ = compare(better, worse)
    test = stats.ttest_rel(better, worse).confidence_interval(0.95)
    assert (effect, n, verdict) == (2.0, 3, "undecided")
    assert (low, high) == pytest.approx((test.low, test.high))


def test_only_seeds_that_both_have_are_compared() -> None:
    assert compare(by_seed(50.0, 51.0, 52.0), by_seed(49.0, 50.0))[3] == 2
    assert compare(by_seed(50.0), pd.Series({7: 49.0}))[4] == "not run"


# Sizes of a two-sided paired t-test at 5 % with a power of 80 %, for an effect of that many deviations (Cohen's tables; G*Power).
@pytest.mark.parametrize(("effect", "pairs"), [(0.2, 199), (0.5, 34), (0.8, 15), (1.0, 10)])
def test_seeds_to_decide_are_those_of_a_paired_t_test_with_a_power_of_80_per_cent(effect: float, pairs: int) -> None:
    zero = by_seed(0.0, 0.0, 0.0)
    found, _, _, _, verdict, needed = compare(by_seed(effect, effect + 1, effect - 1), zero)
    assert found == pytest.approx(effect) and (verdict, needed) == ("undecided", pairs)
    assert compare(by_seed(-effect, -effect + 1, -effect - 1), zero)[5] == pairs


def test_an_effect_too_small_to_decide_has_no_number_of_seeds() -> None:
    assert compare(by_seed(1.0, -1.0), by_seed(0.0, 0.0))[5] is None
    assert compare(by_seed(1.01, -1.0), by_seed(0.0, 0.0))[5] is None


def test_one_contradiction_among_many_has_to_be_clear_of_chance() -> None:
    lower, higher = by_seed(0.0, 0.3, 0.1), by_seed(1.0, 1.9, 1.3)
    alone = Comparison("C4", "cifar10", "plain", "10-4-2", "2", *compare(lower, higher))
    others = [Comparison("C4", "cifar10", "plain", "10-4-2", "2", *compare(higher, lower))] * 9
    assert alone.verdict == verdict_of([alone]) == "contradicted"
    p = stats.ttest_rel(lower, higher).pvalue
    assert 0.05 / 10 < p < 0.05
    assert verdict_of([alone, *others]) == "undecided"
    clearer = Comparison("C4", "cifar10", "plain", "10-4-2", "2", *compare(lower - 10, higher))
    assert stats.ttest_rel(lower - 10, higher).pvalue < 0.05 / 10
    assert verdict_of([clearer, *others]) == "contradicted"


def test_accuracies_on_held_out_images_are_said_to_be() -> None:
    assert "ON HELD-OUT TRAINING IMAGES" in as_markdown(STATEMENTS, [], held_out=True)
    assert "HELD-OUT" not in as_markdown(STATEMENTS, [])


def test_verdicts_are_printed_for_every_claim() -> None:
    comparisons = [c for its in judge(as_the_paper_has_it(), rise_of=RISES).values() for c in its]
    text = as_markdown(STATEMENTS, comparisons)
    for claim in ("C1", "C2", "C3", "C4", "C5", "C6", "C8"):
        assert f"| {claim} " in text
    summary = text.split("\n\n")[3]
    assert summary.count("**reproduced**") == 7 and summary.count("**not run**") == 1
    assert len(as_csv(comparisons).splitlines()) == len(comparisons) + 1


def test_seeds_that_agree_to_the_digit_decide_nothing() -> None:
    effect, low, high, n, verdict, needed = compare(by_seed(71.5, 72.5), by_seed(70.0, 71.0))
    assert (effect, n, verdict, needed) == (1.5, 2, "undecided", None)
    assert math.isnan(low) and math.isnan(high)


def test_a_specification_without_what_a_claim_compares_is_named() -> None:
    empty = pd.DataFrame(columns=accuracies.COLUMNS)

    def judged(name: str, **changes: object) -> None:
        changed = ARTIFACTS | {name: ARTIFACTS[name].model_copy(update=changes)}
        Judge(empty, changed, ("cifar10",), PUBLISHED, NO_RISES).comparisons()

    for name in ("table1", "figure6", "figure7"):
        table = ARTIFACTS[name]
        assert isinstance(table, artifacts.Table | artifacts.Surfaces)
        rows = tuple(row.model_copy(update={"chains": {"NOKD": "2"}}) for row in table.rows)
        with pytest.raises(ParameterError, match=f"{name}: its claim compares TAKD.*; there is no TAKD"):
            judged(name, rows=rows)
    table2 = ARTIFACTS["table2"]
    assert isinstance(table2, artifacts.Table)
    for chains in ({"a": "2"}, {"a": "10-2"}, {"a": "10-4-2", "b": "8-4-2"}, {"a": "10-6-2", "b": "10-6-4"}):
        with pytest.raises(
            ParameterError, match=f"assistants of one teacher and one student; a row has {', '.join(chains.values())}"
        ):
            judged("table2", rows=tuple(row.model_copy(update={"chains": chains}) for row in table2.rows))
    figure = ARTIFACTS["figure2"]
    assert isinstance(figure, artifacts.Lines)
    (panel,) = figure.panels
    shorter = panel.series[0].model_copy(update={"points": {"4": "4-2", "6": "6-2"}})
    with pytest.raises(ParameterError, match="claim C2: needs three points or more to rise and fall, not 4-2, 6-2"):
        judged("figure2", panels=(panel.model_copy(update={"series": (shorter,)}),))
    with pytest.raises(ParameterError, match="table1: its claim needs the kind table, not paths"):
        Judge(empty, ARTIFACTS | {"table1": ARTIFACTS["figure5"]}, ("cifar10",), PUBLISHED, NO_RISES).comparisons()
