"""MobileNet, second version.

Source: M. Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", https://arxiv.org/abs/1801.04381.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from facula import Tensor, nn
from facula_vision.models.presets import make_divisible, preset
from facula_vision.models.weights import published
from facula_vision.ops import Conv2dNormActivation

__all__ = ["InvertedResidual", "MobileNetV2", "MobileNet_V2_Weights", "mobilenet_v2"]

_STAGES = (  # expansion, channels, depth, stride
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class InvertedResidual(nn.Module):
    """More channels, a 3x3 convolution of each alone, fewer channels; the input is added where shapes allow it.

    Shape: (N, inp, H, W) -> (N, oup, H / stride, W / stride).
    """

    def __init__(
        self, inp: int, oup: int, stride: int, expand_ratio: int, norm_layer: Callable[..., nn.Module] | None = None
    ) -> None:
        super().__init__()
        norm = norm_layer or nn.BatchNorm2d
        make = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=partial(nn.ReLU6, inplace=True))
        hidden = inp * expand_ratio
        layers: list[nn.Module] = []
        if expand_ratio != 1:
            layers.append(make(inp, hidden, kernel_size=1))
        layers += [
            make(hidden, hidden, stride=stride, groups=hidden),
            nn.Conv2d(hidden, oup, kernel_size=1, bias=False),
            norm(oup),
        ]
        self.conv = nn.Sequential(*layers)
        self.use_res_connect = stride == 1 and inp == oup
        self.out_channels = oup
        self._is_cn = stride > 1  # where detectors take their features

    def forward(self, input: Tensor) -> Tensor:
        return input + self.conv(input) if self.use_res_connect else self.conv(input)


class MobileNetV2(nn.Module):
    """A stem, seventeen inverted residuals, 1280 channels and a linear layer; `width_mult` scales the channels.

    `inverted_residual_setting` lists expansion, channels, depth and stride of each stage.
    Shape: (N, 3, H, W) -> (N, num_classes), for H and W of at least 32.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        inverted_residual_setting: Sequence[Sequence[int]] | None = None,
        round_nearest: int = 8,
        block: Callable[..., nn.Module] | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        block, norm = block or InvertedResidual, norm_layer or nn.BatchNorm2d
        make = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=partial(nn.ReLU6, inplace=True))
        channels = make_divisible(32 * width_mult, round_nearest)
        self.last_channel = make_divisible(1280 * max(1.0, width_mult), round_nearest)
        layers: list[nn.Module] = [make(3, channels, stride=2)]
        for expansion, width, depth, stride in inverted_residual_setting or _STAGES:
            outputs = make_divisible(width * width_mult, round_nearest)
            for index in range(depth):
                layers.append(block(channels, outputs, 1 if index else stride, expansion, norm_layer=norm))
                channels = outputs
        layers.append(make(channels, self.last_channel, kernel_size=1))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout), nn.Linear(self.last_channel, num_classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0.0, 0.01)
                nn.init.zeros_(module.bias)

    def forward(self, input: Tensor) -> Tensor:
        x = nn.functional.adaptive_avg_pool2d(self.features(input), (1, 1))
        return self.classifier(x.flatten(1))


MobileNet_V2_Weights = published("MobileNet_V2_Weights")


@preset(MobileNet_V2_Weights)
def mobilenet_v2(**config: Any) -> MobileNetV2:
    """MobileNet v2 (3,504,872 parameters).

    >>> from facula_vision.models import mobilenet_v2
    >>> sum(p.numel() for p in mobilenet_v2(num_classes=10, width_mult=0.5).parameters())
    700490
    """
    return MobileNetV2(**config)
