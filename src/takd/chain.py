"""A network's name, and what follows from it: its chain, its teacher, its method.

    {dataset}/{family}/{chain}/seed{seed}         cifar10/plain/10-4-2/seed0

A chain is the paper's distillation path, sizes from the teacher down to the network itself. A hop is distillation by eq. 3 unless
it says another objective at its end: `26-8+mutual`.
"""

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Self

from takd.data.registry import dataset
from takd.errors import NetworkNameError
from takd.networks.registry import family
from takd.objectives.registry import DISTILLATION, LABELS, OBJECTIVES, Objective

_NAME = re.compile(r"(?P<dataset>[^/]+)/(?P<family>[^/]+)/(?P<chain>[^/]+)/seed(?P<seed>0|[1-9]\d*)")
_CHAIN = re.compile(r"[1-9]\d*(\+[a-z]+)?(-[1-9]\d*(\+[a-z]+)?)*")


def hops_of(chain: str) -> list[tuple[int, str]]:
    """Size and objective of each hop of a chain, from the first teacher on; the objective is empty where the hop doesn't say it."""
    hops = (hop.partition("+") for hop in chain.split("-"))
    return [(int(size), objective) for size, _, objective in hops]


def sizes_of(chain: str) -> list[int]:
    """The sizes of a chain, from the first teacher on."""
    return [size for size, _ in hops_of(chain)]


@dataclass(frozen=True, order=True)
class Network:
    """One trained network. `sizes` run from the first teacher of its chain down to its own.

    objectives: size and objective of those hops that say theirs.
    """

    dataset: str
    family: str
    sizes: tuple[int, ...]
    seed: int
    objectives: tuple[tuple[int, str], ...] = ()

    @classmethod
    def parse(cls, name: str) -> Self:
        """The network of that name. Raises NetworkNameError where there is no such data set, family, size or chain."""
        match = _NAME.fullmatch(name)
        if match is None:
            raise NetworkNameError(f"network {name!r}: expected dataset/family/chain/seedN, as in cifar10/plain/10-4-2/seed0")
        return cls.of(match["dataset"], match["family"], match["chain"], int(match["seed"]))

    @classmethod
    def of(cls, dataset_name: str, family_name: str, chain: str, seed: int) -> Self:
        """The network at the end of `chain`. Raises NetworkNameError where one of the parts doesn't exist."""
        dataset(dataset_name)
        known = family(family_name).sizes
        if not _CHAIN.fullmatch(chain):
            raise NetworkNameError(f"chain {chain!r}: expected sizes joined by '-', teacher first, as in 10-4-2")
        sizes = tuple(sizes_of(chain))
        for size in sizes:
            if size not in known:
                raise NetworkNameError(
                    f"chain {chain!r}: {family_name} has no size {size}; its sizes are {', '.join(map(str, known))}"
                )
        for larger, smaller in pairwise(sizes):
            if smaller >= larger:
                raise NetworkNameError(
                    f"chain {chain!r}: sizes must shrink from teacher to student, but {smaller} follows {larger}"
                )
        return cls(dataset_name, family_name, sizes, seed, _checked_objectives(chain))

    @property
    def chain(self) -> str:
        """The distillation path as it is written in names: `10-4-2`, `26-8+mutual`."""
        said = dict(self.objectives)
        return "-".join(f"{size}+{said[size]}" if size in said else str(size) for size in self.sizes)

    @property
    def size(self) -> int:
        """This network's own size: convolutional layers (plain) or depth (ResNet)."""
        return self.sizes[-1]

    @property
    def method(self) -> str:
        """NOKD for one hop (labels alone), BLKD for two (Hinton et al. 2015), TAKD for more; else its objective: MUTUAL."""
        said = dict(self.objectives).get(self.size)
        return said.upper() if said else ("NOKD", "BLKD", "TAKD")[min(len(self.sizes), 3) - 1]

    @property
    def objective(self) -> Objective:
        """What its last hop minimises."""
        said = dict(self.objectives).get(self.size)
        return OBJECTIVES[said] if said else DISTILLATION if len(self.sizes) > 1 else LABELS

    @property
    def is_distilled(self) -> bool:
        """Whether it has a teacher."""
        return self.objective.partner == "teacher"

    @property
    def peer(self) -> Self | None:
        """The network that is trained together with it, under the same seed, where its objective has one."""
        return self._one_hop_before(self.seed) if self.objective.partner == "peer" else None

    def teacher(self, seed: int | None = None) -> Self:
        """The network one hop before, under `seed` (by default this network's own). Raises ValueError where there is none."""
        if not self.is_distilled:
            raise ValueError(f"{self} has no teacher")
        return self._one_hop_before(self.seed if seed is None else seed)

    def _one_hop_before(self, seed: int) -> Self:
        objectives = tuple(said for said in self.objectives if said[0] != self.size)
        return replace(self, sizes=self.sizes[:-1], seed=seed, objectives=objectives)

    def __str__(self) -> str:
        return f"{self.dataset}/{self.family}/{self.chain}/seed{self.seed}"


def _checked_objectives(chain: str) -> tuple[tuple[int, str], ...]:
    """Size and objective of the hops that say theirs. Raises NetworkNameError where one can't."""
    hops = hops_of(chain)
    for position, (size, objective) in enumerate(hops):
        if objective and objective not in OBJECTIVES:
            raise NetworkNameError(f"chain {chain!r}: unknown objective {objective!r}; there are {', '.join(OBJECTIVES)}")
        if objective and position == 0:
            raise NetworkNameError(f"chain {chain!r}: {size} comes first, so it is trained from labels alone, not by +{objective}")
        # A peer starts from nothing, as the first size does: what stands before it would never be used.
        if objective and position > 1 and OBJECTIVES[objective].partner == "peer":
            raise NetworkNameError(
                f"chain {chain!r}: +{objective} trains two networks from nothing, so it takes two sizes, as in "
                f"{hops[position - 1][0]}-{size}+{objective}"
            )
    return tuple((size, objective) for size, objective in hops if objective)
