"""What the segmenters share: a backbone that keeps the picture large, and scores as large as the input."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from facula import Tensor, nn
from facula_vision.models.feature_extraction import IntermediateLayerGetter

__all__ = ["SegmentationModel", "needs_auxiliary", "of_mobilenet", "of_resnet", "upsampled"]


class SegmentationModel(nn.Module):
    """Features of a backbone, scores of a head on the last of them, and of a second head on earlier ones for training.

    Shape: (N, 3, H, W) -> {"out": (N, num_classes, H, W)}, with "aux" of the same shape if there is a second head.
    """

    def __init__(self, backbone: nn.Module, classifier: nn.Module, aux_classifier: nn.Module | None = None) -> None:
        super().__init__()
        self.backbone = backbone
        self.classifier = classifier
        self.aux_classifier = aux_classifier

    def forward(self, input: Tensor) -> OrderedDict[str, Tensor]:
        size = input.shape[-2:]
        features = self.backbone(input)
        result = OrderedDict(out=upsampled(self.classifier(features["out"]), size))
        if self.aux_classifier is not None:
            result["aux"] = upsampled(self.aux_classifier(features["aux"]), size)
        return result


def upsampled(input: Tensor, size: Any) -> Tensor:
    """A smoothly enlarged picture.   Shape: (N, C, h, w) -> (N, C, *size)."""
    return nn.functional.interpolate(input, size=tuple(size), mode="bilinear", align_corners=False)


def of_resnet(resnet: nn.Module, aux: bool) -> IntermediateLayerGetter:
    """The last stage of a residual network as "out", with `aux` the one before as "aux"."""
    return IntermediateLayerGetter(resnet, {"layer4": "out"} | ({"layer3": "aux"} if aux else {}))


def of_mobilenet(features: nn.Sequential, high: str, low: str | None) -> tuple[IntermediateLayerGetter, int, int]:
    """The last layer under the name `high` and an early one, an eighth of the picture, as `low`; and their channels."""
    strided = [index for index, layer in enumerate(features) if getattr(layer, "_is_cn", False)]
    last, early = len(features) - 1, strided[-3] if len(strided) > 2 else 0
    names = {str(last): high} | ({str(early): low} if low else {})
    return IntermediateLayerGetter(features, names), features[last].out_channels, features[early].out_channels


def needs_auxiliary(meta: Mapping[str, Any]) -> dict[str, Any]:
    """Published weights hold a second head."""
    return {"aux_loss": True}
