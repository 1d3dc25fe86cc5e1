"""Which networks there are to be: every folder of results, its networks' recipes and teachers, and what a table needs."""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from takd.data.registry import DATASET_TITLES, IN_FOLDERS
from takd.errors import NetworkNameError, ParameterError, TakdError
from takd.networks.registry import PAPER_FAMILIES
from takd.study import artifacts as specification
from takd.study.artifacts import AnyArtifact, look_up
from takd.study.layout import RESERVED, VARIANTS, folder_of, path_folder, prepared, search_folder
from takd.study.names import Name, check_members
from takd.study.params import Parameters, load_parameters
from takd.study.patterns import check_patterns
from takd.study.recipe import Recipe, resolve
from takd.study.recipe_parts import NetworkSection
from takd.yaml_files import cleaned

PARAMS, PRESETS, ARTIFACTS = Path("params.yaml"), Path("presets"), Path("paper/artifacts.yaml")
MOST_NETWORKS = 100_000


class Node(NamedTuple):
    """A network in a folder of results."""

    results: str
    name: Name

    def __str__(self) -> str:
        return f"{self.results}/models/{self.name}"


@dataclass(frozen=True)
class Folder:
    """What stands in a folder of results is made by these.

    study: the preset's name, empty for params.yaml. changes: of the variants that it is, the last one counts. overrides: what a
    variant changes for some of its networks, by pattern.
    teachers: the folder whose networks teach those of this one. families: members, largest first, and their builders.
    in_folders: those of its published data sets that are in a folder here, as ImageNet is where somebody has it.
    """

    results: str
    study: str
    parameters: Parameters
    changes: tuple[Mapping[str, Any], ...]
    teachers: str
    families: Mapping[str, Mapping[str, str]]
    artifacts: Mapping[str, AnyArtifact]
    in_folders: tuple[str, ...] = ()
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @property
    def is_own(self) -> bool:
        """Whether it is a study of one's own networks, and not the paper's."""
        return bool(self.parameters.members)

    @property
    def datasets(self) -> tuple[str, ...]:
        """The data sets that its tables and figures show; in the paper's those in a folder only where a row names them."""
        if self.parameters.data:
            return (self.study,)
        return tuple(name for name in self.parameters.datasets if self.is_own or name not in IN_FOLDERS)

    @property
    def teacher_seed(self) -> int | None:
        """The seed of every network that teaches what tables show; None where a chain has one seed throughout."""
        return None if self.parameters.vary == "chain" else 0

    def teacher(self, name: Name, seed: int | None = None) -> Name:
        """Who teaches a network: by what `vary` says, or under that seed. Raises ValueError where it has no teacher."""
        by = {"student": 0, "chain": name.seed, "every_hop": name.seed // self.parameters.seeds}
        return self.as_brought(name.teacher(by[self.parameters.vary] if seed is None else seed))

    def check(self, name: Name) -> None:
        """Raises NetworkNameError where the study has no such data set, family or member, or the chain grows."""
        known = (self.study,) if self.parameters.data else tuple(DATASET_TITLES)
        if name.dataset not in known:
            raise NetworkNameError(f"unknown data set {name.dataset!r}; there are {', '.join(known)}")
        if name.family not in self.families:
            raise NetworkNameError(f"unknown family {name.family!r}; there are {', '.join(self.families)}")
        check_members(name.chain, name.family, list(self.families[name.family]))

    def imported(self, name: Name) -> str | None:
        """The file of weights that a network is taken from instead of being trained, where there is one."""
        return self.parameters.weights.get(name.member) if len(name.hops) == 1 else None

    def as_brought(self, name: Name) -> Name:
        """The name, under seed 0 where its weights were brought: they are one network, whatever the seed."""
        return name.with_seed(0) if self.imported(name) is not None else name

    def started(self, name: Name) -> str | None:
        """The file of weights that a network's training begins from, where there is one."""
        return self.parameters.start.get(name.member)

    def settings(self, name: Name) -> list[Mapping[str, Any]]:
        """What is said of a network's recipe, the later counting; what can't matter too."""
        given = self.parameters
        general, own = (
            [change for pattern, change in overrides.items() if fnmatchcase(str(name), pattern)]
            for overrides in (given.overrides, self.overrides)
        )
        return [given.train, given.families.get(name.family, {}), *general, *self.changes, *own]

    def recipe(self, name: Name, *last: Mapping[str, Any]) -> Recipe:
        """A network's recipe: `train`, its family's changes, each matching override's, the variant's, those of its own overrides.

        What can't matter is left out.
        last: settings that count after all of these. Raises NetworkNameError where there is no such network, ParameterError
        where its fields don't go together.
        """
        self.check(name)
        given = self.parameters
        family = self.families[name.family]
        network = NetworkSection(builder=family[name.member], peer=family[name.peer] if name.peer else None)
        try:
            recipe = resolve(network, name.objective, [*self.settings(name), *last])
        except ParameterError as error:
            raise ParameterError(f"{name}: {error}") from None
        epochs, warm_up = recipe.length.epochs, recipe.schedule.warm_up_epochs
        if warm_up > epochs:
            raise ParameterError(f"{name}: warm_up_epochs: {warm_up} of {epochs} epochs; give {epochs} at most")
        if recipe.views.unlabelled == "folder" and (given.data is None or given.data.unlabelled is None):
            raise ParameterError(f"{name}: unlabelled: folder, but its preset names none; `data: {{unlabelled: FOLDER}}` does")
        return recipe


class Tree:
    """All folders of results of a project: params.yaml's, each preset's, and each variant's below them."""

    def __init__(self, root: Path = Path(), typed: Mapping[str, Any] | None = None) -> None:
        """typed: parameters that count after any file's. Raises ParameterError where params.yaml or the artifacts can't be used."""
        self.root = root
        typed = cleaned(typed or {}, "--config")
        self.folders: dict[str, Folder] = {}
        self._recipes: dict[Node, Recipe] = {}  # a plan asks for each some ten times
        self.broken: dict[str, TakdError] = {}  # presets that can't be used: only their own targets fail
        paper = specification.load(root / ARTIFACTS) if (root / ARTIFACTS).is_file() else {}
        if (root / PARAMS).is_file():
            self._add("results", "", load_parameters(root / PARAMS, None, typed), paper)
        for preset in sorted((root / PRESETS).glob("*.y*ml")):
            results = f"results/{preset.stem}"
            try:
                _check_preset(preset)
                self._add(results, preset.stem, load_parameters(root / PARAMS, preset, typed), paper)
            except TakdError as error:
                self.broken[results] = error
            except OSError as error:
                self.broken[results] = ParameterError(f"{preset}: {error.strerror}")

    def _add(self, results: str, study: str, given: Parameters, paper: Mapping[str, AnyArtifact]) -> None:
        if given.data and study in DATASET_TITLES:
            raise ParameterError(f"presets/{study}.yaml: {study} is a data set of takd's; a study with `data:` needs another name")
        own = {study: given.members} if given.members else {}
        shown = specification.of_own_study(study, tuple(given.members), tuple(given.variants)) if own else paper
        families = own or PAPER_FAMILIES
        datasets = (study,) if given.data else tuple(DATASET_TITLES)
        check_patterns(given.overrides, datasets, families)
        for name in given.report:
            try:
                look_up(shown, name)
            except ParameterError as error:
                raise ParameterError(f"{f'presets/{study}.yaml' if study else PARAMS}: report: {error}") from None
        here = tuple(name for name in given.datasets if name in IN_FOLDERS and self._is_here(name))
        main = Folder(results, study, given, (), results, families, shown, here)
        self.folders[results] = main
        for name, variant in given.variants.items():
            folder = folder_of(results, name)
            teachers = results if variant.teachers == "shared" else folder
            check_patterns(variant.overrides, datasets, families)
            changes, own_overrides = (variant.settings,), variant.overrides
            self.folders[folder] = Folder(folder, study, given, changes, teachers, families, shown, here, own_overrides)
        if given.search.fields:
            folder = search_folder(results)
            teachers = folder if given.search.judged_on == "held_out" else results
            self.folders[folder] = Folder(folder, study, given, (given.search.settings,), teachers, families, shown, here)
        if given.path is not None:
            given.path.family({family: list(members) for family, members in families.items()})
            given.path.of_datasets(main.datasets)
            folder, held_out = path_folder(results), {"validation_share": given.search.held_out_share}
            self.folders[folder] = Folder(folder, study, given, (held_out,), folder, families, shown, here)

    def _is_here(self, dataset: str) -> bool:
        return (self.root / str(IN_FOLDERS[dataset].images.folder)).is_dir() or (self.root / prepared(dataset)).is_file()

    def folder(self, results: str) -> Folder:
        """The folder of results of that name. Raises what its preset is broken by, or ParameterError where there is none."""
        main = results.partition(VARIANTS)[0]
        if main in self.broken:
            raise self.broken[main]
        if results not in self.folders:
            near = difflib.get_close_matches(results, self.folders, 3) or list(self.folders)[:5]
            raise ParameterError(f"{results}: no preset or variant makes it; there are {', '.join(near) or 'none'}")
        return self.folders[results]

    def recipe(self, node: Node, *last: Mapping[str, Any]) -> Recipe:
        """A network's recipe. last: settings that count after all that its folder says."""
        if last:
            return self.folder(node.results).recipe(node.name, *last)
        if node not in self._recipes:
            self._recipes[node] = self.folder(node.results).recipe(node.name)
        return self._recipes[node]

    def teacher(self, node: Node) -> Node:
        """A network's teacher; of an ensemble the first. Raises ValueError where it has none."""
        folder = self.folder(node.results)
        seeds = self.recipe(node).objective.teachers_seeds
        return Node(folder.teachers, folder.teacher(node.name, seeds[0] if seeds else None))

    def teachers(self, node: Node) -> list[Node]:
        """All networks that teach one: its teacher; an ensemble; or its teacher and all above it, nearest first, as +dgkd has it.

        Raises ParameterError where an ensemble's weights were brought, so that there is one of it.
        """
        if not node.name.is_distilled:
            return []
        found = [self.teacher(node)]
        for seed in self.recipe(node).objective.teachers_seeds[1:]:
            folder, name = self.folder(node.results), found[0].name
            found.append(Node(folder.teachers, folder.as_brought(name.with_seed(seed))))
            if found[-1] == found[0]:
                raise ParameterError(f"{node.name}: ensemble: {name.member} was brought, so there is one of it")
        while node.name.objective.ancestors and found[-1].name.is_distilled:
            found.append(self.teacher(found[-1]))
        return found

    def check_held_out(self, node: Node) -> None:
        """Raises ParameterError where a teacher learns from images that the network holds out."""
        views = self.recipe(node).views
        for teacher in self.teachers(node):
            if views.validation_share and views.held_out != self.recipe(teacher).views.held_out:
                raise ParameterError(
                    f"{node.name}: its teacher {teacher.name} learns from images that it holds out; give both the same "
                    "validation_share and _seed"
                )

    def lineage(self, node: Node) -> list[Node]:
        """Every network above one, and itself, teachers first."""
        above = [each for teacher in reversed(self.teachers(node)) for each in self.lineage(teacher)]
        return list(dict.fromkeys([*above, node]))

    def shown(self, results: str) -> list[str]:
        """What `report` names, in order; in a variant's folder less what shows variants itself."""
        folder = self.folder(results)
        names = folder.parameters.report
        return [name for name in names if VARIANTS not in results or not look_up(folder.artifacts, name).variants_shown]

    def cells(self, results: str, names: Iterable[str]) -> list[Node]:
        """The networks that those artifacts show in a folder of results, each once, without their teachers.

        Raises ParameterError where one shows a variant that the folder doesn't have.
        """
        folder = self.folder(results)
        nodes: dict[Node, None] = {}
        for name in names:
            artifact = look_up(folder.artifacts, name)
            if artifact.variants_shown and VARIANTS in results:
                raise ParameterError(f"{artifact.where}: shows variants, and {results} is one itself")
            if artifact.vary and artifact.vary != folder.parameters.vary:
                raise ParameterError(f"{artifact.where}: needs `vary: {artifact.vary}`, and {results} has {folder.parameters.vary}")
            for cell in artifact.cells(folder.datasets):
                where = folder_of(results, cell.variant)
                if folder.parameters.vary == "every_hop" and cell.seeds > folder.parameters.seeds:
                    raise ParameterError(
                        f"{artifact.where}: {cell.seeds} students of one teacher; by `vary: every_hop` there are `seeds`"
                    )
                if where not in self.folders:
                    known = ", ".join(folder.parameters.variants)
                    raise ParameterError(f"{artifact.where}: {results} has no variant {cell.variant!r}; it has {known or 'none'}")
                if cell.count(folder.parameters.seeds) > MOST_NETWORKS:
                    raise ParameterError(f"{results}: more than {MOST_NETWORKS:,} networks; ask for fewer seeds or data sets")
                shown = (each.name for each in cell.networks((*folder.datasets, *folder.in_folders), folder.parameters.seeds))
                nodes |= {Node(where, folder.as_brought(name)): None for name in shown}
                if len(nodes) > MOST_NETWORKS:
                    raise ParameterError(f"{results}: more than {MOST_NETWORKS:,} networks; ask for fewer seeds or data sets")
        return list(nodes)

    def needed(self, results: str, names: Iterable[str]) -> list[Node]:
        """The networks that those artifacts show, and all of their teachers, each once, teachers first."""
        lines = (self.lineage(node) for node in self.cells(results, names))
        return list(dict.fromkeys(each for line in lines for each in line))

    def own(self, results: str, nodes: Iterable[Node]) -> list[Node]:
        """Those in a folder of results or below it: teachers that a variant shares aren't its own."""
        return [node for node in nodes if node.results == results or node.results.startswith(f"{results}/variants/")]

    def node(self, target: str) -> Node:
        """The network of a path below {results}/models/. Raises NetworkNameError or ParameterError where there can't be one."""
        results, _, rest = target.partition("/models/")
        name = Name.parse("/".join(rest.split("/")[:4]))
        self.folder(results).check(name)
        return Node(results, name)


def _check_preset(preset: Path) -> None:
    if not re.fullmatch(r"[A-Za-z0-9_]+", preset.stem):
        raise ParameterError(f"{preset}: names a folder of results; use letters, digits and _")
    if preset.suffix != ".yaml":
        raise ParameterError(f"{preset}: a preset's file ends in .yaml; call it {preset.with_suffix('.yaml')}")
    if preset.stem in (*RESERVED, *specification.RESERVED):
        raise ParameterError(f"{preset}: results/{preset.stem} is a folder of params.yaml's own results; choose another name")
