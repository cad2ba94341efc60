"""Blocks of a text file, each with the ids that follow its own."""

from __future__ import annotations

import os

import facula
from facula import Tensor
from facula.utils.data import Dataset
from facula_text.files import read_text
from facula_text.tokenizers import CharTokenizer, Tokenizer

__all__ = ["CharDataset", "TokenDataset"]


class TokenDataset(Dataset[tuple[Tensor, Tensor]]):
    """A text file as ids: sample i is `(x, y)`, `block_size` ids from i `stride` on, and the same one id later.

    `stride` is `block_size` unless given: each id is asked for once. `start` and `stop` choose a part of the text by
    fractions of its ids, e.g. `stop=0.9` for training and `start=0.9` for validation.

    Shape: x and y (block_size,), int64. FileNotFoundError for a missing file, ValueError for one that is not UTF-8 or
    is too short.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        tokenizer: Tokenizer,
        block_size: int,
        stride: int | None = None,
        *,
        start: float = 0.0,
        stop: float = 1.0,
    ) -> None:
        name = type(self).__name__
        if block_size < 1 or (stride is not None and stride < 1):
            raise ValueError(f"{name}: expected block_size and stride of at least 1, got {block_size} and {stride}.")
        if not 0 <= start < stop <= 1:
            raise ValueError(f"{name}: expected 0 <= start < stop <= 1, got start {start} and stop {stop}.")
        self.tokenizer = tokenizer
        self.block_size = block_size
        self.stride = stride or block_size
        ids = tokenizer.encode(read_text(path))
        self.ids = facula.tensor(ids[int(start * len(ids)) : int(stop * len(ids))], dtype=facula.int64)
        if len(self.ids) <= block_size:
            raise ValueError(
                f"{name}: expected more than block_size = {block_size} ids, got {len(self.ids)} from {path}. "
                "Choose a smaller block_size or a longer text."
            )

    def __len__(self) -> int:
        return (len(self.ids) - 1 - self.block_size) // self.stride + 1

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"{type(self).__name__}: expected an index below {len(self)}, got {index}.")
        first = (index % len(self)) * self.stride
        last = first + self.block_size
        return self.ids[first:last], self.ids[first + 1 : last + 1]

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}({len(self)} blocks of {self.block_size}, {len(self.ids)} ids, {self.tokenizer!r})"
        )


class CharDataset(TokenDataset):
    """A text file as characters: a `TokenDataset` whose tokenizer knows the characters of the whole file.

    Give the `tokenizer` of another one to read a second file with the same ids.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        block_size: int,
        stride: int | None = None,
        *,
        tokenizer: CharTokenizer | None = None,
        start: float = 0.0,
        stop: float = 1.0,
    ) -> None:
        super().__init__(path, tokenizer or CharTokenizer(read_text(path)), block_size, stride, start=start, stop=stop)
