"""Plain networks of 3x3 convolutions.

Source: K. Simonyan, A. Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition",
https://arxiv.org/abs/1409.1556.
"""

from __future__ import annotations

from typing import Any

from facula import Tensor, nn
from facula_vision.models.presets import preset
from facula_vision.models.weights import published

__all__ = [
    "VGG",
    "VGG11_BN_Weights",
    "VGG11_Weights",
    "VGG13_BN_Weights",
    "VGG13_Weights",
    "VGG16_BN_Weights",
    "VGG16_Weights",
    "VGG19_BN_Weights",
    "VGG19_Weights",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
]

_CHANNELS = (64, 128, 256, 512, 512)
_DEPTHS = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}


class VGG(nn.Module):
    """The layers `features`, which give 512 channels, then three linear layers.

    Shape: (N, 3, H, W) -> (N, num_classes), for H and W of at least 32.
    """

    def __init__(
        self, features: nn.Module, num_classes: int = 1000, init_weights: bool = True, dropout: float = 0.5
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(inplace=True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """Convolutions by He's rule over the outputs, linear layers with deviation 0.01, biases zero."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(module.bias)
            elif isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, 0.0, 0.01)
                nn.init.zeros_(module.bias)

    def forward(self, input: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(input)).flatten(1))


def _features(depth: int, normalised: bool) -> nn.Sequential:
    """The convolutions of the network with `depth` layers with weights; each of the five stages ends in pooling."""
    layers: list[nn.Module] = []
    inputs = 3
    for channels, repeats in zip(_CHANNELS, _DEPTHS[depth], strict=True):
        for _ in range(repeats):
            layers.append(nn.Conv2d(inputs, channels, kernel_size=3, padding=1))
            if normalised:
                layers.append(nn.BatchNorm2d(channels))
            layers.append(nn.ReLU(inplace=True))
            inputs = channels
        layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
    return nn.Sequential(*layers)


VGG11_Weights = published("VGG11_Weights")


@preset(VGG11_Weights)
def vgg11(**config: Any) -> VGG:
    """VGG-11 (132,863,336 parameters)."""
    return VGG(_features(11, normalised=False), **config)


VGG11_BN_Weights = published("VGG11_BN_Weights")


@preset(VGG11_BN_Weights)
def vgg11_bn(**config: Any) -> VGG:
    """VGG-11 with batch normalisation (132,868,840 parameters)."""
    return VGG(_features(11, normalised=True), **config)


VGG13_Weights = published("VGG13_Weights")


@preset(VGG13_Weights)
def vgg13(**config: Any) -> VGG:
    """VGG-13 (133,047,848 parameters)."""
    return VGG(_features(13, normalised=False), **config)


VGG13_BN_Weights = published("VGG13_BN_Weights")


@preset(VGG13_BN_Weights)
def vgg13_bn(**config: Any) -> VGG:
    """VGG-13 with batch normalisation (133,053,736 parameters)."""
    return VGG(_features(13, normalised=True), **config)


VGG16_Weights = published("VGG16_Weights")


@preset(VGG16_Weights)
def vgg16(**config: Any) -> VGG:
    """VGG-16 (138,357,544 parameters)."""
    return VGG(_features(16, normalised=False), **config)


VGG16_BN_Weights = published("VGG16_BN_Weights")


@preset(VGG16_BN_Weights)
def vgg16_bn(**config: Any) -> VGG:
    """VGG-16 with batch normalisation (138,365,992 parameters)."""
    return VGG(_features(16, normalised=True), **config)


VGG19_Weights = published("VGG19_Weights")


@preset(VGG19_Weights)
def vgg19(**config: Any) -> VGG:
    """VGG-19 (143,667,240 parameters)."""
    return VGG(_features(19, normalised=False), **config)


VGG19_BN_Weights = published("VGG19_BN_Weights")


@preset(VGG19_BN_Weights)
def vgg19_bn(**config: Any) -> VGG:
    """VGG-19 with batch normalisation (143,678,248 parameters)."""
    return VGG(_features(19, normalised=True), **config)
