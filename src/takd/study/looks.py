"""How many students to look at, look by look, until comparisons are decided. What is said at a look: `takd.reporting.rounds`."""

from takd.errors import ParameterError

MOST_SEEDS = 1000


def looks(there: int, seeds_at_most: int, most: int = 4) -> tuple[int, ...]:
    """How many seeds to look at, each time some more, the last time seeds_at_most: `most` looks or fewer, from those there are on.

    Raises ParameterError where seeds_at_most is below what is there, or out of bounds.
    """
    if not 2 <= seeds_at_most <= MOST_SEEDS:
        raise ParameterError(f"seeds_at_most: expected 2 to {MOST_SEEDS} seeds, not {seeds_at_most}")
    if seeds_at_most < there:
        raise ParameterError(f"seeds_at_most: {seeds_at_most} is below the {there} seeds that are there; give {there} or more")
    first = max(there, 2)
    factor = (seeds_at_most / first) ** (1 / (most - 1))  # by which each look has more
    return tuple(sorted({*(round(first * factor**step) for step in range(most - 1)), seeds_at_most}))
