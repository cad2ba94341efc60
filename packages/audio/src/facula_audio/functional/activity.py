"""Where speech begins: SoX's detector, which compares the power of cepstra with that of the noise so far."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np

from facula import Tensor

__all__ = ["vad"]


@dataclass
class _Settings:
    """What the detector works with, in samples, measurements and factors per measurement."""

    window: int
    size: int
    period: int
    memory: int
    gap: int
    boot: int
    noise_up: float
    noise_down: float
    smooth: float
    reduction: float
    trigger_smooth: float
    bins: slice
    quefrencies: slice


class _Meter:
    """The measurement of one channel: spectra smoothed over time, less the noise, then the power of their cepstrum."""

    def __init__(self, settings: _Settings) -> None:
        self.settings = settings
        count = settings.bins.stop - settings.bins.start
        self.spectrum, self.noise = np.zeros(count), np.zeros(count)
        self.window = _hann(settings.window) * (2.0 / math.sqrt(settings.window))
        self.lifter = _hann(count) * (2.0 / math.sqrt(count))

    def measure(self, samples: np.ndarray, boot: int) -> float:
        """The level of these samples; `boot` counts the first measurements, which are all noise, and is -1 after them."""
        s = self.settings
        now = np.abs(np.fft.rfft(samples * self.window, s.size))[s.bins]
        keep = boot / (1.0 + boot) if boot >= 0 else s.smooth
        self.spectrum = self.spectrum * keep + now * (1 - keep)
        power = self.spectrum**2
        if boot >= 0:
            self.noise = power
        else:
            keep_noise = np.where(power > self.noise, s.noise_up, s.noise_down)
            self.noise = self.noise * keep_noise + power * (1 - keep_noise)
        clean = np.sqrt(np.maximum(0.0, power - s.reduction * self.noise))
        spread = np.zeros(s.size // 2)
        spread[s.bins] = clean * self.lifter
        cepstrum = np.fft.rfft(spread)[s.quefrencies]
        total = float((cepstrum.real**2 + cepstrum.imag**2).sum()) / len(cepstrum)
        return max(0.0, 21.0 + math.log(total)) if total > 0 else 0.0


def _hann(count: int) -> np.ndarray:
    return 0.5 - 0.5 * np.cos(2 * math.pi * np.arange(count) / count)


def vad(
    waveform: Tensor,
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
) -> Tensor:
    """The waveform without the silence before speech; channels are one recording, cut at the earliest speech in any.

    Where `trigger_level` is reached for about `trigger_time` seconds, speech has begun; from there, up to `search_time`
    back, bursts no more than `allowed_gap` apart belong to it. The other times are those by which the level and the
    noise are followed; frequencies in Hz bound the spectrum and the cepstrum.

    Shape: (channels, time) or (time) -> the same with less time, none where nobody speaks.
    Source: SoX, effect "vad". It finds the beginning only; flip(-1) gives the end.
    """
    if waveform.dim() > 2:
        warnings.warn(
            f"vad: expected (channels, time) or (time), got {waveform.dim()} dimensions. All but the last are taken for "
            "channels of one recording.",
            stacklevel=2,
        )
    shape, rate = waveform.shape, sample_rate
    duration = measure_duration if measure_duration is not None else 2.0 / measure_freq
    window = int(duration * rate + 0.5)
    size = 1 << max(4, (window - 1).bit_length())
    bins = slice(
        max(int(hp_filter_freq / rate * size + 0.5), 1), min(int(lp_filter_freq / rate * size + 0.5), size // 2)
    )
    settings = _Settings(
        window=window,
        size=size,
        period=int(rate / measure_freq + 0.5),
        memory=math.ceil(search_time * measure_freq),
        gap=int(allowed_gap * measure_freq + 0.5),
        boot=int(boot_time * measure_freq - 0.5),
        noise_up=math.exp(-1.0 / (noise_up_time * measure_freq)),
        noise_down=math.exp(-1.0 / (noise_down_time * measure_freq)),
        smooth=math.exp(-1.0 / (measure_smooth_time * measure_freq)),
        reduction=noise_reduction_amount,
        trigger_smooth=math.exp(-1.0 / (trigger_time * measure_freq)),
        bins=bins,
        quefrencies=slice(
            math.ceil(rate * 0.5 / lp_lifter_freq), min(math.floor(rate * 0.5 / hp_lifter_freq), size // 4)
        ),
    )
    sounds = waveform.reshape(-1, shape[-1])
    found = _beginning(sounds.detach().cpu().numpy().astype(np.float64), settings, trigger_level)
    start = shape[-1] if found is None else max(found - int(pre_trigger_time * rate + 0.5), 0)
    return sounds[:, start:].reshape(*shape[:-1], -1) if start < shape[-1] else waveform[..., :0]


def _beginning(sounds: np.ndarray, settings: _Settings, trigger_level: float) -> int | None:
    """The sample with which speech begins, None where there is none."""
    s = settings
    meters = [_Meter(s) for _ in sounds]
    levels = np.zeros((len(sounds), s.memory))  # of the last measurements, newest first
    means = np.zeros(len(sounds))
    boot = 0
    for stop in range(s.window, sounds.shape[1] + 1, s.period):
        level = [m.measure(x[stop - s.window : stop], boot) for m, x in zip(meters, sounds, strict=True)]
        levels = np.concatenate([np.array(level)[:, None], levels[:, :-1]], axis=1)
        means = means * s.trigger_smooth + levels[:, 0] * (1 - s.trigger_smooth)
        heard = means >= trigger_level
        if heard.any():
            back = max(_bursts(row, trigger_level, s.gap) for row in levels[heard])
            return max(stop - s.window - back * s.period, 0)
        boot = -1 if boot in (-1, s.boot) else boot + 1
    return None


def _bursts(levels: np.ndarray, trigger_level: float, gap: int) -> int:
    """How many measurements back the speech begins: bursts at most `gap` apart, and silence up to the one before."""
    last = zero = len(levels)
    for j, level in enumerate(levels):
        if level >= trigger_level and j <= last + gap:
            zero = last = j
        elif level == 0 and last >= zero:
            zero = j
    return min(len(levels), zero)
