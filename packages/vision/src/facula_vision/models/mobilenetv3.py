"""MobileNet, third version.

Source: A. Howard et al., "Searching for MobileNetV3", https://arxiv.org/abs/1905.02244.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from facula import Tensor, nn
from facula_vision.models.presets import make_divisible, preset
from facula_vision.models.weights import published
from facula_vision.ops import Conv2dNormActivation, SqueezeExcitation

__all__ = [
    "MobileNetV3",
    "MobileNet_V3_Large_Weights",
    "MobileNet_V3_Small_Weights",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
]

_norm = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)


class Row(NamedTuple):
    """One row of the paper's tables."""

    kernel: int
    expanded: int
    outputs: int
    squeezed: bool
    hard: bool  # hard swish, else ReLU
    stride: int
    dilation: int = 1

    def scaled(self, width: float) -> Row:
        """The row of a wider network."""
        return self._replace(
            expanded=make_divisible(self.expanded * width), outputs=make_divisible(self.outputs * width)
        )


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

    def __init__(self, inputs: int, row: Row, norm_layer: Callable[..., nn.Module]) -> None:
        super().__init__()
        activation = partial(nn.Hardswish if row.hard else nn.ReLU, inplace=True)
        make = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=activation)
        stride = 1 if row.dilation > 1 else row.stride
        layers: list[nn.Module] = []
        if row.expanded != inputs:
            layers.append(make(inputs, row.expanded, 1))
        layers.append(make(row.expanded, row.expanded, row.kernel, stride, groups=row.expanded, dilation=row.dilation))
        if row.squeezed:
            squeezed = make_divisible(row.expanded // 4)
            layers.append(SqueezeExcitation(row.expanded, squeezed, scale_activation=nn.Hardsigmoid))
        layers.append(make(row.expanded, row.outputs, 1, activation_layer=None))
        self.block = nn.Sequential(*layers)
        self.use_res_connect = row.stride == 1 and inputs == row.outputs
        self.out_channels = row.outputs
        self._is_cn = row.stride > 1  # where detectors and segmenters take their features

    def forward(self, input: Tensor) -> Tensor:
        return input + self.block(input) if self.use_res_connect else self.block(input)


class MobileNetV3(nn.Module):
    """A stem, the blocks of `rows`, and two linear layers with `last_channel` values between them.

    Shape: (N, 3, H, W) -> (N, num_classes), for H and W of at least 32.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        last_channel: int,
        num_classes: int = 1000,
        norm_layer: Callable[..., nn.Module] | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        norm_layer = norm_layer or _norm
        activation = partial(nn.Hardswish, inplace=True)
        make = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=activation)
        channels = rows[0].expanded
        layers: list[nn.Module] = [make(3, channels, stride=2)]
        for row in rows:
            layers.append(InvertedResidual(channels, row, norm_layer))
            channels = row.outputs
        wide = 6 * channels
        layers.append(make(channels, wide, 1))
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


def _mobilenet(
    rows: Sequence[Row],
    last_channel: int,
    width_mult: float = 1.0,
    reduced_tail: bool = False,
    dilated: bool = False,
    **config: Any,
) -> MobileNetV3:
    """The network of a table; its last three rows may have half the channels, or keep the size of the picture."""
    tail = rows[-3:]
    if reduced_tail:
        first, *others = (row._replace(outputs=row.outputs // 2) for row in tail)
        tail = (first, *(row._replace(expanded=row.expanded // 2) for row in others))
        last_channel //= 2
    if dilated:
        tail = tuple(row._replace(dilation=2) for row in tail)
    scaled = [row.scaled(width_mult) for row in (*rows[:-3], *tail)]
    return MobileNetV3(scaled, make_divisible(last_channel * width_mult), **config)


MobileNet_V3_Large_Weights = published("MobileNet_V3_Large_Weights")


@preset(MobileNet_V3_Large_Weights)
def mobilenet_v3_large(**config: Any) -> MobileNetV3:
    """MobileNet v3, the large one (5,483,032 parameters)."""
    return _mobilenet(_LARGE, 1280, **config)


MobileNet_V3_Small_Weights = published("MobileNet_V3_Small_Weights")


@preset(MobileNet_V3_Small_Weights)
def mobilenet_v3_small(**config: Any) -> MobileNetV3:
    """MobileNet v3, the small one (2,542,856 parameters)."""
    return _mobilenet(_SMALL, 1024, **config)
