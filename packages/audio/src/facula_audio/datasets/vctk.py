"""VCTK: 110 speakers of English with many accents."""

from __future__ import annotations

from pathlib import Path

from facula import Tensor
from facula.utils.data import Dataset
from facula_audio.datasets.archives import Source, extract_archive, fetch, not_found
from facula_audio.io import load

__all__ = ["VCTK_092"]


class VCTK_092(Dataset[tuple[Tensor, int, str, str, str]]):
    """44 hours of read sentences at 48 kHz, in `root/VCTK-Corpus-0.92`; `mic_id` is "mic1" or "mic2".

    Speaker p280 was not recorded by the second microphone. Samples: `(waveform, sample_rate, transcript, speaker_id,
    utterance_id)`. RuntimeError if it is not there or for another microphone.
    Source: J. Yamagishi, C. Veaux, K. MacDonald, https://doi.org/10.7488/ds/2645.
    """

    def __init__(
        self,
        root: Source,
        mic_id: str = "mic2",
        download: bool = False,
        url: str = "https://datashare.is.ed.ac.uk/bitstream/handle/10283/3443/VCTK-Corpus-0.92.zip",
        audio_ext: str = ".flac",
    ) -> None:
        if mic_id not in ("mic1", "mic2"):
            raise RuntimeError(f"VCTK_092: `mic_id` has to be either 'mic1' or 'mic2', expected that, got {mic_id!r}.")
        home = Path(root).expanduser()
        self._path = home / "VCTK-Corpus-0.92"
        if download and not self._path.is_dir():
            extract_archive(fetch(url, home), self._path)
        if not self._path.is_dir():
            raise not_found("VCTK_092", self._path)
        self._mic_id, self._audio_ext = mic_id, audio_ext
        self._texts, self._sounds = self._path / "txt", self._path / "wav48_silence_trimmed"
        self._sample_ids = [
            (path.parent.name, path.stem.split("_")[1])
            for path in sorted(self._texts.glob("*/*.txt"))
            if not (path.parent.name == "p280" and mic_id == "mic2")
            and (path.parent.name != "p362" or self._sound(path.parent.name, path.stem).is_file())
        ]

    def _sound(self, speaker: str, name: str) -> Path:
        return self._sounds / speaker / f"{name}_{self._mic_id}{self._audio_ext}"

    def __len__(self) -> int:
        return len(self._sample_ids)

    def __getitem__(self, n: int) -> tuple[Tensor, int, str, str, str]:
        speaker, utterance = self._sample_ids[n]
        name = f"{speaker}_{utterance}"
        transcript = (self._texts / speaker / f"{name}.txt").read_text(encoding="utf-8").split("\n", 1)[0]
        waveform, rate = load(self._sound(speaker, name))
        return waveform, rate, transcript, speaker, utterance
