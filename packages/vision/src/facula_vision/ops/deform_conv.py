"""Convolution whose taps stand where data say."""

from __future__ import annotations

import math

import facula
from facula import Tensor, nn
from facula_vision.ops.kernels.deformable import deform_conv_op
from facula_vision.ops.regions import Pair, as_pair

__all__ = ["DeformConv2d", "deform_conv2d"]


def deform_conv2d(
    input: Tensor,
    offset: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Pair = (1, 1),
    padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    mask: Tensor | None = None,
) -> Tensor:
    """A convolution whose taps are moved by `offset` and scaled by `mask`; between pixels the input is interpolated.

    `offset` holds (y, x) for each tap of each of its groups, `mask` one number (without it 1, which is version 1).
    Shape: (N, C, H, W), (N, 2 A kh kw, H', W'), (O, C / groups, kh, kw), mask (N, A kh kw, H', W') -> (N, O, H', W').
    RuntimeError for sizes that do not fit.
    Source: X. Zhu et al., "Deformable ConvNets v2", https://arxiv.org/abs/1811.11168.

    >>> import facula
    >>> from facula_vision.ops import deform_conv2d
    >>> picture = facula.arange(9.0).reshape(1, 1, 3, 3)
    >>> half_to_the_right = facula.tensor([0.0, 0.5]).reshape(1, 2, 1, 1).expand(1, 2, 3, 3)
    >>> deform_conv2d(picture, half_to_the_right, facula.ones(1, 1, 1, 1))[0, 0, 0]
    tensor([0.5000, 1.5000, 1.0000])
    """
    how = as_pair(stride), as_pair(padding), as_pair(dilation)
    return deform_conv_op(input, offset, weight, mask, bias, *how)


class DeformConv2d(nn.Module):
    """`deform_conv2d` with a weight of its own.

    Shape: (N, in_channels, H, W), offset, mask -> (N, out_channels, H', W'). ValueError for channels that `groups` does
    not divide.

    >>> import facula
    >>> from facula_vision.ops import DeformConv2d
    >>> layer = DeformConv2d(3, 4, kernel_size=3, padding=1)
    >>> layer(facula.rand(1, 3, 5, 5), facula.zeros(1, 18, 5, 5)).shape
    facula.Size([1, 4, 5, 5])
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Pair,
        stride: Pair = 1,
        padding: Pair = 0,
        dilation: Pair = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        for name, count in (("in_channels", in_channels), ("out_channels", out_channels)):
            if count % groups:
                raise ValueError(
                    f"DeformConv2d: {name} must be divisible by groups, expected a multiple of {groups}, got {count}. "
                    "Change one of them."
                )
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = as_pair(kernel_size)
        self.stride = as_pair(stride)
        self.padding = as_pair(padding)
        self.dilation = as_pair(dilation)
        self.groups = groups
        self.weight = nn.Parameter(facula.empty(out_channels, in_channels // groups, *self.kernel_size))
        if bias:
            self.bias = nn.Parameter(facula.empty(out_channels))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Uniform as for other convolutions."""
        nn.init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            bound = 1 / math.sqrt(self.weight[0].numel())
            nn.init.uniform_(self.bias, -bound, bound)

    def forward(self, input: Tensor, offset: Tensor, mask: Tensor | None = None) -> Tensor:
        return deform_conv2d(input, offset, self.weight, self.bias, self.stride, self.padding, self.dilation, mask)

    def __repr__(self) -> str:
        text = f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, stride={self.stride}"
        text += f", padding={self.padding}" if self.padding != (0, 0) else ""
        text += f", dilation={self.dilation}" if self.dilation != (1, 1) else ""
        text += f", groups={self.groups}" if self.groups != 1 else ""
        text += ", bias=False" if self.bias is None else ""
        return f"{type(self).__name__}({text})"
