"""LJ Speech: one voice that reads seven books."""

from __future__ import annotations

from pathlib import Path

from facula import Tensor
from facula.utils.data import Dataset
from facula_audio.datasets.archives import Source, extract_archive, fetch, not_found
from facula_audio.io import load

__all__ = ["LJSPEECH"]


class LJSPEECH(Dataset[tuple[Tensor, int, str, str]]):
    """13,100 clips of one speaker at 22.05 kHz, in `root/LJSpeech-1.1`.

    Samples: `(waveform, sample_rate, transcript, normalized_transcript)`. RuntimeError if it is not there.
    Source: K. Ito and L. Johnson, "The LJ Speech Dataset", https://keithito.com/LJ-Speech-Dataset.
    """

    def __init__(
        self,
        root: Source,
        url: str = "https://data.keithito.com/data/speech/LJSpeech-1.1.tar.bz2",
        folder_in_archive: str = "wavs",
        download: bool = False,
    ) -> None:
        home = Path(root).expanduser()
        base = home / url.rsplit("/", 1)[-1].split(".tar.bz2")[0]
        if download and not base.is_dir():
            extract_archive(fetch(url, home), home)
        table = base / "metadata.csv"
        if not table.is_file():
            raise not_found("LJSPEECH", base)
        self._path = base / folder_in_archive
        rows = [line.split("|") for line in table.read_text(encoding="utf-8").split("\n") if line.strip()]
        for number, row in enumerate(rows, 1):
            if len(row) != 3:
                raise RuntimeError(
                    f"LJSPEECH: expected a name and two transcripts, got {len(row)} fields in line {number} of {table}. "
                    "Fetch it again."
                )
        self._flist = rows

    def __len__(self) -> int:
        return len(self._flist)

    def __getitem__(self, n: int) -> tuple[Tensor, int, str, str]:
        name, transcript, normalized = self._flist[n]
        waveform, rate = load(self._path / f"{name}.wav")
        return waveform, rate, transcript, normalized
