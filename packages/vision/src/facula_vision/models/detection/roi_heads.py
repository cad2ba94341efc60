"""What stands in each proposal: its class, its box, and if asked for its mask and keypoints.

Sources: S. Ren et al., "Faster R-CNN", https://arxiv.org/abs/1506.01497; K. He et al., "Mask R-CNN",
https://arxiv.org/abs/1703.06870.
"""

from __future__ import annotations

from typing import Any

import facula
import facula.nn.functional as F
from facula import Tensor, nn
from facula_vision import ops
from facula_vision.models.detection.coding import BoxCoder
from facula_vision.models.detection.keypoint_heads import keypointrcnn_inference, keypointrcnn_loss
from facula_vision.models.detection.mask_heads import maskrcnn_inference, maskrcnn_loss
from facula_vision.models.detection.matching import BalancedPositiveNegativeSampler, Matcher

__all__ = ["RoIHeads", "fastrcnn_loss"]

Target = dict[str, Tensor]
Shapes = list[tuple[int, int]]


def fastrcnn_loss(
    class_logits: Tensor, box_regression: Tensor, labels: list[Tensor], regression_targets: list[Tensor]
) -> tuple[Tensor, Tensor]:
    """Cross-entropy of the classes, and the distance of the boxes that each object's own class predicts."""
    classes, wanted = facula.cat(labels), facula.cat(regression_targets)
    objects = facula.where(classes > 0)[0]
    own = box_regression.reshape(len(classes), -1, 4)[objects, classes[objects]]
    distance = F.smooth_l1_loss(own, wanted[objects], beta=1 / 9, reduction="sum")
    return F.cross_entropy(class_logits, classes), distance / classes.numel()


class RoIHeads(nn.Module):
    """Features of proposals through the heads; results in evaluation, losses while training.

    Shape: {name: (N, C, H, W)}, [(L, 4), ...], [(height, width), ...] -> results of each picture, losses.
    """

    mask_roi_pool: Any
    mask_head: Any
    mask_predictor: Any
    keypoint_roi_pool: Any
    keypoint_head: Any
    keypoint_predictor: Any

    def __init__(
        self,
        box_roi_pool: nn.Module,
        box_head: nn.Module,
        box_predictor: nn.Module,
        fg_iou_thresh: float,
        bg_iou_thresh: float,
        batch_size_per_image: int,
        positive_fraction: float,
        bbox_reg_weights: tuple[float, float, float, float] | None,
        score_thresh: float,
        nms_thresh: float,
        detections_per_img: int,
        mask_roi_pool: nn.Module | None = None,
        mask_head: nn.Module | None = None,
        mask_predictor: nn.Module | None = None,
        keypoint_roi_pool: nn.Module | None = None,
        keypoint_head: nn.Module | None = None,
        keypoint_predictor: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.box_similarity = ops.box_iou
        self.proposal_matcher = Matcher(fg_iou_thresh, bg_iou_thresh, allow_low_quality_matches=False)
        self.fg_bg_sampler = BalancedPositiveNegativeSampler(batch_size_per_image, positive_fraction)
        self.box_coder = BoxCoder((10.0, 10.0, 5.0, 5.0) if bbox_reg_weights is None else bbox_reg_weights)
        self.box_roi_pool = box_roi_pool
        self.box_head = box_head
        self.box_predictor = box_predictor
        self.score_thresh = score_thresh
        self.nms_thresh = nms_thresh
        self.detections_per_img = detections_per_img
        self.mask_roi_pool = mask_roi_pool
        self.mask_head = mask_head
        self.mask_predictor = mask_predictor
        self.keypoint_roi_pool = keypoint_roi_pool
        self.keypoint_head = keypoint_head
        self.keypoint_predictor = keypoint_predictor

    def has_mask(self) -> bool:
        """Whether masks are predicted."""
        return all(part is not None for part in (self.mask_roi_pool, self.mask_head, self.mask_predictor))

    def has_keypoint(self) -> bool:
        """Whether keypoints are predicted."""
        parts = self.keypoint_roi_pool, self.keypoint_head, self.keypoint_predictor
        return all(part is not None for part in parts)

    def assign_targets_to_proposals(
        self, proposals: list[Tensor], gt_boxes: list[Tensor], gt_labels: list[Tensor]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """The number of each proposal's object, and its label: 0 for none, -1 for neither."""
        matched, labels = [], []
        for own, boxes, classes in zip(proposals, gt_boxes, gt_labels, strict=True):
            if not boxes.numel():
                nothing = facula.zeros(len(own), dtype=facula.int64, device=own.device)
                matched.append(nothing)
                labels.append(nothing)
                continue
            index = self.proposal_matcher(self.box_similarity(boxes, own))
            label = classes[index.clamp(min=0)].long()
            label = label.masked_fill(index == Matcher.BELOW_LOW_THRESHOLD, 0)
            labels.append(label.masked_fill(index == Matcher.BETWEEN_THRESHOLDS, -1))
            matched.append(index.clamp(min=0))
        return matched, labels

    def subsample(self, labels: list[Tensor]) -> list[Tensor]:
        """Which proposals are drawn."""
        pairs = zip(*self.fg_bg_sampler(labels), strict=True)
        return [facula.where(positive | negative)[0] for positive, negative in pairs]

    def check_targets(self, targets: list[Target] | None) -> None:
        """ValueError unless there are targets with all that is trained."""
        if targets is None:
            raise ValueError("RoIHeads: targets should not be None, expected some while training. Pass them.")
        needed = ["boxes", "labels", *(["masks"] if self.has_mask() else [])]
        for target in targets:
            missing = [name for name in needed if name not in target]
            if missing:
                raise ValueError(
                    f"RoIHeads: every element of targets should have the keys {', '.join(needed)}, got none of the name "
                    f"{missing[0]}. Add it."
                )

    def select_training_samples(
        self, proposals: list[Tensor], targets: list[Target]
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor], list[Tensor]]:
        """Proposals drawn, the numbers of their objects, labels, and what leads to the objects' boxes."""
        self.check_targets(targets)
        dtype = proposals[0].dtype
        gt_boxes, gt_labels = [t["boxes"].to(dtype) for t in targets], [t["labels"] for t in targets]
        pairs = zip(proposals, gt_boxes, strict=True)
        everything = [facula.cat(pair) for pair in pairs]  # the objects themselves are good proposals
        matched, labels = self.assign_targets_to_proposals(everything, gt_boxes, gt_labels)
        chosen = self.subsample(labels)
        drawn = [own[index] for own, index in zip(everything, chosen, strict=True)]
        labels = [label[index] for label, index in zip(labels, chosen, strict=True)]
        matched = [number[index] for number, index in zip(matched, chosen, strict=True)]
        wanted = [
            boxes[number] if boxes.numel() else boxes.new_zeros((len(number), 4))
            for boxes, number in zip(gt_boxes, matched, strict=True)
        ]
        return drawn, matched, labels, self.box_coder.encode(wanted, drawn)

    def postprocess_detections(
        self, class_logits: Tensor, box_regression: Tensor, proposals: list[Tensor], image_shapes: Shapes
    ) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
        """The best boxes of each picture that do not overlap within their class, with scores and labels."""
        counts, classes = [len(boxes) for boxes in proposals], class_logits.shape[-1]
        boxes = self.box_coder.decode(box_regression, proposals).split(counts)
        scores = class_logits.softmax(-1).split(counts)
        results: tuple[list[Tensor], list[Tensor], list[Tensor]] = ([], [], [])
        for own, score, shape in zip(boxes, scores, image_shapes, strict=True):
            label = facula.arange(1, classes, device=score.device).expand(len(score), -1).flatten()
            own = ops.clip_boxes_to_image(own, shape)[:, 1:].reshape(-1, 4)  # class 0 is the background
            score = score[:, 1:].flatten()
            left = facula.where((score > self.score_thresh) & ((own[:, 2:] - own[:, :2]) >= 1e-2).all(dim=1))[0]
            own, score, label = own[left], score[left], label[left]
            keep = ops.batched_nms(own, score, label, self.nms_thresh)[: self.detections_per_img]
            for values, found in zip(results, (own, score, label), strict=True):
                values.append(found[keep])
        return results

    def forward(
        self,
        features: dict[str, Tensor],
        proposals: list[Tensor],
        image_shapes: Shapes,
        targets: list[Target] | None = None,
    ) -> tuple[list[Target], dict[str, Tensor]]:
        self._check_types(targets)
        result: list[Target] = []
        losses: dict[str, Tensor] = {}
        matched: list[Tensor] = []
        labels: list[Tensor] = []
        if self.training:
            self.check_targets(targets)
            proposals, matched, labels, wanted = self.select_training_samples(proposals, targets or [])
        logits, regression = self.box_predictor(self.box_head(self.box_roi_pool(features, proposals, image_shapes)))
        if self.training:
            losses["loss_classifier"], losses["loss_box_reg"] = fastrcnn_loss(logits, regression, labels, wanted)
            objects = [facula.where(label > 0)[0] for label in labels]
            boxes = [own[index] for own, index in zip(proposals, objects, strict=True)]
            matched = [number[index] for number, index in zip(matched, objects, strict=True)]
        else:
            boxes, scores, labels = self.postprocess_detections(logits, regression, proposals, image_shapes)
            rows = zip(boxes, labels, scores, strict=True)
            result = [{"boxes": own, "labels": label, "scores": score} for own, label, score in rows]
        if self.has_mask():
            self._masks(features, boxes, image_shapes, targets, matched, result, losses)
        if self.has_keypoint():
            self._keypoints(features, boxes, image_shapes, targets, matched, result, losses)
        return result, losses

    def _masks(
        self,
        features: dict[str, Tensor],
        boxes: list[Tensor],
        image_shapes: Shapes,
        targets: list[Target] | None,
        matched: list[Tensor],
        result: list[Target],
        losses: dict[str, Tensor],
    ) -> None:
        logits = self.mask_predictor(self.mask_head(self.mask_roi_pool(features, boxes, image_shapes)))
        if self.training:
            masks, labels = ([target[name] for target in targets or []] for name in ("masks", "labels"))
            losses["loss_mask"] = maskrcnn_loss(logits, boxes, masks, labels, matched)
            return
        found = maskrcnn_inference(logits, [row["labels"] for row in result])
        for row, mask in zip(result, found, strict=True):
            row["masks"] = mask

    def _keypoints(
        self,
        features: dict[str, Tensor],
        boxes: list[Tensor],
        image_shapes: Shapes,
        targets: list[Target] | None,
        matched: list[Tensor],
        result: list[Target],
        losses: dict[str, Tensor],
    ) -> None:
        logits = self.keypoint_predictor(self.keypoint_head(self.keypoint_roi_pool(features, boxes, image_shapes)))
        if self.training:
            points = [target["keypoints"] for target in targets or []]
            losses["loss_keypoint"] = keypointrcnn_loss(logits, boxes, points, matched)
            return
        for row, points, scores in zip(result, *keypointrcnn_inference(logits, boxes), strict=True):
            row["keypoints"], row["keypoints_scores"] = points, scores

    def _check_types(self, targets: list[Target] | None) -> None:
        for target in targets or []:
            if not target["boxes"].is_floating_point():
                raise TypeError(
                    f"RoIHeads: target boxes must be of float type, expected that, got {target['boxes'].dtype}. Use .float()."
                )
            if target["labels"].dtype != facula.int64:
                raise TypeError(
                    f"RoIHeads: target labels must be of int64 type, expected that, got {target['labels'].dtype}. Use .long()."
                )
            if self.has_keypoint() and not target["keypoints"].is_floating_point():
                raise TypeError(
                    f"RoIHeads: target keypoints must be of float type, expected that, got {target['keypoints'].dtype}. "
                    "Use .float()."
                )
