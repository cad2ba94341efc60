"""LibriSpeech and LibriTTS: sentences read from books of LibriVox."""

from __future__ import annotations

from pathlib import Path

from facula import Tensor
from facula.utils.data import Dataset
from facula_audio.datasets.archives import Source, extract_archive, fetch, not_found
from facula_audio.io import load

__all__ = ["LIBRISPEECH", "LIBRITTS"]

_PARTS = "dev-clean dev-other test-clean test-other train-clean-100 train-clean-360 train-other-500".split()


def _located(name: str, root: Source, url: str, folder: str, base: str, download: bool) -> Path:
    """The folder of one part below `root`, fetched if it is missing and `download` is set."""
    part = url.rsplit("/", 1)[-1].removesuffix(".tar.gz")
    if part not in _PARTS:
        raise ValueError(f"{name}: invalid url {url!r} given, expected one of {', '.join(_PARTS)}.")
    home = Path(root).expanduser()
    if download and not (home / folder / part).is_dir():
        extract_archive(fetch(f"{base}{part}.tar.gz", home), home)
    if not (home / folder / part).is_dir():
        raise not_found(name, home / folder / part)
    return home / folder / part


class LIBRISPEECH(Dataset[tuple[Tensor, int, str, int, int, int]]):
    """A part of 1,000 hours of read English at 16 kHz, in `root/LibriSpeech/<part>/<speaker>/<chapter>`; `url` is the part.

    Samples: `(waveform, sample_rate, transcript, speaker_id, chapter_id, utterance_id)`. RuntimeError if it is not there
    or a transcript is missing, ValueError for another part.
    Source: V. Panayotov et al., "Librispeech: an ASR corpus based on public domain audio books", https://www.openslr.org/12.
    """

    def __init__(
        self,
        root: Source,
        url: str = "train-clean-100",
        folder_in_archive: str = "LibriSpeech",
        download: bool = False,
    ) -> None:
        base = "http://www.openslr.org/resources/12/"
        self._path = _located("LIBRISPEECH", root, url, folder_in_archive, base, download)
        self._archive = self._path.parent
        self._walker = sorted(path.stem for path in self._path.glob("*/*/*.flac"))

    def get_metadata(self, n: int) -> tuple[str, int, str, int, int, int]:
        """What is known of sample `n` without reading the sound: its path below `root/LibriSpeech`, then as in a sample."""
        utterance = self._walker[n]
        speaker, chapter, number = utterance.split("-")
        folder = self._path / speaker / chapter
        texts = folder / f"{speaker}-{chapter}.trans.txt"
        for line in texts.read_text(encoding="utf-8").splitlines():
            name, _, transcript = line.strip().partition(" ")
            if name == utterance:
                path = (folder / f"{utterance}.flac").relative_to(self._archive).as_posix()
                return path, 16000, transcript, int(speaker), int(chapter), int(number)
        raise RuntimeError(f"LIBRISPEECH: translation not found for {utterance}, expected a line in {texts}, got none.")

    def __len__(self) -> int:
        return len(self._walker)

    def __getitem__(self, n: int) -> tuple[Tensor, int, str, int, int, int]:
        path, _, transcript, speaker, chapter, number = self.get_metadata(n)
        waveform, rate = load(self._archive / path)
        return waveform, rate, transcript, speaker, chapter, number


class LIBRITTS(Dataset[tuple[Tensor, int, str, str, int, int, str]]):
    """A part of 585 hours of read English at 24 kHz for synthesis, in `root/LibriTTS/<part>/<speaker>/<chapter>`.

    Samples: `(waveform, sample_rate, original_text, normalized_text, speaker_id, chapter_id, utterance_id)`. RuntimeError
    if it is not there, ValueError for another part.
    Source: H. Zen et al., "LibriTTS", https://arxiv.org/abs/1904.02882.
    """

    def __init__(
        self,
        root: Source,
        url: str = "train-clean-100",
        folder_in_archive: str = "LibriTTS",
        download: bool = False,
    ) -> None:
        base = "http://www.openslr.org/resources/60/"
        self._path = _located("LIBRITTS", root, url, folder_in_archive, base, download)
        self._walker = sorted(path.stem for path in self._path.glob("*/*/*.wav"))

    def __len__(self) -> int:
        return len(self._walker)

    def __getitem__(self, n: int) -> tuple[Tensor, int, str, str, int, int, str]:
        utterance = self._walker[n]
        speaker, chapter, _, _ = utterance.split("_")
        folder = self._path / speaker / chapter
        original, normalized = (
            (folder / f"{utterance}.{kind}.txt").read_text(encoding="utf-8").split("\n", 1)[0]
            for kind in ("original", "normalized")
        )
        waveform, rate = load(folder / f"{utterance}.wav")
        return waveform, rate, original, normalized, int(speaker), int(chapter), utterance
