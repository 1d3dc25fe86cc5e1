"""The paper's claims as data, and claims that can't be: one line each."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest

from takd.errors import ParameterError, TakdError
from takd.study import claims
from takd.study.claims import Cell
from takd.study.comparisons import Above, Nearest, Pair, Peak

ROOT = Path(__file__).parents[3]
PAPER = claims.load(ROOT / "paper/claims.yaml")
BOTH = ("cifar10", "cifar100")


def pairs_of(claim: str, dataset: str) -> list[tuple[str, str]]:
    its = [one for one in PAPER.all()[claim].comparisons if dataset in one.shown(BOTH)]
    return [(pair.better[0], pair.worse[0]) for one in its for pair in one.pairs()]


def test_the_paper_s_claims_are_all_there() -> None:
    assert [name for name in PAPER.claims if name.startswith("C")] == [f"C{number}" for number in range(1, 9)]
    for claim in ("C2", "C3", "C4", "C5", "C6"):  # which suppose a ladder
        assert "S1" in PAPER.claims[claim].supposes
    assert all("P1" in PAPER.claims[claim].supposes for claim in ("C4", "C5", "C6"))


def test_every_assistant_and_every_path_is_compared_with_blkd_and_nokd() -> None:
    for dataset in BOTH:
        paths = ("10-8-2", "10-6-2", "10-4-2")
        plain = {(path, worse) for path in paths for worse in ("10-2", "2")}
        resnet = {(f"110-{size}-8", worse) for size in (56, 32, 20, 14) for worse in ("110-8", "8")}
        assert set(pairs_of("C4", dataset)) == plain | resnet and len(pairs_of("C4", dataset)) == 14
    of_4 = ["10-8-4", "10-6-4", "10-8-6-4"]
    of_2 = ["10-8-2", "10-6-2", "10-4-2", "10-8-6-2", "10-8-4-2", "10-6-4-2", "10-8-6-4-2"]
    expected = {("10-8-6", "10-6"), ("10-8-6", "6")}
    expected |= {(path, worse) for path in of_4 for worse in ("10-4", "4")} | {("10-8-6-4", other) for other in of_4[:-1]}
    expected |= {(path, worse) for path in of_2 for worse in ("10-2", "2")} | {("10-8-6-4-2", other) for other in of_2[:-1]}
    assert set(pairs_of("C6", "cifar100")) == expected and len(pairs_of("C6", "cifar100")) == len(expected)


def test_no_claim_of_one_data_set_is_asked_of_another() -> None:
    assert not pairs_of("C6", "cifar10") and not pairs_of("C7", "cifar100") and not pairs_of("C8", "cifar10")
    toy = [one.shown(("digits",)) for one in PAPER.claims["C6"].comparisons]
    assert set(toy) == {("digits",)}, "toy data stand in for the paper's"
    assert [one.shown(("digits",)) for one in PAPER.claims["C1"].comparisons][-1] == ("imagenet",)


def test_every_number_of_the_paper_that_a_claim_names_is_published() -> None:
    with (ROOT / "paper/published.csv").open() as file:
        published = {"/".join((row["artifact"], row["model"], row["column"])) for row in csv.DictReader(file)}
    for claim in PAPER.all().values():
        for one in claim.comparisons:
            assert set(one.paper.values()) <= published
            assert not isinstance(one, Above) or set(one.quoted) <= published


def test_each_predicate_asks_its_pairs() -> None:
    assert pairs_of("C1", "cifar100")[:2] == [("10-4-2", "10-2"), ("10-2", "2")]
    (peak,) = (one for one in PAPER.claims["C2"].comparisons if isinstance(one, Peak))
    assert [(pair.better[0], pair.worse[0]) for pair in peak.pairs()] == [
        *(("6-2", "4-2"), ("6-2", "10-2"), ("8-2", "4-2"), ("8-2", "10-2"))
    ]
    nearest = next(one for one in PAPER.claims["C5"].comparisons if isinstance(one, Nearest))
    assert len(nearest.pairs()) == 3 * 2 and set(nearest.read) == {*nearest.compared, "8", "6", "4", "10", "2"}
    equal = PAPER.claims["S3"].comparisons[0]
    assert equal.pairs()[1] == Pair(("10-6-4",), ("10-8-4", "10-8-6-4"))


def test_cells_are_what_a_claim_reads_each_once() -> None:
    cells = list(PAPER.claims["C5"].cells(("cifar10",)))
    assert len(cells) == len(set(cells)) == 3 + 5 + 4 + 6
    assert Cell("cifar10", "plain", "10-4-2", "") in cells and Cell("cifar10", "resnet", "20", "") in cells
    assert {cell.variant for cell in PAPER.claims["C7"].cells(BOTH)} == {"comparison"}
    assert {cell.chain for cell in PAPER.claims["C3"].cells(("cifar10",))} >= {"8", "10-8"}


def claim_of(comparison: str, more: str = "") -> str:
    return f"claims:\n  C1:\n    where: Table 1\n    statement: It is so\n{more}    comparisons:\n      - {{{comparison}}}\n"


ORDER = "kind: order, family: plain, chains: [10-4-2, 10-2]"


def load(tmp_path: Path, text: str) -> claims.Claims:
    path = tmp_path / "claims.yaml"
    path.write_text(text, encoding="utf-8")
    return claims.load(path)


def test_a_claim_of_one_s_own_is_one_more_entry(tmp_path: Path) -> None:
    own = load(tmp_path, claim_of("kind: order, family: pets, chains: [resnet34-resnet18, resnet18], variant: long"))
    assert next(own.claims["C1"].cells(("pets",))) == Cell("pets", "pets", "resnet34-resnet18", "long")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "expected a mapping"),
        ("claims: {}\n", "claims"),
        (claim_of("kind: best, family: plain, chains: [10, 8]"), "best"),
        (claim_of("family: plain, chains: [10, 8]"), "kind"),
        (claim_of("kind: order, family: plain, chains: [10]"), "at least 2"),
        (claim_of("kind: order, family: plain, chains: [10, 10]"), "10 stands there 2 times"),
        (claim_of("kind: order, family: plain, chains: [10--2, 2]"), "chain '10--2'"),
        (claim_of("kind: order, family: plain, chains: [10-2+magic, 2]"), "unknown objective 'magic'"),
        (claim_of(ORDER + ", bettter: [2]"), "no such parameter"),
        (claim_of(ORDER + ", paper: {6-2: table1/CNN/BLKD}"), "6-2 isn't a chain of this comparison; it has 10-4-2, 10-2"),
        (claim_of(ORDER + ", paper: {10-2: table1}"), "pattern"),
        (claim_of(ORDER + ", joint: [{label: all, better: [6-2], worse: [10-2]}]"), "joint: 6-2 isn't a chain"),
        (claim_of(ORDER + ", joint: [{label: all, better: [10-2], worse: [10-2]}]"), "10-2 is on both sides"),
        (claim_of("kind: above, family: plain, better: [10-2], worse: [10-2]"), "compares nothing"),
        (claim_of("kind: above, family: plain, better: [10-2]"), "compares nothing"),
        (claim_of("kind: above, family: plain, better: [10-2], worse: [2], quoted_epochs: 0"), "quoted_epochs"),
        (claim_of("kind: peak, family: plain, chains: [4-2, 6-2]"), "at least 3"),
        (claim_of("kind: peak, family: plain, chains: [10-6, 10-4, 10-2], over: [6]"), "over: needs a chain for each"),
        (claim_of("kind: nearest, family: plain, assistants: {10-4-2: 4}, between: [10, 2]"), "at least 2"),
        (claim_of("kind: nearest, family: plain, assistants: {10-4-2: 4, 10-6-2: 6}, between: [10]"), "between"),
        (claim_of("kind: flatter, family: plain, variant: few, chains: [10-2, 2]"), "of the main recipe's networks alone"),
        (claim_of(ORDER + ", variant: few, measure: entropy"), "of the main recipe's networks alone"),
        (
            claim_of(
                "kind: faster, family: plain, shares: [half, third], than: {10-2: [2]}, "
                "joint: [{label: all, better: [10-2], worse: [2]}]"
            ),
            "joint: a test over several chains compares accuracies",
        ),
        (claim_of(ORDER, "    supposes: [C9]\n"), "C9 isn't another claim or premise"),
        (claim_of(ORDER, "    supposes: [C1]\n"), "C1 isn't another claim"),
        (claim_of(ORDER) + f"premises:\n  C1: {{where: x, statement: y, comparisons: [{{{ORDER}}}]}}\n", "id of a claim, too"),
        (
            claim_of(ORDER) + f"premises:\n  X1: {{where: x, statement: y, comparisons: [{{{ORDER}}}]}}\n",
            "X1: no claim supposes it",
        ),
        (claim_of(ORDER).replace("It is so", '"two\\nlines"'), "statement"),
        (claim_of(ORDER).replace("C1:", "'C 1':"), "pattern"),
        (claim_of(ORDER).replace("plain", "../../etc"), "family"),
        (claim_of(f"kind: order, family: plain, chains: [{', '.join(map(str, range(1, 302)))}]"), "at most 200"),
        (claim_of("kind: order, family: plain, chains: [" + "1" * 401 + ", 2]"), ""),
    ],
)
def test_bad_claims_end_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(TakdError) as caught:
        load(tmp_path, text)
    message = str(caught.value)
    assert isinstance(caught.value, ParameterError) and message.startswith(f"{tmp_path / 'claims.yaml'}")
    assert "\n" not in message and len(message) < 700 and re.search(re.escape(says), message), message


def test_claims_are_read_without_torch() -> None:
    code = "import sys, takd.study.claims; assert 'torch' not in sys.modules and 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
