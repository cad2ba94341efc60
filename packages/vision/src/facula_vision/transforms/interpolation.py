"""Ways to compute a pixel from its neighbours, and the matrices that do it along one side of a picture."""

from __future__ import annotations

import functools
from enum import Enum

import numpy as np

import facula
from facula import Tensor

__all__ = ["InterpolationMode", "as_mode", "nearest_index", "resample", "resampling_matrix"]


class InterpolationMode(Enum):
    """The filters of Pillow and PyTorch."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


_PILLOWS = dict(enumerate(["nearest", "lanczos", "bilinear", "bicubic", "box", "hamming"]))


def as_mode(interpolation: InterpolationMode | str | int) -> InterpolationMode:
    """The mode by its name or by Pillow's number; ValueError for an unknown one."""
    if isinstance(interpolation, InterpolationMode):
        return interpolation
    name = _PILLOWS.get(interpolation) if isinstance(interpolation, int) else interpolation
    try:
        return InterpolationMode(name)
    except ValueError:
        names = ", ".join(mode.value for mode in InterpolationMode)
        raise ValueError(
            f"Invalid interpolation mode: expected one of {names}, got {interpolation!r}. Choose one of them."
        ) from None


def nearest_index(size: int, out: int, shift: float) -> Tensor:
    """Which of `size` pixels each of `out` pixels takes, its place counted from its edge (0) or middle (0.5)."""
    index = np.floor((np.arange(out, dtype=np.float32) + np.float32(shift)) * np.float32(size / out))
    return facula.from_numpy(index.astype(np.int64).clip(0, size - 1))


def resample(image: Tensor, dim: int, out: int, mode: InterpolationMode, antialias: bool) -> Tensor:
    """`image` with `out` pixels along `dim` (-1 or -2), each made of those near it.

    A pixel needs few of those along its side, so the matrix is multiplied in blocks around its diagonal.
    """
    parts = []
    for low, high, block in _blocks(image.shape[dim], out, mode, antialias):
        weights = block.to(image.dtype).to(image.device)
        parts.append(image[..., low:high] @ weights.mT if dim == -1 else weights @ image[..., low:high, :])
    return parts[0] if len(parts) == 1 else facula.cat(parts, dim)


_BLOCK = 32  # pixels made at a time


@functools.lru_cache(maxsize=64)
def _blocks(size: int, out: int, mode: InterpolationMode, antialias: bool) -> list[tuple[int, int, Tensor]]:
    """(first pixel, end, weights) for each few pixels of the result, from top to bottom of the matrix."""
    matrix = resampling_matrix(size, out, mode, antialias).numpy()
    found = []
    for start in range(0, out, _BLOCK):
        rows = matrix[start : start + _BLOCK]
        used = np.nonzero(rows.any(0))[0]
        low, high = int(used[0]), int(used[-1]) + 1
        found.append((low, high, facula.from_numpy(rows[:, low:high].copy())))
    return found


def resampling_matrix(size: int, out: int, mode: InterpolationMode, antialias: bool) -> Tensor:
    """The weights by which `out` pixels are made of `size` pixels; each row adds up to 1.

    w[i, j] ~ f((j + 0.5 - c) / s) with c = (i + 0.5) size / out, and s = size / out when that is above 1 and
    `antialias`, else 1. Pixels beyond the edge count as the edge if not `antialias`, and not at all otherwise.

    Shape: (out, size). ValueError for a filter other than bilinear and bicubic.
    """
    if mode not in (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC):
        raise ValueError(
            f"resize: expected nearest, nearest-exact, bilinear or bicubic for a tensor, got {mode.value}. "
            "Resize a PIL image instead."
        )
    scale = max(size / out, 1.0) if antialias else 1.0
    reach = (1 if mode is InterpolationMode.BILINEAR else 2) * scale
    centre = (np.arange(out) + 0.5) * (size / out)
    if mode is InterpolationMode.BILINEAR and not antialias:
        centre = centre.clip(0.5, size - 0.5)
    first = np.floor(centre - reach).astype(int)
    taps = first[:, None] + np.arange(int(np.ceil(2 * reach)) + 2)  # (out, taps)
    distance = np.abs(taps + 0.5 - centre[:, None]) / scale
    weight = (
        _triangle(distance) if mode is InterpolationMode.BILINEAR else _cubic(distance, -0.5 if antialias else -0.75)
    )
    if antialias:
        weight = np.where((taps >= 0) & (taps < size), weight, 0.0)
    matrix = np.zeros((out, size))
    np.add.at(matrix, (np.arange(out)[:, None], taps.clip(0, size - 1)), weight)
    return facula.from_numpy((matrix / matrix.sum(1, keepdims=True)).astype(np.float32))


def _triangle(x: np.ndarray) -> np.ndarray:
    return np.maximum(1 - x, 0.0)


def _cubic(x: np.ndarray, a: float) -> np.ndarray:
    """Keys' cubic convolution, https://doi.org/10.1109/TASSP.1981.1163711."""
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * a - 4 * a
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))
