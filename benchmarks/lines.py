"""A line of the benchmarks' table: what was measured, each repeat of it, and whether it meets its bar."""

from dataclasses import dataclass
from statistics import median
from typing import Self

Repeat = dict[str, float]


@dataclass(frozen=True)
class Line:
    """value: from the medians; low, high: over the repeats. bar: None where a line is for information.

    baseline_seconds, takd_seconds: medians, for lines that compare two ways of doing the same.
    """

    name: str
    work: str
    compared_with: str
    unit: str
    value: float
    low: float
    high: float
    repeats: list[Repeat]
    bar: float | None = None
    at_least: bool = False
    baseline_seconds: float | None = None
    takd_seconds: float | None = None
    images: int | None = None

    @property
    def met(self) -> bool | None:
        """Whether the value is on the right side of its bar; None where there is none."""
        if self.bar is None:
            return None
        return self.value >= self.bar if self.at_least else self.value < self.bar

    @classmethod
    def ratio(
        cls, name: str, work: str, compared_with: str, bar: float, images: int, baseline: list[Repeat], takd: list[Repeat]
    ) -> Self:
        """How many times faster takd is: the ratio of the medians; low and high are the ratios of the single pairs."""
        theirs, ours = [one["seconds"] for one in baseline], [one["seconds"] for one in takd]
        pairs = [slow / fast for slow, fast in zip(theirs, ours, strict=True)]
        repeats = [
            {f"baseline_{key}": value for key, value in slow.items()} | {f"takd_{key}": value for key, value in fast.items()}
            for slow, fast in zip(baseline, takd, strict=True)
        ]
        return cls(
            name, work, compared_with, "times faster", median(theirs) / median(ours), min(pairs), max(pairs), repeats,
            bar=bar, at_least=True, baseline_seconds=median(theirs), takd_seconds=median(ours), images=images,
        )  # fmt: skip

    @classmethod
    def single(
        cls, name: str, work: str, unit: str, key: str, repeats: list[Repeat], *, bar: float | None = None,
        at_least: bool = False, compared_with: str = "", images: int | None = None,
    ) -> Self:  # fmt: skip
        """The median of one quantity over the repeats."""
        values = [one[key] for one in repeats]
        return cls(
            name, work, compared_with, unit, median(values), min(values), max(values), repeats,
            bar=bar, at_least=at_least, images=images,
        )  # fmt: skip
