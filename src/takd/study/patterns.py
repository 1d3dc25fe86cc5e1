"""Patterns of networks' names, as `overrides` has them: whether one matches a network, and whether its fields can matter there."""

import re
from collections.abc import Iterator, Mapping
from fnmatch import translate
from itertools import combinations
from typing import Any

from takd.errors import NetworkNameError, ParameterError, shortened
from takd.objectives.registry import ALL, DISTILLATION, FIELDS, LABELS, OBJECTIVES, Objective
from takd.study.names import check_members

WILD = r"[*?\[]"


def check_patterns(patterns: Mapping[str, Any], datasets: tuple[str, ...], families: Mapping[str, Mapping[str, str]]) -> None:
    """Whether each pattern of `overrides` matches a network that there can be, and each of its fields matters there.

    Raises ParameterError where one doesn't.
    """
    for pattern, settings in patterns.items():
        if pattern.count("/") != 3 and not re.search(r"[*?\]]", pattern):
            raise ParameterError(
                f"overrides: {shortened(pattern)!r} matches no network, as names end in /seedN; say {shortened(pattern)}/*"
            )
        if unknown := [said for said in _methods(pattern) if said not in OBJECTIVES]:
            raise ParameterError(
                f"overrides: {shortened(pattern)!r}: no method +{unknown[0][:60]}; there are {', '.join(OBJECTIVES)}"
            )
        matches = re.compile(translate(pattern)).match
        if not any(matches(f"{dataset}/{name}") for name in _examples(pattern, families) for dataset in datasets):
            family, members = next(iter(families.items()))
            raise ParameterError(
                f"overrides: {shortened(pattern)!r} matches no network of {', '.join(datasets)}; names are as in "
                f"{datasets[0]}/{family}/{next(iter(members))}/seed0"
            )
        if (objective := _objective(_chain(pattern))) is not None:
            _check_fields(pattern, settings, objective)


def _check_fields(pattern: str, settings: Mapping[str, Any], objective: Objective) -> None:
    for field in settings:
        if field in FIELDS and field not in objective.fields.typed():
            owner = next(one.name for one in ALL.values() if field in one.fields.typed())
            raise ParameterError(
                f"overrides: {shortened(pattern)!r}: {field} is a field of {owner}, but this network learns by {objective.name}"
            )


def _methods(pattern: str) -> list[str]:
    """What a pattern says after each +, where it is spelt out."""
    return re.findall(r"\+([A-Za-z0-9_]+)(?![A-Za-z0-9_*?\[])", pattern)


def _chain(pattern: str) -> str:
    """The part of a pattern that is a chain's; empty where that can't be told."""
    return pattern.split("/")[2] if pattern.count("/") == 3 else ""


def _objective(chain: str) -> Objective | None:
    """What all networks of a chain's pattern minimise in their last hop; None where they may differ."""
    said = re.search(r"\+([a-z_]+)$", chain)
    if said:
        return OBJECTIVES[said[1]]
    if not chain or re.search(WILD, chain):
        return None
    return DISTILLATION if "-" in chain else LABELS


def _examples(pattern: str, families: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Names of networks less their data sets: of the pattern's chain, or every chain, under objectives too if it names one."""
    seeds = {0, *(int(seed) for seed in re.findall(r"seed([0-9]{1,6})", pattern)[:3])}
    chain = _chain(pattern)
    for family, members in families.items():
        if chain and not re.search(WILD, chain):
            chains = iter([chain] if _is_of(chain, family, list(members)) else [])
        else:
            said: list[str | None] = [None, *OBJECTIVES] if re.search(r"[+?\[]", pattern) else [None]
            named = _methods(pattern)
            chains = _chains(list(members), said) if len(named) < 2 else _under(list(members), named)
        yield from (f"{family}/{each}/seed{seed}" for each in chains for seed in seeds)


def _is_of(chain: str, family: str, members: list[str]) -> bool:
    try:
        check_members(chain, family, members)
    except NetworkNameError:
        return False
    return True


def _chains(members: list[str], objectives: list[str | None]) -> Iterator[str]:
    for count in range(1, len(members) + 1):
        for path in combinations(members, count):
            for objective in objectives:
                for place in range(1, count) if objective else [0]:
                    hops = [f"{member}+{objective}" if objective and at == place else member for at, member in enumerate(path)]
                    yield "-".join(hops)


def _under(members: list[str], objectives: list[str]) -> Iterator[str]:
    """Chains some of whose hops, in this order, have these objectives, one each."""
    for count in range(len(objectives) + 1, len(members) + 1):
        for path in combinations(members, count):
            for places in combinations(range(1, count), len(objectives)):
                said = dict(zip(places, objectives, strict=True))
                yield "-".join(f"{member}+{said[at]}" if at in said else member for at, member in enumerate(path))
