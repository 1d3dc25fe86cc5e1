"""Layers that the families share."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv2d_input

SMALL_IMAGE = 16  # pixels


class Convolution(nn.Conv2d):
    """torch's convolution; in bfloat16 on a CPU, where images are small, the gradient of its weights is computed faster."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, bias: bool = False) -> None:
        super().__init__(inputs, outputs, kernel, stride=stride, padding=kernel // 2, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) to (B, out_channels, H / stride, W / stride)."""
        small = x.shape[2] * x.shape[3] <= SMALL_IMAGE and self.stride == (1, 1)
        # In float32 nothing would be gained.
        if small and x.dtype == torch.bfloat16 and x.device.type == "cpu" and torch.is_grad_enabled():
            bias = None if self.bias is None else self.bias.to(x.dtype)
            return _ConvolutionOfSmallImages.apply(x, self.weight.to(x.dtype), bias, self.padding)  # type: ignore[no-any-return]
        return super().forward(x)


class _ConvolutionOfSmallImages(torch.autograd.Function):
    """A convolution that keeps its images' size, and the gradient of its weights as a convolution.

    ∂L/∂W[o, c, i, j] sums input[b, c, y + i, x + j] · ∂L/∂output[b, o, y, x] over images b and pixels (y, x): the inputs under
    kernels as large as an image, with images in the place of channels. oneDNN's own way takes four times as long at 4x4
    (docs/decisions/0017).
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, padding: tuple[int, int]) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.padding = padding
        return F.conv2d(x, weight, bias, padding=padding)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        of_input = conv2d_input(x.shape, weight, gradient, padding=ctx.padding) if ctx.needs_input_grad[0] else None
        images, kernels = (tensor.transpose(0, 1).contiguous(memory_format=torch.channels_last) for tensor in (x, gradient))
        of_weight = F.conv2d(images, kernels, padding=ctx.padding).transpose(0, 1)
        of_bias = gradient.sum((0, 2, 3)) if ctx.needs_input_grad[2] else None
        return of_input, of_weight, of_bias, None


class NormalisedConvolution(nn.Sequential):
    """A convolution followed by batch norm: the pair that can be folded once the network is frozen."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int = 1, bias: bool = False) -> None:
        super().__init__(
            Convolution(inputs, outputs, kernel, stride, bias),
            nn.BatchNorm2d(outputs),
        )


def parameter_count(network: nn.Module) -> int:
    """How many trainable numbers a network has."""
    return sum(parameter.numel() for parameter in network.parameters())
