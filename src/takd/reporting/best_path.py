"""best_path.csv and .md: the path that is chosen, beside those of rules of thumb, with what each one's choice is worth and cost."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path as File
from statistics import fmean, stdev
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import log_softmax

from takd.files import write_text
from takd.markdown import aligned, escaped
from takd.planning.path_walk import Walked
from takd.reporting.context import of_all_accuracies
from takd.reporting.effects import Effect, SharedSeeds
from takd.study.metric import Metric, said_of_others
from takd.study.paths import (
    Path,
    all_paths,
    by_tradeoff,
    cheapest,
    constant_ratio,
    narrowest,
    nearest_to_mean,
    recursion,
    through_one,
)
from takd.study.search import JudgedOn

COLUMNS = (
    *("rule", "path", "assistants", "accuracy", "deviation", "n", "behind_best", "low", "high"),
    *("trainings", "core_seconds", "path_core_seconds"),
)  # fmt: skip
RULES = {
    "chosen": "the cheapest that is behind the best by no more than {within:g} points, of all paths that were trained",
    "recursion": "the same, of those that the n² recursion trains: the best path to a size extends the best to its teacher",
    "exhaustive": "the same, of all 2ⁿ paths",
    "mean of ends": "the assistant whose accuracy from labels is nearest the mean of both ends' (Mirzadeh et al. 2020)",
    "MiniDisc": "the assistant of the largest performance + 0.2 × sparsity, once the teacher has taught it (Zhang et al. 2022)",
    "constant ratio": "one assistant, so that sizes shrink most nearly by one ratio (law of capacity gap, Zhang et al. 2023)",
    "widest hop": "one assistant at most; the widest hop is narrowest, by soft-target loss between networks from labels (takd)",
    "no assistant": "the teacher teaches the student",
}
Logits = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Measured:
    """What rules choose by. members: from the teacher down to the student. sizes: parameters of each.

    gaps: of each two members, larger first, the soft-target loss in nats of the smaller under the larger, both from labels alone.
    labels_alike: whether the accuracies from labels are all of held-out images, so that they can be compared. metric: by what
    accuracies are. chosen_on: the images by which recipes were chosen.
    """

    members: Path
    walked: Walked
    sizes: Mapping[str, float]
    gaps: Mapping[tuple[str, str], float]
    within: float
    exhaustive: bool
    labels_alike: bool = True
    metric: Metric = "accuracy"
    chosen_on: JudgedOn = "held_out"


@dataclass(frozen=True)
class Choice:
    """What a rule chose, and the paths whose networks it takes to choose and to have the student."""

    rule: str
    path: Path
    takes: Collection[Path]


def choices(measured: Measured) -> list[Choice]:
    """What each rule chooses, in the order of RULES."""
    walked, ends = measured.walked, (measured.members, measured.members[0], measured.members[-1])
    most, means = walked.assistants_at_most, walked.means
    labels = [(member,) for member in measured.members]
    costs = {path: cost(walked, path) for path in means}

    def best_of(paths: Collection[Path]) -> Path:
        known = {path: means[path] for path in paths if len(path) > 1 and path[-1] == ends[2]}
        return cheapest(known, costs, measured.within)

    _, walk = recursion(*ends, means.__getitem__, most)
    found = [Choice("chosen", best_of(means), list(means)), Choice("recursion", best_of(walk), [labels[0], *walk])]
    if measured.exhaustive:
        every = all_paths(*ends, most)
        found.append(Choice("exhaustive", best_of(every), [labels[0], *every]))
    direct = (ends[1], ends[2])
    if most != 0 and len(measured.members) > 2:
        accuracies = {member: means[member,] for member in measured.members}
        taught = {path[-1]: path for path in through_one(*ends) if path[-1] != ends[2]}
        if measured.labels_alike:
            found.append(_by_thumb("mean of ends", nearest_to_mean(*ends, accuracies), labels))
        by_worth = by_tradeoff(*ends, {member: means[path] for member, path in taught.items()}, measured.sizes)
        found.append(_by_thumb("MiniDisc", by_worth, taught.values()))
        found.append(_by_thumb("constant ratio", constant_ratio(*ends, measured.sizes, 1), ()))
        found.append(_by_thumb("widest hop", narrowest(*ends, measured.gaps), labels))
    return [*found, _by_thumb("no assistant", direct, ())]


def _by_thumb(rule: str, path: Path, reads: Collection[Path]) -> Choice:
    """A rule's choice: it takes what the rule reads, and each network of the path."""
    return Choice(rule, path, list(dict.fromkeys([*reads, *prefixes(path)])))


def prefixes(path: Path) -> list[Path]:
    """The path to each of its networks, teacher first."""
    return [path[:count] for count in range(1, len(path) + 1)]


def cost(walked: Walked, path: Path) -> float:
    """Core-seconds of all networks of a path, of each the mean over its seeds."""
    return sum(fmean(walked.spent[each].values()) for each in prefixes(path))


def numbers(measured: Measured) -> pd.DataFrame:
    """A row a rule. accuracy: in per cent, on held-out images, mean over n seeds; behind_best: in points, with its 95 % interval.

    The interval is NaN for the best path itself, and where one seed leaves nothing to tell chance by. trainings, core_seconds: of
    all networks that the rule takes, each once; path_core_seconds: of the path alone, one network a member.
    """
    walked, student = measured.walked, measured.members[-1]
    to_student = {path: means for path, means in walked.means.items() if len(path) > 1 and path[-1] == student}
    best = max(to_student, key=lambda path: (to_student[path], -len(path)))
    seeds = SharedSeeds(pd.DataFrame({"-".join(path): pd.Series(walked.accuracies[path]) for path in to_student}))
    rows = []
    for choice in choices(measured):
        values = list(walked.accuracies[choice.path].values())
        behind = Effect((), (), 0.0) if choice.path == best else seeds.effect(["-".join(best)], ["-".join(choice.path)])
        spent = [seconds for path in choice.takes for seconds in walked.spent[path].values()]
        rows.append(
            (
                *(choice.rule, "-".join(choice.path), len(choice.path) - 2, fmean(values), _deviation(values), len(values)),
                *(round(behind.effect, 9) + 0.0, behind.low, behind.high, len(spent), sum(spent), cost(walked, choice.path)),
            )
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def _deviation(values: Sequence[float]) -> float:
    return stdev(values) if len(values) > 1 else math.nan


def gap(larger: Logits, smaller: Logits, temperature: float) -> float:
    """Eq. 2 between two networks' answers to the same images: τ² KL(larger ‖ smaller), mean over images, in nats.

    larger, smaller: logits, (N, C). temperature: τ > 0.
    """
    target, said = (log_softmax(np.asarray(logits, dtype=np.float32) / temperature, axis=1) for logits in (larger, smaller))
    return float(temperature**2 * (np.exp(target) * (target - said)).sum(axis=1).mean())


def gaps_of(answers: Mapping[str, Logits], temperature: float) -> dict[tuple[str, str], float]:
    """The gap of each two members, larger first. answers: of each member, largest first, its logits, (N, C)."""
    return {(larger, smaller): gap(answers[larger], answers[smaller], temperature) for larger, smaller in combinations(answers, 2)}


def write(title: str, measured: Measured, place: File) -> list[File]:
    """Write the table for programs and for people; both files. title: of the data set and family."""
    table = numbers(measured)
    files = [place.with_name(f"{place.name}.{suffix}") for suffix in ("csv", "md")]
    write_text(files[0], _marked(table, measured).to_csv(index=False, lineterminator="\n", float_format="%.6g"))
    write_text(files[1], as_markdown(title, measured, table))
    return files


def _marked(table: pd.DataFrame, measured: Measured) -> pd.DataFrame:
    """The table, with a column that says so where accuracies are by another metric, or recipes were chosen by test images."""
    marks = {"metric": measured.metric} if measured.metric != "accuracy" else {}
    return table.assign(**marks, **({"chosen_on": "test"} if measured.chosen_on == "test" else {}))


def as_markdown(title: str, measured: Measured, table: pd.DataFrame) -> str:
    """The page: what is chosen, each rule's choice, and every path that was trained."""
    chosen = table.iloc[0]
    teacher, student = measured.members[0], measured.members[-1]
    how = "no assistant" if chosen["assistants"] == 0 else f"{chosen['assistants']} of {len(measured.members) - 2} assistants"
    head = ["rule", "path", "accuracy, %", "behind the best, points", "trainings", "core-seconds", "of the path alone"]
    lines = [head, *(_line(row) for row in table.itertuples(index=False))]
    rules = [f"- {rule}: {RULES[rule].format(within=measured.within)}." for rule in table["rule"]]
    means = measured.walked.means
    ranked = sorted((path for path in means if len(path) > 1 and path[-1] == student), key=lambda path: -means[path])
    every = [["path", "accuracy, %", "core-seconds"], *(_path_line(measured.walked, path) for path in ranked)]
    alone = _accuracy(list(measured.walked.accuracies[student,].values()))
    compared_by = f"{said_of_others(measured.metric)}\n\n" if measured.metric != "accuracy" else ""
    said = of_all_accuracies(False, measured.chosen_on) + compared_by
    return (
        f"# The path from {escaped(teacher)} to {escaped(student)}: {escaped(title)}\n\n{said}"
        f"Chosen: **{escaped(chosen['path'])}**, {how}, {_accuracy(list(_of(measured.walked, chosen['path'])))} %.\n"
        f"From labels alone {escaped(student)} comes to {alone} %.\n\n"
        "Accuracy on training images that were held out of all of these networks, mean ± standard deviation over seeds.\n"
        "The best of several paths was lucky too: its accuracy here is no accuracy to expect, and intervals from it are short.\n"
        "Trainings and core-seconds are of all networks that a rule takes, to choose and to have the student, in all seeds.\n"
        "In brackets: 95 % intervals over seeds.\n\n"
        f"{aligned(lines)}\n" + "\n".join(rules) + f"\n\n## Every path that was trained\n\n{aligned(every)}"
    )


def _of(walked: Walked, text: str) -> Collection[float]:
    return next(values.values() for path, values in walked.accuracies.items() if "-".join(path) == text)


def _line(row: Any) -> list[str]:
    interval = "" if math.isnan(row.low) else f" [{row.low:+.2f} … {row.high:+.2f}]"
    deviation = "" if math.isnan(row.deviation) else f" ± {row.deviation:.2f}"
    return [
        *(row.rule, escaped(row.path), f"{row.accuracy:.2f}{deviation}", f"{row.behind_best:.2f}{interval}"),
        *(str(row.trainings), f"{row.core_seconds:,.0f}", f"{row.path_core_seconds:,.0f}"),
    ]  # fmt: skip


def _path_line(walked: Walked, path: Path) -> list[str]:
    return [escaped("-".join(path)), _accuracy(list(walked.accuracies[path].values())), f"{cost(walked, path):,.0f}"]


def _accuracy(values: Sequence[float]) -> str:
    deviation = _deviation(values)
    return f"{fmean(values):.2f}" + ("" if math.isnan(deviation) else f" ± {deviation:.2f}")
