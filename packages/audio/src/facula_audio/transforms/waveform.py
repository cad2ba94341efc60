"""What changes waveforms: rate, speed, volume, fades, noise, echoes, emphasis, mu-law."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import facula
from facula import Tensor, nn
from facula_audio import functional as F
from facula_audio.functional.resampling import _apply_kernel, _is_large, _rates

__all__ = [
    "AddNoise",
    "Convolve",
    "Deemphasis",
    "FFTConvolve",
    "Fade",
    "MuLawDecoding",
    "MuLawEncoding",
    "Preemphasis",
    "Resample",
    "Speed",
    "SpeedPerturbation",
    "Vol",
]


class Resample(nn.Module):
    """The waveform at another rate, by interpolation with a windowed sinc that is computed once.

    Shape: (..., time) -> (..., ceil(time new_freq / orig_freq)).
    """

    def __init__(
        self,
        orig_freq: int = 16000,
        new_freq: int = 16000,
        resampling_method: str = "sinc_interp_hann",
        lowpass_filter_width: int = 6,
        rolloff: float = 0.99,
        beta: float | None = None,
        *,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.orig_freq = orig_freq
        self.new_freq = new_freq
        self.resampling_method = resampling_method
        self.lowpass_filter_width = lowpass_filter_width
        self.rolloff = rolloff
        self.beta = beta
        self.rates = _rates(orig_freq, new_freq)
        self.prepared = self.rates[0] != self.rates[1] and resampling_method != "soxr" and not _is_large(*self.rates)
        if self.prepared:
            kernel, self.width = F.sinc_kernel(*self.rates, lowpass_filter_width, rolloff, resampling_method, beta)
            self.register_buffer("kernel", kernel.to(dtype if dtype is not None else facula.get_default_dtype()))

    def forward(self, waveform: Tensor) -> Tensor:
        if self.prepared:
            return _apply_kernel(waveform, *self.rates, self.kernel, self.width)
        return F.resample(
            waveform, *self.rates, self.lowpass_filter_width, self.rolloff, self.resampling_method, self.beta
        )


class Speed(nn.Module):
    """The waveform played `factor` times as fast, and what became of `lengths`.   Shape: (..., time) -> (..., new time)."""

    def __init__(self, orig_freq: int, factor: float) -> None:
        super().__init__()
        self.orig_freq = orig_freq
        self.factor = factor
        self.source_sample_rate, self.target_sample_rate = _rates(int(factor * orig_freq), int(orig_freq))
        self.resampler = Resample(self.source_sample_rate, self.target_sample_rate)

    def forward(self, waveform: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        if lengths is not None:
            lengths = (lengths * self.target_sample_rate / self.source_sample_rate).ceil().to(lengths.dtype)
        return self.resampler(waveform), lengths


class SpeedPerturbation(nn.Module):
    """`Speed` by one of `factors`, drawn at random for each call.

    T. Ko et al., "Audio augmentation for speech recognition" (2015). Shape: (..., time) -> (..., new time).
    """

    def __init__(self, orig_freq: int, factors: Sequence[float]) -> None:
        super().__init__()
        self.speeders = nn.ModuleList([Speed(orig_freq, factor) for factor in factors])

    def forward(self, waveform: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        return self.speeders[int(facula.randint(len(self.speeders), ()).item())](waveform, lengths)


class Fade(nn.Module):
    """A fade of `fade_in_len` samples at the beginning and `fade_out_len` at the end.

    `fade_shape` is "linear", "exponential", "logarithmic", "quarter_sine" or "half_sine".
    Shape: unchanged. ValueError for fades longer than the sound or another shape.
    """

    def __init__(self, fade_in_len: int = 0, fade_out_len: int = 0, fade_shape: str = "linear") -> None:
        super().__init__()
        if fade_shape not in _FADES:
            raise ValueError(f"Fade: expected a fade_shape of {', '.join(_FADES)}, got {fade_shape!r}.")
        self.fade_in_len = fade_in_len
        self.fade_out_len = fade_out_len
        self.fade_shape = fade_shape

    def forward(self, waveform: Tensor) -> Tensor:
        length = waveform.shape[-1]
        if max(self.fade_in_len, self.fade_out_len) > length:
            raise ValueError(
                f"Fade: expected fades of at most {length} samples, the sound's, got {self.fade_in_len} and "
                f"{self.fade_out_len}. Shorten them."
            )
        shape = _FADES[self.fade_shape]
        curves = [
            shape(facula.linspace(0, 1, count, device=waveform.device)).clamp(0, 1)
            for count in (self.fade_in_len, self.fade_out_len)
        ]
        rest = [waveform.new_ones(length - count) for count in (self.fade_in_len, self.fade_out_len)]
        return waveform * facula.cat([curves[0], rest[0]]) * facula.cat([rest[1], curves[1].flip(0)])


_FADES: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda t: t,
    "exponential": lambda t: facula.pow(2.0, t - 1) * t,
    "logarithmic": lambda t: facula.log10(0.1 + t) + 1,
    "quarter_sine": lambda t: facula.sin(t * math.pi / 2),
    "half_sine": lambda t: facula.sin(t * math.pi - math.pi / 2) / 2 + 0.5,
}


class Vol(nn.Module):
    """The waveform louder by `gain`, clipped to -1..1; `gain_type` is "amplitude" (a factor), "power" or "db".

    Shape: unchanged. ValueError for a negative factor or another type.
    """

    def __init__(self, gain: float, gain_type: str = "amplitude") -> None:
        super().__init__()
        if gain_type not in ("amplitude", "power", "db"):
            raise ValueError(f"Vol: expected a gain_type of amplitude, power or db, got {gain_type!r}. Use 'db'.")
        if gain_type != "db" and gain < 0:
            raise ValueError(
                f"Vol: If gain_type = amplitude or power, gain must be positive, got {gain}. Use gain_type='db'."
            )
        self.gain = gain
        self.gain_type = gain_type

    def forward(self, waveform: Tensor) -> Tensor:
        if self.gain_type == "amplitude":
            return (waveform * self.gain).clamp(-1, 1)
        return F.gain(waveform, self.gain if self.gain_type == "db" else 10 * math.log10(self.gain)).clamp(-1, 1)


class AddNoise(nn.Module):
    """Noise added to a waveform at a ratio `snr` in dB.   Shape: (..., L), (..., L), (...) -> (..., L)."""

    def forward(self, waveform: Tensor, noise: Tensor, snr: Tensor, lengths: Tensor | None = None) -> Tensor:
        return F.add_noise(waveform, noise, snr, lengths)


class Convolve(nn.Module):
    """Two sounds convolved directly.   Shape: (..., N), (..., M) -> (..., N + M - 1) for mode "full"."""

    def __init__(self, mode: str = "full") -> None:
        super().__init__()
        self.mode = mode

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return F.convolve(x, y, self.mode)


class FFTConvolve(nn.Module):
    """Two sounds convolved by Fourier transforms.   Shape: (..., N), (..., M) -> (..., N + M - 1) for mode "full"."""

    def __init__(self, mode: str = "full") -> None:
        super().__init__()
        self.mode = mode

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return F.fftconvolve(x, y, self.mode)


class Preemphasis(nn.Module):
    """y[n] = x[n] - coeff x[n - 1].   Shape: unchanged."""

    def __init__(self, coeff: float = 0.97) -> None:
        super().__init__()
        self.coeff = coeff

    def forward(self, waveform: Tensor) -> Tensor:
        return F.preemphasis(waveform, self.coeff)


class Deemphasis(nn.Module):
    """y[n] = x[n] + coeff y[n - 1], clipped to -1..1.   Shape: unchanged."""

    def __init__(self, coeff: float = 0.97) -> None:
        super().__init__()
        self.coeff = coeff

    def forward(self, waveform: Tensor) -> Tensor:
        return F.deemphasis(waveform, self.coeff)


class MuLawEncoding(nn.Module):
    """-1..1 as integers from 0 to `quantization_channels` - 1, finer near zero."""

    def __init__(self, quantization_channels: int = 256) -> None:
        super().__init__()
        self.quantization_channels = quantization_channels

    def forward(self, x: Tensor) -> Tensor:
        return F.mu_law_encoding(x, self.quantization_channels)


class MuLawDecoding(nn.Module):
    """The inverse of `MuLawEncoding`, but for rounding."""

    def __init__(self, quantization_channels: int = 256) -> None:
        super().__init__()
        self.quantization_channels = quantization_channels

    def forward(self, x_mu: Tensor) -> Tensor:
        return F.mu_law_decoding(x_mu, self.quantization_channels)
