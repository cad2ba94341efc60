"""RegNet: networks whose widths follow a line.

Source: I. Radosavovic et al., "Designing Network Design Spaces", https://arxiv.org/abs/2003.13678. The Y networks squeeze
and excite their channels, the X networks do not.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from facula import Tensor, nn
from facula_vision.models.presets import make_divisible, preset
from facula_vision.models.weights import published
from facula_vision.ops import Conv2dNormActivation, SqueezeExcitation

__all__ = [
    "RegNet",
    "RegNet_X_1_6GF_Weights",
    "RegNet_X_3_2GF_Weights",
    "RegNet_X_8GF_Weights",
    "RegNet_X_16GF_Weights",
    "RegNet_X_32GF_Weights",
    "RegNet_X_400MF_Weights",
    "RegNet_X_800MF_Weights",
    "RegNet_Y_1_6GF_Weights",
    "RegNet_Y_3_2GF_Weights",
    "RegNet_Y_8GF_Weights",
    "RegNet_Y_16GF_Weights",
    "RegNet_Y_32GF_Weights",
    "RegNet_Y_128GF_Weights",
    "RegNet_Y_400MF_Weights",
    "RegNet_Y_800MF_Weights",
    "regnet_x_1_6gf",
    "regnet_x_3_2gf",
    "regnet_x_8gf",
    "regnet_x_16gf",
    "regnet_x_32gf",
    "regnet_x_400mf",
    "regnet_x_800mf",
    "regnet_y_1_6gf",
    "regnet_y_3_2gf",
    "regnet_y_8gf",
    "regnet_y_16gf",
    "regnet_y_32gf",
    "regnet_y_128gf",
    "regnet_y_400mf",
    "regnet_y_800mf",
]

Norm = Callable[..., nn.Module]


class BlockParams(NamedTuple):
    """The stages of a network: how many blocks, how wide, in groups of how many channels."""

    depths: tuple[int, ...]
    widths: tuple[int, ...]
    group_widths: tuple[int, ...]
    se_ratio: float | None

    @classmethod
    def from_init_params(
        cls, depth: int, w_0: int, w_a: float, w_m: float, group_width: int, se_ratio: float | None = None
    ) -> BlockParams:
        """Blocks j = 0, 1, ... have widths w_0 + w_a j, rounded to w_0 w_m^s for whole s and then to multiples of 8.

        Neighbours of equal width make one stage; a width is then rounded to whole groups.
        """
        if w_a < 0 or w_0 <= 0 or w_m <= 1 or w_0 % 8:
            raise ValueError(
                f"BlockParams: Invalid RegNet settings, expected w_a >= 0, w_0 > 0 a multiple of 8 and w_m > 1, "
                f"got {w_a}, {w_0} and {w_m}. Take them from the paper's tables."
            )
        widths = []
        for index in range(depth):
            power = round(math.log((w_0 + w_a * index) / w_0) / math.log(w_m))
            widths.append(round(w_0 * w_m**power / 8) * 8)
        stages = sorted(set(widths))
        groups = [min(group_width, width) for width in stages]
        rounded = [make_divisible(width, group) for width, group in zip(stages, groups, strict=True)]
        return cls(tuple(widths.count(width) for width in stages), tuple(rounded), tuple(groups), se_ratio)


class BottleneckTransform(nn.Sequential):
    """1x1, 3x3 in groups, squeeze and excitation if asked for, 1x1.

    Shape: (N, width_in, H, W) -> (N, width_out, H / stride, W / stride).
    """

    def __init__(
        self, width_in: int, width_out: int, stride: int, norm: Norm, group_width: int, se_ratio: float | None
    ) -> None:
        make = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=partial(nn.ReLU, inplace=True))
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        layers["a"] = make(width_in, width_out, 1)
        layers["b"] = make(width_out, width_out, 3, stride, groups=width_out // group_width)
        if se_ratio:  # a share of the block's input, as in the paper's code
            layers["se"] = SqueezeExcitation(width_out, round(se_ratio * width_in))
        layers["c"] = make(width_out, width_out, 1, activation_layer=None)
        super().__init__(layers)


class ResBottleneckBlock(nn.Module):
    """relu(x + the transform of x), with x through a 1x1 convolution where shapes differ."""

    def __init__(
        self, width_in: int, width_out: int, stride: int, norm: Norm, group_width: int, se_ratio: float | None
    ) -> None:
        super().__init__()
        self.proj = None
        if width_in != width_out or stride != 1:
            self.proj = Conv2dNormActivation(width_in, width_out, 1, stride, norm_layer=norm, activation_layer=None)
        self.f = BottleneckTransform(width_in, width_out, stride, norm, group_width, se_ratio)
        self.activation = nn.ReLU(inplace=True)

    def forward(self, input: Tensor) -> Tensor:
        shortcut = input if self.proj is None else self.proj(input)
        return self.activation(shortcut + self.f(input))


class RegNet(nn.Module):
    """A 3x3 stem, four stages at stride 2, the mean over the picture and a linear layer.

    Shape: (N, 3, H, W) -> (N, num_classes), for H and W of at least 32 or so.
    """

    def __init__(
        self,
        block_params: BlockParams,
        num_classes: int = 1000,
        stem_width: int = 32,
        norm_layer: Norm | None = None,
    ) -> None:
        super().__init__()
        norm = norm_layer or nn.BatchNorm2d
        self.stem = Conv2dNormActivation(
            3, stem_width, 3, 2, norm_layer=norm, activation_layer=partial(nn.ReLU, inplace=True)
        )
        stages: OrderedDict[str, nn.Module] = OrderedDict()
        inputs = stem_width
        for number, (depth, width, group) in enumerate(
            zip(block_params.depths, block_params.widths, block_params.group_widths, strict=True), start=1
        ):
            blocks: OrderedDict[str, nn.Module] = OrderedDict()
            for index in range(depth):
                stride = 1 if index else 2
                block = ResBottleneckBlock(inputs, width, stride, norm, group, block_params.se_ratio)
                blocks[f"block{number}-{index}"] = block
                inputs = width
            stages[f"block{number}"] = nn.Sequential(blocks)
        self.trunk_output = nn.Sequential(stages)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(inputs, num_classes)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Convolutions by He's rule over the outputs, as if they were in one group; the linear layer small."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                fan_out = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
                nn.init.normal_(module.weight, mean=0.0, std=math.sqrt(2.0 / fan_out))
        nn.init.normal_(self.fc.weight, mean=0.0, std=0.01)
        nn.init.zeros_(self.fc.bias)

    def forward(self, input: Tensor) -> Tensor:
        x = self.trunk_output(self.stem(input))  # (N, C, H / 32, W / 32)
        return self.fc(self.avgpool(x).flatten(1))


def _regnet(parameters: tuple[int, int, float, float, int], se_ratio: float | None, config: dict[str, Any]) -> RegNet:
    norm = partial(nn.BatchNorm2d, eps=1e-05, momentum=0.1)
    return RegNet(BlockParams.from_init_params(*parameters, se_ratio=se_ratio), **{"norm_layer": norm, **config})


RegNet_X_400MF_Weights = published("RegNet_X_400MF_Weights")


@preset(RegNet_X_400MF_Weights)
def regnet_x_400mf(**config: Any) -> RegNet:
    """RegNetX of 400 million multiplications (5,495,976 parameters)."""
    return _regnet((22, 24, 24.48, 2.54, 16), None, config)


RegNet_X_800MF_Weights = published("RegNet_X_800MF_Weights")


@preset(RegNet_X_800MF_Weights)
def regnet_x_800mf(**config: Any) -> RegNet:
    """RegNetX of 800 million multiplications (7,259,656 parameters)."""
    return _regnet((16, 56, 35.73, 2.28, 16), None, config)


RegNet_X_1_6GF_Weights = published("RegNet_X_1_6GF_Weights")


@preset(RegNet_X_1_6GF_Weights)
def regnet_x_1_6gf(**config: Any) -> RegNet:
    """RegNetX of 1.6 thousand million multiplications (9,190,136 parameters)."""
    return _regnet((18, 80, 34.01, 2.25, 24), None, config)


RegNet_X_3_2GF_Weights = published("RegNet_X_3_2GF_Weights")


@preset(RegNet_X_3_2GF_Weights)
def regnet_x_3_2gf(**config: Any) -> RegNet:
    """RegNetX of 3.2 thousand million multiplications (15,296,552 parameters)."""
    return _regnet((25, 88, 26.31, 2.25, 48), None, config)


RegNet_X_8GF_Weights = published("RegNet_X_8GF_Weights")


@preset(RegNet_X_8GF_Weights)
def regnet_x_8gf(**config: Any) -> RegNet:
    """RegNetX of 8 thousand million multiplications (39,572,648 parameters)."""
    return _regnet((23, 80, 49.56, 2.88, 120), None, config)


RegNet_X_16GF_Weights = published("RegNet_X_16GF_Weights")


@preset(RegNet_X_16GF_Weights)
def regnet_x_16gf(**config: Any) -> RegNet:
    """RegNetX of 16 thousand million multiplications (54,278,536 parameters)."""
    return _regnet((22, 216, 55.59, 2.1, 128), None, config)


RegNet_X_32GF_Weights = published("RegNet_X_32GF_Weights")


@preset(RegNet_X_32GF_Weights)
def regnet_x_32gf(**config: Any) -> RegNet:
    """RegNetX of 32 thousand million multiplications (107,811,560 parameters)."""
    return _regnet((23, 320, 69.86, 2.0, 168), None, config)


RegNet_Y_400MF_Weights = published("RegNet_Y_400MF_Weights")


@preset(RegNet_Y_400MF_Weights)
def regnet_y_400mf(**config: Any) -> RegNet:
    """RegNetY of 400 million multiplications (4,344,144 parameters)."""
    return _regnet((16, 48, 27.89, 2.09, 8), 0.25, config)


RegNet_Y_800MF_Weights = published("RegNet_Y_800MF_Weights")


@preset(RegNet_Y_800MF_Weights)
def regnet_y_800mf(**config: Any) -> RegNet:
    """RegNetY of 800 million multiplications (6,432,512 parameters)."""
    return _regnet((14, 56, 38.84, 2.4, 16), 0.25, config)


RegNet_Y_1_6GF_Weights = published("RegNet_Y_1_6GF_Weights")


@preset(RegNet_Y_1_6GF_Weights)
def regnet_y_1_6gf(**config: Any) -> RegNet:
    """RegNetY of 1.6 thousand million multiplications (11,202,430 parameters)."""
    return _regnet((27, 48, 20.71, 2.65, 24), 0.25, config)


RegNet_Y_3_2GF_Weights = published("RegNet_Y_3_2GF_Weights")


@preset(RegNet_Y_3_2GF_Weights)
def regnet_y_3_2gf(**config: Any) -> RegNet:
    """RegNetY of 3.2 thousand million multiplications (19,436,338 parameters)."""
    return _regnet((21, 80, 42.63, 2.66, 24), 0.25, config)


RegNet_Y_8GF_Weights = published("RegNet_Y_8GF_Weights")


@preset(RegNet_Y_8GF_Weights)
def regnet_y_8gf(**config: Any) -> RegNet:
    """RegNetY of 8 thousand million multiplications (39,381,472 parameters)."""
    return _regnet((17, 192, 76.82, 2.19, 56), 0.25, config)


RegNet_Y_16GF_Weights = published("RegNet_Y_16GF_Weights")


@preset(RegNet_Y_16GF_Weights)
def regnet_y_16gf(**config: Any) -> RegNet:
    """RegNetY of 16 thousand million multiplications (83,590,140 parameters)."""
    return _regnet((18, 200, 106.23, 2.48, 112), 0.25, config)


RegNet_Y_32GF_Weights = published("RegNet_Y_32GF_Weights")


@preset(RegNet_Y_32GF_Weights)
def regnet_y_32gf(**config: Any) -> RegNet:
    """RegNetY of 32 thousand million multiplications (145,046,770 parameters)."""
    return _regnet((20, 232, 115.89, 2.53, 232), 0.25, config)


RegNet_Y_128GF_Weights = published("RegNet_Y_128GF_Weights")


@preset(RegNet_Y_128GF_Weights)
def regnet_y_128gf(**config: Any) -> RegNet:
    """RegNetY of 128 thousand million multiplications (644,812,894 parameters)."""
    return _regnet((27, 456, 160.83, 2.52, 264), 0.25, config)
