"""Pixels looked up where a map says: affine maps, turns, perspective, elastic deformation."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

import facula
import facula.nn.functional as F
from facula import Tensor
from facula_vision.transforms.interpolation import InterpolationMode, as_mode
from facula_vision.transforms.v2.functional.dispatch import functional
from facula_vision.transforms.v2.functional.geometry import colour

__all__ = ["affine", "elastic", "perspective", "rotate"]

_ALL = "image video mask"
Points = Sequence[Sequence[int]]


def inverse_affine(
    center: Sequence[float], angle: float, translate: Sequence[float], scale: float, shear: Sequence[float]
) -> list[float]:
    """The six numbers that lead from a pixel of the result to where it came from: p -> A p + t.

    The forward map is T(translate) C R(angle) Shear(shear) scale C^-1, where C moves the origin to `center`.
    """
    turn, along, across = math.radians(angle), math.radians(shear[0]), math.radians(shear[1])
    a = math.cos(turn - across) / math.cos(across)
    b = -a * math.tan(along) - math.sin(turn)
    c = math.sin(turn - across) / math.cos(across)
    d = -c * math.tan(along) + math.cos(turn)
    m = [d / scale, -b / scale, -c / scale, a / scale]
    x, y = -center[0] - translate[0], -center[1] - translate[1]
    return [m[0], m[1], m[0] * x + m[1] * y + center[0], m[2], m[3], m[2] * x + m[3] * y + center[1]]


def check_affine(angle: Any, translate: Any, scale: float, shear: Any, center: Any) -> list[float]:
    """The shear as two numbers; TypeError or ValueError for numbers that are no affine map."""
    if not isinstance(angle, numbers.Real):
        raise TypeError(f"affine: argument angle should be int or float, got {type(angle)}. Pass degrees.")
    if not isinstance(translate, Sequence) or len(translate) != 2:
        raise ValueError(f"affine: argument translate should be a sequence of length 2, got {translate}. Pass (x, y).")
    if scale <= 0.0:
        raise ValueError(f"affine: argument scale should be positive, got {scale}. Use a flip to mirror.")
    sides = [float(shear), 0.0] if isinstance(shear, numbers.Real) else [float(side) for side in shear]
    sides = [sides[0], sides[0]] if len(sides) == 1 else sides
    if len(sides) != 2:
        raise ValueError(f"affine: shear should be a sequence containing two values, got {shear}. Pass (x, y).")
    check_center("affine", center)
    return sides


def check_center(name: str, center: Any) -> None:
    """ValueError for a centre that is not (x, y)."""
    if center is not None and len(center) != 2:
        raise ValueError(
            f"{name}: expected center as (x, y), got {center}. Argument center should be a 2-element sequence."
        )


def _for_tensors(name: str, interpolation: Any) -> str:
    mode = as_mode(interpolation)
    if mode not in (InterpolationMode.NEAREST, InterpolationMode.BILINEAR):
        raise ValueError(
            f"{name}: interpolation mode {mode.value!r} is unsupported with Tensor input, expected nearest or bilinear. "
            "Use a PIL image."
        )
    return mode.value


def _affine_grid(matrix: Sequence[float], columns: int, rows: int, width: int, height: int) -> Tensor:
    """Where each of `height` x `width` pixels looks, from -1 to 1 over `rows` x `columns`.   Shape: (height, width, 2)."""
    x = np.linspace((1.0 - width) * 0.5, (width - 1.0) * 0.5, width, dtype=np.float32)[None, :]
    y = np.linspace((1.0 - height) * 0.5, (height - 1.0) * 0.5, height, dtype=np.float32)[:, None]
    m = np.array(matrix, dtype=np.float32).reshape(2, 3) / np.array([[0.5 * columns], [0.5 * rows]], dtype=np.float32)
    grid = np.empty((height, width, 2), dtype=np.float32)
    for axis in (0, 1):
        grid[..., axis] = m[axis, 0] * x + m[axis, 1] * y + m[axis, 2]
    return facula.from_numpy(grid)


def sampled(image: Tensor, grid: Tensor, mode: str, fill: Any) -> Tensor:
    """The image looked up at `grid`; `fill` stands for what lies outside.   Shape: (..., C, H, W), (H', W', 2) -> (..., C, H', W')."""
    if image.is_cpu and grid.is_cpu and not (image.requires_grad or grid.requires_grad) and image.numel():
        return facula.from_numpy(_looked_up(image.numpy(), grid.numpy().reshape(-1, *grid.shape[-3:])[0], mode, fill))
    shape = image.shape
    batch = image.reshape(-1, *([1] * (image.ndim < 3)), *shape[-3:]) if image.numel() else image
    batch = batch if batch.is_floating_point() else batch.to(facula.float32)
    grid = grid.to(batch.dtype).to(batch.device).expand(len(batch), *grid.shape[-3:])
    if fill is not None:  # a channel of ones says how much of a pixel lies inside
        batch = facula.cat([batch, batch.new_ones((len(batch), 1, *shape[-2:]))], 1)
    out = F.grid_sample(batch, grid, mode=mode, padding_mode="zeros", align_corners=False)
    if fill is not None:
        out, covered = out[:, :-1], out[:, -1:]
        background = colour(out, fill)
        if mode == "nearest":
            out = facula.where(covered < 0.5, background, out)
        else:
            out = out * covered + (1.0 - covered) * background
    out = out.reshape(*shape[:-2], *out.shape[-2:])
    if image.is_floating_point():
        return out
    if image.dtype == facula.bool:
        return out.round_().to(image.dtype)
    limits = facula.iinfo(image.dtype)
    return out.round_().clamp_(limits.min, limits.max).to(image.dtype)


def _looked_up(image: np.ndarray, grid: np.ndarray, mode: str, fill: Any) -> np.ndarray:
    """`sampled` without gradients: all pictures of a batch look at the same places, so these are found once."""
    rows, columns = image.shape[-2:]
    planes = image.reshape(-1, rows * columns)
    x = ((grid[..., 0].ravel() + 1) * columns - 1) / 2
    y = ((grid[..., 1].ravel() + 1) * rows - 1) / 2
    colour = np.asarray(0 if fill is None else fill, dtype=np.float32).reshape(-1, 1)
    colour = np.resize(colour, (len(planes), 1)) if len(colour) > 1 else colour

    def taps(column: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
        at = np.where(inside, row * columns + column, 0).astype(np.intp)
        return planes.take(at, axis=1), inside

    if mode == "nearest":
        value, inside = taps(np.rint(x), np.rint(y))
        out = np.where(inside, value, colour.astype(image.dtype))
    else:
        left, above = np.floor(x), np.floor(y)
        right_share, below_share = x - left, y - above
        out = np.zeros((len(planes), x.size), dtype=np.result_type(image.dtype, np.float32))
        covered = np.zeros_like(x)
        for right in (0, 1):
            for below in (0, 1):
                value, inside = taps(left + right, above + below)
                weight = (
                    (right_share if right else 1 - right_share) * (below_share if below else 1 - below_share) * inside
                )
                out += value * weight
                covered += weight
        if fill is not None:
            out *= covered
            out += (1 - covered) * colour
        if image.dtype.kind in "biu":
            np.rint(out, out=out)
    return out.astype(image.dtype, copy=False).reshape(*image.shape[:-2], *grid.shape[:2])


@functional(_ALL)
def affine(
    inpt: Tensor,
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: Sequence[float],
    interpolation: InterpolationMode | str | int = InterpolationMode.NEAREST,
    fill: Any = None,
    center: Sequence[float] | None = None,
) -> Tensor:
    """The image turned clockwise by `angle` degrees, moved, scaled and sheared (degrees along x and y) about its middle."""
    shear = check_affine(angle, translate, scale, shear, center)
    height, width = inpt.shape[-2:]
    middle = [0.0, 0.0] if center is None else [center[0] - width * 0.5, center[1] - height * 0.5]
    matrix = inverse_affine(middle, angle, [float(t) for t in translate], scale, shear)
    return sampled(
        inpt, _affine_grid(matrix, width, height, width, height), _for_tensors("affine", interpolation), fill
    )


def expanded_size(angle: float, width: int, height: int) -> tuple[int, int]:
    """(width, height) that hold the whole turned picture, its middle where it was."""
    if angle % 90 == 0:
        return (height, width) if angle % 180 else (width, height)
    matrix = inverse_affine([0.0, 0.0], -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    corners = np.array(
        [
            [-0.5 * width, -0.5 * height],
            [-0.5 * width, 0.5 * height],
            [0.5 * width, 0.5 * height],
            [0.5 * width, -0.5 * height],
        ],
        dtype=np.float32,
    )
    m = np.array(matrix, dtype=np.float32).reshape(2, 3)
    moved = corners @ m[:, :2].T + m[:, 2]
    half = np.array([0.5 * width, 0.5 * height])
    low, high = moved.min(0) + half, moved.max(0) + half
    tidy = 1e-3  # corners that are whole numbers but for rounding
    size = np.ceil(np.trunc(high / tidy) * tidy) - np.floor(np.trunc(low / tidy) * tidy)
    return int(size[0]), int(size[1])


@functional(_ALL)
def rotate(
    inpt: Tensor,
    angle: float,
    interpolation: InterpolationMode | str | int = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: Any = None,
) -> Tensor:
    """The image turned counter-clockwise by `angle` degrees about its middle, or about `center` (x, y).

    `expand` makes the result large enough for all of it (it turns about the middle then).
    """
    if not isinstance(angle, numbers.Real):
        raise TypeError(
            f"rotate: argument angle should be int or float, expected a number, got {type(angle)}. Pass degrees."
        )
    check_center("rotate", center)
    mode = _for_tensors("rotate", interpolation)
    if (center is None or expand) and angle % 90 == 0 and (expand or angle % 180 == 0):
        return inpt.rot90(int(angle // 90) % 4, (-2, -1))
    rows, columns = inpt.shape[-2:]
    middle = [0.0, 0.0] if center is None or expand else [center[0] - columns * 0.5, center[1] - rows * 0.5]
    matrix = inverse_affine(middle, -float(angle % 360.0), [0.0, 0.0], 1.0, [0.0, 0.0])
    width, height = expanded_size(angle, columns, rows) if expand else (columns, rows)
    return sampled(inpt, _affine_grid(matrix, columns, rows, width, height), mode, fill)


def perspective_coefficients(startpoints: Points | None, endpoints: Points | None, coefficients: Any) -> list[float]:
    """The eight numbers (a..h) by which (x, y) of the result looks at ((ax + by + c), (dx + ey + f)) / (gx + hy + 1).

    ValueError unless either both lists of points or eight coefficients are given.
    """
    if coefficients is not None:
        if startpoints is not None and endpoints is not None:
            raise ValueError(
                "perspective: the startpoints/endpoints and the coefficients shouldn't be defined concurrently, got "
                "both. Leave one out."
            )
        if len(coefficients) != 8:
            raise ValueError(
                f"perspective: argument coefficients should have 8 float values, got {len(coefficients)}. Pass 8."
            )
        return [float(c) for c in coefficients]
    if startpoints is None or endpoints is None:
        raise ValueError(
            "perspective: either the startpoints/endpoints or the coefficients must have non `None` values, got "
            "neither. Pass one."
        )
    if len(startpoints) != 4 or len(endpoints) != 4:
        raise ValueError(
            "perspective: expected exactly four startpoints and endpoints, got "
            f"{len(startpoints)} and {len(endpoints)}. Pass the four corners."
        )
    rows = []
    for (sx, sy), (ex, ey) in zip(startpoints, endpoints, strict=True):
        rows.append([ex, ey, 1, 0, 0, 0, -sx * ex, -sx * ey])
        rows.append([0, 0, 0, ex, ey, 1, -sy * ex, -sy * ey])
    goal = np.array(startpoints, dtype=np.float64).reshape(8)
    solution = np.linalg.lstsq(np.array(rows, dtype=np.float64), goal, rcond=None)[0]
    return [float(c) for c in solution.astype(np.float32)]


def _perspective_grid(coefficients: Sequence[float], width: int, height: int) -> Tensor:
    x = (np.arange(width, dtype=np.float32) + np.float32(0.5))[None, :]
    y = (np.arange(height, dtype=np.float32) + np.float32(0.5))[:, None]
    a, b, c, d, e, f, g, h = np.array(coefficients, dtype=np.float32)
    below = g * x + h * y + np.float32(1)
    grid = np.empty((height, width, 2), dtype=np.float32)
    wide, high = np.float32(0.5 * width), np.float32(0.5 * height)
    grid[..., 0] = ((a / wide) * x + (b / wide) * y + c / wide) / below - np.float32(1)
    grid[..., 1] = ((d / high) * x + (e / high) * y + f / high) / below - np.float32(1)
    return facula.from_numpy(grid)


@functional(_ALL)
def perspective(
    inpt: Tensor,
    startpoints: Points | None,
    endpoints: Points | None,
    interpolation: InterpolationMode | str | int = InterpolationMode.BILINEAR,
    fill: Any = None,
    coefficients: Sequence[float] | None = None,
) -> Tensor:
    """The image seen from elsewhere: four `startpoints` (x, y) come to the `endpoints`; or by the eight coefficients of the map."""
    found = perspective_coefficients(startpoints, endpoints, coefficients)
    height, width = inpt.shape[-2:]
    return sampled(inpt, _perspective_grid(found, width, height), _for_tensors("perspective", interpolation), fill)


def check_displacement(displacement: Any, canvas: Sequence[int]) -> None:
    """TypeError or ValueError unless it is a tensor (1, H, W, 2)."""
    if not isinstance(displacement, Tensor):
        raise TypeError(
            f"elastic: argument displacement should be a Tensor, got {type(displacement)}. Pass (1, H, W, 2)."
        )
    expected = (1, *canvas, 2)
    if tuple(displacement.shape) != expected:
        raise ValueError(
            f"elastic: argument displacement shape should be {expected}, got {tuple(displacement.shape)}. Reshape it."
        )


def identity_grid(height: int, width: int) -> Tensor:
    """The middle of each pixel, from -1 to 1.   Shape: (1, H, W, 2)."""
    x = np.linspace((1.0 - width) / width, (width - 1.0) / width, width, dtype=np.float32)
    y = np.linspace((1.0 - height) / height, (height - 1.0) / height, height, dtype=np.float32)
    return facula.from_numpy(np.stack(np.broadcast_arrays(x[None, :], y[:, None]), -1)[None])


@functional(_ALL)
def elastic(
    inpt: Tensor,
    displacement: Tensor,
    interpolation: InterpolationMode | str | int = InterpolationMode.BILINEAR,
    fill: Any = None,
) -> Tensor:
    """The image where each pixel looks `displacement` away, in units of half the picture.   Shape: displacement (1, H, W, 2)."""
    height, width = inpt.shape[-2:]
    check_displacement(displacement, (height, width))
    grid = identity_grid(height, width).to(displacement.device) + displacement
    return sampled(inpt, grid, _for_tensors("elastic", interpolation), fill)
