"""SqueezeNet.

Source: F. Iandola et al., "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size",
https://arxiv.org/abs/1602.07360.
"""

from __future__ import annotations

from typing import Any

import facula
from facula import Tensor, nn
from facula_vision.models.presets import preset
from facula_vision.models.weights import published

__all__ = ["Fire", "SqueezeNet", "SqueezeNet1_0_Weights", "SqueezeNet1_1_Weights", "squeezenet1_0", "squeezenet1_1"]


class Fire(nn.Module):
    """A 1x1 convolution to few channels, then 1x1 and 3x3 convolutions of them side by side.

    Shape: (N, inplanes, H, W) -> (N, expand1x1_planes + expand3x3_planes, H, W).
    """

    def __init__(self, inplanes: int, squeeze_planes: int, expand1x1_planes: int, expand3x3_planes: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(inplanes, squeeze_planes, kernel_size=1)
        self.squeeze_activation = nn.ReLU(inplace=True)
        self.expand1x1 = nn.Conv2d(squeeze_planes, expand1x1_planes, kernel_size=1)
        self.expand1x1_activation = nn.ReLU(inplace=True)
        self.expand3x3 = nn.Conv2d(squeeze_planes, expand3x3_planes, kernel_size=3, padding=1)
        self.expand3x3_activation = nn.ReLU(inplace=True)

    def forward(self, input: Tensor) -> Tensor:
        x = self.squeeze_activation(self.squeeze(input))
        small = self.expand1x1_activation(self.expand1x1(x))
        return facula.cat([small, self.expand3x3_activation(self.expand3x3(x))], dim=1)


_STEMS = {"1_0": (96, 7), "1_1": (64, 3)}
_PLANS: dict[str, tuple[int | str, ...]] = {
    "1_0": ("pool", 16, 16, 32, "pool", 32, 48, 48, 64, "pool", 64),
    "1_1": ("pool", 16, 16, "pool", 32, 32, "pool", 48, 48, 64, 64),
}


class SqueezeNet(nn.Module):
    """A convolution, eight `Fire` blocks with pooling between them, and a convolution to the classes.

    Shape: (N, 3, H, W) -> (N, num_classes). ValueError for a version other than "1_0" and "1_1".
    """

    def __init__(self, version: str = "1_0", num_classes: int = 1000, dropout: float = 0.5) -> None:
        super().__init__()
        if version not in _PLANS:
            raise ValueError(f"SqueezeNet: expected version '1_0' or '1_1', got {version!r}. Choose one of them.")
        channels, kernel_size = _STEMS[version]
        layers: list[nn.Module] = [nn.Conv2d(3, channels, kernel_size, stride=2), nn.ReLU(inplace=True)]
        for step in _PLANS[version]:
            if isinstance(step, str):
                layers.append(nn.MaxPool2d(kernel_size=3, stride=2, ceil_mode=True))
            else:
                layers.append(Fire(channels, step, 4 * step, 4 * step))
                channels = 8 * step
        self.features = nn.Sequential(*layers)
        final = nn.Conv2d(512, num_classes, kernel_size=1)
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout), final, nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d((1, 1))
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                if module is final:
                    nn.init.normal_(module.weight, mean=0.0, std=0.01)
                else:
                    nn.init.kaiming_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, input: Tensor) -> Tensor:
        return self.classifier(self.features(input)).flatten(1)


SqueezeNet1_0_Weights = published("SqueezeNet1_0_Weights")


@preset(SqueezeNet1_0_Weights)
def squeezenet1_0(**config: Any) -> SqueezeNet:
    """SqueezeNet 1.0 (1,248,424 parameters)."""
    return SqueezeNet("1_0", **config)


SqueezeNet1_1_Weights = published("SqueezeNet1_1_Weights")


@preset(SqueezeNet1_1_Weights)
def squeezenet1_1(**config: Any) -> SqueezeNet:
    """SqueezeNet 1.1 (1,235,496 parameters), 2.4 times cheaper than 1.0."""
    return SqueezeNet("1_1", **config)
