"""Sound at another rate or speed, by torchaudio's windowed sinc (with gradients) or by the library soxr (fast)."""

from __future__ import annotations

import math

import numpy as np

import facula
from facula import Tensor
from facula.errors import missing
from facula.nn import functional as F

__all__ = ["resample", "sinc_kernel", "speed"]

_OLD_NAMES = {"sinc_interpolation": "sinc_interp_hann", "kaiser_window": "sinc_interp_kaiser"}


_LARGEST = 1 << 20  # numbers in a kernel; rates with no large common factor would make it gigabytes


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
    width = _width(orig_freq, new_freq, lowpass_filter_width, rolloff)
    taps = np.arange(-width, width + orig_freq) / orig_freq
    distance = taps - np.arange(new_freq)[:, None] / new_freq  # (new_freq, taps), in periods
    kernel = _weights(distance, orig_freq, new_freq, lowpass_filter_width, rolloff, resampling_method, beta)
    return facula.from_numpy(kernel[:, None, :]), width


def _width(orig_freq: int, new_freq: int, lowpass_filter_width: int, rolloff: float) -> int:
    """How many samples of the old rate the sinc reaches to each side."""
    if lowpass_filter_width <= 0:
        raise ValueError(
            f"resample: low pass filter width should be positive, expected that, got {lowpass_filter_width}. Use 6."
        )
    return math.ceil(lowpass_filter_width * orig_freq / (min(orig_freq, new_freq) * rolloff))


def _weights(
    distance: np.ndarray,
    orig_freq: int,
    new_freq: int,
    lowpass_filter_width: int,
    rolloff: float,
    resampling_method: str,
    beta: float | None,
) -> np.ndarray:
    """The windowed sinc at distances in periods, of which one holds `orig_freq` samples of the old rate."""
    resampling_method = _OLD_NAMES.get(resampling_method, resampling_method)
    if resampling_method not in ("sinc_interp_hann", "sinc_interp_kaiser"):
        raise ValueError(
            "resample: invalid resampling method, expected sinc_interp_hann or sinc_interp_kaiser, got "
            f"{resampling_method!r}."
        )
    cutoff = min(orig_freq, new_freq) * rolloff
    t = (distance * cutoff).clip(-lowpass_filter_width, lowpass_filter_width)  # in zero crossings
    if resampling_method == "sinc_interp_hann":
        window = np.cos(t * math.pi / lowpass_filter_width / 2) ** 2
    else:
        beta = 14.769656459379492 if beta is None else beta
        window = np.i0(beta * np.sqrt(1 - (t / lowpass_filter_width) ** 2)) / np.i0(beta)
    return np.sinc(t) * window * (cutoff / orig_freq)


def _apply_kernel(waveform: Tensor, orig_freq: int, new_freq: int, kernel: Tensor, width: int) -> Tensor:
    """The kernel slid over the waveform in steps of the old rate; each step gives one period of the new rate."""
    shape, length = waveform.shape, waveform.shape[-1]
    x = F.pad(waveform.reshape(-1, 1, length), (width, width + orig_freq))
    x = F.conv1d(x, kernel, stride=orig_freq)  # (sounds, new_freq, periods)
    x = x.transpose(1, 2).reshape(x.shape[0], -1)
    return x[:, : math.ceil(new_freq * length / orig_freq)].reshape(*shape[:-1], -1)


def _is_large(orig_freq: int, new_freq: int) -> bool:
    return orig_freq * new_freq > _LARGEST


def _by_taps(
    waveform: Tensor,
    orig_freq: int,
    new_freq: int,
    lowpass_filter_width: int,
    rolloff: float,
    method: str,
    beta: float | None,
) -> Tensor:
    """The same sums, over nothing but the samples that the sinc reaches: one pass for each of its taps."""
    shape, length = waveform.shape, waveform.shape[-1]
    width = _width(orig_freq, new_freq, lowpass_filter_width, rolloff)
    wanted = math.ceil(new_freq * length / orig_freq)
    n = np.arange(wanted)
    before, phase = np.divmod(n * orig_freq, new_freq)  # the sample before each output, and how far it lies behind
    taps = np.arange(-width, width + 2)
    distance = (taps - phase[: min(wanted, new_freq), None] / new_freq) / orig_freq
    weights = _weights(distance, orig_freq, new_freq, lowpass_filter_width, rolloff, method, beta)
    gains = facula.from_numpy(weights).to(waveform.device, waveform.dtype)
    rows, place = (facula.from_numpy(a).to(waveform.device) for a in (n % new_freq, before))
    x = F.pad(waveform.reshape(-1, length), (width, width + 2))
    out = x.new_zeros(x.shape[0], wanted)
    for tap in range(len(taps)):
        out = out + x[:, place + tap] * gains[rows, tap]
    return out.reshape(*shape[:-1], wanted)


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
    Nyquist frequency. `resampling_method` is "sinc_interp_hann", "sinc_interp_kaiser" (with the window's `beta`), or
    "soxr": the library of that name in its best quality, which has no gradient and needs facula-audio[soxr].

    Shape: (..., time) -> (..., ceil(time new_freq / orig_freq)).
    ValueError for rates that are not positive whole numbers, TypeError for integer samples.
    """
    orig_freq, new_freq = _rates(orig_freq, new_freq)
    if orig_freq == new_freq:
        return waveform
    if not waveform.is_floating_point():
        raise TypeError(
            f"resample: expected floating point type for waveform tensor, got {waveform.dtype}. Load it normalized."
        )
    if resampling_method == "soxr":
        return _by_soxr(waveform, orig_freq, new_freq)
    settings = orig_freq, new_freq, lowpass_filter_width, rolloff, resampling_method, beta
    if _is_large(orig_freq, new_freq):
        return _by_taps(waveform, *settings)
    kernel, width = sinc_kernel(*settings)
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


def _by_soxr(waveform: Tensor, orig_freq: int, new_freq: int) -> Tensor:
    """The waveform resampled by soxr at its very high quality, cut or filled up to the length that `resample` gives."""
    if waveform.requires_grad:
        raise RuntimeError(
            "resample: expected a waveform without gradients for resampling_method='soxr', got one that requires them. "
            "Use 'sinc_interp_hann', or detach() it."
        )
    try:
        import soxr
    except ImportError as error:
        raise missing("soxr", package="facula-audio") from error
    length = waveform.shape[-1]
    sounds = waveform.cpu().reshape(-1, length).numpy()
    wanted = math.ceil(new_freq * length / orig_freq)
    out = np.zeros((len(sounds), wanted), sounds.dtype)
    for row, sound in zip(out, sounds, strict=True):
        resampled = soxr.resample(sound, orig_freq, new_freq, quality="VHQ")[:wanted]
        row[: len(resampled)] = resampled
    return facula.from_numpy(out).to(waveform.device).reshape(*waveform.shape[:-1], wanted)


def speed(
    waveform: Tensor, orig_freq: int, factor: float, lengths: Tensor | None = None
) -> tuple[Tensor, Tensor | None]:
    """The waveform played `factor` times as fast, pitch included, and what became of `lengths`.

    Shape: (..., time) -> (..., ceil(time / factor)), about.
    """
    before, after = _rates(int(factor * orig_freq), int(orig_freq))
    if lengths is not None:
        lengths = (lengths * after / before).ceil().to(lengths.dtype)
    return resample(waveform, before, after), lengths
