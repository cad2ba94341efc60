"""Keypoints of instances as places in heatmaps.

Source: K. He et al., "Mask R-CNN", section 5, https://arxiv.org/abs/1703.06870.
"""

from __future__ import annotations

import facula
import facula.nn.functional as F
from facula import Tensor

__all__ = ["heatmaps_to_keypoints", "keypointrcnn_inference", "keypointrcnn_loss", "keypoints_to_heatmap"]


def keypoints_to_heatmap(keypoints: Tensor, rois: Tensor, heatmap_size: int) -> tuple[Tensor, Tensor]:
    """The number of the pixel of each point in its box's heatmap, and whether it is visible and inside.

    Shape: (K, P, 3), (K, 4) -> (K, P) int64 twice.
    """
    corner, sides = rois[:, None, :2], rois[:, None, 2:] - rois[:, None, :2]
    points = keypoints[..., :2]
    places = ((points - corner) * (heatmap_size / sides)).floor().long()
    places = facula.where(points == rois[:, None, 2:], heatmap_size - 1, places)  # the far border belongs to the box
    inside = ((places >= 0) & (places < heatmap_size)).all(dim=-1)
    valid = (inside & (keypoints[..., 2] > 0)).long()
    return (places[..., 1] * heatmap_size + places[..., 0]) * valid, valid


def heatmaps_to_keypoints(maps: Tensor, rois: Tensor) -> tuple[Tensor, Tensor]:
    """The highest place of each heatmap stretched over its box, and its height.

    Shape: (K, P, M, M), (K, 4) -> (K, P, 3) as (x, y, 1), (K, P).
    """
    points, scores = [], []
    sides = (rois[:, 2:] - rois[:, :2]).clamp(min=1)
    whole = sides.ceil()
    for k, (wide, high) in enumerate(whole.long().tolist()):
        stretched = F.interpolate(maps[k : k + 1], size=(high, wide), mode="bicubic", align_corners=False)[0]
        flat = stretched.flatten(1)
        best = flat.argmax(dim=1)
        place = facula.stack([best % wide, best // wide], dim=1)
        found = (place.to(maps.dtype) + 0.5) * (sides[k] / whole[k]) + rois[k, :2]
        points.append(facula.cat([found, facula.ones_like(found[:, :1])], dim=1))
        scores.append(flat.gather(1, best[:, None])[:, 0])
    if not points:
        return maps.new_zeros((0, maps.shape[1], 3)), maps.new_zeros((0, maps.shape[1]))
    return facula.stack(points), facula.stack(scores)


def keypointrcnn_loss(
    keypoint_logits: Tensor, proposals: list[Tensor], gt_keypoints: list[Tensor], keypoint_matched_idxs: list[Tensor]
) -> Tensor:
    """Cross-entropy over the pixels of the heatmaps of visible points.   Shape: (K, P, M, M) -> ()."""
    size = keypoint_logits.shape[-1]
    pairs = [
        keypoints_to_heatmap(points[index], boxes, size)
        for boxes, points, index in zip(proposals, gt_keypoints, keypoint_matched_idxs, strict=True)
    ]
    places, valid = (facula.cat([pair[k].flatten() for pair in pairs]) for k in (0, 1))
    chosen = facula.where(valid != 0)[0]
    if not keypoint_logits.numel() or not len(chosen):
        return keypoint_logits.sum() * 0
    return F.cross_entropy(keypoint_logits.reshape(-1, size * size)[chosen], places[chosen])


def keypointrcnn_inference(x: Tensor, boxes: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    """Points and their scores, by pictures.   Shape: (K, P, M, M) -> [(L, P, 3), ...], [(L, P), ...]."""
    parts = zip(x.split([len(part) for part in boxes]), boxes, strict=True)
    found = [heatmaps_to_keypoints(maps, part) for maps, part in parts]
    return [points for points, _ in found], [scores for _, scores in found]
