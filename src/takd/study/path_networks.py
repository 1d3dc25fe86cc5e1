"""Which networks a search for the best path may train: by its paths, and by the seeds of a study."""

from dataclasses import dataclass
from typing import Self

from takd.errors import ParameterError
from takd.study import layout
from takd.study.metric import Metric
from takd.study.names import Hop, Name
from takd.study.path_section import PathSection
from takd.study.paths import Path, all_paths, between
from takd.study.tree import Node, Tree

LONGEST = 12  # members with both ends: 2,048 paths to the student
UNAUGMENTED = "unaugmented"  # the views by which networks' answers are held against each other


@dataclass(frozen=True)
class AskedPath:
    """What a study's `path:` asks for. members: from the teacher down to the student. folder: where its networks lie."""

    tree: Tree
    results: str
    folder: str
    section: PathSection
    dataset: str
    family: str
    members: Path

    @classmethod
    def of(cls, tree: Tree, results: str) -> Self:
        """Of a folder of results. Raises ParameterError where it asks for no path, or for one among too many members."""
        study = tree.folder(results)
        section, folder = study.parameters.path, layout.path_folder(results)
        said_by = f"presets/{study.study}.yaml" if study.study else "params.yaml"
        if section is None:
            raise ParameterError(f"{said_by}: path: is missing; as in path: {{from: 10, to: 2}}")
        if folder not in tree.folders:
            raise ParameterError(f"{results}: a path is of params.yaml's own results, or of a preset's")
        family = section.family({name: list(members) for name, members in study.families.items()})
        through = between(list(study.families[family]), section.teacher, section.student)
        if len(through) + 2 > LONGEST:
            raise ParameterError(f"path: {len(through)} members lie between; at most {LONGEST - 2}")
        members = (section.teacher, *through, section.student)
        return cls(tree, results, folder, section, section.of_datasets(study.datasets), family, members)

    @property
    def metric(self) -> Metric:
        """What the study compares networks by."""
        return self.tree.folder(self.results).parameters.metric

    @property
    def between(self) -> Path:
        """The members that may assist, largest first."""
        return self.members[1:-1]

    @property
    def from_labels(self) -> list[Path]:
        """Each member from labels alone, as a path of its own."""
        return [(member,) for member in self.members]

    def networks(self, path: Path) -> list[Node]:
        """The networks at the end of a path, a seed each; a teacher is one network where students alone vary."""
        study = self.tree.folder(self.folder)
        only = study.teacher_seed if path == self.members[:1] else None
        seeds = range(study.parameters.seeds) if only is None else [only]
        hops = tuple(Hop(member) for member in path)
        names = (study.as_brought(Name(self.dataset, self.family, hops, seed)) for seed in seeds)
        return [Node(self.folder, name) for name in dict.fromkeys(names)]

    def asked_for_answers(self) -> list[Node]:
        """The networks from labels whose answers are held against each other: of each member the first."""
        return [self.networks(path)[0] for path in self.from_labels]

    def possible(self) -> list[Node]:
        """Every network that may be trained, whatever the others measure, teachers first."""
        paths = all_paths(self.members, self.members[0], self.members[-1], self.section.assistants_at_most)
        return [node for path in (*self.from_labels, *paths) for node in self.networks(path)]
