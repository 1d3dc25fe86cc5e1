"""A user's own checkpoint: its weights read, without running what else may be in the file, and put into a network."""

import re
import stat
import struct
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from takd.errors import CheckpointError, shortened
from takd.networks.builders import fill

HEADER = 10_000_000  # bytes of a safetensors file's header: some 100,000 tensors
KEYS = (
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "network",
    "module",
    "ema",
    "state_dict_ema",
    "model_ema",
    "teacher",
    "weights",
)
PREFIXES = ("module.", "model.", "backbone.", "net.", "network.")
SAVE = "torch.save(model.state_dict(), 'weights.pth')"
AUXILIARY = ("AuxLogits.", "aux1.", "aux2.")  # of Inception and GoogLeNet: heads that takd builds them without


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """The weights in a .safetensors file, or in what torch.save wrote: a state dict, or a checkpoint with one inside. On the CPU.

    Nothing in the file is run: tensors, lists, numbers and strings alone are read. Names lose what DataParallel and torch.compile
    put before them. Raises CheckpointError where the file isn't such a one, asks to run code, or is cut short.
    """
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):  # asked first: opening a pipe waits
            raise CheckpointError(
                f"{path}: {'a folder' if stat.S_ISDIR(mode) else 'a pipe or device'}; right would be a file of weights"
            )
        with path.open("rb") as file:
            if not file.read(1):
                raise CheckpointError(f"{path}: an empty file; right would be what {SAVE} writes")
    except OSError as error:
        raise CheckpointError(f"{path}: {(error.strerror or 'cannot be read').lower()}") from None
    state = _of_safetensors(path) if path.suffix == ".safetensors" else _state_in(path, _of_torch(path))
    for name, tensor in state.items():
        if len(name) > 1000:
            raise CheckpointError(f"{path}: a weight's name is of {len(name)} characters; right would be what {SAVE} writes")
        if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized or tensor.is_complex():
            raise CheckpointError(
                f"{path}: {shortened(name, 80)} is quantised, sparse or without values; right would be weights in float32"
            )
    state = {name.replace("_orig_mod.", ""): tensor for name, tensor in state.items()}
    while state and all(name.startswith("module.") for name in state):
        state = _without("module.", state)
    return state


def _of_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError, safe_open

    with path.open("rb") as file:
        start = file.read(8)
    if len(start) < 8 or struct.unpack("<Q", start)[0] > min(HEADER, path.stat().st_size - 8):
        raise CheckpointError(f"{path}: not a safetensors file, or cut short")
    try:
        with safe_open(path, framework="pt") as opened:
            return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (not a dict)
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path}: not a safetensors file, or cut short ({_detail(error)})") from None


def _of_torch(path: Path) -> object:
    """What torch.save wrote, by torch's reader that admits no code."""
    try:
        in_zip = zipfile.is_zipfile(path)
        if in_zip:
            _check_archive(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True, mmap=in_zip)
    except CheckpointError:
        raise
    except Exception as error:  # damaged bytes make torch raise whatever they meet
        if (asked := re.search(r"GLOBAL ([\w.]+)|unrecognized function (\S+)|allowlisted .* but got (.+)", str(error))) is not None:
            name = next(group for group in asked.groups() if group)[:80]
            raise CheckpointError(
                f"{path}: asks to run code ({name}), so it isn't opened; save the weights alone: {SAVE}"
            ) from None
        raise CheckpointError(f"{path}: not a checkpoint of PyTorch, or cut short ({_detail(error)})") from None


def _check_archive(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        records = archive.infolist()
    names = [record.filename for record in records]
    if any(name.endswith("/constants.pkl") for name in names):
        raise CheckpointError(f"{path}: a TorchScript archive; save the weights alone: {SAVE}")
    if not any(name.endswith("data.pkl") for name in names):
        raise CheckpointError(f"{path}: a zip archive, but not a checkpoint of PyTorch; right would be what {SAVE} writes")
    if any(record.compress_type != zipfile.ZIP_STORED for record in records):
        raise CheckpointError(f"{path}: compressed, as torch.save never does; right would be what {SAVE} writes")


def _state_in(path: Path, content: object) -> dict[str, Tensor]:
    """The state dict that a checkpoint is, or has under one of the usual keys, at most two levels down."""
    waiting: list[tuple[int, object]] = [(0, content)]
    mixed: dict[str, Tensor] = {}
    for depth, each in waiting:
        if not isinstance(each, Mapping):
            continue
        tensors = {name: value for name, value in each.items() if isinstance(name, str) and isinstance(value, Tensor)}
        if tensors and len(tensors) == len(each):
            return tensors
        mixed = mixed or tensors  # a state dict with a number or two beside the weights
        if depth < 2:
            waiting += [(depth + 1, each[key]) for key in KEYS if key in each]
    if mixed:
        return mixed
    keys = (
        f"; it has {', '.join(shortened(key, 30) for key in list(content)[:5])}" if isinstance(content, Mapping) and content else ""
    )
    raise CheckpointError(f"{path}: holds no weights{keys}; right would be what {SAVE} writes")


def load_into(network: nn.Module, state: Mapping[str, Tensor], *, source: str, head_may_differ: bool = False) -> None:
    """Copy a checkpoint's weights into a network, in place. source: what an error names, as the file's path.

    head_may_differ: a last layer for other classes, or none, is left as it was drawn (`start:`). Without it, every weight has to be
    there. Raises CheckpointError where weights are missing, too many, of another shape or kind, infinite or not numbers.
    """
    own = {name: tensor for name, tensor in network.state_dict().items() if isinstance(tensor, Tensor)}
    found = {name: tensor for name, tensor in _fitting(own, state).items() if name in own or not name.startswith(AUXILIARY)}
    shared = own.keys() & found.keys()
    reshaped = [name for name in own if name in shared and own[name].shape != found[name].shape]
    missing = [name for name in own if name not in found and not name.endswith("num_batches_tracked")]
    extra = [name for name in found if name not in own]
    if head := _other_head(own, found, reshaped):
        if not head_may_differ and not missing and not extra:
            raise CheckpointError(f"{source}: has {head[0]} classes, the data set has {head[1]}")
        if head_may_differ:
            reshaped = []
    if head_may_differ and missing and {name.rpartition(".")[0] for name in missing} == {_last_layer(network)}:
        missing, extra = [], []  # without a head, or with one of another kind: a backbone
    if missing or extra or reshaped:
        raise CheckpointError(f"{source}: doesn't fit the network: {_differences(own, found, missing, extra, reshaped)}")
    fitting = {name: found[name] for name in own if name in shared and own[name].shape == found[name].shape}
    for name, tensor in fitting.items():
        if own[name].is_floating_point() and not tensor.is_floating_point():
            raise CheckpointError(f"{source}: {name} is of type {tensor.dtype}; right would be {own[name].dtype}")
        if not tensor.to(own[name].dtype).isfinite().all() and own[name].isfinite().all():
            raise CheckpointError(f"{source}: {name} holds values that are infinite or not numbers; its training may have diverged")
    fill(network, fitting, strict=False)


def _fitting(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights under the names that fit the network's best, with none or some of the usual prefixes taken away.

    Where all that the network needs stands under a prefix, what stands beside it is something else's, as a loss's.
    """
    best = dict(state)
    waiting = [dict(state)]
    for each in waiting:
        if len(own.keys() & each.keys()) > len(own.keys() & best.keys()):
            best = each
        waiting += [_without(prefix, each) for prefix in PREFIXES if any(name.startswith(prefix) for name in each)]
    return best


def _without(prefix: str, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in state.items() if name.startswith(prefix)}


def _other_head(own: Mapping[str, Tensor], found: Mapping[str, Tensor], reshaped: list[str]) -> tuple[int, int] | None:
    """(classes in the file, in the network), where the only tensors of another shape differ in the number of their rows, and alike.

    Were they not the last layer, the next would be of another shape too.
    """
    rows = {(found[name].shape[:1], own[name].shape[:1]) for name in reshaped}
    if len(rows) != 1 or any(found[name].shape[1:] != own[name].shape[1:] for name in reshaped):
        return None
    theirs, ours = rows.pop()
    return (theirs[0], ours[0]) if theirs and ours else None


def _last_layer(network: nn.Module) -> str:
    names: list[str] = [name for name, module in network.named_modules() if isinstance(module, nn.Linear | nn.Conv2d)]
    return names[-1]


def _differences(
    own: Mapping[str, Tensor], found: Mapping[str, Tensor], missing: list[str], extra: list[str], reshaped: list[str]
) -> str:
    shapes = [f"{name} {tuple(found[name].shape)} instead of {tuple(own[name].shape)}" for name in reshaped]
    kinds = (("missing", missing), ("unexpected", extra), ("of another shape", shapes))
    return "; ".join(f"{len(names)} {kind} ({_few(names)})" for kind, names in kinds if names)


def _few(names: list[str]) -> str:
    shown = [shortened(name, 80) for name in names[:3]]
    return ", ".join(shown + ["..."] * (len(names) > 3))


def _detail(error: Exception) -> str:
    """The line of an error's text that says what is wrong: torch puts it after much advice."""
    text = str(error).rpartition("WeightsUnpickler error:")[2].strip()
    return shortened(text.splitlines()[0] if text and "weights_only" not in text else type(error).__name__, 150)
