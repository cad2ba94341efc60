"""Ids in a file, mapped into memory: texts of any size in as much memory as is looked at."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

import facula
from facula import Tensor
from facula.serialization import atomic_write
from facula.utils.data import Dataset
from facula_text.tokenizers import Tokenizer

__all__ = ["MappedTokens", "write_tokens"]

_MAGIC = b"facula ids 1\n"
_KINDS: dict[int, np.dtype[Any]] = {2: np.dtype("<u2"), 4: np.dtype("<u4")}
_START = 16  # the magic, the bytes of an id, filling


def write_tokens(
    path: str | os.PathLike[str], texts: Iterable[str], tokenizer: Tokenizer, *, eos_id: int | None = None
) -> int:
    """Write the ids of texts one after the other, `eos_id` after each, and say how many there are.

    Memory holds one text at a time. An id takes two bytes where the vocabulary has at most 65,536, otherwise four; the
    file is there once all of it is.

    >>> import os, tempfile
    >>> from facula_text.datasets import write_tokens
    >>> from facula_text.tokenizers import CharTokenizer
    >>> write_tokens(os.path.join(tempfile.mkdtemp(), "t.ids"), ["ab", "c"], CharTokenizer("abc"))
    3
    """
    kind = _KINDS[2 if max(tokenizer.vocab_size, (eos_id or 0) + 1) <= 2**16 else 4]
    count = 0
    with atomic_write(path) as file:
        file.write((_MAGIC + bytes([kind.itemsize])).ljust(_START, b"\0"))
        for text in texts:
            ids = tokenizer.encode(text) + ([] if eos_id is None else [eos_id])
            file.write(np.asarray(ids, kind).tobytes())
            count += len(ids)
    return count


class MappedTokens(Dataset[tuple[Tensor, Tensor]]):
    """Blocks of a file of `write_tokens`: sample i is `(x, y)`, `block_size` ids from i `stride` on, and one id later.

    The file stays on disk; only what a sample needs is read. `stride` is `block_size` unless given.

    Shape: x and y (block_size,), int64. FileNotFoundError for a missing file, ValueError for another or too short a one.
    """

    def __init__(self, path: str | os.PathLike[str], block_size: int, stride: int | None = None) -> None:
        if block_size < 1 or (stride is not None and stride < 1):
            raise ValueError(
                f"MappedTokens: expected block_size and stride of at least 1, got {block_size} and {stride}."
            )
        self.path = Path(path)
        self.block_size = block_size
        self.stride = stride or block_size
        self.ids = self._map()
        if len(self.ids) <= block_size:
            raise ValueError(
                f"MappedTokens: expected more than block_size = {block_size} ids, got {len(self.ids)} in {path}. "
                "Choose a smaller block_size or a longer text."
            )

    def _map(self) -> np.ndarray[Any, Any]:
        with self.path.open("rb") as file:
            head = file.read(_START)
        kind = _KINDS.get(head[len(_MAGIC)]) if len(head) == _START and head.startswith(_MAGIC) else None
        size = self.path.stat().st_size - _START
        if kind is None or size % kind.itemsize:
            raise ValueError(
                f"MappedTokens: expected a whole file written by write_tokens, got {self.path}. Write it again."
            )
        return np.memmap(self.path, kind, "r", _START) if size else np.empty(0, kind)

    def __len__(self) -> int:
        return (len(self.ids) - 1 - self.block_size) // self.stride + 1

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if not -len(self) <= index < len(self):
            raise IndexError(f"MappedTokens: expected an index below {len(self)}, got {index}.")
        first = (index % len(self)) * self.stride
        block = facula.from_numpy(self.ids[first : first + self.block_size + 1].astype(np.int64))
        return block[:-1], block[1:]

    def __getstate__(self) -> dict[str, object]:
        """Workers of a loader map the file themselves instead of being sent its bytes."""
        return {name: value for name, value in vars(self).items() if name != "ids"}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self.ids = self._map()

    def __repr__(self) -> str:
        return f"MappedTokens({len(self)} blocks of {self.block_size}, {len(self.ids)} ids, {str(self.path)!r})"
