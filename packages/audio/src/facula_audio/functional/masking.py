"""Spectrograms with a random band of frequencies or a random stretch of time masked.

D. Park et al., "SpecAugment: a simple data augmentation method for automatic speech recognition" (2019).
"""

from __future__ import annotations

import facula
from facula import Tensor

__all__ = ["mask_along_axis", "mask_along_axis_iid"]


def _longest(name: str, specgram: Tensor, mask_param: int, axis: int, p: float) -> int:
    """The longest mask allowed: `mask_param`, but no more than a share `p` of the axis."""
    if axis not in (specgram.dim() - 2, specgram.dim() - 1):
        raise ValueError(
            f"{name}: Only Frequency and Time masking are supported (axis {specgram.dim() - 2} and axis "
            f"{specgram.dim() - 1} supported), expected one of them, got {axis}."
        )
    if not 0.0 <= p <= 1.0:
        raise ValueError(f"{name}: The value of p must be between 0.0 and 1.0, expected that, got {p}. Use 1.0.")
    return mask_param if p == 1.0 else min(mask_param, int(specgram.shape[axis] * p))


def _drawn(specgram: Tensor, shape: tuple[int, ...], longest: int, axis: int) -> Tensor:
    """Masks, each of a random length below `longest` at a random place.   Shape: (*shape, axis's size)."""
    size = specgram.shape[axis]
    length, start = facula.rand(2, *shape, 1, device=specgram.device)
    length = length * longest
    start = (start * (size - length)).to(facula.int64)
    place = facula.arange(size, device=specgram.device)
    return (place >= start) & (place < start + length.to(facula.int64))


def mask_along_axis(specgram: Tensor, mask_param: int, mask_value: float, axis: int, p: float = 1.0) -> Tensor:
    """`mask_value` over a stretch of `axis` shorter than `mask_param`, the same for the whole batch.

    Shape: (..., freq, time) -> the same. ValueError for an axis that is neither, or p outside 0..1.
    """
    longest = _longest("mask_along_axis", specgram, mask_param, axis, p)
    if longest < 1:
        return specgram
    mask = _drawn(specgram, (), longest, axis)
    return specgram.masked_fill(mask if axis == specgram.dim() - 1 else mask[:, None], mask_value)


def mask_along_axis_iid(
    specgrams: Tensor, mask_param: int, mask_value: float | Tensor, axis: int, p: float = 1.0
) -> Tensor:
    """`mask_along_axis` with a mask of its own for each example (and channel).

    Shape: (..., freq, time) of at least three dimensions -> the same. ValueError for fewer, and as `mask_along_axis`.
    """
    if specgrams.dim() < 3:
        raise ValueError(
            f"mask_along_axis_iid: Spectrogram must have at least three dimensions, expected (batch, freq, time), got "
            f"{specgrams.dim()}. Use mask_along_axis."
        )
    longest = _longest("mask_along_axis_iid", specgrams, mask_param, axis, p)
    if longest < 1:
        return specgrams
    mask = _drawn(specgrams, tuple(specgrams.shape[:-2]), longest, axis)
    return specgrams.masked_fill(mask.unsqueeze(-2 if axis == specgrams.dim() - 1 else -1), mask_value)
