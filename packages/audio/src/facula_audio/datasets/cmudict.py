"""The CMU pronouncing dictionary: how English words are spoken."""

from __future__ import annotations

import re
from pathlib import Path

from facula.utils.data import Dataset
from facula_audio.datasets.archives import Source, fetch

__all__ = ["CMUDict"]

_HOME = "http://svn.code.sf.net/p/cmusphinx/code/trunk/cmudict/"
_MARK = re.compile(r"([^\w']+|'(?=[A-Z-]*QUOTE$))")  # at the start of the name of a punctuation mark, not of 'BOUT


class CMUDict(Dataset[tuple[str, list[str]]]):
    """134,000 pronunciations of English words, in `root/cmudict-0.7b`; `symbols` lists the 84 phonemes.

    `exclude_punctuations` leaves out the names of marks, such as `!EXCLAMATION-POINT`; else the mark is the word. Samples:
    `(word, phonemes)`; a word with two pronunciations comes twice. RuntimeError if it is not there or not whole.
    Source: http://www.speech.cs.cmu.edu/cgi-bin/cmudict.

    >>> import pathlib, tempfile
    >>> from facula_audio.datasets import CMUDict
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = pathlib.Path(folder, "cmudict-0.7b").write_text("HI  HH AY1")
    ...     _ = pathlib.Path(folder, "cmudict-0.7b.symbols").write_text("HH")
    ...     CMUDict(folder)[0]
    ('HI', ['HH', 'AY1'])
    """

    def __init__(
        self,
        root: Source,
        exclude_punctuations: bool = True,
        *,
        download: bool = False,
        url: str = _HOME + "cmudict-0.7b",
        url_symbols: str = _HOME + "cmudict-0.7b.symbols",
    ) -> None:
        home = Path(root).expanduser()
        self.exclude_punctuations = exclude_punctuations
        table, symbols = (home / address.rsplit("/", 1)[-1] for address in (url, url_symbols))
        if download:
            fetch(url, home)
            fetch(url_symbols, home)
        for path in (table, symbols):
            if not path.is_file():
                raise RuntimeError(
                    f"CMUDict: the dictionary file is not found, expected {path}, got none. Use download=True to download it."
                )
        self._symbols = symbols.read_text(encoding="ascii").split()
        self._dictionary: list[tuple[str, list[str]]] = []
        for number, line in enumerate(table.read_text(encoding="latin-1").splitlines(), 1):
            if not line or line.startswith(";;;"):
                continue
            entry, *phonemes = line.split()
            if not phonemes:
                raise RuntimeError(f"CMUDict: expected a word and phonemes, got {entry!r} in line {number} of {table}.")
            mark = _MARK.match(re.sub(r"\(\d+\)$", "", entry))
            if mark is None:
                self._dictionary.append((re.sub(r"\(\d+\)$", "", entry), phonemes))
            elif not exclude_punctuations:
                self._dictionary.append((mark[1], phonemes))

    @property
    def symbols(self) -> list[str]:
        """All phonemes, with their stress."""
        return list(self._symbols)

    def __len__(self) -> int:
        return len(self._dictionary)

    def __getitem__(self, n: int) -> tuple[str, list[str]]:
        word, phonemes = self._dictionary[n]
        return word, list(phonemes)
