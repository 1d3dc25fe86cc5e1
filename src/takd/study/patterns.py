"""Patterns of networks' names, as `overrides` has them: whether one matches a network, and whether its fields can matter there."""

import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from takd.errors import NetworkNameError, ParameterError, shortened
from takd.objectives.registry import ALL, DISTILLATION, FIELDS, LABELS, OBJECTIVES, Objective
from takd.study.names import hops_of, what_is_wrong

WILD = r"[*?\[]"
PART = re.compile(r"\[!?\]?[^\]]*\]|.", re.DOTALL)  # of a pattern, as fnmatch reads it: `*`, or what stands for one character
SAID = re.compile(r"\+([\w+]*)(?=[-/]|$)")  # what a hop says after its `+`, where nothing in it is wild

Places = frozenset[int]


def check_patterns(patterns: Mapping[str, Any], datasets: tuple[str, ...], families: Mapping[str, Mapping[str, str]]) -> None:
    """Whether each pattern of `overrides` matches a network that there can be, and each of its fields matters there.

    Raises ParameterError where one doesn't.
    """
    for pattern, settings in patterns.items():
        if not _can_match(pattern, datasets, families):
            raise ParameterError(f"overrides: {shortened(pattern)!r} matches no network{_why_not(pattern, datasets, families)}")
        if (objective := _objective(_chain(pattern))) is not None:
            _check_fields(pattern, settings, objective)


def _why_not(pattern: str, datasets: tuple[str, ...], families: Mapping[str, Mapping[str, str]]) -> str:
    """The rest of a sentence on a pattern that matches no network."""
    if wrong := [said for said in SAID.findall(pattern) if said not in OBJECTIVES]:
        return f": {what_is_wrong(wrong[0])}"
    if _can_match(f"{pattern}/*", datasets, families):
        return f", as names end in /seedN; say {shortened(pattern)}/*"
    family, members = next(iter(families.items()))
    return f" of {', '.join(datasets)}; names are as in {datasets[0]}/{family}/{next(iter(members))}/seed0"


def _check_fields(pattern: str, settings: Mapping[str, Any], objective: Objective) -> None:
    for field in settings:
        if field in FIELDS and field not in objective.fields.typed():
            owner = next(one.name for one in ALL.values() if field in one.fields.typed())
            raise ParameterError(
                f"overrides: {shortened(pattern)!r}: {field} is a field of {owner}, but this network learns by {objective.name}"
            )


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


class _Pattern:
    """A pattern that is read along with a text: of a text's beginning it knows the places where the text's rest must go on.

    So all names are tried at once, where there are too many to make each.
    """

    def __init__(self, pattern: str) -> None:
        self.parts = PART.findall(pattern)
        self.start = self._over_stars({0})

    def after(self, places: Places, *texts: str) -> Places:
        """Where it may go on after any one of some texts, from any one of some places; empty where none of them fits."""
        ends: Places = frozenset()
        for text in texts:
            now = places
            for character in text:
                now = self._over_stars(
                    {
                        place if self.parts[place] == "*" else place + 1
                        for place in now
                        if place < len(self.parts) and fnmatchcase(character, self.parts[place])
                    }
                )
            ends |= now
        return ends

    def is_done(self, places: Places) -> bool:
        """Whether a text may end there."""
        return len(self.parts) in places

    def _over_stars(self, places: set[int]) -> Places:
        """With the places after a `*`, which may stand for nothing."""
        found = set(places)
        for place in places:
            while place < len(self.parts) and self.parts[place] == "*":
                place += 1
                found.add(place)
        return frozenset(found)


def _can_match(text: str, datasets: tuple[str, ...], families: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether a pattern matches the name of any network that there can be."""
    pattern = _Pattern(text)
    for family, members in families.items():
        begun = pattern.after(pattern.start, *(f"{dataset}/{family}/" for dataset in datasets))
        if _can_end(pattern, _after_chains(pattern, begun, members)):
            return True
    return False


def _after_chains(pattern: _Pattern, begun: Places, members: Iterable[str]) -> Places:
    """Where a pattern may go on after any chain of a family's members, largest first.

    Of all chains that end in the same hop one is kept, by its methods, with the places after any: what may follow is a matter of
    that hop, and of whether it is the first.
    """
    found: dict[tuple[bool, str], tuple[tuple[str, ...], Places]] = {}
    for member in members:
        larger = [each for each in found.values() if each[1]]
        found[True, member] = ("",), pattern.after(begun, member)
        for method in ("", *OBJECTIVES):
            before = [(methods, places) for methods, places in larger if _can_stand((*methods, method))]
            if before:
                hop = f"{member}+{method}" if method else member
                places = pattern.after(frozenset().union(*(places for _, places in before)), f"-{hop}")
                found[False, hop] = (*before[0][0], method), places
    return frozenset().union(*(places for _, places in found.values()))


@cache
def _can_stand(methods: tuple[str, ...]) -> bool:
    """Whether the hops of a chain can have these methods, empty where one says none."""
    try:
        hops_of("-".join(f"member+{method}" if method else "member" for method in methods))
    except NetworkNameError:
        return False
    return True


def _can_end(pattern: _Pattern, places: Places) -> bool:
    """Whether a name that has come as far as its chain can end in a seed, 0 to 999999."""
    zero, places = pattern.after(places, "/seed0"), pattern.after(places, *(f"/seed{digit}" for digit in "123456789"))
    ends = [zero, places]
    for _ in range(5):
        places = pattern.after(places, *"0123456789")
        ends.append(places)
    return any(map(pattern.is_done, ends))
