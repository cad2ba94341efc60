"""Boxes: their forms, areas and overlaps, and the suppression of those that overlap a better one.

A box is (x1, y1, x2, y2) with x1 <= x2 and y1 <= y2 unless a form is named.
"""

from __future__ import annotations

import math

import facula
from facula import Tensor
from facula_vision.ops.kernels.suppression import suppressed_op
from facula_vision.ops.rotated import convert as _rotated_convert
from facula_vision.ops.rotated import iou as _rotated_iou

__all__ = [
    "batched_nms",
    "box_area",
    "box_convert",
    "box_iou",
    "clip_boxes_to_image",
    "complete_box_iou",
    "distance_box_iou",
    "generalized_box_iou",
    "masks_to_boxes",
    "nms",
    "remove_small_boxes",
]

_FORMS = ("xyxy", "xywh", "cxcywh")
_ROTATED = ("xywhr", "cxcywhr", "xyxyxyxy")


def box_convert(boxes: Tensor, in_fmt: str, out_fmt: str) -> Tensor:
    """Boxes in another form: corners "xyxy", corner and size "xywh", or centre and size "cxcywh".

    Rotated boxes are "xywhr", "cxcywhr" (with an angle in degrees, counter-clockwise) or four corners "xyxyxyxy".
    Shape: (..., 4) -> the same; (..., 5) or (..., 8) for rotated ones. ValueError for another form, NotImplementedError
    between upright and rotated ones.

    >>> import facula
    >>> from facula_vision.ops import box_convert
    >>> box_convert(facula.tensor([[2.0, 2.0, 6.0, 10.0]]), "xyxy", "cxcywh").tolist()
    [[4.0, 6.0, 4.0, 8.0]]
    """
    known = _FORMS + _ROTATED
    if in_fmt not in known or out_fmt not in known:
        raise ValueError(f"box_convert: expected forms among {known}, got {in_fmt!r} and {out_fmt!r}. Use one of them.")
    if (in_fmt in _ROTATED) != (out_fmt in _ROTATED):
        raise NotImplementedError(
            f"box_convert: expected both forms upright or both rotated, got {in_fmt!r} and {out_fmt!r}. "
            "Add or drop the angle first."
        )
    if in_fmt == out_fmt:
        return boxes.clone()
    if in_fmt in _ROTATED:
        return _rotated_convert(boxes, in_fmt, out_fmt)
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


def _sides(boxes: Tensor, fmt: str) -> Tensor:
    """Width and height.   Shape: (N, 4) -> (N, 2)."""
    return boxes[..., 2:] - boxes[..., :2] if fmt == "xyxy" else boxes[..., 2:]


def box_area(boxes: Tensor, fmt: str = "xyxy") -> Tensor:
    """The areas of boxes in one of the upright forms.   Shape: (N, 4) -> (N,). ValueError for another form."""
    if fmt not in _FORMS:
        raise ValueError(f"box_area: expected a form among {_FORMS}, got {fmt!r}. Convert the boxes first.")
    wide, high = _sides(boxes, fmt).unbind(-1)
    return wide * high


def box_iou(boxes1: Tensor, boxes2: Tensor, fmt: str = "xyxy") -> Tensor:
    """The intersection over the union of each box of one set with each of the other.

    Rotated boxes ("xywhr", "cxcywhr", "xyxyxyxy") get no gradient. ValueError for another form.
    Shape: (N, 4), (M, 4) -> (N, M).

    >>> import facula
    >>> from facula_vision.ops import box_iou
    >>> box_iou(facula.tensor([[0.0, 0.0, 2.0, 2.0]]), facula.tensor([[1.0, 0.0, 3.0, 2.0]])).tolist()
    [[0.3333333432674408]]
    """
    if fmt in _ROTATED:
        with facula.no_grad():
            return _rotated_iou(_as_rotated(boxes1, fmt), _as_rotated(boxes2, fmt))
    if fmt not in _FORMS:
        raise ValueError(f"box_iou: expected a form among {_FORMS + _ROTATED}, got {fmt!r}. Convert the boxes first.")
    if fmt != "xyxy":
        boxes1, boxes2 = box_convert(boxes1, fmt, "xyxy"), box_convert(boxes2, fmt, "xyxy")
    overlap, union = _overlap_and_union(boxes1, boxes2)
    return overlap / union


def _as_rotated(boxes: Tensor, fmt: str) -> Tensor:
    width = 8 if fmt == "xyxyxyxy" else 5
    if boxes.dim() != 2 or boxes.shape[1] != width:
        raise RuntimeError(
            f"box_iou: expected boxes (N, {width}) of the form {fmt!r}, got {tuple(boxes.shape)}. Reshape them."
        )
    return boxes if fmt == "cxcywhr" else _rotated_convert(boxes, fmt, "cxcywhr")


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

    Shape: (N, 4), (N,) -> (K,), int64. RuntimeError for other shapes and for two types.

    >>> import facula
    >>> from facula_vision.ops import nms
    >>> boxes = facula.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 5.0], [6.0, 6.0, 8.0, 8.0]])
    >>> nms(boxes, facula.tensor([0.5, 0.9, 0.1]), iou_threshold=0.5).tolist()
    [1, 2]
    """
    _check(boxes, scores)
    return _kept(boxes, scores, facula.zeros_like(scores), iou_threshold)


def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """`nms` within each class of `idxs` alone; the kept of all classes together, best first.

    Shape: (N, 4), (N,), (N,) -> (K,), int64.
    """
    _check(boxes, scores)
    if not len(boxes):
        return facula.empty(0, dtype=facula.int64, device=boxes.device)
    return _kept(boxes, scores, idxs.unique(return_inverse=True)[1], iou_threshold)


def _check(boxes: Tensor, scores: Tensor) -> None:
    if boxes.dim() != 2 or boxes.shape[1] != 4 or tuple(scores.shape) != (len(boxes),):
        raise RuntimeError(
            f"nms: expected boxes (N, 4) and scores (N,), got {tuple(boxes.shape)} and {tuple(scores.shape)}. "
            "Reshape them."
        )
    if boxes.dtype != scores.dtype:
        raise RuntimeError(
            f"nms: dets should have the same type as scores, expected {boxes.dtype}, got {scores.dtype}. Convert one."
        )


def _kept(boxes: Tensor, scores: Tensor, labels: Tensor, iou_threshold: float) -> Tensor:
    """What no better box of the same label suppresses, best first."""
    with facula.no_grad():
        order = scores.detach().argsort(descending=True, stable=True)
        sorted_boxes = boxes.detach()[order]
        return order[~suppressed_op(sorted_boxes, labels[order].to(boxes.dtype), iou_threshold=iou_threshold)]


def masks_to_boxes(masks: Tensor) -> Tensor:
    """The least box around the nonzero pixels of each mask; zeros for an empty one.   Shape: (N, H, W) -> (N, 4), float32.

    >>> import facula
    >>> from facula_vision.ops import masks_to_boxes
    >>> mask = facula.zeros(1, 4, 5)
    >>> mask[0, 1:3, 2:5] = 1
    >>> masks_to_boxes(mask).tolist()
    [[2.0, 1.0, 4.0, 2.0]]
    """
    if not masks.numel():
        return facula.zeros((0, 4), device=masks.device)
    full = masks != 0
    ends = []
    for hit in (full.any(dim=1), full.any(dim=2)):  # (N, W), (N, H)
        first = hit.int().argmax(dim=1)
        last = hit.shape[1] - 1 - hit.flip(1).int().argmax(dim=1)
        ends.append(facula.where(hit.any(dim=1), facula.stack([first, last]), 0))
    (x1, x2), (y1, y2) = ends
    return facula.stack([x1, y1, x2, y2], dim=1).to(facula.float32)


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
