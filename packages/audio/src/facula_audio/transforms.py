"""Transforms of sound as modules, with torchaudio's names, parameters and defaults."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import facula
from facula import Tensor, nn
from facula_audio import functional as F

__all__ = [
    "MFCC",
    "AmplitudeToDB",
    "MelScale",
    "MelSpectrogram",
    "MuLawDecoding",
    "MuLawEncoding",
    "Resample",
    "Spectrogram",
]


class Spectrogram(nn.Module):
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
        super().__init__()
        self.n_fft = n_fft
        self.win_length = win_length if win_length is not None else n_fft
        self.hop_length = hop_length if hop_length is not None else self.win_length // 2
        window = (window_fn or facula.hann_window)(self.win_length, **(wkwargs or {}))
        self.register_buffer("window", window)
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


class MelScale(nn.Module):
    """Frequencies added up in mel bands.   Shape: (..., n_stft, time) -> (..., n_mels, time).

    ValueError for `f_min` above `f_max` (half the sample rate).
    """

    def __init__(
        self,
        n_mels: int = 128,
        sample_rate: int = 16000,
        f_min: float = 0.0,
        f_max: float | None = None,
        n_stft: int = 201,
        norm: str | None = None,
        mel_scale: str = "htk",
    ) -> None:
        super().__init__()
        self.n_mels = n_mels
        self.sample_rate = sample_rate
        self.f_max = f_max if f_max is not None else float(sample_rate // 2)
        self.f_min = f_min
        self.norm = norm
        self.mel_scale = mel_scale
        if f_min > self.f_max:
            raise ValueError(
                f"MelScale: require f_min: {f_min} <= f_max: {self.f_max}, expected that, got more. Lower f_min."
            )
        bank = F.melscale_fbanks(n_stft, f_min, self.f_max, n_mels, sample_rate, norm, mel_scale)
        self.register_buffer("fb", bank)

    def forward(self, specgram: Tensor) -> Tensor:
        return facula.matmul(self.fb.mT, specgram)


class MelSpectrogram(nn.Module):
    """`Spectrogram`, then `MelScale`.   Shape: (..., time) -> (..., n_mels, frames)."""

    def __init__(
        self,
        sample_rate: int = 16000,
        n_fft: int = 400,
        win_length: int | None = None,
        hop_length: int | None = None,
        f_min: float = 0.0,
        f_max: float | None = None,
        pad: int = 0,
        n_mels: int = 128,
        window_fn: Callable[..., Tensor] | None = None,
        power: float = 2.0,
        normalized: bool | str = False,
        wkwargs: dict[str, Any] | None = None,
        center: bool = True,
        pad_mode: str = "reflect",
        onesided: bool | None = None,
        norm: str | None = None,
        mel_scale: str = "htk",
    ) -> None:
        super().__init__()
        self.sample_rate = sample_rate
        self.spectrogram = Spectrogram(
            n_fft, win_length, hop_length, pad, window_fn, power, normalized, wkwargs, center, pad_mode
        )
        self.n_fft, self.win_length, self.hop_length = n_fft, self.spectrogram.win_length, self.spectrogram.hop_length
        self.n_mels = n_mels
        self.mel_scale = MelScale(n_mels, sample_rate, f_min, f_max, n_fft // 2 + 1, norm, mel_scale)

    def forward(self, waveform: Tensor) -> Tensor:
        return self.mel_scale(self.spectrogram(waveform))


class AmplitudeToDB(nn.Module):
    """Powers (or amplitudes, for `stype="magnitude"`) in decibels, at most `top_db` below the loudest.

    Shape: unchanged. ValueError for a negative `top_db`.
    """

    def __init__(self, stype: str = "power", top_db: float | None = None) -> None:
        super().__init__()
        if top_db is not None and top_db < 0:
            raise ValueError(f"AmplitudeToDB: top_db must be positive value, expected that, got {top_db}. Use 80.")
        self.stype = stype
        self.top_db = top_db
        self.multiplier = 10.0 if stype == "power" else 20.0
        self.amin = 1e-10
        self.ref_value = 1.0
        self.db_multiplier = math.log10(max(self.amin, self.ref_value))

    def forward(self, x: Tensor) -> Tensor:
        return F.amplitude_to_DB(x, self.multiplier, self.amin, self.db_multiplier, self.top_db)


class MFCC(nn.Module):
    """Mel-frequency cepstral coefficients: the cosine transform of a mel spectrogram in decibels, or of its log.

    Shape: (..., time) -> (..., n_mfcc, frames). ValueError for another `dct_type` or more coefficients than bands.
    """

    def __init__(
        self,
        sample_rate: int = 16000,
        n_mfcc: int = 40,
        dct_type: int = 2,
        norm: str = "ortho",
        log_mels: bool = False,
        melkwargs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if dct_type != 2:
            raise ValueError(f"MFCC: DCT type not supported, expected 2, got {dct_type}. Use dct_type=2.")
        self.n_mfcc = n_mfcc
        self.log_mels = log_mels
        self.amplitude_to_DB = AmplitudeToDB("power", 80.0)
        self.MelSpectrogram = MelSpectrogram(sample_rate=sample_rate, **(melkwargs or {}))
        if n_mfcc > self.MelSpectrogram.n_mels:
            raise ValueError(
                "MFCC: cannot select more MFCC coefficients than # mel bins, expected n_mfcc of at most "
                f"{self.MelSpectrogram.n_mels}, got {n_mfcc}. Raise n_mels in melkwargs."
            )
        self.register_buffer("dct_mat", F.create_dct(n_mfcc, self.MelSpectrogram.n_mels, norm))

    def forward(self, waveform: Tensor) -> Tensor:
        mel = self.MelSpectrogram(waveform)
        mel = facula.log(mel + 1e-6) if self.log_mels else self.amplitude_to_DB(mel)
        return facula.matmul(self.dct_mat.mT, mel)


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
        self.rates = F._rates(orig_freq, new_freq)
        if self.rates[0] != self.rates[1]:
            kernel, self.width = F.sinc_kernel(*self.rates, lowpass_filter_width, rolloff, resampling_method, beta)
            self.register_buffer("kernel", kernel.to(dtype if dtype is not None else facula.get_default_dtype()))

    def forward(self, waveform: Tensor) -> Tensor:
        if self.rates[0] == self.rates[1]:
            return waveform
        return F._apply_kernel(waveform, *self.rates, self.kernel, self.width)


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
