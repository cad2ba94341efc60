"""MNASNet, found by a search over networks for telephones.

Source: M. Tan et al., "MnasNet: Platform-Aware Neural Architecture Search for Mobile", https://arxiv.org/abs/1807.11626.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from facula import Tensor, nn
from facula_vision.models.presets import make_divisible, preset
from facula_vision.models.weights import published

__all__ = [
    "MNASNet",
    "MNASNet0_5_Weights",
    "MNASNet0_75_Weights",
    "MNASNet1_0_Weights",
    "MNASNet1_3_Weights",
    "mnasnet0_5",
    "mnasnet0_75",
    "mnasnet1_0",
    "mnasnet1_3",
]

_norm = partial(nn.BatchNorm2d, momentum=1 - 0.9997)  # TensorFlow counts the momentum the other way
_STAGES = (  # channels, kernel, stride, expansion, depth
    (24, 3, 2, 3, 3),
    (40, 5, 2, 3, 3),
    (80, 5, 2, 6, 3),
    (96, 3, 1, 6, 2),
    (192, 5, 2, 6, 4),
    (320, 3, 1, 6, 1),
)


def _separable(channels: int, outputs: int, kernel: int, stride: int) -> list[nn.Module]:
    """A convolution of each channel alone, then one across the channels."""
    return [
        nn.Conv2d(channels, channels, kernel, stride, padding=kernel // 2, groups=channels, bias=False),
        _norm(channels),
        nn.ReLU(inplace=True),
        nn.Conv2d(channels, outputs, 1, bias=False),
        _norm(outputs),
    ]


class InvertedResidual(nn.Module):
    """More channels, a convolution of each alone, fewer channels; the input is added where shapes allow it.

    Shape: (N, inputs, H, W) -> (N, outputs, H / stride, W / stride).
    """

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        widen = [nn.Conv2d(inputs, hidden, 1, bias=False), _norm(hidden), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*widen, *_separable(hidden, outputs, kernel, stride))
        self.adds = stride == 1 and inputs == outputs

    def forward(self, input: Tensor) -> Tensor:
        return self.layers(input) + input if self.adds else self.layers(input)


class MNASNet(nn.Module):
    """A separable stem, six stages of inverted residuals, 1280 channels and a linear layer; `alpha` scales the channels.

    Shape: (N, 3, H, W) -> (N, num_classes), for H and W of at least 32. ValueError for `alpha` that is not positive.
    """

    def __init__(self, alpha: float, num_classes: int = 1000, dropout: float = 0.2) -> None:
        super().__init__()
        if alpha <= 0.0:
            raise ValueError(f"MNASNet: alpha should be greater than 0.0, expected that, got {alpha}. Use 1.0.")
        stem, channels = make_divisible(32 * alpha), make_divisible(16 * alpha)
        layers: list[nn.Module] = [
            nn.Conv2d(3, stem, 3, stride=2, padding=1, bias=False),
            _norm(stem),
            nn.ReLU(inplace=True),
            *_separable(stem, channels, 3, 1),
        ]
        for width, kernel, stride, expansion, depth in _STAGES:
            outputs = make_divisible(width * alpha)
            first = InvertedResidual(channels, outputs, kernel, stride, expansion)
            rest = (InvertedResidual(outputs, outputs, kernel, 1, expansion) for _ in range(depth - 1))
            layers.append(nn.Sequential(first, *rest))
            channels = outputs
        layers += [nn.Conv2d(channels, 1280, 1, bias=False), _norm(1280), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout, inplace=True), nn.Linear(1280, num_classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            elif isinstance(module, nn.Linear):
                nn.init.kaiming_uniform_(module.weight, mode="fan_out", nonlinearity="sigmoid")
                nn.init.zeros_(module.bias)

    def forward(self, input: Tensor) -> Tensor:
        return self.classifier(self.layers(input).mean(dim=(2, 3)))


MNASNet0_5_Weights = published("MNASNet0_5_Weights")


@preset(MNASNet0_5_Weights)
def mnasnet0_5(**config: Any) -> MNASNet:
    """MNASNet with half the channels (2,218,512 parameters)."""
    return MNASNet(0.5, **config)


MNASNet0_75_Weights = published("MNASNet0_75_Weights")


@preset(MNASNet0_75_Weights)
def mnasnet0_75(**config: Any) -> MNASNet:
    """MNASNet with three quarters of the channels (3,170,208 parameters)."""
    return MNASNet(0.75, **config)


MNASNet1_0_Weights = published("MNASNet1_0_Weights")


@preset(MNASNet1_0_Weights)
def mnasnet1_0(**config: Any) -> MNASNet:
    """MNASNet (4,383,312 parameters)."""
    return MNASNet(1.0, **config)


MNASNet1_3_Weights = published("MNASNet1_3_Weights")


@preset(MNASNet1_3_Weights)
def mnasnet1_3(**config: Any) -> MNASNet:
    """MNASNet with 1.3 times the channels (6,282,256 parameters)."""
    return MNASNet(1.3, **config)
