"""Features by place, for objectives that compare more than logits: what a network computes on the way to them.

Places of plain and ResNet: `stem` (ResNet), `stage1`, `stage2`, ... (after each stage's last ReLU), `stage1:pre` (before it), and
`pooled`, what goes into the last layer: (B, D). Places of other networks: the last block at each resolution, by its name
(`layer2`), and `pooled` where the logits come from a fully connected layer. Features of stages are (B, C, H, W).
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from takd.errors import ParameterError
from takd.networks.frozen import logits_layer
from takd.networks.layers import Convolution, NormalisedConvolution
from takd.networks.resnet import BasicBlock

POOLED = "pooled"
Sources = dict[str, tuple[str, ...]]  # of each place, the modules whose outputs' sum it is; for pooled, whose input


class WithFeatures(nn.Module):
    """The network itself, its parameters shared; called with images, it returns (logits, {place: features})."""

    def __init__(self, network: nn.Module, sources: Sources) -> None:
        super().__init__()
        self.network = network
        self.sources = sources

    def forward(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """(B, 3, H, W) to logits (B, classes) and the features of each place."""
        found: dict[str, Tensor] = {}

        def keep(name: str, tensor: Tensor) -> None:
            found[name] = tensor.clone()  # the next layer may write into its input

        hooks = []
        for place, names in self.sources.items():
            for name in names:
                module = self.network.get_submodule(name)
                if place == POOLED:
                    hooks.append(module.register_forward_pre_hook(lambda _, inputs: keep(POOLED, inputs[0])))
                else:
                    hooks.append(module.register_forward_hook(lambda _, inputs, output, name=name: keep(name, output)))
        try:
            logits = self.network(images)
        finally:
            for hook in hooks:
                hook.remove()
        features = {
            place: _sum([found[POOLED if place == POOLED else name] for name in names]) for place, names in self.sources.items()
        }
        return logits, features


def places(network: nn.Module, example: Tensor) -> tuple[str, ...]:
    """Where features can be taken, in the order of computing them. example: some images, as the network takes them."""
    return tuple(_sources(network, example))


def stages(network: nn.Module, example: Tensor) -> tuple[str, ...]:
    """The places after whole stages, in order: one at each resolution, (B, C, H, W). Empty where the network has none."""
    return tuple(place for place in _sources(network, example) if place not in ("stem", POOLED) and not place.endswith(":pre"))


def with_features(network: nn.Module, wanted: tuple[str, ...], example: Tensor) -> WithFeatures:
    """The network, maybe a frozen one, with the features of the places wanted. Raises ParameterError where one isn't there."""
    sources = _sources(network, example)
    for place in wanted:
        if place not in sources:
            raise ParameterError(f"this network has no features at {place!r}; it has {', '.join(sources)}")
    return WithFeatures(network, {place: sources[place] for place in wanted})


def _sum(tensors: list[Tensor]) -> Tensor:
    return tensors[0] if len(tensors) == 1 else tensors[0] + tensors[1]


def _sources(network: nn.Module, example: Tensor) -> Sources:
    layers = list(network.children()) if isinstance(network, nn.Sequential) else []
    if any(isinstance(layer, BasicBlock) for layer in layers):
        return _of_resnet(layers)
    flatten = next((index for index, layer in enumerate(layers) if isinstance(layer, nn.Flatten)), 0)
    if flatten and isinstance(layers[0], NormalisedConvolution | Convolution):  # folded, once it is frozen
        return _of_plain(layers, flatten)
    return _of_other(network, example)


def _of_resnet(layers: list[nn.Module]) -> Sources:
    """A stage ends before a block with a smaller image; what goes into a block's last ReLU is the sum of its two branches."""
    blocks = [index for index, layer in enumerate(layers) if isinstance(layer, BasicBlock)]
    ends = [index for index in blocks[:-1] if not isinstance(layers[index + 1].shortcut, nn.Identity)] + blocks[-1:]
    sources: Sources = {"stem:pre": ("0",), "stem": ("1",)}
    for stage, index in enumerate(ends, start=1):
        sources[f"stage{stage}:pre"] = (f"{index}.second", f"{index}.shortcut")
        sources[f"stage{stage}"] = (f"{index}",)
    return sources | {POOLED: (f"{len(layers) - 1}",)}


def _of_plain(layers: list[nn.Module], flatten: int) -> Sources:
    """A stage ends with the ReLU after a pooling, and the last before the fully connected layers."""
    pooled = {index + 1 for index, layer in enumerate(layers) if isinstance(layer, nn.MaxPool2d)}
    sources: Sources = {}
    for stage, index in enumerate(sorted(pooled | {flatten - 1}), start=1):
        sources |= {f"stage{stage}:pre": (f"{index - 1}",), f"stage{stage}": (f"{index}",)}
    return sources | {POOLED: (f"{len(layers) - 1}",)}


@dataclass(frozen=True)
class _Ran:
    """What a module put out while the example ran. shape: empty where it was no tensor, or it ran more than once.

    side: height and width, where it is a map of features, (B, C, H, W), square as the images are. trained: whether anything with
    parameters had ended by then, itself included unless it cuts the pixels into patches.
    """

    shape: tuple[int, ...]
    side: tuple[int, ...] | None
    trained: bool


def _of_other(network: nn.Module, example: Tensor) -> Sources:
    """The module that ends last at each resolution above 1x1, found by running the example.

    Not what lies within a block that ends at another one, as the convolution does that opens the next stage's first block.
    """
    ran, last = _run(network, example)
    blocks = [name for name, module in network.named_modules() if name in ran and _is_block(name, module, ran)]
    at: dict[tuple[int, ...], str] = {}
    smallest = math.inf
    for name, found in ran.items():  # in the order in which they ended
        if found.side is None or found.side == (1, 1) or not found.trained or math.prod(found.side) > smallest:
            continue
        if any(name.startswith(f"{block}.") and ran[block].side != found.side for block in blocks):
            continue
        smallest = math.prod(found.side)
        at.pop(found.side, None)
        at[found.side] = name
    sources: Sources = {name: (name,) for name in at.values()}
    return sources if last is None else sources | {POOLED: (last,)}


def _is_block(name: str, module: nn.Module, ran: dict[str, _Ran]) -> bool:
    """Whether a module makes one step: its parts are at two resolutions at most, where a whole trunk has more, or it makes tokens.

    A row of layers without a class of its own is no block, unless its last layer alone has weights: the others prepare its input.
    """
    if len(ran[name].shape) < 3 or (type(module) is nn.Sequential and not _is_weighted_at_its_end(module)):
        return False
    sides = {found.side for other, found in ran.items() if other == name or other.startswith(f"{name}.")}
    return ran[name].side is None or len(sides - {None, (1, 1)}) <= 2


def _is_weighted_at_its_end(row: nn.Sequential) -> bool:
    """As the normalisation and convolution are between two stages of ConvNeXt. A normalisation has vectors, and no weights."""
    weighted = [any(parameter.dim() > 1 for parameter in layer.parameters()) for layer in row]
    return sum(weighted) == 1 and weighted[-1]


def _cuts_patches(module: nn.Module) -> bool:
    """Whether a module is a convolution whose kernel steps by its own size, as the first of a transformer does."""
    return isinstance(module, nn.Conv2d) and module.stride == module.kernel_size != (1, 1)


def _run(network: nn.Module, example: Tensor) -> tuple[dict[str, _Ran], str | None]:
    """What each module put out for the example, in the order in which they ended, and the layer whose output the logits are."""
    square = example.shape[2] == example.shape[3]
    ran: dict[str, _Ran] = {}
    trained = False

    def note(name: str, module: nn.Module, output: Any) -> None:
        nonlocal trained
        on_pixels = not trained
        trained = trained or next(module.parameters(), None) is not None
        shape = tuple(output.shape) if isinstance(output, Tensor) and name not in ran else ()
        is_map = len(shape) == 4 and (not square or shape[2] == shape[3])
        ran[name] = _Ran(shape, shape[2:] if is_map else None, trained and not (on_pixels and _cuts_patches(module)))

    hooks = [
        module.register_forward_hook(lambda module, inputs, output, name=name: note(name, module, output))
        for name, module in network.named_modules()
        if name
    ]
    modes = [(module, module.training) for module in network.modules()]
    try:
        network.eval()  # running statistics stay what they are
        with torch.no_grad():
            last = logits_layer(network, example)
    finally:
        for hook in hooks:
            hook.remove()
        for module, mode in modes:
            module.training = mode
    return ran, last
