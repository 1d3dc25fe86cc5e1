"""The text of a study's file, with a comment at each value that says when to change it."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from takd.data.prepared import PreparedSummary
from takd.data.registry import OwnImages
from takd.starting.recipes import FROM_WEIGHTS, IMBALANCED, recipe_for, times_larger

CORES = 4  # of the command in a study's head, where nobody counted them
CENTRED = ("torchvision:googlenet", "torchvision:inception_v3")  # published weights of pixels in -1…1; others of ImageNet's
SEEDS = 3  # students of each way, in a study that begins


@dataclass(frozen=True)
class Member:
    """One network of the family. weights: it is trained already. start: its training begins from there."""

    name: str
    builder: str
    parameters: int
    weights: str | None = None
    start: str | None = None


def preset_text(
    name: str,
    spec: OwnImages,
    summary: PreparedSummary,
    members: Sequence[Member],
    counts: Sequence[int] = (),
    cores: int = CORES,
) -> str:
    """presets/NAME.yaml. counts: training images of each class, where they are known. cores: for the command in its head."""
    teacher, *assistants, student = members
    through = f", directly and through {', '.join(member.name for member in assistants)}" if assistants else ""
    pretrained = any(member.weights or member.start for member in members)
    batch = max(8, min(128, 1 << (summary.train // 20).bit_length()))
    trained = [member for member in members if not member.weights]
    started = [member for member in trained if member.start]
    recipe = recipe_for(summary.size, from_weights=len(started) == len(trained))
    imbalanced = bool(counts) and times_larger([*counts]) >= IMBALANCED
    lines = [
        f"# A study of one's own: {student.name}, taught by {teacher.name}{through}.",
        f"# snakemake --cores {cores} results/{name}/report.html",
        "",
        f"data:              # at first {summary.train} images to train on, {summary.test} to test, {len(summary.labels)} classes",
        *(f"  {field}: {_scalar(value)}" for field, value in spec.model_dump(exclude_none=True).items() if value != 0),
        "",
        "members:           # largest first, and what builds each",
        *(f"  {member.name}: {_scalar(member.builder)}   # {member.parameters:,} parameters" for member in members),
    ]
    for field, meaning in (("weights", "trained already: it only teaches"), ("start", "its training begins from there")):
        given = [(member.name, getattr(member, field)) for member in members if getattr(member, field)]
        if given:
            lines += ["", f"{field}:           # {meaning}", *(f"  {member}: {_scalar(path)}" for member, path in given)]
    lines += [
        "",
        f"seeds: {SEEDS}           # networks a chain; intervals get narrower with more",
        "vary: student      # or chain: every seed has teachers of its own",
        "",
        *_of_metric(counts, imbalanced),
        f"# The recipe for {recipe.why}.",
        "# docs/recipe.md says what each field does, and what else there is.",
        "train:",
        *(_line(field, *given) for field, given in recipe.lines.items()),
        f"  batch_size: {batch}",
        *([_line("sampling", "balanced", "every class as often as another; or each")] if imbalanced else []),
        f"  normalisation: {'imagenet' if pretrained else 'dataset'}    # imagenet for networks that were trained on it",
        "  precision: bfloat16       # or float32: slower, and a little more exact",
        "  trade_off: 0.5            # λ: the weight of the teacher's answers",
        "  temperature: 4            # τ: higher where the teacher is sure of everything",
        "  kl_reduction: batchmean",
        "",
        *_of_members(members, [] if len(started) == len(trained) else started),
        "report: [table, paths]     # paths takes every network from labels alone, too, and assistants of every seed",
        "                           # deploy: size and latency as ONNX files; needs takd[export]",
        "",
    ]
    return "\n".join(lines)


def _line(field: str, value: object, comment: str) -> str:
    return f"{f'  {field}: {value}':<27} # {comment}"


def _of_metric(counts: Sequence[int], imbalanced: bool) -> list[str]:
    """What a study compares, where it has far more images of some classes than of others."""
    if not imbalanced:
        return []
    return [
        f"# The largest class has {times_larger([*counts])} times the images of the smallest: accuracy would be the large ones'.",
        "metric: balanced_accuracy  # or macro_f1; accuracy where images to come are divided likewise",
        "",
    ]


def _of_members(members: Sequence[Member], started: Sequence[Member]) -> list[str]:
    """What differs for some members, on any chain that ends in one. started: those that begin from weights, where others don't."""
    lines = ["overrides:         # they begin from weights: AdamW at a small rate, for fewer epochs"] if started else ["overrides:"]
    for member in members:
        fields = {field: value for field, (value, _) in FROM_WEIGHTS.items()} if member in started else {}
        fields |= {"normalisation": "paper"} if (member.weights or member.start) and member.builder in CENTRED else {}
        chains_to_it = [member.name, *([] if member == members[0] else [f"*-{member.name}"])] if fields else []
        given = ", ".join(f"{field}: {value}" for field, value in fields.items())
        lines += [f'  "*/*/{chain}/*": {{{given}}}' for chain in chains_to_it]
    return [*lines, ""] if len(lines) > 1 else []


def chains(members: Sequence[Member]) -> list[str]:
    """Every way to the student, the shortest first."""
    names = [member.name for member in members]
    between = [path for count in range(len(names) - 1) for path in combinations(names[1:-1], count)]
    return [names[-1], *("-".join([names[0], *path, names[-1]]) for path in between)]


def growing(members: Sequence[Member]) -> str:
    """Which members have more parameters than one that stands before them and so teaches them, in a line; empty where none has."""
    pairs = [(before, after) for before, after in combinations(members, 2) if after.parameters > before.parameters]
    return "; ".join(
        f"{after.name} ({after.parameters:,} parameters) is larger than {before.name} ({before.parameters:,}), which teaches it"
        for before, after in pairs
    )


def _scalar(value: object) -> str:
    plain = isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w./:-]*", value)  # else in quotes, as YAML has signs of its own
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) and not plain else str(value)
