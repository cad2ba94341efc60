"""GTZAN: half a minute of music of ten genres."""

from __future__ import annotations

from pathlib import Path

from facula import Tensor
from facula.utils.data import Dataset
from facula_audio.datasets.archives import Source, extract_archive, fetch, not_found, published
from facula_audio.io import load

__all__ = ["GTZAN"]

_GENRES = "blues classical country disco hiphop jazz metal pop reggae rock".split()
_PARTS = ("training", "validation", "testing")


class GTZAN(Dataset[tuple[Tensor, int, str]]):
    """1,000 clips at 22.05 kHz, in `root/genres/<genre>`.

    `subset` is None for all clips, or "training", "validation", "testing": 930 clips in all, without damaged and doubled
    ones and with no artist in two parts. Samples: `(waveform, sample_rate, genre)`. RuntimeError if it is not there,
    ValueError for another subset.
    Sources: G. Tzanetakis and P. Cook, 2002; parts: C. Kereliuk, B. Sturm, J. Larsen, https://arxiv.org/abs/1507.04761.
    """

    def __init__(
        self,
        root: Source,
        url: str = "http://opihi.cs.uvic.ca/sound/genres.tar.gz",
        folder_in_archive: str = "genres",
        download: bool = False,
        subset: str | None = None,
    ) -> None:
        if subset is not None and subset not in _PARTS:
            raise ValueError(
                f"GTZAN: when `subset` is not None, it must be one of {_PARTS}, expected that, got {subset!r}."
            )
        home = Path(root).expanduser()
        self._path = home / folder_in_archive
        if download and not self._path.is_dir():
            extract_archive(fetch(url, home), home)
        if not self._path.is_dir():
            raise not_found("GTZAN", self._path)
        if subset is None:
            found = (path.stem for genre in _GENRES for path in sorted((self._path / genre).glob("*.wav")))
            self._walker = [name for name in found if _is_clip(name)]
        else:
            parts: dict[str, list[int]] = published()["gtzan"][subset]
            self._walker = [f"{genre}.{number:05d}" for genre, numbers in parts.items() for number in numbers]

    def __len__(self) -> int:
        return len(self._walker)

    def __getitem__(self, n: int) -> tuple[Tensor, int, str]:
        name = self._walker[n]
        genre = name.split(".")[0]
        waveform, rate = load(self._path / genre / f"{name}.wav")
        return waveform, rate, genre


def _is_clip(name: str) -> bool:
    genre, _, number = name.partition(".")
    return genre in _GENRES and number.isdigit() and len(number) == 5
