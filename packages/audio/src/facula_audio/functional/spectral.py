"""Short-time Fourier transforms of sound and what is done with them; every function has gradients.

Waveforms are (..., time), spectrograms (..., freq, time).
"""

from __future__ import annotations

import math

import facula
from facula import Tensor
from facula.nn import functional as F
from facula_audio.functional.resampling import resample

__all__ = [
    "griffinlim",
    "inverse_spectrogram",
    "phase_vocoder",
    "pitch_shift",
    "spectral_centroid",
    "spectrogram",
]


def _norms(name: str, normalized: bool | str) -> tuple[bool, bool]:
    """Whether to divide by the root of the frame's length, and whether by the window's Euclidean length."""
    if normalized not in (True, False, "window", "frame_length"):
        raise ValueError(
            f"{name}: invalid normalized parameter, expected a bool, 'window' or 'frame_length', got {normalized!r}."
        )
    return normalized == "frame_length", normalized in (True, "window")


def spectrogram(
    waveform: Tensor,
    pad: int,
    window: Tensor,
    n_fft: int,
    hop_length: int,
    win_length: int,
    power: float | None,
    normalized: bool | str,
    center: bool = True,
    pad_mode: str = "reflect",
    onesided: bool = True,
    return_complex: bool | None = None,
) -> Tensor:
    """abs(stft(waveform)) ** power, or the complex numbers themselves for `power=None`.

    `normalized` divides by the window's length in the sense of Euclid (True or "window"), or by sqrt(n_fft)
    ("frame_length"). `return_complex` has no effect; it is there for old programs.

    Shape: (..., time) -> (..., n_fft / 2 + 1, frames).
    """
    if pad > 0:
        waveform = F.pad(waveform, (pad, pad))
    by_length, by_window = _norms("spectrogram", normalized)
    shape = waveform.shape
    spec = facula.stft(
        waveform.reshape(-1, shape[-1]),
        n_fft=n_fft,
        hop_length=hop_length,
        win_length=win_length,
        window=window,
        center=center,
        pad_mode=pad_mode,
        normalized=by_length,
        onesided=onesided,
        return_complex=True,
    )
    spec = spec.reshape(shape[:-1] + spec.shape[-2:])
    if by_window:
        spec = spec / window.pow(2.0).sum().sqrt()
    if power is None:
        return spec
    return spec.abs() if power == 1.0 else spec.abs().pow(power)


def inverse_spectrogram(
    spectrogram: Tensor,
    length: int | None,
    pad: int,
    window: Tensor,
    n_fft: int,
    hop_length: int,
    win_length: int,
    normalized: bool | str,
    center: bool = True,
    pad_mode: str = "reflect",
    onesided: bool = True,
) -> Tensor:
    """The waveform whose complex spectrogram this is; `length` is that of the waveform without its `pad`.

    Shape: (..., n_fft / 2 + 1, frames) -> (..., time). ValueError for real numbers.
    """
    by_length, by_window = _norms("inverse_spectrogram", normalized)
    if not spectrogram.is_complex():
        raise ValueError(
            f"inverse_spectrogram: Expected `spectrogram` to be complex dtype, got {spectrogram.dtype}. Use power=None."
        )
    if by_window:
        spectrogram = spectrogram * window.pow(2.0).sum().sqrt()
    shape = spectrogram.shape
    waveform = facula.istft(
        spectrogram.reshape(-1, *shape[-2:]),
        n_fft,
        hop_length,
        win_length,
        window,
        center,
        by_length,
        onesided,
        None if length is None else length + 2 * pad,
    )
    if length is not None and pad > 0:
        waveform = waveform[:, pad:-pad]
    return waveform.reshape(*shape[:-2], -1)


def griffinlim(
    specgram: Tensor,
    window: Tensor,
    n_fft: int,
    hop_length: int,
    win_length: int,
    power: float,
    n_iter: int,
    momentum: float,
    length: int | None,
    rand_init: bool,
) -> Tensor:
    """A waveform with this spectrogram of magnitudes ** power: phases are guessed, then made consistent `n_iter` times.

    Shape: (..., n_fft / 2 + 1, frames) -> (..., time). ValueError for a momentum outside [0, 1).
    D. Griffin and J. Lim (1984); the momentum: N. Perraudin, P. Balazs, P. Sondergaard, "A fast Griffin-Lim" (2013).
    """
    if not 0 <= momentum < 1:
        raise ValueError(f"griffinlim: momentum must be in range [0, 1), expected that, got {momentum}. Use 0.99.")
    share = momentum / (1 + momentum)
    shape = specgram.shape
    magnitudes = specgram.reshape(-1, *shape[-2:]).pow(1 / power)
    parts = [facula.rand_like(magnitudes) for _ in range(2)] if rand_init else [facula.ones_like(magnitudes)] * 2
    phases = facula.complex(parts[0], parts[1] if rand_init else facula.zeros_like(magnitudes))
    before: Tensor | None = None
    for _ in range(n_iter):
        waveform = facula.istft(magnitudes * phases, n_fft, hop_length, win_length, window, length=length)
        rebuilt = facula.stft(waveform, n_fft, hop_length, win_length, window, return_complex=True)
        phases = rebuilt if before is None or not share else rebuilt - before * share
        phases = phases / (phases.abs() + 1e-16)
        before = rebuilt
    waveform = facula.istft(magnitudes * phases, n_fft, hop_length, win_length, window, length=length)
    return waveform.reshape(*shape[:-2], -1)


def phase_vocoder(complex_specgrams: Tensor, rate: float, phase_advance: Tensor) -> Tensor:
    """A spectrogram `rate` times as fast at the same pitch: magnitudes are interpolated, phases advance as they did.

    `phase_advance` is the phase that each frequency is expected to gain in one hop, (freq, 1).
    Shape: (..., freq, time) -> (..., freq, ceil(time / rate)).
    J. Flanagan and R. Golden, "Phase vocoder" (1966).
    """
    if rate == 1.0:
        return complex_specgrams
    spec = F.pad(complex_specgrams, (0, 2))
    real = spec.real.dtype
    steps = facula.arange(0, complex_specgrams.shape[-1], rate, device=spec.device, dtype=facula.float64).to(real)
    here = steps.to(facula.int64)
    alphas = steps - here
    first, second = spec.index_select(-1, here), spec.index_select(-1, here + 1)
    advance = second.angle() - first.angle() - phase_advance
    advance = advance - 2 * math.pi * (advance / (2 * math.pi)).round() + phase_advance
    phase = facula.cat([spec[..., :1].angle(), advance[..., :-1]], dim=-1).cumsum(-1)
    return facula.polar(alphas * second.abs() + (1 - alphas) * first.abs(), phase)


def pitch_shift(
    waveform: Tensor,
    sample_rate: int,
    n_steps: int,
    bins_per_octave: int = 12,
    n_fft: int = 512,
    win_length: int | None = None,
    hop_length: int | None = None,
    window: Tensor | None = None,
) -> Tensor:
    """The waveform `n_steps` of an octave's `bins_per_octave` higher: stretched in time, then resampled to its length.

    Shape: (..., time) -> (..., time).
    """
    hop_length = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    if window is None:
        window = facula.hann_window(win_length, device=waveform.device)
    shape, length = waveform.shape, waveform.shape[-1]
    rate = 2.0 ** (-n_steps / bins_per_octave)
    spec = facula.stft(waveform.reshape(-1, length), n_fft, hop_length, win_length, window=window, return_complex=True)
    advance = facula.linspace(0, math.pi * hop_length, spec.shape[-2], device=spec.device)[:, None]
    stretched = facula.istft(
        phase_vocoder(spec, rate, advance), n_fft, hop_length, win_length, window, length=round(length / rate)
    )
    shifted = resample(stretched, int(sample_rate / rate), sample_rate)
    shifted = shifted[:, :length] if shifted.shape[-1] > length else F.pad(shifted, (0, length - shifted.shape[-1]))
    return shifted.reshape(shape)


def spectral_centroid(
    waveform: Tensor, sample_rate: int, pad: int, window: Tensor, n_fft: int, hop_length: int, win_length: int
) -> Tensor:
    """The mean frequency of each frame, weighted by its magnitudes, in Hz.   Shape: (..., time) -> (..., frames)."""
    spec = spectrogram(waveform, pad, window, n_fft, hop_length, win_length, 1.0, False)
    frequencies = facula.linspace(0, sample_rate // 2, 1 + n_fft // 2, device=spec.device)[:, None]
    return (frequencies * spec).sum(dim=-2) / spec.sum(dim=-2)
