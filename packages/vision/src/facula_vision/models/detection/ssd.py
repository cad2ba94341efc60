"""SSD: one stage over maps of many scales, trained on the hardest of the background.

Source: W. Liu et al., "SSD: Single Shot MultiBox Detector", https://arxiv.org/abs/1512.02325.
"""

from __future__ import annotations

import math
import warnings
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

import facula
import facula.nn.functional as F
from facula import Tensor, nn
from facula_vision import ops
from facula_vision.models.detection.anchor_utils import DefaultBoxGenerator
from facula_vision.models.detection.backbone_utils import channels_of, trained_layers
from facula_vision.models.detection.coding import BoxCoder
from facula_vision.models.detection.matching import SSDMatcher
from facula_vision.models.detection.one_stage import OneStage, Target
from facula_vision.models.detection.presets import Start, detector
from facula_vision.models.detection.rpn import flat_predictions
from facula_vision.models.detection.transform import GeneralizedRCNNTransform
from facula_vision.models.vgg import VGG16_Weights, vgg16
from facula_vision.models.weights import published

__all__ = ["SSD", "SSD300_VGG16_Weights", "SSDClassificationHead", "SSDHead", "SSDRegressionHead", "ssd300_vgg16"]


def _spread_evenly(module: nn.Module) -> None:
    """Xavier's uniform weights, no biases."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.xavier_uniform_(layer.weight)
            if layer.bias is not None:
                nn.init.constant_(layer.bias, 0.0)


class ScoringHead(nn.Module):
    """A layer for each map, whose channels are `num_columns` for each anchor.

    Shape: [(N, C, H, W), ...] -> (N, all anchors, num_columns).
    """

    def __init__(self, module_list: nn.ModuleList, num_columns: int) -> None:
        super().__init__()
        self.module_list = module_list
        self.num_columns = num_columns

    def forward(self, x: list[Tensor]) -> Tensor:
        levels = [layer(level) for layer, level in zip(self.module_list, x, strict=True)]
        return facula.cat(flat_predictions(levels, self.num_columns), dim=1)


class SSDClassificationHead(ScoringHead):
    """A logit for each class of each anchor, class 0 being the background."""

    def __init__(self, in_channels: list[int], num_anchors: list[int], num_classes: int) -> None:
        pairs = zip(in_channels, num_anchors, strict=True)
        layers = nn.ModuleList(nn.Conv2d(c, num_classes * a, kernel_size=3, padding=1) for c, a in pairs)
        _spread_evenly(layers)
        super().__init__(layers, num_classes)


class SSDRegressionHead(ScoringHead):
    """Four numbers for the box of each anchor."""

    def __init__(self, in_channels: list[int], num_anchors: list[int]) -> None:
        pairs = zip(in_channels, num_anchors, strict=True)
        layers = nn.ModuleList(nn.Conv2d(c, 4 * a, kernel_size=3, padding=1) for c, a in pairs)
        _spread_evenly(layers)
        super().__init__(layers, 4)


class SSDHead(nn.Module):
    """Both heads.   Shape: [(N, C, H, W), ...] -> {"bbox_regression", "cls_logits"}."""

    def __init__(self, in_channels: list[int], num_anchors: list[int], num_classes: int) -> None:
        super().__init__()
        self.classification_head = SSDClassificationHead(in_channels, num_anchors, num_classes)
        self.regression_head = SSDRegressionHead(in_channels, num_anchors)

    def forward(self, x: list[Tensor]) -> dict[str, Tensor]:
        return {"bbox_regression": self.regression_head(x), "cls_logits": self.classification_head(x)}


class SSD(OneStage):
    """A backbone that gives several maps as a detector for pictures of `size` (width, height); class 0 is the background.

    ValueError for a backbone whose maps and anchors differ in number.
    Shape: [(3, H, W) in 0..1, ...] -> [{"boxes": (L, 4), "scores": (L,), "labels": (L,)}, ...] in evaluation; with
    targets [{"boxes", "labels"}, ...] {"bbox_regression": (), "classification": ()} while training.
    """

    def __init__(
        self,
        backbone: nn.Module,
        anchor_generator: DefaultBoxGenerator,
        size: tuple[int, int],
        num_classes: int,
        image_mean: Sequence[float] | None = None,
        image_std: Sequence[float] | None = None,
        head: nn.Module | None = None,
        score_thresh: float = 0.01,
        nms_thresh: float = 0.45,
        detections_per_img: int = 200,
        iou_thresh: float = 0.5,
        topk_candidates: int = 400,
        positive_fraction: float = 0.25,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.anchor_generator = anchor_generator
        self.box_coder = BoxCoder(weights=(10.0, 10.0, 5.0, 5.0))
        if head is None:
            each = anchor_generator.num_anchors_per_location()
            told: Any = getattr(backbone, "out_channels", None) or channels_of(backbone, size)
            channels = [told] if isinstance(told, int) else list(told)
            if len(channels) != len(each):
                raise ValueError(
                    f"SSD: the length of the output channels from the backbone ({len(channels)}) do not match the length of the "
                    f"anchor generator aspect ratios, expected {len(each)}, got {len(channels)}. Give ratios for each map."
                )
            head = SSDHead(channels, each, num_classes)
        self.head = head
        self.proposal_matcher = SSDMatcher(iou_thresh)
        mean = [0.485, 0.456, 0.406] if image_mean is None else image_mean
        std = [0.229, 0.224, 0.225] if image_std is None else image_std
        self.transform = GeneralizedRCNNTransform(
            min(size), max(size), mean, std, size_divisible=1, fixed_size=size, **kwargs
        )
        self.score_thresh = score_thresh
        self.nms_thresh = nms_thresh
        self.detections_per_img = detections_per_img
        self.topk_candidates = topk_candidates
        self.neg_to_pos_ratio = (1.0 - positive_fraction) / positive_fraction

    def losses(
        self, targets: Sequence[Target], outputs: dict[str, Tensor], anchors: list[Tensor], counts: list[int]
    ) -> Any:
        logits = outputs["cls_logits"]
        distances, labels = [], []
        for target, moves, own in zip(targets, outputs["bbox_regression"], anchors, strict=True):
            label = facula.zeros(len(own), dtype=facula.int64, device=own.device)
            if target["boxes"].numel():
                index = self.proposal_matcher(ops.box_iou(target["boxes"], own))
                objects = facula.where(index >= 0)[0]
                wanted = self.box_coder.encode_single(target["boxes"][index[objects]], own[objects])
                distances.append(F.smooth_l1_loss(moves[objects], wanted, reduction="sum"))
                label[objects] = target["labels"][index[objects]]
            labels.append(label)
        classes = facula.stack(labels)
        entropy = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), classes.flatten(), reduction="none")
        entropy = entropy.reshape(classes.shape)
        chosen = (classes > 0) | self._hardest(entropy.detach(), classes)
        count = max(1, int((classes > 0).sum()))
        distance = facula.stack(distances).sum() if distances else outputs["bbox_regression"].sum() * 0
        return {"bbox_regression": distance / count, "classification": (entropy * chosen).sum() / count}

    def _hardest(self, entropy: Tensor, classes: Tensor) -> Tensor:
        """The background that is told worst, some times as many as there are objects.   Shape: (N, A) -> (N, A) bool."""
        objects = classes > 0
        order = entropy.masked_fill(objects, -math.inf).argsort(dim=1, descending=True, stable=True)
        return order.argsort(dim=1) < self.neg_to_pos_ratio * objects.sum(dim=1, keepdim=True)

    def results(
        self, outputs: dict[str, Tensor], anchors: list[Tensor], sizes: list[tuple[int, int]], counts: list[int]
    ) -> list[Target]:
        found = []
        scores = outputs["cls_logits"].softmax(dim=-1)
        for moves, score, own, size in zip(outputs["bbox_regression"], scores, anchors, sizes, strict=True):
            boxes = ops.clip_boxes_to_image(self.box_coder.decode_single(moves, own), size)
            parts = []
            for label in range(1, score.shape[1]):
                left = facula.where(score[:, label] > self.score_thresh)[0]
                best, order = score[left, label].topk(min(self.topk_candidates, len(left)))
                parts.append((boxes[left[order]], best, facula.full_like(order, label)))
            near, best, labels = (facula.cat(part) for part in zip(*parts, strict=True))
            keep = ops.batched_nms(near, best, labels, self.nms_thresh)[: self.detections_per_img]
            found.append({"boxes": near[keep], "scores": best[keep], "labels": labels[keep]})
        return found


class SSDFeatureExtractorVGG(nn.Module):
    """VGG's convolutions up to the fourth pooling, and blocks that halve the map; `highres` adds one more.

    Shape: (N, 3, 300, 300) -> six maps of 38, 19, 10, 5, 3 and 1 pixels.
    """

    def __init__(self, backbone: nn.Sequential, highres: bool) -> None:
        super().__init__()
        pools = [k for k, layer in enumerate(backbone) if isinstance(layer, nn.MaxPool2d)]
        backbone[pools[2]].ceil_mode = True  # so that 75 pixels become 38
        self.scale_weight = nn.Parameter(facula.ones(512) * 20)
        self.features = nn.Sequential(*backbone[: pools[3]])
        extra = nn.ModuleList(
            [_halving(1024, 256, 512), _halving(512, 128, 256), _shrinking(256, 128, 256), _shrinking(256, 128, 256)]
        )
        if highres:
            last = [nn.Conv2d(256, 128, kernel_size=1), nn.ReLU(inplace=True)]
            extra.append(nn.Sequential(*last, nn.Conv2d(128, 256, kernel_size=4), nn.ReLU(inplace=True)))
        _spread_evenly(extra)
        wide = nn.Sequential(
            nn.MaxPool2d(kernel_size=3, stride=1, padding=1, ceil_mode=False),
            nn.Conv2d(512, 1024, kernel_size=3, padding=6, dilation=6),
            nn.ReLU(inplace=True),
            nn.Conv2d(1024, 1024, kernel_size=1),
            nn.ReLU(inplace=True),
        )
        _spread_evenly(wide)
        extra.insert(0, nn.Sequential(*backbone[pools[3] : -1], wide))
        self.extra = extra

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        x = self.features(x)
        found = [self.scale_weight.reshape(1, -1, 1, 1) * F.normalize(x)]
        for block in self.extra:
            x = block(x)
            found.append(x)
        return OrderedDict((str(k), level) for k, level in enumerate(found))


def _halving(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """1x1, then 3x3 with stride 2."""
    first = nn.Conv2d(inputs, hidden, kernel_size=1), nn.ReLU(inplace=True)
    return nn.Sequential(*first, nn.Conv2d(hidden, outputs, kernel_size=3, padding=1, stride=2), nn.ReLU(inplace=True))


def _shrinking(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """1x1, then 3x3 without padding."""
    first = nn.Conv2d(inputs, hidden, kernel_size=1), nn.ReLU(inplace=True)
    return nn.Sequential(*first, nn.Conv2d(hidden, outputs, kernel_size=3), nn.ReLU(inplace=True))


def without_size(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Arguments without `size`, which is fixed, with a warning if it was there."""
    if "size" in kwargs:
        warnings.warn("The size of the model is already fixed; ignoring the parameter.", stacklevel=4)
    return {name: value for name, value in kwargs.items() if name != "size"}


SSD300_VGG16_Weights = published("SSD300_VGG16_Weights")


@detector(SSD300_VGG16_Weights, VGG16_Weights.IMAGENET1K_FEATURES)
def ssd300_vgg16(start: Start, **kwargs: Any) -> SSD:
    """SSD for pictures of 300 pixels with a VGG-16 (35,641,826 parameters)."""
    depth = trained_layers(start.trained, start.trainable_layers, 5, 4)
    features: Any = vgg16(weights=start.weights_backbone).features
    pools = [k for k, layer in enumerate(features) if isinstance(layer, nn.MaxPool2d)]
    stages = [0, *pools[:-1]]
    for layer in features[: stages[-depth] if depth else len(features)]:
        for parameter in layer.parameters():
            parameter.requires_grad_(False)
    anchors = DefaultBoxGenerator(
        [[2], [2, 3], [2, 3], [2, 3], [2], [2]],
        scales=[0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05],
        steps=[8, 16, 32, 64, 100, 300],
    )
    look = {"image_mean": [0.48235, 0.45882, 0.40784], "image_std": [1.0 / 255.0] * 3}
    backbone = SSDFeatureExtractorVGG(features, highres=False)
    return SSD(backbone, anchors, (300, 300), start.num_classes, **{**look, **without_size(kwargs)})
