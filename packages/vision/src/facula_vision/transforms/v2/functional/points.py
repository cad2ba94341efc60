"""The geometry of bounding boxes and keypoints, which follow what happens to the picture that they belong to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

import facula
from facula import Tensor
from facula_vision.transforms.v2.functional import geometry, warp
from facula_vision.transforms.v2.functional.meta import XYWH, XYXY, XYXYXYXY, clamped, converted
from facula_vision.tv_tensors import ROTATED, BoundingBoxFormat, as_format

__all__ = ["flip_boxes", "flip_points"]

Canvas = tuple[int, int]
Map = Callable[[Tensor], Tensor]


def _cast(moved: Tensor, like: Tensor) -> Tensor:
    return moved.to(like.dtype)


def _mapped(boxes: Tensor, format: BoundingBoxFormat, move: Map, canvas: Canvas, clamping_mode: str | None) -> Tensor:
    """Boxes around the moved corners of boxes; `move` maps points (..., 2).   Shape: (N, K) unchanged."""
    format = as_format(format)
    if not boxes.numel():
        return boxes
    exact = boxes if boxes.is_floating_point() else boxes.to(facula.float32)
    if format in ROTATED:
        corners = converted(exact, format, XYXYXYXY)
        moved = _rectangles(move(corners.reshape(-1, 4, 2)))
        return _cast(clamped(converted(moved, XYXYXYXY, format), format, canvas, clamping_mode), boxes)
    upright = converted(boxes, format, XYXY).to(exact.dtype)
    points = move(upright[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2))
    around = facula.cat([points.amin(1), points.amax(1)], 1)
    around = clamped(around, XYXY, canvas, clamping_mode)
    return _cast(converted(around, XYXY, format), boxes)


def _rectangles(corners: Tensor) -> Tensor:
    """Rectangles around parallelograms, along the longer side of each.   Shape: (N, 4, 2) -> (N, 8)."""
    side, other = corners[:, 1] - corners[:, 0], corners[:, 3] - corners[:, 0]
    quarter = facula.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=corners.dtype)
    longer = ((side**2).sum(-1) >= (other**2).sum(-1)).unsqueeze(-1)
    along = facula.where(longer, side, other @ quarter)  # the first side, or what lies across the second
    along = along / (along**2).sum(-1, keepdim=True).sqrt().clamp(min=1e-12)
    frame = facula.stack([along, along @ quarter.mT], -1)  # (N, 2, 2), its columns are the directions
    seen = corners @ frame
    low, high = seen.amin(1), seen.amax(1)
    x = facula.stack([low[:, 0], high[:, 0], high[:, 0], low[:, 0]], 1)
    y = facula.stack([low[:, 1], low[:, 1], high[:, 1], high[:, 1]], 1)
    return (facula.stack([x, y], -1) @ frame.mT).reshape(-1, 8)


def flip_boxes(boxes: Tensor, format: BoundingBoxFormat, canvas_size: Canvas, axis: int) -> Tensor:
    """Boxes in the mirrored picture: `axis` 0 exchanges left and right, 1 top and bottom."""
    format = as_format(format)
    extent = canvas_size[1 - axis]
    if format in ROTATED:
        return _mirrored(boxes, format, canvas_size, axis)
    low, high = boxes[..., axis], boxes[..., axis + 2]
    columns = list(boxes.unbind(-1))
    if format is XYXY:
        columns[axis], columns[axis + 2] = extent - high, extent - low
    else:
        columns[axis] = extent - low - high if format is XYWH else extent - low
    return facula.stack(columns, -1)


def _mirrored(boxes: Tensor, format: BoundingBoxFormat, canvas_size: Canvas, axis: int) -> Tensor:
    """Turned boxes under a mirror, their corners in the order that keeps them turning the same way."""
    corners = converted(boxes, format, XYXYXYXY).reshape(-1, 4, 2)
    moved = flip_points(corners, canvas_size, axis, 0)[:, [1, 0, 3, 2]]
    out = _cast(converted(moved.reshape(-1, 8), XYXYXYXY, format), boxes)
    if format is XYXYXYXY:
        return out
    turned = -boxes[:, 4:] if axis == 0 else 180 - boxes[:, 4:]
    return facula.cat([out[:, :4], turned], 1)


def flip_points(points: Tensor, canvas_size: Canvas, axis: int, edge: int = 1) -> Tensor:
    """Points in the mirrored picture; `edge` is 1 for the middles of pixels, 0 for places on the canvas."""
    columns = list(points.unbind(-1))
    columns[axis] = canvas_size[1 - axis] - edge - columns[axis]
    return facula.stack(columns, -1)


@geometry.horizontal_flip.kernel("bounding_boxes")
def horizontal_flip_bounding_boxes(bounding_boxes: Tensor, format: BoundingBoxFormat, canvas_size: Canvas) -> Tensor:
    return flip_boxes(bounding_boxes, format, canvas_size, 0)


@geometry.vertical_flip.kernel("bounding_boxes")
def vertical_flip_bounding_boxes(bounding_boxes: Tensor, format: BoundingBoxFormat, canvas_size: Canvas) -> Tensor:
    return flip_boxes(bounding_boxes, format, canvas_size, 1)


@geometry.horizontal_flip.kernel("keypoints")
def horizontal_flip_keypoints(keypoints: Tensor, canvas_size: Canvas) -> Tensor:
    return flip_points(keypoints, canvas_size, 0)


@geometry.vertical_flip.kernel("keypoints")
def vertical_flip_keypoints(keypoints: Tensor, canvas_size: Canvas) -> Tensor:
    return flip_points(keypoints, canvas_size, 1)


@geometry.resize.kernel("bounding_boxes")
def resize_bounding_boxes(
    bounding_boxes: Tensor,
    canvas_size: Canvas,
    size: Any,
    max_size: int | None = None,
    format: BoundingBoxFormat = XYXY,
    clamping_mode: str | None = "soft",
) -> tuple[Tensor, Canvas]:
    format = as_format(format)
    new = geometry.target_size(canvas_size, size, max_size)
    if new == tuple(canvas_size):
        return bounding_boxes, new
    across, down = new[1] / canvas_size[1], new[0] / canvas_size[0]
    if format in ROTATED:
        factors = facula.tensor([across, down], dtype=bounding_boxes.dtype)
        return _mapped(bounding_boxes, format, lambda points: points * factors, new, clamping_mode), new
    factors = facula.tensor([across, down, across, down])
    return _cast(bounding_boxes * factors, bounding_boxes), new


@geometry.resize.kernel("keypoints")
def resize_keypoints(
    keypoints: Tensor, size: Any, canvas_size: Canvas, max_size: int | None = None
) -> tuple[Tensor, Canvas]:
    new = geometry.target_size(canvas_size, size, max_size)
    factors = facula.tensor([new[1] / canvas_size[1], new[0] / canvas_size[0]])
    return _cast(keypoints * factors, keypoints), new


def _shifted(boxes: Tensor, format: BoundingBoxFormat, dx: int, dy: int) -> Tensor:
    step = {XYXY: [dx, dy, dx, dy], XYXYXYXY: [dx, dy] * 4}.get(as_format(format), [dx, dy])
    step = step + [0] * (boxes.shape[-1] - len(step))
    return boxes + facula.tensor(step, dtype=boxes.dtype)


@geometry.crop.kernel("bounding_boxes")
def crop_bounding_boxes(
    bounding_boxes: Tensor,
    format: BoundingBoxFormat,
    top: int,
    left: int,
    height: int,
    width: int,
    clamping_mode: str | None = "soft",
) -> tuple[Tensor, Canvas]:
    canvas = (height, width)
    return clamped(_shifted(bounding_boxes, format, -left, -top), as_format(format), canvas, clamping_mode), canvas


@geometry.crop.kernel("keypoints")
def crop_keypoints(keypoints: Tensor, top: int, left: int, height: int, width: int) -> tuple[Tensor, Canvas]:
    return keypoints - facula.tensor([left, top], dtype=keypoints.dtype), (height, width)


def _constant_border(padding: Any, padding_mode: str) -> tuple[int, int, int, int]:
    if padding_mode != "constant":
        raise ValueError(
            f"pad: padding mode {padding_mode!r} is not supported with bounding boxes and keypoints, expected constant. "
            "Pad the picture alone."
        )
    return geometry.border_of(padding)


@geometry.pad.kernel("bounding_boxes")
def pad_bounding_boxes(
    bounding_boxes: Tensor,
    format: BoundingBoxFormat,
    canvas_size: Canvas,
    padding: Any,
    padding_mode: str = "constant",
    clamping_mode: str | None = "soft",
) -> tuple[Tensor, Canvas]:
    left, top, right, bottom = _constant_border(padding, padding_mode)
    canvas = (canvas_size[0] + top + bottom, canvas_size[1] + left + right)
    return clamped(_shifted(bounding_boxes, format, left, top), as_format(format), canvas, clamping_mode), canvas


@geometry.pad.kernel("keypoints")
def pad_keypoints(
    keypoints: Tensor, canvas_size: Canvas, padding: Any, padding_mode: str = "constant"
) -> tuple[Tensor, Canvas]:
    left, top, right, bottom = _constant_border(padding, padding_mode)
    canvas = (canvas_size[0] + top + bottom, canvas_size[1] + left + right)
    return keypoints + facula.tensor([left, top], dtype=keypoints.dtype), canvas


@geometry.center_crop.kernel("bounding_boxes")
def center_crop_bounding_boxes(
    bounding_boxes: Tensor,
    format: BoundingBoxFormat,
    canvas_size: Canvas,
    output_size: Any,
    clamping_mode: str | None = "soft",
) -> tuple[Tensor, Canvas]:
    border, (top, left, height, width) = geometry.crop_of_center(canvas_size, output_size)
    return crop_bounding_boxes(bounding_boxes, format, top - border[1], left - border[0], height, width, clamping_mode)


@geometry.center_crop.kernel("keypoints")
def center_crop_keypoints(keypoints: Tensor, canvas_size: Canvas, output_size: Any) -> tuple[Tensor, Canvas]:
    border, (top, left, height, width) = geometry.crop_of_center(canvas_size, output_size)
    return crop_keypoints(keypoints, top - border[1], left - border[0], height, width)


@geometry.resized_crop.kernel("bounding_boxes")
def resized_crop_bounding_boxes(
    bounding_boxes: Tensor,
    format: BoundingBoxFormat,
    top: int,
    left: int,
    height: int,
    width: int,
    size: Any,
    clamping_mode: str | None = "soft",
) -> tuple[Tensor, Canvas]:
    boxes, canvas = crop_bounding_boxes(bounding_boxes, format, top, left, height, width, clamping_mode)
    return resize_bounding_boxes(boxes, canvas, size, format=format, clamping_mode=clamping_mode)


@geometry.resized_crop.kernel("keypoints")
def resized_crop_keypoints(
    keypoints: Tensor, top: int, left: int, height: int, width: int, size: Any
) -> tuple[Tensor, Canvas]:
    points, canvas = crop_keypoints(keypoints, top, left, height, width)
    return resize_keypoints(points, size, canvas)


def _forward(matrix: Sequence[float]) -> tuple[Tensor, Tensor]:
    """The forward map of what `inverse_affine` gives, as (2, 2) for points in rows and (2,)."""
    inverse = np.array([*matrix, 0.0, 0.0, 1.0]).reshape(3, 3)
    forward = np.linalg.inv(inverse)
    return facula.from_numpy(forward[:2, :2].T.copy()), facula.from_numpy(forward[:2, 2].copy())


def _affine_map(
    canvas: Canvas, angle: float, translate: Any, scale: float, shear: Any, center: Any, expand: bool = False
) -> tuple[Map, Canvas]:
    """How points move under an affine map of the picture, and the size of the picture after it."""
    height, width = canvas
    middle = [width * 0.5, height * 0.5] if center is None or expand else [float(c) for c in center]
    matrix = warp.inverse_affine(middle, angle, translate, scale, shear)
    turn, shift = _forward(matrix)
    if expand:
        wide, high = warp.expanded_size(-angle, width, height)
        canvas = (high, wide)
        corners = facula.tensor([[0, 0], [width, 0], [0, height], [width, height]], dtype=turn.dtype)
        shift = -(corners @ turn).amin(0)

    def move(points: Tensor) -> Tensor:
        return (points.to(facula.float64) @ turn + shift).to(points.dtype)

    return move, canvas


@warp.affine.kernel("bounding_boxes")
def affine_bounding_boxes(
    bounding_boxes: Tensor,
    format: BoundingBoxFormat,
    canvas_size: Canvas,
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: Sequence[float],
    center: Sequence[float] | None = None,
    clamping_mode: str | None = "soft",
) -> Tensor:
    shear = warp.check_affine(angle, translate, scale, shear, center)
    move, canvas = _affine_map(canvas_size, angle, translate, scale, shear, center)
    return _mapped(bounding_boxes, format, move, canvas, clamping_mode)


@warp.affine.kernel("keypoints")
def affine_keypoints(
    keypoints: Tensor,
    canvas_size: Canvas,
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: Sequence[float],
    center: Sequence[float] | None = None,
) -> Tensor:
    shear = warp.check_affine(angle, translate, scale, shear, center)
    return _moved(keypoints, _affine_map(canvas_size, angle, translate, scale, shear, center)[0])


def _moved(keypoints: Tensor, move: Map) -> Tensor:
    return _cast(move(keypoints if keypoints.is_floating_point() else keypoints.to(facula.float32)), keypoints)


@warp.rotate.kernel("bounding_boxes")
def rotate_bounding_boxes(
    bounding_boxes: Tensor,
    format: BoundingBoxFormat,
    canvas_size: Canvas,
    angle: float,
    expand: bool = False,
    center: Sequence[float] | None = None,
    clamping_mode: str | None = "soft",
) -> tuple[Tensor, Canvas]:
    warp.check_center("rotate", center)
    move, canvas = _affine_map(canvas_size, -angle, [0.0, 0.0], 1.0, [0.0, 0.0], center, expand)
    return _mapped(bounding_boxes, format, move, canvas, clamping_mode), canvas


@warp.rotate.kernel("keypoints")
def rotate_keypoints(
    keypoints: Tensor, canvas_size: Canvas, angle: float, expand: bool = False, center: Sequence[float] | None = None
) -> tuple[Tensor, Canvas]:
    warp.check_center("rotate", center)
    move, canvas = _affine_map(canvas_size, -angle, [0.0, 0.0], 1.0, [0.0, 0.0], center, expand)
    return _moved(keypoints, move), canvas


def _perspective_map(startpoints: Any, endpoints: Any, coefficients: Any) -> Map:
    a, b, c, d, e, f, g, h = warp.perspective_coefficients(startpoints, endpoints, coefficients)
    forward = np.linalg.inv(np.array([[a, b, c], [d, e, f], [g, h, 1.0]]))
    m = facula.from_numpy((forward / forward[2, 2]).T.copy())

    def move(points: Tensor) -> Tensor:
        exact = points.to(facula.float64)
        moved = exact @ m[:2] + m[2]
        return (moved[..., :2] / moved[..., 2:]).to(points.dtype)

    return move


@warp.perspective.kernel("bounding_boxes")
def perspective_bounding_boxes(
    bounding_boxes: Tensor,
    format: BoundingBoxFormat,
    canvas_size: Canvas,
    startpoints: Any,
    endpoints: Any,
    coefficients: Sequence[float] | None = None,
    clamping_mode: str | None = "soft",
) -> Tensor:
    move = _perspective_map(startpoints, endpoints, coefficients)
    return _mapped(bounding_boxes, format, move, canvas_size, clamping_mode)


@warp.perspective.kernel("keypoints")
def perspective_keypoints(
    keypoints: Tensor,
    canvas_size: Canvas,
    startpoints: Any,
    endpoints: Any,
    coefficients: Sequence[float] | None = None,
) -> Tensor:
    return _moved(keypoints, _perspective_map(startpoints, endpoints, coefficients))


def _elastic_map(displacement: Tensor, canvas: Canvas, whole: Map) -> Map:
    """Points move against what the pixels there look at, which is the inverse for small displacements.

    `whole` says which pixel a point belongs to.
    """
    warp.check_displacement(displacement, canvas)
    height, width = canvas
    grid = warp.identity_grid(height, width).to(displacement.dtype) - displacement

    def move(points: Tensor) -> Tensor:
        at = whole(points).to(facula.int64)
        x, y = at[..., 0].clamp(0, width - 1), at[..., 1].clamp(0, height - 1)
        size = facula.tensor([width, height], dtype=grid.dtype)
        return ((grid[0, y, x] + 1) * (0.5 * size) - 0.5).to(points.dtype)

    return move


@warp.elastic.kernel("bounding_boxes")
def elastic_bounding_boxes(
    bounding_boxes: Tensor,
    format: BoundingBoxFormat,
    canvas_size: Canvas,
    displacement: Tensor,
    clamping_mode: str | None = "soft",
) -> Tensor:
    move = _elastic_map(displacement, canvas_size, facula.ceil)
    return _mapped(bounding_boxes, format, move, canvas_size, clamping_mode)


@warp.elastic.kernel("keypoints")
def elastic_keypoints(keypoints: Tensor, canvas_size: Canvas, displacement: Tensor) -> Tensor:
    return _moved(keypoints, _elastic_map(displacement, canvas_size, facula.trunc))
