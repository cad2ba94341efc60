"""Loudness of samples and spectra: decibels, gain, mu-law, contrast, shift, dither."""

from __future__ import annotations

import math

import facula
from facula import Tensor
from facula.nn import functional as F

__all__ = [
    "DB_to_amplitude",
    "amplitude_to_DB",
    "contrast",
    "dcshift",
    "dither",
    "gain",
    "mu_law_decoding",
    "mu_law_encoding",
]


def amplitude_to_DB(
    x: Tensor, multiplier: float, amin: float, db_multiplier: float, top_db: float | None = None
) -> Tensor:
    """multiplier * (log10(max(x, amin)) - db_multiplier), at most `top_db` below the loudest point of each sound.

    Shape: unchanged; sounds are (..., channel, freq, time).
    """
    decibels = multiplier * x.clamp(min=amin).log10() - multiplier * db_multiplier
    if top_db is None:
        return decibels
    channels = x.shape[-3] if x.dim() > 2 else 1
    sounds = decibels.reshape(-1, channels, *x.shape[-2:])
    floor = (sounds.amax(dim=(-3, -2, -1)) - top_db).view(-1, 1, 1, 1)
    return sounds.maximum(floor).reshape(x.shape)


def DB_to_amplitude(x: Tensor, ref: float, power: float) -> Tensor:
    """ref * (10 ** (x / 10)) ** power: power 1 gives powers, 0.5 amplitudes."""
    return ref * facula.pow(facula.pow(10.0, 0.1 * x), power)


def mu_law_encoding(x: Tensor, quantization_channels: int) -> Tensor:
    """-1..1 as integers from 0 to channels - 1, finer near zero: sign(x) log(1 + mu |x|) / log(1 + mu)."""
    mu = quantization_channels - 1.0
    compressed = x.sign() * facula.log1p(mu * x.abs()) / math.log1p(mu)
    return ((compressed + 1) / 2 * mu + 0.5).to(facula.int64)


def mu_law_decoding(x_mu: Tensor, quantization_channels: int) -> Tensor:
    """The inverse of `mu_law_encoding`, but for rounding."""
    mu = quantization_channels - 1.0
    x = x_mu.to(facula.get_default_dtype()) if not x_mu.is_floating_point() else x_mu
    x = x / mu * 2 - 1.0
    return x.sign() * (facula.exp(x.abs() * math.log1p(mu)) - 1.0) / mu


def gain(waveform: Tensor, gain_db: float = 1.0) -> Tensor:
    """x * 10 ** (gain_db / 20).   Shape: unchanged."""
    return waveform if gain_db == 0 else waveform * 10 ** (gain_db / 20)


def contrast(waveform: Tensor, enhancement_amount: float = 75.0) -> Tensor:
    """sin(pi/2 x + a sin(2 pi x)), a = amount / 750: it makes sound louder without clipping it.

    Shape: unchanged. ValueError for an amount outside 0..100. Source: SoX, effect "contrast".
    """
    if not 0 <= enhancement_amount <= 100:
        raise ValueError(
            f"contrast: Allowed range of values for enhancement_amount : 0-100, expected that, got {enhancement_amount}."
        )
    angle = waveform * (math.pi / 2)
    return facula.sin(angle + enhancement_amount / 750.0 * facula.sin(angle * 4))


def dcshift(waveform: Tensor, shift: float, limiter_gain: float | None = None) -> Tensor:
    """x + shift, clipped to -1..1; with `limiter_gain`, peaks near the limit are compressed by it instead.

    Shape: unchanged. Source: SoX, effect "dcshift".
    """
    shifted = (waveform + shift).clamp(-1, 1)
    if limiter_gain is None or shift == 0:
        return shifted
    side = math.copysign(1.0, shift)
    threshold = 1.0 - (abs(shift) - limiter_gain)
    over = waveform * side - threshold  # above zero where adding the shift would clip
    limited = (over * (limiter_gain / (1 - threshold)) + threshold + abs(shift)).clamp(max=threshold) * side
    return facula.where(over > 0, limited, shifted)


def dither(waveform: Tensor, density_function: str = "TPDF", noise_shaping: bool = False) -> Tensor:
    """The waveform rounded to 16 bits after a little noise was added, so that rounding is heard as hiss.

    The noise has a triangular ("TPDF"), a rectangular ("RPDF") or a Gaussian density ("GPDF"); `noise_shaping` adds the
    error of a sample to the next. Shape: unchanged. ValueError for another density.
    """
    if density_function not in ("TPDF", "RPDF", "GPDF"):
        raise ValueError(f"dither: expected density_function TPDF, RPDF or GPDF, got {density_function!r}. Use 'TPDF'.")
    x = waveform.reshape(-1, waveform.shape[-1])
    scaled = x * (2.0**15 - 2)
    if density_function == "TPDF":
        noise = facula.bartlett_window(x.shape[-1] + 1, dtype=x.dtype, device=x.device)[:-1]
    else:
        noise = _drawn(x, 1) - 0.5 if density_function == "RPDF" else _drawn(x, 6)
    dithered = (scaled + noise).round() / 2.0**15
    if noise_shaping:
        dithered = dithered + F.pad((dithered - x)[:, :-1], (1, 0))
    return dithered.reshape(waveform.shape)


def _drawn(x: Tensor, count: int) -> Tensor:
    """The sum of `count` samples of the sound itself, drawn at random."""
    return x.reshape(-1)[facula.randint(0, x.numel(), (count,), device=x.device)].sum()
