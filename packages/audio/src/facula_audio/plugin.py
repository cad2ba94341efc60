"""What this package makes known by name; nothing is imported until it is asked for."""

from __future__ import annotations

from facula.plugins import Registrar, hookimpl

requires_api = ">=1.0,<2"

_MODELS = {  # file: (what the models are for, their names)
    "m5": ("classification", "m5"),
    "wav2letter": ("recognition", "wav2letter:Wav2Letter"),
    "deepspeech": ("recognition", "deepspeech:DeepSpeech"),
    "conformer": ("recognition", "conformer:Conformer"),
    "emformer": ("recognition", "emformer:Emformer"),
    "rnnt": ("recognition", "emformer_rnnt_base"),
    "wav2vec2_presets": (
        "embedding",
        "wav2vec2_base wav2vec2_large wav2vec2_large_lv60k wav2vec2_xlsr_300m wav2vec2_xlsr_1b wav2vec2_xlsr_2b "
        "hubert_base hubert_large hubert_xlarge hubert_pretrain_base hubert_pretrain_large hubert_pretrain_xlarge "
        "wavlm_base wavlm_large",
    ),
    "speaker_encoder": ("embedding", "speaker_encoder"),
    "conv_tasnet": ("separation", "conv_tasnet_base"),
    "tacotron2": ("synthesis", "tacotron2:Tacotron2"),
    "wavernn": ("synthesis", "wavernn:WaveRNN"),
    "crepe": ("pitch", "crepe"),
    "silero_vad": ("detection", "silero_vad"),
}

_DATASETS = {  # name: (where it is, what it is for)
    "speechcommands": ("speechcommands:SPEECHCOMMANDS", "classification"),
    "librispeech": ("librispeech:LIBRISPEECH", "recognition"),
    "libritts": ("librispeech:LIBRITTS", "synthesis"),
    "ljspeech": ("ljspeech:LJSPEECH", "synthesis"),
    "yesno": ("yesno:YESNO", "classification"),
    "gtzan": ("gtzan:GTZAN", "classification"),
    "vctk_092": ("vctk:VCTK_092", "synthesis"),
    "commonvoice": ("commonvoice:COMMONVOICE", "recognition"),
    "cmuarctic": ("cmuarctic:CMUARCTIC", "synthesis"),
    "cmudict": ("cmudict:CMUDict", "pronunciation"),
    "fsdd": ("folder:FSDD", "classification"),
    "audio_folder": ("folder:AudioFolder", "classification"),
}
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
    for file, (purpose, names) in _MODELS.items():
        for entry in names.split():
            name, _, attribute = entry.partition(":")
            registry.add(name, f"facula_audio.models.{file}:{attribute or name}", tags=("audio", purpose))


@hookimpl
def facula_register_datasets(registry: Registrar) -> None:
    for name, (place, purpose) in _DATASETS.items():
        registry.add(name, f"facula_audio.datasets.{place}", tags=("audio", purpose))


@hookimpl
def facula_register_transforms(registry: Registrar) -> None:
    for name, attribute in _TRANSFORMS.items():
        registry.add(name, f"facula_audio.transforms:{attribute}", tags=("audio",))


@hookimpl
def facula_register_ops(registry: Registrar) -> None:
    for name, attribute in _OPS.items():
        registry.add(name, f"facula_audio.functional.recursion:{attribute}", tags=("audio",))
