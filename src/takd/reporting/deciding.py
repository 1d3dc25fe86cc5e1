"""Students until a claim is decided: what each comparison is by the networks that are there, and which the next look needs."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import takewhile
from pathlib import Path

import pandas as pd

from takd.errors import RecordError
from takd.files import sha256_of, write_text
from takd.planning.decided import Compared
from takd.planning.workflow import Workflow
from takd.records import accuracy as accuracies
from takd.records.key import check_key
from takd.records.made import Made
from takd.records.metrics import Metrics
from takd.reporting import decided_page
from takd.reporting.context import of_all_accuracies, read_published
from takd.reporting.decided_page import Followed, Look
from takd.reporting.judging import Measured, Part
from takd.reporting.rounds import Decision, decided
from takd.study import layout
from takd.study.metric import said_of_others
from takd.study.tree import Node


@dataclass(frozen=True)
class Progress:
    """How far a claim is. It is found from the networks that are there alone, so a run that was killed goes on.

    followed: its comparisons, in order, each with what it is now.
    """

    workflow: Workflow
    results: str
    name: str
    looks: tuple[int, ...]
    accuracy: pd.DataFrame
    followed: list[Followed]

    @cached_property
    def lacking(self) -> list[Node]:
        """The networks that aren't there and that open comparisons need for their next look, without teachers."""
        return list(dict.fromkeys(node for one in self.followed for node in self._lacked_by(one)))

    @cached_property
    def students(self) -> int | None:
        """How many students a chain has at the next look, the fewest where comparisons differ; None where nothing is lacking."""
        return min((one.now.next for one in self.followed if one.now.next and self._lacked_by(one)), default=None)

    def read(self, students: int | None = None) -> list[Node]:
        """The networks that were needed up to a look, without teachers: a comparison that is decided needs no more."""
        most = self.looks[-1] if students is None else students
        return self._networks((one, min(one.now.n, most)) for one in self.followed)

    def at_most(self) -> list[Node]:
        """The networks that may be needed from here on, and those that were, with their teachers."""
        still = self._networks((one, self.looks[-1] if one.now.next else one.now.n) for one in self.followed)
        return self.workflow.decided.with_teachers(still)

    def to_train(self, nodes: Iterable[Node]) -> int:
        """How many of those networks and their teachers have to be trained."""
        return sum(not self.workflow.keys.has_record(node) for node in self.workflow.decided.with_teachers(nodes))

    def table(self) -> list[Look]:
        """What each look came to, all comparisons together."""
        found = []
        for students in self.looks:
            here = [one for one in self.followed if students in one.decisions]
            if here:
                verdicts = [one.decisions[students].verdict for one in here]
                networks = len(self.workflow.decided.with_teachers(self.read(students)))
                found.append(Look(students, verdicts, networks))
        return found

    def _lacked_by(self, one: Followed) -> list[Node]:
        if one.now.next is None or self.workflow.tree.folder(self.results).parameters.run == "there":
            return []
        nodes = self.workflow.decided.networks(self.results, one.compared, range(one.now.next))
        return [node for node in nodes if not self.workflow.keys.has_record(node)]

    def _networks(self, counted: Iterable[tuple[Followed, int]]) -> list[Node]:
        of = self.workflow.decided
        return list(dict.fromkeys(node for one, n in counted for node in of.networks(self.results, one.compared, range(n))))


def progress(workflow: Workflow, results: str, name: str) -> Progress:
    """How far a claim is. Raises ParameterError where it can't be decided, RecordError where a network's record can't be read."""
    plan = workflow.decided.looks(results)
    there = [node for node in workflow.decided.at_most(results, name) if workflow.keys.has_record(node)]
    measured = _measured(workflow, results, there)
    known = [one for one in workflow.decided.comparisons(results, name) if not math.isnan(_constant(one, measured))]
    followed = [_followed(name, one, measured, plan, len(known)) for one in known]
    return Progress(workflow, results, name, plan, measured.accuracy, followed)


def make(workflow: Workflow, results: str, name: str, expected_key: str | None = None) -> list[Path]:
    """Write a claim's page, its table and their record; the files.

    Raises RecordError where a comparison is open and the networks of its next look aren't there.
    """
    page = workflow.root / layout.decided(results, name, "md")
    key = workflow.decided.key(results, name)
    check_key(page, key, expected_key)
    found = progress(workflow, results, name)
    if found.lacking:
        raise RecordError(f"{layout.metrics(*found.lacking[0])}: isn't there, or not as it should be; run snakemake")
    claim, at_most = workflow.decided.claim(results, name), len(workflow.decided.with_teachers(_all_asked(found)))
    files = [page.with_suffix(".csv"), page]
    folder = workflow.tree.folder(results)
    given = folder.parameters
    compared_by = f"{said_of_others(given.metric)}\n\n" if given.metric != "accuracy" else ""
    chosen_on = workflow.keys.chosen_on(results, found.read())
    said = of_all_accuracies(accuracies.on_held_out(found.accuracy), chosen_on) + compared_by
    write_text(files[0], decided_page.as_csv(name, found.followed, found.table(), at_most, given.metric))
    text = decided_page.as_markdown(
        name, claim, found.followed, found.table(), found.looks, at_most, said_of_all=said, own=folder.is_own
    )
    write_text(files[1], text)
    records = [layout.metrics(*node) for node in found.read() if workflow.keys.has_record(node)]
    made_from = {path: sha256_of(workflow.root / path) for path in records}
    Made.of(key, files).model_copy(update={"made_from": made_from}).write(page.with_suffix(".json"))
    return files


def said_of(workflow: Workflow, results: str, name: str) -> str:
    """How many trainings a claim takes at most, in a line."""
    target = layout.decided(results, name, "md")
    if workflow.decided.state(results, name) == "fresh":
        return f"{target}: is there, and as it should be; nothing is to be trained"
    found = progress(workflow, results, name)
    if found.students is None:
        return f"{target}: nothing is to be trained; no comparison is open that another student could decide"
    most, next_look = found.to_train(found.at_most()), found.to_train(found.lacking)
    return f"{target}: {most} trainings at most; {next_look} of them before the next look, at {found.students} students a chain"


class Looking:
    """What Snakemake asks within one run, again after each look; what it was told of a look stays."""

    def __init__(self, workflow: Workflow) -> None:
        self.workflow = workflow
        self._needs: dict[tuple[str, str, str], list[str]] = {}

    def next(self, wildcards: Mapping[str, str]) -> str | None:
        """The look that comes next, by its number of students; None where the claim's page can be made, or is there."""
        results, name = wildcards["results"], wildcards["claim"]
        self.workflow.look_again()
        if self.workflow.decided.state(results, name) == "fresh":
            return None
        found = progress(self.workflow, results, name)
        if found.students is None:
            return None
        self._needs.setdefault((results, name, str(found.students)), [layout.metrics(*node) for node in found.lacking])
        return str(found.students)

    def needs(self, wildcards: Mapping[str, str]) -> list[str]:
        """The records that a look waits for."""
        return self._needs.get((wildcards["results"], wildcards["claim"], wildcards["students"]), [])


def _all_asked(found: Progress) -> list[Node]:
    of, most = found.workflow.decided, range(found.looks[-1])
    return [node for one in found.followed for node in of.networks(found.results, one.compared, most)]


def _measured(workflow: Workflow, results: str, nodes: list[Node]) -> Measured:
    folder = workflow.tree.folder(results)
    order = {family: list(members) for family, members in folder.families.items()}
    published = workflow.root / "paper/published.csv"
    records = [(node.results.partition(layout.VARIANTS)[2], Metrics.read(workflow.root / layout.metrics(*node))) for node in nodes]
    metric = folder.parameters.metric
    paper = published.is_file() and not folder.is_own and metric == "accuracy"  # which is all that it gives
    return Measured(
        accuracies.rows_of(records, order, metric),
        pd.DataFrame(),
        read_published(published if paper else None),
        folder.parameters.claims.equal_within,
        metric,
    )


def _constant(compared: Compared, measured: Measured) -> float:
    """The number that a comparison is held against: 0 where it is between chains, NaN where nobody quotes one."""
    return measured.numbers.get((compared.dataset, compared.quoted), math.nan) if compared.quoted else 0.0


def _followed(name: str, compared: Compared, measured: Measured, plan: tuple[int, ...], count: int) -> Followed:
    """A comparison at each look for which there are enough students. count: of comparisons that share the 5 %."""
    epochs = getattr(compared.said, "quoted_epochs", None) if compared.quoted else None
    if epochs is not None:
        measured = replace(measured, accuracy=measured.accuracy[measured.accuracy["epochs"] == epochs])
    part = Part(name, compared.said, compared.dataset, measured)
    sides = [part.values[list(side)].mean(axis=1, skipna=False) for side in (compared.better, compared.worse) if side]
    by_seed = sides[0] - (sides[1] if len(sides) > 1 else _constant(compared, measured))
    values = [float(value) for value in by_seed.reindex(range(plan[-1]))]
    differences = list(takewhile(lambda value: not math.isnan(value), values))
    margin = measured.equal_within if part.unit == "points" else None

    def at(count_of_seeds: int) -> Decision:
        some = differences[:count_of_seeds]
        return decided(some, plan, equal_within=margin, comparisons=count, said_equal=compared.said_equal)

    now = at(plan[-1])
    return Followed(compared, part.unit, now, {students: at(students) for students in plan if students <= now.n})
