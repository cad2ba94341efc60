"""Fully convolutional networks.

Source: J. Long, E. Shelhamer, T. Darrell, "Fully Convolutional Networks for Semantic Segmentation",
https://arxiv.org/abs/1411.4038.
"""

from __future__ import annotations

from typing import Any

from facula import nn
from facula_vision.models.presets import File, preset
from facula_vision.models.resnet import ResNet, ResNet50_Weights, ResNet101_Weights, resnet50, resnet101
from facula_vision.models.segmentation.base import SegmentationModel, needs_auxiliary, of_resnet
from facula_vision.models.weights import published

__all__ = ["FCN", "FCN_ResNet50_Weights", "FCN_ResNet101_Weights", "fcn_resnet50", "fcn_resnet101"]


class FCN(SegmentationModel):
    """A backbone and two convolutions, the scores enlarged to the size of the picture.

    Shape: (N, 3, H, W) -> {"out": (N, num_classes, H, W)}, with "aux" of the same shape if there is a second head.
    """


class FCNHead(nn.Sequential):
    """A 3x3 convolution to a quarter of the channels, then one score for each class.

    Shape: (N, in_channels, H, W) -> (N, channels, H, W).
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        hidden = in_channels // 4
        super().__init__(
            nn.Conv2d(in_channels, hidden, 3, padding=1, bias=False),
            nn.BatchNorm2d(hidden),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Conv2d(hidden, channels, 1),
        )


def _fcn(resnet: ResNet, num_classes: int | None, aux: bool | None) -> FCN:
    classes = 21 if num_classes is None else num_classes
    return FCN(of_resnet(resnet, bool(aux)), FCNHead(2048, classes), FCNHead(1024, classes) if aux else None)


FCN_ResNet50_Weights = published("FCN_ResNet50_Weights")


@preset(FCN_ResNet50_Weights, needs=needs_auxiliary, defaults={"weights_backbone": None})
def fcn_resnet50(
    *,
    num_classes: int | None = None,
    aux_loss: bool | None = None,
    weights_backbone: File | None = ResNet50_Weights.IMAGENET1K_V1,
    **config: Any,
) -> FCN:
    """FCN on ResNet-50 (32,957,013 parameters, with `aux_loss` 35,322,218); the backbone's weights are fetched unless None."""
    dilated = [False, True, True]
    backbone = resnet50(weights=weights_backbone, replace_stride_with_dilation=dilated, **config)
    return _fcn(backbone, num_classes, aux_loss)


FCN_ResNet101_Weights = published("FCN_ResNet101_Weights")


@preset(FCN_ResNet101_Weights, needs=needs_auxiliary, defaults={"weights_backbone": None})
def fcn_resnet101(
    *,
    num_classes: int | None = None,
    aux_loss: bool | None = None,
    weights_backbone: File | None = ResNet101_Weights.IMAGENET1K_V1,
    **config: Any,
) -> FCN:
    """FCN on ResNet-101 (51,949,141 parameters, with `aux_loss` 54,314,346)."""
    dilated = [False, True, True]
    backbone = resnet101(weights=weights_backbone, replace_stride_with_dilation=dilated, **config)
    return _fcn(backbone, num_classes, aux_loss)
