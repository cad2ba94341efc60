"""CMU ARCTIC: the same 1,132 sentences by several speakers, made for synthesis."""

from __future__ import annotations

import re
from pathlib import Path

from facula import Tensor
from facula.utils.data import Dataset
from facula_audio.datasets.archives import Source, extract_archive, fetch, not_found
from facula_audio.io import load

__all__ = ["CMUARCTIC"]

_SPEAKERS = "aew ahw aup awb axb bdl clb eey fem gka jmk ksp ljm lnh rms rxr slp slt".split()
_LINE = re.compile(r'\(\s*(\S+)\s+"(.*)"\s*\)')


class CMUARCTIC(Dataset[tuple[Tensor, int, str, str]]):
    """The sentences of one speaker (`url`) at 16 kHz, in `root/ARCTIC/cmu_us_<speaker>_arctic`.

    Samples: `(waveform, sample_rate, transcript, utterance_id)`. RuntimeError if it is not there, ValueError for another
    speaker.
    Source: J. Kominek and A. W. Black, "The CMU Arctic speech databases", http://festvox.org/cmu_arctic.
    """

    def __init__(
        self, root: Source, url: str = "aew", folder_in_archive: str = "ARCTIC", download: bool = False
    ) -> None:
        match = re.search(r"cmu_us_([a-z]+)_arctic", url)
        speaker = match[1] if match else url
        if speaker not in _SPEAKERS:
            raise ValueError(f"CMUARCTIC: invalid url {url!r} given, expected one of {', '.join(_SPEAKERS)}.")
        name = f"cmu_us_{speaker}_arctic"
        home = Path(root).expanduser()
        self._path = home / folder_in_archive / name
        if download and not self._path.is_dir():
            address = f"http://festvox.org/cmu_arctic/packed/{name}.tar.bz2"
            extract_archive(fetch(address, home), home / folder_in_archive)
        table = self._path / "etc" / "txt.done.data"
        if not table.is_file():
            raise not_found("CMUARCTIC", self._path)
        self._walker: list[tuple[str, str]] = []
        for number, line in enumerate(table.read_text(encoding="utf-8").splitlines(), 1):
            found = _LINE.fullmatch(line.strip())
            if found is None:
                raise RuntimeError(
                    f'CMUARCTIC: expected ( name "text" ), got {line[:40]!r} in line {number} of {table}.'
                )
            self._walker.append((found[1], found[2]))

    def __len__(self) -> int:
        return len(self._walker)

    def __getitem__(self, n: int) -> tuple[Tensor, int, str, str]:
        name, transcript = self._walker[n]
        waveform, rate = load(self._path / "wav" / f"{name}.wav")
        return waveform, rate, transcript, name.split("_")[1]
