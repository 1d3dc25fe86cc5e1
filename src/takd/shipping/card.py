"""A model card: what an exported network is, how it came about, how well it does, and how to cite it."""

import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from scipy import stats

from takd.errors import RecordError
from takd.records.metrics import Metrics
from takd.records.weights import About

CONFIDENCE = 0.95
LARGEST_CARD = 10_000_000  # bytes
PAPER = (
    "Mirzadeh, Farajtabar, Li, Levine, Matsukawa and Ghasemzadeh, “Improved Knowledge Distillation via Teacher Assistant”, "
    "AAAI 2020, doi:10.1609/aaai.v34i04.5963."
)
HOW = {
    "NOKD": "trained from labels alone",
    "BLKD": "distilled from its teacher",
    "TAKD": "distilled through teacher assistants",
}
KINDS = {
    "fp32": "ONNX, float32",
    "fp16": "ONNX, half precision",
    "int8": "ONNX, eight bits (static quantisation)",
    "torch": "ExportedProgram of torch, float32",
}


class Facts(NamedTuple):
    """What a card says of a file. Accuracies are per cent of `images` test images; multiply_adds are for one of them."""

    file: str
    kind: str
    bytes: int
    accuracy: float
    network_accuracy: float
    agreement: float
    largest_difference: float
    images: int
    parameters: int
    multiply_adds: int
    commit: str
    version: str
    date: str  # of the export; so also of what the card says of other seeds


class Seeds(NamedTuple):
    """Accuracy over the networks of one recipe that were there: mean, and half the width of the interval of the mean."""

    networks: int
    mean: float
    half_width: float


def records_beside(model: Path) -> tuple[Metrics | None, list[Metrics]]:
    """The record of a network, and those of the same chain and recipe under other seeds; each that is there and whole."""
    own = _read(model.with_name("metrics.json"))
    if own is None:
        return None, []
    others = (_read(path) for path in sorted(model.parent.parent.glob("seed*/metrics.json")) if path.parent != model.parent)
    return own, [one for one in others if one is not None and _alike(one, own)]


def _read(path: Path) -> Metrics | None:
    try:
        return Metrics.read(path)
    except (RecordError, OSError):
        return None


def _alike(one: Metrics, other: Metrics) -> bool:
    same = one.network.with_seed(0) == other.network.with_seed(0)
    return same and (one.recipe, one.data_digest, one.measured_on) == (other.recipe, other.data_digest, other.measured_on)


def over_seeds(records: Iterable[Metrics]) -> Seeds | None:
    """Their selected accuracies with a 95 % interval of Student's t for the mean; None for fewer than two."""
    values = [record.selected_accuracy for record in records]
    if len(values) < 2:
        return None
    t = float(stats.t.ppf((1 + CONFIDENCE) / 2, len(values) - 1))
    return Seeds(len(values), statistics.mean(values), t * statistics.stdev(values) / len(values) ** 0.5)


def check_card(text: str, where: Path, file: str) -> None:
    """Raises RecordError where a text isn't that file's card, but another's, as of student.onnx for student.pt2, or no card."""
    if not text.startswith(f"# {file}: "):
        raise RecordError(f"{where}: isn't the card of {file}; call that file otherwise, so that its card has a place of its own")


def card(about: About, facts: Facts, own: Metrics | None, others: list[Metrics]) -> str:
    """The card, in Markdown. own, others: as `records_beside` has them."""
    name = about.network
    brought = own is not None and own.recipe is None
    how = "which came in with its weights" if brought else HOW.get(name.method, f"trained by the objective {name.method.lower()}")
    lines = [
        f"# {facts.file}: {name.family} {name.member} for {name.dataset}",
        f"A classifier of {about.classes} classes, {how}. Images of {about.size}×{about.size} pixels go in as bytes "
        "(N×H×W×3, RGB); probabilities and logits come out. Normalisation is inside.",
        _table(
            {
                "network": f"`{name}`",
                "chain": " → ".join(map(str, name.hops)),
                "data": f"{name.dataset}, content {about.data_digest[:16]}",
                "labels": ", ".join(about.labels).replace("|", "\\|"),
                "file": f"{KINDS[facts.kind]}; {facts.bytes:,} bytes",
                "parameters": f"{facts.parameters:,}",
                "multiply-adds": f"{facts.multiply_adds:,} an image",
                "top-1, this file": f"{facts.accuracy:.2f} % of {facts.images:,} test images",
                "top-1, its network": f"{facts.network_accuracy:.2f} % in float32; same answer to {facts.agreement:.2f} %, "
                f"logits differ by at most {facts.largest_difference:.2g}",
                **_of_seeds(own, others),
                "weights": f"sha256 {about.digest[:16]}, {'taken over' if brought else 'trained'} at commit {about.commit}",
                "exported": f"on {facts.date} by takd {facts.version} at commit {facts.commit}",
            }
        ),
        *_recipe(own),
        "## Licence and citation",
        "takd is under the MIT licence. The images have terms of their own, and so may weights that a training began from.\n\n"
        f"The method: {PAPER}\n\n"
        f"The software: takd {facts.version}, knowledge distillation through teacher assistants, as a reproducible pipeline; "
        f"commit {facts.commit}.",
    ]
    return "\n\n".join(lines) + "\n"


def with_latency(text: str, said: str, where: Path) -> str:
    """A card with a row that says how long the network takes, in place of an earlier one. Raises RecordError for other texts."""
    lines = [line for line in text.split("\n") if not line.startswith("| latency |")]
    places = [place for place, line in enumerate(lines) if line.startswith("| multiply-adds |")]
    if not places:
        raise RecordError(f"{where}: isn't a card that takd export wrote, so there is no place for the latency")
    plain = said.replace("|", "\\|")  # of a machine's name
    lines.insert(places[0] + 1, f"| latency | {plain} |")
    return "\n".join(lines)


def _table(rows: dict[str, str]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {head} | {said} |" for head, said in rows.items())])


def _of_seeds(own: Metrics | None, others: list[Metrics]) -> dict[str, str]:
    """A row about all seeds of the recipe, where there are several."""
    seeds = over_seeds([own, *others]) if own is not None else None
    if own is None or seeds is None:
        return {}
    where = "test images" if own.measured_on == "test" else "held-out training images"
    said = f"{seeds.mean:.2f} ± {seeds.half_width:.2f} % on {where}, mean and 95 % interval (Student's t)"
    return {f"its recipe, the {seeds.networks} seeds there were": said}


def _recipe(own: Metrics | None) -> list[str]:
    """The recipe as it was resolved; nothing where the network's record isn't beside it, or its weights were brought."""
    if own is None or own.recipe is None:
        return []
    taught = f"Its teacher was `{own.teacher}`. " if own.teacher else ""
    trained = f"{taught}{own.epochs} epochs on {own.machine}."
    return ["## Recipe", trained, f"```json\n{own.recipe.canonical()}\n```"]
