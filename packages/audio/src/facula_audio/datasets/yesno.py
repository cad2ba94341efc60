"""YESNO: one man who says yes and no in Hebrew."""

from __future__ import annotations

from pathlib import Path

from facula import Tensor
from facula.utils.data import Dataset
from facula_audio.datasets.archives import Source, extract_archive, fetch, not_found
from facula_audio.io import load

__all__ = ["YESNO"]


class YESNO(Dataset[tuple[Tensor, int, list[int]]]):
    """60 clips of eight words each at 8 kHz, in `root/waves_yesno`; 1 is yes, 0 is no.

    Samples: `(waveform, sample_rate, labels)`. RuntimeError if it is not there.
    Source: https://www.openslr.org/1.
    """

    def __init__(
        self,
        root: Source,
        url: str = "http://www.openslr.org/resources/1/waves_yesno.tar.gz",
        folder_in_archive: str = "waves_yesno",
        download: bool = False,
    ) -> None:
        home = Path(root).expanduser()
        self._path = home / folder_in_archive
        if download and not self._path.is_dir():
            extract_archive(fetch(url, home), home)
        if not self._path.is_dir():
            raise not_found("YESNO", self._path)
        self._walker = sorted(path.stem for path in self._path.glob("*.wav"))

    def __len__(self) -> int:
        return len(self._walker)

    def __getitem__(self, n: int) -> tuple[Tensor, int, list[int]]:
        name = self._walker[n]
        waveform, rate = load(self._path / f"{name}.wav")
        return waveform, rate, [int(label) for label in name.split("_")]
