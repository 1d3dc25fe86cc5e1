"""Features by place, for objectives that compare more than logits: what a network computes on the way to them.

Places of plain and ResNet: `stem` (ResNet), `stage1`, `stage2`, ... (after each stage's last ReLU), `stage1:pre` (before it), and
`pooled`, what goes into the last layer: (B, D). Places of other networks: the last module at each resolution, by its name
(`layer2`), and `pooled` where the logits come from a fully connected layer. Features of stages are (B, C, H, W).
"""

from typing import Any

import torch
from torch import Tensor, nn

from takd.errors import ParameterError
from takd.networks.frozen import logits_layer
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
    if flatten and isinstance(layers[flatten - 1], nn.ReLU) and isinstance(layers[-1], nn.Linear):
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


def _of_other(network: nn.Module, example: Tensor) -> Sources:
    """The module that ends last at each resolution above 1x1, of those that are called once; found by running the example."""
    shapes: dict[str, list[tuple[int, ...]]] = {}

    def note(name: str, output: Any) -> None:
        shapes.setdefault(name, []).append(tuple(output.shape) if isinstance(output, Tensor) else ())

    hooks = [
        module.register_forward_hook(lambda _, inputs, output, name=name: note(name, output))
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
    square = example.shape[2] == example.shape[3]
    at: dict[tuple[int, ...], str] = {}
    for name, found in shapes.items():  # in the order in which they ended
        if len(found) == 1 and len(found[0]) == 4 and found[0][2:] != (1, 1) and (not square or found[0][2] == found[0][3]):
            at.pop(found[0][2:], None)
            at[found[0][2:]] = name
    sources: Sources = {name: (name,) for name in at.values()}
    return sources if last is None else sources | {POOLED: (last,)}
