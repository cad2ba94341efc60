"""Boxes: their forms, areas and overlaps, and the suppression of those that overlap a better one.

A box is (x1, y1, x2, y2) with x1 <= x2 and y1 <= y2 unless a form is named.
"""

from __future__ import annotations

import math

import facula
from facula import Tensor

__all__ = [
    "batched_nms",
    "box_area",
    "box_convert",
    "box_iou",
    "clip_boxes_to_image",
    "complete_box_iou",
    "distance_box_iou",
    "generalized_box_iou",
    "nms",
    "remove_small_boxes",
]

_FORMS = ("xyxy", "xywh", "cxcywh")


def box_convert(boxes: Tensor, in_fmt: str, out_fmt: str) -> Tensor:
    """Boxes in another form: corners "xyxy", corner and size "xywh", or centre and size "cxcywh".

    Shape: (..., 4) -> the same. ValueError for another form.

    >>> import facula
    >>> from facula_vision.ops import box_convert
    >>> box_convert(facula.tensor([[2.0, 2.0, 6.0, 10.0]]), "xyxy", "cxcywh").tolist()
    [[4.0, 6.0, 4.0, 8.0]]
    """
    if in_fmt not in _FORMS or out_fmt not in _FORMS:
        raise ValueError(
            f"box_convert: expected forms among {_FORMS}, got {in_fmt!r} and {out_fmt!r}. Use one of them."
        )
    if in_fmt == out_fmt:
        return boxes.clone()
    a, b, c, d = boxes.unbind(-1)
    if in_fmt == "xywh":
        a, b, c, d = a, b, a + c, b + d
    elif in_fmt == "cxcywh":
        a, b, c, d = a - 0.5 * c, b - 0.5 * d, a + 0.5 * c, b + 0.5 * d
    if out_fmt == "xywh":
        a, b, c, d = a, b, c - a, d - b
    elif out_fmt == "cxcywh":
        a, b, c, d = (a + c) / 2, (b + d) / 2, c - a, d - b
    return facula.stack([a, b, c, d], dim=-1)


def box_area(boxes: Tensor) -> Tensor:
    """The areas of boxes.   Shape: (N, 4) -> (N,)."""
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """The intersection over the union of each box of one set with each of the other.   Shape: (N, 4), (M, 4) -> (N, M).

    >>> import facula
    >>> from facula_vision.ops import box_iou
    >>> box_iou(facula.tensor([[0.0, 0.0, 2.0, 2.0]]), facula.tensor([[1.0, 0.0, 3.0, 2.0]])).tolist()
    [[0.3333333432674408]]
    """
    overlap, union = _overlap_and_union(boxes1, boxes2)
    return overlap / union


def _overlap_and_union(boxes1: Tensor, boxes2: Tensor) -> tuple[Tensor, Tensor]:
    low = facula.maximum(boxes1[:, None, :2], boxes2[:, :2])  # (N, M, 2)
    high = facula.minimum(boxes1[:, None, 2:], boxes2[:, 2:])
    overlap = (high - low).clamp(min=0).prod(dim=-1)
    return overlap, box_area(boxes1)[:, None] + box_area(boxes2) - overlap


def _hull(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Width and height of the least box around two, for all pairs.   Shape: (N, M, 2)."""
    low = facula.minimum(boxes1[:, None, :2], boxes2[:, :2])
    return (facula.maximum(boxes1[:, None, 2:], boxes2[:, 2:]) - low).clamp(min=0)


def generalized_box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """`box_iou` less the part of the least box around both that neither fills.   Shape: (N, 4), (M, 4) -> (N, M).

    Source: H. Rezatofighi et al., "Generalized Intersection over Union", https://arxiv.org/abs/1902.09630.
    """
    overlap, union = _overlap_and_union(boxes1, boxes2)
    hull = _hull(boxes1, boxes2).prod(dim=-1)
    return overlap / union - (hull - union) / hull


def distance_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """`box_iou` less the squared distance of the centres over the squared diagonal of the least box around both.

    Source: Z. Zheng et al., "Distance-IoU Loss", https://arxiv.org/abs/1911.08287.   Shape: (N, 4), (M, 4) -> (N, M).
    """
    diagonal = _hull(boxes1, boxes2).square().sum(dim=-1) + eps
    centres1, centres2 = (boxes1[:, :2] + boxes1[:, 2:]) / 2, (boxes2[:, :2] + boxes2[:, 2:]) / 2
    return box_iou(boxes1, boxes2) - (centres1[:, None] - centres2).square().sum(dim=-1) / diagonal


def complete_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """`distance_box_iou` less a term for unequal ratios of width and height, which takes part in no gradient's weight.

    Source: Z. Zheng et al., "Distance-IoU Loss", https://arxiv.org/abs/1911.08287.   Shape: (N, 4), (M, 4) -> (N, M).
    """
    angles = [facula.atan((boxes[:, 2] - boxes[:, 0]) / (boxes[:, 3] - boxes[:, 1])) for boxes in (boxes1, boxes2)]
    unequal = (4 / math.pi**2) * (angles[0][:, None] - angles[1]).square()
    with facula.no_grad():
        weight = unequal / (1 - box_iou(boxes1, boxes2) + unequal + eps)
    return distance_box_iou(boxes1, boxes2, eps) - weight * unequal


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """The indices of the boxes that overlap no kept box of a higher score by more than `iou_threshold`, best first.

    Shape: (N, 4), (N,) -> (K,), int64. ValueError for other shapes.

    >>> import facula
    >>> from facula_vision.ops import nms
    >>> boxes = facula.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 5.0], [6.0, 6.0, 8.0, 8.0]])
    >>> nms(boxes, facula.tensor([0.5, 0.9, 0.1]), iou_threshold=0.5).tolist()
    [1, 2]
    """
    if boxes.dim() != 2 or boxes.shape[1] != 4 or tuple(scores.shape) != (len(boxes),):
        raise ValueError(
            f"nms: expected boxes (N, 4) and scores (N,), got {tuple(boxes.shape)} and {tuple(scores.shape)}. "
            "Reshape them."
        )
    with facula.no_grad():
        left = scores.argsort(descending=True, stable=True)
        kept = []
        while len(left):
            kept.append(left[:1])
            rest = left[1:]
            left = rest[~(box_iou(boxes[left[:1]], boxes[rest])[0] > iou_threshold)]
        return facula.cat(kept) if kept else facula.empty(0, dtype=facula.int64, device=boxes.device)


def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """`nms` within each class of `idxs` alone; the kept of all classes together, best first.

    Shape: (N, 4), (N,), (N,) -> (K,), int64.
    """
    keep = facula.zeros(len(boxes), dtype=facula.bool, device=boxes.device)
    for label in idxs.unique():
        members = facula.where(idxs == label)[0]
        keep[members[nms(boxes[members], scores[members], iou_threshold)]] = True
    found = facula.where(keep)[0]
    return found[scores[found].argsort(descending=True, stable=True)]


def remove_small_boxes(boxes: Tensor, min_size: float) -> Tensor:
    """The indices of the boxes whose sides are both at least `min_size`.   Shape: (N, 4) -> (K,), int64."""
    sides = boxes[:, 2:] - boxes[:, :2]
    return facula.where((sides >= min_size).all(dim=1))[0]


def clip_boxes_to_image(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """Boxes cut at the border of a picture of `size` (height, width).   Shape: (..., 4) -> the same."""
    height, width = size
    x1, y1, x2, y2 = boxes.unbind(-1)
    clipped = [x1.clamp(0, width), y1.clamp(0, height), x2.clamp(0, width), y2.clamp(0, height)]
    return facula.stack(clipped, dim=-1)
