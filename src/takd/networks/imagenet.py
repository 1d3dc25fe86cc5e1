"""ResNets for ImageNet: torchvision's, of bottleneck blocks (He et al. 2016, table 1), 50, 20 or 14 layers deep."""

from torch import nn
from torchvision.models.resnet import Bottleneck, ResNet

# Blocks of each of the four stages; three layers a block, and two more. 50 is torchvision's resnet50. The paper doesn't say how
# 20 and 14 are built: docs/deviations.md.
BLOCKS: dict[int, tuple[int, int, int, int]] = {50: (3, 4, 6, 3), 20: (1, 2, 2, 1), 14: (1, 1, 1, 1)}


def build(size: int, classes: int) -> nn.Module:
    """The ResNet of depth `size`: images (B, 3, H, W), of 224x224 pixels as a rule, to logits (B, classes)."""
    network: nn.Module = ResNet(Bottleneck, list(BLOCKS[size]), num_classes=classes)
    return network
