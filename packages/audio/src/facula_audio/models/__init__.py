"""Models of sound: one family in each file, with torchaudio's names, arguments and state_dict keys."""

from __future__ import annotations

from facula_audio.models.conformer import Conformer
from facula_audio.models.conv_tasnet import ConvTasNet, conv_tasnet_base
from facula_audio.models.crepe import Crepe, crepe, crepe_pitch
from facula_audio.models.deepspeech import DeepSpeech
from facula_audio.models.emformer import Emformer
from facula_audio.models.hubert import HuBERTPretrainModel, hubert_pretrain_model
from facula_audio.models.m5 import M5, m5
from facula_audio.models.rnnt import RNNT, emformer_rnnt_base, emformer_rnnt_model
from facula_audio.models.rnnt_decoder import Hypothesis, RNNTBeamSearch
from facula_audio.models.silero_vad import SileroVAD, silero_vad, speech_timestamps
from facula_audio.models.speaker_encoder import SpeakerEncoder, speaker_encoder
from facula_audio.models.tacotron2 import Tacotron2
from facula_audio.models.wav2letter import Wav2Letter
from facula_audio.models.wav2vec2 import Wav2Vec2Model, wav2vec2_model, wavlm_model
from facula_audio.models.wav2vec2_presets import (
    hubert_base,
    hubert_large,
    hubert_pretrain_base,
    hubert_pretrain_large,
    hubert_pretrain_xlarge,
    hubert_xlarge,
    wav2vec2_base,
    wav2vec2_large,
    wav2vec2_large_lv60k,
    wav2vec2_xlsr_1b,
    wav2vec2_xlsr_2b,
    wav2vec2_xlsr_300m,
    wavlm_base,
    wavlm_large,
)
from facula_audio.models.wavernn import WaveRNN

__all__ = [
    "M5",
    "RNNT",
    "Conformer",
    "ConvTasNet",
    "Crepe",
    "DeepSpeech",
    "Emformer",
    "HuBERTPretrainModel",
    "Hypothesis",
    "RNNTBeamSearch",
    "SileroVAD",
    "SpeakerEncoder",
    "Tacotron2",
    "Wav2Letter",
    "Wav2Vec2Model",
    "WaveRNN",
    "conv_tasnet_base",
    "crepe",
    "crepe_pitch",
    "emformer_rnnt_base",
    "emformer_rnnt_model",
    "hubert_base",
    "hubert_large",
    "hubert_pretrain_base",
    "hubert_pretrain_large",
    "hubert_pretrain_model",
    "hubert_pretrain_xlarge",
    "hubert_xlarge",
    "m5",
    "silero_vad",
    "speaker_encoder",
    "speech_timestamps",
    "wav2vec2_base",
    "wav2vec2_large",
    "wav2vec2_large_lv60k",
    "wav2vec2_model",
    "wav2vec2_xlsr_1b",
    "wav2vec2_xlsr_2b",
    "wav2vec2_xlsr_300m",
    "wavlm_base",
    "wavlm_large",
    "wavlm_model",
]
