"""The text of a study's file, with a comment at each value that says when to change it."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from takd.data.prepared import PreparedSummary
from takd.data.registry import OwnImages

SMALL = 40  # pixels: up to here crop and flip as for CIFAR, above it resized crops


@dataclass(frozen=True)
class Member:
    """One network of the family. weights: it is trained already. start: its training begins from there."""

    name: str
    builder: str
    parameters: int
    weights: str | None = None
    start: str | None = None


def preset_text(name: str, spec: OwnImages, summary: PreparedSummary, members: Sequence[Member]) -> str:
    """presets/NAME.yaml."""
    teacher, *assistants, student = members
    through = f", directly and through {', '.join(member.name for member in assistants)}" if assistants else ""
    pretrained = any(member.weights or member.start for member in members)
    batch = max(8, min(128, 1 << (summary.train // 20).bit_length()))
    augmentation = "crop_flip" if summary.size <= SMALL else "resized_crop_flip"
    lines = [
        f"# A study of one's own: {student.name}, taught by {teacher.name}{through}.",
        f"# snakemake --cores 4 results/{name}/report.html",
        "",
        f"data:              # {summary.train} images to train on, {summary.test} to test, {len(summary.labels)} classes",
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
        "seeds: 3           # networks a chain; intervals get narrower with more",
        "vary: student      # or chain: every seed has teachers of its own",
        "",
        "train:",
        "  epochs: 30                # more for a small set, fewer to try it out",
        f"  batch_size: {batch}",
        f"  learning_rate: {0.01 if pretrained else 0.05}       # lower it where the loss becomes nan",
        "  schedule: cosine          # or constant, step",
        "  warm_up_epochs: 1         # 0 for a try of an epoch or two",
        "  weight_decay: 1e-4",
        f"  augmentation: {augmentation}   # none where mirrored or cut images mean something else",
        f"  normalisation: {'imagenet' if pretrained else 'dataset'}    # imagenet for networks that were trained on it",
        "  precision: bfloat16       # or float32: slower, and a little more exact",
        "  trade_off: 0.5            # λ: the weight of the teacher's answers",
        "  temperature: 4            # τ: higher where the teacher is sure of everything",
        "  kl_reduction: batchmean",
        "",
        "report: [table, paths]",
        "",
    ]
    return "\n".join(lines)


def chains(members: Sequence[Member]) -> list[str]:
    """Every way to the student, the shortest first."""
    names = [member.name for member in members]
    between = [path for count in range(len(names) - 1) for path in combinations(names[1:-1], count)]
    return [names[-1], *("-".join([names[0], *path, names[-1]]) for path in between)]


def _scalar(value: object) -> str:
    plain = isinstance(value, str) and re.fullmatch(r"[A-Za-z][\w./:-]*", value)  # else in quotes, as YAML has signs of its own
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) and not plain else str(value)
