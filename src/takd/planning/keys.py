"""Of tables, figures, verdicts and the report: the key that each should bear, and whether the one there bears it."""

from functools import cached_property
from pathlib import Path

from takd.errors import TakdError
from takd.planning.trained import KeysOfTrained, State
from takd.records import made
from takd.records.exports import EXPORTING, TIMING
from takd.records.key import key_of
from takd.study import layout
from takd.study.artifacts import look_up
from takd.study.further_kinds import Answers, Deploy, Probes, Wins
from takd.study.layout import BEST_PATH, VARIANTS
from takd.study.metric import Metric, check_metric
from takd.study.papers_kinds import Surfaces
from takd.study.path_networks import UNAUGMENTED, AskedPath
from takd.study.search import JudgedOn
from takd.study.tree import Folder, Node

PAPER, CLAIMS = "paper/published.csv", "paper/claims.yaml"
ASKING = "takd.measuring.probe"
REPORTING = "takd.reporting.show"  # whose code, and all that it imports, is what shows


class Keys(KeysOfTrained):
    """Of one reading of the workflow: those of what is trained, and of what is shown."""

    def networks_shown(self, results: str, names: list[str]) -> list[Node]:
        """The networks that those artifacts read; where the study says `run: there`, those of them that are there."""
        artifacts = self.tree.folder(results).artifacts
        deep = [name for name in names if look_up(artifacts, name).with_teachers]
        nodes = list(dict.fromkeys([*self.tree.cells(results, names), *self.tree.needed(results, deep)]))
        if self.tree.folder(results).parameters.run == "there":
            asked = names and all(look_up(artifacts, name).reads_weights for name in names)
            nodes = [node for node in nodes if (self.has_model(node) if asked else self.has_record(node))]
        return nodes

    def networks_reported(self, results: str) -> list[Node]:
        """The networks of everything that is reported, and their teachers where they are of these results."""
        nodes = self.networks_shown(results, self.tree.shown(results))
        lines = (self.tree.lineage(node) for node in nodes)
        all_of_them = self.tree.own(results, dict.fromkeys(each for line in lines for each in line))
        there = self.tree.folder(results).parameters.run == "there"
        return [node for node in all_of_them if self.has_record(node)] if there else all_of_them

    def surfaces_shown(self, results: str, name: str) -> list[Node]:
        """The networks whose loss surface a figure shows; none where it shows accuracies."""
        shown = look_up(self.tree.folder(results).artifacts, name)
        return self.networks_shown(results, [name]) if isinstance(shown, Surfaces) else []

    def needs_labels(self, results: str, name: str) -> bool:
        """Whether something shown holds networks' answers against the labels of the test images."""
        return isinstance(self.tree.folder(results).artifacts.get(name), Answers | Wins)

    def asks(self, results: str, name: str) -> bool:
        """Whether something shown asks networks themselves, so that their weights and the images are needed."""
        return isinstance(self.tree.folder(results).artifacts.get(name), Probes)

    def ships(self, results: str, name: str) -> bool:
        """Whether something shown compares networks as devices run them, so that exports and their latencies are needed."""
        return isinstance(self.tree.folder(results).artifacts.get(name), Deploy)

    def artifact(self, results: str, name: str) -> str:
        """Of a table or figure."""
        folder = self.tree.folder(results)
        specification = look_up(folder.artifacts, name).model_dump(mode="json")
        surfaces = [self.surface(node) for node in self.surfaces_shown(results, name)]
        networks = [] if surfaces else [[str(node), self.network(node)] for node in self.networks_shown(results, [name])]
        codes = [ASKING] if self.asks(results, name) else [EXPORTING, TIMING] if self.ships(results, name) else []
        shows = [*self._shows(results), *map(self._hashed, codes)]
        return key_of("artifact", name, specification, folder.datasets, networks, surfaces, self._paper(folder), shows)

    def accuracy(self, results: str) -> str:
        """Of accuracy.csv and what is gathered with it."""
        networks = [[str(node), self.network(node)] for node in self.networks_reported(results)]
        return key_of("accuracy", networks, self._shows(results))

    def claims(self, results: str) -> str:
        """Of the verdicts."""
        folder = self.tree.folder(results)
        figures = [self.artifact(results, name) for name in self.beside_accuracies(results)]
        paper = [*self._paper(folder), *([] if folder.is_own else self._claims_of_paper)]
        return key_of("claims", self.accuracy(results), figures, folder.datasets, folder.parameters.claims.model_dump(), paper)

    def report(self, results: str) -> str:
        """Of the page of all of it."""
        parts = [self.artifact(results, name) for name in self.tree.shown(results)]
        return key_of("report", parts, self.claims(results))

    def best_path(self, results: str) -> str:
        """Of the path that a search comes to: over every network that it may train, as which it does isn't known before."""
        asked = AskedPath.of(self.tree, results)
        networks = [[str(node), self.network(node)] for node in asked.possible()]
        answers = [self.soft_targets(node, UNAUGMENTED) for node in asked.asked_for_answers()]
        return key_of("best path", asked.section.model_dump(), networks, answers, self._shows(results))

    def surface_figures(self, results: str) -> list[str]:
        """The reported figures of loss surfaces; a variant's aren't the paper's."""
        folder = self.tree.folder(results)
        shown = {name: look_up(folder.artifacts, name) for name in self.tree.shown(results)}
        return [name for name, each in shown.items() if isinstance(each, Surfaces) and not each.variants_shown]

    def probe_tables(self, results: str) -> list[str]:
        """The reported tables of what networks were asked; a variant's aren't the paper's."""
        artifacts = self.tree.folder(results).artifacts
        return [name for name in self.tree.shown(results) if self.asks(results, name) and not look_up(artifacts, name).variant]

    def beside_accuracies(self, results: str) -> list[str]:
        """What claims are judged by beside accuracy.csv."""
        return [*self.surface_figures(results), *self.probe_tables(results)]

    def of_shown(self, results: str, what: str) -> str:
        """Of whatever is called so: accuracy, claims, report, best_path, or a table or figure."""
        special = {"accuracy": self.accuracy, "claims": self.claims, "report": self.report, BEST_PATH: self.best_path}
        return special[what](results) if what in special else self.artifact(results, what)

    def state_of_shown(self, results: str, what: str) -> State:
        """Whether what people read is there, bears its key, and is what was written."""
        path = self.root / layout.made(results, what)
        if not path.exists():
            beside = [*(self.root / results).glob(f"{what}.*")]
            return "stale" if beside else "missing"
        state = self._state_of_made(path, self.root / results, self.of_shown(results, what))
        return "stale" if state == "fresh" and self.shows_another_line(results, what) else state

    def shows_another_line(self, results: str, what: str) -> bool:
        """Whether a network of what is shown rests on another teacher than the one that is there."""
        return any(self.is_of_another_line(node) for node in self.networks_behind(results, what))

    def networks_behind(self, results: str, what: str) -> list[Node]:
        """The networks that something shown reads; for accuracy, claims and the report, those of everything that is reported.

        For a path that is found, those that it may read.
        """
        if what == BEST_PATH:
            return AskedPath.of(self.tree, results).possible()
        is_artifact = what in self.tree.folder(results).artifacts
        return self.networks_shown(results, [what]) if is_artifact else self.networks_reported(results)

    def state_of_record(self, record: str, key: str, kind: type[made.Made] = made.Made) -> State:
        """Whether the files of a record, which lie beside it, are there, bear that key, and are what was written."""
        return self._state_of_made(path, path.parent, key, kind) if (path := self.root / record).exists() else "missing"

    def _state_of_made(self, path: Path, folder: Path, key: str, kind: type[made.Made] = made.Made) -> State:
        try:
            record = kind.read(path)
        except TakdError:
            return "stale"
        changed = record.changed(folder)
        if record.key != key or self.is_made_from_others(record) or any((folder / name).exists() for name in changed):
            return "stale"
        return "missing" if changed else "fresh"

    def chosen_on(self, results: str, nodes: list[Node]) -> JudgedOn:
        """The images by which the recipes of networks were chosen, or the epoch that one of them, or of its teachers, kept."""
        if self.tree.folder(results).parameters.chosen_on == "test":
            return "test"
        lines = dict.fromkeys(each for node in nodes for each in self.tree.lineage(node))
        return "test" if any(self.tree.recipe(each).length.select == "best_test" for each in lines) else "held_out"

    def is_made_from_others(self, record: made.Made) -> bool:
        """Whether a file that went in is another one now, though of the same key: trained again on another machine, say."""
        there = ((self.root / path, was) for path, was in record.made_from.items())
        return any(path.exists() and self._digest(path) != was for path, was in there)

    def _shows(self, results: str) -> list[object]:
        folder = self.tree.folder(results)
        on_test = ["chosen on test"] if folder.parameters.chosen_on == "test" else []
        return [self._hashed(REPORTING), list(folder.datasets), VARIANTS in results, self.metric(results), *on_test]

    def metric(self, results: str) -> Metric:
        """What the networks there are compared by. Raises ParameterError where it says nothing of a data set of so few classes."""
        folder = self.tree.folder(results)
        for dataset in folder.datasets:
            if (lock := self.lock(results, dataset)) is not None:
                check_metric(folder.parameters.metric, dataset, lock.classes)
        return folder.parameters.metric

    def _paper(self, folder: Folder) -> list[str]:
        """The paper's numbers, which a study of one's own doesn't have beside its own."""
        return [self._digest(path)] if (path := self.root / PAPER).is_file() and not folder.is_own else []

    @cached_property
    def _claims_of_paper(self) -> list[str]:
        return [self._digest(path)] if (path := self.root / CLAIMS).is_file() else []
