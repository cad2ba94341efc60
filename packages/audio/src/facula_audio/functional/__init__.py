"""Transforms of sound as functions, with torchaudio's names, arguments and defaults.

Waveforms are (..., time), spectrograms (..., freq, time). All run on any device and have gradients, except those that
decide or count: `vad`, `detect_pitch_frequency`, `forced_align`, `edit_distance`, `mu_law_encoding`, `dither`.
"""

from facula_audio.functional.activity import vad
from facula_audio.functional.alignment import TokenSpan, edit_distance, forced_align, merge_tokens
from facula_audio.functional.banks import create_dct, linear_fbanks, melscale_fbanks
from facula_audio.functional.beamforming import (
    apply_beamforming,
    mvdr_weights_rtf,
    mvdr_weights_souden,
    psd,
    rtf_evd,
    rtf_power,
)
from facula_audio.functional.effects import flanger, overdrive, phaser
from facula_audio.functional.equalizers import (
    allpass_biquad,
    band_biquad,
    bandpass_biquad,
    bandreject_biquad,
    bass_biquad,
    biquad,
    deemph_biquad,
    equalizer_biquad,
    highpass_biquad,
    lowpass_biquad,
    riaa_biquad,
    treble_biquad,
)
from facula_audio.functional.features import (
    compute_deltas,
    detect_pitch_frequency,
    frechet_distance,
    loudness,
    sliding_window_cmn,
)
from facula_audio.functional.filters import deemphasis, filtfilt, lfilter, preemphasis
from facula_audio.functional.levels import (
    DB_to_amplitude,
    amplitude_to_DB,
    contrast,
    dcshift,
    dither,
    gain,
    mu_law_decoding,
    mu_law_encoding,
)
from facula_audio.functional.masking import mask_along_axis, mask_along_axis_iid
from facula_audio.functional.mixing import add_noise, convolve, fftconvolve
from facula_audio.functional.resampling import resample, sinc_kernel, speed
from facula_audio.functional.spectral import (
    griffinlim,
    inverse_spectrogram,
    phase_vocoder,
    pitch_shift,
    spectral_centroid,
    spectrogram,
)
from facula_audio.functional.transducer import rnnt_loss

__all__ = [
    "DB_to_amplitude",
    "TokenSpan",
    "add_noise",
    "allpass_biquad",
    "amplitude_to_DB",
    "apply_beamforming",
    "band_biquad",
    "bandpass_biquad",
    "bandreject_biquad",
    "bass_biquad",
    "biquad",
    "compute_deltas",
    "contrast",
    "convolve",
    "create_dct",
    "dcshift",
    "deemph_biquad",
    "deemphasis",
    "detect_pitch_frequency",
    "dither",
    "edit_distance",
    "equalizer_biquad",
    "fftconvolve",
    "filtfilt",
    "flanger",
    "forced_align",
    "frechet_distance",
    "gain",
    "griffinlim",
    "highpass_biquad",
    "inverse_spectrogram",
    "lfilter",
    "linear_fbanks",
    "loudness",
    "lowpass_biquad",
    "mask_along_axis",
    "mask_along_axis_iid",
    "melscale_fbanks",
    "merge_tokens",
    "mu_law_decoding",
    "mu_law_encoding",
    "mvdr_weights_rtf",
    "mvdr_weights_souden",
    "overdrive",
    "phase_vocoder",
    "phaser",
    "pitch_shift",
    "preemphasis",
    "psd",
    "resample",
    "riaa_biquad",
    "rnnt_loss",
    "rtf_evd",
    "rtf_power",
    "sinc_kernel",
    "sliding_window_cmn",
    "spectral_centroid",
    "spectrogram",
    "speed",
    "treble_biquad",
    "vad",
]
