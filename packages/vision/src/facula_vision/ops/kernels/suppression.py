# mypy: ignore-errors
# a record's arguments are arrays by position, the annotations of a compiled loop are numba's types
"""Which boxes overlap a better one: the greedy pass of `nms`."""

from __future__ import annotations

import math

import numpy as np

from facula.library import F, Meta, arg, kernel, op, sample

_BOXES = [[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 5.0], [6.0, 6.0, 8.0, 8.0], [0.0, 1.0, 4.0, 4.0]]
ZERO, ONE = np.float32(0), np.float32(1)


def _threshold(dtype, threshold):
    """The highest number of a type that is not above the threshold: what exceeds the one exceeds the other."""
    found = dtype.type(threshold)
    return np.nextafter(found, dtype.type(-math.inf)) if float(found) > threshold else found


def _columns(xp, boxes):
    """The four coordinates as rows, and the areas."""
    corners = xp.ascontiguousarray(boxes.T)
    return corners, (corners[2] - corners[0]) * (corners[3] - corners[1])


@op(
    lambda boxes, labels, iou_threshold: Meta((boxes.shape[0],), np.bool_),
    nondiff=True,
    half=False,
    samples=[
        sample(arg(values=_BOXES), arg(values=[0.0] * 4), iou_threshold=0.5),
        sample(arg(values=_BOXES), arg(values=[0.0, 1.0, 1.0, 0.0]), iou_threshold=0.7),
        sample(arg((0, 4)), arg((0,)), iou_threshold=0.7),
    ],
)
def suppressed_op(xp, boxes, labels, /, iou_threshold):
    """Whether a box overlaps one that stands before it, has its label and is not suppressed itself.

    Shape: (n, 4), (n) -> (n).
    """
    corners, areas = _columns(xp, boxes)
    limit, dead = _threshold(boxes.dtype, iou_threshold), xp.zeros(len(boxes), xp.bool_)
    for i in range(len(boxes)):
        if dead[i]:
            continue
        rest = corners[:, i + 1 :]
        wide = xp.minimum(corners[2, i], rest[2]) - xp.maximum(corners[0, i], rest[0])
        high = xp.minimum(corners[3, i], rest[3]) - xp.maximum(corners[1, i], rest[1])
        overlap = xp.maximum(wide, 0) * xp.maximum(high, 0)
        with np.errstate(all="ignore"):
            ratio = overlap / (areas[i] + areas[i + 1 :] - overlap)
        dead[i + 1 :] |= (ratio > limit) & (labels[i + 1 :] == labels[i])
    return dead


@kernel(exact=True)
def suppress(corners: F[:, ::1], areas: F[::1], labels: F[::1], dead: F[::1], limit: F):
    x1, y1, x2, y2 = corners[0], corners[1], corners[2], corners[3]
    for i in range(areas.size):
        if dead[i] != ZERO:
            continue
        left, top, right, bottom, area, label = x1[i], y1[i], x2[i], y2[i], areas[i], labels[i]
        a, b, c, d = x1[i + 1 :], y1[i + 1 :], x2[i + 1 :], y2[i + 1 :]
        sizes, kinds, out = areas[i + 1 :], labels[i + 1 :], dead[i + 1 :]
        for j in range(out.size):
            wide = (right if right < c[j] else c[j]) - (left if left > a[j] else a[j])
            high = (bottom if bottom < d[j] else d[j]) - (top if top > b[j] else b[j])
            wide = wide if wide > ZERO else ZERO
            high = high if high > ZERO else ZERO
            overlap = wide * high
            hit = (overlap / (area + sizes[j] - overlap) > limit) & (kinds[j] == label)
            out[j] = ONE if hit else out[j]


def suppressed(xp, boxes, labels, iou_threshold):
    corners, areas = _columns(xp, boxes)
    if not suppress.serves(corners, areas, work=areas.size**2):
        return suppressed_op.forward(xp, boxes, labels, iou_threshold)
    dead = np.zeros(len(boxes), boxes.dtype)
    limit = float(_threshold(boxes.dtype, iou_threshold))
    suppress(corners, areas, np.ascontiguousarray(labels, boxes.dtype), dead, limit)
    return dead != 0


suppressed_op.kernel("cpu", suppressed)
