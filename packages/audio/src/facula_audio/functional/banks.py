"""Matrices that turn spectra into features: triangles on the mel scale or evenly spaced, and the cosine transform."""

from __future__ import annotations

import math
import warnings

import numpy as np

import facula
from facula import Tensor

__all__ = ["create_dct", "linear_fbanks", "melscale_fbanks"]


def _mel_of(frequency: np.ndarray, mel_scale: str) -> np.ndarray:
    """Hz to mel: 2595 log10(1 + f / 700), or Slaney's, which is linear below 1 kHz and logarithmic above."""
    if mel_scale == "htk":
        return 2595.0 * np.log10(1.0 + frequency / 700.0)
    linear, step = frequency * 3 / 200, math.log(6.4) / 27.0
    return np.where(frequency >= 1000.0, 15.0 + np.log(np.maximum(frequency, 1000.0) / 1000.0) / step, linear)


def _frequency_of(mel: np.ndarray, mel_scale: str) -> np.ndarray:
    """Mel to Hz, the inverse of `_mel_of`."""
    if mel_scale == "htk":
        return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    step = math.log(6.4) / 27.0
    return np.where(mel >= 15.0, 1000.0 * np.exp(step * (np.maximum(mel, 15.0) - 15.0)), mel * 200 / 3)


def _triangles(frequencies: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    """Each triangle rises from its left neighbour's peak and falls to its right's.   Shape: (n_freqs, len(peaks) - 2)."""
    widths = np.diff(peaks)
    distance = peaks - frequencies[:, None]
    return np.maximum(0.0, np.minimum(-distance[:, :-2] / widths[:-1], distance[:, 2:] / widths[1:]))


def _tensor(matrix: np.ndarray) -> Tensor:
    return facula.from_numpy(matrix).to(facula.get_default_dtype())


def melscale_fbanks(
    n_freqs: int,
    f_min: float,
    f_max: float,
    n_mels: int,
    sample_rate: int,
    norm: str | None = None,
    mel_scale: str = "htk",
) -> Tensor:
    """Triangles that turn frequencies into mel bands: each rises from its left neighbour's peak and falls to its right's.

    `norm="slaney"` gives all triangles the same area. Shape: (n_freqs, n_mels).
    ValueError for another norm or scale; a warning if bands are so narrow that one has no frequency.

    >>> from facula_audio.functional import melscale_fbanks
    >>> melscale_fbanks(201, 0.0, 8000.0, 40, 16000).shape
    facula.Size([201, 40])
    """
    if norm is not None and norm != "slaney":
        raise ValueError(f'melscale_fbanks: norm must be one of None or "slaney", expected that, got {norm!r}.')
    if mel_scale not in ("htk", "slaney"):
        raise ValueError(
            f'melscale_fbanks: mel_scale should be one of "htk" or "slaney", expected that, got {mel_scale!r}.'
        )
    low, high = _mel_of(np.array([f_min, f_max], dtype=np.float64), mel_scale)
    peaks = _frequency_of(np.linspace(low, high, n_mels + 2), mel_scale)  # (n_mels + 2,), with both ends
    bank = _triangles(np.linspace(0, sample_rate // 2, n_freqs), peaks)
    if norm == "slaney":
        bank = bank * (2.0 / (peaks[2:] - peaks[:-2]))
    if (bank.max(axis=0) == 0.0).any():
        warnings.warn(
            f"melscale_fbanks: at least one mel filterbank has all zero values, expected n_mels ({n_mels}) to be "
            f"smaller or n_freqs ({n_freqs}) larger.",
            stacklevel=2,
        )
    return _tensor(bank)


def linear_fbanks(n_freqs: int, f_min: float, f_max: float, n_filter: int, sample_rate: int) -> Tensor:
    """Triangles with evenly spaced peaks, from `f_min` to `f_max`.   Shape: (n_freqs, n_filter)."""
    return _tensor(_triangles(np.linspace(0, sample_rate // 2, n_freqs), np.linspace(f_min, f_max, n_filter + 2)))


def create_dct(n_mfcc: int, n_mels: int, norm: str | None) -> Tensor:
    """The matrix of the discrete cosine transform of type 2, orthonormal for `norm="ortho"`.

    d[n, k] = 2 cos(pi (n + 1/2) k / n_mels). Shape: (n_mels, n_mfcc). ValueError for another norm.
    """
    if norm is not None and norm != "ortho":
        raise ValueError(f'create_dct: norm must be either "ortho" or None, expected that, got {norm!r}.')
    n, k = np.arange(n_mels)[:, None] + 0.5, np.arange(n_mfcc)
    matrix = 2.0 * np.cos(math.pi / n_mels * n * k)
    if norm == "ortho":
        matrix = matrix * np.where(k == 0, math.sqrt(1 / (4 * n_mels)), math.sqrt(1 / (2 * n_mels)))
    return _tensor(matrix)
