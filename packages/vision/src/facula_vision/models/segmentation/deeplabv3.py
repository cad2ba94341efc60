"""DeepLabV3: convolutions with holes of several widths side by side.

Source: L.-C. Chen et al., "Rethinking Atrous Convolution for Semantic Image Segmentation",
https://arxiv.org/abs/1706.05587.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import facula
from facula import Tensor, nn
from facula_vision.models.mobilenetv3 import MobileNet_V3_Large_Weights, mobilenet_v3_large
from facula_vision.models.presets import File, preset
from facula_vision.models.resnet import ResNet, ResNet50_Weights, ResNet101_Weights, resnet50, resnet101
from facula_vision.models.segmentation.base import (
    SegmentationModel,
    needs_auxiliary,
    of_mobilenet,
    of_resnet,
    upsampled,
)
from facula_vision.models.segmentation.fcn import FCNHead
from facula_vision.models.weights import published

__all__ = [
    "DeepLabV3",
    "DeepLabV3_MobileNet_V3_Large_Weights",
    "DeepLabV3_ResNet50_Weights",
    "DeepLabV3_ResNet101_Weights",
    "deeplabv3_mobilenet_v3_large",
    "deeplabv3_resnet50",
    "deeplabv3_resnet101",
]


class DeepLabV3(SegmentationModel):
    """A backbone and a head that looks near and far, the scores enlarged to the size of the picture.

    Shape: (N, 3, H, W) -> {"out": (N, num_classes, H, W)}, with "aux" of the same shape if there is a second head.
    """


class ASPPConv(nn.Sequential):
    """A 3x3 convolution with holes.   Shape: (N, in_channels, H, W) -> (N, out_channels, H, W)."""

    def __init__(self, in_channels: int, out_channels: int, dilation: int) -> None:
        conv = nn.Conv2d(in_channels, out_channels, 3, padding=dilation, dilation=dilation, bias=False)
        super().__init__(conv, nn.BatchNorm2d(out_channels), nn.ReLU())


class ASPPPooling(nn.Sequential):
    """The mean over the picture, at each pixel.   Shape: (N, in_channels, H, W) -> (N, out_channels, H, W)."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        conv = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        super().__init__(nn.AdaptiveAvgPool2d(1), conv, nn.BatchNorm2d(out_channels), nn.ReLU())

    def forward(self, input: Tensor) -> Tensor:
        return upsampled(super().forward(input), input.shape[-2:])


class ASPP(nn.Module):
    """1x1, 3x3 with holes of each of the `atrous_rates`, and the mean, joined by a 1x1 convolution.

    Shape: (N, in_channels, H, W) -> (N, out_channels, H, W).
    """

    def __init__(self, in_channels: int, atrous_rates: Sequence[int], out_channels: int = 256) -> None:
        super().__init__()
        conv = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.convs = nn.ModuleList(
            [
                nn.Sequential(conv, nn.BatchNorm2d(out_channels), nn.ReLU()),
                *(ASPPConv(in_channels, out_channels, rate) for rate in atrous_rates),
                ASPPPooling(in_channels, out_channels),
            ]
        )
        joined = nn.Conv2d(len(self.convs) * out_channels, out_channels, 1, bias=False)
        self.project = nn.Sequential(joined, nn.BatchNorm2d(out_channels), nn.ReLU(), nn.Dropout(0.5))

    def forward(self, input: Tensor) -> Tensor:
        return self.project(facula.cat([conv(input) for conv in self.convs], dim=1))


class DeepLabHead(nn.Sequential):
    """`ASPP`, a 3x3 convolution and one score for each class.   Shape: (N, in_channels, H, W) -> (N, num_classes, H, W)."""

    def __init__(self, in_channels: int, num_classes: int, atrous_rates: Sequence[int] = (12, 24, 36)) -> None:
        super().__init__(
            ASPP(in_channels, atrous_rates),
            nn.Conv2d(256, 256, 3, padding=1, bias=False),
            nn.BatchNorm2d(256),
            nn.ReLU(),
            nn.Conv2d(256, num_classes, 1),
        )


def _deeplab(resnet: ResNet, num_classes: int | None, aux: bool | None) -> DeepLabV3:
    classes = 21 if num_classes is None else num_classes
    return DeepLabV3(of_resnet(resnet, bool(aux)), DeepLabHead(2048, classes), FCNHead(1024, classes) if aux else None)


DeepLabV3_ResNet50_Weights = published("DeepLabV3_ResNet50_Weights")


@preset(DeepLabV3_ResNet50_Weights, needs=needs_auxiliary, defaults={"weights_backbone": None})
def deeplabv3_resnet50(
    *,
    num_classes: int | None = None,
    aux_loss: bool | None = None,
    weights_backbone: File | None = ResNet50_Weights.IMAGENET1K_V1,
    **config: Any,
) -> DeepLabV3:
    """DeepLabV3 on ResNet-50 (39,638,869 parameters, with `aux_loss` 42,004,074)."""
    dilated = [False, True, True]
    backbone = resnet50(weights=weights_backbone, replace_stride_with_dilation=dilated, **config)
    return _deeplab(backbone, num_classes, aux_loss)


DeepLabV3_ResNet101_Weights = published("DeepLabV3_ResNet101_Weights")


@preset(DeepLabV3_ResNet101_Weights, needs=needs_auxiliary, defaults={"weights_backbone": None})
def deeplabv3_resnet101(
    *,
    num_classes: int | None = None,
    aux_loss: bool | None = None,
    weights_backbone: File | None = ResNet101_Weights.IMAGENET1K_V1,
    **config: Any,
) -> DeepLabV3:
    """DeepLabV3 on ResNet-101 (58,630,997 parameters, with `aux_loss` 60,996,202)."""
    dilated = [False, True, True]
    backbone = resnet101(weights=weights_backbone, replace_stride_with_dilation=dilated, **config)
    return _deeplab(backbone, num_classes, aux_loss)


DeepLabV3_MobileNet_V3_Large_Weights = published("DeepLabV3_MobileNet_V3_Large_Weights")


@preset(DeepLabV3_MobileNet_V3_Large_Weights, needs=needs_auxiliary, defaults={"weights_backbone": None})
def deeplabv3_mobilenet_v3_large(
    *,
    num_classes: int | None = None,
    aux_loss: bool | None = None,
    weights_backbone: File | None = MobileNet_V3_Large_Weights.IMAGENET1K_V1,
    **config: Any,
) -> DeepLabV3:
    """DeepLabV3 on the large MobileNet v3 (11,025,477 parameters, with `aux_loss` 11,029,328)."""
    features = mobilenet_v3_large(weights=weights_backbone, dilated=True, **config).features
    backbone, high, low = of_mobilenet(features, "out", "aux" if aux_loss else None)
    classes = 21 if num_classes is None else num_classes
    return DeepLabV3(backbone, DeepLabHead(high, classes), FCNHead(low, classes) if aux_loss else None)
