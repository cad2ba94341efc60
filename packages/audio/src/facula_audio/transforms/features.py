"""Features of sound: mel and linear bands, cepstra, decibels, deltas, normalised frames, loudness, speech."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import facula
from facula import Tensor, nn
from facula_audio import functional as F
from facula_audio.transforms.spectral import Spectrogram

__all__ = [
    "LFCC",
    "MFCC",
    "AmplitudeToDB",
    "ComputeDeltas",
    "InverseMelScale",
    "Loudness",
    "MelScale",
    "MelSpectrogram",
    "SlidingWindowCmn",
    "Vad",
]


def _mel_bank(
    name: str,
    n_stft: int,
    n_mels: int,
    sample_rate: int,
    f_min: float,
    f_max: float | None,
    norm: str | None,
    mel_scale: str,
) -> tuple[Tensor, float]:
    """The triangles, and the highest frequency (half the sample rate)."""
    highest = f_max if f_max is not None else float(sample_rate // 2)
    if f_min > highest:
        raise ValueError(f"{name}: require f_min: {f_min} <= f_max: {highest}, expected that, got more. Lower f_min.")
    return F.melscale_fbanks(n_stft, f_min, highest, n_mels, sample_rate, norm, mel_scale), highest


class MelScale(nn.Module):
    """Frequencies added up in mel bands.   Shape: (..., n_stft, time) -> (..., n_mels, time).

    ValueError for `f_min` above `f_max` (half the sample rate).
    """

    fb: Tensor

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
        self.f_min = f_min
        self.norm = norm
        self.mel_scale = mel_scale
        bank, self.f_max = _mel_bank("MelScale", n_stft, n_mels, sample_rate, f_min, f_max, norm, mel_scale)
        self.register_buffer("fb", bank)

    def forward(self, specgram: Tensor) -> Tensor:
        return facula.matmul(self.fb.mT, specgram)


class InverseMelScale(nn.Module):
    """Frequencies that have these mel bands: the least squares of minimal length, where positive.

    `driver` is accepted for PyTorch's sake: the answer is the same. Shape: (..., n_mels, time) -> (..., n_stft, time).
    ValueError for `f_min` above `f_max`, another driver or count of bands.
    """

    fb: Tensor

    def __init__(
        self,
        n_stft: int,
        n_mels: int = 128,
        sample_rate: int = 16000,
        f_min: float = 0.0,
        f_max: float | None = None,
        norm: str | None = None,
        mel_scale: str = "htk",
        driver: str = "gels",
    ) -> None:
        super().__init__()
        self.n_mels = n_mels
        self.sample_rate = sample_rate
        self.f_min = f_min
        if driver not in ("gels", "gelsy", "gelsd", "gelss"):
            raise ValueError(
                f'InverseMelScale: driver must be one of ["gels", "gelsy", "gelsd", "gelss"], expected that, got {driver!r}.'
            )
        self.driver = driver
        bank, self.f_max = _mel_bank("InverseMelScale", n_stft, n_mels, sample_rate, f_min, f_max, norm, mel_scale)
        self.register_buffer("fb", bank)

    def forward(self, melspec: Tensor) -> Tensor:
        if melspec.shape[-2] != self.n_mels:
            raise ValueError(
                f"InverseMelScale: Expected an input with {self.n_mels} mel bins, got {melspec.shape[-2]}."
            )
        return facula.relu(facula.linalg.pinv(self.fb.mT) @ melspec)


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
        self.pad = pad
        self.power = power
        self.normalized = normalized
        self.n_mels = n_mels
        self.f_min = f_min
        self.mel_scale = MelScale(n_mels, sample_rate, f_min, f_max, n_fft // 2 + 1, norm, mel_scale)
        self.f_max = self.mel_scale.f_max

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
        self.sample_rate = sample_rate
        self.n_mfcc = n_mfcc
        self.dct_type = dct_type
        self.norm = norm
        self.top_db = 80.0
        self.log_mels = log_mels
        self.amplitude_to_DB = AmplitudeToDB("power", self.top_db)
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


class LFCC(nn.Module):
    """Linear-frequency cepstral coefficients: as `MFCC`, on evenly spaced bands.

    Shape: (..., time) -> (..., n_lfcc, frames). ValueError for another `dct_type` or more coefficients than bins.
    """

    filter_mat: Tensor
    dct_mat: Tensor

    def __init__(
        self,
        sample_rate: int = 16000,
        n_filter: int = 128,
        f_min: float = 0.0,
        f_max: float | None = None,
        n_lfcc: int = 40,
        dct_type: int = 2,
        norm: str = "ortho",
        log_lf: bool = False,
        speckwargs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if dct_type != 2:
            raise ValueError(f"LFCC: DCT type not supported, expected 2, got {dct_type}. Use dct_type=2.")
        self.sample_rate = sample_rate
        self.f_min = f_min
        self.f_max = f_max if f_max is not None else float(sample_rate // 2)
        self.n_filter = n_filter
        self.n_lfcc = n_lfcc
        self.top_db = 80.0
        self.dct_type = dct_type
        self.norm = norm
        self.log_lf = log_lf
        self.amplitude_to_DB = AmplitudeToDB("power", self.top_db)
        self.Spectrogram = Spectrogram(**(speckwargs or {}))
        if n_lfcc > self.Spectrogram.n_fft:
            raise ValueError(
                "LFCC: Cannot select more LFCC coefficients than # fft bins, expected n_lfcc of at most "
                f"{self.Spectrogram.n_fft}, got {n_lfcc}."
            )
        bank = F.linear_fbanks(self.Spectrogram.n_fft // 2 + 1, f_min, self.f_max, n_filter, sample_rate)
        self.register_buffer("filter_mat", bank)
        self.register_buffer("dct_mat", F.create_dct(n_lfcc, n_filter, norm))

    def forward(self, waveform: Tensor) -> Tensor:
        bands = facula.matmul(self.filter_mat.mT, self.Spectrogram(waveform))
        bands = facula.log(bands + 1e-6) if self.log_lf else self.amplitude_to_DB(bands)
        return facula.matmul(self.dct_mat.mT, bands)


class ComputeDeltas(nn.Module):
    """The slope of each feature over `win_length` frames.   Shape: (..., freq, time) -> the same."""

    def __init__(self, win_length: int = 5, mode: str = "replicate") -> None:
        super().__init__()
        self.win_length = win_length
        self.mode = mode

    def forward(self, specgram: Tensor) -> Tensor:
        return F.compute_deltas(specgram, self.win_length, self.mode)


class SlidingWindowCmn(nn.Module):
    """Each frame less the mean of the window of frames around or before it.   Shape: (..., time, freq) -> the same."""

    def __init__(
        self, cmn_window: int = 600, min_cmn_window: int = 100, center: bool = False, norm_vars: bool = False
    ) -> None:
        super().__init__()
        self.cmn_window = cmn_window
        self.min_cmn_window = min_cmn_window
        self.center = center
        self.norm_vars = norm_vars

    def forward(self, specgram: Tensor) -> Tensor:
        return F.sliding_window_cmn(specgram, self.cmn_window, self.min_cmn_window, self.center, self.norm_vars)


class Loudness(nn.Module):
    """The loudness of a recording in LKFS, by ITU-R BS.1770-4.   Shape: (..., channel, time) -> (...)."""

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        self.sample_rate = sample_rate

    def forward(self, waveform: Tensor) -> Tensor:
        return F.loudness(waveform, self.sample_rate)


class Vad(nn.Module):
    """The waveform from where speech begins, by SoX's detector; `functional.vad` explains the parameters.

    Shape: (channels, time) or (time) -> the same with less time.
    """

    def __init__(
        self,
        sample_rate: int,
        trigger_level: float = 7.0,
        trigger_time: float = 0.25,
        search_time: float = 1.0,
        allowed_gap: float = 0.25,
        pre_trigger_time: float = 0.0,
        boot_time: float = 0.35,
        noise_up_time: float = 0.1,
        noise_down_time: float = 0.01,
        noise_reduction_amount: float = 1.35,
        measure_freq: float = 20.0,
        measure_duration: float | None = None,
        measure_smooth_time: float = 0.4,
        hp_filter_freq: float = 50.0,
        lp_filter_freq: float = 6000.0,
        hp_lifter_freq: float = 150.0,
        lp_lifter_freq: float = 2000.0,
    ) -> None:
        settings = {name: value for name, value in locals().items() if name not in ("self", "__class__")}
        super().__init__()
        self._names = tuple(settings)
        for name, value in settings.items():
            setattr(self, name, value)

    def forward(self, waveform: Tensor) -> Tensor:
        return F.vad(waveform, **{name: getattr(self, name) for name in self._names})
