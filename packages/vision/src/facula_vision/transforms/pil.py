"""The geometry of PIL images. Importing this module loads Pillow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from facula_vision.transforms.interpolation import InterpolationMode

__all__ = ["crop", "flip", "is_image", "pad", "resize", "rotate", "size"]

_FILTERS = {
    InterpolationMode.NEAREST: Image.Resampling.NEAREST,
    InterpolationMode.NEAREST_EXACT: Image.Resampling.NEAREST,
    InterpolationMode.BILINEAR: Image.Resampling.BILINEAR,
    InterpolationMode.BICUBIC: Image.Resampling.BICUBIC,
    InterpolationMode.BOX: Image.Resampling.BOX,
    InterpolationMode.HAMMING: Image.Resampling.HAMMING,
    InterpolationMode.LANCZOS: Image.Resampling.LANCZOS,
}


def is_image(img: Any) -> bool:
    return isinstance(img, Image.Image)


def size(img: Any) -> tuple[int, int, int]:
    """(channels, height, width)."""
    return len(img.getbands()), img.height, img.width


def resize(img: Any, height: int, width: int, interpolation: InterpolationMode) -> Any:
    return img.resize((width, height), _FILTERS[interpolation])


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    return img.crop((left, top, left + width, top + height))


def flip(img: Any, horizontal: bool) -> Any:
    side = Image.Transpose.FLIP_LEFT_RIGHT if horizontal else Image.Transpose.FLIP_TOP_BOTTOM
    return img.transpose(side)


def pad(img: Any, border: tuple[int, int, int, int], fill: Any, padding_mode: str) -> Any:
    if padding_mode == "constant":
        return ImageOps.expand(img, border, _colour(img, fill))
    left, top, right, bottom = border
    pixels = np.asarray(img)
    sides = ((top, bottom), (left, right), (0, 0))[: pixels.ndim]
    padded = Image.fromarray(np.pad(pixels, sides, mode=padding_mode))  # type: ignore[call-overload]
    if img.mode == "P":
        padded.putpalette(img.getpalette())
    return padded


def rotate(
    img: Any, angle: float, interpolation: InterpolationMode, expand: bool, center: Sequence[float] | None, fill: Any
) -> Any:
    middle = tuple(center) if center is not None else None
    return img.rotate(angle, _FILTERS[interpolation], expand, middle, fillcolor=_colour(img, fill or 0))


def _colour(img: Any, fill: Any) -> Any:
    """`fill` as Pillow wants it: one number for each band."""
    bands = len(img.getbands())
    if isinstance(fill, (int, float)):
        return fill if bands == 1 else (int(fill),) * bands
    return fill[0] if bands == 1 and len(fill) == 1 else tuple(fill)
