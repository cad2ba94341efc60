"""What is left: normalisation, blur, noise, erased parts, JPEG's losses, fewer frames."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

import facula
import facula.nn.functional as F
from facula import Tensor
from facula_vision.transforms.v2.functional.convert import in_place
from facula_vision.transforms.v2.functional.dispatch import functional

__all__ = ["erase", "gaussian_blur", "gaussian_noise", "jpeg", "normalize", "uniform_temporal_subsample"]

_BOTH = "image video"


@functional(_BOTH, pil=False)
def normalize(inpt: Tensor, mean: Sequence[float], std: Sequence[float], inplace: bool = False) -> Tensor:
    """(inpt - mean) / std for each channel.   Shape: (..., C, H, W) unchanged.

    TypeError for integers, ValueError for fewer than three dimensions or a std of zero.
    """
    if not inpt.is_floating_point():
        raise TypeError(
            f"normalize: input tensor should be a float tensor, expected one, got {inpt.dtype}. Use to_dtype."
        )
    if inpt.ndim < 3:
        raise ValueError(
            f"normalize: expected tensor to be a tensor image of size (..., C, H, W), got {tuple(inpt.shape)}. "
            "Unsqueeze it."
        )
    if not all(np.atleast_1d(std)):
        raise ValueError(
            f"normalize: expected std above zero, got {std}: std evaluated to zero, leading to division by zero."
        )
    middle, spread = (_per_channel(values, inpt) for values in (mean, std))
    if inplace:
        return inpt.sub_(middle).div_(spread)
    return in_place(inpt - middle, "divide", spread)


def _per_channel(values: Any, like: Tensor) -> Tensor:
    found = facula.as_tensor(values, dtype=like.dtype, device=like.device)
    return found.view(-1, 1, 1) if found.ndim == 1 else found


def kernel_sides(kernel_size: Any) -> list[int]:
    """(width, height) of a blur; ValueError unless both are odd and positive."""
    sides = [kernel_size] if isinstance(kernel_size, int) else list(kernel_size)
    sides = sides * 2 if len(sides) == 1 else sides
    if len(sides) != 2 or any(side % 2 == 0 or side < 0 for side in sides):
        raise ValueError(
            f"gaussian_blur: kernel_size should have odd and positive integers, got {kernel_size}. Pass two of them."
        )
    return sides


def sigmas(sigma: Any, sides: Sequence[int]) -> list[float]:
    """(sigma x, sigma y) of a blur, 0.15 of the kernel's size + 0.35 by default; ValueError unless both are positive."""
    if sigma is None:
        return [side * 0.15 + 0.35 for side in sides]
    found = [float(sigma)] if isinstance(sigma, (int, float)) else [float(s) for s in sigma]
    found = found * 2 if len(found) == 1 else found
    if len(found) != 2 or min(found) <= 0.0:
        raise ValueError(f"gaussian_blur: sigma should have positive values, got {sigma}. Pass one or two of them.")
    return found


def _bell(side: int, sigma: float) -> np.ndarray:
    reach = (side - 1) / (2.0 * math.sqrt(2.0) * sigma)
    weights = np.exp(-(np.linspace(-reach, reach, side, dtype=np.float64) ** 2))
    return weights / weights.sum()


@functional(_BOTH)
def gaussian_blur(inpt: Tensor, kernel_size: int | Sequence[int], sigma: Any = None) -> Tensor:
    """Each pixel the mean of its neighbours under a bell of width `sigma`, the edge mirrored; (width, height) are odd."""
    sides = kernel_sides(kernel_size)
    spread = sigmas(sigma, sides)
    if not inpt.numel():
        return inpt
    dtype = inpt.dtype if inpt.is_floating_point() else facula.float32
    across, down = (
        facula.as_tensor(_bell(n, s), dtype=dtype).to(inpt.device) for n, s in zip(sides, spread, strict=True)
    )
    planes = inpt.to(dtype).reshape(-1, 1, *inpt.shape[-2:])
    reach = [sides[0] // 2, sides[0] // 2, sides[1] // 2, sides[1] // 2]
    planes = F.pad(planes, reach, mode="reflect")
    planes = F.conv2d(F.conv2d(planes, across.view(1, 1, 1, -1)), down.view(1, 1, -1, 1))
    out = planes.reshape(inpt.shape)
    return out if inpt.is_floating_point() else out.round().to(inpt.dtype)


@functional(_BOTH, pil=False)
def gaussian_noise(inpt: Tensor, mean: float = 0.0, sigma: float = 0.1, clip: bool = True) -> Tensor:
    """The image plus noise of a normal distribution, of the image from 0 to 1; ValueError for a negative sigma."""
    if sigma < 0:
        raise ValueError(f"gaussian_noise: sigma shouldn't be negative, got {sigma}. Pass 0 or above.")
    if not inpt.is_floating_point() and inpt.dtype != facula.uint8:
        raise ValueError(
            f"gaussian_noise: input tensor is expected to be float or uint8, got {inpt.dtype}. Convert it."
        )
    if inpt.dtype == facula.uint8:
        noise = mean * 255 + facula.randn_like(inpt, dtype=facula.float32) * (sigma * 255)
        noisy = inpt.to(facula.int16) + noise.to(facula.int16)
        return noisy.clamp(0, 255).to(facula.uint8) if clip else noisy.to(facula.uint8)
    noisy = inpt + (mean + facula.randn_like(inpt) * sigma)
    return noisy.clamp(0, 1) if clip else noisy


@functional(_BOTH)
def erase(inpt: Tensor, i: int, j: int, h: int, w: int, v: Tensor, inplace: bool = False) -> Tensor:
    """The rectangle of height `h` and width `w` from row `i` and column `j` on, replaced by `v`."""
    out = inpt if inplace else inpt.clone()
    out[..., i : i + h, j : j + w] = v
    return out


@functional(_BOTH)
def jpeg(inpt: Tensor, quality: int) -> Tensor:
    """The image after JPEG has compressed it at a quality of 1 to 100. RuntimeError unless it is uint8 of 1 or 3 channels."""
    from PIL import Image

    if inpt.dtype != facula.uint8:
        raise RuntimeError(f"jpeg: input tensor dtype should be uint8, got {inpt.dtype}. Convert it by to_dtype.")
    if inpt.shape[-3] not in (1, 3):
        raise RuntimeError(f"jpeg: the number of channels should be 1 or 3, got {inpt.shape[-3]}. Choose channels.")
    pictures = inpt.detach().cpu().numpy().reshape(-1, *inpt.shape[-3:])
    out = []
    for picture in pictures:
        pixels = np.ascontiguousarray(picture[0] if len(picture) == 1 else picture.transpose(1, 2, 0))
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, format="JPEG", quality=quality)
        decoded = np.asarray(Image.open(file))
        out.append(decoded[None] if decoded.ndim == 2 else decoded.transpose(2, 0, 1))
    return facula.from_numpy(np.ascontiguousarray(np.stack(out).reshape(inpt.shape))).to(inpt.device)


@functional("video", pil=False)
def uniform_temporal_subsample(inpt: Tensor, num_samples: int) -> Tensor:
    """`num_samples` frames at equal steps, the first and the last among them.   Shape: (..., T, C, H, W) -> (..., num_samples, C, H, W)."""
    last = inpt.shape[-4] - 1
    chosen = facula.linspace(0, last, num_samples).clamp(0, last).to(facula.int64)
    return inpt.index_select(-4, chosen)
