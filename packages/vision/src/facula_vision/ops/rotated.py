"""Rotated boxes: their forms, and their overlaps by cutting polygons.

The angle is in degrees, counter-clockwise as seen in a picture, where y grows downwards.
"""

from __future__ import annotations

import math

import facula
from facula import Tensor

__all__ = ["area", "convert", "iou"]


def _turned(boxes: Tensor) -> tuple[Tensor, ...]:
    """The first two numbers, and the vectors along the width and along the height."""
    a, b, wide, high, angle = boxes.unbind(-1)
    angle = angle * (math.pi / 180)
    cos, sin = angle.cos(), angle.sin()
    return a, b, wide * cos, -wide * sin, high * sin, high * cos


def _corners(boxes: Tensor) -> Tensor:
    """Four corners of boxes "cxcywhr", from the top left on along the width.   Shape: (..., 5) -> (..., 4, 2)."""
    x, y, wide_x, wide_y, high_x, high_y = _turned(boxes)
    points = []
    for across, down in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)):
        points.append(facula.stack([x + across * wide_x + down * high_x, y + across * wide_y + down * high_y], dim=-1))
    return facula.stack(points, dim=-2)


def _to_centre(boxes: Tensor, form: str) -> Tensor:
    if form == "cxcywhr":
        return boxes
    if form == "xywhr":
        x, y, wide_x, wide_y, high_x, high_y = _turned(boxes)
        centre = [x + 0.5 * (wide_x + high_x), y + 0.5 * (wide_y + high_y)]
        return facula.stack([*centre, *boxes.unbind(-1)[2:]], dim=-1)
    x1, y1, x2, y2, x3, y3, _, _ = boxes.unbind(-1)
    angle = facula.atan2(y1 - y2, x2 - x1) * (180 / math.pi)
    wide, high = facula.hypot(x2 - x1, y2 - y1), facula.hypot(x3 - x2, y3 - y2)
    return _to_centre(facula.stack([x1, y1, wide, high, angle], dim=-1), "xywhr")


def convert(boxes: Tensor, in_form: str, out_form: str) -> Tensor:
    """Rotated boxes in another of the forms "xywhr", "cxcywhr" and "xyxyxyxy"."""
    floating = boxes if boxes.is_floating_point() else boxes.to(facula.get_default_dtype())
    centred = _to_centre(floating, in_form)
    if out_form == "cxcywhr":
        found = centred
    elif out_form == "xywhr":
        found = facula.cat([_corners(centred)[..., 0, :], centred[..., 2:]], dim=-1)
    else:
        found = _corners(centred).flatten(-2)
    return found if boxes.is_floating_point() else found.round().to(boxes.dtype)


def area(boxes: Tensor) -> Tensor:
    """Areas of boxes "cxcywhr".   Shape: (..., 5) -> (...)."""
    return boxes[..., 2] * boxes[..., 3]


def iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Intersections over unions of boxes "cxcywhr", all with all.   Shape: (N, 5), (M, 5) -> (N, M).

    One polygon is cut by the four edges of the other (Sutherland and Hodgman, 1974), for all pairs at once: a cut keeps
    the list of corners at a fixed length of twice the last one, where corners that fall away become copies.
    """
    pairs = len(boxes1), len(boxes2)
    if 0 in pairs:
        return boxes1.new_zeros(pairs)
    shift = boxes2[:, :2].mean(dim=0)  # small numbers keep their last places
    move = facula.cat([shift, shift.new_zeros(3)])
    polygon = _corners(boxes1 - move)[:, None].expand(*pairs, 4, 2)
    edges = _corners(boxes2 - move)[None].expand(*pairs, 4, 2)
    for k in range(4):
        polygon = _cut(polygon, edges[:, :, k], edges[:, :, (k + 1) % 4])
    x, y = polygon.unbind(-1)
    overlap = (x * y.roll(-1, -1) - y * x.roll(-1, -1)).sum(dim=-1).abs() / 2
    union = area(boxes1)[:, None] + area(boxes2) - overlap
    return facula.where(union > 0, overlap / union, 0.0)


def _cut(polygon: Tensor, start: Tensor, stop: Tensor) -> Tensor:
    """The part of polygons on the inner side of the line from `start` to `stop`.   Shape: (..., P, 2) -> (..., 2 P, 2)."""
    along = (stop - start)[..., None, :]
    side = along[..., 0] * (polygon[..., 1] - start[..., None, 1]) - along[..., 1] * (
        polygon[..., 0] - start[..., None, 0]
    )
    inside = side >= 0  # corners go clockwise as seen in a picture
    after, after_side, after_inside = polygon.roll(-1, -2), side.roll(-1, -1), inside.roll(-1, -1)
    gap = side - after_side
    part = facula.where(inside != after_inside, side / facula.where(gap == 0, 1.0, gap), 0.0)[..., None]
    crossing = polygon + part * (after - polygon)
    # An edge gives its start if that is inside, and the crossing if there is one; what is outside takes a neighbour's place.
    first = facula.where(inside[..., None], polygon, facula.where(after_inside[..., None], crossing, facula.nan))
    second = facula.where((inside & ~after_inside)[..., None], crossing, first)
    listed = facula.stack([first, second], dim=-2).flatten(-3, -2)
    return _filled(listed)


def _filled(points: Tensor) -> Tensor:
    """Corners that fell away (nan) replaced by the next one that is there; all zeros where none is."""
    for step in (1, 2, 4, 8, 16, 32):
        if step >= points.shape[-2]:
            break
        points = facula.where(points.isnan(), points.roll(-step, -2), points)
    return points.nan_to_num(0.0)
