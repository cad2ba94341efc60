"""Texts in files of lines, JSON lines and tables, read by need: the files may be larger than memory."""

from __future__ import annotations

import csv
import json
import os
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from facula.utils.data import Dataset
from facula_text.files import read_text

__all__ = ["ConllTags", "CsvRows", "JsonLines", "LabelledFiles", "ParallelLines", "SquadQuestions", "TextLines"]


class TextLines(Dataset[Any]):
    """The lines of a UTF-8 file, without their ends unless `keep_ends`; memory holds where each begins.

    FileNotFoundError for a missing file; ValueError names the byte that is not UTF-8, when its line is asked for.

    >>> import os, tempfile
    >>> from facula_text.datasets import TextLines
    >>> path = os.path.join(tempfile.mkdtemp(), "t.txt")
    >>> with open(path, "w") as file: _ = file.write("one\\ntwo")
    >>> list(TextLines(path))
    ['one', 'two']
    """

    def __init__(self, path: str | os.PathLike[str], *, keep_ends: bool = False) -> None:
        self.path = Path(path)
        self.keep_ends = keep_ends
        self.starts = array("Q", [0])
        with self.path.open("rb") as file:
            self.starts.extend(self.ends(file))

    def ends(self, file: Iterable[bytes]) -> Iterator[int]:
        """Where each sample ends."""
        return accumulate(map(len, file))

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
        return self.parse(line if self.keep_ends else line.rstrip("\r\n"), place)

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


class CsvRows(TextLines):
    """The rows of a table as `(label, text)`: the form of AG_NEWS, DBpedia and Yelp (label first, from 1, then texts).

    `columns` are joined by a space to the text; what stands in quotes may hold the delimiter and ends of lines, unless
    `quoted` is False. ValueError for a row with too few columns or without a number, when it is asked for.

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
        quoted: bool = True,
    ) -> None:
        self.label, self.columns, self.delimiter, self.quoted = label, tuple(columns), delimiter, quoted
        super().__init__(path, keep_ends=True)
        if header:
            del self.starts[:1]

    def ends(self, file: Iterable[bytes]) -> Iterator[int]:
        """A row ends with a line in which, or before which, all quotes are closed."""
        quotes = place = 0
        for line in file:
            quotes += line.count(b'"') if self.quoted else 0
            place += len(line)
            if quotes % 2 == 0:
                yield place
        if quotes % 2:
            yield place

    def parse(self, line: str, place: int) -> Any:
        row: list[str] = []
        try:
            if self.quoted:
                row = next(csv.reader(line.splitlines(keepends=True), delimiter=self.delimiter))
            else:
                row = line.rstrip("\r\n").split(self.delimiter)
            return self.sample(row)
        except (IndexError, ValueError, csv.Error) as error:
            raise ValueError(
                f"{type(self).__name__}: expected a number in column {self.label} and texts in {self.columns}, got {row} in row "
                f"{place + 1} of {self.path}. Name other columns."
            ) from error

    def sample(self, row: list[str]) -> Any:
        """What a row stands for."""
        return int(row[self.label]), " ".join(row[column] for column in self.columns)


class LabelledFiles(Dataset[tuple[int, str]]):
    """The texts of files, one each, as `(label, text)`, by the names of their folders: the form of IMDB.

    ValueError where a folder holds no files.

    >>> import pathlib, tempfile
    >>> from facula_text.datasets import LabelledFiles
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> (folder / "pos").mkdir()
    >>> _ = (folder / "pos" / "0_9.txt").write_text("A fine film.")
    >>> list(LabelledFiles(folder, {"pos": 2}))
    [(2, 'A fine film.')]
    """

    def __init__(self, folder: str | os.PathLike[str], labels: Mapping[str, int]) -> None:
        self.folder = Path(folder)
        self.files: list[tuple[int, Path]] = []
        for name, label in labels.items():
            paths = sorted((self.folder / name).glob("*.txt"))
            if not paths:
                raise ValueError(
                    f"LabelledFiles: expected files *.txt in {self.folder / name}, got none. Check the folder."
                )
            self.files += [(label, path) for path in paths]

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, index: int) -> tuple[int, str]:
        label, path = self.files[index]
        return label, read_text(path)


class ParallelLines(Dataset[tuple[str, str]]):
    """The lines of two files that say the same: `(source, target)`.   ValueError where they differ in number.

    >>> import pathlib, tempfile
    >>> from facula_text.datasets import ParallelLines
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> _ = (folder / "t.de").write_text("Ein Hund."), (folder / "t.en").write_text("A dog.")
    >>> list(ParallelLines(folder / "t.de", folder / "t.en"))
    [('Ein Hund.', 'A dog.')]
    """

    def __init__(self, source: str | os.PathLike[str], target: str | os.PathLike[str]) -> None:
        self.source, self.target = TextLines(source), TextLines(target)
        if len(self.source) != len(self.target):
            raise ValueError(
                f"ParallelLines: expected as many lines in both files, got {len(self.source)} in {source} and "
                f"{len(self.target)} in {target}. Check the files."
            )

    def __len__(self) -> int:
        return len(self.source)

    def __getitem__(self, index: int) -> tuple[str, str]:
        return self.source[index], self.target[index]


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


class SquadQuestions(Dataset[tuple[str, str, list[str], list[int]]]):
    """Questions on texts in a file of SQuAD's form: `(context, question, answers, where each starts)`.

    One without an answer has `[""]` and `[-1]`. ValueError for a file of another form.

    Source: P. Rajpurkar et al., https://arxiv.org/abs/1606.05250 and https://arxiv.org/abs/1806.03822.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        try:
            self.questions = [*_questions(json.loads(read_text(path)))]
        except (AttributeError, KeyError, TypeError, json.JSONDecodeError) as error:
            raise ValueError(
                f"SquadQuestions: expected a file of SQuAD's form, got {path} ({type(error).__name__}: {error}). "
                "Check the path."
            ) from error

    def __len__(self) -> int:
        return len(self.questions)

    def __getitem__(self, index: int) -> tuple[str, str, list[str], list[int]]:
        return self.questions[index]


def _questions(content: Any) -> Iterator[tuple[str, str, list[str], list[int]]]:
    for article in content["data"]:
        for paragraph in article["paragraphs"]:
            for question in paragraph["qas"]:
                answers = [(answer["text"], answer["answer_start"]) for answer in question["answers"]] or [("", -1)]
                texts, starts = zip(*answers, strict=True)
                yield paragraph["context"], question["question"], list(texts), list(starts)
