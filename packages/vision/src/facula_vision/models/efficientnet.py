"""EfficientNet and EfficientNet v2.

Source: M. Tan, Q. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks",
https://arxiv.org/abs/1905.11946, and "EfficientNetV2: Smaller Models and Faster Training",
https://arxiv.org/abs/2104.00298.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

from facula import Tensor, nn
from facula_vision.models.presets import make_divisible, preset
from facula_vision.models.weights import published
from facula_vision.ops import Conv2dNormActivation, SqueezeExcitation, StochasticDepth

__all__ = [
    "EfficientNet",
    "EfficientNet_B0_Weights",
    "EfficientNet_B1_Weights",
    "EfficientNet_B2_Weights",
    "EfficientNet_B3_Weights",
    "EfficientNet_B4_Weights",
    "EfficientNet_B5_Weights",
    "EfficientNet_B6_Weights",
    "EfficientNet_B7_Weights",
    "EfficientNet_V2_L_Weights",
    "EfficientNet_V2_M_Weights",
    "EfficientNet_V2_S_Weights",
    "efficientnet_b0",
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "efficientnet_b4",
    "efficientnet_b5",
    "efficientnet_b6",
    "efficientnet_b7",
    "efficientnet_v2_l",
    "efficientnet_v2_m",
    "efficientnet_v2_s",
]


class Stage(NamedTuple):
    """Blocks of one kind: the first has the stride and the change of channels, the others keep the shape."""

    fused: bool
    expansion: int
    kernel: int
    stride: int
    inputs: int
    outputs: int
    depth: int

    def scaled(self, width: float, depth: float) -> Stage:
        """The stage of a wider and deeper network."""
        return self._replace(
            inputs=make_divisible(self.inputs * width),
            outputs=make_divisible(self.outputs * width),
            depth=math.ceil(self.depth * depth),
        )


_V1 = (
    Stage(False, 1, 3, 1, 32, 16, 1),
    Stage(False, 6, 3, 2, 16, 24, 2),
    Stage(False, 6, 5, 2, 24, 40, 2),
    Stage(False, 6, 3, 2, 40, 80, 3),
    Stage(False, 6, 5, 1, 80, 112, 3),
    Stage(False, 6, 5, 2, 112, 192, 4),
    Stage(False, 6, 3, 1, 192, 320, 1),
)
_V2_S = (
    Stage(True, 1, 3, 1, 24, 24, 2),
    Stage(True, 4, 3, 2, 24, 48, 4),
    Stage(True, 4, 3, 2, 48, 64, 4),
    Stage(False, 4, 3, 2, 64, 128, 6),
    Stage(False, 6, 3, 1, 128, 160, 9),
    Stage(False, 6, 3, 2, 160, 256, 15),
)
_V2_M = (
    Stage(True, 1, 3, 1, 24, 24, 3),
    Stage(True, 4, 3, 2, 24, 48, 5),
    Stage(True, 4, 3, 2, 48, 80, 5),
    Stage(False, 4, 3, 2, 80, 160, 7),
    Stage(False, 6, 3, 1, 160, 176, 14),
    Stage(False, 6, 3, 2, 176, 304, 18),
    Stage(False, 6, 3, 1, 304, 512, 5),
)
_V2_L = (
    Stage(True, 1, 3, 1, 32, 32, 4),
    Stage(True, 4, 3, 2, 32, 64, 7),
    Stage(True, 4, 3, 2, 64, 96, 7),
    Stage(False, 4, 3, 2, 96, 192, 10),
    Stage(False, 6, 3, 1, 192, 224, 19),
    Stage(False, 6, 3, 2, 224, 384, 25),
    Stage(False, 6, 3, 1, 384, 640, 7),
)

Norm = Callable[..., nn.Module]


class Block(nn.Module):
    """An inverted residual; `fused` joins its expansion and its convolution by channels into one.

    Shape: (N, inputs, H, W) -> (N, outputs, H / stride, W / stride).
    """

    def __init__(self, stage: Stage, drop: float, norm: Norm) -> None:
        super().__init__()
        inputs, expanded = stage.inputs, make_divisible(stage.inputs * stage.expansion)
        make = partial(Conv2dNormActivation, norm_layer=norm, activation_layer=partial(nn.SiLU, inplace=True))
        layers: list[nn.Module] = []
        if stage.fused:
            outputs = stage.outputs if expanded == inputs else expanded
            layers.append(make(inputs, outputs, stage.kernel, stage.stride))
        else:
            if expanded != inputs:
                layers.append(make(inputs, expanded, 1))
            layers += [
                make(expanded, expanded, stage.kernel, stage.stride, groups=expanded),
                SqueezeExcitation(expanded, max(1, inputs // 4), activation=partial(nn.SiLU, inplace=True)),
            ]
        if not stage.fused or expanded != inputs:
            layers.append(make(expanded, stage.outputs, 1, activation_layer=None))
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = StochasticDepth(drop, "row")
        self.use_res_connect = stage.stride == 1 and inputs == stage.outputs

    def forward(self, input: Tensor) -> Tensor:
        x = self.block(input)
        return self.stochastic_depth(x) + input if self.use_res_connect else x


class EfficientNet(nn.Module):
    """A stem, `stages` of inverted residuals, `last_channel` channels (else four times the last) and a linear layer.

    Blocks are left out while training with a probability that grows linearly to `stochastic_depth_prob`.
    Shape: (N, 3, H, W) -> (N, num_classes), for H and W of at least 32.
    """

    def __init__(
        self,
        stages: Sequence[Stage],
        dropout: float,
        stochastic_depth_prob: float = 0.2,
        num_classes: int = 1000,
        norm_layer: Norm = nn.BatchNorm2d,
        last_channel: int | None = None,
    ) -> None:
        super().__init__()
        make = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=partial(nn.SiLU, inplace=True))
        layers: list[nn.Module] = [make(3, stages[0].inputs, 3, 2)]
        total, done = sum(stage.depth for stage in stages), 0
        for stage in stages:
            blocks = []
            current = stage
            for _ in range(stage.depth):
                blocks.append(Block(current, stochastic_depth_prob * done / total, norm_layer))
                current = stage._replace(inputs=stage.outputs, stride=1)
                done += 1
            layers.append(nn.Sequential(*blocks))
        outputs = stages[-1].outputs
        last_channel = last_channel or 4 * outputs
        layers.append(make(outputs, last_channel, 1))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout, inplace=True), nn.Linear(last_channel, num_classes))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Convolutions by He's rule over the outputs, the linear layer uniform, biases zero."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                bound = 1.0 / math.sqrt(module.out_features)
                nn.init.uniform_(module.weight, -bound, bound)
                nn.init.zeros_(module.bias)

    def forward(self, input: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(input)).flatten(1))


def _v1(width: float, depth: float, dropout: float, config: dict[str, Any]) -> EfficientNet:
    return EfficientNet([stage.scaled(width, depth) for stage in _V1], **{"dropout": dropout, **config})


def _v2(stages: Sequence[Stage], dropout: float, config: dict[str, Any]) -> EfficientNet:
    norm = partial(nn.BatchNorm2d, eps=1e-3)
    return EfficientNet(stages, **{"dropout": dropout, "norm_layer": norm, "last_channel": 1280, **config})


EfficientNet_B0_Weights = published("EfficientNet_B0_Weights")


@preset(EfficientNet_B0_Weights)
def efficientnet_b0(**config: Any) -> EfficientNet:
    """EfficientNet-B0 (5,288,548 parameters)."""
    return _v1(1.0, 1.0, 0.2, config)


EfficientNet_B1_Weights = published("EfficientNet_B1_Weights")


@preset(EfficientNet_B1_Weights)
def efficientnet_b1(**config: Any) -> EfficientNet:
    """EfficientNet-B1 (7,794,184 parameters)."""
    return _v1(1.0, 1.1, 0.2, config)


EfficientNet_B2_Weights = published("EfficientNet_B2_Weights")


@preset(EfficientNet_B2_Weights)
def efficientnet_b2(**config: Any) -> EfficientNet:
    """EfficientNet-B2 (9,109,994 parameters)."""
    return _v1(1.1, 1.2, 0.3, config)


EfficientNet_B3_Weights = published("EfficientNet_B3_Weights")


@preset(EfficientNet_B3_Weights)
def efficientnet_b3(**config: Any) -> EfficientNet:
    """EfficientNet-B3 (12,233,232 parameters)."""
    return _v1(1.2, 1.4, 0.3, config)


EfficientNet_B4_Weights = published("EfficientNet_B4_Weights")


@preset(EfficientNet_B4_Weights)
def efficientnet_b4(**config: Any) -> EfficientNet:
    """EfficientNet-B4 (19,341,616 parameters)."""
    return _v1(1.4, 1.8, 0.4, config)


EfficientNet_B5_Weights = published("EfficientNet_B5_Weights")


@preset(EfficientNet_B5_Weights)
def efficientnet_b5(**config: Any) -> EfficientNet:
    """EfficientNet-B5 (30,389,784 parameters)."""
    norm = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
    return _v1(1.6, 2.2, 0.4, {"norm_layer": norm, **config})


EfficientNet_B6_Weights = published("EfficientNet_B6_Weights")


@preset(EfficientNet_B6_Weights)
def efficientnet_b6(**config: Any) -> EfficientNet:
    """EfficientNet-B6 (43,040,704 parameters)."""
    norm = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
    return _v1(1.8, 2.6, 0.5, {"norm_layer": norm, **config})


EfficientNet_B7_Weights = published("EfficientNet_B7_Weights")


@preset(EfficientNet_B7_Weights)
def efficientnet_b7(**config: Any) -> EfficientNet:
    """EfficientNet-B7 (66,347,960 parameters)."""
    norm = partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
    return _v1(2.0, 3.1, 0.5, {"norm_layer": norm, **config})


EfficientNet_V2_S_Weights = published("EfficientNet_V2_S_Weights")


@preset(EfficientNet_V2_S_Weights)
def efficientnet_v2_s(**config: Any) -> EfficientNet:
    """EfficientNet v2, small (21,458,488 parameters)."""
    return _v2(_V2_S, 0.2, config)


EfficientNet_V2_M_Weights = published("EfficientNet_V2_M_Weights")


@preset(EfficientNet_V2_M_Weights)
def efficientnet_v2_m(**config: Any) -> EfficientNet:
    """EfficientNet v2, medium (54,139,356 parameters)."""
    return _v2(_V2_M, 0.3, config)


EfficientNet_V2_L_Weights = published("EfficientNet_V2_L_Weights")


@preset(EfficientNet_V2_L_Weights)
def efficientnet_v2_l(**config: Any) -> EfficientNet:
    """EfficientNet v2, large (118,515,272 parameters)."""
    return _v2(_V2_L, 0.4, config)
