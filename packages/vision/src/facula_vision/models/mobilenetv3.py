"""MobileNet, third version.

Source: A. Howard et al., "Searching for MobileNetV3", https://arxiv.org/abs/1905.02244.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from facula import Tensor, nn
from facula_vision.models.presets import File, loaded, make_divisible
from facula_vision.ops import Conv2dNormActivation, SqueezeExcitation

__all__ = ["MobileNetV3", "mobilenet_v3_large", "mobilenet_v3_small"]

_norm = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)


class Row(NamedTuple):
    """One row of the paper's tables."""

    kernel: int
    expanded: int
    outputs: int
    squeezed: bool
    hard: bool  # hard swish, else ReLU
    stride: int


_LARGE = (
    Row(3, 16, 16, False, False, 1),
    Row(3, 64, 24, False, False, 2),
    Row(3, 72, 24, False, False, 1),
    Row(5, 72, 40, True, False, 2),
    Row(5, 120, 40, True, False, 1),
    Row(5, 120, 40, True, False, 1),
    Row(3, 240, 80, False, True, 2),
    Row(3, 200, 80, False, True, 1),
    Row(3, 184, 80, False, True, 1),
    Row(3, 184, 80, False, True, 1),
    Row(3, 480, 112, True, True, 1),
    Row(3, 672, 112, True, True, 1),
    Row(5, 672, 160, True, True, 2),
    Row(5, 960, 160, True, True, 1),
    Row(5, 960, 160, True, True, 1),
)
_SMALL = (
    Row(3, 16, 16, True, False, 2),
    Row(3, 72, 24, False, False, 2),
    Row(3, 88, 24, False, False, 1),
    Row(5, 96, 40, True, True, 2),
    Row(5, 240, 40, True, True, 1),
    Row(5, 240, 40, True, True, 1),
    Row(5, 120, 48, True, True, 1),
    Row(5, 144, 48, True, True, 1),
    Row(5, 288, 96, True, True, 2),
    Row(5, 576, 96, True, True, 1),
    Row(5, 576, 96, True, True, 1),
)


class InvertedResidual(nn.Module):
    """The block of one row of the table; the input is added where shapes allow it."""

    def __init__(self, inputs: int, row: Row) -> None:
        super().__init__()
        activation = nn.Hardswish if row.hard else nn.ReLU
        layers: list[nn.Module] = []
        if row.expanded != inputs:
            layers.append(Conv2dNormActivation(inputs, row.expanded, 1, norm_layer=_norm, activation_layer=activation))
        layers.append(
            Conv2dNormActivation(
                row.expanded,
                row.expanded,
                row.kernel,
                row.stride,
                groups=row.expanded,
                norm_layer=_norm,
                activation_layer=activation,
            )
        )
        if row.squeezed:
            squeezed = make_divisible(row.expanded // 4)
            layers.append(SqueezeExcitation(row.expanded, squeezed, scale_activation=nn.Hardsigmoid))
        layers.append(Conv2dNormActivation(row.expanded, row.outputs, 1, norm_layer=_norm, activation_layer=None))
        self.block = nn.Sequential(*layers)
        self.use_res_connect = row.stride == 1 and inputs == row.outputs

    def forward(self, input: Tensor) -> Tensor:
        return input + self.block(input) if self.use_res_connect else self.block(input)


class MobileNetV3(nn.Module):
    """A stem, the blocks of `rows`, and two linear layers with `last_channel` values between them.

    Shape: (N, 3, H, W) -> (N, num_classes), for H and W of at least 32.
    """

    def __init__(self, rows: Sequence[Row], last_channel: int, num_classes: int = 1000, dropout: float = 0.2) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            Conv2dNormActivation(3, 16, stride=2, norm_layer=_norm, activation_layer=nn.Hardswish)
        ]
        channels = 16
        for row in rows:
            layers.append(InvertedResidual(channels, row))
            channels = row.outputs
        wide = 6 * channels
        layers.append(Conv2dNormActivation(channels, wide, 1, norm_layer=_norm, activation_layer=nn.Hardswish))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(wide, last_channel),
            nn.Hardswish(inplace=True),
            nn.Dropout(p=dropout, inplace=True),
            nn.Linear(last_channel, num_classes),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0.0, 0.01)
                nn.init.zeros_(module.bias)

    def forward(self, input: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(input)).flatten(1))


def mobilenet_v3_large(*, weights: File | None = None, **config: Any) -> MobileNetV3:
    """MobileNet v3, the large one (5,483,032 parameters); `weights` is a file with its state_dict."""
    return loaded(MobileNetV3(_LARGE, 1280, **config), weights)


def mobilenet_v3_small(*, weights: File | None = None, **config: Any) -> MobileNetV3:
    """MobileNet v3, the small one (2,542,856 parameters); `weights` is a file with its state_dict."""
    return loaded(MobileNetV3(_SMALL, 1024, **config), weights)
