"""RetinaNet: one stage, trained on all anchors by a loss in which easy ones count little.

Sources: T.-Y. Lin et al., "Focal Loss for Dense Object Detection", https://arxiv.org/abs/1708.02002; the second version's
choices: S. Zhang et al., "ATSS", https://arxiv.org/abs/1912.02424.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import facula
import facula.nn.functional as F
from facula import Tensor, nn
from facula_vision import ops
from facula_vision.models.detection.anchor_utils import AnchorGenerator
from facula_vision.models.detection.coding import BoxCoder
from facula_vision.models.detection.faster_rcnn import resnet_pyramid, trained_pyramid
from facula_vision.models.detection.matching import Matcher
from facula_vision.models.detection.one_stage import OneStage, Target, best_of_levels
from facula_vision.models.detection.presets import Start, detector
from facula_vision.models.detection.rpn import flat_predictions
from facula_vision.models.detection.transform import GeneralizedRCNNTransform
from facula_vision.models.resnet import ResNet50_Weights
from facula_vision.models.weights import published
from facula_vision.ops.feature_pyramid_network import LastLevelP6P7

__all__ = [
    "RetinaNet",
    "RetinaNetClassificationHead",
    "RetinaNetHead",
    "RetinaNetRegressionHead",
    "RetinaNet_ResNet50_FPN_V2_Weights",
    "RetinaNet_ResNet50_FPN_Weights",
    "retinanet_resnet50_fpn",
    "retinanet_resnet50_fpn_v2",
]

Norm = Callable[..., nn.Module]


def _three_sizes() -> AnchorGenerator:
    """Three sizes, a third of an octave apart, in three shapes for each of five levels."""
    sizes = tuple((x, int(x * 2 ** (1 / 3)), int(x * 2 ** (2 / 3))) for x in (32, 64, 128, 256, 512))
    return AnchorGenerator(sizes, ((0.5, 1.0, 2.0),) * 5)


class _Branch(nn.Module):
    """Four 3x3 convolutions, whose weights were once published without a place for a normalisation."""

    def __init__(self, in_channels: int, norm_layer: Norm | None) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            *(ops.Conv2dNormActivation(in_channels, in_channels, norm_layer=norm_layer) for _ in range(4))
        )
        for layer in self.conv.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=0.01)
                if layer.bias is not None:
                    nn.init.constant_(layer.bias, 0)

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        """Older names: every second of `conv.0` to `conv.6` is a convolution, now `conv.0.0` to `conv.3.0`."""
        state_dict, prefix = args[:2]
        if f"{prefix}conv.0.weight" in state_dict:
            for k in range(4):
                for name in ("weight", "bias"):
                    state_dict[f"{prefix}conv.{k}.0.{name}"] = state_dict.pop(f"{prefix}conv.{2 * k}.{name}")
        super()._load_from_state_dict(*args, **kwargs)


class RetinaNetClassificationHead(_Branch):
    """A logit for each class of each anchor.   Shape: [(N, C, H, W), ...] -> (N, all anchors, num_classes).

    At first each class has the probability `prior_probability`.
    """

    def __init__(
        self,
        in_channels: int,
        num_anchors: int,
        num_classes: int,
        prior_probability: float = 0.01,
        norm_layer: Norm | None = None,
    ) -> None:
        super().__init__(in_channels, norm_layer)
        self.cls_logits = nn.Conv2d(in_channels, num_anchors * num_classes, kernel_size=3, stride=1, padding=1)
        nn.init.normal_(self.cls_logits.weight, std=0.01)
        nn.init.constant_(self.cls_logits.bias, -math.log((1 - prior_probability) / prior_probability))
        self.num_classes = num_classes
        self.num_anchors = num_anchors

    def compute_loss(
        self, targets: Sequence[Target], head_outputs: dict[str, Tensor], matched_idxs: list[Tensor]
    ) -> Tensor:
        """The focal loss over the number of positive anchors, the mean over pictures."""
        losses = []
        for target, logits, index in zip(targets, head_outputs["cls_logits"], matched_idxs, strict=True):
            objects = facula.where(index >= 0)[0]
            wanted = facula.zeros_like(logits.detach())
            wanted[objects, target["labels"][index[objects]]] = 1.0
            valid = facula.where(index != Matcher.BETWEEN_THRESHOLDS)[0]
            loss = ops.sigmoid_focal_loss(logits[valid], wanted[valid], reduction="sum")
            losses.append(loss / max(1, len(objects)))
        return facula.stack(losses).sum() / len(targets)

    def forward(self, x: list[Tensor]) -> Tensor:
        return facula.cat(flat_predictions([self.cls_logits(self.conv(level)) for level in x], self.num_classes), dim=1)


class RetinaNetRegressionHead(_Branch):
    """Four numbers for the box of each anchor.   Shape: [(N, C, H, W), ...] -> (N, all anchors, 4)."""

    def __init__(self, in_channels: int, num_anchors: int, norm_layer: Norm | None = None) -> None:
        super().__init__(in_channels, norm_layer)
        self.bbox_reg = nn.Conv2d(in_channels, num_anchors * 4, kernel_size=3, stride=1, padding=1)
        nn.init.normal_(self.bbox_reg.weight, std=0.01)
        nn.init.zeros_(self.bbox_reg.bias)
        self.box_coder = BoxCoder(weights=(1.0, 1.0, 1.0, 1.0))
        self._loss_type = "l1"

    def compute_loss(
        self,
        targets: Sequence[Target],
        head_outputs: dict[str, Tensor],
        anchors: list[Tensor],
        matched_idxs: list[Tensor],
    ) -> Tensor:
        """The loss of the positive anchors' boxes over their number, the mean over pictures."""
        losses = []
        rows = zip(targets, head_outputs["bbox_regression"], anchors, matched_idxs, strict=True)
        for target, moves, own, index in rows:
            objects = facula.where(index >= 0)[0]
            boxes = target["boxes"][index[objects]]
            losses.append(self._distance(moves[objects], own[objects], boxes) / max(1, len(objects)))
        return facula.stack(losses).sum() / max(1, len(targets))

    def _distance(self, moves: Tensor, anchors: Tensor, boxes: Tensor) -> Tensor:
        if self._loss_type == "l1":
            return F.l1_loss(moves, self.box_coder.encode_single(boxes, anchors), reduction="sum")
        if self._loss_type == "smooth_l1":
            return F.smooth_l1_loss(moves, self.box_coder.encode_single(boxes, anchors), reduction="sum")
        loss = ops.generalized_box_iou_loss if self._loss_type == "giou" else ops.complete_box_iou_loss
        return loss(self.box_coder.decode_single(moves, anchors), boxes, reduction="sum", eps=1e-7)

    def forward(self, x: list[Tensor]) -> Tensor:
        return facula.cat(flat_predictions([self.bbox_reg(self.conv(level)) for level in x], 4), dim=1)


class RetinaNetHead(nn.Module):
    """Both heads over all levels.   Shape: [(N, C, H, W), ...] -> {"cls_logits", "bbox_regression"}."""

    def __init__(self, in_channels: int, num_anchors: int, num_classes: int, norm_layer: Norm | None = None) -> None:
        super().__init__()
        self.classification_head = RetinaNetClassificationHead(
            in_channels, num_anchors, num_classes, norm_layer=norm_layer
        )
        self.regression_head = RetinaNetRegressionHead(in_channels, num_anchors, norm_layer=norm_layer)

    def compute_loss(
        self,
        targets: Sequence[Target],
        head_outputs: dict[str, Tensor],
        anchors: list[Tensor],
        matched_idxs: list[Tensor],
    ) -> dict[str, Tensor]:
        """{"classification": (), "bbox_regression": ()}."""
        return {
            "classification": self.classification_head.compute_loss(targets, head_outputs, matched_idxs),
            "bbox_regression": self.regression_head.compute_loss(targets, head_outputs, anchors, matched_idxs),
        }

    def forward(self, x: list[Tensor]) -> dict[str, Tensor]:
        return {"cls_logits": self.classification_head(x), "bbox_regression": self.regression_head(x)}


class RetinaNet(OneStage):
    """Any backbone with `out_channels` as a detector of one stage; labels count from 0, and none is the background.

    ValueError and TypeError for what does not fit.
    Shape: [(3, H, W) in 0..1, ...] -> [{"boxes": (L, 4), "scores": (L,), "labels": (L,)}, ...] in evaluation; with
    targets [{"boxes", "labels"}, ...] {"classification": (), "bbox_regression": ()} while training.
    """

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int,
        min_size: int | Sequence[int] = 800,
        max_size: int = 1333,
        image_mean: Sequence[float] | None = None,
        image_std: Sequence[float] | None = None,
        anchor_generator: AnchorGenerator | None = None,
        head: nn.Module | None = None,
        proposal_matcher: Matcher | None = None,
        score_thresh: float = 0.05,
        nms_thresh: float = 0.5,
        detections_per_img: int = 300,
        fg_iou_thresh: float = 0.5,
        bg_iou_thresh: float = 0.4,
        topk_candidates: int = 1000,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        channels = dense_channels("RetinaNet", backbone, anchor_generator)
        self.backbone = backbone
        self.anchor_generator = _three_sizes() if anchor_generator is None else anchor_generator
        each = self.anchor_generator.num_anchors_per_location()[0]
        self.head = RetinaNetHead(channels, each, num_classes) if head is None else head
        self.proposal_matcher = proposal_matcher or Matcher(
            fg_iou_thresh, bg_iou_thresh, allow_low_quality_matches=True
        )
        self.box_coder = BoxCoder(weights=(1.0, 1.0, 1.0, 1.0))
        mean = [0.485, 0.456, 0.406] if image_mean is None else image_mean
        std = [0.229, 0.224, 0.225] if image_std is None else image_std
        self.transform = GeneralizedRCNNTransform(min_size, max_size, mean, std, **kwargs)
        self.score_thresh = score_thresh
        self.nms_thresh = nms_thresh
        self.detections_per_img = detections_per_img
        self.topk_candidates = topk_candidates

    def losses(
        self, targets: Sequence[Target], outputs: dict[str, Tensor], anchors: list[Tensor], counts: list[int]
    ) -> Any:
        matched = []
        for target, own in zip(targets, anchors, strict=True):
            if target["boxes"].numel():
                matched.append(self.proposal_matcher(ops.box_iou(target["boxes"], own)))
            else:
                matched.append(facula.full((len(own),), -1, dtype=facula.int64, device=own.device))
        return self.head.compute_loss(targets, outputs, anchors, matched)

    def results(
        self, outputs: dict[str, Tensor], anchors: list[Tensor], sizes: list[tuple[int, int]], counts: list[int]
    ) -> list[Target]:
        found = []
        for k, size in enumerate(sizes):
            scores = outputs["cls_logits"][k].sigmoid().split(counts)
            moves, own = outputs["bbox_regression"][k].split(counts), anchors[k].split(counts)

            def decode(level: int, index: Tensor, moves: Any = moves, own: Any = own) -> Tensor:
                return self.box_coder.decode_single(moves[level][index], own[level][index])

            limits = self.score_thresh, self.nms_thresh, self.topk_candidates, self.detections_per_img
            found.append(best_of_levels(scores, decode, size, *limits))
        return found


def dense_channels(name: str, backbone: nn.Module, anchor_generator: Any) -> int:
    """The channels of a backbone; ValueError for one that does not say them, TypeError for other anchors."""
    if not hasattr(backbone, "out_channels"):
        raise ValueError(
            f"{name}: backbone should contain an attribute out_channels, expected one, got a {type(backbone).__name__} "
            "without. Set backbone.out_channels to the channels of its maps."
        )
    if not isinstance(anchor_generator, (AnchorGenerator, type(None))):
        raise TypeError(
            f"{name}: anchor_generator should be of type AnchorGenerator or None, expected that, got "
            f"{type(anchor_generator)}. Make one of sizes and aspect_ratios."
        )
    return int(backbone.out_channels)


RetinaNet_ResNet50_FPN_Weights = published("RetinaNet_ResNet50_FPN_Weights")


@detector(RetinaNet_ResNet50_FPN_Weights, ResNet50_Weights.IMAGENET1K_V1, exact=True)
def retinanet_resnet50_fpn(start: Start, **kwargs: Any) -> RetinaNet:
    """RetinaNet with a ResNet-50 and a pyramid (34,068,119 parameters; 34,014,999 with weights)."""
    backbone = resnet_pyramid(start, returned_layers=[2, 3, 4], extra_blocks=LastLevelP6P7(256, 256))
    return RetinaNet(backbone, start.num_classes, **kwargs)


RetinaNet_ResNet50_FPN_V2_Weights = published("RetinaNet_ResNet50_FPN_V2_Weights")


@detector(RetinaNet_ResNet50_FPN_V2_Weights, None)
def retinanet_resnet50_fpn_v2(start: Start, **kwargs: Any) -> RetinaNet:
    """RetinaNet with a ResNet-50, a pyramid, normalised heads and a loss of overlaps (38,198,935 parameters)."""
    backbone = trained_pyramid(start, returned_layers=[2, 3, 4], extra_blocks=LastLevelP6P7(2048, 256))
    anchors = _three_sizes()
    each = anchors.num_anchors_per_location()[0]
    head = RetinaNetHead(256, each, start.num_classes, norm_layer=lambda channels: nn.GroupNorm(32, channels))
    head.regression_head._loss_type = "giou"
    return RetinaNet(backbone, start.num_classes, **{"anchor_generator": anchors, "head": head, **kwargs})
