"""EfficientNet-Lite0, the EfficientNet for small devices, under the names of its published weights.

Source: https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite. It has no squeeze and excitation,
ReLU6 for SiLU, and pads as TensorFlow does: an odd pixel goes to the right and the bottom.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from facula import Tensor, nn
from facula_vision.models.presets import preset

__all__ = ["EfficientNetLite", "efficientnet_lite0"]

_STAGES = (  # expansion, kernel, stride, channels, depth
    (1, 3, 1, 16, 1),
    (6, 3, 2, 24, 2),
    (6, 5, 2, 40, 2),
    (6, 3, 2, 80, 3),
    (6, 5, 1, 112, 3),
    (6, 5, 2, 192, 4),
    (6, 3, 1, 320, 1),
)
_norm = partial(nn.BatchNorm2d, eps=1e-3, momentum=0.01)


class SameConv2d(nn.Conv2d):
    """A convolution without bias that gives ceil(size / stride) pixels.   Shape: (N, C, H, W) -> (N, outputs, h, w)."""

    def __init__(self, inputs: int, outputs: int, kernel_size: int, stride: int = 1, groups: int = 1) -> None:
        super().__init__(inputs, outputs, kernel_size, stride, groups=groups, bias=False)

    def forward(self, input: Tensor) -> Tensor:
        kernel, stride = self.kernel_size[0], self.stride[0]
        high, wide = (max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in input.shape[-2:])
        padded = nn.functional.pad(input, (wide // 2, wide - wide // 2, high // 2, high - high // 2))
        return super().forward(padded)


class Block(nn.Module):
    """More channels, a convolution of each alone, fewer channels; the input is added where shapes allow it."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.expands = expansion != 1
        if self.expands:
            self._expand_conv = SameConv2d(inputs, hidden, 1)
            self._bn0 = _norm(hidden)
        self._depthwise_conv = SameConv2d(hidden, hidden, kernel, stride, groups=hidden)
        self._bn1 = _norm(hidden)
        self._project_conv = SameConv2d(hidden, outputs, 1)
        self._bn2 = _norm(outputs)
        self.adds = stride == 1 and inputs == outputs

    def forward(self, input: Tensor) -> Tensor:
        x = nn.functional.relu6(self._bn0(self._expand_conv(input))) if self.expands else input
        x = nn.functional.relu6(self._bn1(self._depthwise_conv(x)))
        x = self._bn2(self._project_conv(x))
        return x + input if self.adds else x


class EfficientNetLite(nn.Module):
    """A stem, sixteen inverted residuals, 1280 channels and a linear layer.

    Pixels p of 0..255 go in as (p - 127) / 128.   Shape: (N, 3, H, W) -> (N, num_classes).
    """

    def __init__(self, num_classes: int = 1000, dropout: float = 0.2) -> None:
        super().__init__()
        self._conv_stem = SameConv2d(3, 32, 3, 2)
        self._bn0 = _norm(32)
        blocks, channels = [], 32
        for expansion, kernel, stride, outputs, depth in _STAGES:
            for index in range(depth):
                blocks.append(Block(channels, outputs, kernel, 1 if index else stride, expansion))
                channels = outputs
        self._blocks = nn.ModuleList(blocks)
        self._conv_head = SameConv2d(channels, 1280, 1)
        self._bn1 = _norm(1280)
        self._dropout = nn.Dropout(dropout)
        self._fc = nn.Linear(1280, num_classes)

    def forward(self, input: Tensor) -> Tensor:
        x = nn.functional.relu6(self._bn0(self._conv_stem(input)))
        for block in self._blocks:
            x = block(x)
        x = nn.functional.relu6(self._bn1(self._conv_head(x)))
        return self._fc(self._dropout(x.mean(dim=(2, 3))))


@preset()
def efficientnet_lite0(**config: Any) -> EfficientNetLite:
    """EfficientNet-Lite0 (4,652,008 parameters)."""
    return EfficientNetLite(**config)
