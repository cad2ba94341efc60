"""Keypoint R-CNN: the joints of each person.

Source: K. He et al., "Mask R-CNN", section 5, https://arxiv.org/abs/1703.06870.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import facula.nn.functional as F
from facula import Tensor, nn
from facula_vision import ops
from facula_vision.models.detection.faster_rcnn import FasterRCNN, resnet_pyramid
from facula_vision.models.detection.presets import Start, detector
from facula_vision.models.resnet import ResNet50_Weights
from facula_vision.models.weights import published

__all__ = [
    "KeypointRCNN",
    "KeypointRCNNHeads",
    "KeypointRCNNPredictor",
    "KeypointRCNN_ResNet50_FPN_Weights",
    "keypointrcnn_resnet50_fpn",
]


class KeypointRCNNHeads(nn.Sequential):
    """3x3 convolutions of `layers` channels.   Shape: (K, in_channels, H, W) -> (K, layers[-1], H, W)."""

    def __init__(self, in_channels: int, layers: Sequence[int]) -> None:
        parts: list[nn.Module] = []
        for outputs in layers:
            parts += [nn.Conv2d(in_channels, outputs, 3, stride=1, padding=1), nn.ReLU(inplace=True)]
            in_channels = outputs
        super().__init__(*parts)
        for layer in self.children():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                nn.init.constant_(layer.bias, 0)


class KeypointRCNNPredictor(nn.Module):
    """A heatmap for each point, four times the size.   Shape: (K, C, H, W) -> (K, num_keypoints, 4 H, 4 W)."""

    def __init__(self, in_channels: int, num_keypoints: int) -> None:
        super().__init__()
        self.kps_score_lowres = nn.ConvTranspose2d(in_channels, num_keypoints, 4, stride=2, padding=1)
        nn.init.kaiming_normal_(self.kps_score_lowres.weight, mode="fan_out", nonlinearity="relu")
        nn.init.constant_(self.kps_score_lowres.bias, 0)
        self.up_scale = 2
        self.out_channels = num_keypoints

    def forward(self, x: Tensor) -> Tensor:
        x = self.kps_score_lowres(x)
        return F.interpolate(x, scale_factor=float(self.up_scale), mode="bilinear", align_corners=False)


class KeypointRCNN(FasterRCNN):
    """`FasterRCNN` with `num_keypoints` points for each box; `kwargs` are its arguments.

    Shape: as there, and "keypoints": (L, P, 3) as (x, y, visible) in results and targets, "keypoints_scores": (L, P).
    """

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int | None = None,
        min_size: int | Sequence[int] | None = None,
        *args: Any,
        keypoint_roi_pool: nn.Module | None = None,
        keypoint_head: nn.Module | None = None,
        keypoint_predictor: nn.Module | None = None,
        num_keypoints: int | None = None,
        **kwargs: Any,
    ) -> None:
        if keypoint_predictor is not None and num_keypoints is not None:
            raise ValueError(
                "KeypointRCNN: num_keypoints should be None when keypoint_predictor is specified, expected one of them, got "
                "both. Give one."
            )
        sizes = (640, 672, 704, 736, 768, 800) if min_size is None else min_size
        super().__init__(backbone, num_classes, sizes, *args, **kwargs)
        heads = self.roi_heads
        heads.keypoint_roi_pool = keypoint_roi_pool or ops.MultiScaleRoIAlign(["0", "1", "2", "3"], 14, 2)
        heads.keypoint_head = keypoint_head or KeypointRCNNHeads(int(backbone.out_channels), (512,) * 8)
        points = 17 if num_keypoints is None else num_keypoints
        heads.keypoint_predictor = keypoint_predictor or KeypointRCNNPredictor(512, points)


KeypointRCNN_ResNet50_FPN_Weights = published("KeypointRCNN_ResNet50_FPN_Weights")


@detector(
    KeypointRCNN_ResNet50_FPN_Weights,
    ResNet50_Weights.IMAGENET1K_V1,
    num_classes=2,
    needs=lambda meta: {"num_keypoints": len(meta["keypoint_names"])},
    exact=True,
)
def keypointrcnn_resnet50_fpn(start: Start, num_keypoints: int | None = None, **kwargs: Any) -> KeypointRCNN:
    """Keypoint R-CNN with a ResNet-50 and a pyramid (59,190,378 parameters; 59,137,258 with weights)."""
    points = 17 if num_keypoints is None else num_keypoints
    return KeypointRCNN(resnet_pyramid(start), num_classes=start.num_classes, num_keypoints=points, **kwargs)
