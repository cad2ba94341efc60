"""From waveforms to spectrograms and back, and what changes spectrograms in time and pitch."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import facula
from facula import Tensor, nn
from facula_audio import functional as F

__all__ = [
    "GriffinLim",
    "InverseSpectrogram",
    "PitchShift",
    "SpectralCentroid",
    "Spectrogram",
    "TimeStretch",
]

WindowFn = Callable[..., Tensor]


class _Framed(nn.Module):
    """What all transforms of frames hold: their sizes and the window, as a buffer.

    Frames have `win_length` samples (`n_fft`) and begin every `hop_length` (half of that).
    """

    window: Tensor

    def __init__(
        self,
        n_fft: int,
        win_length: int | None,
        hop_length: int | None,
        window_fn: WindowFn | None,
        wkwargs: dict[str, Any] | None,
    ) -> None:
        super().__init__()
        self.n_fft = n_fft
        self.win_length = win_length if win_length is not None else n_fft
        self.hop_length = hop_length if hop_length is not None else self.win_length // 2
        self.register_buffer("window", (window_fn or facula.hann_window)(self.win_length, **(wkwargs or {})))


class Spectrogram(_Framed):
    """abs(stft) ** power of each frame; `power=None` leaves the complex numbers.

    Frames have `win_length` samples (`n_fft`) and begin every `hop_length` (half of that).
    Shape: (..., time) -> (..., n_fft / 2 + 1, frames).

    >>> import facula
    >>> from facula_audio.transforms import Spectrogram
    >>> Spectrogram(n_fft=64)(facula.zeros(2, 640)).shape
    facula.Size([2, 33, 21])
    """

    def __init__(
        self,
        n_fft: int = 400,
        win_length: int | None = None,
        hop_length: int | None = None,
        pad: int = 0,
        window_fn: Callable[..., Tensor] | None = None,
        power: float | None = 2.0,
        normalized: bool | str = False,
        wkwargs: dict[str, Any] | None = None,
        center: bool = True,
        pad_mode: str = "reflect",
        onesided: bool = True,
        return_complex: bool | None = None,
    ) -> None:
        super().__init__(n_fft, win_length, hop_length, window_fn, wkwargs)
        self.pad = pad
        self.power = power
        self.normalized = normalized
        self.center = center
        self.pad_mode = pad_mode
        self.onesided = onesided

    def forward(self, waveform: Tensor) -> Tensor:
        return F.spectrogram(
            waveform,
            self.pad,
            self.window,
            self.n_fft,
            self.hop_length,
            self.win_length,
            self.power,
            self.normalized,
            self.center,
            self.pad_mode,
            self.onesided,
        )


class InverseSpectrogram(_Framed):
    """The waveform of a complex spectrogram.   Shape: (..., n_fft / 2 + 1, frames) -> (..., time)."""

    def __init__(
        self,
        n_fft: int = 400,
        win_length: int | None = None,
        hop_length: int | None = None,
        pad: int = 0,
        window_fn: WindowFn | None = None,
        normalized: bool | str = False,
        wkwargs: dict[str, Any] | None = None,
        center: bool = True,
        pad_mode: str = "reflect",
        onesided: bool = True,
    ) -> None:
        super().__init__(n_fft, win_length, hop_length, window_fn, wkwargs)
        self.pad = pad
        self.normalized = normalized
        self.center = center
        self.pad_mode = pad_mode
        self.onesided = onesided

    def forward(self, spectrogram: Tensor, length: int | None = None) -> Tensor:
        """`length` is that of the waveform, without `pad`."""
        return F.inverse_spectrogram(
            spectrogram,
            length,
            self.pad,
            self.window,
            self.n_fft,
            self.hop_length,
            self.win_length,
            self.normalized,
            self.center,
            self.pad_mode,
            self.onesided,
        )


class GriffinLim(_Framed):
    """A waveform that has a spectrogram of magnitudes ** power, by the algorithm of Griffin and Lim.

    Shape: (..., n_fft / 2 + 1, frames) -> (..., time). ValueError for a momentum outside [0, 1).
    """

    def __init__(
        self,
        n_fft: int = 400,
        n_iter: int = 32,
        win_length: int | None = None,
        hop_length: int | None = None,
        window_fn: WindowFn | None = None,
        power: float = 2.0,
        wkwargs: dict[str, Any] | None = None,
        momentum: float = 0.99,
        length: int | None = None,
        rand_init: bool = True,
    ) -> None:
        if not 0 <= momentum < 1:
            raise ValueError(f"GriffinLim: momentum must be in the range [0, 1), expected that, got {momentum}.")
        super().__init__(n_fft, win_length, hop_length, window_fn, wkwargs)
        self.n_iter = n_iter
        self.length = length
        self.power = power
        self.momentum = momentum
        self.rand_init = rand_init

    def forward(self, specgram: Tensor) -> Tensor:
        return F.griffinlim(
            specgram,
            self.window,
            self.n_fft,
            self.hop_length,
            self.win_length,
            self.power,
            self.n_iter,
            self.momentum,
            self.length,
            self.rand_init,
        )


class SpectralCentroid(_Framed):
    """The mean frequency of each frame in Hz.   Shape: (..., time) -> (..., frames)."""

    def __init__(
        self,
        sample_rate: int,
        n_fft: int = 400,
        win_length: int | None = None,
        hop_length: int | None = None,
        pad: int = 0,
        window_fn: WindowFn | None = None,
        wkwargs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(n_fft, win_length, hop_length, window_fn, wkwargs)
        self.sample_rate = sample_rate
        self.pad = pad

    def forward(self, waveform: Tensor) -> Tensor:
        return F.spectral_centroid(
            waveform, self.sample_rate, self.pad, self.window, self.n_fft, self.hop_length, self.win_length
        )


class TimeStretch(nn.Module):
    """A complex spectrogram `fixed_rate` times as fast, at the same pitch.

    Shape: (..., n_freq, time) -> (..., n_freq, ceil(time / rate)). ValueError without any rate.
    """

    phase_advance: Tensor

    def __init__(self, hop_length: int | None = None, n_freq: int = 201, fixed_rate: float | None = None) -> None:
        super().__init__()
        self.fixed_rate = fixed_rate
        hop_length = hop_length if hop_length is not None else n_freq - 1
        self.register_buffer("phase_advance", facula.linspace(0, math.pi * hop_length, n_freq)[..., None])

    def forward(self, complex_specgrams: Tensor, overriding_rate: float | None = None) -> Tensor:
        rate = self.fixed_rate if overriding_rate is None else overriding_rate
        if rate is None:
            raise ValueError(
                "TimeStretch: If no fixed_rate is specified, must pass a valid rate to the forward method, got None."
            )
        return F.phase_vocoder(complex_specgrams, rate, self.phase_advance)


class PitchShift(nn.Module):
    """The waveform `n_steps` of an octave's `bins_per_octave` higher, as long as before.   Shape: unchanged."""

    window: Tensor

    def __init__(
        self,
        sample_rate: int,
        n_steps: int,
        bins_per_octave: int = 12,
        n_fft: int = 512,
        win_length: int | None = None,
        hop_length: int | None = None,
        window_fn: WindowFn | None = None,
        wkwargs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.n_steps = n_steps
        self.bins_per_octave = bins_per_octave
        self.sample_rate = sample_rate
        self.n_fft = n_fft
        self.win_length = win_length if win_length is not None else n_fft
        self.hop_length = hop_length if hop_length is not None else self.win_length // 4
        self.register_buffer("window", (window_fn or facula.hann_window)(self.win_length, **(wkwargs or {})))

    def forward(self, waveform: Tensor) -> Tensor:
        return F.pitch_shift(
            waveform,
            self.sample_rate,
            self.n_steps,
            self.bins_per_octave,
            self.n_fft,
            self.win_length,
            self.hop_length,
            self.window,
        )
