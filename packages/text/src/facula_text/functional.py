"""torchtext's transforms as functions of a list, or of a list of lists."""

from __future__ import annotations

from typing import Any

import facula
from facula import Tensor
from facula_text import transforms

__all__ = ["add_token", "str_to_int", "to_tensor", "truncate"]


def to_tensor(input: Any, padding_value: int | None = None, dtype: Any = facula.int64) -> Tensor:
    """Ids as a tensor, as `transforms.ToTensor`.

    >>> from facula_text.functional import to_tensor
    >>> to_tensor([[1, 2], [3]], padding_value=0).tolist()
    [[1, 2], [3, 0]]
    """
    found: Tensor = transforms.ToTensor(padding_value, dtype)(input)
    return found


def truncate(input: Any, max_seq_len: int) -> Any:
    """The first `max_seq_len` of a list, or of each list in a list.

    >>> from facula_text.functional import truncate
    >>> truncate([[1, 2, 3], [4]], 2)
    [[1, 2], [4]]
    """
    return transforms.Truncate(max_seq_len)(input)


def add_token(input: Any, token_id: Any, begin: bool = True) -> Any:
    """A token before the others, or after them.

    >>> from facula_text.functional import add_token
    >>> add_token([[5], [6]], 1, begin=False)
    [[5, 1], [6, 1]]
    """
    return transforms.AddToken(token_id, begin)(input)


def str_to_int(input: Any) -> Any:
    """Numbers written as text to numbers.

    >>> from facula_text.functional import str_to_int
    >>> str_to_int(["1", "23"])
    [1, 23]
    """
    return transforms.StrToIntTransform()(input)
