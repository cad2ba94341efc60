"""Common Voice: sentences in many languages, read by everybody."""

from __future__ import annotations

from pathlib import Path

from facula import Tensor
from facula.utils.data import Dataset
from facula_audio.datasets.archives import Source
from facula_audio.io import load

__all__ = ["COMMONVOICE"]


class COMMONVOICE(Dataset[tuple[Tensor, int, dict[str, str]]]):
    """The clips of one language that a table lists: `root/train.tsv` and `root/clips/*.mp3`.

    Fetch an archive from https://commonvoice.mozilla.org and unpack it; `root` is the folder of the language. Samples:
    `(waveform, sample_rate, row)`, the row as a dictionary. RuntimeError if the table is not there or not whole.
    Source: R. Ardila et al., "Common Voice", https://arxiv.org/abs/1912.06670.
    """

    def __init__(self, root: Source, tsv: str = "train.tsv") -> None:
        self._path = Path(root).expanduser()
        self._tsv = self._path / tsv
        if not self._tsv.is_file():
            raise RuntimeError(
                f"COMMONVOICE: dataset not found, expected {self._tsv}, got no such file. Fetch the language from "
                "https://commonvoice.mozilla.org and unpack it."
            )
        header, *rows = (
            line.rstrip("\r").split("\t") for line in self._tsv.read_text(encoding="utf-8").split("\n") if line.strip()
        )
        if "path" not in header:
            raise RuntimeError(f"COMMONVOICE: expected a column 'path', got {header[:8]} in {self._tsv}.")
        for number, row in enumerate(rows, 2):
            if len(row) != len(header):
                raise RuntimeError(
                    f"COMMONVOICE: expected {len(header)} fields, got {len(row)} in line {number} of {self._tsv}. "
                    "Fetch it again."
                )
        self._header, self._walker = header, rows

    def __len__(self) -> int:
        return len(self._walker)

    def __getitem__(self, n: int) -> tuple[Tensor, int, dict[str, str]]:
        row = dict(zip(self._header, self._walker[n], strict=True))
        name = row["path"] if row["path"].endswith(".mp3") else f"{row['path']}.mp3"
        waveform, rate = load(self._path / "clips" / name)
        return waveform, rate, row
