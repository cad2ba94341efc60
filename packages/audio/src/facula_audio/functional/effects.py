"""Effects of guitar players, as SoX has them: overdrive, phaser, flanger."""

from __future__ import annotations

import math

import numpy as np

import facula
from facula import Tensor
from facula.nn import functional as F
from facula_audio.functional.filters import lfilter
from facula_audio.functional.recursion import delays_op

__all__ = ["flanger", "overdrive", "phaser"]


def overdrive(waveform: Tensor, gain: float = 20, colour: float = 20) -> Tensor:
    """Soft clipping of the waveform at `gain` dB more, x - x^3 / 3; `colour` (0..100) adds even harmonics.

    Shape: unchanged. Source: SoX, effect "overdrive".
    """
    driven = (waveform * 10 ** (gain / 20) + colour / 200).clamp(-1, 1)
    driven = driven - driven**3 / 3
    b, a = waveform.new_tensor([1.0, -1.0]), waveform.new_tensor([1.0, -0.995])
    return (waveform * 0.5 + lfilter(driven, a, b, clamp=False) * 0.75).clamp(-1, 1)


def _wave(count: int, low: float, high: float, phase: float, shape: str) -> np.ndarray:
    """One period of a slow wave between `low` and `high`, begun at `phase`."""
    point = (np.arange(count) + int(phase / (2 * math.pi) * count + 0.5)) % count
    if shape == "sinusoidal":
        wave = (np.sin(point / count * 2 * math.pi) + 1) / 2
    else:
        wave = np.abs((point / count * 2 + 1.5) % 2 - 1)  # 1/2 up to 1, down to 0 and back
    return wave * (high - low) + low


def phaser(
    waveform: Tensor,
    sample_rate: int,
    gain_in: float = 0.4,
    gain_out: float = 0.74,
    delay_ms: float = 3.0,
    decay: float = 0.4,
    mod_speed: float = 0.5,
    sinusoidal: bool = True,
) -> Tensor:
    """y[n] = gain_in x[n] + decay y[n - d(n)], with a delay d that swings between 1 sample and `delay_ms`.

    `mod_speed` is the frequency of the swing in Hz, its form a sine or a triangle; the output is clipped to -1..1.
    Shape: unchanged. Source: SoX, effect "phaser".
    """
    count, longest = waveform.shape[-1], int(delay_ms * 0.001 * sample_rate + 0.5)
    shape = "sinusoidal" if sinusoidal else "triangular"
    swing = _wave(int(sample_rate / mod_speed + 0.5), 1, longest, math.pi / 2, shape)
    lags = longest + 1 - np.resize(np.floor(swing + 0.5).astype(np.int64), count)
    gains = waveform.new_full((1, count), decay)
    sounds = waveform.reshape(-1, count) * gain_in
    out = delays_op(sounds, gains, facula.from_numpy(lags[None]).to(waveform.device), False)
    return (out * gain_out).clamp(-1, 1).reshape(waveform.shape)


def flanger(
    waveform: Tensor,
    sample_rate: int,
    delay: float = 0.0,
    depth: float = 2.0,
    regen: float = 0.0,
    width: float = 71.0,
    speed: float = 0.5,
    phase: float = 25.0,
    modulation: str = "sinusoidal",
    interpolation: str = "linear",
) -> Tensor:
    """The waveform with a copy of itself, delayed by `delay` ms and up to `depth` ms more, that swings `speed` times a second.

    `regen` is the percentage fed back, `width` that of the copy, `phase` the shift of the swing between channels.
    Shape: (..., channel, time), at most 4 channels -> the same, clipped to -1..1. Source: SoX, effect "flanger".
    ValueError for more channels, another modulation or interpolation.
    """
    _check_flanger(waveform, modulation, interpolation)
    channels, count = waveform.shape[-2:]
    sounds = waveform.reshape(-1, channels, count)
    longest = int((delay + depth) * 0.001 * sample_rate + 0.5)
    period = int(sample_rate / speed)
    swing = _wave(period, math.floor(delay * 0.001 * sample_rate + 0.5), longest, 3 * math.pi / 2, modulation)
    feedback, copy = regen / 100, width / 100
    loud = 1 / (1 + copy)
    out = []
    for channel in range(channels):
        shift = int(channel * period * phase / 100 + 0.5)
        lags, weights = _taps(np.resize(np.roll(swing, -shift), count), interpolation)
        x = sounds[:, channel]
        line = _fed_back(x, lags, weights * feedback) if feedback else x
        delayed = _delayed(line, lags, weights)
        out.append(x * loud + delayed * (copy * loud * (1 - abs(feedback))))
    return facula.stack(out, dim=1).clamp(-1, 1).reshape(waveform.shape)


def _check_flanger(waveform: Tensor, modulation: str, interpolation: str) -> None:
    if modulation not in ("sinusoidal", "triangular"):
        raise ValueError(f'flanger: Only "sinusoidal" or "triangular" modulation allowed, got {modulation!r}.')
    if interpolation not in ("linear", "quadratic"):
        raise ValueError(f'flanger: Only "linear" or "quadratic" interpolation allowed, got {interpolation!r}.')
    if waveform.dim() < 2 or waveform.shape[-2] > 4:
        raise ValueError(
            f"flanger: Max 4 channels allowed, expected (..., channel, time), got {tuple(waveform.shape)}. "
            "Use unsqueeze(0) for one channel."
        )


def _taps(delays: np.ndarray, interpolation: str) -> tuple[np.ndarray, np.ndarray]:
    """Whole lags and their weights that stand for delays between samples.   Shape: (T) -> (K, T), (K, T)."""
    whole = np.floor(delays).astype(np.int64)
    share = delays - whole
    if interpolation == "linear":
        weights = [1 - share, share]
    else:
        weights = [(1 - share) * (2 - share) / 2, share * (2 - share), share * (share - 1) / 2]
    return whole + np.arange(len(weights))[:, None], np.stack(weights)


def _fed_back(x: Tensor, lags: np.ndarray, weights: np.ndarray) -> Tensor:
    """The delay line: the waveform, and what was read from the line one sample before."""
    later = np.zeros_like(weights)
    later[:, 1:] = weights[:, :-1]
    shifted = np.ones_like(lags)
    shifted[:, 1:] = lags[:, :-1] + 1
    gains = facula.from_numpy(later).to(x.device, x.dtype)
    return delays_op(x, gains, facula.from_numpy(shifted).to(x.device), False)


def _delayed(line: Tensor, lags: np.ndarray, weights: np.ndarray) -> Tensor:
    """The sum over taps of the line, weights[k, n] line[n - lags[k, n]].   Shape: (N, T) -> (N, T)."""
    places = facula.from_numpy(np.maximum(np.arange(lags.shape[1]) - lags + 1, 0)).to(line.device)
    before = F.pad(line, (1, 0))
    gains = facula.from_numpy(weights).to(line.device, line.dtype)
    return (before[:, places] * gains).sum(1)
