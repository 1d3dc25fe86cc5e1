"""Opening a trained network: from its file to an nn.Module, by the builder that the file names, and images as it is shown them."""

from pathlib import Path

import torch
from torch import nn

from takd.data.splits import Split
from takd.data.views import Normalisation, Views
from takd.errors import CheckpointError
from takd.networks.builders import build, fill, is_library
from takd.records.key import own_code_of
from takd.records.weights import About, Weights


def opened(
    path: Path, *, data_digest: str | None = None, builder: str | None = None, root: Path = Path()
) -> tuple[nn.Module, About]:
    """A trained network in evaluation mode, in channels-last memory, on the CPU; and what its file says.

    data_digest: of the images that it should have learnt from. builder: of a network that is no library's: a file's metadata never
    causes an import of somebody's code. Raises CheckpointError where the file is damaged, isn't such a network, or that code was
    changed since it was trained: its weights may fit, and other code gives other answers.
    """
    weights = Weights.read(path, data_digest=data_digest)
    about = weights.about
    if builder is None and not is_library(about.builder):
        raise CheckpointError(
            f"{path}: was built by {about.builder}, code of one's own; "
            f"name it: builder={about.builder!r} in Python, --builder {about.builder} in a shell"
        )
    if about.own_code not in (None, own_code_of(builder or about.builder, root)):
        raise CheckpointError(
            f"{path}: {builder or about.builder} was changed since {about.name} was made by it; "
            "get that code back, or run snakemake again"
        )
    network = build(builder or about.builder, about.classes, size=about.size, root=root)
    try:
        fill(network, weights.tensors)
    except RuntimeError:
        raise CheckpointError(f"{path}: its weights don't fit {builder or about.builder}; it was written by other code") from None
    return network.eval().to(memory_format=torch.channels_last), about


def shown(split: Split, about: About, *, augmentation: str = "none", policy: str = "none", erasing: float = 0) -> Views:
    """A split's images as a trained network is shown them: normalised as its file says, on the split's device."""
    scale, shift = (torch.tensor(values, device=split.labels.device) for values in (about.scale, about.shift))
    return Views(split, Normalisation(scale, shift), augmentation=augmentation, policy=policy, erasing=erasing)
