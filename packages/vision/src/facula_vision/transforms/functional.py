"""Transforms as functions, on PIL images and on tensors (..., C, H, W) alike."""

from __future__ import annotations

import numbers
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

import facula
from facula import Tensor
from facula_vision.transforms import pixels
from facula_vision.transforms.interpolation import InterpolationMode

__all__ = [
    "InterpolationMode",
    "center_crop",
    "convert_image_dtype",
    "crop",
    "get_dimensions",
    "get_image_size",
    "hflip",
    "normalize",
    "pad",
    "pil_to_tensor",
    "resize",
    "rotate",
    "to_pil_image",
    "to_tensor",
    "vflip",
]


def is_pil_image(img: Any) -> bool:
    """Whether `img` is an image of Pillow, which is not loaded to answer no."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(img, module.Image)


def _pil(name: str, img: Any) -> Any:
    """The module for PIL images, or None for a tensor; TypeError for anything else."""
    if isinstance(img, Tensor):
        if img.dim() < 2:
            raise TypeError(
                f"{name}: expected a tensor (..., H, W), got {tuple(img.shape)}. Add the missing dimensions."
            )
        return None
    if not is_pil_image(img):
        raise TypeError(f"{name}: expected img to be a PIL Image or a Tensor, got {type(img)}. Convert it first.")
    from facula_vision.transforms import pil

    return pil


def as_list(size: int | Sequence[int]) -> list[int]:
    """One number or several, as a list."""
    return [int(side) for side in size] if isinstance(size, Sequence) else [int(size)]


def get_dimensions(img: Any) -> list[int]:
    """[channels, height, width] of an image."""
    pil = _pil("get_dimensions", img)
    if pil is not None:
        return list(pil.size(img))
    return [img.shape[-3] if img.dim() > 2 else 1, *img.shape[-2:]]


def get_image_size(img: Any) -> list[int]:
    """[width, height] of an image."""
    _, height, width = get_dimensions(img)
    return [width, height]


def pil_to_tensor(pic: Any) -> Tensor:
    """The pixels of a PIL image as they are.   Shape: (C, H, W)."""
    if not is_pil_image(pic):
        raise TypeError(
            f"pil_to_tensor: pic should be PIL Image, expected one, got {type(pic)}. Use to_tensor for arrays."
        )
    array = np.array(pic)
    if array.dtype == np.bool_:
        array = array.astype(np.uint8)
    return facula.from_numpy(np.ascontiguousarray(np.atleast_3d(array).transpose(2, 0, 1)))


def to_tensor(pic: Any) -> Tensor:
    """A PIL image or an array (H, W, C) or (H, W) as a tensor; 0..255 becomes 0..1.   Shape: (C, H, W).

    TypeError for anything else, ValueError for an array of other dimensions.

    >>> import numpy as np
    >>> from facula_vision.transforms.functional import to_tensor
    >>> to_tensor(np.full((2, 3), 255, dtype=np.uint8)).shape
    facula.Size([1, 2, 3])
    """
    if is_pil_image(pic):
        image = pil_to_tensor(pic)
        if pic.mode == "1":
            return image.to(facula.get_default_dtype())
        return image.to(facula.get_default_dtype()) / 255 if image.dtype == facula.uint8 else image
    if not isinstance(pic, np.ndarray):
        raise TypeError(
            f"to_tensor: pic should be PIL Image or ndarray, expected one of them, got {type(pic)}. Convert it."
        )
    if pic.ndim not in (2, 3):
        raise ValueError(
            f"to_tensor: pic should be 2/3 dimensional, expected (H, W) or (H, W, C), got {pic.ndim} dimensions. Index "
            "it."
        )
    image = facula.from_numpy(np.ascontiguousarray(np.atleast_3d(pic).transpose(2, 0, 1)))
    return image.to(facula.get_default_dtype()) / 255 if pic.dtype == np.uint8 else image


def convert_image_dtype(image: Tensor, dtype: Any = None) -> Tensor:
    """The image in another type, scaled so that the range of one becomes the range of the other.

    Floating point runs from 0 to 1, integers from 0 to their maximum. RuntimeError where float32 (float64) cannot hold
    the integers asked for.
    """
    dtype = dtype if dtype is not None else facula.float32
    if image.dtype == dtype:
        return image
    if image.is_floating_point():
        if dtype.is_floating_point:
            return image.to(dtype)
        wide = dtype == facula.int64 or (dtype == facula.int32 and image.dtype == facula.float32)
        if wide:
            raise RuntimeError(
                f"convert_image_dtype: the cast from {image.dtype} to {dtype} cannot be performed safely, expected a "
                "type "
                f"whose numbers {image.dtype} can hold, got {dtype}. Choose a smaller integer type."
            )
        top = facula.iinfo(dtype).max
        return (image * (top + 1.0 - 1e-3)).to(dtype)
    source = facula.iinfo(image.dtype).max
    if dtype.is_floating_point:
        return image.to(dtype) / source
    target = facula.iinfo(dtype).max
    if source > target:
        return (image // ((source + 1) // (target + 1))).to(dtype)
    return image.to(dtype) * ((target + 1) // (source + 1))


def to_pil_image(pic: Any, mode: str | None = None) -> Any:
    """A tensor (C, H, W) or an array (H, W, C) as a PIL image; floating point 0..1 becomes 0..255.

    ValueError for shapes, types or modes that Pillow lacks.
    """
    from PIL import Image

    if isinstance(pic, Tensor):
        if pic.dim() not in (2, 3):
            raise ValueError(
                f"to_pil_image: pic should be 2/3 dimensional, expected (H, W) or (C, H, W), got {tuple(pic.shape)}. "
                "Index it."
            )
        image = pic.detach().cpu()
        if image.is_floating_point() and mode != "F":
            image = (image * 255).to(facula.uint8)
        array = image.numpy()
        array = array[:, :, None] if array.ndim == 2 else array.transpose(1, 2, 0)
    elif isinstance(pic, np.ndarray):
        array = np.atleast_3d(pic)
    else:
        raise TypeError(
            f"to_pil_image: pic should be Tensor or ndarray, expected one of them, got {type(pic)}. Convert it."
        )
    channels = array.shape[2]
    if channels not in (1, 2, 3, 4) or array.ndim != 3:
        raise ValueError(
            f"to_pil_image: pic should not have > 4 channels, expected 1 to 4, got shape {array.shape}. Choose "
            "channels."
        )
    if channels > 1 and array.dtype != np.uint8:
        raise ValueError(f"to_pil_image: expected uint8 for {channels} channels, got {array.dtype}. Convert it first.")
    allowed = _modes(channels, array.dtype)
    if mode is not None and mode not in allowed:
        raise ValueError(
            f"to_pil_image: incorrect mode, expected one of {', '.join(allowed)} for such pixels, got {mode}. Leave "
            "mode out."
        )
    image = Image.fromarray(np.ascontiguousarray(array[:, :, 0] if channels == 1 else array))
    return image if mode in (None, image.mode) else _as_mode(Image, image, mode)


def _modes(channels: int, dtype: Any) -> tuple[str, ...]:
    if channels == 1:
        found = {"uint8": ("L",), "int16": ("I;16",), "uint16": ("I;16",), "int32": ("I",), "float32": ("F",)}.get(
            dtype.name
        )
        if found is None:
            raise ValueError(
                f"to_pil_image: expected uint8, int16, uint16, int32 or float32, got input type {dtype}. Convert it "
                "first."
            )
        return found
    return {2: ("LA",), 3: ("RGB", "YCbCr", "HSV", "LAB"), 4: ("RGBA", "CMYK", "RGBX")}[channels]


def _as_mode(module: Any, image: Any, mode: str) -> Any:
    """The same bytes under another mode."""
    return module.frombytes(mode, image.size, image.tobytes())


def normalize(tensor: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> Tensor:
    """(tensor - mean) / std for each channel.   Shape: (..., C, H, W) unchanged.

    TypeError for integers, ValueError for fewer than three dimensions or a std of zero.
    """
    if not isinstance(tensor, Tensor):
        raise TypeError(
            f"normalize: img should be Tensor Image, expected a tensor, got {type(tensor)}. Use to_tensor first."
        )
    if not tensor.is_floating_point():
        raise TypeError(
            f"normalize: input tensor should be a float tensor, expected one, got {tensor.dtype}. Use "
            "convert_image_dtype."
        )
    if tensor.dim() < 3:
        raise ValueError(
            f"normalize: expected tensor to be a tensor image of size (..., C, H, W), got {tuple(tensor.shape)}. "
            "Unsqueeze it."
        )
    middle = facula.as_tensor(mean, dtype=tensor.dtype, device=tensor.device)
    spread = facula.as_tensor(std, dtype=tensor.dtype, device=tensor.device)
    if bool((spread == 0).any()):
        raise ValueError(
            f"normalize: expected std above zero, got {std}: std evaluated to zero, leading to division by zero."
        )
    middle = middle.view(-1, 1, 1) if middle.dim() == 1 else middle
    spread = spread.view(-1, 1, 1) if spread.dim() == 1 else spread
    return tensor.sub_(middle).div_(spread) if inplace else (tensor - middle) / spread


def _target_size(height: int, width: int, size: int | Sequence[int], max_size: int | None) -> tuple[int, int]:
    """(height, width) after a resize: `size` itself, or that length for the shorter side."""
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
    short, long = sorted((height, width))
    new_short, new_long = sides[0], int(sides[0] * long / short)
    if max_size is not None:
        if max_size <= sides[0]:
            raise ValueError(
                f"resize: max_size = {max_size} must be strictly greater than the requested size {sides[0]}. Raise it."
            )
        if new_long > max_size:
            new_short, new_long = int(max_size * new_short / new_long), max_size
    return (new_short, new_long) if height <= width else (new_long, new_short)


def resize(
    img: Any,
    size: int | Sequence[int],
    interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """The image at another size: (height, width), or one number for the shorter side.

    PIL images are always antialiased. ValueError for a size of other length, TypeError for another kind of image.
    """
    _, height, width = get_dimensions(img)
    target = _target_size(height, width, size, max_size)
    if target == (height, width):
        return img
    pil = _pil("resize", img)
    if pil is not None:
        return pil.resize(img, *target, interpolation)
    return pixels.resize(img, *target, interpolation, bool(antialias))


def pad(img: Any, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant") -> Any:
    """A border around the image; `padding` is one number, (left/right, top/bottom) or (left, top, right, bottom).

    `padding_mode` is constant (of colour `fill`), edge, reflect or symmetric; ValueError for others.
    """
    sides = as_list(padding)
    if len(sides) not in (1, 2, 4):
        raise ValueError(
            f"pad: padding must be an int or a 1, 2, or 4 element tuple, expected that, got {len(sides)} elements."
        )
    if min(sides) < 0:
        raise ValueError(f"pad: expected padding of at least 0, got {padding}. Use crop to make an image smaller.")
    if padding_mode not in ("constant", "edge", "reflect", "symmetric"):
        raise ValueError(
            "pad: padding mode should be either constant, edge, reflect or symmetric, expected one of them, got "
            f"{padding_mode!r}."
        )
    border = tuple(sides * (4 // len(sides)))
    pil = _pil("pad", img)
    return (pixels if pil is None else pil).pad(img, border, fill, padding_mode)


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """A rectangle of the image, with zeros where it leaves it."""
    pil = _pil("crop", img)
    return (pixels if pil is None else pil).crop(img, top, left, height, width)


def center_crop(img: Any, output_size: int | Sequence[int]) -> Any:
    """The middle of the image, padded with zeros where the image is smaller."""
    sides = as_list(output_size)
    high, wide = sides[0], sides[-1]
    _, height, width = get_dimensions(img)
    if wide > width or high > height:
        missing_x, missing_y = max(wide - width, 0), max(high - height, 0)
        img = pad(img, (missing_x // 2, missing_y // 2, (missing_x + 1) // 2, (missing_y + 1) // 2))
        _, height, width = get_dimensions(img)
    return crop(img, round((height - high) / 2.0), round((width - wide) / 2.0), high, wide)


def hflip(img: Any) -> Any:
    """The image with left and right exchanged."""
    pil = _pil("hflip", img)
    return (pixels if pil is None else pil).flip(img, horizontal=True)


def vflip(img: Any) -> Any:
    """The image with top and bottom exchanged."""
    pil = _pil("vflip", img)
    return (pixels if pil is None else pil).flip(img, horizontal=False)


def rotate(
    img: Any,
    angle: float,
    interpolation: InterpolationMode = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: Any = None,
) -> Any:
    """The image turned counter-clockwise by `angle` degrees about its middle, or about `center` (x, y).

    `expand` makes the result large enough for all of it (it turns about the middle then).
    """
    if not isinstance(angle, numbers.Real):
        raise TypeError(
            f"rotate: argument angle should be int or float, expected a number, got {type(angle)}. Pass degrees."
        )
    if center is not None and len(center) != 2:
        raise ValueError(
            f"rotate: expected center as (x, y), got {center}. Argument center should be a 2-element sequence."
        )
    pil = _pil("rotate", img)
    return (pixels if pil is None else pil).rotate(img, float(angle), interpolation, expand, center, fill)
