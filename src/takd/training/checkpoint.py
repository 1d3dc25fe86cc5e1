"""The state of a training that is under way, kept so that it can go on where it was interrupted."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from takd.errors import CheckpointError, ParameterError
from takd.files import LONGEST_HEADER, read_metadata, read_tensors, write_tensors
from takd.networks.builders import fill
from takd.records.metrics import Epoch
from takd.records.weights import tensors_digest
from takd.training.optimiser import Optimiser

_MODEL, _OPTIMISER, _BEST, _AVERAGE = "model.", "optimiser.", "best.", "average."
_KIND = "a training under way"


class Progress:
    """A training under way: the file that it goes on from when it was interrupted.

    key: hash of all that the training's bits depend on. A file under another key is another training's, and is written over; one
    that takd didn't write is refused.
    """

    def __init__(self, path: Path, key: str) -> None:
        """Raises ParameterError where another kind of file stands there."""
        self.path = path
        self.key = key
        if path.exists() and path.stat().st_size > 0 and not _is_ours(path):
            raise ParameterError(
                f"{path}: not the state of a training that takd wrote, but would be written over; name another file"
            )

    def restore(
        self, model: nn.Module, optimiser: Optimiser, best: dict[str, Tensor], average: nn.Module | None = None
    ) -> list[Epoch]:
        """Bring model, optimiser and average to where the file left them; the history until then, empty where it doesn't apply.

        average: of the weights, where the recipe asks for one. best: gets the weights of the best epoch so far, where the file
        has them.
        """
        try:
            if read_metadata(self.path).get("key") != self.key:
                return []
            tensors, metadata = read_tensors(self.path)
            history = [Epoch.model_validate(entry) for entry in metadata["history"]]
            if tensors_digest(tensors) != metadata["digest"]:
                raise CheckpointError(f"{self.path}: isn't what was written")
        except (CheckpointError, ValidationError, KeyError, TypeError):
            if self.path.exists():
                print(f"{self.path}: can't be gone on from, as it was cut short or damaged; the training starts afresh", flush=True)
            return []
        fill(model, _without_prefix(tensors, _MODEL))
        if average is not None:
            fill(average, _without_prefix(tensors, _AVERAGE))
        remembered = _without_prefix(tensors, _OPTIMISER)
        for index, (name, parameter) in enumerate(model.named_parameters()):
            of_parameter = {key.split(".", 1)[0]: tensor for key, tensor in remembered.items() if key.split(".", 1)[1] == name}
            optimiser.state[index] = {key: _like(tensor, parameter) for key, tensor in of_parameter.items()}
        best.update(_without_prefix(tensors, _BEST))
        return history

    def save(
        self,
        model: nn.Module,
        optimiser: Optimiser,
        best: dict[str, Tensor],
        history: list[Epoch],
        average: nn.Module | None = None,
    ) -> None:
        """Keep the state after an epoch. best: the weights of the best one so far, where they will be asked for.

        Raises OSError where it can't be written; what stood there before stays.
        """
        tensors = {_MODEL + name: tensor for name, tensor in model.state_dict().items()}
        tensors |= {_BEST + name: tensor for name, tensor in best.items()}
        if average is not None:
            tensors |= {_AVERAGE + name: tensor for name, tensor in average.state_dict().items()}
        for (name, _), state in zip(model.named_parameters(), optimiser.state, strict=True):
            tensors |= {f"{_OPTIMISER}{key}.{name}": tensor for key, tensor in state.items()}
        tensors = apart(tensors)
        metadata: dict[str, Any] = {"kind": _KIND, "key": self.key, "history": [entry.model_dump() for entry in history]}
        write_tensors(self.path, tensors, metadata | {"digest": tensors_digest(tensors)})

    def finish(self) -> None:
        """The training is done and its result is on the disk."""
        self.path.unlink(missing_ok=True)


def _is_ours(path: Path) -> bool:
    """Whether takd wrote a file; of one that was damaged, whether its head still looks like that."""
    try:
        return read_metadata(path).get("kind") == _KIND
    except CheckpointError:
        if not path.is_file():
            return False
    with path.open("rb") as file:
        head = file.read(LONGEST_HEADER)
    looks = head[8:9] == b"{" or head[9:23] == b'"__metadata__"'
    return looks and (_KIND.encode() in head or f'"{_OPTIMISER}'.encode() in head)


def apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copies on the CPU, each in memory of its own: layers may share a weight, which a file can't hold under two names."""
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}


def resume_key(*depends_on: str) -> str:
    """A hash over all that a training's bits depend on."""
    digest = hashlib.sha256()
    for text in depends_on:
        digest.update(f"{len(text)} {text}".encode())
    return digest.hexdigest()


def _without_prefix(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _like(tensor: Tensor, parameter: Tensor) -> Tensor:
    """A copy on the parameter's device; of its shape, also laid out as it is."""
    if tensor.shape != parameter.shape:
        return tensor.to(parameter.device)
    return torch.empty_like(parameter.detach()).copy_(tensor)
