"""What is measured over frames: deltas, normalised cepstra, pitch, loudness, the distance of two distributions."""

from __future__ import annotations

import math

import facula
from facula import Tensor
from facula.nn import functional as F
from facula_audio.functional.equalizers import highpass_biquad, treble_biquad

__all__ = ["compute_deltas", "detect_pitch_frequency", "frechet_distance", "loudness", "sliding_window_cmn"]


def compute_deltas(specgram: Tensor, win_length: int = 5, mode: str = "replicate") -> Tensor:
    """The slope at each frame: d[t] = sum of n (c[t + n] - c[t - n]) / 2 sum of n^2, for n = 1..(win_length - 1) / 2.

    `mode` says what stands beyond the ends. Shape: (..., freq, time) -> the same. ValueError for a window below 3.
    """
    if win_length < 3:
        raise ValueError(
            f"compute_deltas: Window length should be greater than or equal to 3, expected that, got {win_length}."
        )
    n = (win_length - 1) // 2
    time = specgram.shape[-1]
    padded = F.pad(specgram.reshape(1, -1, time), (n, n), mode=mode)[0]
    slope = sum(k * (padded[:, n + k : n + k + time] - padded[:, n - k : n - k + time]) for k in range(1, n + 1))
    return (slope / (n * (n + 1) * (2 * n + 1) / 3)).reshape(specgram.shape)


def sliding_window_cmn(
    specgram: Tensor, cmn_window: int = 600, min_cmn_window: int = 100, center: bool = False, norm_vars: bool = False
) -> Tensor:
    """Each frame less the mean (and, with `norm_vars`, over the deviation) of the window around it, or before it.

    Shape: (..., time, freq) -> the same. Source: Kaldi, apply-cmvn-sliding.
    """
    shape, frames = specgram.shape, specgram.shape[-2]
    t = facula.arange(frames, device=specgram.device)
    if center:
        start = t - cmn_window // 2
        end = start + cmn_window
    else:
        start, end = t - cmn_window, t + 1
    end = facula.where(start < 0, end - start, end)
    start = start.clamp(min=0)
    if not center:
        end = facula.where(end > t, facula.maximum(t + 1, facula.full_like(t, min_cmn_window)), end)
    start = facula.where(end > frames, start - (end - frames), start).clamp(min=0)
    end = end.clamp(max=frames)
    x = specgram.reshape(-1, *shape[-2:])
    count = (end - start).to(x.dtype)[:, None]

    def sums(values: Tensor) -> Tensor:  # in float64: differences of long sums
        total = F.pad(values.to(facula.float64).cumsum(1), (0, 0, 1, 0))
        return (total[:, end] - total[:, start]).to(x.dtype)

    out = x - sums(x) / count
    if norm_vars:
        mean = sums(x) / count
        variance = sums(x * x) / count - mean * mean
        alone = count == 1
        out = facula.where(alone, facula.zeros_like(out), out * facula.where(alone, 1.0, variance).rsqrt())
    return out.reshape(shape)


def detect_pitch_frequency(
    waveform: Tensor,
    sample_rate: int,
    frame_time: float = 10 ** (-2),
    win_length: int = 30,
    freq_low: int = 85,
    freq_high: int = 3400,
) -> Tensor:
    """The pitch of each frame in Hz: the lag at which it is most like what follows, smoothed by medians of `win_length`.

    Shape: (..., time) -> (..., frames). RuntimeError for fewer frames than `win_length`.
    """
    length = waveform.shape[-1]
    x = waveform.reshape(-1, length)
    lag = _best_lag(_similarity(x, sample_rate, frame_time, freq_low), sample_rate, freq_high)
    before = (win_length - 1) // 2
    if lag.shape[-1] + before < win_length:
        raise RuntimeError(
            f"detect_pitch_frequency: expected at least {win_length - before} frames of {frame_time} s for win_length="
            f"{win_length}, got {lag.shape[-1]}. Lower win_length."
        )
    lag = facula.cat([lag[:, :1].expand(-1, before), lag], dim=-1)
    lag = lag.unfold(-1, win_length, 1).median(-1).values
    return (sample_rate / (1e-9 + lag.to(facula.float32))).reshape(*waveform.shape[:-1], -1)


def _similarity(x: Tensor, sample_rate: int, frame_time: float, freq_low: int) -> Tensor:
    """Each frame times the samples `lag` later, over both energies, for lags up to the period of `freq_low`.

    Shape: (N, time) -> (N, frames, lags).
    """
    size, lags = math.ceil(sample_rate * frame_time), math.ceil(sample_rate / freq_low)
    frames = math.ceil(x.shape[-1] / size)
    padded = F.pad(x, (0, lags + frames * size - x.shape[-1]))
    early = padded[:, : frames * size].reshape(-1, frames, size)
    found = []
    for lag in range(1, lags + 1):
        late = padded[:, lag : lag + frames * size].reshape(-1, frames, size)
        found.append((early * late).sum(-1) / (1e-9 + (late * late).sum(-1)))
    return facula.stack(found, dim=-1) / (1e-9 + (early * early).sum(-1, keepdim=True))


def _best_lag(similarity: Tensor, sample_rate: int, freq_high: int) -> Tensor:
    """The most similar lag; one of the lower half is preferred where it is nearly as good, since octaves are confused."""
    least = math.ceil(sample_rate / freq_high)
    best = similarity[..., least:].max(-1)
    half = similarity[..., least : similarity.shape[-1] // 2].max(-1)
    return facula.where(half.values > 0.99 * best.values, half.indices, best.indices) + least + 1


def loudness(waveform: Tensor, sample_rate: int) -> Tensor:
    """The loudness of a whole recording in LKFS, with pauses left out.

    Shape: (..., channel, time), at most 5 channels -> (...). ValueError for more, RuntimeError for less than 0.4 s.
    Source: ITU-R BS.1770-4, "Algorithms to measure audio programme loudness and true-peak audio level".
    """
    if waveform.shape[-2] > 5:
        raise ValueError(
            f"loudness: Only up to 5 channels are supported, expected that, got {waveform.shape[-2]}. Measure a few."
        )
    block = round(0.4 * sample_rate)
    weighted = treble_biquad(waveform, sample_rate, 4.0, 1500.0, 1 / math.sqrt(2))
    weighted = highpass_biquad(weighted, sample_rate, 38.0, 0.5)
    energy = (weighted * weighted).unfold(-1, block, round(0.1 * sample_rate)).mean(dim=-1)  # (..., channel, blocks)
    weights = energy.new_tensor([1.0, 1.0, 1.0, 1.41, 1.41])[: waveform.shape[-2]]
    level = _level((weights[:, None] * energy).sum(-2))

    def mean_of(loud: Tensor) -> Tensor:  # the level of the blocks that are loud enough
        kept = (loud.unsqueeze(-2) * energy).sum(-1) / loud.sum(-1, keepdim=True)
        return _level((weights * kept).sum(-1))

    loud = level > -70.0
    relative = mean_of(loud) - 10.0
    return mean_of(loud & (level > relative.unsqueeze(-1)))


def _level(energy: Tensor) -> Tensor:
    return -0.691 + 10 * energy.log10()


def frechet_distance(mu_x: Tensor, sigma_x: Tensor, mu_y: Tensor, sigma_y: Tensor) -> Tensor:
    """|mu_x - mu_y|^2 + trace(sigma_x + sigma_y - 2 (sigma_x sigma_y)^(1/2)), between two normal distributions.

    Shape: (N), (N, N), (N), (N, N) -> (). ValueError for other shapes.
    D. Dowson and B. Landau, "The Frechet distance between multivariate normal distributions" (1982).
    """
    if mu_x.dim() != 1 or sigma_x.dim() != 2 or sigma_x.shape[0] != sigma_x.shape[1]:
        raise ValueError(
            "frechet_distance: Input mu_x must be one-dimensional and sigma_x square, expected (N) and (N, N), got "
            f"{tuple(mu_x.shape)} and {tuple(sigma_x.shape)}."
        )
    if mu_x.shape != mu_y.shape or sigma_x.shape != sigma_y.shape or mu_x.shape[0] != sigma_x.shape[0]:
        raise ValueError(
            "frechet_distance: Inputs must have the same shape, expected those of x, got mu "
            f"{tuple(mu_x.shape)} and {tuple(mu_y.shape)}, sigma {tuple(sigma_x.shape)} and {tuple(sigma_y.shape)}."
        )
    roots = facula.linalg.eigvals(sigma_x @ sigma_y).sqrt().real.sum()
    return (mu_x - mu_y).pow(2).sum() + sigma_x.trace() + sigma_y.trace() - 2 * roots
