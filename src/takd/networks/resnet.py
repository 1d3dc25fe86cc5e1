"""ResNets for 32x32 images (He et al. 2016, section 4.2), with projections where a shape changes."""

import math

import torch
from torch import Tensor, nn

from takd.networks.layers import NormalisedConvolution

WIDTHS = (16, 32, 64)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut, which is a 1x1 convolution where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = NormalisedConvolution(inputs, outputs, kernel=3, stride=stride)
        self.second = NormalisedConvolution(outputs, outputs, kernel=3)
        same_shape = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same_shape else NormalisedConvolution(inputs, outputs, kernel=1, stride=stride)

    def forward(self, x: Tensor) -> Tensor:
        """(B, inputs, H, W) to (B, outputs, H / stride, W / stride)."""
        out = torch.relu_(self.first(x))
        return torch.relu_(self.second(out) + self.shortcut(x))


def build(size: int, classes: int) -> nn.Module:
    """The ResNet of depth `size` = 6 n + 2: images (B, 3, 32, 32) to logits (B, classes)."""
    blocks: list[nn.Module] = []
    channels = WIDTHS[0]
    for stage, width in enumerate(WIDTHS):
        for index in range((size - 2) // 6):
            stride = 2 if stage > 0 and index == 0 else 1
            blocks.append(BasicBlock(channels, width, stride))
            channels = width
    network = nn.Sequential(
        NormalisedConvolution(3, WIDTHS[0], kernel=3),
        nn.ReLU(inplace=True),
        *blocks,
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(channels, classes),
    )
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
            nn.init.normal_(module.weight, std=math.sqrt(2 / fan_out))
    return network
