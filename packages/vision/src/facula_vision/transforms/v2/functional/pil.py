"""Kernels for PIL images, under the names of their functions. Importing this module loads Pillow."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from facula_vision.transforms.interpolation import InterpolationMode, as_mode
from facula_vision.transforms.v2.functional import color, geometry, misc, warp
from facula_vision.transforms.v2.functional.convert import pil_to_tensor, to_pil_image

_FILTERS = {
    InterpolationMode.NEAREST: Image.Resampling.NEAREST,
    InterpolationMode.NEAREST_EXACT: Image.Resampling.NEAREST,
    InterpolationMode.BILINEAR: Image.Resampling.BILINEAR,
    InterpolationMode.BICUBIC: Image.Resampling.BICUBIC,
    InterpolationMode.BOX: Image.Resampling.BOX,
    InterpolationMode.HAMMING: Image.Resampling.HAMMING,
    InterpolationMode.LANCZOS: Image.Resampling.LANCZOS,
}


def _filter(interpolation: Any) -> Any:
    return _FILTERS[as_mode(interpolation)]


def _fill(img: Any, fill: Any) -> Any:
    """`fill` as Pillow wants it: one number for each band."""
    bands = len(img.getbands())
    fill = 0 if fill is None else fill
    if isinstance(fill, (int, float)):
        return fill if bands == 1 else (int(fill),) * bands
    if len(fill) == 1:
        return fill[0] if bands == 1 else (int(fill[0]),) * bands
    if len(fill) != bands:
        raise ValueError(
            f"fill: the number of elements in 'fill' should match the image's {bands} bands, got {len(fill)}. Pass {bands}."
        )
    return tuple(int(value) for value in fill)


def get_dimensions(img: Any) -> list[int]:
    return [len(img.getbands()), img.height, img.width]


def get_num_channels(img: Any) -> int:
    return len(img.getbands())


def get_size(img: Any) -> list[int]:
    return [img.height, img.width]


def horizontal_flip(img: Any) -> Any:
    return img.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def vertical_flip(img: Any) -> Any:
    return img.transpose(Image.Transpose.FLIP_TOP_BOTTOM)


def resize(
    img: Any,
    size: Any,
    interpolation: Any = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    height, width = geometry.target_size((img.height, img.width), size, max_size)
    return img if (img.height, img.width) == (height, width) else img.resize((width, height), _filter(interpolation))


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    return img.crop((left, top, left + width, top + height))


def resized_crop(
    img: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: Any,
    interpolation: Any = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Any:
    return resize(crop(img, top, left, height, width), size, interpolation)


def center_crop(img: Any, output_size: Any) -> Any:
    border, place = geometry.crop_of_center((img.height, img.width), output_size)
    return crop(pad(img, border) if any(border) else img, *place)


def five_crop(img: Any, size: Any) -> tuple[Any, ...]:
    return geometry.five_crop.image(img, size)


def ten_crop(img: Any, size: Any, vertical_flip: bool = False) -> tuple[Any, ...]:
    return geometry.tens(img, size, vertical_flip)


def pad(img: Any, padding: Any, fill: Any = 0, padding_mode: str = "constant") -> Any:
    geometry.check_padding_mode(padding_mode)
    border = geometry.border_of(padding)
    left, top, right, bottom = border
    if padding_mode == "constant":
        out = ImageOps.expand(img, border, fill=_fill(img, fill))
    else:
        inside = img.crop((max(-left, 0), max(-top, 0), img.width - max(-right, 0), img.height - max(-bottom, 0)))
        pixels = np.asarray(inside)
        sides = ((max(top, 0), max(bottom, 0)), (max(left, 0), max(right, 0)), (0, 0))[: pixels.ndim]
        out = Image.fromarray(np.pad(pixels, sides, mode=padding_mode))  # type: ignore[call-overload]
    if img.mode == "P" and out.mode != "P":
        out = out.convert("P") if out.mode != "L" else out
    if img.mode == "P":
        out.putpalette(img.getpalette())
    return out


def affine(
    img: Any,
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: Any,
    interpolation: Any = InterpolationMode.NEAREST,
    fill: Any = None,
    center: Any = None,
) -> Any:
    shear = warp.check_affine(angle, translate, scale, shear, center)
    middle = [img.width * 0.5, img.height * 0.5] if center is None else center
    matrix = warp.inverse_affine(middle, angle, translate, scale, shear)
    return img.transform(img.size, Image.Transform.AFFINE, matrix, _filter(interpolation), fillcolor=_fill(img, fill))


def rotate(
    img: Any,
    angle: float,
    interpolation: Any = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Any = None,
    fill: Any = None,
) -> Any:
    warp.check_center("rotate", center)
    middle = tuple(center) if center is not None and not expand else None
    return img.rotate(angle, _filter(interpolation), expand, middle, fillcolor=_fill(img, fill))


def perspective(
    img: Any,
    startpoints: Any,
    endpoints: Any,
    interpolation: Any = InterpolationMode.BILINEAR,
    fill: Any = None,
    coefficients: Any = None,
) -> Any:
    found = warp.perspective_coefficients(startpoints, endpoints, coefficients)
    return img.transform(
        img.size, Image.Transform.PERSPECTIVE, found, _filter(interpolation), fillcolor=_fill(img, fill)
    )


def _through_tensor(kernel: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel for tensors, for PIL images."""

    @functools.wraps(kernel)
    def call(img: Any, *args: Any, **kwargs: Any) -> Any:
        out = kernel(pil_to_tensor(img), *args, **kwargs)
        return to_pil_image(out, mode=img.mode)

    return call


elastic = _through_tensor(warp.elastic.image)
erase = _through_tensor(misc.erase.image)
gaussian_blur = _through_tensor(misc.gaussian_blur.image)
jpeg = _through_tensor(misc.jpeg.image)
permute_channels = _through_tensor(color.permute_channels.image)


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    color.check_factor("adjust_brightness", brightness_factor)
    return ImageEnhance.Brightness(img).enhance(brightness_factor)


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    color.check_factor("adjust_contrast", contrast_factor)
    if img.mode not in ("L", "RGB"):
        return ImageEnhance.Contrast(img).enhance(contrast_factor)
    counts = np.array((img if img.mode == "L" else img.convert("L")).histogram())
    level = int((counts @ np.arange(256)) / counts.sum() + 0.5)
    flat = Image.new(img.mode, img.size, level if img.mode == "L" else (level, level, level))
    return Image.blend(flat, img, contrast_factor)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    color.check_factor("adjust_saturation", saturation_factor)
    return ImageEnhance.Color(img).enhance(saturation_factor)


def adjust_sharpness(img: Any, sharpness_factor: float) -> Any:
    color.check_factor("adjust_sharpness", sharpness_factor)
    return ImageEnhance.Sharpness(img).enhance(sharpness_factor)


def adjust_hue(img: Any, hue_factor: float) -> Any:
    color.check_hue(hue_factor)
    if img.mode in ("L", "1", "I", "F"):
        return img
    shift = np.array(hue_factor * 255).astype(np.int32).astype(np.uint8)
    hue, saturation, value = img.convert("HSV").split()
    hue = hue.point([(level + int(shift)) % 256 for level in range(256)])
    return Image.merge("HSV", (hue, saturation, value)).convert(img.mode)


def adjust_gamma(img: Any, gamma: float, gain: float = 1) -> Any:
    if gamma < 0:
        raise ValueError(f"adjust_gamma: gamma should be a non-negative real number, got {gamma}. Pass 0 or above.")
    table = [int((255 + 1 - 1e-3) * gain * pow(level / 255.0, gamma)) for level in range(256)]
    picture = img.convert("RGB")
    return picture.point(table * 3).convert(img.mode)


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    color.check_grey_channels(num_output_channels)
    grey = img.convert("L")
    return grey if num_output_channels == 1 else Image.merge("RGB", (grey,) * 3)


def grayscale_to_rgb(img: Any) -> Any:
    return img.convert("RGB") if img.mode in ("L", "LA", "1") else img


def posterize(img: Any, bits: int) -> Any:
    return ImageOps.posterize(img, bits)


def solarize(img: Any, threshold: float) -> Any:
    return ImageOps.solarize(img, threshold)


def invert(img: Any) -> Any:
    return ImageOps.invert(img)


def autocontrast(img: Any) -> Any:
    return ImageOps.autocontrast(img)


def equalize(img: Any) -> Any:
    return ImageOps.equalize(img)
