"""Mask R-CNN: a mask for each box.

Source: K. He et al., "Mask R-CNN", https://arxiv.org/abs/1703.06870.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from facula import nn
from facula_vision import ops
from facula_vision.models.detection.faster_rcnn import (
    FasterRCNN,
    checked_backbone,
    resnet_pyramid,
    second_version,
    trained_pyramid,
)
from facula_vision.models.detection.presets import Start, detector
from facula_vision.models.resnet import ResNet50_Weights
from facula_vision.models.weights import published

__all__ = [
    "MaskRCNN",
    "MaskRCNNHeads",
    "MaskRCNNPredictor",
    "MaskRCNN_ResNet50_FPN_V2_Weights",
    "MaskRCNN_ResNet50_FPN_Weights",
    "maskrcnn_resnet50_fpn",
    "maskrcnn_resnet50_fpn_v2",
]


class MaskRCNNHeads(nn.Sequential):
    """3x3 convolutions of `layers` channels.   Shape: (K, in_channels, H, W) -> (K, layers[-1], H, W)."""

    def __init__(
        self,
        in_channels: int,
        layers: Sequence[int],
        dilation: int,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        blocks = []
        for outputs in layers:
            blocks.append(
                ops.Conv2dNormActivation(in_channels, outputs, 3, 1, dilation, norm_layer=norm_layer, dilation=dilation)
            )
            in_channels = outputs
        super().__init__(*blocks)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        """Weights published under older names: `mask_fcn1.weight` is `0.0.weight` now."""
        state_dict, prefix = args[:2]
        for k in range(len(self)):
            for name in ("weight", "bias"):
                old = f"{prefix}mask_fcn{k + 1}.{name}"
                if old in state_dict:
                    state_dict[f"{prefix}{k}.0.{name}"] = state_dict.pop(old)
        super()._load_from_state_dict(*args, **kwargs)


class MaskRCNNPredictor(nn.Sequential):
    """Twice the size, then a logit for each class.   Shape: (K, in_channels, H, W) -> (K, num_classes, 2 H, 2 W)."""

    def __init__(self, in_channels: int, dim_reduced: int, num_classes: int) -> None:
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            conv5_mask=nn.ConvTranspose2d(in_channels, dim_reduced, 2, 2, 0),
            relu=nn.ReLU(inplace=True),
            mask_fcn_logits=nn.Conv2d(dim_reduced, num_classes, 1, 1, 0),
        )
        super().__init__(layers)
        for name, parameter in self.named_parameters():
            if "weight" in name:
                nn.init.kaiming_normal_(parameter, mode="fan_out", nonlinearity="relu")


class MaskRCNN(FasterRCNN):
    """`FasterRCNN` with a mask for each box; `kwargs` are its arguments.

    Shape: as there, and "masks": (L, 1, H, W) of probabilities in the results, (G, H, W) of 0 and 1 in the targets.
    """

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int | None = None,
        *args: Any,
        mask_roi_pool: nn.Module | None = None,
        mask_head: nn.Module | None = None,
        mask_predictor: nn.Module | None = None,
        **kwargs: Any,
    ) -> None:
        if mask_predictor is not None and num_classes is not None:
            checked_backbone("MaskRCNN", backbone, num_classes, mask_predictor, "mask_predictor")
        super().__init__(backbone, num_classes, *args, **kwargs)
        channels = int(backbone.out_channels)
        heads = self.roi_heads
        heads.mask_roi_pool = mask_roi_pool or ops.MultiScaleRoIAlign(["0", "1", "2", "3"], 14, 2)
        heads.mask_head = mask_head or MaskRCNNHeads(channels, (256, 256, 256, 256), 1)
        heads.mask_predictor = mask_predictor or MaskRCNNPredictor(256, 256, num_classes or 0)


MaskRCNN_ResNet50_FPN_Weights = published("MaskRCNN_ResNet50_FPN_Weights")


@detector(MaskRCNN_ResNet50_FPN_Weights, ResNet50_Weights.IMAGENET1K_V1, exact=True)
def maskrcnn_resnet50_fpn(start: Start, **kwargs: Any) -> MaskRCNN:
    """Mask R-CNN with a ResNet-50 and a pyramid (44,454,513 parameters; 44,401,393 with weights)."""
    return MaskRCNN(resnet_pyramid(start), num_classes=start.num_classes, **kwargs)


MaskRCNN_ResNet50_FPN_V2_Weights = published("MaskRCNN_ResNet50_FPN_V2_Weights")


@detector(MaskRCNN_ResNet50_FPN_V2_Weights, None)
def maskrcnn_resnet50_fpn_v2(start: Start, **kwargs: Any) -> MaskRCNN:
    """Mask R-CNN with a ResNet-50, a pyramid and deeper heads (46,359,409 parameters)."""
    backbone = trained_pyramid(start, norm_layer=nn.BatchNorm2d)
    head = MaskRCNNHeads(256, [256] * 4, 1, norm_layer=nn.BatchNorm2d)
    return MaskRCNN(backbone, num_classes=start.num_classes, **{**second_version(256), "mask_head": head, **kwargs})
