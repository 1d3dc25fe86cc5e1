"""Layers that the families share, and folding their batch norm into their convolutions."""

import copy

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


class NormalisedConvolution(nn.Sequential):
    """A convolution followed by batch norm: the pair that can be folded once the network is frozen."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, bias: bool = False) -> None:
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=bias),
            nn.BatchNorm2d(outputs),
        )


def folded(network: nn.Module) -> nn.Module:
    """A copy of the network in evaluation mode that computes the same function with one convolution for each pair."""
    network = copy.deepcopy(network).eval()
    for parent in list(network.modules()):
        for name, child in parent.named_children():
            if isinstance(child, NormalisedConvolution):
                convolution, norm = child
                assert isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d)
                setattr(parent, name, fuse_conv_bn_eval(convolution, norm))
    return network


def parameter_count(network: nn.Module) -> int:
    """How many trainable numbers a network has."""
    return sum(parameter.numel() for parameter in network.parameters())
