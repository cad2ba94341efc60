"""Losses of boxes and of scores whose classes are far from equal in number."""

from __future__ import annotations

import math

import facula
import facula.nn.functional as F
from facula import Tensor

__all__ = ["complete_box_iou_loss", "distance_box_iou_loss", "generalized_box_iou_loss", "sigmoid_focal_loss"]


def _reduced(name: str, loss: Tensor, reduction: str, empty: float | None = None) -> Tensor:
    """The loss itself, its mean or its sum; the mean of none is `empty`."""
    if reduction == "none":
        return loss
    if reduction == "mean":
        return loss.mean() if loss.numel() or empty is None else empty * loss.sum()
    if reduction == "sum":
        return loss.sum()
    raise ValueError(
        f"{name}: invalid value for arg 'reduction', expected 'none', 'mean' or 'sum', got {reduction!r}. Choose one of them."
    )


def sigmoid_focal_loss(
    inputs: Tensor, targets: Tensor, alpha: float = 0.25, gamma: float = 2, reduction: str = "none"
) -> Tensor:
    """Binary cross-entropy times (1 - p) ** gamma, where p is the probability of the target; easy ones count little.

    `alpha` weighs the ones and 1 - alpha the zeros; -1 leaves that out. `inputs` are logits.
    Shape: any, the same -> the same, or () if reduced. ValueError for another alpha or reduction.
    Source: T.-Y. Lin et al., "Focal Loss for Dense Object Detection", https://arxiv.org/abs/1708.02002.

    >>> import facula
    >>> from facula_vision.ops import sigmoid_focal_loss
    >>> sigmoid_focal_loss(facula.tensor([0.0, 4.0]), facula.tensor([1.0, 1.0]))
    tensor([4.3322e-02, 1.4679e-06])
    """
    if not 0 <= alpha <= 1 and alpha != -1:
        raise ValueError(
            f"sigmoid_focal_loss: invalid alpha value, expected one in [0, 1] or -1 for none, got {alpha}. Give e.g. 0.25."
        )
    p = facula.sigmoid(inputs)
    loss = F.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    loss = loss * (1 - (p * targets + (1 - p) * (1 - targets))) ** gamma
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    return _reduced("sigmoid_focal_loss", loss, reduction)


def _pairs(boxes1: Tensor, boxes2: Tensor, eps: float) -> tuple[Tensor, Tensor, Tensor]:
    """IoU, union and the sides of the least box around both, box by box."""
    boxes1, boxes2 = _floating(boxes1), _floating(boxes2)
    overlap = facula.minimum(boxes1[..., 2:], boxes2[..., 2:]) - facula.maximum(boxes1[..., :2], boxes2[..., :2])
    there = (overlap > 0).all(dim=-1)
    overlap = facula.where(there, overlap.prod(dim=-1), 0.0)
    areas = [(boxes[..., 2:] - boxes[..., :2]).prod(dim=-1) for boxes in (boxes1, boxes2)]
    union = areas[0] + areas[1] - overlap
    hull = facula.maximum(boxes1[..., 2:], boxes2[..., 2:]) - facula.minimum(boxes1[..., :2], boxes2[..., :2])
    return overlap / (union + eps), union, hull


def _floating(boxes: Tensor) -> Tensor:
    return boxes if boxes.dtype in (facula.float32, facula.float64) else boxes.float()


def generalized_box_iou_loss(boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7) -> Tensor:
    """1 - `generalized_box_iou`, box by box.   Shape: (..., 4), (..., 4) -> (...), or () if reduced.

    Source: H. Rezatofighi et al., https://arxiv.org/abs/1902.09630. ValueError for another reduction.

    >>> import facula
    >>> from facula_vision.ops import generalized_box_iou_loss
    >>> generalized_box_iou_loss(facula.tensor([[0.0, 0.0, 2.0, 2.0]]), facula.tensor([[1.0, 0.0, 3.0, 2.0]]))
    tensor([0.6667])
    """
    ratio, union, hull = _pairs(boxes1, boxes2, eps)
    area = hull.prod(dim=-1)
    loss = 1 - (ratio - (area - union) / (area + eps))
    return _reduced("generalized_box_iou_loss", loss, reduction, empty=0.0)


def _distance_loss(boxes1: Tensor, boxes2: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """1 - `distance_box_iou` box by box, and the IoU."""
    ratio, _, hull = _pairs(boxes1, boxes2, eps)
    boxes1, boxes2 = _floating(boxes1), _floating(boxes2)
    between = (boxes1[..., :2] + boxes1[..., 2:]) / 2 - (boxes2[..., :2] + boxes2[..., 2:]) / 2
    return 1 - ratio + between.square().sum(dim=-1) / (hull.square().sum(dim=-1) + eps), ratio


def distance_box_iou_loss(boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7) -> Tensor:
    """1 - `distance_box_iou`, box by box.   Shape: (..., 4), (..., 4) -> (...), or () if reduced.

    Source: Z. Zheng et al., https://arxiv.org/abs/1911.08287. ValueError for another reduction.
    """
    return _reduced("distance_box_iou_loss", _distance_loss(boxes1, boxes2, eps)[0], reduction, empty=0.0)


def complete_box_iou_loss(boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7) -> Tensor:
    """1 - `complete_box_iou`, box by box.   Shape: (..., 4), (..., 4) -> (...), or () if reduced.

    Source: Z. Zheng et al., https://arxiv.org/abs/1911.08287. ValueError for another reduction.
    """
    distance, ratio = _distance_loss(boxes1, boxes2, eps)
    sides = [(_floating(boxes)[..., 2:] - _floating(boxes)[..., :2]).unbind(-1) for boxes in (boxes1, boxes2)]
    angles = [facula.atan(wide / high) for wide, high in sides]
    unequal = (4 / math.pi**2) * (angles[1] - angles[0]).square()
    with facula.no_grad():
        weight = unequal / (1 - ratio + unequal + eps)
    return _reduced("complete_box_iou_loss", distance + weight * unequal, reduction, empty=0.0)
