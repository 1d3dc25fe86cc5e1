"""A network's name, and what follows from it: its chain, its teacher, its method.

    {dataset}/{family}/{chain}/seed{seed}         cifar10/plain/10-4-2/seed0
                                                  pets/pets/resnet34-resnet18-mobilenet_v3_small/seed1

A chain is the paper's distillation path, members of a family from the teacher down to the network itself. A hop is distillation by
eq. 3 unless it says another objective at its end: `26-14+at-8`. Nothing else splits, joins or counts a chain's text.
"""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

from takd.errors import NetworkNameError, shortened
from takd.objectives.registry import DISTILLATION, LABELS, OBJECTIVES, Objective

WORD = r"[A-Za-z0-9_][A-Za-z0-9_.]*"  # of ASCII: `-` and `+` are grammar, and 1٠ would be a second name for 10
CHAIN = rf"{WORD}(?:\+[a-z_]+)?(?:-{WORD}(?:\+[a-z_]+)?)*"
SEED = r"0|[1-9][0-9]{0,5}"
_NAME = re.compile(rf"(?P<dataset>{WORD})/(?P<family>{WORD})/(?P<chain>{CHAIN})/seed(?P<seed>{SEED})")
LONGEST_TEXT = 240  # characters of a chain, which names a folder
LONGEST_CHAIN = 16  # hops; every path of more members than that would be 65,536 networks


@dataclass(frozen=True, order=True)
class Hop:
    """One step of a chain: the member that is trained, and the objective that it says, empty where it doesn't say one."""

    member: str
    objective: str = ""

    def __str__(self) -> str:
        return f"{self.member}+{self.objective}" if self.objective else self.member

    @property
    def has_peer(self) -> bool:
        """Whether it is trained together with the member before it, and so has no teacher."""
        return bool(self.objective) and OBJECTIVES[self.objective].partner == "peer"


@dataclass(frozen=True, order=True)
class Name:
    """The name of one trained network. Its teacher is the same name less its last hop."""

    dataset: str
    family: str
    hops: tuple[Hop, ...]
    seed: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The name that a text spells; its members are a study's affair. Raises NetworkNameError where it spells none."""
        match = _NAME.fullmatch(text) if len(text) <= 400 else None
        if match is None:
            if len(parts := text.split("/")) == 4:
                check_methods(parts[2])
            raise NetworkNameError(f"network {text[:200]!r}: expected dataset/family/chain/seedN, as in cifar10/plain/10-4-2/seed0")
        return cls(match["dataset"], match["family"], hops_of(match["chain"]), int(match["seed"]))

    @property
    def chain(self) -> str:
        """The distillation path as it is written in names: `10-4-2`, `26-8+mutual`."""
        return "-".join(map(str, self.hops))

    @property
    def members(self) -> tuple[str, ...]:
        """The members of its family along its path, teacher first."""
        return tuple(hop.member for hop in self.hops)

    @property
    def member(self) -> str:
        """The member that this network is."""
        return self.hops[-1].member

    @property
    def method(self) -> str:
        """NOKD for one hop (labels alone), BLKD for two (Hinton et al. 2015), TAKD for more; else its objective: MUTUAL."""
        return self.hops[-1].objective.upper() or ("NOKD", "BLKD", "TAKD")[min(len(self.hops), 3) - 1]

    @property
    def objective(self) -> Objective:
        """What its last hop minimises."""
        said = self.hops[-1].objective
        return OBJECTIVES[said] if said else DISTILLATION if len(self.hops) > 1 else LABELS

    @property
    def is_distilled(self) -> bool:
        """Whether it has a teacher."""
        return self.objective.partner == "teacher"

    @property
    def ancestors(self) -> tuple[Self, ...]:
        """Its teacher, its teacher's teacher and so on, nearest first, all under its own seed; empty where it has none."""
        if not self.is_distilled:
            return ()
        teacher = self.teacher()
        return (teacher, *teacher.ancestors)

    @property
    def peer(self) -> str | None:
        """The member that is trained together with it, from nothing, where its objective has one."""
        return self.hops[-2].member if self.objective.partner == "peer" else None

    def teacher(self, seed: int | None = None) -> Self:
        """The network one hop before, under `seed` (by default this network's own). Raises ValueError where there is none."""
        if not self.is_distilled:
            raise ValueError(f"{self} has no teacher")
        return replace(self, hops=self.hops[:-1], seed=self.seed if seed is None else seed)

    def with_seed(self, seed: int) -> Self:
        """The same network under another seed."""
        return replace(self, seed=seed)

    def __str__(self) -> str:
        return f"{self.dataset}/{self.family}/{self.chain}/seed{self.seed}"


def hops_of(chain: str) -> tuple[Hop, ...]:
    """The hops of a chain's text, teacher first. Raises NetworkNameError where it isn't one, or its objectives can't stand so."""
    if len(chain) > LONGEST_TEXT:
        raise NetworkNameError(f"chain {shortened(chain, 60)}: {len(chain)} characters; a folder's name has at most {LONGEST_TEXT}")
    check_methods(chain)
    if not re.fullmatch(CHAIN, chain):
        raise NetworkNameError(f"chain {chain[:200]!r}: expected members joined by '-', teacher first, as in 10-4-2")
    hops = tuple(Hop(member, said) for member, _, said in (part.partition("+") for part in chain.split("-")))
    if len(hops) > LONGEST_CHAIN:
        raise NetworkNameError(f"chain {shortened(chain, 60)}: {len(hops)} hops; the longest has {LONGEST_CHAIN}")
    for position, hop in enumerate(hops):
        if hop.objective and position == 0:
            raise NetworkNameError(
                f"chain {chain[:200]!r}: {hop.member[:60]} comes first, so it is trained from labels alone, not by +{hop.objective}"
            )
        if hop.objective and OBJECTIVES[hop.objective].ancestors and (position == 1 or hops[position - 1].has_peer):
            raise NetworkNameError(
                f"chain {chain[:200]!r}: +{hop.objective} takes two teachers at least, as in 26-14-8+{hop.objective}"
            )
        # A peer starts from nothing, as the first member does: what stands before it would never be used.
        if position > 1 and hop.has_peer:
            raise NetworkNameError(
                f"chain {chain!r}: +{hop.objective} trains two networks from nothing, so it takes two members, as in "
                f"{hops[position - 1].member}-{hop}"
            )
    return hops


def check_methods(chain: str) -> None:
    """Whether what each hop of a chain says after its `+` is one method. Raises NetworkNameError where it isn't."""
    for hop in chain.split("-"):
        _, plus, said = hop.partition("+")
        if plus and said not in OBJECTIVES:
            raise NetworkNameError(f"chain {chain[:200]!r}: {what_is_wrong(said)}")


def what_is_wrong(said: str) -> str:
    """Why what a hop says after its `+` is no method, and which there are."""
    if said == "" or "+" in said:
        return f"a hop takes one method, not {shortened(repr('+' + said), 60)}; there are {', '.join(OBJECTIVES)}"
    near = difflib.get_close_matches(said.lower(), OBJECTIVES, 1)
    meant = f"did you mean +{near[0]}? " if near else ""
    return f"unknown objective {shortened(repr(said), 60)}; {meant}there are {', '.join(OBJECTIVES)}"


def check_members(chain: str, family: str, members: Sequence[str]) -> tuple[Hop, ...]:
    """The hops of a chain within a family, whose members are given largest first.

    Raises NetworkNameError where one isn't a member, or the chain grows or repeats one.
    """
    hops = hops_of(chain)
    for hop in hops:
        if hop.member not in members:
            raise NetworkNameError(f"chain {chain!r}: {family} has no member {hop.member}; it has {', '.join(members)}")
    for larger, smaller in pairwise(hop.member for hop in hops):
        if members.index(smaller) <= members.index(larger):
            raise NetworkNameError(f"chain {chain!r}: members must shrink from teacher to student, but {smaller} follows {larger}")
    return hops
