"""Targets that people type, held against what there is: a mistyped one gets the nearest names, in one line."""

import difflib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import takd
from takd.data.view_names import PATTERN
from takd.errors import NotSearchedError, ParameterError, shortened
from takd.planning.costs import Costs
from takd.planning.workflow import Workflow
from takd.study import layout
from takd.study.names import Name
from takd.study.tree import Node


class Listed(NamedTuple):
    """What a folder of results can have: files of one name that differ in their suffixes, and what they show."""

    stem: str
    suffixes: tuple[str, ...]
    title: str

    @property
    def files(self) -> list[str]:
        """The files' names."""
        return [f"{self.stem}.{suffix}" for suffix in self.suffixes]

    def __str__(self) -> str:
        return self.files[0] if len(self.suffixes) == 1 else f"{self.stem}.{{{','.join(self.suffixes)}}}"  # as a shell takes it


BEST_PATH = Listed(layout.BEST_PATH, ("csv", "md"), "The best path from a teacher to a student, beside rules of thumb")
BEST_PATHS = tuple(BEST_PATH.files)
# As argparse reads them: one letter or several in a row, of those that take no value; a long one cut short.
FORCES = re.compile(r"-[nkplaSDthv]*[FfR].*|--force(a(ll?)?|r(un?)?)?(=.*)?")
GATHERED = (
    Listed("accuracy", ("csv",), "Every network's accuracy, a row each"),
    Listed("curves", ("csv",), "Every network's history, a row an epoch"),
    Listed("metrics", ("json",), "The mean of each chain, for DVC"),
    Listed("claims", ("csv", "md"), "What the networks say of each claim"),
    Listed("report", ("md", "html"), "All of these on one page"),
)


_PRODUCT = re.compile(r"(?P<results>results(/.+?)?)/(?P<kind>models|soft_targets|surfaces|exports)/(?P<rest>.*)")
_SEARCH = re.compile(
    r"(?P<results>results(/.+?)?)/search/(?P<dataset>[^/]+)/(?P<family>[^/]+)/(?P<chain>[^/]+?)\.(csv|md|yaml|json|(history|importance)\.png)"
)
_DECIDED = re.compile(r"(?P<results>results(/.+?)?)/decided/(?P<claim>[^/]+)\.(csv|md|json)")
_FILES = {
    "models": (r"(/(model\.safetensors|metrics\.json)?)?", "model.safetensors and metrics.json"),
    "soft_targets": (rf"/({PATTERN})\.safetensors", "files called as the views that they answer, as in unaugmented.safetensors"),
    "surfaces": (r"\.csv", "the file seedN.csv"),
    "exports": (
        r"(?P<kind>\.int8|\.fp16)?\.(onnx|md|json|latency\.json)",
        "seedN.onnx, seedN.int8.onnx and seedN.fp16.onnx, and a .md and .latency.json of each",
    ),
}


def check(workflow: Workflow, target: str) -> None:
    """Raises ParameterError, naming the nearest targets, where nothing makes that file; other errors where its names are wrong."""
    if target.startswith("presets/") and not (workflow.root / target).is_file():
        raise ParameterError(f"{target}: nothing makes it; a preset is written by hand or takd init, and made is results/NAME/…")
    if not target.startswith("results/") or "/made/" in target:
        return
    if product_of(workflow, target) is not None:
        return
    if searched_network(workflow, target) is not None:
        return
    if (claimed := decided_claim(workflow, target)) is not None:
        workflow.decided.check(*claimed)
        return
    results, _, file = target.rpartition("/")
    if file in BEST_PATHS and results in workflow.tree.folders:
        workflow.paths.asked(results)
    try:
        folder = workflow.tree.folder(results)
    except ParameterError as error:
        if results in workflow.tree.broken:
            raise
        raise ParameterError(f"{target}: nothing makes it; {_nearest(workflow, target)}") from error
    workflow.keys.metric(folder.results)
    if target not in set(files_of(workflow, folder.results)):
        raise ParameterError(f"{target}: nothing makes it; {_nearest(workflow, target)}")


def check_result(workflow: Workflow, target: str) -> None:
    """Like `check`, of a target that is a file of results: raises ParameterError where it lies elsewhere, too."""
    if not target.startswith("results/"):
        raise ParameterError(f"{shortened(target)}: not below results/; a target is a file there, as results/quick/table2.csv")
    check(workflow, target)


def product_of(workflow: Workflow, target: str) -> Node | None:
    """The network whose weights, record, answers, surface or export a target is; None where it is something else.

    Raises NetworkNameError or ParameterError where there can't be such a network, or no such file of it.
    """
    if (match := _PRODUCT.fullmatch(target)) is None:
        return None
    folder = workflow.tree.folder(match["results"])
    parts = match["rest"].split("/")
    beside = match["kind"] in ("surfaces", "exports")
    if beside and len(parts) == 4:
        seed, dot, suffix = parts[3].partition(".")
        parts[3:] = [seed, dot + suffix]
    name = Name.parse("/".join(parts[:4]))
    folder.check(name)
    pattern, there = _FILES[match["kind"]]
    last = "".join(parts[4:]) if beside else "".join(f"/{part}" for part in parts[4:])
    if not re.fullmatch(pattern, last):
        raise ParameterError(f"{target}: nothing makes it; of {name} there {'is' if 'file ' in there else 'are'} {there}")
    return Node(match["results"], name)


def exported_as(target: str) -> str:
    """The kind of the export that a target of `product_of` is of, as layout.export has it: `.int8`, `.fp16`, or empty."""
    match = re.search(rf"{_FILES['exports'][0]}$", target.rpartition("/")[2])
    return (match["kind"] if match else None) or ""


def searched_network(workflow: Workflow, target: str) -> Node | None:
    """The network whose search a target comes of, under seed 0; None where it is something else.

    Raises NetworkNameError or ParameterError where there can't be such a search.
    """
    match = _SEARCH.fullmatch(target)
    return None if match is None else workflow.searches.named(match.groupdict())


def decided_claim(workflow: Workflow, target: str) -> tuple[str, str] | None:
    """The folder of results and the claim of a target that is made by adding students; None where it is something else."""
    if (match := _DECIDED.fullmatch(target)) is None:
        return None
    workflow.tree.folder(match["results"])
    return match["results"], match["claim"]


def listed(workflow: Workflow, results: str) -> list[Listed]:
    """Every table, figure and the like that a folder of results can have. Raises ParameterError where there is no such folder."""
    artifacts = workflow.tree.folder(results).artifacts
    found = [Listed(name, one.suffixes, f"{one.where}: {one.title}") for name, one in artifacts.items()]
    return [*found, *GATHERED, *([BEST_PATH] if layout.path_folder(results) in workflow.tree.folders else [])]


def files_of(workflow: Workflow, results: str) -> Iterator[str]:
    """Every file for people that a folder of results can have."""
    yield from (f"{results}/{file}" for one in listed(workflow, results) for file in one.files)


def folders_for_people(workflow: Workflow) -> list[str]:
    """Every folder of results that can be made, less those whose networks are a search's: nobody looks at their tables."""
    tree = workflow.tree
    whole = [name for name in tree.folders if name.partition(layout.VARIANTS)[0] not in tree.broken]
    return [name for name in whole if layout.searched_folder(name) is None and not name.endswith("/path")]


def all_files(workflow: Workflow) -> list[str]:
    """Every file for people that there can be."""
    return [file for results in folders_for_people(workflow) for file in files_of(workflow, results)]


def _nearest(workflow: Workflow, target: str) -> str:
    there = {path.lower(): path for path in all_files(workflow)}
    same = there.get(target.lower())  # but for its capitals
    near = [same] if same else [there[one] for one in difflib.get_close_matches(target.lower(), there, 3, cutoff=0.5)]
    return f"did you mean {' or '.join(near)}?" if near else "takd list shows what there is"


def warnings(root: Path) -> Iterator[str]:
    """What somebody should know before anything is trained, a line each."""
    own, runs = root / "src" / "takd", Path(takd.__file__).parent
    if own.is_dir() and own.resolve() != runs.resolve():
        yield f"{own.resolve()} is here, but the code that runs is {runs}; PYTHONPATH=src runs what is here"


def left_out(workflow: Workflow, target: str) -> Iterator[str]:
    """Where a target shows what is there (`run: there`): a line about networks that are there, but stale, and so aren't shown."""
    results, stem = str(Path(target).parent), Path(target).stem
    if results not in workflow.tree.folders or workflow.tree.folder(results).parameters.run != "there":
        return
    names = [stem] if stem in workflow.tree.folder(results).artifacts else workflow.tree.shown(results)
    stale = [node.name for node in workflow.tree.cells(results, names) if workflow.keys.state(node) == "stale"]
    if stale:
        count, others = ("1 network is", "") if len(stale) == 1 else (f"{len(stale)} networks are", " and others")
        yield f"{target}: {count} there, but stale and not shown: {stale[0]}{others}; takd verify says why, `run: all` trains"


def networks_of_path(workflow: Workflow, results: str) -> list[Node]:
    """The most networks that finding a path takes, teachers first, by what epochs are known to take where it has a budget."""
    nodes = workflow.paths.networks_at_most(results)
    if workflow.paths.asked(results).section.core_hours is None:
        return nodes
    return workflow.paths.networks_at_most(results, Costs.of(workflow, nodes))


def of_path(workflow: Workflow, target: str) -> Iterator[str]:
    """Of a path that is to be found: a line about the most trainings that it takes."""
    results, file = str(Path(target).parent), Path(target).name
    if file not in BEST_PATHS or workflow.keys.state_of_shown(results, layout.BEST_PATH) == "fresh":
        return
    nodes = networks_of_path(workflow, results)
    there = sum(workflow.keys.has_record(node) for node in nodes)
    asked = workflow.paths.asked(results)
    yield f"{target}: at most {len(nodes)} trainings, {there} there, from {asked.members[0]} to {asked.members[-1]}"


def check_writable(workflow: Workflow, asked: list[str]) -> None:
    """Raises ParameterError where a folder can't be written in which a target's files would lie.

    Snakemake says nothing of it by `--quiet all`. Other presets' folders may be as they are: nothing is written there.
    """
    results, studies = workflow.root / "results", dict.fromkeys(_study(workflow, target) for target in asked)
    ours = [name for name in layout.RESERVED if name != "published"] if "." in studies else []
    for place in (results, *(results / study for study in studies if study != "."), *(results / name for name in ours)):
        for folder, within, _ in os.walk(place):
            if place == results:
                within.clear()
            for each in (folder, *(str(Path(folder, name)) for name in within)):
                if not os.access(each, os.W_OK):
                    raise ParameterError(f"{each}: can't be written: read-only, or another user's")


def _study(workflow: Workflow, target: str) -> str:
    """The folder below results/ of a target's study; `.` for params.yaml's own."""
    first = target.split("/")[1]
    return first if f"results/{first}" in workflow.tree.folders and first not in layout.RESERVED else "."


def looked_at(workflow: Workflow, arguments: list[str], chosen: str) -> list[str]:
    """What is said before anything runs, in lines. arguments: of the command line. chosen: the folder of results by default.

    Raises ParameterError where an argument is a target that nothing makes, or whose files couldn't be written.
    """
    asked = [argument for argument in arguments if argument.startswith("results/")] or [f"{chosen}/report.html"]
    check_writable(workflow, asked)
    for argument in arguments:
        check(workflow, argument)
    broken = [
        f"{results}: left out: {error}"
        for results, error in workflow.tree.broken.items()
        if not isinstance(error, NotSearchedError)  # which waits for its search, and is said where it is a target
    ]
    said = (line for target in asked for line in (*left_out(workflow, target), *of_path(workflow, target)))
    return [*broken, *said, *warnings(workflow.root)]


def check_options(arguments: list[str]) -> None:
    """Raises ParameterError for options that make what is right anew: Snakemake would delete it before it is made."""
    for argument in arguments:
        if FORCES.fullmatch(argument):
            raise ParameterError(f"{argument}: keys decide what is made again (docs/trust.md); delete what shall be made anew")


SETTINGS = {"soft_targets_at_most": (0, "a number of bytes"), "distributed": (1, "a number of processes, from 1")}


def settings(config: Mapping[str, object]) -> dict[str, int]:
    """What --config, or a profile, says of how jobs run, and not of what is made. Raises ParameterError where one is no number."""
    found = {}
    for name, (least, expected) in SETTINGS.items():
        given = config.get(name)
        if given is None:
            continue
        if isinstance(given, bool) or not str(given).isascii() or not str(given).isdigit() or int(str(given)) < least:
            raise ParameterError(f"{name}: expected {expected}, not {shortened(repr(given))}")
        found[name] = int(str(given))
    return found
