"""Speech Commands: one spoken word of a second."""

from __future__ import annotations

from pathlib import Path

from facula import Tensor
from facula.utils.data import Dataset
from facula_audio.datasets.archives import Source, extract_archive, fetch, not_found
from facula_audio.io import load

__all__ = ["SPEECHCOMMANDS"]

_BASE = "http://download.tensorflow.org/data/"
_DIVIDER, _NOISE = "_nohash_", "_background_noise_"
_LISTS = {
    "validation": ["validation_list.txt"],
    "testing": ["testing_list.txt"],
    "training": ["validation_list.txt", "testing_list.txt"],  # what is left out
}


class SPEECHCOMMANDS(Dataset[tuple[Tensor, int, str, str, int]]):
    """105,829 clips of 35 words (version 0.02) at 16 kHz, in `root/SpeechCommands/speech_commands_v0.02/<word>`.

    `subset` is None for all, "training", "validation" or "testing". Samples: `(waveform, sample_rate, label, speaker_id,
    utterance_number)`. RuntimeError if it is not there, ValueError for another subset.
    Source: P. Warden, "Speech Commands", https://arxiv.org/abs/1804.03209.
    """

    def __init__(
        self,
        root: Source,
        url: str = "speech_commands_v0.02",
        folder_in_archive: str = "SpeechCommands",
        download: bool = False,
        subset: str | None = None,
    ) -> None:
        if subset is not None and subset not in _LISTS:
            raise ValueError(
                "SPEECHCOMMANDS: when `subset` is not None, it must be one of 'training', 'validation', 'testing', "
                f"expected that, got {subset!r}."
            )
        if "/" not in url:
            url = f"{_BASE}{url}.tar.gz"
        home = Path(root).expanduser()
        self._archive = home / folder_in_archive
        self._path = self._archive / url.rsplit("/", 1)[-1].removesuffix(".tar.gz")
        if download and not self._path.is_dir():
            extract_archive(fetch(url, home), self._path)
        if not self._path.is_dir():
            raise not_found("SPEECHCOMMANDS", self._path)
        listed = {
            self._path / line
            for name in _LISTS.get(subset or "", [])
            for line in (self._path / name).read_text(encoding="utf-8").split("\n")
            if line
        }
        if subset in ("validation", "testing"):
            self._walker = sorted(listed)
        else:
            clips = (path for path in self._path.glob("*/*.wav") if _DIVIDER in path.name)
            self._walker = sorted(path for path in clips if path.parent.name != _NOISE and path not in listed)

    def get_metadata(self, n: int) -> tuple[str, int, str, str, int]:
        """What is known of sample `n` without reading the sound: its path below `root/SpeechCommands`, then as in a sample."""
        path = self._walker[n]
        speaker, _, number = path.stem.removesuffix(".wav").partition(_DIVIDER)
        return path.relative_to(self._archive).as_posix(), 16000, path.parent.name, speaker, int(number)

    def __len__(self) -> int:
        return len(self._walker)

    def __getitem__(self, n: int) -> tuple[Tensor, int, str, str, int]:
        relative, _, label, speaker, number = self.get_metadata(n)
        waveform, rate = load(self._archive / relative)
        return waveform, rate, label, speaker, number
