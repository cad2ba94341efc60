"""Masks of instances: what they are trained on, and how small ones come back into the picture.

Source: K. He et al., "Mask R-CNN", https://arxiv.org/abs/1703.06870.
"""

from __future__ import annotations

import facula
import facula.nn.functional as F
from facula import Tensor
from facula_vision.ops import roi_align

__all__ = ["maskrcnn_inference", "maskrcnn_loss", "paste_masks_in_image", "project_masks_on_boxes"]


def maskrcnn_inference(x: Tensor, labels: list[Tensor]) -> list[Tensor]:
    """The probabilities of each box's own class, by pictures.   Shape: (K, C, M, M) -> [(L, 1, M, M), ...]."""
    own = facula.cat(labels)
    probability = x.sigmoid()[facula.arange(len(own), device=x.device), own][:, None]
    return list(probability.split([len(part) for part in labels]))


def project_masks_on_boxes(gt_masks: Tensor, boxes: Tensor, matched_idxs: Tensor, M: int) -> Tensor:
    """The part of its object's mask under each box, in M by M pixels.   Shape: (G, H, W), (K, 4), (K,) -> (K, M, M)."""
    regions = facula.cat([matched_idxs[:, None].to(boxes.dtype), boxes], dim=1)
    return roi_align(gt_masks[:, None].to(boxes.dtype), regions, (M, M), 1.0)[:, 0]


def maskrcnn_loss(
    mask_logits: Tensor,
    proposals: list[Tensor],
    gt_masks: list[Tensor],
    gt_labels: list[Tensor],
    mask_matched_idxs: list[Tensor],
) -> Tensor:
    """Binary cross-entropy of the masks of each box's true class.   Shape: (K, C, M, M) -> ()."""
    size = mask_logits.shape[-1]
    labels = facula.cat([own[index] for own, index in zip(gt_labels, mask_matched_idxs, strict=True)])
    parts = zip(gt_masks, proposals, mask_matched_idxs, strict=True)
    targets = facula.cat([project_masks_on_boxes(*part, size) for part in parts])
    if not targets.numel():
        return mask_logits.sum() * 0
    chosen = mask_logits[facula.arange(len(labels), device=labels.device), labels]
    return F.binary_cross_entropy_with_logits(chosen, targets)


def _expanded(masks: Tensor, boxes: Tensor, padding: int) -> tuple[Tensor, Tensor]:
    """Masks with a border of zeros, and boxes that grow alike, in whole pixels."""
    scale = (masks.shape[-1] + 2 * padding) / masks.shape[-1]
    middle, half = (boxes[:, 2:] + boxes[:, :2]) * 0.5, (boxes[:, 2:] - boxes[:, :2]) * 0.5 * scale
    return F.pad(masks, (padding,) * 4), facula.cat([middle - half, middle + half], dim=1).long()


def paste_masks_in_image(masks: Tensor, boxes: Tensor, img_shape: tuple[int, int], padding: int = 1) -> Tensor:
    """Each mask stretched over its box in an empty picture.   Shape: (K, 1, M, M), (K, 4) -> (K, 1, *img_shape)."""
    height, width = img_shape
    masks, boxes = _expanded(masks, boxes, padding)
    picture = masks.new_zeros((len(masks), 1, height, width))
    for k, (x0, y0, x1, y1) in enumerate(boxes.tolist()):
        size = max(y1 - y0 + 1, 1), max(x1 - x0 + 1, 1)  # the last row and column belong to the box
        left, right, top, bottom = max(x0, 0), min(x1 + 1, width), max(y0, 0), min(y1 + 1, height)
        if left < right and top < bottom:
            mask = F.interpolate(masks[k : k + 1], size=size, mode="bilinear", align_corners=False)
            picture[k, :, top:bottom, left:right] = mask[0, :, top - y0 : bottom - y0, left - x0 : right - x0]
    return picture
