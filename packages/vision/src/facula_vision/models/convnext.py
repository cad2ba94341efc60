"""ConvNeXt.

Source: Z. Liu et al., "A ConvNet for the 2020s", https://arxiv.org/abs/2201.03545.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import facula
from facula import Tensor, nn
from facula_vision.models.presets import preset
from facula_vision.models.weights import published
from facula_vision.ops import Conv2dNormActivation, Permute, StochasticDepth

__all__ = [
    "ConvNeXt",
    "ConvNeXt_Base_Weights",
    "ConvNeXt_Large_Weights",
    "ConvNeXt_Small_Weights",
    "ConvNeXt_Tiny_Weights",
    "convnext_base",
    "convnext_large",
    "convnext_small",
    "convnext_tiny",
]


class LayerNorm2d(nn.LayerNorm):
    """A normalisation over the channels of each pixel.   Shape: (N, C, H, W) -> the same."""

    def forward(self, input: Tensor) -> Tensor:
        return super().forward(input.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


_norm = partial(LayerNorm2d, eps=1e-6)


class CNBlock(nn.Module):
    """A 7x7 convolution of each channel alone and two linear layers over the channels, scaled and added to the input.

    Shape: (N, dim, H, W) -> the same.
    """

    def __init__(self, dim: int, layer_scale: float, stochastic_depth_prob: float) -> None:
        super().__init__()
        self.block = nn.Sequential(
            nn.Conv2d(dim, dim, kernel_size=7, padding=3, groups=dim),
            Permute([0, 2, 3, 1]),
            nn.LayerNorm(dim, eps=1e-6),
            nn.Linear(dim, 4 * dim),
            nn.GELU(),
            nn.Linear(4 * dim, dim),
            Permute([0, 3, 1, 2]),
        )
        self.layer_scale = nn.Parameter(facula.full((dim, 1, 1), layer_scale))
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")

    def forward(self, input: Tensor) -> Tensor:
        return self.stochastic_depth(self.layer_scale * self.block(input)) + input


class ConvNeXt(nn.Module):
    """A 4x4 stem, four stages of `depths` blocks with `channels` each, the mean over the picture and a linear layer.

    Shape: (N, 3, H, W) -> (N, num_classes), for H and W of at least 32.
    """

    def __init__(
        self,
        depths: tuple[int, ...],
        channels: tuple[int, ...],
        stochastic_depth_prob: float = 0.0,
        layer_scale: float = 1e-6,
        num_classes: int = 1000,
    ) -> None:
        super().__init__()
        stem = Conv2dNormActivation(3, channels[0], 4, 4, 0, norm_layer=_norm, activation_layer=None, bias=True)
        layers: list[nn.Module] = [stem]
        total, done = sum(depths), 0
        for index, (depth, width) in enumerate(zip(depths, channels, strict=True)):
            if index:
                before = channels[index - 1]
                layers.append(nn.Sequential(_norm(before), nn.Conv2d(before, width, kernel_size=2, stride=2)))
            rates = [stochastic_depth_prob * (done + step) / (total - 1.0) for step in range(depth)]
            layers.append(nn.Sequential(*(CNBlock(width, layer_scale, rate) for rate in rates)))
            done += depth
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        last = channels[-1]
        self.classifier = nn.Sequential(_norm(last), nn.Flatten(1), nn.Linear(last, num_classes))
        for module in self.modules():
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, input: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(input)))


def _convnext(depths: tuple[int, ...], channels: tuple[int, ...], drop: float, config: dict[str, Any]) -> ConvNeXt:
    return ConvNeXt(depths, channels, **{"stochastic_depth_prob": drop, **config})


ConvNeXt_Tiny_Weights = published("ConvNeXt_Tiny_Weights")


@preset(ConvNeXt_Tiny_Weights)
def convnext_tiny(**config: Any) -> ConvNeXt:
    """ConvNeXt-Tiny (28,589,128 parameters)."""
    return _convnext((3, 3, 9, 3), (96, 192, 384, 768), 0.1, config)


ConvNeXt_Small_Weights = published("ConvNeXt_Small_Weights")


@preset(ConvNeXt_Small_Weights)
def convnext_small(**config: Any) -> ConvNeXt:
    """ConvNeXt-Small (50,223,688 parameters)."""
    return _convnext((3, 3, 27, 3), (96, 192, 384, 768), 0.4, config)


ConvNeXt_Base_Weights = published("ConvNeXt_Base_Weights")


@preset(ConvNeXt_Base_Weights)
def convnext_base(**config: Any) -> ConvNeXt:
    """ConvNeXt-Base (88,591,464 parameters)."""
    return _convnext((3, 3, 27, 3), (128, 256, 512, 1024), 0.5, config)


ConvNeXt_Large_Weights = published("ConvNeXt_Large_Weights")


@preset(ConvNeXt_Large_Weights)
def convnext_large(**config: Any) -> ConvNeXt:
    """ConvNeXt-Large (197,767,336 parameters)."""
    return _convnext((3, 3, 27, 3), (192, 384, 768, 1536), 0.5, config)
