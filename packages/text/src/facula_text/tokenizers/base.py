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


def pad_ids(
    rows: Sequence[Sequence[int]], pad_id: int = 0, *, side: str = "right", max_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """Rows of ids as one tensor, filled up with `pad_id`, and its mask: 1 for ids, 0 for filling.

    `side` is where filling stands: "right", or "left" for generation; `max_length` keeps the first ids of longer rows.

    Shape: (rows, longest) twice, int64. ValueError for no rows or another side.

    >>> from facula_text.tokenizers import pad_ids
    >>> ids, mask = pad_ids([[5, 6, 7], [8]])
    >>> ids.tolist(), mask.tolist()
    ([[5, 6, 7], [8, 0, 0]], [[1, 1, 1], [1, 0, 0]])
    """
    if not rows:
        raise ValueError("pad_ids: expected at least one row, got none. Give the ids of one text or more.")
    if side not in ("left", "right"):
        raise ValueError(f"pad_ids: expected side 'left' or 'right', got {side!r}. Choose one of them.")
    kept = [list(row[:max_length]) for row in rows]
    longest = max(map(len, kept))
    gaps = [longest - len(row) for row in kept]
    if side == "left":
        ids = [[pad_id] * gap + row for row, gap in zip(kept, gaps, strict=True)]
        mask = [[0] * gap + [1] * len(row) for row, gap in zip(kept, gaps, strict=True)]
    else:
        ids = [row + [pad_id] * gap for row, gap in zip(kept, gaps, strict=True)]
        mask = [[1] * len(row) + [0] * gap for row, gap in zip(kept, gaps, strict=True)]
    shape = (len(rows), longest)
    return (
        facula.tensor(ids, dtype=facula.int64).view(shape),
        facula.tensor(mask, dtype=facula.int64).view(shape),
    )
