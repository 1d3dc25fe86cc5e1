"""What a search reads, and whether what it came to is there: by the name of the network that it searches for."""

from collections.abc import Collection, Mapping
from typing import Any

from takd.code import code_hash
from takd.errors import ParameterError
from takd.planning.keys import Keys
from takd.planning.trained import State
from takd.records.key import key_of
from takd.study import layout
from takd.study.layout import VARIANTS
from takd.study.names import Name
from takd.study.recipe import Recipe
from takd.study.search import Range, Search, searched
from takd.study.tree import Node, Tree

JOB = "takd.search.job"  # whose code, and all that it imports, is what searches


class Searches:
    """Of one reading of the workflow. A search's node is the network that it searches for, in the folder where it trains it."""

    def __init__(self, tree: Tree, keys: Keys) -> None:
        self.tree = tree
        self.keys = keys

    def node(self, results: str, name: Name) -> Node:
        """The node of a search in a folder of results. Raises ParameterError or NetworkNameError where there can't be one."""
        folder = self.tree.folder(results)
        if VARIANTS in results or layout.searched_folder(results) is not None:
            raise ParameterError(f"{results}: a search is of params.yaml's own results, or of a preset's")
        folder.check(name)
        if folder.imported(name) is not None:
            raise ParameterError(f"{name}: its weights were brought, so there is nothing to search for")
        given = folder.parameters
        if given.search.pruner != "none" and given.metric != "accuracy":
            raise ParameterError(f"search.pruner: goes by accuracy after each epoch; with `metric: {given.metric}` say none")
        searched(given.search.fields, name)
        return Node(layout.search_folder(results), name)

    def named(self, wildcards: Mapping[str, str]) -> Node:
        """The node of a job's wildcards; its trials are under seed 0."""
        return self.node(wildcards["results"], Name.parse(layout.NETWORK.format(**{**wildcards, "seed": "0"})))

    def section(self, node: Node) -> Search:
        """What its study says of searches."""
        return self.tree.folder(node.results).parameters.search

    def option(self, wildcards: Mapping[str, str]) -> str:
        """The preset that a search is of, as an option for a shell line."""
        study = self.tree.folder(wildcards["results"]).study
        return f"--preset presets/{study}.yaml" if study else ""

    def seeds(self, node: Node) -> list[Node]:
        """The network of a search's trials, and the same under each seed in which the best is trained again."""
        first = node.name.seed
        return [Node(node.results, node.name.with_seed(first + number)) for number in range(self.section(node).fresh_seeds + 1)]

    def lacking(self, node: Node) -> list[str]:
        """The files that a search reads and that aren't as they should be: images, and the weights of teachers.

        Raises ParameterError where a teacher learns from images that decide.
        """
        self.tree.check_held_out(node)
        there = self.keys.state_of_data(node.name.dataset, node.results) == "fresh"
        images = [] if there else [layout.prepared(node.name.dataset)]
        teachers = dict.fromkeys(teacher for each in self.seeds(node) for teacher in self.tree.teachers(each))
        return images + [layout.model(*teacher) for teacher in teachers if not self.keys.has_model(teacher)]

    def trials_key(self, node: Node, fields: Mapping[str, Range]) -> str:
        """Over everything that the trials of a search share, however many there are; not over what is searched.

        Raises ParameterError where a value that is searched doesn't go with the others.
        """
        shared, *others = self._recipes(node, fields)
        ranges = {name: where.model_dump(mode="json") for name, where in fields.items()}
        section = self.section(node)
        metric = self.keys.metric(node.results)
        judged = section.judged_on if metric == "accuracy" else [section.judged_on, metric]
        pruner = [] if section.pruner == "none" else [section.pruner]
        more = [beyond for other in others if (beyond := _beyond(shared, other, fields))]
        return key_of("trials", self.keys.trained(node, shared), ranges, judged, section.sampler_seed, *pruner, *more)

    def _recipes(self, node: Node, fields: Mapping[str, Range]) -> list[Recipe]:
        """At the first of all values; then at each value of each field, beside the first and beside the last of the others."""
        ends = [{name: where.examples[end] for name, where in fields.items()} for end in (0, -1)]
        drawn = [end | {name: value} for end in ends for name, where in fields.items() for value in where.examples]
        return [self.keys.recipe(node, values) for values in (ends[0], *drawn)]

    def key(self, node: Node, fields: Mapping[str, Range], trials: int) -> str:
        """Of what a search of so many trials came to."""
        return key_of("search", self.trials_key(node, fields), trials, self.section(node).fresh_seeds, code_hash(JOB))

    def result(self, node: Node, suffix: str) -> str:
        """What a search came to."""
        network = layout.SEARCHED.format(dataset=node.name.dataset, family=node.name.family, chain=node.name.chain)
        results = layout.searched_folder(node.results)
        assert results is not None  # as the node is of a search
        return layout.search_result(results, network, suffix)

    def expected(self, node: Node) -> tuple[str, str]:
        """The record of what a search came to, and the key that it should bear."""
        section = self.section(node)
        return self.result(node, "json"), self.key(node, searched(section.fields, node.name), section.trials)

    def state(self, node: Node) -> State:
        """Whether what a search came to is there, and as it should be."""
        return self.keys.state_of_record(*self.expected(node))


def _beyond(first: Recipe, other: Recipe, fields: Collection[str]) -> dict[str, Any]:
    """What another trial's recipe says otherwise, less what is searched: a step's drops, say, which a constant rate leaves out.

    What stands under `network` isn't searched, though a field there may be called alike: the digest of images without labels.
    """
    here, there = first.model_dump(mode="json"), other.model_dump(mode="json")
    return {
        name: value
        for section, its in there.items()
        for name, value in its.items()
        if (section == "network" or name not in fields) and here.get(section, {}).get(name) != value
    }
