"""Texts in files of lines, JSON lines and tables, read by need: the files may be larger than memory."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from facula.utils.data import Dataset

__all__ = ["ConllTags", "CsvRows", "JsonLines", "TextLines"]


class TextLines(Dataset[Any]):
    """The lines of a UTF-8 file, without their ends; memory holds where each begins.

    FileNotFoundError for a missing file; ValueError names the byte that is not UTF-8, when its line is asked for.

    >>> import os, tempfile
    >>> from facula_text.datasets import TextLines
    >>> path = os.path.join(tempfile.mkdtemp(), "t.txt")
    >>> with open(path, "w") as file: _ = file.write("one\\ntwo")
    >>> list(TextLines(path))
    ['one', 'two']
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.starts = [0]
        with self.path.open("rb") as file:
            for line in file:
                self.starts.append(self.starts[-1] + len(line))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, index: int) -> Any:
        if not -len(self) <= index < len(self):
            raise IndexError(f"{type(self).__name__}: expected an index below {len(self)}, got {index}.")
        place = index % len(self)
        with self.path.open("rb") as file:
            file.seek(self.starts[place])
            content = file.read(self.starts[place + 1] - self.starts[place])
        try:
            line = content.decode("utf-8")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{type(self).__name__}: expected UTF-8, got byte 0x{content[error.start]:02x} at offset "
                f"{self.starts[place] + error.start} of {self.path}. Convert the file, e.g. with iconv."
            ) from error
        return self.parse(line.rstrip("\r\n"), place)

    def parse(self, line: str, place: int) -> Any:
        """The sample that a line stands for."""
        return line

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self)} lines, {str(self.path)!r})"


class JsonLines(TextLines):
    """The values of a file with one JSON value a line; ValueError names a line that is none, when it is asked for."""

    def parse(self, line: str, place: int) -> Any:
        try:
            return json.loads(line)
        except json.JSONDecodeError as error:
            raise ValueError(
                f"JsonLines: expected JSON, got line {place + 1} of {self.path} ({error}). Check the file."
            ) from error


class CsvRows(Dataset[Any]):
    """The rows of a table as `(label, text)`: the form of AG_NEWS, DBpedia and Yelp (label first, from 1, then texts).

    `columns` are joined by a space to the text. ValueError for a row with too few.

    >>> import os, tempfile
    >>> from facula_text.datasets import CsvRows
    >>> path = os.path.join(tempfile.mkdtemp(), "t.csv")
    >>> with open(path, "w") as file: _ = file.write('3,Title,"A text, short"\\n')
    >>> CsvRows(path)[0]
    (3, 'Title A text, short')
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        label: int = 0,
        columns: Sequence[int] = (1, 2),
        delimiter: str = ",",
        header: bool = False,
    ) -> None:
        self.path = Path(path)
        self.rows: list[tuple[int, str]] = []
        with self.path.open(encoding="utf-8", newline="") as file:
            reader = csv.reader(file, delimiter=delimiter)
            for place, row in enumerate(reader):
                if place or not header:
                    self.rows.append(self._sample(row, reader.line_num, label, columns))

    def _sample(self, row: list[str], line: int, label: int, columns: Sequence[int]) -> tuple[int, str]:
        try:
            return int(row[label]), " ".join(row[column] for column in columns)
        except (IndexError, ValueError) as error:
            raise ValueError(
                f"CsvRows: expected a number in column {label} and texts in {tuple(columns)}, got {row} at line {line} of "
                f"{self.path}. Name other columns."
            ) from error

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[int, str]:
        return self.rows[index]


class ConllTags(Dataset[Any]):
    """Sentences of a file with a word and its tags a line, and an empty line between: `(words, tags, ...)` of each.

    >>> import os, tempfile
    >>> from facula_text.datasets import ConllTags
    >>> path = os.path.join(tempfile.mkdtemp(), "t.txt")
    >>> with open(path, "w") as file: _ = file.write("He PRP B-NP\\nruns VBZ B-VP\\n\\nNo DT O\\n")
    >>> list(ConllTags(path))
    [(['He', 'runs'], ['PRP', 'VBZ'], ['B-NP', 'B-VP']), (['No'], ['DT'], ['O'])]
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.sentences = [*_sentences(TextLines(path))]

    def __len__(self) -> int:
        return len(self.sentences)

    def __getitem__(self, index: int) -> tuple[list[str], ...]:
        return self.sentences[index]


def _sentences(lines: TextLines) -> Iterator[tuple[list[str], ...]]:
    rows: list[list[str]] = []
    for place in range(len(lines) + 1):
        row = lines[place].split() if place < len(lines) else []
        if row and rows and len(row) != len(rows[0]):
            raise ValueError(
                f"ConllTags: expected {len(rows[0])} columns, got {len(row)} at line {place + 1} of {lines.path}. "
                "Check the file."
            )
        if row:
            rows.append(row)
        elif rows:
            yield tuple(list(column) for column in zip(*rows, strict=True))
            rows = []
