"""Features as Kaldi computes them: spectrogram, fbank, mfcc, and the mel bands that may be warped.

Samples are expected as Kaldi reads them, 16-bit numbers as floats; times are in milliseconds, frequencies in Hz. Results
have a row per frame. Source: Kaldi, feat/feature-window.cc, feat/mel-computations.cc, https://kaldi-asr.org/doc/feat.html.
"""

from __future__ import annotations

import math

import facula
from facula import Tensor
from facula.nn import functional as F
from facula_audio.functional.banks import create_dct

__all__ = [
    "fbank",
    "get_mel_banks",
    "inverse_mel_scale",
    "inverse_mel_scale_scalar",
    "mel_scale",
    "mel_scale_scalar",
    "mfcc",
    "spectrogram",
    "vtln_warp_freq",
    "vtln_warp_mel_freq",
]

_EPSILON = 2.0**-23  # of float32; below it, logarithms are cut off
_WINDOWS = ("hamming", "hanning", "povey", "rectangular", "blackman")


def _expect(name: str, holds: bool, rule: str, actual: object) -> None:
    """AssertionError, torchaudio's class for these, unless the rule holds."""
    if not holds:
        raise AssertionError(f"{name}: expected {rule}, got {actual}. Change that argument.")


def _window(kind: str, size: int, blackman_coeff: float, like: Tensor) -> Tensor:
    """One of Kaldi's windows of `size` samples; both ends are the same."""
    if kind not in _WINDOWS:
        raise ValueError(f"kaldi: expected a window_type of {', '.join(_WINDOWS)}, got {kind!r}. Use 'povey'.")
    turn = facula.arange(size, device=like.device, dtype=like.dtype) * (2 * math.pi / (size - 1))
    if kind == "hamming":
        return 0.54 - 0.46 * turn.cos()
    if kind == "rectangular":
        return facula.ones_like(turn)
    if kind == "blackman":
        return blackman_coeff - 0.5 * turn.cos() + (0.5 - blackman_coeff) * (2 * turn).cos()
    hann = 0.5 - 0.5 * turn.cos()
    return hann.clamp(min=0).pow(0.85) if kind == "povey" else hann


def _frames(sound: Tensor, size: int, shift: int, snip_edges: bool) -> Tensor:
    """All frames; those that would reach beyond an end see the sound mirrored there, or are left out (`snip_edges`)."""
    count = sound.shape[0]
    if snip_edges:
        return sound.unfold(0, size, shift) if count >= size else sound.new_zeros(0, size)
    mirrored = sound.flip(0)
    before = size // 2 - shift // 2
    sound = facula.cat([mirrored[-before:], sound, mirrored] if before > 0 else [sound[-before:], mirrored])
    return sound.unfold(0, size, shift)[: (count + shift // 2) // shift]


def _energy(frames: Tensor, energy_floor: float) -> Tensor:
    """The logarithm of each frame's energy, at least that of the floor."""
    energy = frames.pow(2).sum(1).clamp(min=_EPSILON).log()
    return energy.clamp(min=math.log(energy_floor)) if energy_floor > 0 else energy


def _windowed(
    name: str,
    waveform: Tensor,
    blackman_coeff: float,
    channel: int,
    dither: float,
    energy_floor: float,
    frame_length: float,
    frame_shift: float,
    preemphasis_coefficient: float,
    raw_energy: bool,
    remove_dc_offset: bool,
    round_to_power_of_two: bool,
    sample_frequency: float,
    snip_edges: bool,
    window_type: str,
) -> tuple[Tensor, Tensor, int]:
    """The frames, windowed and filled up with zeros, their log energies, and the size they were filled up to.

    Shape: (channel, time) -> (frames, size), (frames).
    """
    channel = max(channel, 0)
    _expect(name, channel < waveform.shape[0], f"a channel below the sound's {waveform.shape[0]}", channel)
    sound = waveform[channel]
    size, shift = int(sample_frequency * frame_length * 0.001), int(sample_frequency * frame_shift * 0.001)
    padded = 1 << (size - 1).bit_length() if round_to_power_of_two and size > 0 else size
    _expect(name, 2 <= size <= len(sound), f"a frame of 2 to {len(sound)} samples", size)
    _expect(name, shift > 0, "a frame_shift of a sample or more", frame_shift)
    _expect(name, padded % 2 == 0, "an even number of samples in a frame, or round_to_power_of_two", padded)
    _expect(name, 0 <= preemphasis_coefficient <= 1, "preemphasis_coefficient in [0, 1]", preemphasis_coefficient)
    _expect(name, sample_frequency > 0, "a positive sample_frequency", sample_frequency)
    frames = _frames(sound, size, shift, snip_edges)
    if dither:
        frames = frames + facula.randn_like(frames) * dither
    if remove_dc_offset:
        frames = frames - frames.mean(dim=1, keepdim=True)
    energy = _energy(frames, energy_floor) if raw_energy else None
    if preemphasis_coefficient:
        before = facula.cat([frames[:, :1], frames[:, :-1]], dim=1)
        frames = frames - preemphasis_coefficient * before
    frames = F.pad(frames * _window(window_type, size, blackman_coeff, frames), (0, padded - size))
    return frames, energy if energy is not None else _energy(frames, energy_floor), padded


def _centred(features: Tensor, subtract_mean: bool) -> Tensor:
    return features - features.mean(dim=0, keepdim=True) if subtract_mean else features


def spectrogram(
    waveform: Tensor,
    blackman_coeff: float = 0.42,
    channel: int = -1,
    dither: float = 0.0,
    energy_floor: float = 1.0,
    frame_length: float = 25.0,
    frame_shift: float = 10.0,
    min_duration: float = 0.0,
    preemphasis_coefficient: float = 0.97,
    raw_energy: bool = True,
    remove_dc_offset: bool = True,
    round_to_power_of_two: bool = True,
    sample_frequency: float = 16000.0,
    snip_edges: bool = True,
    subtract_mean: bool = False,
    window_type: str = "povey",
) -> Tensor:
    """Log powers of all frequencies, with the frame's log energy in the place of frequency 0.

    Shape: (channel, time) -> (frames, size / 2 + 1), (0) for sounds shorter than `min_duration` seconds.
    """
    if waveform.shape[1] < min_duration * sample_frequency:
        return waveform.new_zeros(0)
    frames, energy, _ = _windowed(
        "kaldi.spectrogram", waveform, blackman_coeff, channel, dither, energy_floor, frame_length, frame_shift,
        preemphasis_coefficient, raw_energy, remove_dc_offset, round_to_power_of_two, sample_frequency, snip_edges, window_type,
    )  # fmt: skip
    power = facula.fft.rfft(frames).abs().pow(2.0).clamp(min=_EPSILON).log()
    return _centred(facula.cat([energy[:, None], power[:, 1:]], dim=1), subtract_mean)


def mel_scale_scalar(freq: float) -> float:
    """Hz to mel: 1127 ln(1 + f / 700)."""
    return 1127.0 * math.log(1.0 + freq / 700.0)


def mel_scale(freq: Tensor) -> Tensor:
    """Hz to mel, of a tensor."""
    return 1127.0 * (1.0 + freq / 700.0).log()


def inverse_mel_scale_scalar(mel_freq: float) -> float:
    """Mel to Hz."""
    return 700.0 * (math.exp(mel_freq / 1127.0) - 1.0)


def inverse_mel_scale(mel_freq: Tensor) -> Tensor:
    """Mel to Hz, of a tensor."""
    return 700.0 * ((mel_freq / 1127.0).exp() - 1.0)


def vtln_warp_freq(
    vtln_low_cutoff: float,
    vtln_high_cutoff: float,
    low_freq: float,
    high_freq: float,
    vtln_warp_factor: float,
    freq: Tensor,
) -> Tensor:
    """Frequencies divided by the warp factor between the cut-offs, and joined to both ends by straight lines.

    It stands for the length of a speaker's vocal tract. AssertionError for cut-offs outside the band.
    """
    _expect("vtln_warp_freq", vtln_low_cutoff > low_freq, "vtln_low above low_freq", vtln_low_cutoff)
    _expect("vtln_warp_freq", vtln_high_cutoff < high_freq, "vtln_high below high_freq", vtln_high_cutoff)
    left = vtln_low_cutoff * max(1.0, vtln_warp_factor)
    right = vtln_high_cutoff * min(1.0, vtln_warp_factor)
    scale = 1.0 / vtln_warp_factor
    below = low_freq + (scale * left - low_freq) / (left - low_freq) * (freq - low_freq)
    above = high_freq + (high_freq - scale * right) / (high_freq - right) * (freq - high_freq)
    warped = facula.where(freq < left, below, facula.where(freq < right, scale * freq, above))
    return facula.where((freq < low_freq) | (freq > high_freq), freq, warped)


def vtln_warp_mel_freq(
    vtln_low_cutoff: float,
    vtln_high_cutoff: float,
    low_freq: float,
    high_freq: float,
    vtln_warp_factor: float,
    mel_freq: Tensor,
) -> Tensor:
    """`vtln_warp_freq` of frequencies on the mel scale."""
    frequency = inverse_mel_scale(mel_freq)
    return mel_scale(
        vtln_warp_freq(vtln_low_cutoff, vtln_high_cutoff, low_freq, high_freq, vtln_warp_factor, frequency)
    )


def get_mel_banks(
    num_bins: int,
    window_length_padded: int,
    sample_freq: float,
    low_freq: float,
    high_freq: float,
    vtln_low: float,
    vtln_high: float,
    vtln_warp_factor: float,
) -> tuple[Tensor, Tensor]:
    """Triangles on the mel scale and their centres in Hz; ends of 0 or less count from half the sample rate.

    Shape: (num_bins, window_length_padded / 2), (num_bins, 1). AssertionError for fewer than 4 bands or ends that cross.
    """
    name, nyquist = "get_mel_banks", 0.5 * sample_freq
    _expect(name, num_bins > 3, "num_bins of 4 or more", num_bins)
    high_freq = high_freq + nyquist if high_freq <= 0 else high_freq
    fits = 0 <= low_freq < nyquist and 0 < high_freq <= nyquist and low_freq < high_freq
    _expect(name, fits, f"low_freq below high_freq, both within 0 and {nyquist}", (low_freq, high_freq))
    vtln_high = vtln_high + nyquist if vtln_high < 0 else vtln_high
    if vtln_warp_factor != 1.0:
        fits = low_freq < vtln_low < high_freq and 0 < vtln_high < high_freq and vtln_low < vtln_high
        _expect(name, fits, "vtln_low below vtln_high, both within the band", (vtln_low, vtln_high))
    low, high = mel_scale_scalar(low_freq), mel_scale_scalar(high_freq)
    edges = low + facula.arange(num_bins + 2, dtype=facula.float64) * ((high - low) / (num_bins + 1))
    if vtln_warp_factor != 1.0:
        edges = vtln_warp_mel_freq(vtln_low, vtln_high, low_freq, high_freq, vtln_warp_factor, edges)
    bins = facula.arange(window_length_padded // 2, dtype=facula.float64) * (sample_freq / window_length_padded)
    left, centre, right = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    mel = mel_scale(bins)
    banks = facula.minimum((mel - left) / (centre - left), (right - mel) / (right - centre)).clamp(min=0)
    dtype = facula.get_default_dtype()
    return banks.to(dtype), inverse_mel_scale(centre).to(dtype)


def fbank(
    waveform: Tensor,
    blackman_coeff: float = 0.42,
    channel: int = -1,
    dither: float = 0.0,
    energy_floor: float = 1.0,
    frame_length: float = 25.0,
    frame_shift: float = 10.0,
    high_freq: float = 0.0,
    htk_compat: bool = False,
    low_freq: float = 20.0,
    min_duration: float = 0.0,
    num_mel_bins: int = 23,
    preemphasis_coefficient: float = 0.97,
    raw_energy: bool = True,
    remove_dc_offset: bool = True,
    round_to_power_of_two: bool = True,
    sample_frequency: float = 16000.0,
    snip_edges: bool = True,
    subtract_mean: bool = False,
    use_energy: bool = False,
    use_log_fbank: bool = True,
    use_power: bool = True,
    vtln_high: float = -500.0,
    vtln_low: float = 100.0,
    vtln_warp: float = 1.0,
    window_type: str = "povey",
) -> Tensor:
    """Powers (or magnitudes) in mel bands, or their logarithms; with `use_energy`, the log energy before or after them.

    `htk_compat` puts the energy last. Shape: (channel, time) -> (frames, num_mel_bins + use_energy), (0) for sounds
    shorter than `min_duration` seconds.
    """
    if waveform.shape[1] < min_duration * sample_frequency:
        return waveform.new_zeros(0)
    frames, energy, padded = _windowed(
        "kaldi.fbank", waveform, blackman_coeff, channel, dither, energy_floor, frame_length, frame_shift,
        preemphasis_coefficient, raw_energy, remove_dc_offset, round_to_power_of_two, sample_frequency, snip_edges, window_type,
    )  # fmt: skip
    spectrum = facula.fft.rfft(frames).abs()
    spectrum = spectrum.pow(2.0) if use_power else spectrum
    banks, _ = get_mel_banks(
        num_mel_bins, padded, sample_frequency, low_freq, high_freq, vtln_low, vtln_high, vtln_warp
    )
    features = spectrum[:, :-1] @ banks.T.to(spectrum.device, spectrum.dtype)
    features = features.clamp(min=_EPSILON).log() if use_log_fbank else features
    if use_energy:
        parts = [features, energy[:, None]]
        features = facula.cat(parts if htk_compat else parts[::-1], dim=1)
    return _centred(features, subtract_mean)


def mfcc(
    waveform: Tensor,
    blackman_coeff: float = 0.42,
    cepstral_lifter: float = 22.0,
    channel: int = -1,
    dither: float = 0.0,
    energy_floor: float = 1.0,
    frame_length: float = 25.0,
    frame_shift: float = 10.0,
    high_freq: float = 0.0,
    htk_compat: bool = False,
    low_freq: float = 20.0,
    num_ceps: int = 13,
    min_duration: float = 0.0,
    num_mel_bins: int = 23,
    preemphasis_coefficient: float = 0.97,
    raw_energy: bool = True,
    remove_dc_offset: bool = True,
    round_to_power_of_two: bool = True,
    sample_frequency: float = 16000.0,
    snip_edges: bool = True,
    subtract_mean: bool = False,
    use_energy: bool = False,
    vtln_high: float = -500.0,
    vtln_low: float = 100.0,
    vtln_warp: float = 1.0,
    window_type: str = "povey",
) -> Tensor:
    """The cosine transform of log mel powers, raised ("liftered") by 1 + L/2 sin(pi i / L) for L = `cepstral_lifter`.

    `use_energy` puts the log energy in the place of the first; `htk_compat` moves the first to the end.
    Shape: (channel, time) -> (frames, num_ceps). AssertionError for more coefficients than bands.
    """
    _expect("kaldi.mfcc", num_ceps <= num_mel_bins, f"num_ceps of at most num_mel_bins, {num_mel_bins}", num_ceps)
    bands = fbank(
        waveform, blackman_coeff, channel, dither, energy_floor, frame_length, frame_shift, high_freq, False, low_freq,
        min_duration, num_mel_bins, preemphasis_coefficient, raw_energy, remove_dc_offset, round_to_power_of_two,
        sample_frequency, snip_edges, False, use_energy, True, True, vtln_high, vtln_low, vtln_warp, window_type,
    )  # fmt: skip
    if bands.dim() < 2:
        return bands
    energy, bands = (bands[:, :1], bands[:, 1:]) if use_energy else (None, bands)
    features = bands @ create_dct(num_ceps, num_mel_bins, "ortho").to(bands.device, bands.dtype)
    if cepstral_lifter:
        i = facula.arange(num_ceps, device=bands.device, dtype=bands.dtype)
        features = features * (1 + 0.5 * cepstral_lifter * (math.pi * i / cepstral_lifter).sin())
    first = features[:, :1] if energy is None else energy
    if htk_compat:
        first = first if use_energy else first * math.sqrt(2)
        features = facula.cat([features[:, 1:], first], dim=1)
    else:
        features = facula.cat([first, features[:, 1:]], dim=1)
    return _centred(features, subtract_mean)
