"""FCOS: one stage without shapes of anchors; each place tells the distances to the sides of its object.

Source: Z. Tian et al., "FCOS: Fully Convolutional One-Stage Object Detection", https://arxiv.org/abs/1904.01355.
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
from facula_vision.models.detection.coding import BoxLinearCoder
from facula_vision.models.detection.faster_rcnn import resnet_pyramid
from facula_vision.models.detection.one_stage import OneStage, Target, best_of_levels
from facula_vision.models.detection.presets import Start, detector
from facula_vision.models.detection.retinanet import dense_channels
from facula_vision.models.detection.rpn import flat_predictions
from facula_vision.models.detection.transform import GeneralizedRCNNTransform
from facula_vision.models.resnet import ResNet50_Weights
from facula_vision.models.weights import published
from facula_vision.ops.feature_pyramid_network import LastLevelP6P7

__all__ = [
    "FCOS",
    "FCOSClassificationHead",
    "FCOSHead",
    "FCOSRegressionHead",
    "FCOS_ResNet50_FPN_Weights",
    "fcos_resnet50_fpn",
]

Norm = Callable[..., nn.Module]


def _groups(channels: int) -> nn.Module:
    return nn.GroupNorm(32, channels)


def _branch(in_channels: int, num_convs: int, norm_layer: Norm | None) -> nn.Sequential:
    """3x3 convolutions, each with a normalisation (of 32 groups, if none is given) and a ReLU."""
    layers: list[nn.Module] = []
    for _ in range(num_convs):
        layer = nn.Conv2d(in_channels, in_channels, kernel_size=3, stride=1, padding=1)
        nn.init.normal_(layer.weight, std=0.01)
        nn.init.constant_(layer.bias, 0)
        layers += [layer, (norm_layer or _groups)(in_channels), nn.ReLU()]
    return nn.Sequential(*layers)


class FCOSClassificationHead(nn.Module):
    """A logit for each class of each place.   Shape: [(N, C, H, W), ...] -> (N, all places, num_classes)."""

    def __init__(
        self,
        in_channels: int,
        num_anchors: int,
        num_classes: int,
        num_convs: int = 4,
        prior_probability: float = 0.01,
        norm_layer: Norm | None = None,
    ) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.num_anchors = num_anchors
        self.conv = _branch(in_channels, num_convs, norm_layer)
        self.cls_logits = nn.Conv2d(in_channels, num_anchors * num_classes, kernel_size=3, stride=1, padding=1)
        nn.init.normal_(self.cls_logits.weight, std=0.01)
        nn.init.constant_(self.cls_logits.bias, -math.log((1 - prior_probability) / prior_probability))

    def forward(self, x: list[Tensor]) -> Tensor:
        return facula.cat(flat_predictions([self.cls_logits(self.conv(level)) for level in x], self.num_classes), dim=1)


class FCOSRegressionHead(nn.Module):
    """Four distances and how central each place is.

    Shape: [(N, C, H, W), ...] -> (N, all places, 4), (N, all places, 1).
    """

    def __init__(self, in_channels: int, num_anchors: int, num_convs: int = 4, norm_layer: Norm | None = None) -> None:
        super().__init__()
        self.conv = _branch(in_channels, num_convs, norm_layer)
        self.bbox_reg = nn.Conv2d(in_channels, num_anchors * 4, kernel_size=3, stride=1, padding=1)
        self.bbox_ctrness = nn.Conv2d(in_channels, num_anchors * 1, kernel_size=3, stride=1, padding=1)
        for layer in (self.bbox_reg, self.bbox_ctrness):
            nn.init.normal_(layer.weight, std=0.01)
            nn.init.zeros_(layer.bias)

    def forward(self, x: list[Tensor]) -> tuple[Tensor, Tensor]:
        hidden = [self.conv(level) for level in x]
        boxes = flat_predictions([F.relu(self.bbox_reg(level)) for level in hidden], 4)
        middle = flat_predictions([self.bbox_ctrness(level) for level in hidden], 1)
        return facula.cat(boxes, dim=1), facula.cat(middle, dim=1)


class FCOSHead(nn.Module):
    """Both heads over all levels.   Shape: [(N, C, H, W), ...] -> {"cls_logits", "bbox_regression", "bbox_ctrness"}."""

    def __init__(self, in_channels: int, num_anchors: int, num_classes: int, num_convs: int | None = 4) -> None:
        super().__init__()
        self.box_coder = BoxLinearCoder(normalize_by_size=True)
        convs = 4 if num_convs is None else num_convs
        self.classification_head = FCOSClassificationHead(in_channels, num_anchors, num_classes, convs)
        self.regression_head = FCOSRegressionHead(in_channels, num_anchors, convs)

    def compute_loss(
        self,
        targets: Sequence[Target],
        head_outputs: dict[str, Tensor],
        anchors: list[Tensor],
        matched_idxs: list[Tensor],
    ) -> dict[str, Tensor]:
        """The three losses, each over the number of places that belong to an object."""
        logits, moves = head_outputs["cls_logits"], head_outputs["bbox_regression"]
        classes, boxes = [], []
        for target, index in zip(targets, matched_idxs, strict=True):
            if len(target["labels"]):
                classes.append(facula.where(index < 0, -1, target["labels"][index.clamp(min=0)]))
                boxes.append(target["boxes"][index.clamp(min=0)])
            else:
                classes.append(facula.full_like(index, -1))
                boxes.append(moves.new_zeros((len(index), 4)))
        labels, wanted, own = facula.stack(classes), facula.stack(boxes), facula.stack(anchors)
        objects = facula.where(labels >= 0)
        count = max(1, len(objects[0]))
        is_class = facula.zeros_like(logits.detach())
        is_class[(*objects, labels[objects])] = 1.0
        focal = ops.sigmoid_focal_loss(logits, is_class, reduction="sum")
        found = self.box_coder.decode(moves, own)[objects]
        overlap = ops.generalized_box_iou_loss(found, wanted[objects], reduction="sum")
        middle = self._centrality(self.box_coder.encode(own[objects], wanted[objects]))
        central = head_outputs["bbox_ctrness"][..., 0][objects]
        entropy = F.binary_cross_entropy_with_logits(central, middle, reduction="sum")
        return {
            "classification": focal / count,
            "bbox_regression": overlap / count,
            "bbox_ctrness": entropy / count,
        }

    @staticmethod
    def _centrality(distances: Tensor) -> Tensor:
        """sqrt(min / max of left and right, times the same of top and bottom).   Shape: (K, 4) -> (K,)."""
        if not len(distances):
            return distances.new_zeros(0)
        across, down = distances[:, [0, 2]], distances[:, [1, 3]]
        return ((across.amin(1) / across.amax(1)) * (down.amin(1) / down.amax(1))).sqrt()

    def forward(self, x: list[Tensor]) -> dict[str, Tensor]:
        boxes, middle = self.regression_head(x)
        return {"cls_logits": self.classification_head(x), "bbox_regression": boxes, "bbox_ctrness": middle}


class FCOS(OneStage):
    """Any backbone with `out_channels` as a detector of one stage; labels count from 0, and none is the background.

    Shape: [(3, H, W) in 0..1, ...] -> [{"boxes": (L, 4), "scores": (L,), "labels": (L,)}, ...] in evaluation; with
    targets [{"boxes", "labels"}, ...] {"classification", "bbox_regression", "bbox_ctrness"} while training.
    """

    def __init__(
        self,
        backbone: nn.Module,
        num_classes: int,
        min_size: int = 800,
        max_size: int = 1333,
        image_mean: Sequence[float] | None = None,
        image_std: Sequence[float] | None = None,
        anchor_generator: AnchorGenerator | None = None,
        head: nn.Module | None = None,
        center_sampling_radius: float = 1.5,
        score_thresh: float = 0.2,
        nms_thresh: float = 0.6,
        detections_per_img: int = 100,
        topk_candidates: int = 1000,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        channels = dense_channels("FCOS", backbone, anchor_generator)
        self.backbone = backbone
        if anchor_generator is None:  # one square for each place, as wide as the way to the next
            anchor_generator = AnchorGenerator(((8,), (16,), (32,), (64,), (128,)), ((1.0,),) * 5)
        self.anchor_generator = anchor_generator
        each = anchor_generator.num_anchors_per_location()[0]
        if each != 1:
            raise AssertionError(
                f"FCOS: anchor_generator.num_anchors_per_location()[0] needs to be 1, expected that, got {each}. Give one size "
                "and one ratio for each level."
            )
        self.head = FCOSHead(channels, each, num_classes) if head is None else head
        self.box_coder = BoxLinearCoder(normalize_by_size=True)
        mean = [0.485, 0.456, 0.406] if image_mean is None else image_mean
        std = [0.229, 0.224, 0.225] if image_std is None else image_std
        self.transform = GeneralizedRCNNTransform(min_size, max_size, mean, std, **kwargs)
        self.center_sampling_radius = center_sampling_radius
        self.score_thresh = score_thresh
        self.nms_thresh = nms_thresh
        self.detections_per_img = detections_per_img
        self.topk_candidates = topk_candidates

    def _matched(self, boxes: Tensor, anchors: Tensor, first: int, last: int) -> Tensor:
        """The smallest object that each place belongs to, or -1: near its centre, inside, and of the level's size."""
        if not boxes.numel():
            return facula.full((len(anchors),), -1, dtype=facula.int64, device=anchors.device)
        centres, places = (boxes[:, :2] + boxes[:, 2:]) / 2, (anchors[:, :2] + anchors[:, 2:]) / 2
        sizes = anchors[:, 2] - anchors[:, 0]
        away = (places[:, None] - centres).abs().amax(dim=2)  # (places, objects)
        near = away < self.center_sampling_radius * sizes[:, None]
        distances = facula.cat([places[:, None] - boxes[:, :2], boxes[:, 2:] - places[:, None]], dim=2)
        least, most = sizes * 4, sizes * 8
        least[:first] = 0
        most[-last:] = math.inf
        farthest = distances.amax(dim=2)
        fits = (farthest > least[:, None]) & (farthest < most[:, None])
        area = (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)
        value, index = ((near & (distances.amin(dim=2) > 0) & fits) * (1e8 - area)).max(dim=1)
        return index.masked_fill(value < 1e-5, -1)

    def losses(
        self, targets: Sequence[Target], outputs: dict[str, Tensor], anchors: list[Tensor], counts: list[int]
    ) -> Any:
        pairs = zip(targets, anchors, strict=True)
        matched = [self._matched(target["boxes"], own, counts[0], counts[-1]) for target, own in pairs]
        return self.head.compute_loss(targets, outputs, anchors, matched)

    def results(
        self, outputs: dict[str, Tensor], anchors: list[Tensor], sizes: list[tuple[int, int]], counts: list[int]
    ) -> list[Target]:
        found = []
        for k, size in enumerate(sizes):
            central = outputs["bbox_ctrness"][k].sigmoid()
            scores = (outputs["cls_logits"][k].sigmoid() * central).sqrt().split(counts)
            moves, own = outputs["bbox_regression"][k].split(counts), anchors[k].split(counts)

            def decode(level: int, index: Tensor, moves: Any = moves, own: Any = own) -> Tensor:
                return self.box_coder.decode(moves[level][index], own[level][index])

            limits = self.score_thresh, self.nms_thresh, self.topk_candidates, self.detections_per_img
            found.append(best_of_levels(scores, decode, size, *limits))
        return found


FCOS_ResNet50_FPN_Weights = published("FCOS_ResNet50_FPN_Weights")


@detector(FCOS_ResNet50_FPN_Weights, ResNet50_Weights.IMAGENET1K_V1)
def fcos_resnet50_fpn(start: Start, **kwargs: Any) -> FCOS:
    """FCOS with a ResNet-50 and a pyramid (32,322,720 parameters; 32,269,600 with weights)."""
    backbone = resnet_pyramid(start, returned_layers=[2, 3, 4], extra_blocks=LastLevelP6P7(256, 256))
    return FCOS(backbone, start.num_classes, **kwargs)
