"""What is known of an input without its pixels, and the numbers of boxes and keypoints."""

from __future__ import annotations

import math
from typing import Any

import facula
from facula import Tensor
from facula_vision.transforms.v2.functional.dispatch import functional, is_pure_tensor
from facula_vision.tv_tensors import (
    ROTATED,
    BoundingBoxes,
    BoundingBoxFormat,
    KeyPoints,
    as_format,
    plain,
)

__all__ = [
    "clamp_bounding_boxes",
    "clamp_keypoints",
    "convert_bounding_box_format",
    "get_dimensions",
    "get_image_size",
    "get_num_channels",
    "get_num_frames",
    "get_size",
    "sanitize_bounding_boxes",
    "sanitize_keypoints",
]

XYXY, XYWH, CXCYWH = BoundingBoxFormat.XYXY, BoundingBoxFormat.XYWH, BoundingBoxFormat.CXCYWH
XYWHR, CXCYWHR, XYXYXYXY = BoundingBoxFormat.XYWHR, BoundingBoxFormat.CXCYWHR, BoundingBoxFormat.XYXYXYXY


@functional("image video")
def get_dimensions(inpt: Tensor) -> list[int]:
    """[channels, height, width] of an image."""
    if inpt.ndim < 2:
        raise TypeError(f"get_dimensions: expected a tensor (..., H, W), got {tuple(inpt.shape)}. Add dimensions.")
    return [inpt.shape[-3] if inpt.ndim > 2 else 1, *inpt.shape[-2:]]


@functional("image video")
def get_num_channels(inpt: Tensor) -> int:
    """The count of channels of an image."""
    return int(get_dimensions.image(inpt)[0])


@functional("image video mask")
def get_size(inpt: Tensor) -> list[int]:
    """[height, width] of an image, or of the canvas of boxes and keypoints."""
    return list(inpt.shape[-2:])


def get_image_size(inpt: Any) -> list[int]:
    """[width, height] of an image."""
    _, height, width = get_dimensions(inpt)
    return [width, height]


@functional("video", pil=False)
def get_num_frames(inpt: Tensor) -> int:
    """The count of frames of a video (..., T, C, H, W)."""
    return int(inpt.shape[-4])


# What is known of an input is no input of its kind: these kernels get it whole and their answers are not wrapped.
for _told in (get_dimensions, get_num_channels, get_size, get_num_frames):
    for _kind in list(_told.table):
        _told.table[_kind] = _told.image
get_size.table[BoundingBoxes] = get_size.table[KeyPoints] = lambda inpt: list(inpt.canvas_size)


def half(size: Tensor) -> Tensor:
    """Half of a side; whole numbers are rounded up."""
    return size / 2 if size.is_floating_point() else (size + 1) // 2


def _xywh_to_xyxy(boxes: Tensor) -> Tensor:
    return facula.cat([boxes[..., :2], boxes[..., :2] + boxes[..., 2:]], -1)


def _xyxy_to_xywh(boxes: Tensor) -> Tensor:
    return facula.cat([boxes[..., :2], boxes[..., 2:] - boxes[..., :2]], -1)


def _cxcywh_to_xyxy(boxes: Tensor) -> Tensor:
    corner = boxes[..., :2] - half(boxes[..., 2:])
    return facula.cat([corner, corner + boxes[..., 2:]], -1)


def _xyxy_to_cxcywh(boxes: Tensor) -> Tensor:
    middle = boxes[..., :2] + boxes[..., 2:]
    middle = middle / 2 if boxes.is_floating_point() else middle // 2
    return facula.cat([middle, boxes[..., 2:] - boxes[..., :2]], -1)


def _turned(boxes: Tensor) -> tuple[Tensor, ...]:
    """(x, y, w, h, cos r, sin r) of boxes whose last number is an angle r in degrees, counter-clockwise."""
    x, y, w, h, r = boxes.unbind(-1)
    angle = r * (math.pi / 180)
    return x, y, w, h, angle.cos(), angle.sin()


def _cxcywhr_to_xywhr(boxes: Tensor) -> Tensor:
    x, y, w, h, cos, sin = _turned(boxes)
    return facula.stack([x - w / 2 * cos - h / 2 * sin, y - h / 2 * cos + w / 2 * sin, w, h, boxes[..., 4]], -1)


def _xywhr_to_cxcywhr(boxes: Tensor) -> Tensor:
    x, y, w, h, cos, sin = _turned(boxes)
    return facula.stack([x + w / 2 * cos + h / 2 * sin, y - w / 2 * sin + h / 2 * cos, w, h, boxes[..., 4]], -1)


def _xywhr_to_corners(boxes: Tensor) -> Tensor:
    x, y, w, h, cos, sin = _turned(boxes)
    along, across = (w * cos, -w * sin), (h * sin, h * cos)
    corners = [x, y, x + along[0], y + along[1], x + along[0] + across[0], y + along[1] + across[1]]
    return facula.stack([*corners, x + across[0], y + across[1]], -1)


def _corners_to_xywhr(boxes: Tensor) -> Tensor:
    x1, y1, x2, y2, x3, y3, _, _ = boxes.unbind(-1)
    angle = facula.atan2(y1 - y2, x2 - x1)
    width = ((y1 - y2) ** 2 + (x2 - x1) ** 2).sqrt()
    height = ((y3 - y2) ** 2 + (x3 - x2) ** 2).sqrt()
    return facula.stack([x1, y1, width, height, angle * (180 / math.pi)], -1)


def _same(boxes: Tensor) -> Tensor:
    return boxes.clone()


# Upright formats meet at XYXY, turned ones at XYWHR.
_IN = {XYXY: _same, XYWH: _xywh_to_xyxy, CXCYWH: _cxcywh_to_xyxy}
_OUT = {XYXY: _same, XYWH: _xyxy_to_xywh, CXCYWH: _xyxy_to_cxcywh}
_TURNED_IN = {XYWHR: _same, CXCYWHR: _cxcywhr_to_xywhr, XYXYXYXY: _corners_to_xywhr}
_TURNED_OUT = {XYWHR: _same, CXCYWHR: _xywhr_to_cxcywhr, XYXYXYXY: _xywhr_to_corners}


def converted(boxes: Tensor, old: BoundingBoxFormat, new: BoundingBoxFormat) -> Tensor:
    """The numbers of boxes in another format; ValueError between those with an angle and those without."""
    if old == new:
        return boxes
    if (old in ROTATED) != (new in ROTATED):
        raise ValueError(
            f"convert_bounding_box_format: cannot convert between upright and rotated boxes, got {old.value} and "
            f"{new.value}. Choose a format of the same kind."
        )
    if old in ROTATED:
        return _TURNED_OUT[new](_TURNED_IN[old](boxes))
    return _OUT[new](_IN[old](boxes))


def convert_bounding_box_format(
    inpt: Tensor,
    old_format: BoundingBoxFormat | str | None = None,
    new_format: BoundingBoxFormat | str | None = None,
    inplace: bool = False,
) -> Any:
    """Boxes in another format. `old_format` is for plain tensors only: ValueError without, or where boxes say it themselves.

    >>> import facula
    >>> from facula_vision.transforms.v2.functional import convert_bounding_box_format
    >>> convert_bounding_box_format(facula.tensor([[1, 2, 4, 8]]), "XYXY", "XYWH")
    tensor([[1, 2, 3, 6]])
    """
    if new_format is None:
        raise TypeError("convert_bounding_box_format: expected new_format, got None. It is a required argument.")
    new = as_format(new_format)
    if is_pure_tensor(inpt):
        if old_format is None:
            raise ValueError(
                "convert_bounding_box_format: for pure tensor inputs, `old_format` has to be passed, got None. Pass it."
            )
        out = converted(inpt, as_format(old_format), new)
        return inpt.copy_(out) if inplace else out
    if not isinstance(inpt, BoundingBoxes):
        raise TypeError(
            f"convert_bounding_box_format: expected a Tensor or BoundingBoxes, got {type(inpt)}. Make it one of them."
        )
    if old_format is not None:
        raise ValueError(
            "convert_bounding_box_format: for bounding box tv_tensor inputs, `old_format` must not be passed, got "
            f"{old_format}. Leave it out."
        )
    out = converted(plain(inpt), inpt.format, new)
    return inpt.like(plain(inpt).copy_(out) if inplace else out, format=new)


def clamped(boxes: Tensor, format: BoundingBoxFormat, canvas_size: tuple[int, int], mode: str | None) -> Tensor:
    """Boxes cut at the edge of the canvas. Those with an angle are left as they are, for a cut would change the angle."""
    if mode is None or format in ROTATED:
        return boxes
    exact = boxes if boxes.is_floating_point() else boxes.to(facula.float32)  # halves of odd sides are cut exactly
    corners = converted(exact, format, XYXY)
    height, width = canvas_size
    x, y = corners[..., 0::2].clamp(0, width), corners[..., 1::2].clamp(0, height)
    corners = facula.stack([x[..., 0], y[..., 0], x[..., 1], y[..., 1]], -1)
    return converted(corners, XYXY, format).to(boxes.dtype)


def clamp_bounding_boxes(
    inpt: Tensor,
    format: BoundingBoxFormat | None = None,
    canvas_size: tuple[int, int] | None = None,
    clamping_mode: str | None = "auto",
) -> Any:
    """Boxes cut at the edge of the canvas. `clamping_mode` "auto" is what the boxes themselves say.

    `format` and `canvas_size` are for plain tensors only: ValueError without, or where boxes say it themselves.
    """
    if is_pure_tensor(inpt):
        if format is None or canvas_size is None or clamping_mode == "auto":
            raise ValueError(
                "clamp_bounding_boxes: for pure tensor inputs, `format`, `canvas_size` and `clamping_mode` have to be "
                f"passed, got {format}, {canvas_size} and {clamping_mode}. Pass them."
            )
        return clamped(inpt, as_format(format), canvas_size, clamping_mode)
    if not isinstance(inpt, BoundingBoxes):
        raise TypeError(
            f"clamp_bounding_boxes: expected a Tensor or BoundingBoxes, got {type(inpt)}. Make it one of them."
        )
    if format is not None or canvas_size is not None:
        raise ValueError(
            "clamp_bounding_boxes: for bounding box tv_tensor inputs, `format` and `canvas_size` must not be passed, "
            f"got {format} and {canvas_size}. Leave them out."
        )
    mode = inpt.clamping_mode if clamping_mode == "auto" else clamping_mode
    return inpt.like(clamped(plain(inpt), inpt.format, inpt.canvas_size, mode))


def clamp_keypoints(inpt: Tensor, canvas_size: tuple[int, int] | None = None) -> Any:
    """Keypoints brought into the picture; `canvas_size` is for plain tensors only (ValueError)."""
    if is_pure_tensor(inpt):
        if canvas_size is None:
            raise ValueError(
                "clamp_keypoints: for pure tensor inputs, `canvas_size` has to be passed, got None. Pass it."
            )
        return _clamped_points(inpt, canvas_size)
    if not isinstance(inpt, KeyPoints):
        raise TypeError(f"clamp_keypoints: expected a Tensor or KeyPoints, got {type(inpt)}. Make it one of them.")
    if canvas_size is not None:
        raise ValueError(
            f"clamp_keypoints: for keypoints tv_tensor inputs, `canvas_size` must not be passed, got {canvas_size}. "
            "Leave it out."
        )
    return inpt.like(_clamped_points(plain(inpt), inpt.canvas_size))


def _clamped_points(points: Tensor, canvas_size: tuple[int, int]) -> Tensor:
    height, width = canvas_size
    return facula.stack([points[..., 0].clamp(0, width - 1), points[..., 1].clamp(0, height - 1)], -1)


def sanitize_bounding_boxes(
    bounding_boxes: Tensor,
    format: BoundingBoxFormat | str | None = None,
    canvas_size: tuple[int, int] | None = None,
    min_size: float = 1.0,
    min_area: float = 1.0,
) -> tuple[Any, Tensor]:
    """The boxes that are large enough and inside the canvas, and which of all they are.

    Shape: (N, K) to (M, K) and (N,). ValueError as in `clamp_bounding_boxes`.
    """
    if isinstance(bounding_boxes, BoundingBoxes):
        if format is not None or canvas_size is not None:
            raise ValueError(
                "sanitize_bounding_boxes: for bounding box tv_tensor inputs, `format` and `canvas_size` must not be "
                f"passed, got {format} and {canvas_size}. Leave them out."
            )
        valid = _valid_boxes(
            plain(bounding_boxes), bounding_boxes.format, bounding_boxes.canvas_size, min_size, min_area
        )
        return bounding_boxes.like(plain(bounding_boxes)[valid]), valid
    if format is None or canvas_size is None:
        raise ValueError(
            "sanitize_bounding_boxes: for pure tensor inputs, `format` and `canvas_size` have to be passed, got "
            f"{format} and {canvas_size}. Pass them."
        )
    valid = _valid_boxes(bounding_boxes, as_format(format), canvas_size, min_size, min_area)
    return bounding_boxes[valid], valid


def _valid_boxes(
    boxes: Tensor, format: BoundingBoxFormat, canvas_size: tuple[int, int], min_size: float, min_area: float
) -> Tensor:
    height, width = canvas_size
    if format in ROTATED:
        sides = converted(boxes, format, XYWHR)
        corners = converted(boxes, format, XYXYXYXY)
        wide, high = sides[..., 2], sides[..., 3]
    else:
        corners = converted(boxes, format, XYXY)
        wide, high = corners[..., 2] - corners[..., 0], corners[..., 3] - corners[..., 1]
    x, y = corners[..., 0::2], corners[..., 1::2]
    inside = ((x >= 0) & (x <= width)).all(-1) & ((y >= 0) & (y <= height)).all(-1)
    return (wide >= min_size) & (high >= min_size) & (wide * high >= min_area) & inside


def sanitize_keypoints(key_points: Tensor, canvas_size: tuple[int, int] | None = None) -> tuple[Any, Tensor]:
    """The keypoints (or groups of them) that are inside the canvas, and which of all they are.

    Shape: (N, ..., 2) to (M, ..., 2) and (N,). ValueError as in `clamp_keypoints`.
    """
    if isinstance(key_points, KeyPoints):
        if canvas_size is not None:
            raise ValueError(
                "sanitize_keypoints: for keypoints tv_tensor inputs, `canvas_size` must not be passed, got "
                f"{canvas_size}. Leave it out."
            )
        canvas_size = key_points.canvas_size
    elif canvas_size is None:
        raise ValueError(
            "sanitize_keypoints: for pure tensor inputs, `canvas_size` has to be passed, got None. Pass it."
        )
    points = plain(key_points)
    height, width = canvas_size
    x, y = points[..., 0], points[..., 1]
    valid = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    valid = valid.flatten(1).all(1) if valid.ndim > 1 else valid
    kept = points[valid]
    return (key_points.like(kept) if isinstance(key_points, KeyPoints) else kept), valid
