"""What else the paper says of trained networks: how soft answers are, how far a student mimics its teacher, how it bears noise."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor, nn

from takd.data import prepared
from takd.data.randomness import generator
from takd.data.splits import Split
from takd.errors import ParameterError
from takd.files import write_text
from takd.records.weights import About
from takd.training.device import chosen_device, used_precision
from takd.training.inference import logits, share_correct, still
from takd.training.opened import opened, shown

STRENGTHS = (0.04, 0.08, 0.16)  # standard deviations, of the range from black to white; 0.08 is ImageNet-C's weakest
COLUMNS = [
    "dataset", "family", "chain", "method", "seed", "temperature", "entropy", "divergence", "agreement", "agreement_train",
    "noise", "accuracy", "images",
]  # fmt: skip


def noisy(split: Split, strength: float) -> Split:
    """The images with Gaussian noise of that deviation on each value, rounded and cut to what a byte holds (Hendrycks 2019).

    strength: of the range from black to white. The noise is the same for every network. Raises ParameterError for images that
    stay in their files.
    """
    if type(split) is not Split:
        raise ParameterError("noise: is for images that fit into memory, and these are read as they are needed")
    images = split.images
    source = generator("noise", strength)
    changed = torch.empty_like(images)
    for place, image in enumerate(images):
        draw = 255 * strength * torch.randn(image.shape, generator=source)
        changed[place] = (image + draw.to(image.device)).round_().clamp_(0, 255).to(torch.uint8)
    return Split(changed, split.labels)


def entropy(answers: Tensor, temperature: float) -> float:
    """Mean entropy of softmax(answers / temperature), in nats: 0 for a teacher that is sure, log C for one that knows nothing.

    answers: logits, (N, C). temperature: above 0.
    """
    scaled = (answers.double() / temperature).log_softmax(dim=1)
    return -(scaled.exp() * scaled).sum(dim=1).mean().item()


def divergence(teacher: Tensor, student: Tensor, temperature: float) -> float:
    """Mean of KL(teacher ‖ student) of softened answers, in nats (eq. 2 without τ²). Both: logits, (N, C)."""
    targets, answers = ((logits_of.double() / temperature).log_softmax(dim=1) for logits_of in (teacher, student))
    return (targets.exp() * (targets - answers)).sum(dim=1).mean().item()


class _Answers(NamedTuple):
    """A network's logits on training and test images as they are, (N, C) each."""

    train: Tensor
    test: Tensor


def probed(
    models: list[Path],
    data_path: Path,
    *,
    temperature: float,
    device_name: str,
    threads: int,
    builder: str | None = None,
    teachers: Mapping[Path, Path] | None = None,
) -> pd.DataFrame:
    """A row a network and strength of noise, 0 first. accuracy: top-1 on the test images, in per cent; images: how many.

    teachers: a model's teacher, where it is to be held against one. entropy: of the network's answers to the training images, which
    its students learn from, in nats, at that temperature. divergence: of its answers to the test images from its teacher's,
    likewise. agreement, agreement_train: of the test and training images, per cent to which both give one answer. NaN without a
    teacher. Raises CheckpointError where a network is of another data set, ParameterError for a temperature that isn't above 0.
    """
    if not 0 < temperature <= 1000:
        raise ParameterError(f"temperature: expected a number above 0, at most 1000, not {temperature:g}")
    data = prepared.load(data_path)
    device = chosen_device(device_name, threads)

    def _frozen(model: Path) -> tuple[nn.Module, About]:
        network, about = opened(model, data_digest=data.digest, builder=builder)
        return still(network.to(device), used_precision(about.precision, device), shown(train, about)), about

    train = data.train.to(device)
    tests = {strength: (noisy(data.test, strength) if strength else data.test).to(device) for strength in (0.0, *STRENGTHS)}
    of_teachers: dict[Path, _Answers] = {}
    rows = []
    for model in models:
        frozen, about = _frozen(model)
        name, own = about.network, _Answers(*(logits(frozen, shown(split, about)) for split in (train, tests[0.0])))
        if (teacher := (teachers or {}).get(model)) is not None and teacher not in of_teachers:
            answering, as_shown = _frozen(teacher)
            of_teachers[teacher] = _Answers(*(logits(answering, shown(split, as_shown)) for split in (train, tests[0.0])))
        mimicry = (math.nan,) * 3 if teacher is None else _mimicry(of_teachers[teacher], own, temperature)
        for strength, test in tests.items():
            answers = own.test if strength == 0 else logits(frozen, shown(test, about))
            accuracy = share_correct(answers.argmax(dim=1), test.labels)
            place = (name.dataset, name.family, name.chain, name.method, name.seed)
            rows.append((*place, temperature, entropy(own.train, temperature), *mimicry, strength, accuracy, len(test)))
    return pd.DataFrame(rows, columns=COLUMNS)


def _mimicry(teacher: _Answers, student: _Answers, temperature: float) -> tuple[float, float, float]:
    """Divergence on test images, and agreement on test and training images, in per cent."""
    agreement = [share_correct(one.argmax(dim=1), other.argmax(dim=1)) for one, other in zip(student, teacher, strict=True)]
    return divergence(teacher.test, student.test, temperature), agreement[1], agreement[0]


def by_chain(table: pd.DataFrame) -> pd.DataFrame:
    """A row a chain: means over seeds of what was measured and of its accuracy at each strength, and the number n of seeds."""
    chains = table.groupby(["dataset", "family", "chain", "method"], sort=False)
    accuracies = table.pivot_table(index=["dataset", "family", "chain", "method"], columns="noise", values="accuracy", sort=False)
    accuracies.columns = [f"noise {strength:g}" for strength in accuracies.columns]
    measured = [chains[column].mean() for column in ("entropy", "divergence", "agreement", "agreement_train")]
    measured = [column for column in measured if column.notna().any()]
    return pd.concat([chains["seed"].nunique().rename("n"), *measured, accuracies], axis=1).reset_index()


def write(path: Path, table: pd.DataFrame) -> None:
    """Write what was probed, whole or not at all."""
    write_text(path, table.to_csv(index=False, lineterminator="\n", float_format="%.6g"))
