"""The paper's own numbers, held against what it claims: no network, and no interval, as it gives one number a cell."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from takd.study.claims import Claims
from takd.study.comparisons import Above, Comparison, Order, Pair

Numbers = dict[tuple[str, str], float]  # data set and artifact/model/column to per cent


@dataclass(frozen=True)
class OwnNumbers:
    """A comparison of a claim by the paper's numbers alone, in per cent."""

    claim: str
    dataset: str
    family: str
    better: str
    worse: str
    better_number: float
    worse_number: float

    @property
    def difference(self) -> float:
        """Percentage points, to the two digits that the paper gives."""
        return round(self.better_number - self.worse_number, 2)


def published_numbers(published: pd.DataFrame) -> Numbers:
    """The paper's numbers, in per cent, by data set and artifact/model/column. published: as paper/published.csv."""
    places = published["artifact"] + "/" + published["model"] + "/" + published["column"]
    return dict(zip(zip(published["dataset"], places, strict=True), published["accuracy"].astype(float), strict=True))


def own_numbers(claims: Claims, numbers: Numbers) -> list[OwnNumbers]:
    """All comparisons for which the paper gives both numbers, once for each claim that makes them."""
    datasets = _datasets(claims, numbers)
    return [
        OwnNumbers(name, dataset, said.family, pair.better[0], pair.worse[0], *both)
        for name, claim in claims.claims.items()
        for said in claim.comparisons
        if isinstance(said, Order | Above)
        for dataset in said.shown(datasets)
        for pair in _all_pairs(said)
        if not any(map(math.isnan, both := [_number(numbers, said, dataset, side[0]) for side in pair]))
    ]


def named_alike(claims: Claims, numbers: Numbers) -> list[list[OwnNumbers]]:
    """All comparisons, each with those that other claims make of the same two numbers, whether by chain or by place."""
    chains = {place: chain for claim in claims.claims.values() for one in claim.comparisons for chain, place in one.paper.items()}
    found: dict[tuple[object, ...], list[OwnNumbers]] = {}
    for one in own_numbers(claims, numbers):
        sides = chains.get(one.better, one.better), chains.get(one.worse, one.worse)
        found.setdefault((one.dataset, one.family, *sides, one.difference), []).append(one)
    return list(found.values())


def given_twice(claims: Claims, numbers: Numbers) -> list[tuple[str, str, str, dict[str, float]]]:
    """Data set, family, chain and place to number, of networks for which the paper gives numbers that differ."""
    given: dict[tuple[str, str, str, str], dict[str, float]] = {}
    for claim in claims.claims.values():
        for said in claim.comparisons:
            for dataset in said.shown(_datasets(claims, numbers)):
                for chain, place in said.paper.items():
                    if (dataset, place) in numbers:
                        given.setdefault((dataset, said.family, chain, said.variant), {})[place] = numbers[dataset, place]
    return [(*cell[:3], places) for cell, places in given.items() if len(set(places.values())) > 1]


def effect_of_paper(numbers: Numbers, said: Comparison, dataset: str, pair: Pair) -> float:
    """The paper's effect between two sides of a comparison, in percentage points; NaN where it lacks a number."""
    better, worse = ([_number(numbers, said, dataset, chain) for chain in side] for side in pair)
    return sum(better) / len(better) - sum(worse) / len(worse)


def _datasets(claims: Claims, numbers: Numbers) -> tuple[str, ...]:
    """Those that the paper shows throughout: not the ones that some comparisons have for themselves."""
    special = {name for claim in claims.claims.values() for said in claim.comparisons for name in said.datasets}
    return tuple(dict.fromkeys(dataset for dataset, _ in numbers if dataset not in special))


def _number(numbers: Numbers, said: Comparison, dataset: str, chain: str) -> float:
    """Of a chain or, where it is a place itself, of what is quoted there."""
    return numbers.get((dataset, said.paper.get(chain, chain)), math.nan)


def _all_pairs(said: Order | Above) -> Iterator[Pair]:
    yield from said.pairs()
    if isinstance(said, Above):
        yield from (Pair((better,), (place,)) for better in said.better for place in said.quoted)
