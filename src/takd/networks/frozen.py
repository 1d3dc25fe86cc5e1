"""A frozen network: batch norm folded into the convolutions, no gradients, in the recipe's precision, logits in float32."""

import copy
import warnings
from collections import Counter

import torch
from torch import Tensor, fx, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from takd.networks.layers import Convolution, NormalisedConvolution

TOLERANCE = 1e-3  # of the largest logit: how far folding may move another's network, in float32


def frozen(network: nn.Module, precision: torch.dtype, example: Tensor | None = None) -> nn.Module:
    """A copy of the network for inference alone, in `precision`; its logits are float32.

    The last fully connected layer has its weights rounded like the others', and computes in float32: in bfloat16, 0.4 % of
    CIFAR-10's and 1.3 % of CIFAR-100's test images had two equal largest logits. Where the logits aren't the output of such a
    layer, or no example is given, they are computed in `precision` and cast.

    example: some images (B, 3, H, W), as the network takes them. Networks that aren't takd's are tried on them: batch norm is
    folded where that keeps the logits, and what doesn't run in `precision` keeps its weights in float32, under autocast.
    """
    if _is_takds(network):
        own = folded(network).to(precision).requires_grad_(False)
        _compute_in_float32([module for module in own.modules() if isinstance(module, nn.Linear)][-1])
        return own
    whole = folded(network) if example is None else fused(network, example)
    whole.requires_grad_(False)
    low = copy.deepcopy(whole).to(precision)
    low.register_forward_pre_hook(lambda _, inputs: (inputs[0].to(precision), *inputs[1:]))
    try:
        if example is not None and (name := logits_layer(low, example)) is not None:
            _compute_in_float32(low.get_submodule(name))
    except (RuntimeError, TypeError):  # the network's own code insists on float32
        if precision == torch.float32:
            raise
        low = whole
        device = next(low.parameters()).device.type
        low.forward = torch.autocast(device, dtype=precision)(low.forward)
    low.register_forward_hook(lambda _, inputs, output: output.float())
    return low


def _compute_in_float32(layer: nn.Module) -> None:
    layer.float()
    layer.register_forward_pre_hook(lambda _, inputs: (inputs[0].float(),))


def _is_takds(network: nn.Module) -> bool:
    """Whether it is built as plain and ResNet are: their layers in a row, the last fully connected."""
    if not isinstance(network, nn.Sequential) or not isinstance(network[-1], nn.Linear):
        return False
    return any(isinstance(module, NormalisedConvolution) for module in network.modules())


def folded(network: nn.Module) -> nn.Module:
    """A copy of the network in evaluation mode that computes the same function with one convolution for each of takd's pairs."""
    network = copy.deepcopy(network).eval()
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, NormalisedConvolution):
                convolution, norm = child
                assert isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
                setattr(parent, name, fuse_conv_bn_eval(convolution, norm))
    return network


def fused(network: nn.Module, example: Tensor) -> nn.Module:
    """As `folded`, of any network: pairs are found by tracing. Nothing is folded where that fails or moves the example's logits."""
    whole = folded(network)
    small = copy.deepcopy(whole)
    pairs = _pairs(copy.deepcopy(whole))
    if not pairs:
        return whole
    for convolution, norm in pairs:
        before, after = small.get_submodule(convolution), small.get_submodule(norm)
        assert isinstance(before, nn.Conv2d) and isinstance(after, nn.BatchNorm2d)
        small.set_submodule(convolution, fuse_conv_bn_eval(before, after))
        small.set_submodule(norm, nn.Identity())
    with torch.inference_mode():
        images = _on_its_device(whole, example).float()
        expected, got = whole(images), small(images)
    close = (got - expected).abs().max() <= TOLERANCE * expected.abs().max()
    return small if close and torch.equal(got.argmax(1), expected.argmax(1)) else whole


def _pairs(network: nn.Module) -> list[tuple[str, str]]:
    """Names of convolutions and of the batch norms that alone take their outputs; none where the network can't be traced."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            graph = _Tracer().trace(network)
    except Exception:  # the user's code met a proxy in the place of a tensor: whatever it raises
        return []
    calls = Counter(str(node.target) for node in graph.nodes if node.op == "call_module")
    pairs = []
    for node in graph.nodes:
        before = node.args[0] if node.op == "call_module" and len(node.args) == 1 else None
        if not isinstance(before, fx.Node) or before.op != "call_module" or len(before.users) != 1:
            continue
        names = (str(before.target), str(node.target))
        if all(calls[name] == 1 for name in names) and _fit(*(network.get_submodule(name) for name in names)):
            pairs.append(names)
    return pairs


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, Convolution) or super().is_leaf_module(m, module_qualified_name)


def _fit(convolution: nn.Module, norm: nn.Module) -> bool:
    """Subclasses may compute something else, and hooks see what is between the two: neither is folded."""
    if type(convolution) not in (nn.Conv2d, Convolution) or type(norm) is not nn.BatchNorm2d:
        return False
    hooked = any(module._forward_hooks or module._forward_pre_hooks for module in (convolution, norm))
    return norm.running_mean is not None and not hooked


def logits_layer(network: nn.Module, example: Tensor) -> str | None:
    """Name of the fully connected layer whose output is what the network returns for the example; None where there is none."""
    outputs: dict[str, Tensor] = {}

    def keep(name: str, output: Tensor) -> None:
        outputs[name] = output

    hooks = [
        module.register_forward_hook(lambda _, inputs, output, name=name: keep(name, output))
        for name, module in network.named_modules()
        if isinstance(module, nn.Linear)
    ]
    try:
        with torch.no_grad():
            logits = network(_on_its_device(network, example))
    finally:
        for hook in hooks:
            hook.remove()
    return next((name for name, output in outputs.items() if output.data_ptr() == logits.data_ptr()), None)


def _on_its_device(network: nn.Module, example: Tensor) -> Tensor:
    return example.to(next(network.parameters()).device)
