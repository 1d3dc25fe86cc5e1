"""A network's name, and what follows from it: its chain, its teacher, its method.

    {dataset}/{family}/{chain}/seed{seed}         cifar10/plain/10-4-2/seed0

A chain is the paper's distillation path, sizes from the teacher down to the network itself.
"""

import re
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, Self

from takd.data.registry import dataset
from takd.errors import NetworkNameError
from takd.networks.registry import family

Method = Literal["NOKD", "BLKD", "TAKD"]

_NAME = re.compile(r"(?P<dataset>[^/]+)/(?P<family>[^/]+)/(?P<chain>[^/]+)/seed(?P<seed>0|[1-9]\d*)")
_CHAIN = re.compile(r"[1-9]\d*(-[1-9]\d*)*")


@dataclass(frozen=True, order=True)
class Network:
    """One trained network. `sizes` run from the first teacher of its chain down to its own."""

    dataset: str
    family: str
    sizes: tuple[int, ...]
    seed: int

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
        sizes = tuple(int(size) for size in chain.split("-"))
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
        return cls(dataset_name, family_name, sizes, seed)

    @property
    def chain(self) -> str:
        """The distillation path as it is written in names: `10-4-2`."""
        return "-".join(map(str, self.sizes))

    @property
    def size(self) -> int:
        """This network's own size: convolutional layers (plain) or depth (ResNet)."""
        return self.sizes[-1]

    @property
    def method(self) -> Method:
        """NOKD for one hop (labels alone), BLKD for two (Hinton et al. 2015), TAKD for more."""
        return ("NOKD", "BLKD", "TAKD")[min(len(self.sizes), 3) - 1]

    @property
    def is_distilled(self) -> bool:
        """Whether it has a teacher."""
        return len(self.sizes) > 1

    def teacher(self, seed: int | None = None) -> Self:
        """The network one hop before, under `seed` (by default this network's own). Raises ValueError where there is none."""
        if not self.is_distilled:
            raise ValueError(f"{self} has no teacher")
        return replace(self, sizes=self.sizes[:-1], seed=self.seed if seed is None else seed)

    def __str__(self) -> str:
        return f"{self.dataset}/{self.family}/{self.chain}/seed{self.seed}"
