"""What this package makes known by name; nothing is imported until it is asked for."""

from __future__ import annotations

from facula.plugins import Registrar, hookimpl

requires_api = ">=1.0,<2"

_TRANSFORMS = {
    "spectrogram": "Spectrogram",
    "mel_scale": "MelScale",
    "mel_spectrogram": "MelSpectrogram",
    "amplitude_to_db": "AmplitudeToDB",
    "mfcc": "MFCC",
    "resample": "Resample",
    "mu_law_encoding": "MuLawEncoding",
    "mu_law_decoding": "MuLawDecoding",
}


@hookimpl
def facula_register_models(registry: Registrar) -> None:
    registry.add("m5", "facula_audio.models.m5:m5", tags=("audio", "classification"))


@hookimpl
def facula_register_transforms(registry: Registrar) -> None:
    for name, attribute in _TRANSFORMS.items():
        registry.add(name, f"facula_audio.transforms:{attribute}", tags=("audio",))
