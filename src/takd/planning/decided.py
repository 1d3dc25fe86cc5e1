"""Students until a claim is decided: what it compares, the networks that it may come to need, and whether its page is there."""

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

from takd.code import code_hash
from takd.errors import ParameterError, shortened
from takd.files import sha256_of
from takd.planning.keys import Keys
from takd.planning.trained import State
from takd.records.key import key_of
from takd.study import layout
from takd.study.claims import Claim, Claims, load
from takd.study.comparisons import Above, Comparison, Equal, Faster, Flatter, Nearer, Nearest, Peak, Varied
from takd.study.layout import VARIANTS, folder_of
from takd.study.looks import MOST_SEEDS, looks
from takd.study.names import Name, hops_of
from takd.study.own_claims import of_own_study
from takd.study.tree import Node, Tree

JOB = "takd.reporting.deciding"  # whose code, and all that it imports, is what decides
UNFIT: Mapping[type, str] = {
    Flatter: "compares loss surfaces, and students are added where accuracies are compared",
    Faster: "compares rates of learning, and students are added where accuracies are compared",
    Nearer: "compares sums of errors, and students are added where accuracies are compared",
    Varied: "compares two recipes, and students are added by one",
    Nearest: "tells by accuracies what it compares, and looking again and again needs comparisons that are fixed beforehand",
}


@dataclass(frozen=True)
class Compared:
    """That the mean over the chains of `better` is above that over `worse`, or above the number at `quoted`, on a data set."""

    said: Comparison
    dataset: str
    better: tuple[str, ...]
    worse: tuple[str, ...] = ()
    quoted: str = ""

    @property
    def chains(self) -> tuple[str, ...]:
        """The chains whose networks it reads; of gains those, too, that they are over."""
        chains = (*self.better, *self.worse)
        if isinstance(self.said, Peak) and self.said.over:
            chains += tuple(self.said.over[self.said.chains.index(chain)] for chain in chains)
        return tuple(dict.fromkeys(chains))

    @property
    def said_equal(self) -> bool:
        """Whether the claim is that both sides are equal."""
        return isinstance(self.said, Equal)


class Decided:
    """Of one reading of the workflow."""

    def __init__(self, tree: Tree, keys: Keys) -> None:
        self.tree = tree
        self.keys = keys
        self.claims = cache(self._claims)

    def claim(self, results: str, name: str) -> Claim:
        """A claim, or a premise. Raises ParameterError where there is none, or students can't decide it."""
        folder = self.tree.folder(results)
        if VARIANTS in results or layout.searched_folder(results) is not None:
            raise ParameterError(f"{results}: claims are decided of params.yaml's own results, or of a preset's")
        known = self.claims(results).all()
        if name not in known:
            same = {one.lower(): one for one in known}
            near = [name.lower()] if name.lower() in same else difflib.get_close_matches(name.lower(), same, 3, cutoff=0.5)
            hint = f"did you mean {' or '.join(same[one] for one in near)}?" if near else f"there are {', '.join(known)}"
            raise ParameterError(f"{results}/decided: no claim {shortened(name, 60)}; {hint}")
        for one in known[name].comparisons:
            if type(one) in UNFIT:
                raise ParameterError(f"{results}/decided/{name}: {name} {UNFIT[type(one)]}")
            if one.measure != "accuracy":
                raise ParameterError(
                    f"{results}/decided/{name}: {name} compares {one.measure}, and students are added for accuracies"
                )
            if one.variant and folder_of(results, one.variant) not in self.tree.folders:
                there = ", ".join(folder.parameters.variants)
                raise ParameterError(
                    f"{results}/decided/{name}: {results} has no variant {one.variant!r}; it has {there or 'none'}"
                )
        return known[name]

    def comparisons(self, results: str, name: str) -> list[Compared]:
        """All that a claim compares on the study's data sets; each is a question that takes its share of the 5 %."""
        claim, known = self.claim(results, name), self.tree.folder(results).datasets
        found = []
        for said in claim.comparisons:
            for dataset in said.shown(known):
                if dataset in known:
                    found += [Compared(said, dataset, *pair) for pair in said.pairs()]
                    if isinstance(said, Above):
                        found += [Compared(said, dataset, (one,), quoted=place) for one in said.better for place in said.quoted]
        return found

    def looks(self, results: str) -> tuple[int, ...]:
        """How many students a chain has at each look. Raises ParameterError where none can be added to those that there are."""
        given = self.tree.folder(results).parameters
        if given.vary == "every_hop":
            raise ParameterError(
                f"{results}: vary: every_hop: more students would have other teachers; a claim needs one teacher's"
            )
        return looks(given.seeds, given.seeds_at_most)

    def networks(self, results: str, compared: Compared, seeds: Iterable[int]) -> list[Node]:
        """A comparison's networks under those seeds, each once, without their teachers."""
        folder = self.tree.folder(folder_of(results, compared.said.variant))
        numbers = list(seeds)
        names = [
            Name(compared.dataset, compared.said.family, hops_of(chain), seed) for seed in numbers for chain in compared.chains
        ]
        for name in names:
            folder.check(name)
        return list(dict.fromkeys(Node(folder.results, folder.as_brought(name)) for name in names))

    def with_teachers(self, nodes: Iterable[Node]) -> list[Node]:
        """Networks and all above them, each once, teachers first."""
        return list(dict.fromkeys(each for node in nodes for each in self.tree.lineage(node)))

    def at_most(self, results: str, name: str) -> list[Node]:
        """Every network that a claim may come to read, without teachers: where `run: there`, those of them that are there."""
        seeds = range(self.looks(results)[-1])
        compared = self.comparisons(results, name)
        nodes = list(dict.fromkeys(node for one in compared for node in self.networks(results, one, seeds)))
        there = self.tree.folder(results).parameters.run == "there"
        return [node for node in nodes if self.keys.has_record(node)] if there else nodes

    def check(self, results: str, name: str) -> None:
        """Raises ParameterError where a claim can't be decided, or more students are there than `seeds_at_most`."""
        compared, most = self.comparisons(results, name), self.looks(results)[-1]
        there = most
        while there < MOST_SEEDS and any(self._has_seed(results, one, there) for one in compared):
            there += 1
        looks(there, most)

    def key(self, results: str, name: str) -> str:
        """Of a claim's page. It names all networks that may come to be read, so it is known before any is trained."""
        folder = self.tree.folder(results)
        networks = [[str(node), self.keys.network(node)] for node in self.at_most(results, name)]
        published = self.tree.root / "paper/published.csv"
        paper = sha256_of(published) if published.is_file() and not folder.is_own else ""
        claim = self.claim(results, name).model_dump(mode="json")
        judged: list[object] = [folder.parameters.claims.equal_within, self.keys.metric(results)]
        judged += ["chosen on test"] if folder.parameters.chosen_on == "test" else []
        return key_of("decided", name, claim, folder.datasets, networks, self.looks(results), judged, paper, code_hash(JOB))

    def expected(self, results: str, name: str) -> tuple[str, str]:
        """The record of a claim's page, and the key that it should bear."""
        return layout.decided(results, name, "json"), self.key(results, name)

    def state(self, results: str, name: str) -> State:
        """Whether a claim's page is there, and as it should be."""
        return self.keys.state_of_record(*self.expected(results, name))

    def _claims(self, results: str) -> Claims:
        folder = self.tree.folder(results)
        if folder.is_own:
            variants = list(folder.parameters.variants) if "recipes" in self.tree.shown(results) else []
            return of_own_study(folder.study, list(folder.parameters.members), variants)
        return load(self.tree.root / "paper/claims.yaml")

    def _has_seed(self, results: str, compared: Compared, seed: int) -> bool:
        """Whether all of a comparison's networks of one seed are there, which aren't those of another seed."""
        nodes = self.networks(results, compared, [seed])
        return all(node.name.seed == seed and self.keys.has_record(node) for node in nodes)
