"""Proposals: where something is, whatever it is.

Source: S. Ren et al., "Faster R-CNN", https://arxiv.org/abs/1506.01497.
"""

from __future__ import annotations

from typing import Any

import facula
import facula.nn.functional as F
from facula import Tensor, nn
from facula_vision import ops
from facula_vision.models.detection.anchor_utils import AnchorGenerator
from facula_vision.models.detection.coding import BoxCoder
from facula_vision.models.detection.image_list import ImageList
from facula_vision.models.detection.matching import BalancedPositiveNegativeSampler, Matcher

__all__ = ["RPNHead", "RegionProposalNetwork", "flat_predictions"]


class RPNHead(nn.Module):
    """3x3 convolutions, then for each anchor of each place one logit and four numbers for its box.

    Shape: [(N, C, H, W), ...] -> [(N, A, H, W), ...], [(N, 4 A, H, W), ...].
    """

    def __init__(self, in_channels: int, num_anchors: int, conv_depth: int = 1) -> None:
        super().__init__()
        layers = [ops.Conv2dNormActivation(in_channels, in_channels, 3, norm_layer=None) for _ in range(conv_depth)]
        self.conv = nn.Sequential(*layers)
        self.cls_logits = nn.Conv2d(in_channels, num_anchors, kernel_size=1, stride=1)
        self.bbox_pred = nn.Conv2d(in_channels, num_anchors * 4, kernel_size=1, stride=1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.normal_(layer.weight, std=0.01)
                nn.init.constant_(layer.bias, 0)

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        """Weights published before there could be several convolutions: `conv.weight` is `conv.0.0.weight` now."""
        state_dict, prefix = args[:2]
        for name in ("weight", "bias"):
            if f"{prefix}conv.{name}" in state_dict:
                state_dict[f"{prefix}conv.0.0.{name}"] = state_dict.pop(f"{prefix}conv.{name}")
        super()._load_from_state_dict(*args, **kwargs)

    def forward(self, x: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        hidden = [self.conv(level) for level in x]
        return [self.cls_logits(level) for level in hidden], [self.bbox_pred(level) for level in hidden]


def flat_predictions(levels: list[Tensor], size: int) -> list[Tensor]:
    """Maps with `size` numbers for each anchor as rows of anchors.   Shape: (N, A size, H, W) -> (N, H W A, size)."""
    found = []
    for level in levels:
        images, _, rows, columns = level.shape
        parts = level.reshape(images, -1, size, rows, columns)
        found.append(parts.permute(0, 3, 4, 1, 2).reshape(images, -1, size))
    return found


class RegionProposalNetwork(nn.Module):
    """Anchors moved by what the head says, the best of them without overlaps; while training, two losses.

    `pre_nms_top_n` and `post_nms_top_n` hold the numbers of proposals for "training" and "testing".
    Shape: pictures, {name: (N, C, H, W)}, targets -> [(L, 4), ...], {"loss_objectness": (), "loss_rpn_box_reg": ()}.
    """

    def __init__(
        self,
        anchor_generator: AnchorGenerator,
        head: nn.Module,
        fg_iou_thresh: float,
        bg_iou_thresh: float,
        batch_size_per_image: int,
        positive_fraction: float,
        pre_nms_top_n: dict[str, int],
        post_nms_top_n: dict[str, int],
        nms_thresh: float,
        score_thresh: float = 0.0,
    ) -> None:
        super().__init__()
        self.anchor_generator = anchor_generator
        self.head = head
        self.box_coder = BoxCoder(weights=(1.0, 1.0, 1.0, 1.0))
        self.box_similarity = ops.box_iou
        self.proposal_matcher = Matcher(fg_iou_thresh, bg_iou_thresh, allow_low_quality_matches=True)
        self.fg_bg_sampler = BalancedPositiveNegativeSampler(batch_size_per_image, positive_fraction)
        self._pre_nms_top_n = pre_nms_top_n
        self._post_nms_top_n = post_nms_top_n
        self.nms_thresh = nms_thresh
        self.score_thresh = score_thresh
        self.min_size = 1e-3

    def pre_nms_top_n(self) -> int:
        """How many anchors of each level are looked at."""
        return self._pre_nms_top_n["training" if self.training else "testing"]

    def post_nms_top_n(self) -> int:
        """How many proposals of each picture are left."""
        return self._post_nms_top_n["training" if self.training else "testing"]

    def assign_targets_to_anchors(
        self, anchors: list[Tensor], targets: list[dict[str, Tensor]]
    ) -> tuple[list[Tensor], list[Tensor]]:
        """For each anchor 1 (an object), 0 (none) or -1 (neither), and the box of its object."""
        labels, matched = [], []
        for own, target in zip(anchors, targets, strict=True):
            boxes = target["boxes"]
            if not boxes.numel():
                labels.append(own.new_zeros(len(own)))
                matched.append(facula.zeros_like(own))
                continue
            index = self.proposal_matcher(self.box_similarity(boxes, own))
            matched.append(boxes[index.clamp(min=0)])
            label = facula.where(index >= 0, 1.0, facula.where(index == Matcher.BELOW_LOW_THRESHOLD, 0.0, -1.0))
            labels.append(label.to(own.dtype))
        return labels, matched

    def filter_proposals(
        self,
        proposals: Tensor,
        objectness: Tensor,
        image_shapes: list[tuple[int, int]],
        num_anchors_per_level: list[int],
    ) -> tuple[list[Tensor], list[Tensor]]:
        """The best proposals of each picture that do not overlap within their level, and their scores."""
        scores = objectness.detach().reshape(len(proposals), -1)
        best, start = [], 0
        for part in scores.split(num_anchors_per_level, 1):
            best.append(part.topk(min(self.pre_nms_top_n(), part.shape[1]), dim=1).indices + start)
            start += part.shape[1]
        levels = facula.cat([facula.full((index.shape[1],), k, device=scores.device) for k, index in enumerate(best)])
        places = facula.cat(best, dim=1)
        probability = scores.gather(1, places).sigmoid()
        boxes, kept = [], []
        for own, index, score, shape in zip(proposals, places, probability, image_shapes, strict=True):
            candidates = ops.clip_boxes_to_image(own[index], shape)
            sides = candidates[:, 2:] - candidates[:, :2]
            left = facula.where((sides >= self.min_size).all(dim=1) & (score >= self.score_thresh))[0]
            candidates, score = candidates[left], score[left]
            keep = ops.batched_nms(candidates, score, levels[left], self.nms_thresh)[: self.post_nms_top_n()]
            boxes.append(candidates[keep])
            kept.append(score[keep])
        return boxes, kept

    def compute_loss(
        self, objectness: Tensor, pred_bbox_deltas: Tensor, labels: list[Tensor], regression_targets: list[Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Cross-entropy of the anchors drawn, and how far the positive ones are from their boxes."""
        positive, negative = (facula.where(facula.cat(masks))[0] for masks in self.fg_bg_sampler(labels))
        drawn = facula.cat([positive, negative])
        wanted, is_object = facula.cat(regression_targets), facula.cat(labels)
        distance = F.smooth_l1_loss(pred_bbox_deltas[positive], wanted[positive], beta=1 / 9, reduction="sum")
        entropy = F.binary_cross_entropy_with_logits(objectness.flatten()[drawn], is_object[drawn])
        return entropy, distance / drawn.numel()

    def forward(
        self, images: ImageList, features: dict[str, Tensor], targets: list[dict[str, Tensor]] | None = None
    ) -> tuple[list[Tensor], dict[str, Tensor]]:
        levels = list(features.values())
        objectness, deltas = self.head(levels)
        anchors = self.anchor_generator(images, levels)
        counts = [level[0].numel() for level in objectness]
        scores = facula.cat(flat_predictions(objectness, 1), dim=1).reshape(-1, 1)
        moves = facula.cat(flat_predictions(deltas, 4), dim=1).reshape(-1, 4)
        proposals = self.box_coder.decode(moves.detach(), anchors).reshape(len(anchors), -1, 4)
        boxes, _ = self.filter_proposals(proposals, scores, images.image_sizes, counts)
        if not self.training:
            return boxes, {}
        if targets is None:
            raise ValueError(
                "RegionProposalNetwork: targets should not be None, expected some while training. Pass them."
            )
        labels, matched = self.assign_targets_to_anchors(anchors, targets)
        entropy, distance = self.compute_loss(scores, moves, labels, self.box_coder.encode(matched, anchors))
        return boxes, {"loss_objectness": entropy, "loss_rpn_box_reg": distance}
