"""What every tokenizer is: text to ids and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

import facula
from facula import Tensor

__all__ = ["Tokenizer", "pad_ids"]


class Tokenizer(Protocol):
    """Text to ids, ids to text, and how many ids there are."""

    @property
    def vocab_size(self) -> int:
        """How many ids there are."""
        ...

    def encode(self, text: str) -> list[int]:
        """The ids of a text."""
        ...

    def decode(self, ids: Iterable[int]) -> str:
        """The text of ids."""
        ...


def pad_ids(rows: Sequence[Sequence[int]], pad_id: int = 0) -> tuple[Tensor, Tensor]:
    """Rows of ids as one tensor, filled up with `pad_id`, and its mask: 1 for ids, 0 for filling.

    Shape: (rows, longest) twice, int64. ValueError for no rows.

    >>> from facula_text.tokenizers import pad_ids
    >>> ids, mask = pad_ids([[5, 6, 7], [8]])
    >>> ids.tolist(), mask.tolist()
    ([[5, 6, 7], [8, 0, 0]], [[1, 1, 1], [1, 0, 0]])
    """
    if not rows:
        raise ValueError("pad_ids: expected at least one row, got none. Give the ids of one text or more.")
    longest = max(map(len, rows))
    ids = [[*row, *[pad_id] * (longest - len(row))] for row in rows]
    mask = [[1] * len(row) + [0] * (longest - len(row)) for row in rows]
    shape = (len(rows), longest)
    return (
        facula.tensor(ids, dtype=facula.int64).view(shape),
        facula.tensor(mask, dtype=facula.int64).view(shape),
    )
