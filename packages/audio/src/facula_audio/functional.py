"""Transforms of sound as functions, with torchaudio's names; every one of them has gradients.

Waveforms are (..., time), spectrograms (..., freq, time).
"""

from __future__ import annotations

import math
import warnings

import numpy as np

import facula
from facula import Tensor
from facula.nn import functional as F

__all__ = [
    "DB_to_amplitude",
    "amplitude_to_DB",
    "create_dct",
    "melscale_fbanks",
    "mu_law_decoding",
    "mu_law_encoding",
    "resample",
    "sinc_kernel",
    "spectrogram",
]


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
    if normalized not in (True, False, "window", "frame_length"):
        raise ValueError(
            "spectrogram: invalid normalized parameter, expected a bool, 'window' or 'frame_length', got "
            f"{normalized!r}."
        )
    shape = waveform.shape
    spec = facula.stft(
        waveform.reshape(-1, shape[-1]),
        n_fft=n_fft,
        hop_length=hop_length,
        win_length=win_length,
        window=window,
        center=center,
        pad_mode=pad_mode,
        normalized=normalized == "frame_length",
        onesided=onesided,
        return_complex=True,
    )
    spec = spec.reshape(shape[:-1] + spec.shape[-2:])
    if normalized in (True, "window"):
        spec = spec / window.pow(2.0).sum().sqrt()
    if power is None:
        return spec
    return spec.abs() if power == 1.0 else spec.abs().pow(power)


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
    frequencies = np.linspace(0, sample_rate // 2, n_freqs)
    low, high = _mel_of(np.array([f_min, f_max], dtype=np.float64), mel_scale)
    peaks = _frequency_of(np.linspace(low, high, n_mels + 2), mel_scale)  # (n_mels + 2,), with both ends
    widths = np.diff(peaks)
    distance = peaks - frequencies[:, None]  # (n_freqs, n_mels + 2)
    bank = np.maximum(0.0, np.minimum(-distance[:, :-2] / widths[:-1], distance[:, 2:] / widths[1:]))
    if norm == "slaney":
        bank = bank * (2.0 / (peaks[2:] - peaks[:-2]))
    if (bank.max(axis=0) == 0.0).any():
        warnings.warn(
            f"melscale_fbanks: at least one mel filterbank has all zero values, expected n_mels ({n_mels}) to be "
            "smaller "
            f"or n_freqs ({n_freqs}) larger.",
            stacklevel=2,
        )
    return facula.from_numpy(bank).to(facula.get_default_dtype())


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
    return facula.from_numpy(matrix).to(facula.get_default_dtype())


def sinc_kernel(
    orig_freq: int,
    new_freq: int,
    lowpass_filter_width: int = 6,
    rolloff: float = 0.99,
    resampling_method: str = "sinc_interp_hann",
    beta: float | None = None,
) -> tuple[Tensor, int]:
    """One windowed sinc for each phase of the new rate, and how many samples it reaches to each side.

    Both rates are free of common factors here. Shape: (new_freq, 1, 2 width + orig_freq), float64.
    Source: J. O. Smith, "Digital Audio Resampling Home Page", https://ccrma.stanford.edu/~jos/resample/.
    """
    if resampling_method not in ("sinc_interp_hann", "sinc_interp_kaiser"):
        raise ValueError(
            "resample: invalid resampling method, expected sinc_interp_hann or sinc_interp_kaiser, got "
            f"{resampling_method!r}."
        )
    if lowpass_filter_width <= 0:
        raise ValueError(
            f"resample: low pass filter width should be positive, expected that, got {lowpass_filter_width}. Use 6."
        )
    cutoff = min(orig_freq, new_freq) * rolloff
    width = math.ceil(lowpass_filter_width * orig_freq / cutoff)
    taps = np.arange(-width, width + orig_freq) / orig_freq
    t = (taps - np.arange(new_freq)[:, None] / new_freq) * cutoff  # (new_freq, taps), in zero crossings
    t = t.clip(-lowpass_filter_width, lowpass_filter_width)
    if resampling_method == "sinc_interp_hann":
        window = np.cos(t * math.pi / lowpass_filter_width / 2) ** 2
    else:
        beta = 14.769656459379492 if beta is None else beta
        window = np.i0(beta * np.sqrt(1 - (t / lowpass_filter_width) ** 2)) / np.i0(beta)
    kernel = np.sinc(t) * window * (cutoff / orig_freq)
    return facula.from_numpy(kernel[:, None, :]), width


def _apply_kernel(waveform: Tensor, orig_freq: int, new_freq: int, kernel: Tensor, width: int) -> Tensor:
    """The kernel slid over the waveform in steps of the old rate; each step gives one period of the new rate."""
    shape, length = waveform.shape, waveform.shape[-1]
    x = F.pad(waveform.reshape(-1, 1, length), (width, width + orig_freq))
    x = F.conv1d(x, kernel, stride=orig_freq)  # (sounds, new_freq, periods)
    x = x.transpose(1, 2).reshape(x.shape[0], -1)
    return x[:, : math.ceil(new_freq * length / orig_freq)].reshape(*shape[:-1], -1)


def resample(
    waveform: Tensor,
    orig_freq: int,
    new_freq: int,
    lowpass_filter_width: int = 6,
    rolloff: float = 0.99,
    resampling_method: str = "sinc_interp_hann",
    beta: float | None = None,
) -> Tensor:
    """The waveform at another rate, by interpolation with a windowed sinc.

    `lowpass_filter_width` is the number of zero crossings on each side, `rolloff` the cut-off as a share of the lower
    Nyquist frequency. Shape: (..., time) -> (..., ceil(time new_freq / orig_freq)).
    ValueError for rates that are not positive whole numbers, TypeError for integer samples.
    """
    orig_freq, new_freq = _rates(orig_freq, new_freq)
    if orig_freq == new_freq:
        return waveform
    if not waveform.is_floating_point():
        raise TypeError(
            f"resample: expected floating point type for waveform tensor, got {waveform.dtype}. Load it normalized."
        )
    kernel, width = sinc_kernel(orig_freq, new_freq, lowpass_filter_width, rolloff, resampling_method, beta)
    return _apply_kernel(waveform, orig_freq, new_freq, kernel.to(waveform.device, waveform.dtype), width)


def _rates(orig_freq: int, new_freq: int) -> tuple[int, int]:
    """Both rates without their common factor."""
    if orig_freq <= 0 or new_freq <= 0:
        raise ValueError(
            f"resample: original frequency and desired frequency should be positive, got {orig_freq} and {new_freq}."
        )
    if int(orig_freq) != orig_freq or int(new_freq) != new_freq:
        raise ValueError(
            f"resample: frequencies must be of integer type, expected whole numbers, got {orig_freq} and {new_freq}. "
            "Round them."
        )
    common = math.gcd(int(orig_freq), int(new_freq))
    return int(orig_freq) // common, int(new_freq) // common


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
