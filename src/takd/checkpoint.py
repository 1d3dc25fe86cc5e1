"""Networks as files: weights with what they are, and the state of a training that is under way."""

import hashlib
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from takd.chain import Network
from takd.errors import CheckpointError
from takd.files import Metadata, read_metadata, read_tensors, write_tensors
from takd.networks.registry import build
from takd.optimiser import SGD
from takd.recipe import Recipe

_MODEL, _OPTIMISER, _BEST = "model.", "optimiser.", "best."


def save_network(path: Path, model: nn.Module, metadata: Metadata) -> None:
    """Write a trained network. metadata: `network` (its name), `classes`, and whatever says how it came to be."""
    write_tensors(path, _on_cpu(model.state_dict()), metadata)


def load_network(path: Path, data_digest: str) -> tuple[nn.Module, Metadata]:
    """A trained network in evaluation mode, in channels-last memory, and its metadata.

    Raises CheckpointError where the file is damaged, isn't a network, or is one trained on other data than `data_digest` says.
    """
    tensors, metadata = read_tensors(path)
    if "network" not in metadata or "classes" not in metadata:
        raise CheckpointError(f"{path}: holds no network")
    if metadata.get("data_digest") != data_digest:
        raise CheckpointError(f"{path}: {metadata['network']} was trained on another data set")
    network = Network.parse(metadata["network"])
    model = build(network.family, network.size, metadata["classes"])
    try:
        model.load_state_dict(tensors)
    except RuntimeError:
        raise CheckpointError(f"{path}: its weights don't fit {network}; it was written by another version of takd") from None
    return model.eval().to(memory_format=torch.channels_last), metadata


def recipe_of(path: Path, metadata: Metadata) -> Recipe:
    """The recipe that made the network in a file, from its metadata. Raises CheckpointError where takd doesn't know it any more."""
    try:
        return Recipe.model_validate(metadata.get("recipe"))
    except ValidationError:
        raise CheckpointError(f"{path}: its recipe isn't one; it was written by another version of takd") from None


def weights_digest(path: Path) -> str:
    """sha256 over a file's tensors, names and shapes: the same for the same weights, whatever the metadata says."""
    tensors, _ = read_tensors(path)
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


class Progress:
    """A training under way: the file that it goes on from when it was interrupted.

    key: hash of all that the training's bits depend on. A file under another key is another training's, and is written over.
    """

    def __init__(self, path: Path, key: str) -> None:
        self.path = path
        self.key = key

    def restore(self, model: nn.Module, optimiser: SGD, best: dict[str, Tensor]) -> list[dict[str, Any]]:
        """Bring model and optimiser to where the file left them; the history until then, empty where it doesn't apply.

        best: gets the weights of the best epoch so far, where the file has them.
        """
        try:
            if read_metadata(self.path).get("key") != self.key:
                return []
            tensors, metadata = read_tensors(self.path)
        except CheckpointError:  # none, or damaged: the training starts afresh
            return []
        model.load_state_dict(_without_prefix(tensors, _MODEL))
        for index, (name, parameter) in enumerate(model.named_parameters()):
            if (momentum := tensors.get(_OPTIMISER + name)) is not None:
                optimiser.momenta[index] = torch.empty_like(parameter.detach()).copy_(momentum)
        best.update(_without_prefix(tensors, _BEST))
        history: list[dict[str, Any]] = metadata["history"]
        return history

    def save(self, model: nn.Module, optimiser: SGD, best: dict[str, Tensor], history: list[dict[str, Any]]) -> None:
        """Keep the state after an epoch. best: the weights of the best one so far, where they will be asked for."""
        tensors = {_MODEL + name: tensor for name, tensor in model.state_dict().items()}
        tensors |= {_BEST + name: tensor for name, tensor in best.items()}
        for (name, _), momentum in zip(model.named_parameters(), optimiser.momenta, strict=True):
            if momentum is not None:
                tensors[_OPTIMISER + name] = momentum
        write_tensors(self.path, _on_cpu(tensors), {"key": self.key, "history": history})

    def finish(self) -> None:
        """The training is done and its result is on the disk."""
        self.path.unlink(missing_ok=True)


def _on_cpu(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}


def _without_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
