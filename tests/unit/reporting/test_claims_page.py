"""claims.csv and claims.md: what people and programs read of verdicts; and the example in docs, recomputed."""

import math
import re
from dataclasses import replace
from io import StringIO
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt
from scipy import stats

from takd.markdown import aligned, escaped
from takd.reporting.beside_the_paper import distance, orders
from takd.reporting.claims_page import COLUMNS, as_csv, as_markdown
from takd.reporting.context import of_all_accuracies
from takd.reporting.effects import SharedSeeds
from takd.reporting.judging import Measured, judge
from takd.study import claims
from takd.study.own_claims import of_own_study

ROOT = Path(__file__).parents[3]
PAPER = claims.load(ROOT / "paper/claims.yaml")
PUBLISHED = pd.read_csv(ROOT / "paper/published.csv")
ACCURACY = ROOT / "results/published/quick/accuracy.csv"
DATASETS = ("cifar10", "cifar100")
NO_RISES = pd.DataFrame({name: pd.Series(dtype=object) for name in ("dataset", "family", "chain", "seed", "rise", "matched_rise")})


def read_accuracy() -> pd.DataFrame:
    return pd.read_csv(ACCURACY, dtype={"chain": str, "variant": str}).fillna({"variant": ""})


@pytest.fixture(scope="module")
def pages() -> tuple[pd.DataFrame, str]:
    """claims.csv, read again, and claims.md, of the accuracies in results/published/quick."""
    measured = Measured(read_accuracy(), NO_RISES, PUBLISHED, 0.3)
    judged = judge(PAPER, DATASETS, measured)
    table = pd.read_csv(StringIO(as_csv(PAPER, judged)), dtype={"better": str, "worse": str})
    return table, as_markdown(PAPER, judged, measured)


def tables(markdown: str) -> dict[str, list[list[str]]]:
    """The tables of a page by the heading before them, as a browser would show them."""
    found: dict[str, list[list[str]]] = {}
    heading = ""
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    for token, following in pairwise(tokens):
        if token.type == "heading_open":
            heading = following.content
        elif token.type == "tr_open":
            found.setdefault(heading, []).append([])
        elif token.type in ("th_open", "td_open"):
            children = following.children or []
            found[heading][-1].append("".join(child.content for child in children))
    return found


def test_claims_csv_is_tidy_a_row_a_comparison(pages: tuple[pd.DataFrame, str]) -> None:
    table, _ = pages
    assert list(table.columns) == [*COLUMNS, "premise"]
    single = table[table["kind"] != "joint"]
    assert not single.duplicated(["claim", "dataset", "family", "variant", "unit", "better", "worse"]).any()
    expected = sum(
        (2 if one.kind == "peak" else len(one.compared) - 1 if one.kind == "nearest" else len(one.pairs()))
        * len(one.shown(DATASETS))
        for claim in PAPER.all().values()
        for one in claim.comparisons
    )
    quoted = 4 * 2
    not_trained_alone = 2 * (3 - 1)  # of the nearest ResNet one row says so for each data set, not three
    assert len(single) == expected + quoted - not_trained_alone
    row = table[(table["claim"] == "C1") & (table["dataset"] == "cifar100") & (table["better"] == "10-4-2")].iloc[0]
    assert row["effect"] == pytest.approx(row["better_mean"] - row["worse_mean"], abs=2e-4), "both have all seeds"
    assert row["low"] < row["effect"] < row["high"] and row["paper_effect"] == pytest.approx(0.35) and bool(row["holds_paper"])


def test_every_claim_has_a_verdict_and_the_counts_add_up(pages: tuple[pd.DataFrame, str]) -> None:
    table, text = pages
    summary = tables(text)[""]
    assert [line[0] for line in summary[1:]] == list(PAPER.claims)
    for line in summary[1:]:
        of_claim = table[(table["claim"] == line[0]) & (table["kind"] != "joint")]
        counted = {verdict: int(count) for count, verdict in re.findall(r"(\d+) ([a-z ]+)", line[4])}
        assert counted == of_claim["verdict"].value_counts().to_dict()
    once = re.search(r"counted once[^:]*: (\d+), of which (.*)\.", text)
    assert once is not None
    single = table[(table["kind"] != "joint") & table["claim"].isin(list(PAPER.claims))]
    different = single.drop_duplicates(["dataset", "family", "variant", "unit", "better", "worse"])
    assert int(once[1]) == sum(map(int, re.findall(r"\d+", once[2]))) < len(single)
    equal = single[single["kind"] == "equal"]
    assert abs(int(once[1]) - len(different)) <= len(equal), "apart from `mean of the others`, whose others differ"


def test_a_premise_that_is_not_met_is_said_with_its_numbers(pages: tuple[pd.DataFrame, str]) -> None:
    table, text = pages
    lines = {(line[0], line[2]): line for line in tables(text)["What claims suppose"][1:]}
    assistants = lines["P1", "CIFAR-100"]
    assert assistants[4] == "premise not met" and "10-6 has 60.20, 10 56.40 (+3.80" in assistants[5]
    alone = lines["S1", "CIFAR-100"]
    assert alone[4] == "premise not met" and "6 has 56.11, 8 54.20 (+1.90" in alone[5]
    assert set(assistants[6].split(", ")) == {"C4", "C5", "C6"}
    of_c6 = table[(table["claim"] == "C6") & (table["kind"] != "joint")]
    assert set(of_c6["premise"]) == {"not met"}
    assert "not met on CIFAR-100, plain" in next(line for line in tables(text)[""] if line[0] == "C6")[5]


def test_the_paper_is_held_against_itself(pages: tuple[pd.DataFrame, str]) -> None:
    lines = tables(pages[1])["The paper's numbers against its own claims"][1:]
    assert lines == [
        ["C4, C6", "CIFAR-100", "plain", "10-8-2: 44.28", "10-2: 44.57", "-0.29"],
        ["C4, C6", "CIFAR-100", "plain", "10-6-2: 44.57", "10-2: 44.57", "equal"],
    ]
    assert "88.98 (table1/ResNet/TAKD) and 88.90 (table3/ResNet/TA=20)" in pages[1]


def test_it_says_where_accuracies_are_of_held_out_images() -> None:
    measured = Measured(read_accuracy().iloc[:0], NO_RISES, PUBLISHED, 0.3)
    judged = judge(PAPER, DATASETS, measured)
    said = of_all_accuracies(True, "held_out")
    assert "ON HELD-OUT TRAINING IMAGES" in as_markdown(PAPER, judged, measured, said=said)
    assert "HELD-OUT" not in as_markdown(PAPER, judged, measured)


def test_without_any_network_all_was_not_run_and_the_paper_still_stands_against_itself() -> None:
    measured = Measured(read_accuracy().iloc[:0], NO_RISES, PUBLISHED, 0.3)
    judged = judge(PAPER, DATASETS, measured)
    found = tables(as_markdown(PAPER, judged, measured))
    assert set(found) == {"", "The paper's numbers against its own claims"}
    assert {line[1] for line in found[""][1:]} == {"not run"}


def test_the_same_accuracies_in_another_order_give_the_same_bytes() -> None:
    accuracy = read_accuracy()
    accuracy = accuracy[accuracy["dataset"] == "cifar10"]
    written = []
    for table in (accuracy, accuracy.sample(frac=1, random_state=1)):
        measured = Measured(table, NO_RISES, PUBLISHED, 0.3)
        judged = judge(PAPER, DATASETS, measured)
        written.append(as_csv(PAPER, judged) + as_markdown(PAPER, judged, measured))
    assert written[0] == written[1]


HOSTILE = "a | b\nc <script>alert(1)</script> *d* `e` [f](g) \\| &lt; __h__ ~~i~~ # j"


def test_markdown_in_a_text_is_shown_and_not_obeyed() -> None:
    html = (
        MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(aligned([["head"], [escaped(HOSTILE)]]))
    )
    assert html.count("<td>") == 1 and not re.search(r"<(script|em|code|a|strong|s|h1)\b", html)
    cell = re.search(r"<td>(.*)</td>", html)
    assert cell is not None
    shown = cell[1].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    assert shown == " ".join(HOSTILE.split())


def test_chains_of_another_recipe_are_told_from_the_main_ones_where_intervals_suppose_something() -> None:
    measured = Measured(read_accuracy(), NO_RISES, PUBLISHED, 0.3)
    judged = judge(PAPER, DATASETS, measured)
    heading = "What intervals suppose"
    assert "variant" not in tables(as_markdown(PAPER, judged, measured))[heading][0]
    longer = [replace(model, variant="comparison") for model in judged.models[:1]]
    both = replace(judged, models=[*judged.models[:1], *longer])
    header, *lines = tables(as_markdown(PAPER, both, measured))[heading]
    assert [line[header.index("variant")] for line in lines] == ["", "comparison"]


def test_a_claim_with_markdown_in_it_keeps_its_row(tmp_path: Path) -> None:
    path = tmp_path / "claims.yaml"
    path.write_text(
        "claims:\n  A:\n    where: 'Table | 1'\n    statement: '*It* is | so <b>'\n"
        "    comparisons: [{kind: order, family: plain, chains: [10-2, 2]}]\n"
    )
    own = claims.load(path)
    measured = Measured(read_accuracy(), NO_RISES, PUBLISHED, 0.3)
    text = as_markdown(own, judge(own, DATASETS, measured), measured)
    assert tables(text)[""][1][2:4] == ["Table | 1", "*It* is | so <b>"]


def test_a_study_of_one_s_own_confirms_and_the_paper_s_claims_are_reproduced(pages: tuple[pd.DataFrame, str]) -> None:
    """The same numbers by both words, which stand in the second column; programs read one word of both."""
    own = of_own_study("plain", ["10", "4", "2"])
    measured = Measured(read_accuracy().query("dataset == 'cifar10'"), NO_RISES, PUBLISHED.iloc[:0], 0.3)
    judged = judge(own, ("cifar10",), measured)
    text = as_markdown(own, judged, measured, own=True)
    assert "reproduced" not in text and "paper" not in text and "reproduced" in as_csv(own, judged)
    assert {line[1] for line in tables(text)["Comparisons that were run"][1:]} == {"confirmed"}
    assert [line[:2] for line in tables(text)[""]] == [["claim", "verdict"], ["teacher", "confirmed"], ["assistant", "confirmed"]]
    assert tables(pages[1])["Comparisons that were run"][0][:2] == ["claim", "verdict"]
    assert "reproduced" in pages[1] and "confirmed" not in pages[1]


@pytest.mark.parametrize(
    ("seeds", "apart", "said"),
    [
        (1, 0.0, "A row of one seed has no interval"),
        (3, 0.0, "A row of several seeds has no interval where their differences are equal"),
        (3, 0.1, None),
    ],
)
def test_the_page_says_why_there_is_no_interval(seeds: int, apart: float, said: str | None) -> None:
    own = of_own_study("plain", ["10", "4", "2"])
    chains = {"2": 70.0, "10-2": 71.0, "10-4-2": 71.0}
    rows = [
        ("cifar10", "plain", chain, "", seed, accuracy + seed + apart * seed * chain.count("-"))
        for chain, accuracy in chains.items()
        for seed in range(seeds)
    ]
    table = pd.DataFrame(rows, columns=["dataset", "family", "chain", "variant", "seed", "accuracy"])
    table = table.assign(best_test_accuracy=table["accuracy"], epochs=10, training_share=1.0)
    measured = Measured(table, NO_RISES, PUBLISHED.iloc[:0], 0.3)
    text = as_markdown(own, judge(own, ("cifar10",), measured), measured, own=True)
    assert ("has no interval" in text) == (said is not None) and (said or "") in text


# docs/how-a-claim-is-judged.md


def by_hand(table: pd.DataFrame, paths: list[str], blkd: str) -> tuple[float, float, float, int]:
    """Effect of the mean of the paths over BLKD by least squares, residual deviation, standard error and degrees of freedom."""
    there = [(seed, chain, value) for seed, row in enumerate(table.to_numpy()) for chain, value in zip(table, row, strict=True)]
    there = [place for place in there if not math.isnan(place[2])]
    names = [*table.columns, *range(1, len(table))]
    design = np.array([[float(name in place[:2]) for name in names] for place in there])
    values = np.array([value for _, _, value in there])
    solution = np.linalg.lstsq(design, values, rcond=None)[0]
    freedom = len(values) - len(names)
    deviation = math.sqrt(((values - design @ solution) ** 2).sum() / freedom)
    weights = np.array([1 / len(paths) if name in paths else -1.0 if name == blkd else 0.0 for name in names])
    return (
        float(weights @ solution),
        deviation,
        deviation * math.sqrt(weights @ np.linalg.inv(design.T @ design) @ weights),
        freedom,
    )


def test_the_example_in_the_docs_is_what_the_accuracies_give() -> None:
    page = " ".join((ROOT / "docs/how-a-claim-is-judged.md").read_text().split())
    accuracy = read_accuracy()
    paths = ["10-8-2", "10-6-2", "10-4-2", "10-8-6-2", "10-8-4-2", "10-6-4-2", "10-8-6-4-2"]
    chosen = accuracy[(accuracy["dataset"] == "cifar100") & accuracy["chain"].isin([*paths, "10-2"]) & (accuracy["variant"] == "")]
    table = chosen.pivot(index="seed", columns="chain", values="accuracy")
    effect, deviation, error, freedom = by_hand(table, paths, "10-2")
    half = float(stats.t.ppf(0.975, freedom)) * error
    sentences = [
        f"{len(chosen)} networks",
        f"{deviation:.2f} points",
        f"{freedom} degrees of freedom",
        f"{effect:+.2f} points above BLKD, with a standard error of {error:.3f}",
        f"{effect:+.2f} ± {half / error:.2f} × {error:.3f}, that is {effect - half:+.2f} … {effect + half:+.2f}",
    ]
    shared = table.dropna()
    differences = shared[paths].mean(axis=1) - shared["10-2"]
    interval = stats.ttest_1samp(differences, 0).confidence_interval()
    sentences.append(f"{differences.mean():+.2f} ({interval.low:+.2f} … {interval.high:+.2f})")
    premises = SharedSeeds(table).premises
    sentences += [f"p = {premises.additivity:.2f}", f"p = {premises.deviations:.2f}"]
    for sentence in sentences:
        assert sentence in page, sentence


def test_the_verdicts_that_the_docs_name_are_those_of_the_page(pages: tuple[pd.DataFrame, str]) -> None:
    page = " ".join((ROOT / "docs/how-a-claim-is-judged.md").read_text().split())
    c6 = pages[0][(pages[0]["claim"] == "C6") & (pages[0]["worse"] == "10-2") & (pages[0]["kind"] != "joint")]
    above = c6[c6["verdict"] == "reproduced"]["better"]
    assert f"{len(above)} of the {len(c6)} paths, {', '.join(above)}, are reproduced singly" in page
    asked = pages[0][(pages[0]["claim"] == "C6") & (pages[0]["kind"] != "joint")]
    assert f"C6 asks {len(asked)} questions" in page


def test_two_numbers_say_how_near_we_are_to_the_paper() -> None:
    off = {"2": (70.16, -2), "10-2": (72.57, -2), "10-4-2": (73.51, 1)}
    rows = [
        ("cifar10", "plain", chain, "", seed, number + by + spread, number + by + 1 + spread)
        for chain, (number, by), spreads in zip(off, off.values(), ((-1, 0, 1), (0, 1, -1), (1, -1, 0)), strict=True)
        for seed, spread in enumerate(one / 100 for one in spreads)
    ]
    columns = ["dataset", "family", "chain", "variant", "seed", "accuracy", "best_test_accuracy"]
    measured = Measured(pd.DataFrame(rows, columns=columns).assign(epochs=10, training_share=1.0), NO_RISES, PUBLISHED, 0.3)
    far = distance(PAPER, DATASETS, measured)
    assert far.cells == 3, "through an assistant of 4 stands in Tables 1 and 2, and is one network"
    assert math.isclose(far.last, (2 + 2 + 1) / 3) and math.isclose(far.best, (1 + 1 + 2) / 3)
    judged = judge(PAPER, DATASETS, measured)
    assert orders(PAPER, judged) == {"reproduced": 3}  # 10-2 over 2, 10-4-2 over 10-2 and over 2
    page = as_markdown(PAPER, judged, measured)
    assert "The paper puts one cell above another in 3 pairs that were run: 3 reproduced. " in page
    assert f"Over {far.cells} cells our accuracy differs from the paper's by {far.last:.2f} points on average, and by" in page


def test_an_order_that_the_papers_own_numbers_turn_round_is_held_against_those_numbers(pages: tuple[pd.DataFrame, str]) -> None:
    table, _ = pages
    judged = judge(PAPER, DATASETS, Measured(read_accuracy(), NO_RISES, PUBLISHED, 0.3))
    of_claims = table["claim"].isin(list(PAPER.claims)) & (table["kind"] != "joint") & (table["kind"] != "equal")
    pairs = table[of_claims & (table["unit"] == "points")].drop_duplicates(["dataset", "family", "variant", "better", "worse"])
    run = pairs[pairs["verdict"] != "not run"]
    up, down = run[run["paper_effect"] > 0], run[run["paper_effect"] < 0]
    assert len(down), "CIFAR-100's TA=8 is below BLKD in the paper"
    same = (up["verdict"] == "reproduced").sum() + (down["verdict"] == "contradicted").sum()
    assert orders(PAPER, judged).get("reproduced", 0) == same
    assert sum(orders(PAPER, judged).values()) == len(up) + len(down)
