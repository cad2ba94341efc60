"""Datasets of sounds, read from the files in which they are published, with torchaudio's names and samples."""

from __future__ import annotations

from facula_audio.datasets.archives import extract_archive
from facula_audio.datasets.cmuarctic import CMUARCTIC
from facula_audio.datasets.cmudict import CMUDict
from facula_audio.datasets.commonvoice import COMMONVOICE
from facula_audio.datasets.folder import FSDD, AudioFolder
from facula_audio.datasets.gtzan import GTZAN
from facula_audio.datasets.librispeech import LIBRISPEECH, LIBRITTS
from facula_audio.datasets.ljspeech import LJSPEECH
from facula_audio.datasets.speechcommands import SPEECHCOMMANDS
from facula_audio.datasets.vctk import VCTK_092
from facula_audio.datasets.yesno import YESNO

__all__ = [
    "CMUARCTIC",
    "COMMONVOICE",
    "FSDD",
    "GTZAN",
    "LIBRISPEECH",
    "LIBRITTS",
    "LJSPEECH",
    "SPEECHCOMMANDS",
    "VCTK_092",
    "YESNO",
    "AudioFolder",
    "CMUDict",
    "extract_archive",
]
