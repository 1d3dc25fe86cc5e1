"""Of each file of results, whether it is as it should be, stale, changed since it was written, or foreign."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from takd.data.registry import DATASET_TITLES, DATASETS
from takd.errors import CheckpointError, DataError, NetworkNameError, RecordError, TakdError
from takd.planning.changes import why_stale
from takd.planning.plan import nodes_of
from takd.planning.targets import product_of
from takd.planning.workflow import Workflow
from takd.records.exports import ExportRecord, LatencyRecord
from takd.records.made import Made
from takd.records.metrics import Metrics
from takd.study import layout
from takd.study.layout import VARIANTS
from takd.study.names import Name
from takd.study.tree import Node

Finding = Literal["as it should be", "adopted", "stale", "changed", "foreign"]
OWN = ("models", "soft_targets", "surfaces", "exports", "made", "decided")  # folders of params.yaml's own results
_PASSED_OVER = ("logs", "resume", "published")  # what jobs said or keep to go on, and copies
_SEARCHED = re.compile(
    r"(?P<network>[^/]+/[^/]+/[^/]+?)(\.(csv|md|yaml|json|(history|importance)\.png)|/(trial|seed)(?P<number>[0-9]{1,6})/(?P<file>metrics\.json|model\.safetensors))"
)
_DECIDED = re.compile(r"decided/(?P<claim>[^/]+)\.(csv|md|json)")
_EXPORT = re.compile(
    r"exports/(?P<name>[^/]+/[^/]+/[^/]+/seed\d+)(?P<kind>\.int8|\.fp16|)\.(onnx|md|json|(?P<latency>latency)\.json)"
)
_PRODUCT = re.compile(r"(?P<kind>models|soft_targets|surfaces)/(?P<name>[^/]+/[^/]+/[^/]+/seed\d+)(?P<rest>.*)")


@dataclass(frozen=True)
class Found:
    """A file and what is to be said of it; why, where it isn't as it should be."""

    path: str
    finding: Finding
    why: str = ""


def verify(workflow: Workflow, target: str | None = None) -> list[Found]:
    """Every file below results/, published ones aside, and the prepared images; or those below a folder of results, or of a target.

    Bytes are read and held to their digests. Raises ParameterError where nothing makes the target.
    """
    root = workflow.root / "results"
    wanted = (lambda path: True) if target is None else _needed(workflow, target)
    asked = [name for name in workflow.datasets if wanted(layout.prepared(name))]
    images = [said for name in asked for said in (_images(workflow, name), _folder(workflow, name))]
    results = [_found(workflow, path) for path in _files(root) if wanted(str(path.relative_to(workflow.root)))]
    return [*(one for one in images if one is not None), *results]


def _images(workflow: Workflow, dataset: str) -> Found | None:
    """Of a prepared data set; None where it isn't there."""
    from takd.data.prepared_file import load

    path = workflow.root / layout.prepared(dataset)
    state = workflow.state("data", {"dataset": dataset})
    if state == "missing":
        return None
    try:
        load(path)
    except TakdError as error:
        return Found(layout.prepared(dataset), "changed", f"{error}; delete it, and it is prepared again")
    registered = f"presets/{dataset}.lock"
    stale = "of other images than are known, or of what a preset said of them before"
    if dataset not in DATASETS and not (workflow.root / registered).exists():
        stale = f"{registered} is gone, so no network is known to be of these images; get it back, or snakemake trains anew"
    return Found(layout.prepared(dataset), "as it should be" if state == "fresh" else "stale", "" if state == "fresh" else stale)


def _folder(workflow: Workflow, dataset: str) -> Found | None:
    """Of the folder or table of one's own images: where others are there than were prepared; None where all is well.

    They are counted, and read only where one of them, or the table, was written or moved after they were prepared. Where the
    folder is gone nothing is said: what was prepared is enough.
    """
    if dataset in DATASET_TITLES or workflow.state("data", {"dataset": dataset}) != "fresh":
        return None
    from takd.data import own
    from takd.data.prepared import digest_of_found

    results = f"results/{dataset}"
    images, lock = workflow.tree.folder(results).parameters.data, workflow.keys.lock(results, dataset)
    place = None if images is None else images.folder or images.csv
    if images is None or lock is None or place is None or not (workflow.root / place).exists():
        return None
    here = {"csv" if images.csv else "folder": str(workflow.root / place)}
    registered = f"presets/{dataset}.lock"
    to_do = f"bring those back, or delete {registered} and run snakemake, which trains anew"
    try:
        found = own.find(images.model_copy(update=here))
        counts = (len(found.train), len(found.test))
        if counts != (lock.train, lock.test):
            said = f"{counts[0]} images to train on and {counts[1]} to test, but {lock.train} and {lock.test} in {registered}"
            return Found(place, "changed", f"{said}; {to_do}")
        files = [path for path, _ in (*found.train, *found.test) if isinstance(path, Path)]
        newest = max((*files, *([workflow.root / place] if images.csv else [])), key=lambda path: path.stat().st_ctime_ns)
        prepared = workflow.root / layout.prepared(dataset)
        if newest.stat().st_ctime_ns > prepared.stat().st_ctime_ns and digest_of_found(found, lock.size) != lock.digest:
            return Found(place, "changed", f"not the images of {registered}: others lie in their place, perhaps {newest}; {to_do}")
    except DataError as error:
        return Found(place, "changed", f"not the images of {registered}: {error}")
    return None


def _needed(workflow: Workflow, target: str) -> Callable[[str], bool]:
    """Whether a target needs a file: it is the target's own, or of one of its networks."""
    if not Path(target).suffix and product_of(workflow, target) is None:
        folder = workflow.tree.folder(target.rstrip("/"))
        images = {layout.prepared(name) for name in folder.datasets}
        return lambda path: path.startswith(f"{folder.results}/") or path in images
    nodes = nodes_of(workflow, target)
    folders = {layout.network_folder(*node) for node in nodes} | {
        str(Path(layout.soft_targets(*node, "")).parent) for node in nodes
    }
    files = (
        {layout.surface(*node) for node in nodes}
        | {layout.prepared(node.name.dataset) for node in nodes}
        | {layout.made(Path(target).parent, Path(target).stem)}
        | set(workflow.exports.files(str(Path(target).parent), Path(target).stem))
    )
    own = str(Path(target).with_suffix(""))
    return lambda path: str(Path(path).parent) in folders or path in files or str(Path(path).with_suffix("")) == own


def _files(root: Path) -> Iterator[Path]:
    """All files, in folders that are links too, each folder once."""
    seen: set[Path] = set()
    for folder, folders, names in os.walk(root, followlinks=True):
        place = Path(folder).resolve()
        if place in seen:
            folders.clear()
            continue
        seen.add(place)
        folders[:] = sorted(name for name in folders if name not in _PASSED_OVER)
        for name in sorted(names):
            if not name.startswith(".") and not name.endswith((".log", ".journal", ".journal.lock")):
                yield Path(folder) / name


def _found(workflow: Workflow, path: Path) -> Found:
    shown = str(path.relative_to(workflow.root))
    results = _results(workflow, shown)
    if results is None:
        said = (str(error) for folder, error in workflow.tree.broken.items() if shown.startswith(f"{folder}/"))
        return Found(shown, "foreign", next(said, "no preset or variant makes this folder"))
    rest = shown.removeprefix(f"{results}/")
    try:
        if match := _PRODUCT.fullmatch(rest):
            return Found(shown, *_product(workflow, results, match["kind"], match["name"], match["rest"], path))
        if match := _EXPORT.fullmatch(rest):
            return Found(shown, *_exported(workflow, results, match, path))
        above = layout.searched_folder(results)
        if above is not None and (match := _SEARCHED.fullmatch(rest)):
            return Found(shown, *_searched(workflow, above, match, path))
        if match := _DECIDED.fullmatch(rest):
            return Found(shown, *_decided(workflow, results, match["claim"], path))
        return Found(shown, *_for_people(workflow, results, rest))
    except NetworkNameError as error:
        return Found(shown, "foreign", str(error))
    except (RecordError, CheckpointError) as error:
        return Found(shown, "changed", str(error))
    except TakdError as error:
        return Found(shown, "stale", str(error))


def _results(workflow: Workflow, path: str) -> str | None:
    """The longest folder of results that a path lies in."""
    inside = [results for results in workflow.tree.folders if path.startswith(f"{results}/")]
    found = max(inside, key=len, default=None)
    if found is None or (VARIANTS in path and VARIANTS not in found):
        return None
    first = path.removeprefix(f"{found}/").partition("/")
    return None if found == "results" and first[1] and first[0] not in OWN else found


def _product(workflow: Workflow, results: str, kind: str, name: str, rest: str, path: Path) -> tuple[Finding, str]:
    from takd.records import soft_targets, surface, weights

    node = Node(results, Name.parse(name))
    workflow.tree.folder(results).check(node.name)
    keys = workflow.keys
    if kind == "surfaces":
        surface.read_points([path])
        state = keys.state_of_surface(node)
    elif kind == "soft_targets":
        about = soft_targets.read_about(path)
        try:
            soft_targets.SoftTargets.read(path)
        except TakdError as error:
            return "changed", str(error)
        if rest != f"/{about.views}.safetensors":
            return "foreign", f"answers to the views {about.views}, by another name"
        state = keys.state_of_soft_targets(node, about.views)
    elif rest == "/metrics.json":
        adopted = Metrics.read(path).adopted
        state = keys.state(node)
        if state == "fresh" and adopted:
            return "adopted", "trained by an older commit, which its record names"
    elif rest == "/model.safetensors":
        about_weights = weights.read_about(path)
        try:
            weights.Weights.read(path)
        except TakdError as error:
            return "changed", str(error)
        state = "fresh" if about_weights.key == keys.network(node) else "stale"
        state = keys.state(node) if state == "fresh" else state
    else:
        return "foreign", "nothing of takd's is called so"
    if state == "fresh":
        return "as it should be", ""
    if kind == "models":
        return "stale", _why(workflow, node)
    if keys.state(node) == "stale":
        return "stale", f"its network is stale: {_why(workflow, node)}"
    return "stale", "of other weights of its network, or other code" + (" or another grid" if kind == "surfaces" else "")


def _why(workflow: Workflow, node: Node) -> str:
    """Why a network is stale, by its record."""
    try:
        return why_stale(workflow.keys, node, Metrics.read(workflow.root / layout.metrics(*node)))
    except RecordError:
        return "its record can't be read"
    except FileNotFoundError:
        return "of another recipe, code, data or teacher"


def _exported(workflow: Workflow, results: str, match: re.Match[str], path: Path) -> tuple[Finding, str]:
    """Of a network that was exported, its card, the record of both, and that of how long it takes."""
    node = Node(results, Name.parse(match["name"]))
    workflow.tree.folder(results).check(node.name)
    if match["latency"]:
        LatencyRecord.read(path)
        fresh = workflow.exports.state_of_latency(node, match["kind"]) == "fresh"
        return ("as it should be", "") if fresh else ("stale", "of another export, or other code")
    place, key = workflow.exports.expected(node, match["kind"])
    record = ExportRecord.read(workflow.root / place)
    changed = record.changed(path.parent)
    if path.name in changed:
        return "changed", "isn't what was written"
    stale = record.key != key or (not changed and workflow.exports.state(node, match["kind"]) == "stale")
    return ("stale", "of another network, or other code") if stale else ("as it should be", "")


def _searched(workflow: Workflow, results: str, match: re.Match[str], path: Path) -> tuple[Finding, str]:
    """Of what a search wrote: what it came to, or one of the networks that it trained, by the recipe that its record names."""
    from takd.records import weights

    if match["file"] is None:
        node = workflow.searches.node(results, Name.parse(f"{match['network']}/seed0"))
        record, key = workflow.searches.expected(node)
        made = Made.read(workflow.root / record)
        if path.name in made.changed(path.parent):
            return "changed", "isn't what was written"
        stale = made.key != key
    else:
        trained = Metrics.read(path.with_name("metrics.json"))
        if match["file"] == "model.safetensors" and weights.Weights.read(path).about.digest != trained.weights_digest:
            return "changed", "its record is of other weights"
        node = Node(layout.search_folder(results), trained.network)
        if trained.recipe is None or trained.key != workflow.keys.trained(node, trained.recipe):
            return "stale", why_stale(workflow.keys, node, trained, trained.recipe)
        return "as it should be", ""
    return ("stale", "of other images, code, teacher or settings of the search") if stale else ("as it should be", "")


def _decided(workflow: Workflow, results: str, claim: str, path: Path) -> tuple[Finding, str]:
    """Of a claim's page, table or record, where students were added until it was decided."""
    record = path.with_suffix(".json")
    if not record.is_file():
        return "foreign", "no record says what made it"
    if path.name in Made.read(record).changed(path.parent):
        return "changed", "isn't what was written"
    fresh = workflow.decided.state(results, claim) == "fresh"
    return (
        ("as it should be", "") if fresh else ("stale", "its networks, parameters (seeds_at_most, too) or code have changed since")
    )


def _for_people(workflow: Workflow, results: str, rest: str) -> tuple[Finding, str]:
    """Of a table, a figure and the like: by the record that names it."""
    folder = workflow.root / results
    if rest.startswith("made/"):
        what = Path(rest).stem
        Made.read(folder / rest)
        return _shown(workflow, results, what)
    for path in sorted((folder / "made").glob("*.json")):
        record = Made.read(path)
        if rest in record.files:
            if rest in record.changed(folder):
                return "changed", "isn't what was written"
            return _shown(workflow, results, path.stem)
    return "foreign", "no record says what made it"


def _shown(workflow: Workflow, results: str, what: str) -> tuple[Finding, str]:
    try:
        expected = workflow.keys.of_shown(results, what)
    except TakdError as error:
        return "foreign", str(error)
    made = Made.read(workflow.root / layout.made(results, what))
    keys = workflow.keys
    if made.key == expected and not keys.is_made_from_others(made) and not keys.shows_another_line(results, what):
        return "as it should be", ""
    is_table = what in workflow.tree.folder(results).artifacts
    shown = keys.networks_shown(results, [what]) if is_table else keys.networks_reported(results)
    nodes = dict.fromkeys(each for node in shown for each in workflow.tree.lineage(node))
    stale = [str(node.name) for node in nodes if keys.state(node) == "stale"]
    if stale:
        return "stale", f"{len(stale)} of its networks {'is' if len(stale) == 1 else 'are'} stale, {stale[0]} first"
    return "stale", "what it shows, its networks' recipes, or code that shows it changed since"
