"""Filters of second order by their musical names; frequencies in Hz, gains in dB, all with gradients.

Parameters may be numbers or tensors of one element; the output is clipped to -1..1.
Source: R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients",
https://www.w3.org/TR/audio-eq-cookbook/, and SoX's effects of the same names.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import facula
from facula import Tensor
from facula_audio.functional.filters import lfilter

__all__ = [
    "allpass_biquad",
    "band_biquad",
    "bandpass_biquad",
    "bandreject_biquad",
    "bass_biquad",
    "biquad",
    "deemph_biquad",
    "equalizer_biquad",
    "highpass_biquad",
    "lowpass_biquad",
    "riaa_biquad",
    "treble_biquad",
]

Value: TypeAlias = float | Tensor


def biquad(waveform: Tensor, b0: Value, b1: Value, b2: Value, a0: Value, a1: Value, a2: Value) -> Tensor:
    """a0 y[n] + a1 y[n-1] + a2 y[n-2] = b0 x[n] + b1 x[n-1] + b2 x[n-2], clipped to -1..1.   Shape: unchanged."""
    a, b = (_vector(waveform, *coefficients) for coefficients in ((a0, a1, a2), (b0, b1, b2)))
    return lfilter(waveform, a, b)


def _vector(waveform: Tensor, *values: Value) -> Tensor:
    return facula.stack([_value(waveform, v).reshape(()) for v in values])


def _value(waveform: Tensor, value: Value) -> Tensor:
    """A parameter as a tensor, in float64 if it is a number, so that coefficients are exact."""
    if isinstance(value, Tensor):
        return value.to(waveform.device)
    return facula.tensor(value, dtype=facula.float64, device=waveform.device)


def _angle(waveform: Tensor, sample_rate: int, frequency: Value, Q: Value) -> tuple[Tensor, Tensor, Tensor]:
    """cos w, sin w and alpha = sin w / 2Q for w = 2 pi f / rate."""
    w = 2 * math.pi * _value(waveform, frequency) / sample_rate
    return w.cos(), w.sin(), w.sin() / 2 / _value(waveform, Q)


def lowpass_biquad(waveform: Tensor, sample_rate: int, cutoff_freq: Value, Q: Value = 0.707) -> Tensor:
    """What is below the cut-off frequency.   Shape: unchanged."""
    c, _, alpha = _angle(waveform, sample_rate, cutoff_freq, Q)
    return biquad(waveform, (1 - c) / 2, 1 - c, (1 - c) / 2, 1 + alpha, -2 * c, 1 - alpha)


def highpass_biquad(waveform: Tensor, sample_rate: int, cutoff_freq: Value, Q: Value = 0.707) -> Tensor:
    """What is above the cut-off frequency.   Shape: unchanged."""
    c, _, alpha = _angle(waveform, sample_rate, cutoff_freq, Q)
    return biquad(waveform, (1 + c) / 2, -1 - c, (1 + c) / 2, 1 + alpha, -2 * c, 1 - alpha)


def allpass_biquad(waveform: Tensor, sample_rate: int, central_freq: Value, Q: Value = 0.707) -> Tensor:
    """All frequencies as loud as they were, with their phases turned around the central one.   Shape: unchanged."""
    c, _, alpha = _angle(waveform, sample_rate, central_freq, Q)
    return biquad(waveform, 1 - alpha, -2 * c, 1 + alpha, 1 + alpha, -2 * c, 1 - alpha)


def bandpass_biquad(
    waveform: Tensor, sample_rate: int, central_freq: Value, Q: Value = 0.707, const_skirt_gain: bool = False
) -> Tensor:
    """A band around the central frequency: at 0 dB there, or (with `const_skirt_gain`) at Q.   Shape: unchanged."""
    c, s, alpha = _angle(waveform, sample_rate, central_freq, Q)
    top = s / 2 if const_skirt_gain else alpha
    return biquad(waveform, top, 0.0, -top, 1 + alpha, -2 * c, 1 - alpha)


def bandreject_biquad(waveform: Tensor, sample_rate: int, central_freq: Value, Q: Value = 0.707) -> Tensor:
    """All but a band around the central frequency.   Shape: unchanged."""
    c, _, alpha = _angle(waveform, sample_rate, central_freq, Q)
    return biquad(waveform, 1.0, -2 * c, 1.0, 1 + alpha, -2 * c, 1 - alpha)


def equalizer_biquad(waveform: Tensor, sample_rate: int, center_freq: Value, gain: Value, Q: Value = 0.707) -> Tensor:
    """A band around the centre louder (or softer) by `gain` dB.   Shape: unchanged."""
    c, _, alpha = _angle(waveform, sample_rate, center_freq, Q)
    A = facula.exp(_value(waveform, gain) * (math.log(10) / 40))
    return biquad(waveform, 1 + alpha * A, -2 * c, 1 - alpha * A, 1 + alpha / A, -2 * c, 1 - alpha / A)


def _shelf(waveform: Tensor, sample_rate: int, gain: Value, frequency: Value, Q: Value, side: int) -> Tensor:
    """The shelf below (side 1) or above (side -1) a frequency raised by `gain` dB."""
    c, _, alpha = _angle(waveform, sample_rate, frequency, Q)
    A = facula.exp(_value(waveform, gain) * (math.log(10) / 40))
    slope, up, down = 2 * A.sqrt() * alpha, A + 1, (A - 1) * c * side
    b = A * (up - down + slope), 2 * A * side * (A - 1 - up * c * side), A * (up - down - slope)
    return biquad(waveform, *b, up + down + slope, -2 * side * (A - 1 + up * c * side), up + down - slope)


def bass_biquad(waveform: Tensor, sample_rate: int, gain: Value, central_freq: Value = 100, Q: Value = 0.707) -> Tensor:
    """Frequencies below the central one louder (or softer) by `gain` dB.   Shape: unchanged."""
    return _shelf(waveform, sample_rate, gain, central_freq, Q, 1)


def treble_biquad(
    waveform: Tensor, sample_rate: int, gain: Value, central_freq: Value = 3000, Q: Value = 0.707
) -> Tensor:
    """Frequencies above the central one louder (or softer) by `gain` dB.   Shape: unchanged."""
    return _shelf(waveform, sample_rate, gain, central_freq, Q, -1)


def band_biquad(
    waveform: Tensor, sample_rate: int, central_freq: Value, Q: Value = 0.707, noise: bool = False
) -> Tensor:
    """A two-pole band around the central frequency, for pitched sound or (with `noise`) for percussion.

    Shape: unchanged. Source: SoX, effect "band".
    """
    w = 2 * math.pi * _value(waveform, central_freq) / sample_rate
    a2 = facula.exp(-2 * math.pi * (_value(waveform, central_freq) / _value(waveform, Q)) / sample_rate)
    a1 = -4 * a2 / (1 + a2) * w.cos()
    if noise:
        b0 = (((1 + a2) ** 2 - a1 * a1) * (1 - a2) / (1 + a2)).sqrt()
    else:
        b0 = (1 - a1 * a1 / (4 * a2)).sqrt() * (1 - a2)
    return biquad(waveform, b0, 0.0, 0.0, 1.0, a1, a2)


_DEEMPHASIS: dict[int, tuple[float, float, float]] = {  # SoX's shelves for ISO 908: frequency, slope, gain
    44100: (5283, 0.4845, -9.477),
    48000: (5356, 0.479, -9.62),
}


def deemph_biquad(waveform: Tensor, sample_rate: int) -> Tensor:
    """The de-emphasis of compact discs, ISO 908.   Shape: unchanged. ValueError for rates other than 44100 and 48000."""
    if sample_rate not in _DEEMPHASIS:
        raise ValueError(
            f"deemph_biquad: Sample rate must be 44100 (audio-CD) or 48000 (DAT), expected one, got {sample_rate}. "
            "Resample it first."
        )
    frequency, slope, gain = _DEEMPHASIS[sample_rate]
    A = 10 ** (gain / 40)
    Q = 1 / math.sqrt((A + 1 / A) * (1 / slope - 1) + 2)
    return _shelf(waveform, sample_rate, gain, frequency, Q, -1)


_RIAA: dict[int, tuple[tuple[float, float], tuple[float, float]]] = {  # zeros and poles, from SoX's effect "riaa"
    44100: ((-0.2014898, 0.9233820), (0.7083149, 0.9924091)),
    48000: ((-0.1766069, 0.9321590), (0.7396325, 0.9931330)),
    88200: ((-0.1168735, 0.9648312), (0.8590646, 0.9964002)),
    96000: ((-0.1141486, 0.9676817), (0.8699137, 0.9966946)),
}


def riaa_biquad(waveform: Tensor, sample_rate: int) -> Tensor:
    """The playback curve of vinyl records, at 0 dB for 1 kHz.

    Shape: unchanged. ValueError for rates other than 44.1, 48, 88.2 and 96 kHz.
    """
    if sample_rate not in _RIAA:
        raise ValueError(
            f"riaa_biquad: Sample rate must be 44.1k, 48k, 88.2k, or 96k, expected one, got {sample_rate}. "
            "Resample it first."
        )
    b, a = ([1.0, -(p + q), p * q] for p, q in _RIAA[sample_rate])
    y = 2 * math.pi * 1000 / sample_rate
    scale = abs(_response(a, y) / _response(b, y))
    return biquad(waveform, *(scale * tap for tap in b), *a)


def _response(taps: list[float], w: float) -> complex:
    """The value of a polynomial in z^-1 at the angle w."""
    z: Any = complex(math.cos(w), -math.sin(w))
    return taps[0] + taps[1] * z + taps[2] * z * z
