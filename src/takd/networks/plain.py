"""Plain CNNs of 2 to 10 convolutional layers (Mirzadeh et al. 2020, supplementary material)."""

from torch import nn

from takd.errors import ParameterError
from takd.networks.layers import NormalisedConvolution

# Widths of the convolutions, P for a 2x2 max pooling, then the width of a hidden fully connected layer, if any.
# A network for more than ten classes is the paper's for CIFAR-100.
LAYERS: dict[int, tuple[str, int | None]] = {
    2: ("16 P 16 P", None),
    4: ("16 16 P 32 32 P", None),
    6: ("16 16 P 32 32 P 64 64 P", None),
    8: ("16 16 P 32 32 P 64 64 P 128 128 P", 64),
    10: ("32 32 P 64 64 P 128 128 P 256 256 256 256 P", 128),
}
LAYERS_FOR_MANY_CLASSES: dict[int, tuple[str, int | None]] = {
    2: ("32 P 32 P", None),
    4: ("32 32 P 64 64 P", None),
    6: ("32 32 P 64 64 P 128 128", None),
    8: ("32 32 P 64 64 P 128 128 P 256 256 P", 64),
    10: ("32 32 P 64 64 P 128 128 P 256 256 256 256 P", 512),
}
IMAGE_SIDE = 32


def build(size: int, classes: int, side: int = IMAGE_SIDE) -> nn.Module:
    """The plain CNN with `size` convolutional layers: images (B, 3, side, side) to logits (B, classes). The paper's side is 32.

    Raises ParameterError where images are too small for its poolings.
    """
    features, hidden = (LAYERS if classes <= 10 else LAYERS_FOR_MANY_CLASSES)[size]
    if side < (least := 2 ** features.count("P")):
        raise ParameterError(f"plain:{size}: images of {side}x{side} pixels are too small; it needs {least}x{least}")
    layers: list[nn.Module] = []
    channels = 3
    for item in features.split():
        if item == "P":
            # Before the ReLU, not after it: the same values and gradients to the bit, and a quarter of the ReLU's work.
            layers.insert(-1, nn.MaxPool2d(2))
            side //= 2
        else:
            layers += [NormalisedConvolution(channels, int(item), kernel=3, bias=True), nn.ReLU(inplace=True)]
            channels = int(item)
    layers.append(nn.Flatten())
    width = channels * side * side
    if hidden is not None:
        layers += [nn.Linear(width, hidden), nn.ReLU(inplace=True)]
        width = hidden
    layers.append(nn.Linear(width, classes))
    return nn.Sequential(*layers)
