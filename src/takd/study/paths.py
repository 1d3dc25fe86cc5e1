"""Which assistants to take, from what is measured already: published rules of thumb, and the n² recursion.

A path is a tuple of members, teacher first and student last; members are given largest first. An assistant is a member between.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations, pairwise
from math import log
from typing import NamedTuple

from takd.errors import ParameterError

Path = tuple[str, ...]
SPARSITY = 0.2  # its weight beside performance: MiniDisc's λ
ROUNDING = 1e-9  # points: what a difference of accuracies may be off by


def between(members: Sequence[str], teacher: str, student: str) -> Path:
    """The members that may assist, largest first. Raises ParameterError where the ends aren't members, or don't shrink."""
    for end in (teacher, student):
        if end not in members:
            raise ParameterError(f"path: no member {end}; there are {', '.join(members)}")
    first, last = members.index(teacher), members.index(student)
    if first >= last:
        raise ParameterError(f"path: from {teacher} to {student}: a path leads from a larger member to a smaller one")
    return tuple(members[first + 1 : last])


def nearest_to_mean(members: Sequence[str], teacher: str, student: str, from_labels: Mapping[str, float]) -> Path:
    """The path through the assistant whose accuracy from labels alone is nearest the mean of both ends' (the paper, Figure 4).

    from_labels: accuracy of each of them, in per cent. Of two as near, the larger. The direct path where nothing lies between.
    """
    through = between(members, teacher, student)
    if not through:
        return (teacher, student)
    mean = (from_labels[teacher] + from_labels[student]) / 2
    return (teacher, min(through, key=lambda member: abs(from_labels[member] - mean)), student)


def constant_ratio(members: Sequence[str], teacher: str, student: str, sizes: Mapping[str, float], assistants: int) -> Path:
    """The path of so many assistants along which sizes shrink most nearly by one ratio (the law of capacity gap, 2311.07052).

    sizes: parameters of each, above 0. Least is the sum of squares by which log ratios differ from their mean. Of equal paths, the
    one of larger members. Raises ParameterError where fewer members lie between.
    """
    through = between(members, teacher, student)
    if not 0 <= assistants <= len(through):
        raise ParameterError(f"path: {assistants} assistants; between {teacher} and {student} there are {len(through)}")

    def unevenness(path: Path) -> float:
        steps = [log(sizes[larger] / sizes[smaller]) for larger, smaller in pairwise(path)]
        mean = sum(steps) / len(steps)
        return sum((step - mean) ** 2 for step in steps)

    return min(((teacher, *chosen, student) for chosen in combinations(through, assistants)), key=unevenness)


def by_tradeoff(
    members: Sequence[str], teacher: str, student: str, taught: Mapping[str, float], sizes: Mapping[str, float]
) -> Path:
    """The path through the assistant of the largest performance + 0.2 × sparsity (MiniDisc, 2205.14570).

    taught: accuracy, in per cent, of each member between, taught by the teacher; as a share it is the performance. Sparsity is the
    share of the teacher's parameters that it lacks. Of equal ones, the larger. sizes: parameters of each, above 0.
    """
    through = between(members, teacher, student)
    if not through:
        return (teacher, student)
    worth = {member: taught[member] / 100 + SPARSITY * (1 - sizes[member] / sizes[teacher]) for member in through}
    return (teacher, max(through, key=lambda member: worth[member]), student)


def narrowest(members: Sequence[str], teacher: str, student: str, gaps: Mapping[tuple[str, str], float]) -> Path:
    """The path of one assistant at most whose widest hop is narrowest; of equal ones the direct one, then that of larger members.

    gaps: how far the answers of the smaller of two members lie from those of the larger, both trained from labels alone. takd's.
    """
    paths = [(teacher, student), *((teacher, member, student) for member in between(members, teacher, student))]
    return min(paths, key=lambda path: max(gaps[hop] for hop in pairwise(path)))


def through_one(members: Sequence[str], teacher: str, student: str) -> list[Path]:
    """The direct path, and for each member between the path to it and the one through it."""
    through = between(members, teacher, student)
    return [(teacher, student), *(path for each in through for path in ((teacher, each), (teacher, each, student)))]


def all_paths(members: Sequence[str], teacher: str, student: str, assistants_at_most: int | None = None) -> list[Path]:
    """Every path to the student, and to the assistants on the way, the shorter first: 2ⁿ of them to the student."""
    through = between(members, teacher, student)
    most = len(through) if assistants_at_most is None else min(assistants_at_most, len(through))
    chosen = [each for count in range(most + 1) for each in combinations(through, count)]
    paths = [(teacher, *each) for each in chosen if each] + [(teacher, *each, student) for each in chosen]
    return sorted(paths, key=len)


class Step(NamedTuple):
    """Where the recursion stands. missing: paths to measure before it goes on. best: the path, where none is missing."""

    missing: tuple[Path, ...]
    best: Path | None


def next_step(
    members: Sequence[str], teacher: str, student: str, measured: Mapping[Path, float], assistants_at_most: int | None = None
) -> Step:
    """How the n² recursion goes on: the best path to a member extends the best path to its teacher (the paper's open question).

    measured: accuracy, in per cent, of the member at the end of each path. With n members between, 2ⁿ paths lead to the student;
    the recursion measures (n + 1)(n + 2) / 2 paths to any member. Where assistants are limited, the best path to a member is kept
    for each number of them. Of equal paths, the shorter, then the one of larger members. Raises ParameterError where the limit is
    below 0.
    """
    through = between(members, teacher, student)
    if assistants_at_most is not None and assistants_at_most < 0:
        raise ParameterError(f"path: assistants_at_most: expected 0 or more, not {assistants_at_most}")
    limited = assistants_at_most is not None and assistants_at_most < len(through)
    most = assistants_at_most if assistants_at_most is not None and limited else len(through)
    kept: list[Path] = [(teacher,)]
    for member in (*through, student):
        allowed = most if member == student else most - 1  # a member that is to assist is an assistant more
        paths = [(*path, member) for path in kept if len(path) - 1 <= allowed]
        if missing := tuple(path for path in paths if path not in measured):
            return Step(missing, None)
        ranked = sorted(paths, key=lambda path: (-measured[path], len(path)))
        if member == student:
            return Step((), ranked[0])
        first_of_each = {len(path) if limited else 0: path for path in reversed(ranked)}
        kept += first_of_each.values()
    raise AssertionError("the student comes last")


def recursion(
    members: Sequence[str],
    teacher: str,
    student: str,
    accuracy: Callable[[Path], float],
    assistants_at_most: int | None = None,
) -> tuple[Path, dict[Path, float]]:
    """The path that the recursion ends at, and all that it measured on the way. accuracy: measures a path's last member."""
    measured: dict[Path, float] = {}
    while (step := next_step(members, teacher, student, measured, assistants_at_most)).best is None:
        measured |= {path: accuracy(path) for path in step.missing}
    return step.best, measured


def trainings(members: Sequence[str], teacher: str, student: str, assistants_at_most: int | None = None) -> int:
    """How many networks the recursion trains, besides the teacher: whatever their accuracies, as many."""
    return len(recursion(members, teacher, student, lambda path: 0.0, assistants_at_most)[1])


def cheapest(accuracies: Mapping[Path, float], costs: Mapping[Path, float], within: float) -> Path:
    """The cheapest path whose accuracy is within so many points of the best one's; of equal ones, the most accurate.

    accuracies: in per cent, of the same student. costs: of all that a path trains, in any unit.
    """
    best = max(accuracies.values())
    good = [path for path, accuracy in accuracies.items() if best - accuracy <= within + ROUNDING]
    return min(good, key=lambda path: (costs[path], -accuracies[path]))
