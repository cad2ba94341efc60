"""S3D: GoogLeNet for videos, with convolutions over space and over time apart.

Source: S. Xie et al., "Rethinking Spatiotemporal Feature Learning", https://arxiv.org/abs/1712.04851.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import facula
from facula import Tensor, nn
from facula_vision.models.presets import preset
from facula_vision.models.weights import published

__all__ = ["S3D", "S3D_Weights", "s3d"]

Norm = Callable[..., nn.Module]
Triple = tuple[int, int, int]


class Conv3dNormActivation(nn.Sequential):
    """relu(norm(conv(x))), the convolution without a bias."""

    def __init__(self, inputs: int, outputs: int, kernel: Triple, stride: Triple, padding: Triple, norm: Norm) -> None:
        conv = nn.Conv3d(inputs, outputs, kernel, stride=stride, padding=padding, bias=False)
        super().__init__(conv, norm(outputs), nn.ReLU(inplace=True))


def _pointwise(inputs: int, outputs: int, norm: Norm) -> Conv3dNormActivation:
    return Conv3dNormActivation(inputs, outputs, (1, 1, 1), (1, 1, 1), (0, 0, 0), norm)


class TemporalSeparableConv(nn.Sequential):
    """A square of `kernel` pixels, then a line of `kernel` frames."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, padding: int, norm: Norm) -> None:
        super().__init__(
            Conv3dNormActivation(
                inputs, outputs, (1, kernel, kernel), (1, stride, stride), (0, padding, padding), norm
            ),
            Conv3dNormActivation(outputs, outputs, (kernel, 1, 1), (stride, 1, 1), (padding, 0, 0), norm),
        )


class SepInceptionBlock3D(nn.Module):
    """Four views side by side: 1x1x1, twice a separable 3x3x3 after fewer channels, and the maximum nearby.

    Shape: (N, inputs, T, H, W) -> (N, b0 + b1 + b2 + b3, T, H, W).
    """

    def __init__(
        self, inputs: int, b0: int, b1_mid: int, b1: int, b2_mid: int, b2: int, b3: int, norm_layer: Norm
    ) -> None:
        super().__init__()
        norm = norm_layer
        self.branch0 = _pointwise(inputs, b0, norm)
        self.branch1 = nn.Sequential(_pointwise(inputs, b1_mid, norm), TemporalSeparableConv(b1_mid, b1, 3, 1, 1, norm))
        self.branch2 = nn.Sequential(_pointwise(inputs, b2_mid, norm), TemporalSeparableConv(b2_mid, b2, 3, 1, 1, norm))
        self.branch3 = nn.Sequential(nn.MaxPool3d((3, 3, 3), stride=1, padding=1), _pointwise(inputs, b3, norm))

    def forward(self, input: Tensor) -> Tensor:
        branches = (self.branch0, self.branch1, self.branch2, self.branch3)
        return facula.cat([branch(input) for branch in branches], dim=1)


class S3D(nn.Module):
    """A stem, nine inception blocks, a mean over pictures of 7 by 7, and scores averaged over time.

    Shape: (N, 3, T, H, W) -> (N, num_classes), for T of at least 14 and H and W of at least 224.
    """

    def __init__(self, num_classes: int = 400, dropout: float = 0.2, norm_layer: Norm | None = None) -> None:
        super().__init__()
        norm = norm_layer or partial(nn.BatchNorm3d, eps=0.001, momentum=0.001)
        block = partial(SepInceptionBlock3D, norm_layer=norm)
        self.features = nn.Sequential(
            TemporalSeparableConv(3, 64, 7, 2, 3, norm),  # (N, 64, T / 2, H / 2, W / 2)
            nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)),
            _pointwise(64, 64, norm),
            TemporalSeparableConv(64, 192, 3, 1, 1, norm),
            nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)),  # (N, 192, T / 2, H / 8, W / 8)
            block(192, 64, 96, 128, 16, 32, 32),
            block(256, 128, 128, 192, 32, 96, 64),
            nn.MaxPool3d((3, 3, 3), stride=(2, 2, 2), padding=(1, 1, 1)),  # (N, 480, T / 4, H / 16, W / 16)
            block(480, 192, 96, 208, 16, 48, 64),
            block(512, 160, 112, 224, 24, 64, 64),
            block(512, 128, 128, 256, 24, 64, 64),
            block(512, 112, 144, 288, 32, 64, 64),
            block(528, 256, 160, 320, 32, 128, 128),
            nn.MaxPool3d((2, 2, 2), stride=(2, 2, 2)),  # (N, 832, T / 8, H / 32, W / 32)
            block(832, 256, 160, 320, 32, 128, 128),
            block(832, 384, 192, 384, 48, 128, 128),
        )
        self.avgpool = nn.AvgPool3d(kernel_size=(2, 7, 7), stride=1)
        self.classifier = nn.Sequential(nn.Dropout(p=dropout), nn.Conv3d(1024, num_classes, kernel_size=1))

    def forward(self, input: Tensor) -> Tensor:
        return self.classifier(self.avgpool(self.features(input))).mean(dim=(2, 3, 4))


S3D_Weights = published("S3D_Weights")


@preset(S3D_Weights)
def s3d(**config: Any) -> S3D:
    """S3D (8,320,048 parameters)."""
    return S3D(**config)
