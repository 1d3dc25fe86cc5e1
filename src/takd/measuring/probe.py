"""What else the paper says of trained networks: how soft a teacher's answers are, and how well a student bears noisy images."""

from pathlib import Path

import pandas as pd
import torch
from torch import Tensor

from takd.data import prepared
from takd.data.randomness import generator
from takd.data.splits import Split
from takd.errors import ParameterError
from takd.files import write_text
from takd.training.device import chosen_device, used_precision
from takd.training.inference import logits, share_correct, still
from takd.training.opened import opened, shown

STRENGTHS = (0.04, 0.08, 0.16)  # standard deviations, of the range from black to white; 0.08 is ImageNet-C's weakest
COLUMNS = ["dataset", "family", "chain", "method", "seed", "temperature", "entropy", "noise", "accuracy", "images"]


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


def probed(
    models: list[Path], data_path: Path, *, temperature: float, device_name: str, threads: int, builder: str | None = None
) -> pd.DataFrame:
    """A row a network and strength of noise, 0 first. accuracy: top-1 on the test images, in per cent; images: how many.

    entropy: of the network's answers to the training images, which its students learn from, in nats, at that temperature. Raises
    CheckpointError where a network is of another data set, ParameterError for a temperature that isn't above 0.
    """
    if not 0 < temperature <= 1000:
        raise ParameterError(f"temperature: expected a number above 0, at most 1000, not {temperature:g}")
    data = prepared.load(data_path)
    device = chosen_device(device_name, threads)
    train = data.train.to(device)
    tests = {strength: (noisy(data.test, strength) if strength else data.test).to(device) for strength in (0.0, *STRENGTHS)}
    rows = []
    for model in models:
        network, about = opened(model, data_digest=data.digest, builder=builder)
        images, name = shown(train, about), about.network
        frozen = still(network.to(device), used_precision(about.precision, device), images)
        softness = entropy(logits(frozen, images), temperature)
        for strength, test in tests.items():
            accuracy = share_correct(logits(frozen, shown(test, about)).argmax(dim=1), test.labels)
            place = (name.dataset, name.family, name.chain, name.method, name.seed)
            rows.append((*place, temperature, softness, strength, accuracy, len(test)))
    return pd.DataFrame(rows, columns=COLUMNS)


def by_chain(table: pd.DataFrame) -> pd.DataFrame:
    """A row a chain: means over seeds of its entropy and of its accuracy at each strength, and the number n of seeds."""
    chains = table.groupby(["dataset", "family", "chain", "method"], sort=False)
    accuracies = table.pivot_table(index=["dataset", "family", "chain", "method"], columns="noise", values="accuracy", sort=False)
    accuracies.columns = [f"noise {strength:g}" for strength in accuracies.columns]
    return pd.concat([chains["seed"].nunique().rename("n"), chains["entropy"].mean(), accuracies], axis=1).reset_index()


def write(path: Path, table: pd.DataFrame) -> None:
    """Write what was probed, whole or not at all."""
    write_text(path, table.to_csv(index=False, lineterminator="\n", float_format="%.6g"))
