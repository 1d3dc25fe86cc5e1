"""What one comparison of a claim says: predicates over chains, each a class of fields with its chains and pairs."""

from itertools import pairwise, product
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from takd.errors import NetworkNameError
from takd.study.names import WORD, hops_of

BY = " by "  # between a chain and the variant that it is read of
MOST = 200  # chains of a comparison, comparisons of a claim, and claims of a file


def _is_chain(text: str) -> str:
    try:
        hops_of(text)
    except NetworkNameError as error:
        raise ValueError(str(error)) from None
    return text


def each_once(texts: tuple[str, ...]) -> tuple[str, ...]:
    """The texts. Raises ValueError where one stands there twice."""
    for text in texts:
        if texts.count(text) > 1:
            raise ValueError(f"{text} stands there {texts.count(text)} times")
    return texts


Chain = Annotated[str, Field(max_length=400), AfterValidator(_is_chain)]
Chains = Annotated[tuple[Chain, ...], Field(min_length=1, max_length=MOST), AfterValidator(each_once)]
Word = Annotated[str, Field(pattern=rf"^{WORD}$", max_length=100)]
Text = Annotated[str, Field(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")]
Id = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,15}$")]
Place = Annotated[str, Field(pattern=r"^[^/\n]{1,100}/[^/\n]{1,100}/[^/\n]{1,100}$")]  # artifact/model/column of published.csv


Measure = Literal["accuracy", "entropy", "divergence", "agreement", "agreement_train", "noise_0.04", "noise_0.08", "noise_0.16"]


class Pair(NamedTuple):
    """That the mean over the chains of `better` is above the mean over those of `worse`."""

    better: tuple[str, ...]
    worse: tuple[str, ...]


class Entry(BaseModel):
    """A part of a file of claims: its fields, and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True, coerce_numbers_to_str=True, allow_inf_nan=False)


class Joint(Entry):
    """One test over several chains of a comparison: the mean of `better` above the mean of `worse`."""

    label: Text
    better: Chains
    worse: Chains

    @model_validator(mode="after")
    def _sides_differ(self) -> Self:
        if both := sorted({*self.better} & {*self.worse}):
            raise ValueError(f"joint: {both[0]} is on both sides")
        return self


class _Comparison(Entry):
    """What all predicates have: whose networks, on which data sets, and where the paper has its own numbers."""

    family: Word
    variant: Annotated[str, Field(pattern=rf"^({WORD})?$", max_length=100, description="Of params.yaml; else the main one.")] = ""
    only: Annotated[tuple[Word, ...], Field(max_length=MOST, description="The paper's data sets; others stand in for them.")] = ()
    datasets: Annotated[tuple[Word, ...], Field(max_length=MOST, description="Data sets that nothing stands in for.")] = ()
    paper: Annotated[
        dict[Chain, Place], Field(max_length=MOST, description="Chain to artifact/model/column of published.csv.")
    ] = {}
    joint: Annotated[tuple[Joint, ...], Field(max_length=MOST)] = ()
    measure: Annotated[Measure, Field(description="Of a network; all but accuracy stand in a table of probes.")] = "accuracy"

    @property
    def compared(self) -> tuple[str, ...]:
        """The chains that are compared with each other, which one model of accuracies spans."""
        raise NotImplementedError

    @property
    def read(self) -> tuple[str, ...]:
        """All chains that it reads: those compared, and those that choose among them."""
        return self.compared

    def variants(self, chain: str) -> tuple[str, ...]:
        """The variants of params.yaml whose networks of a chain it reads; empty is the main one."""
        return (self.variant,)

    def pairs(self) -> list[Pair]:
        """What the predicate says, pair by pair; of a peak and of the nearest those that may come to be asked."""
        raise NotImplementedError

    def shown(self, datasets: tuple[str, ...]) -> tuple[str, ...]:
        """The data sets that it is judged on, where those of a study are `datasets`."""
        return self.datasets or tuple(name for name in datasets if name in self.only) or datasets

    @model_validator(mode="after")
    def _of_the_main_recipe(self) -> Self:
        if self.variant and (isinstance(self, Flatter) or self.measure != "accuracy"):
            raise ValueError(f"variant: {self.variant}: loss surfaces and probes are judged of the main recipe's networks alone")
        return self

    @model_validator(mode="after")
    def _no_other_chains(self) -> Self:
        joint = tuple(chain for one in self.joint for chain in (*one.better, *one.worse))
        for field, chains, known in (("paper", tuple(self.paper), self.read), ("joint", joint, self.compared)):
            for chain in chains:
                if chain not in known:
                    raise ValueError(f"{field}: {chain} isn't a chain of this comparison; it has {', '.join(known)}")
        return self


class _Listed(_Comparison):
    chains: Annotated[Chains, Field(min_length=2)]

    @property
    def compared(self) -> tuple[str, ...]:
        """Its chains."""
        return self.chains

    def pairs(self) -> list[Pair]:
        """Each chain above the next."""
        return [Pair((better,), (worse,)) for better, worse in pairwise(self.chains)]


class Order(_Listed):
    """Each chain is better than the next."""

    kind: Literal["order"]


class Flatter(_Listed):
    """The loss surface around each chain's networks rises less than around the next one's."""

    kind: Literal["flatter"]
    matched: Annotated[bool, Field(description="At matched temperature, on test images; else on training images.")] = False


class Above(_Comparison):
    """Each of some chains is better than each of some others, and than numbers that the paper quotes from elsewhere."""

    kind: Literal["above"]
    better: Chains
    worse: Annotated[tuple[Chain, ...], Field(max_length=MOST), AfterValidator(each_once)] = ()
    quoted: Annotated[tuple[Place, ...], Field(max_length=MOST, description="Numbers from elsewhere: constants.")] = ()
    quoted_epochs: Annotated[int | None, Field(ge=1, le=100_000, description="Only as long trainings meet the quoted.")] = None

    @property
    def compared(self) -> tuple[str, ...]:
        """Both sides."""
        return tuple(dict.fromkeys((*self.better, *self.worse)))

    def pairs(self) -> list[Pair]:
        """Each with each; what is quoted comes beside."""
        return [Pair((better,), (worse,)) for better, worse in product(self.better, self.worse) if better != worse]

    @model_validator(mode="after")
    def _something_is_worse(self) -> Self:
        if not self.pairs() and not self.quoted:
            raise ValueError("worse: compares nothing; name other chains than those of `better`, or `quoted` numbers")
        return self


class Peak(_Comparison):
    """Values rise and then fall along a list: one between the ends is above both. With `over`, gains over those, in per cent."""

    kind: Literal["peak"]
    chains: Annotated[Chains, Field(min_length=3)]
    over: Annotated[tuple[Chain, ...], Field(max_length=MOST)] = ()

    @property
    def compared(self) -> tuple[str, ...]:
        """Its chains."""
        return self.chains

    @property
    def read(self) -> tuple[str, ...]:
        """Its chains, and those that gains are over."""
        return (*self.chains, *self.over)

    def pairs(self) -> list[Pair]:
        """Each point between the ends above each end: any of them may be the peak."""
        first, *between, last = self.chains
        return [Pair((chain,), (end,)) for chain, end in product(between, (first, last))]

    @model_validator(mode="after")
    def _gain_by_gain(self) -> Self:
        if self.over and len(self.over) != len(self.chains):
            raise ValueError(f"over: needs a chain for each of {', '.join(self.chains)}")
        return self


class Nearest(_Comparison):
    """The best of some chains is the one whose assistant, trained alone, is nearest the mean of two chains."""

    kind: Literal["nearest"]
    assistants: Annotated[dict[Chain, Chain], Field(min_length=2, max_length=MOST, description="Chain to its assistant alone.")]
    between: tuple[Chain, Chain]

    @property
    def compared(self) -> tuple[str, ...]:
        """The chains among which one should be the best."""
        return tuple(self.assistants)

    @property
    def read(self) -> tuple[str, ...]:
        """Those, their assistants alone, and the two whose mean the assistant should be near."""
        return tuple(dict.fromkeys((*self.assistants, *self.assistants.values(), *self.between)))

    def pairs(self) -> list[Pair]:
        """Each above each other; those of the nearest are asked."""
        return [Pair((better,), (worse,)) for better, worse in product(self.compared, self.compared) if better != worse]


class Equal(_Listed):
    """All chains are equally good: each is within `equal_within` of the mean of the others."""

    kind: Literal["equal"]

    def pairs(self) -> list[Pair]:
        """Each against the mean of the others."""
        return [Pair((one,), tuple(other for other in self.chains if other != one)) for one in self.chains]

    @model_validator(mode="after")
    def _in_points(self) -> Self:
        if self.measure != "accuracy":
            raise ValueError(f"measure: {self.measure} has no margin within which chains are equal; accuracy alone has one")
        return self


class _Rates(_Comparison):
    """What is said of how a chain's error falls with the share of the training images (the paper's theory)."""

    shares: Annotated[tuple[Word, ...], Field(min_length=2, max_length=MOST, description="Variants with smaller shares.")]
    alone: Annotated[
        tuple[Word, ...],
        Field(max_length=MOST, description="Variants by soft targets alone (λ = 1), the whole among them: of taught chains."),
    ] = ()

    @model_validator(mode="after")
    def _none_joint(self) -> Self:
        if self.joint:
            raise ValueError("joint: a test over several chains compares accuracies, and this rates of learning")
        return self

    def variants(self, chain: str) -> tuple[str, ...]:
        """The variants whose networks are points of a chain's fit."""
        return self.alone if self.alone and len(hops_of(chain)) > 1 else ("", *self.shares)


class Faster(_Rates):
    """The error of each chain falls faster with more images than that of those it stands above: a larger rate α."""

    kind: Literal["faster"]
    than: Annotated[dict[Chain, Chains], Field(min_length=1, max_length=MOST, description="Chain to slower ones.")]

    @property
    def compared(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(dict.fromkeys((*self.than, *(slower for each in self.than.values() for slower in each))))

    def pairs(self) -> list[Pair]:
        """Each above each that it is said to be faster than."""
        return [Pair((faster,), (slower,)) for faster, others in self.than.items() for slower in others]


class Nearer(_Rates):
    """Approximation errors along a path through one assistant sum to no more than that of the direct hop: ε_at + ε_sa <= ε_st."""

    kind: Literal["nearer"]
    path: Annotated[tuple[Chain, Chain], Field(description="The assistant, and its student.")]
    direct: Annotated[Chain, Field(description="The same student, of the assistant's teacher.")]

    @property
    def compared(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.path, self.direct)

    def pairs(self) -> list[Pair]:
        """The path above the direct hop."""
        return [Pair(self.path, (self.direct,))]

    @model_validator(mode="after")
    def _one_assistant_between(self) -> Self:
        assistant, student = map(hops_of, self.path)
        direct = hops_of(self.direct)
        if student[:-1] != assistant or assistant[:-1] != direct[:-1] or student[-1] != direct[-1]:
            raise ValueError(f"path: {', '.join(self.path)} isn't a way through one assistant beside {self.direct}")
        return self


class Varied(_Comparison):
    """Each chain is better by the recipe of another variant than by that of this one."""

    kind: Literal["varied"]
    chains: Chains
    by: Annotated[Word, Field(description="The other variant.")]

    @property
    def compared(self) -> tuple[str, ...]:
        """Its chains by both recipes; by the other one they are called as `by_variant` says."""
        return (*(by_variant(chain, self.by) for chain in self.chains), *self.chains)

    def pairs(self) -> list[Pair]:
        """Each chain with itself."""
        return [Pair((by_variant(chain, self.by),), (chain,)) for chain in self.chains]


def by_variant(chain: str, variant: str) -> str:
    """How a chain is called among those of another variant."""
    return f"{chain}{BY}{variant}"


Comparison = Annotated[Order | Above | Peak | Nearest | Flatter | Equal | Varied | Faster | Nearer, Field(discriminator="kind")]
