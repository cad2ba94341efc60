"""`torch.nn.attention.bias`: causal masks for queries and keys of different lengths."""

from __future__ import annotations

import enum

from facula.ops import ones
from facula.tensors.tensor import Tensor

__all__ = ["CausalBias", "CausalVariant", "causal_lower_right", "causal_upper_left"]


class CausalVariant(enum.IntEnum):
    """Where the diagonal of a causal mask begins: at the first query and key, or ends: at the last ones."""

    UPPER_LEFT = 1
    LOWER_RIGHT = 2


class CausalBias(Tensor):
    """A causal mask of booleans (True: attend), to be given as `attn_mask`.

    Shape: (seq_len_q, seq_len_kv).

    >>> import facula
    >>> from facula.nn.attention import bias
    >>> bias.CausalBias(bias.CausalVariant.LOWER_RIGHT, 2, 3).tolist()
    [[True, True, False], [True, True, True]]
    """

    __slots__ = ("seq_len_kv", "seq_len_q", "variant")

    def __new__(cls, variant: CausalVariant, seq_len_q: int, seq_len_kv: int) -> CausalBias:
        self = object.__new__(cls)
        offset = seq_len_kv - seq_len_q if variant == CausalVariant.LOWER_RIGHT else 0
        self.array = ones(seq_len_q, seq_len_kv).tril(offset).bool().array
        self.grad = self.root = self.version = self.node = None
        return self

    def __init__(self, variant: CausalVariant, seq_len_q: int, seq_len_kv: int) -> None:
        self.variant, self.seq_len_q, self.seq_len_kv = variant, seq_len_q, seq_len_kv


def causal_upper_left(*size: int) -> CausalBias:
    """The mask of `is_causal=True`: query i sees keys 0 to i.

    >>> import facula
    >>> facula.nn.attention.bias.causal_upper_left(2, 3).tolist()
    [[True, False, False], [True, True, False]]
    """
    return CausalBias(CausalVariant.UPPER_LEFT, *size)


def causal_lower_right(*size: int) -> CausalBias:
    """The mask for queries that are the last of the keys, as when generating with a cache: the last query sees all.

    >>> import facula
    >>> facula.nn.attention.bias.causal_lower_right(1, 3).tolist()
    [[True, True, True]]
    """
    return CausalBias(CausalVariant.LOWER_RIGHT, *size)
