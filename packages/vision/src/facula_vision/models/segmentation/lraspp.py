"""Lite R-ASPP, the segmenter of MobileNet v3.

Source: A. Howard et al., "Searching for MobileNetV3", https://arxiv.org/abs/1905.02244, section 6.4.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from facula import Tensor, nn
from facula_vision.models.mobilenetv3 import MobileNet_V3_Large_Weights, mobilenet_v3_large
from facula_vision.models.presets import File, preset
from facula_vision.models.segmentation.base import of_mobilenet, upsampled
from facula_vision.models.weights import published

__all__ = ["LRASPP", "LRASPP_MobileNet_V3_Large_Weights", "lraspp_mobilenet_v3_large"]


class LRASPPHead(nn.Module):
    """Late features weighted by their mean and enlarged, beside early ones; each gives a score for each class.

    Shape: {"low": (N, low_channels, H, W), "high": (N, high_channels, h, w)} -> (N, num_classes, H, W).
    """

    def __init__(self, low_channels: int, high_channels: int, num_classes: int, inter_channels: int) -> None:
        super().__init__()
        conv = nn.Conv2d(high_channels, inter_channels, 1, bias=False)
        self.cbr = nn.Sequential(conv, nn.BatchNorm2d(inter_channels), nn.ReLU(inplace=True))
        weigh = nn.Conv2d(high_channels, inter_channels, 1, bias=False)
        self.scale = nn.Sequential(nn.AdaptiveAvgPool2d(1), weigh, nn.Sigmoid())
        self.low_classifier = nn.Conv2d(low_channels, num_classes, 1)
        self.high_classifier = nn.Conv2d(inter_channels, num_classes, 1)

    def forward(self, input: Mapping[str, Tensor]) -> Tensor:
        low, high = input["low"], input["high"]
        x = upsampled(self.cbr(high) * self.scale(high), low.shape[-2:])
        return self.low_classifier(low) + self.high_classifier(x)


class LRASPP(nn.Module):
    """A backbone that gives "low" and "high" features, a light head, the scores enlarged to the size of the picture.

    Shape: (N, 3, H, W) -> {"out": (N, num_classes, H, W)}.
    """

    def __init__(
        self, backbone: nn.Module, low_channels: int, high_channels: int, num_classes: int, inter_channels: int = 128
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = LRASPPHead(low_channels, high_channels, num_classes, inter_channels)

    def forward(self, input: Tensor) -> OrderedDict[str, Tensor]:
        return OrderedDict(out=upsampled(self.classifier(self.backbone(input)), input.shape[-2:]))


LRASPP_MobileNet_V3_Large_Weights = published("LRASPP_MobileNet_V3_Large_Weights")


@preset(LRASPP_MobileNet_V3_Large_Weights, defaults={"weights_backbone": None})
def lraspp_mobilenet_v3_large(
    *,
    num_classes: int | None = None,
    weights_backbone: File | None = MobileNet_V3_Large_Weights.IMAGENET1K_V1,
    **config: Any,
) -> LRASPP:
    """Lite R-ASPP on the large MobileNet v3 (3,221,538 parameters)."""
    features = mobilenet_v3_large(weights=weights_backbone, dilated=True, **config).features
    backbone, high, low = of_mobilenet(features, "high", "low")
    return LRASPP(backbone, low, high, 21 if num_classes is None else num_classes)
