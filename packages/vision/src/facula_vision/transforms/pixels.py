"""The geometry of tensors (..., H, W): the counterparts of what Pillow does to its images."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import facula
from facula import Tensor
from facula_vision.transforms.interpolation import InterpolationMode, resampling_matrix

__all__ = ["crop", "flip", "pad", "resize", "rotate"]


def resize(img: Tensor, height: int, width: int, interpolation: InterpolationMode, antialias: bool) -> Tensor:
    """Rows and columns resampled; integers are rounded and kept in their range."""
    rows, columns = img.shape[-2:]
    if interpolation in (InterpolationMode.NEAREST, InterpolationMode.NEAREST_EXACT):
        shift = 0.5 if interpolation is InterpolationMode.NEAREST_EXACT else 0.0
        return img[..., _nearest(rows, height, shift), :][..., _nearest(columns, width, shift)]
    vertical = resampling_matrix(rows, height, interpolation, antialias).to(img.device)
    horizontal = resampling_matrix(columns, width, interpolation, antialias).to(img.device)
    if img.is_floating_point():
        return vertical.to(img.dtype) @ img @ horizontal.to(img.dtype).mT
    pixels = vertical @ img.to(facula.float32) @ horizontal.mT
    limits = facula.iinfo(img.dtype)
    return pixels.round().clamp(limits.min, limits.max).to(img.dtype)


def _nearest(size: int, out: int, shift: float) -> Tensor:
    index = np.floor((np.arange(out) + shift) * (size / out)).astype(np.int64)
    return facula.from_numpy(index.clip(0, size - 1))


def crop(img: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    """The rectangle, with zeros where it leaves the picture."""
    rows, columns = img.shape[-2:]
    inside = img[..., max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    if top >= 0 and left >= 0 and top + height <= rows and left + width <= columns:
        return inside
    border = (max(-left, 0), max(-top, 0), max(left + width - columns, 0), max(top + height - rows, 0))
    return pad(inside, border, 0, "constant")


def flip(img: Tensor, horizontal: bool) -> Tensor:
    return img.flip(-1 if horizontal else -2)


def pad(img: Tensor, border: tuple[int, int, int, int], fill: Any, padding_mode: str) -> Tensor:
    left, top, right, bottom = border
    rows, columns = img.shape[-2:]
    if padding_mode != "constant":
        down = np.pad(np.arange(rows), (top, bottom), mode=padding_mode)  # type: ignore[call-overload]
        across = np.pad(np.arange(columns), (left, right), mode=padding_mode)  # type: ignore[call-overload]
        return img[..., facula.from_numpy(down), :][..., facula.from_numpy(across)]
    out = img.new_zeros((*img.shape[:-2], rows + top + bottom, columns + left + right))
    out = out + _colour(img, fill) if fill else out
    out[..., top : top + rows, left : left + columns] = img
    return out


def rotate(
    img: Tensor, angle: float, interpolation: InterpolationMode, expand: bool, center: Sequence[float] | None, fill: Any
) -> Tensor:
    """Each pixel of the result looks up where it came from; `fill` stands for what lies outside."""
    rows, columns = img.shape[-2:]
    turn = math.radians(angle)
    cos, sin = math.cos(turn), math.sin(turn)
    height, width = (_bounds(rows, columns, cos, sin)) if expand else (rows, columns)
    cx, cy = center if center is not None else (columns / 2, rows / 2)
    dx = np.arange(width) + 0.5 - (width / 2 if expand else cx)  # (width,)
    dy = (np.arange(height) + 0.5 - (height / 2 if expand else cy))[:, None]  # (height, 1)
    x = cos * dx - sin * dy + cx - 0.5  # (height, width)
    y = sin * dx + cos * dy + cy - 0.5
    if interpolation is InterpolationMode.NEAREST:
        value, inside = _taps(img, np.rint(x), np.rint(y))
        return facula.where(inside, value, _colour(img, fill))
    if interpolation is not InterpolationMode.BILINEAR:
        raise ValueError(
            f"rotate: expected nearest or bilinear for a tensor, got {interpolation.value}. Rotate a PIL image instead."
        )
    out: Any = 0.0
    covered: Any = 0.0
    for right in (0, 1):
        for below in (0, 1):
            weight = np.abs(1 - right - (x - np.floor(x))) * np.abs(1 - below - (y - np.floor(y)))
            value, inside = _taps(img, np.floor(x) + right, np.floor(y) + below)
            share = facula.from_numpy(weight.astype(np.float32)) * inside
            out, covered = out + share * value, covered + share
    out = out + (1 - covered) * _colour(img, fill)
    return out.to(img.dtype) if img.is_floating_point() else out.round().to(img.dtype)


def _bounds(rows: int, columns: int, cos: float, sin: float) -> tuple[int, int]:
    """The size that holds the whole turned picture."""
    corners_x = [a * columns / 2 * cos + b * rows / 2 * sin for a in (-1, 1) for b in (-1, 1)]
    corners_y = [-a * columns / 2 * sin + b * rows / 2 * cos for a in (-1, 1) for b in (-1, 1)]
    tidy = 1e-4  # the corners of a quarter turn are whole numbers but for rounding
    return (
        math.ceil(max(corners_y) - tidy) - math.floor(min(corners_y) + tidy),
        math.ceil(max(corners_x) - tidy) - math.floor(min(corners_x) + tidy),
    )


def _taps(img: Tensor, x: np.ndarray, y: np.ndarray) -> tuple[Tensor, Tensor]:
    """The pixels at whole coordinates, and which of those lie in the picture."""
    rows, columns = img.shape[-2:]
    inside = (x >= 0) & (x < columns) & (y >= 0) & (y < rows)
    at_x = facula.from_numpy(x.clip(0, columns - 1).astype(np.int64))
    at_y = facula.from_numpy(y.clip(0, rows - 1).astype(np.int64))
    return img[..., at_y, at_x], facula.from_numpy(inside)


def _colour(img: Tensor, fill: Any) -> Tensor:
    """`fill` as a tensor that broadcasts over the channels of the picture."""
    colour = facula.as_tensor(0 if fill is None else fill, dtype=img.dtype, device=img.device)
    return colour.view(-1, 1, 1) if colour.dim() else colour
