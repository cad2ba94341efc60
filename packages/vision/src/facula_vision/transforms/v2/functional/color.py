"""Colours of images and videos: tensors (..., C, H, W) of floating point from 0 to 1, or of integers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import facula
import facula.nn.functional as F
from facula import Tensor
from facula_vision.transforms.v2.functional.convert import in_place, to_dtype
from facula_vision.transforms.v2.functional.dispatch import functional

__all__ = [
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "adjust_sharpness",
    "autocontrast",
    "equalize",
    "grayscale_to_rgb",
    "invert",
    "permute_channels",
    "posterize",
    "rgb_to_grayscale",
    "solarize",
    "to_grayscale",
]

_BOTH = "image video"
_LUMA = (0.2989, 0.587, 0.114)  # ITU-R 601-2


def top(image: Tensor) -> float:
    """The value of white."""
    return 1.0 if image.is_floating_point() else float(facula.iinfo(image.dtype).max)


def _real(image: Tensor) -> Tensor:
    return image if image.is_floating_point() else image.to(facula.float32)


def _back(real: Tensor, image: Tensor) -> Tensor:
    """Real numbers that were computed of the image, in its range and type."""
    if real.requires_grad or not real.is_cpu:
        real = real.clamp(0, top(image))
    else:
        array = real.numpy()  # nobody else has seen it
        np.clip(array, 0, top(image), out=array)
    return real if image.is_floating_point() else real.to(image.dtype)


def _blend(image: Tensor, other: Tensor, ratio: float) -> Tensor:
    """ratio image + (1 - ratio) other."""
    return _back(in_place(_real(image) * ratio, "add", other * (1.0 - ratio)), image)


def _luma(image: Tensor) -> Tensor:
    """The grey of a colour picture, whole where the picture's numbers are.   Shape: (..., 3, H, W) -> (..., 1, H, W)."""
    real = _real(image)
    red, green, blue = _LUMA
    grey = real[..., 0:1, :, :] * red + real[..., 1:2, :, :] * green + real[..., 2:3, :, :] * blue
    return grey if image.is_floating_point() else grey.floor()


def check_factor(name: str, factor: float) -> None:
    """ValueError below zero."""
    if factor < 0:
        raise ValueError(f"{name}: expected a factor that is not non-negative no more, got {factor}. Pass 0 or above.")


def check_channels(name: str, image: Tensor) -> int:
    """The count of channels; TypeError unless it is 1 or 3."""
    channels = image.shape[-3] if image.ndim > 2 else 1
    if channels not in (1, 3):
        raise TypeError(
            f"{name}: input image tensor permitted channel values are 1 or 3, got {channels}. Choose channels."
        )
    return channels


@functional("image")
def rgb_to_grayscale(inpt: Tensor, num_output_channels: int = 1) -> Tensor:
    """0.2989 red + 0.587 green + 0.114 blue, in one channel or in three equal ones (ValueError for another count)."""
    check_grey_channels(num_output_channels)
    channels = check_channels("rgb_to_grayscale", inpt)
    if channels == 3:
        grey = _luma(inpt).to(inpt.dtype)
    else:
        grey = inpt
    return grey.expand(*grey.shape[:-3], 3, *grey.shape[-2:]) if num_output_channels == 3 else grey


def check_grey_channels(count: int) -> None:
    """ValueError unless it is 1 or 3."""
    if count not in (1, 3):
        raise ValueError(f"rgb_to_grayscale: num_output_channels must be 1 or 3, got {count}. Choose one of them.")


def to_grayscale(inpt: Any, num_output_channels: int = 1) -> Any:
    """`rgb_to_grayscale` under its older name."""
    return rgb_to_grayscale(inpt, num_output_channels=num_output_channels)


@functional("image")
def grayscale_to_rgb(inpt: Tensor) -> Tensor:
    """Three equal channels where there is one; ValueError for another count than 1 and 3."""
    if inpt.shape[-3] >= 3:
        return inpt
    return inpt.expand(*inpt.shape[:-3], 3, *inpt.shape[-2:])


@functional(_BOTH)
def adjust_brightness(inpt: Tensor, brightness_factor: float) -> Tensor:
    """The image times a factor: 0 is black, 1 changes nothing. ValueError below 0."""
    check_factor("adjust_brightness", brightness_factor)
    check_channels("adjust_brightness", inpt)
    return _back(_real(inpt) * float(brightness_factor), inpt)


@functional(_BOTH)
def adjust_saturation(inpt: Tensor, saturation_factor: float) -> Tensor:
    """A blend with the grey picture: 0 is grey, 1 changes nothing. ValueError below 0."""
    check_factor("adjust_saturation", saturation_factor)
    if check_channels("adjust_saturation", inpt) == 1:
        return inpt
    return _blend(inpt, _luma(inpt), float(saturation_factor))


@functional(_BOTH)
def adjust_contrast(inpt: Tensor, contrast_factor: float) -> Tensor:
    """A blend with the mean grey of the picture: 0 is that grey, 1 changes nothing. ValueError below 0."""
    check_factor("adjust_contrast", contrast_factor)
    grey = _luma(inpt) if check_channels("adjust_contrast", inpt) == 3 else _real(inpt)
    return _blend(inpt, grey.mean(dim=(-3, -2, -1), keepdim=True), float(contrast_factor))


@functional(_BOTH)
def adjust_sharpness(inpt: Tensor, sharpness_factor: float) -> Tensor:
    """A blend with the smoothed picture: 0 is smooth, 1 changes nothing, 2 is sharper. ValueError below 0."""
    check_factor("adjust_sharpness", sharpness_factor)
    check_channels("adjust_sharpness", inpt)
    height, width = inpt.shape[-2:]
    if height <= 2 or width <= 2:
        return inpt
    real = _real(inpt)
    kernel = (
        facula.tensor([[1.0, 1.0, 1.0], [1.0, 5.0, 1.0], [1.0, 1.0, 1.0]], dtype=real.dtype, device=real.device) / 13
    )
    middle = F.conv2d(real.reshape(-1, 1, height, width), kernel.view(1, 1, 3, 3))
    middle = middle if inpt.is_floating_point() else middle.round()
    smooth = real.clone()
    smooth[..., 1:-1, 1:-1] = middle.reshape(*inpt.shape[:-2], height - 2, width - 2)
    return _blend(inpt, smooth, float(sharpness_factor))


@functional(_BOTH)
def adjust_hue(inpt: Tensor, hue_factor: float) -> Tensor:
    """The hue turned by a share of the circle, from -0.5 to 0.5 (ValueError beyond); a grey picture stays."""
    check_hue(hue_factor)
    if check_channels("adjust_hue", inpt) == 1 or not inpt.numel():
        return inpt
    image = to_dtype.image(inpt, facula.float32, scale=True)
    red, green, blue = image.unbind(-3)
    high, low = image.amax(-3), image.amin(-3)
    grey = high == low
    spread = high - low
    saturation = spread / facula.where(grey, facula.ones_like(high), high)
    divisor = facula.where(grey, facula.ones_like(high), spread)
    r, g, b = (high - red) / divisor, (high - green) / divisor, (high - blue) / divisor
    hue = facula.where(high == red, b - g, facula.where(high == green, 2.0 + r - b, 4.0 + g - r))
    hue = facula.fmod(hue / 6.0 + 1.0, 1.0)
    return to_dtype.image(_rgb((hue + hue_factor).remainder(1.0), saturation, high), inpt.dtype, scale=True)


def check_hue(hue_factor: float) -> None:
    """ValueError beyond half a turn."""
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(
            f"adjust_hue: hue_factor ({hue_factor}) is not in [-0.5, 0.5], expected that. Choose it there."
        )


def _rgb(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    """The colour of hue, saturation and value from 0 to 1.   Shape: three (..., H, W) -> (..., 3, H, W).

    Each channel is v - v s max(0, min(k, 4 - k, 1)) with k = (n + 6 hue) mod 6, and n = 5, 3, 1 for red, green, blue.
    """
    channels = []
    for n in (5.0, 3.0, 1.0):
        k = (hue * 6.0 + n).remainder(6.0)
        channels.append(value - value * saturation * facula.minimum(k, 4.0 - k).clamp(0.0, 1.0))
    return facula.stack(channels, -3).clamp(0.0, 1.0)


@functional(_BOTH)
def adjust_gamma(inpt: Tensor, gamma: float, gain: float = 1) -> Tensor:
    """gain image^gamma, of the image from 0 to 1. ValueError for a gamma below 0."""
    if gamma < 0:
        raise ValueError(f"adjust_gamma: gamma should be a non-negative real number, got {gamma}. Pass 0 or above.")
    image = to_dtype.image(inpt, facula.float32, scale=True) if not inpt.is_floating_point() else inpt
    image = image.pow(gamma)
    image = image * gain if gain != 1.0 else image
    return to_dtype.image(image.clamp(0.0, 1.0), inpt.dtype, scale=True)


@functional(_BOTH)
def posterize(inpt: Tensor, bits: int) -> Tensor:
    """Only the first `bits` bits of each number."""
    if inpt.is_floating_point():
        levels = 1 << bits
        return (inpt * levels).floor().clamp(0, levels - 1) * (1.0 / levels)
    width = int(math.log2(facula.iinfo(inpt.dtype).max + 1))
    if bits >= width:
        return inpt
    return inpt & (((1 << bits) - 1) << (width - bits))


@functional(_BOTH)
def invert(inpt: Tensor) -> Tensor:
    """White minus the image."""
    if inpt.is_floating_point():
        return 1.0 - inpt
    return ~inpt if inpt.dtype == facula.uint8 else facula.iinfo(inpt.dtype).max - inpt


@functional(_BOTH)
def solarize(inpt: Tensor, threshold: float) -> Tensor:
    """Numbers from the threshold on, inverted. TypeError for a threshold above white."""
    if threshold > top(inpt):
        raise TypeError(
            f"solarize: threshold should be less or equal the maximum value of the dtype, got {threshold} for "
            f"{inpt.dtype}. Choose a smaller one."
        )
    return facula.where(inpt >= threshold, invert.image(inpt), inpt)


@functional(_BOTH)
def autocontrast(inpt: Tensor) -> Tensor:
    """Each channel stretched so that its darkest number becomes black and its lightest white."""
    check_channels("autocontrast", inpt)
    if not inpt.numel():
        return inpt
    real = _real(inpt)
    low, high = real.amin((-2, -1), keepdim=True), real.amax((-2, -1), keepdim=True)
    flat = high == low
    factor = top(inpt) / facula.where(flat, facula.ones_like(high), high - low)
    low = facula.where(flat, facula.zeros_like(low), low)
    factor = facula.where(flat, facula.ones_like(factor), factor)
    return _back((real - low) * factor, inpt)


@functional(_BOTH)
def equalize(inpt: Tensor) -> Tensor:
    """Each channel with all of 256 levels as often as can be, by the sums of its histogram."""
    if not inpt.numel():
        return inpt
    image = to_dtype.image(inpt, facula.uint8, scale=True)
    pixels = image.detach().cpu().numpy()
    planes = pixels.reshape(-1, pixels.shape[-2] * pixels.shape[-1])
    out = np.stack([_equalized(plane) for plane in planes]).reshape(pixels.shape)
    return to_dtype.image(facula.from_numpy(out).to(inpt.device), inpt.dtype, scale=True)


def _equalized(plane: np.ndarray) -> np.ndarray:
    counts = np.bincount(plane, minlength=256)
    step = (counts.sum() - counts[np.nonzero(counts)[0][-1]]) // 255
    if not step:
        return plane
    table = (np.concatenate([[0], counts.cumsum()[:-1]]) + step // 2) // step
    out: np.ndarray = table.clip(0, 255).astype(np.uint8)[plane]
    return out


@functional(_BOTH)
def permute_channels(inpt: Tensor, permutation: Sequence[int]) -> Tensor:
    """The channels in another order. ValueError unless it names each of them."""
    channels = inpt.shape[-3]
    if len(permutation) != channels:
        raise ValueError(
            f"permute_channels: length of permutation does not match number of channels: {len(permutation)} != "
            f"{channels}. Name each channel once."
        )
    return inpt[..., facula.as_tensor(permutation), :, :]
