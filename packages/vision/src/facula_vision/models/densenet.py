"""Densely connected networks.

Source: G. Huang et al., "Densely Connected Convolutional Networks", https://arxiv.org/abs/1608.06993.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import facula
from facula import Tensor, nn
from facula_vision.models.presets import preset
from facula_vision.models.weights import published

__all__ = [
    "DenseNet",
    "DenseNet121_Weights",
    "DenseNet161_Weights",
    "DenseNet169_Weights",
    "DenseNet201_Weights",
    "densenet121",
    "densenet161",
    "densenet169",
    "densenet201",
]


class DenseLayer(nn.Module):
    """`growth_rate` new channels from all earlier ones.   Shape: (N, inputs, H, W) -> (N, growth_rate, H, W)."""

    def __init__(self, inputs: int, growth_rate: int, bn_size: int, drop_rate: float) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(inputs)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(inputs, bn_size * growth_rate, kernel_size=1, bias=False)
        self.norm2 = nn.BatchNorm2d(bn_size * growth_rate)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(bn_size * growth_rate, growth_rate, kernel_size=3, padding=1, bias=False)
        self.drop_rate = float(drop_rate)

    def forward(self, input: Tensor) -> Tensor:
        x = self.conv1(self.relu1(self.norm1(input)))
        x = self.conv2(self.relu2(self.norm2(x)))
        return nn.functional.dropout(x, self.drop_rate, self.training) if self.drop_rate else x


class DenseBlock(nn.Module):
    """Layers that each see the input and the channels of all layers before.

    Shape: (N, inputs, H, W) -> (N, inputs + depth * growth_rate, H, W).
    """

    def __init__(self, depth: int, inputs: int, growth_rate: int, bn_size: int, drop_rate: float) -> None:
        super().__init__()
        for index in range(depth):
            layer = DenseLayer(inputs + index * growth_rate, growth_rate, bn_size, drop_rate)
            self.add_module(f"denselayer{index + 1}", layer)

    def forward(self, input: Tensor) -> Tensor:
        x = input
        for layer in self.children():
            x = facula.cat([x, layer(x)], dim=1)
        return x


def _transition(inputs: int) -> nn.Sequential:
    """Half of the channels at half of the size."""
    return nn.Sequential(
        OrderedDict(
            norm=nn.BatchNorm2d(inputs),
            relu=nn.ReLU(inplace=True),
            conv=nn.Conv2d(inputs, inputs // 2, kernel_size=1, bias=False),
            pool=nn.AvgPool2d(kernel_size=2, stride=2),
        )
    )


class DenseNet(nn.Module):
    """A 7x7 stem, dense blocks with transitions between them, the mean over the picture and a linear layer.

    Shape: (N, 3, H, W) -> (N, num_classes), for H and W of at least 32.
    """

    def __init__(
        self,
        growth_rate: int = 32,
        block_config: tuple[int, ...] = (6, 12, 24, 16),
        num_init_features: int = 64,
        bn_size: int = 4,
        drop_rate: float = 0,
        num_classes: int = 1000,
    ) -> None:
        super().__init__()
        channels = num_init_features
        self.features = nn.Sequential(
            OrderedDict(
                conv0=nn.Conv2d(3, channels, kernel_size=7, stride=2, padding=3, bias=False),
                norm0=nn.BatchNorm2d(channels),
                relu0=nn.ReLU(inplace=True),
                pool0=nn.MaxPool2d(kernel_size=3, stride=2, padding=1),
            )
        )
        for index, depth in enumerate(block_config, start=1):
            block = DenseBlock(depth, channels, growth_rate, bn_size, drop_rate)
            self.features.add_module(f"denseblock{index}", block)
            channels += depth * growth_rate
            if index < len(block_config):
                self.features.add_module(f"transition{index}", _transition(channels))
                channels //= 2
        self.features.add_module(f"norm{len(block_config) + 1}", nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
            elif isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def forward(self, input: Tensor) -> Tensor:
        x = nn.functional.relu(self.features(input), inplace=True)
        return self.classifier(nn.functional.adaptive_avg_pool2d(x, (1, 1)).flatten(1))


_OLD = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12])\.")


def _renamed(state: Mapping[str, Any], model: DenseNet) -> dict[str, Any]:
    """The published files say `norm.1` for what is `norm1`."""
    return {_OLD.sub(r"\1\2.", key): value for key, value in state.items()}


DenseNet121_Weights = published("DenseNet121_Weights")


@preset(DenseNet121_Weights, adapt=_renamed)
def densenet121(**config: Any) -> DenseNet:
    """DenseNet-121 (7,978,856 parameters)."""
    return DenseNet(32, (6, 12, 24, 16), 64, **config)


DenseNet161_Weights = published("DenseNet161_Weights")


@preset(DenseNet161_Weights, adapt=_renamed)
def densenet161(**config: Any) -> DenseNet:
    """DenseNet-161 (28,681,000 parameters)."""
    return DenseNet(48, (6, 12, 36, 24), 96, **config)


DenseNet169_Weights = published("DenseNet169_Weights")


@preset(DenseNet169_Weights, adapt=_renamed)
def densenet169(**config: Any) -> DenseNet:
    """DenseNet-169 (14,149,480 parameters)."""
    return DenseNet(32, (6, 12, 32, 32), 64, **config)


DenseNet201_Weights = published("DenseNet201_Weights")


@preset(DenseNet201_Weights, adapt=_renamed)
def densenet201(**config: Any) -> DenseNet:
    """DenseNet-201 (20,013,928 parameters)."""
    return DenseNet(32, (6, 12, 48, 32), 64, **config)
