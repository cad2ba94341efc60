"""What this package makes known by name; nothing is imported until it is asked for."""

from __future__ import annotations

from facula.plugins import Registrar, hookimpl

requires_api = ">=1.0,<2"

_TRANSFORMS = {
    "add_noise": "AddNoise",
    "amplitude_to_db": "AmplitudeToDB",
    "compute_deltas": "ComputeDeltas",
    "convolve": "Convolve",
    "deemphasis": "Deemphasis",
    "fade": "Fade",
    "fft_convolve": "FFTConvolve",
    "frequency_masking": "FrequencyMasking",
    "griffin_lim": "GriffinLim",
    "inverse_mel_scale": "InverseMelScale",
    "inverse_spectrogram": "InverseSpectrogram",
    "lfcc": "LFCC",
    "loudness": "Loudness",
    "mel_scale": "MelScale",
    "mel_spectrogram": "MelSpectrogram",
    "mfcc": "MFCC",
    "mu_law_decoding": "MuLawDecoding",
    "mu_law_encoding": "MuLawEncoding",
    "mvdr": "MVDR",
    "pitch_shift": "PitchShift",
    "preemphasis": "Preemphasis",
    "psd": "PSD",
    "resample": "Resample",
    "rnnt_loss": "RNNTLoss",
    "rtf_mvdr": "RTFMVDR",
    "sliding_window_cmn": "SlidingWindowCmn",
    "souden_mvdr": "SoudenMVDR",
    "spec_augment": "SpecAugment",
    "spectral_centroid": "SpectralCentroid",
    "spectrogram": "Spectrogram",
    "speed": "Speed",
    "speed_perturbation": "SpeedPerturbation",
    "time_masking": "TimeMasking",
    "time_stretch": "TimeStretch",
    "vad": "Vad",
    "vol": "Vol",
}

_OPS = {"iir": "iir_op", "delays": "delays_op"}


@hookimpl
def facula_register_models(registry: Registrar) -> None:
    registry.add("m5", "facula_audio.models.m5:m5", tags=("audio", "classification"))


@hookimpl
def facula_register_transforms(registry: Registrar) -> None:
    for name, attribute in _TRANSFORMS.items():
        registry.add(name, f"facula_audio.transforms:{attribute}", tags=("audio",))


@hookimpl
def facula_register_ops(registry: Registrar) -> None:
    for name, attribute in _OPS.items():
        registry.add(name, f"facula_audio.functional.recursion:{attribute}", tags=("audio",))
