"""Pixels moved by whole steps or resampled along rows and columns: flips, crops, borders, sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import facula
from facula import Tensor
from facula_vision.transforms.interpolation import InterpolationMode, as_mode, nearest_index, resample
from facula_vision.transforms.v2.functional.dispatch import functional
from facula_vision.transforms.v2.functional.meta import get_size

__all__ = [
    "center_crop",
    "crop",
    "five_crop",
    "horizontal_flip",
    "pad",
    "resize",
    "resized_crop",
    "ten_crop",
    "vertical_flip",
]

Size = int | Sequence[int]
_ALL = "image video mask"


@functional(_ALL)
def horizontal_flip(inpt: Tensor) -> Tensor:
    """Left and right exchanged."""
    return _at_least_2d("horizontal_flip", inpt).flip(-1)


@functional(_ALL)
def vertical_flip(inpt: Tensor) -> Tensor:
    """Top and bottom exchanged."""
    return _at_least_2d("vertical_flip", inpt).flip(-2)


def _at_least_2d(name: str, image: Tensor) -> Tensor:
    if image.ndim < 2:
        raise TypeError(f"{name}: expected a tensor (..., H, W), got {tuple(image.shape)}. Add the missing dimensions.")
    return image


def as_list(size: Size) -> list[int]:
    """One number or several, as a list."""
    return [int(side) for side in size] if isinstance(size, Sequence) else [int(size)]


def target_size(canvas: Sequence[int], size: Size | None, max_size: int | None) -> tuple[int, int]:
    """(height, width) after a resize: `size` itself, or that length for the shorter side; None brings the longer to `max_size`."""
    height, width = canvas
    short, long = sorted((height, width))
    if size is None:
        if not isinstance(max_size, int):
            raise ValueError(f"resize: max_size must be an integer when size is None, got {max_size}. Pass one.")
        new_short, new_long = int(max_size * short / long), max_size
        return (new_short, new_long) if height <= width else (new_long, new_short)
    sides = as_list(size)
    if len(sides) not in (1, 2):
        raise ValueError(f"resize: if size is a sequence, it should have 1 or 2 values, expected that, got {size}.")
    if len(sides) == 2:
        if max_size is not None:
            raise ValueError(
                f"resize: max_size should only be passed if size specifies the length of the smaller edge, got {size}. "
                "Give one number as size."
            )
        return sides[0], sides[1]
    new_short, new_long = sides[0], int(sides[0] * long / short)
    if max_size is not None:
        if max_size <= sides[0]:
            raise ValueError(
                f"resize: max_size = {max_size} must be strictly greater than the requested size {sides[0]}. Raise it."
            )
        if new_long > max_size:
            new_short, new_long = int(max_size * new_short / new_long), max_size
    return (new_short, new_long) if height <= width else (new_long, new_short)


@functional(_ALL)
def resize(
    inpt: Tensor,
    size: Size | None,
    interpolation: InterpolationMode | str | int = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Tensor:
    """The image at another size: (height, width), one number for the shorter side, or None for `max_size` as the longer one.

    PIL images are always antialiased, masks take the nearest pixel. ValueError for a size of other length.
    """
    height, width = target_size(inpt.shape[-2:], size, max_size)
    return resampled(inpt, height, width, as_mode(interpolation), bool(antialias))


def resampled(image: Tensor, height: int, width: int, mode: InterpolationMode, antialias: bool) -> Tensor:
    """Rows and columns resampled; integers are rounded and kept in their range."""
    rows, columns = image.shape[-2:]
    if (rows, columns) == (height, width):
        return image
    if mode in (InterpolationMode.NEAREST, InterpolationMode.NEAREST_EXACT):
        shift = 0.5 if mode is InterpolationMode.NEAREST_EXACT else 0.0
        return image[..., nearest_index(rows, height, shift), :][..., nearest_index(columns, width, shift)]
    pixels = image if image.is_floating_point() else image.to(facula.float32)
    pixels = resample(resample(pixels, -1, width, mode, antialias), -2, height, mode, antialias)
    if image.is_floating_point():
        return pixels
    limits = facula.iinfo(image.dtype)
    return pixels.round().clamp(limits.min, limits.max).to(image.dtype)


def border_of(padding: Any) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of one number, two (left/right, top/bottom) or four."""
    sides = as_list(padding)
    if len(sides) not in (1, 2, 4):
        raise ValueError(
            f"pad: padding must be an int or a 1, 2, or 4 element tuple, expected that, got {len(sides)} elements."
        )
    left, top, right, bottom = sides * (4 // len(sides))
    return left, top, right, bottom


def check_padding_mode(padding_mode: str) -> None:
    """ValueError for a border that is not known."""
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError(
            "pad: padding mode should be either constant, edge, reflect or symmetric, expected one of them, got "
            f"{padding_mode!r}."
        )


def colour(image: Tensor, fill: Any) -> Tensor:
    """`fill` as a tensor that broadcasts over the channels of the picture."""
    found = facula.as_tensor(0 if fill is None else fill, dtype=image.dtype, device=image.device)
    return found.view(-1, 1, 1) if found.ndim else found


@functional("image video")
def pad(inpt: Tensor, padding: Size, fill: Any = None, padding_mode: str = "constant") -> Tensor:
    """A border around the image; `padding` is one number, (left/right, top/bottom) or (left, top, right, bottom).

    `padding_mode` is constant (of colour `fill`), edge, reflect or symmetric; ValueError for others. Negative borders crop.
    """
    check_padding_mode(padding_mode)
    left, top, right, bottom = border_of(padding)
    rows, columns = inpt.shape[-2:]
    if padding_mode != "constant" and min(left, top, right, bottom) >= 0:
        down = np.pad(np.arange(rows), (top, bottom), mode=padding_mode)  # type: ignore[call-overload]
        across = np.pad(np.arange(columns), (left, right), mode=padding_mode)  # type: ignore[call-overload]
        return inpt[..., facula.from_numpy(down), :][..., facula.from_numpy(across)]
    if min(left, top, right, bottom) < 0:
        inside = inpt[..., max(-top, 0) : rows - max(-bottom, 0), max(-left, 0) : columns - max(-right, 0)]
        return pad.image(inside, [max(side, 0) for side in (left, top, right, bottom)], fill, padding_mode)
    out = inpt.new_zeros((*inpt.shape[:-2], rows + top + bottom, columns + left + right))
    if fill is not None and fill != 0:
        out = out + colour(inpt, fill)
    out[..., top : top + rows, left : left + columns] = inpt
    return out


@pad.kernel("mask")
def _pad_mask(mask: Tensor, padding: Size, fill: Any = None, padding_mode: str = "constant") -> Tensor:
    if isinstance(fill, Sequence) and len(fill) > 1:
        raise ValueError(f"pad: non-scalar fill value is not supported for masks, got {fill}. Pass one number.")
    out: Tensor = pad.image(mask, padding, fill[0] if isinstance(fill, Sequence) else fill, padding_mode)
    return out


@functional(_ALL)
def crop(inpt: Tensor, top: int, left: int, height: int, width: int) -> Tensor:
    """A rectangle of the image, with zeros where it leaves it."""
    rows, columns = inpt.shape[-2:]
    inside = inpt[..., max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
    if top >= 0 and left >= 0 and top + height <= rows and left + width <= columns:
        return inside
    above, before = min(max(-top, 0), height), min(max(-left, 0), width)
    below, after = height - above - inside.shape[-2], width - before - inside.shape[-1]
    out: Tensor = pad.image(inside, (before, above, after, below))
    return out


def crop_of_center(
    canvas: Sequence[int], output_size: Any
) -> tuple[tuple[int, int, int, int], tuple[int, int, int, int]]:
    """The border that makes the canvas large enough, and (top, left, height, width) of its middle after that."""
    sides = [int(output_size)] * 2 if isinstance(output_size, int) else as_list(output_size)
    high, wide = sides[0], sides[-1]
    height, width = canvas
    missing_x, missing_y = max(wide - width, 0), max(high - height, 0)
    border = (missing_x // 2, missing_y // 2, (missing_x + 1) // 2, (missing_y + 1) // 2)
    top = round((height + missing_y - high) / 2.0)
    left = round((width + missing_x - wide) / 2.0)
    return border, (top, left, high, wide)


@functional(_ALL)
def center_crop(inpt: Tensor, output_size: Size) -> Tensor:
    """The middle of the image, padded with zeros where the image is smaller."""
    border, place = crop_of_center(inpt.shape[-2:], output_size)
    out: Tensor = crop.image(pad.image(inpt, border, fill=0) if any(border) else inpt, *place)
    return out


@functional(_ALL)
def resized_crop(
    inpt: Tensor,
    top: int,
    left: int,
    height: int,
    width: int,
    size: Size,
    interpolation: InterpolationMode | str | int = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Tensor:
    """A rectangle of the image, brought to another size."""
    out: Tensor = resize.image(crop.image(inpt, top, left, height, width), size, interpolation, antialias=antialias)
    return out


def _corners(image: Any, size: Size) -> tuple[Any, ...]:
    sides = as_list(size)
    if len(sides) not in (1, 2):
        raise ValueError(
            f"five_crop: expected size (h, w), got {size}. Please provide only two dimensions (h, w) for size."
        )
    high, wide = sides[0], sides[-1]
    height, width = get_size(image)
    if wide > width or high > height:
        raise ValueError(
            f"five_crop: requested crop size {(high, wide)} is bigger than input size {(height, width)}, expected it to "
            "fit. Choose a smaller one."
        )
    places = [(0, 0), (0, width - wide), (height - high, 0), (height - high, width - wide)]
    return (*(crop(image, top, left, high, wide) for top, left in places), center_crop(image, [high, wide]))


@functional("image video")
def five_crop(inpt: Tensor, size: Size) -> tuple[Any, ...]:
    """Crops at the four corners (top left, top right, bottom left, bottom right) and in the middle.

    ValueError for a size above that of the image.
    """
    return _corners(inpt, size)


@functional("image video")
def ten_crop(inpt: Tensor, size: Size, vertical_flip: bool = False) -> tuple[Any, ...]:
    """`five_crop` of the image and of the image with left and right (or, `vertical_flip`, top and bottom) exchanged."""
    return tens(inpt, size, vertical_flip)


def tens(image: Any, size: Size, vertical: bool) -> tuple[Any, ...]:
    """Ten crops of any kind of image."""
    flipped = (vertical_flip if vertical else horizontal_flip)(image)
    return (*_corners(image, size), *_corners(flipped, size))
