"""Two sounds made one: convolution and noise at a given level."""

from __future__ import annotations

import facula
from facula import Tensor
from facula.nn import functional as F

__all__ = ["add_noise", "convolve", "fftconvolve"]


def _check(name: str, x: Tensor, y: Tensor, mode: str) -> None:
    if x.dim() != y.dim():
        raise ValueError(
            f"{name}: The operands must be the same dimension, got {x.dim()} and {y.dim()}. Unsqueeze one."
        )
    leading = zip(x.shape[:-1], y.shape[:-1], strict=True)
    if any(m != n and 1 not in (m, n) for m, n in leading):
        raise ValueError(
            f"{name}: Leading dimensions of x and y are not broadcastable, got {tuple(x.shape)} and {tuple(y.shape)}. "
            "Make them equal or 1."
        )
    if mode not in ("full", "valid", "same"):
        raise ValueError(f"{name}: Unrecognized mode value, expected one of ['full', 'valid', 'same'], got {mode!r}.")


def _part(full: Tensor, x: Tensor, y: Tensor, mode: str) -> Tensor:
    """The middle of a full convolution: as long as `x`, or where both overlap in full."""
    n, m = x.shape[-1], y.shape[-1]
    length = {"full": n + m - 1, "valid": max(n, m) - min(n, m) + 1, "same": n}[mode]
    return full.narrow(-1, (full.shape[-1] - length) // 2, length)


def convolve(x: Tensor, y: Tensor, mode: str = "full") -> Tensor:
    """z[n] = sum over k of x[k] y[n - k], added up directly: fast where one of both is short.

    `mode` is "full", "same" (the middle, as long as x) or "valid" (where both overlap in full).
    Shape: (..., N), (..., M) -> (..., N + M - 1) for "full". ValueError for shapes that do not broadcast.
    """
    _check("convolve", x, y, mode)
    longer, shorter = (x, y) if x.shape[-1] >= y.shape[-1] else (y, x)
    lead = [max(m, n) for m, n in zip(x.shape[:-1], y.shape[:-1], strict=True)]
    longer, shorter = (t.expand(*lead, t.shape[-1]).reshape(-1, t.shape[-1]) for t in (longer, shorter))
    taps = shorter.flip(-1)[:, None]
    full = F.conv1d(longer[None], taps, padding=shorter.shape[-1] - 1, groups=len(longer))
    return _part(full.reshape(*lead, -1), x, y, mode)


def fftconvolve(x: Tensor, y: Tensor, mode: str = "full") -> Tensor:
    """`convolve` by Fourier transforms: fast where both are long.   Shape: (..., N), (..., M) -> (..., N + M - 1)."""
    _check("fftconvolve", x, y, mode)
    length = x.shape[-1] + y.shape[-1] - 1
    fast = _fast_length(length)
    full = facula.fft.irfft(facula.fft.rfft(x, fast) * facula.fft.rfft(y, fast), fast)[..., :length]
    return _part(full, x, y, mode)


def _fast_length(length: int) -> int:
    """The least number of at least `length` whose only prime factors are 2, 3 and 5."""
    best = 1 << max(length - 1, 0).bit_length()
    fives = 1
    while fives < best:
        threes = fives
        while threes < best:
            best = min(best, threes << max(-(-length // threes) - 1, 0).bit_length())
            threes *= 3
        fives *= 5
    return best


def add_noise(waveform: Tensor, noise: Tensor, snr: Tensor, lengths: Tensor | None = None) -> Tensor:
    """waveform + a noise, with a such that the waveform has `snr` dB more energy than the noise.

    `lengths` says how much of each sound counts. Shape: waveform and noise (..., L), snr and lengths (...) -> (..., L).
    ValueError for shapes that do not fit.
    """
    ranks = waveform.dim() - 1, noise.dim() - 1, snr.dim(), waveform.dim() - 1 if lengths is None else lengths.dim()
    if len(set(ranks)) > 1:
        raise ValueError(f"add_noise: Input leading dimensions don't match, expected equal counts, got {ranks}.")
    length = waveform.shape[-1]
    if noise.shape[-1] != length:
        raise ValueError(
            f"add_noise: Length dimensions of waveform and noise don't match, expected {length}, got {noise.shape[-1]}."
        )
    sounds = waveform, noise
    if lengths is not None:
        inside = facula.arange(length, device=lengths.device) < lengths[..., None]
        sounds = waveform * inside, noise * inside
    energy, energy_of_noise = ((s * s).sum(-1) for s in sounds)
    measured = 10 * (energy.log10() - energy_of_noise.log10())
    return waveform + facula.pow(10.0, (measured - snr) / 20)[..., None] * noise
