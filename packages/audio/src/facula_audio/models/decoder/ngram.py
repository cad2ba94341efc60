"""Language models of word sequences, read from ARPA files.

Source of the format: D. Jurafsky and J. H. Martin, "Speech and Language Processing", chapter on n-grams;
http://www.speech.sri.com/projects/srilm/manpages/ngram-format.5.html.
"""

from __future__ import annotations

import gzip
import math
import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

__all__ = ["CTCDecoderLM", "NGramLM", "read_arpa"]

_LINE = 1 << 16  # bytes; longer ones are no n-gram
_ORDERS = 10
_EXPANSION = 100  # real models are compressed to a fifth; gzip packs a thousand bytes into one where they repeat
_ENTRIES = 50_000_000
_UNKNOWN = -100.0  # log10 of the chance of a word that the model does not know, as KenLM has it

Grams = dict[tuple[str, ...], tuple[float, float]]
"""For each sequence of words: log10 of the chance of the last after the others, and of the weight of backing off."""


class CTCDecoderLM(ABC):
    """What a beam search asks of a language model; a state is whatever the model wants to be given back."""

    @abstractmethod
    def start(self, start_with_nothing: bool) -> Any:
        """The state before the first word; `start_with_nothing` leaves out the mark of a sentence's beginning."""

    @abstractmethod
    def score(self, state: Any, usr_token_idx: int) -> tuple[Any, float]:
        """The state after the word of this index, and log10 of its chance."""

    @abstractmethod
    def finish(self, state: Any) -> tuple[Any, float]:
        """The state after the end, and log10 of the end's chance."""


class _Lines:
    """Lines of a file, one at a time, none of them long; errors name the line."""

    def __init__(self, path: Path) -> None:
        self.path, self.number = path, 0

    def __iter__(self) -> Iterator[str]:
        packed = self.path.suffix == ".gz"
        left = _EXPANSION * self.path.stat().st_size + (1 << 20) if packed else math.inf
        try:
            with (gzip.open if packed else open)(self.path, "rb") as file:
                while line := file.readline(_LINE):
                    self.number += 1
                    left -= len(line)
                    if left < 0:
                        raise self.error(f"at most {_EXPANSION} times the compressed size", "more")
                    if len(line) == _LINE:
                        raise self.error(f"lines of less than {_LINE} bytes", "a longer one")
                    yield line.decode("utf-8").strip()
        except UnicodeDecodeError as error:
            raise self.error("UTF-8", f"byte 0x{error.object[error.start]:02x}") from error
        except (EOFError, gzip.BadGzipFile, OSError) as error:
            if isinstance(error, FileNotFoundError | IsADirectoryError | PermissionError):
                raise
            raise self.error("a whole gzip file", str(error)) from error

    def error(self, expected: str, got: str) -> RuntimeError:
        return RuntimeError(
            f"read_arpa: expected {expected}, got {got} in line {self.number} of {self.path}. Write the file again."
        )


def read_arpa(path: str | os.PathLike[str], max_entries: int = _ENTRIES) -> Grams:
    """The n-grams of an ARPA file, perhaps compressed by gzip.

    RuntimeError names the file and the line of what is no ARPA file, is cut off, holds other numbers of n-grams than it says,
    or more than `max_entries` of them.
    """
    lines = _Lines(Path(path))
    rows = iter(lines)
    counts = _header(lines, rows, max_entries)
    grams: Grams = {}
    for order, count in enumerate(counts, 1):
        if order > 1:
            _expect(lines, rows, f"\\{order}-grams:")
        found = 0
        for row in rows:
            if not row:
                if found == count:
                    break
                continue
            if row.startswith("\\") and len(row.split()) == 1:
                raise lines.error(f"{count} {order}-grams", str(found))
            found += 1
            if found > count:
                raise lines.error(f"{count} {order}-grams", "more")
            _add(lines, grams, row, order, order == len(counts))
        if found != count:
            raise lines.error(f"{count} {order}-grams", f"{found} and the end")
    _expect(lines, rows, "\\end\\")
    return grams


def _header(lines: _Lines, rows: Iterator[str], max_entries: int) -> list[int]:
    """How many n-grams of each order are announced; the next row is the first unigram."""
    _expect(lines, rows, "\\data\\", skip_text=True)
    counts: list[int] = []
    for row in rows:
        if row == "\\1-grams:":
            break
        if not row:
            continue
        match = re.fullmatch(r"ngram +(\d{1,3}) *= *(\d{1,12})", row)
        if match is None or int(match[1]) != len(counts) + 1:
            raise lines.error(f"'ngram {len(counts) + 1}=' and a number", repr(row[:40]))
        counts.append(int(match[2]))
        if len(counts) > _ORDERS or sum(counts) > max_entries:
            raise lines.error(f"at most {_ORDERS} orders and {max_entries} n-grams", "more")
    if not counts:
        raise lines.error("numbers of n-grams", "none")
    return counts


def _expect(lines: _Lines, rows: Iterator[str], mark: str, skip_text: bool = False) -> None:
    for row in rows:
        if row == mark:
            return
        if row and not skip_text:
            raise lines.error(mark, repr(row[:40]))
    raise lines.error(mark, "the end")


def _add(lines: _Lines, grams: Grams, row: str, order: int, highest: bool) -> None:
    fields = row.split()
    if not order + 1 <= len(fields) <= order + 2 - highest:
        raise lines.error(f"a chance, {order} words{'' if highest else ' and perhaps a weight'}", repr(row[:40]))
    try:
        chance = float(fields[0])
        weight = float(fields[order + 1]) if len(fields) > order + 1 else 0.0
    except ValueError:
        raise lines.error("numbers", repr(row[:40])) from None
    if math.isnan(chance) or chance > 0 or not math.isfinite(weight):
        raise lines.error("log10 of a chance, at most 0, and a finite weight", repr(row[:40]))
    grams[tuple(fields[1 : order + 1])] = (chance, weight)


class NGramLM(CTCDecoderLM):
    """Katz's backing-off model: the chance of a word after the longest context that was counted.

    log p(w | h) = log p of h w if it was counted, else weight(h) + log p(w | h without its first word). `words` gives each
    index its word; scores are log10, as in the file.

    >>> from facula_audio.models.decoder import NGramLM
    >>> lm = NGramLM({("<s>",): (-99.0, -0.5), ("a",): (-0.3, 0.0), ("<s>", "a"): (-0.1, 0.0)}, ["a", "b"])
    >>> lm.score(lm.start(False), 0)
    (('a',), -0.1)
    """

    def __init__(self, grams: Grams | str | os.PathLike[str], words: Sequence[str], unknown: str = "<unk>") -> None:
        self.grams: Grams = grams if isinstance(grams, dict) else read_arpa(grams)
        self.order = max(map(len, self.grams), default=1)
        self.unknown = unknown
        self.words = [word if (word,) in self.grams else unknown for word in words]

    def log_chance(self, context: tuple[str, ...], word: str) -> float:
        """log10 p(word | context)."""
        weight = 0.0
        for start in range(len(context) + 1):
            found = self.grams.get((*context[start:], word))
            if found is not None:
                return weight + found[0]
            weight += self.grams.get(context[start:], (0.0, 0.0))[1]
        return weight + _UNKNOWN

    def _after(self, context: tuple[str, ...], word: str) -> tuple[str, ...]:
        kept = (*context, word)
        return kept[max(0, len(kept) - self.order + 1) :]

    def start(self, start_with_nothing: bool) -> tuple[str, ...]:
        return () if start_with_nothing or self.order == 1 else ("<s>",)

    def score(self, state: tuple[str, ...], usr_token_idx: int) -> tuple[tuple[str, ...], float]:
        word = self.words[usr_token_idx]
        return self._after(state, word), self.log_chance(state, word)

    def finish(self, state: tuple[str, ...]) -> tuple[tuple[str, ...], float]:
        return self._after(state, "</s>"), self.log_chance(state, "</s>")
