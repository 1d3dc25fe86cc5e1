"""Columns of a table held against one of them, and letters for those that can't be told apart, in place of a rank.

Effects are those of reporting.effects: seeds that columns share pair them. Two columns share a letter where their difference isn't
told from none: of all pairs of a row at most 5 in 100 rows have one told that isn't there (Holm 1979). Letters by Piepho (2004),
"An algorithm for a letter-based representation of all-pairwise comparisons", J. Computational and Graphical Statistics 13:456-466.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, combinations, count
from string import ascii_letters

import pandas as pd
from statsmodels.stats.multitest import multipletests

from takd.reporting.effects import CONFIDENCE, Effect, SharedSeeds, together

COLUMNS = ["over", "low", "high", "group"]


def held_against(values: pd.DataFrame, against: str) -> dict[str, Effect]:
    """How far each other column is above one; a row's intervals hold together. values: a row a seed, NaN where nothing was run."""
    seeds, others = SharedSeeds(values), [str(column) for column in values.columns if column != against]
    effects = [seeds.effect([column], [against]) for column in others]
    return dict(zip(others, together(effects), strict=True))


def groups(values: pd.DataFrame) -> dict[str, str]:
    """Each column's letters, `a` for the best; none for one that wasn't run. values: a row a seed, a column a chain."""
    means = values.mean().dropna().sort_values(ascending=False, kind="stable")
    return letters([str(column) for column in means.index], told_apart(values))


def told_apart(values: pd.DataFrame) -> list[tuple[str, str]]:
    """The pairs of columns whose difference is told from none, at 5 % for all pairs together."""
    seeds = SharedSeeds(values)
    effects = [seeds.effect([one], [other]) for one, other in combinations(map(str, values.columns), 2)]
    known = [effect for effect in effects if effect.has_interval]
    if not known:
        return []
    told = multipletests([effect.p for effect in known], alpha=1 - CONFIDENCE, method="holm")[0]
    return [(effect.better[0], effect.worse[0]) for effect, is_told in zip(known, told, strict=True) if is_told]


def letters(ordered: Sequence[str], apart: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The fewest letters of this algorithm by which two names share one unless they are apart. ordered: the best first."""
    found = [frozenset(ordered)] if ordered else []
    for one, other in apart:
        split = [part for group in found for part in _less(group, one, other)]
        found = [part for part in dict.fromkeys(split) if not any(part < larger for larger in split)]
    found.sort(key=lambda group: sorted(map(ordered.index, group)))
    names = list(zip(chain(ascii_letters, map("({})".format, count(len(ascii_letters)))), found, strict=False))
    return {name: "".join(letter for letter, group in names if name in group) for name in ordered}


def _less(group: frozenset[str], one: str, other: str) -> Iterator[frozenset[str]]:
    if {one, other} <= group:
        yield group - {one}
        yield group - {other}
    else:
        yield group
