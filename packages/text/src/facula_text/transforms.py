"""torchtext's transforms: lists of tokens or ids on their way to tensors."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import facula
from facula import Tensor, nn
from facula_text.files import read_text
from facula_text.vocab import Vocab

__all__ = [
    "AddToken",
    "LabelToIndex",
    "PadTransform",
    "Sequential",
    "StrToIntTransform",
    "ToTensor",
    "Truncate",
    "VocabTransform",
]


def _each(function: Callable[[list[Any]], Any], input: Any) -> Any:
    """A function of one row on a row, or on each row of a batch."""
    if input and isinstance(input[0], (list, tuple)):
        return [function(list(row)) for row in input]
    return function(list(input))


class Sequential(nn.Sequential):
    """One transform after the other.

    >>> from facula_text import transforms
    >>> prepare = transforms.Sequential(transforms.Truncate(3), transforms.AddToken(1), transforms.ToTensor(0))
    >>> prepare([[5, 6, 7, 8], [9]]).tolist()
    [[1, 5, 6, 7], [1, 9, 0, 0]]
    """

    def forward(self, input: Any) -> Any:
        for module in self:
            input = module(input)
        return input


class VocabTransform(nn.Module):
    """Tokens to their numbers in a `Vocab`; a list, or a list of lists."""

    def __init__(self, vocab: Vocab) -> None:
        super().__init__()
        self.vocab = vocab

    def forward(self, input: Any) -> Any:
        return _each(self.vocab, input)


class StrToIntTransform(nn.Module):
    """Numbers written as text to numbers; a list, or a list of lists."""

    def forward(self, input: Any) -> Any:
        return _each(lambda row: [int(text) for text in row], input)


class Truncate(nn.Module):
    """The first `max_seq_len` of a list, or of each list in a list."""

    def __init__(self, max_seq_len: int) -> None:
        super().__init__()
        self.max_seq_len = max_seq_len

    def forward(self, input: Any) -> Any:
        return _each(lambda row: row[: self.max_seq_len], input)


class AddToken(nn.Module):
    """A token before the others, or after them for `begin=False`; a list, or a list of lists."""

    def __init__(self, token: int | str, begin: bool = True) -> None:
        super().__init__()
        self.token = token
        self.begin = begin

    def forward(self, input: Any) -> Any:
        return _each(lambda row: [self.token, *row] if self.begin else [*row, self.token], input)


class LabelToIndex(nn.Module):
    """Names of labels to their places in a list of them, or in the lines of a file; one name, or a list.

    ValueError for both or neither. KeyError for an unknown name.
    """

    def __init__(
        self,
        label_names: Sequence[str] | None = None,
        label_path: str | os.PathLike[str] | None = None,
        sort_names: bool = False,
    ) -> None:
        super().__init__()
        if (label_names is None) == (label_path is None):
            raise ValueError("LabelToIndex: expected label_names or label_path, got both or neither. Give one of them.")
        names = read_text(label_path).split("\n") if label_path is not None else list(label_names or ())
        names = [name for name in names if name]
        self.names = sorted(names) if sort_names else names
        self.places = {name: place for place, name in enumerate(self.names)}

    def forward(self, input: Any) -> Any:
        return self.places[input] if isinstance(input, str) else [self.places[name] for name in input]


class ToTensor(nn.Module):
    """Ids as a tensor; rows of different lengths are filled up with `padding_value`, and are an error without one.

    Shape: a list (T) -> (T,), a list of lists -> (rows, longest).
    """

    def __init__(self, padding_value: int | None = None, dtype: Any = facula.int64) -> None:
        super().__init__()
        self.padding_value = padding_value
        self.dtype = dtype

    def forward(self, input: Any) -> Tensor:
        if self.padding_value is None or not input or not isinstance(input[0], (list, tuple)):
            return facula.tensor(input, dtype=self.dtype)
        longest = max(map(len, input))
        rows = [[*row, *[self.padding_value] * (longest - len(row))] for row in input]
        return facula.tensor(rows, dtype=self.dtype)


class PadTransform(nn.Module):
    """Fill the last dimension of a tensor up to `max_length` with `pad_value`.   Shape: (*, T) -> (*, max_length)."""

    def __init__(self, max_length: int, pad_value: int) -> None:
        super().__init__()
        self.max_length = max_length
        self.pad_value = pad_value

    def forward(self, x: Tensor) -> Tensor:
        missing = self.max_length - x.shape[-1]
        return nn.functional.pad(x, (0, missing), value=self.pad_value) if missing > 0 else x
