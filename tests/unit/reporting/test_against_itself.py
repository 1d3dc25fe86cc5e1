"""The paper's numbers against its own claims: what is known to go against them, and made-up tables."""

from pathlib import Path

import pandas as pd
import pytest

from takd.reporting.against_itself import effect_of_paper, given_twice, own_numbers, published_numbers
from takd.study import claims
from takd.study.comparisons import Pair

ROOT = Path(__file__).parents[3]
PAPER = claims.load(ROOT / "paper/claims.yaml")
NUMBERS = published_numbers(pd.read_csv(ROOT / "paper/published.csv"))


def test_on_cifar_100_an_assistant_of_8_is_below_blkd_and_one_of_6_equal_to_it() -> None:
    against = {(own.claim, own.dataset, own.better, own.worse): own.difference for own in own_numbers(PAPER, NUMBERS)}
    against = {key: difference for key, difference in against.items() if difference <= 0}
    assert against == {
        ("C4", "cifar100", "10-8-2", "10-2"): -0.29,
        ("C4", "cifar100", "10-6-2", "10-2"): 0.0,
        ("C6", "cifar100", "10-8-2", "10-2"): -0.29,
        ("C6", "cifar100", "10-6-2", "10-2"): 0.0,
    }


def test_tables_1_to_3_and_figure_6_are_all_asked() -> None:
    own = own_numbers(PAPER, NUMBERS)
    asked = {claim: sum(one.claim == claim for one in own) for claim in PAPER.claims}
    # C1: five rows of Table 1; C4: 3 and 4 assistants, on two data sets, over BLKD and NOKD; C7: two students over five methods
    assert (asked["C1"], asked["C4"], asked["C7"]) == (5 * 2, (3 + 4) * 2 * 2, 2 * 5)
    assert {one.dataset for one in own if one.claim == "C1"} == {"cifar10", "cifar100", "imagenet"}


def test_the_network_with_two_numbers_is_told() -> None:
    assert given_twice(PAPER, NUMBERS) == [
        ("cifar10", "resnet", "110-20-8", {"table1/ResNet/TAKD": 88.98, "table3/ResNet/TA=20": 88.90})
    ]


def test_the_paper_s_effect_of_several_chains_is_that_of_their_means() -> None:
    said = PAPER.claims["C4"].comparisons[0]
    pair = Pair(("10-8-2", "10-6-2", "10-4-2"), ("10-2",))
    assert effect_of_paper(NUMBERS, said, "cifar10", pair) == pytest.approx((72.75 + 73.15 + 73.51) / 3 - 72.57)
    assert effect_of_paper(NUMBERS, said, "digits", pair) != effect_of_paper(NUMBERS, said, "digits", pair), "NaN"
