"""What a decoder remembers of the ids it has read, in memory taken once."""

from __future__ import annotations

from typing import Any

import facula
from facula import Tensor
from facula.nn import functional as F

__all__ = ["KeyValueCache", "attend"]


class KeyValueCache:
    """Keys and values of every layer for up to `capacity` ids; nothing is allocated while text grows.

    `padding` (B,) says how many ids on the left of each row are filling: no text sees them, and positions count from the
    first id after them. A model calls `open`, then `attend` in each layer, then `close`.

    >>> from facula_text.models import KeyValueCache
    >>> cache = KeyValueCache(layers=2, batch=1, heads=4, capacity=16, head_dim=8)
    >>> cache.keys[0].shape, cache.length
    (facula.Size([1, 4, 16, 8]), 0)
    """

    def __init__(
        self,
        layers: int,
        batch: int,
        heads: int,
        capacity: int,
        head_dim: int,
        *,
        padding: Tensor | None = None,
        dtype: Any = None,
        device: Any = None,
    ) -> None:
        shape = (batch, heads, capacity, head_dim)
        self.keys = [facula.zeros(shape, dtype=dtype, device=device) for _ in range(layers)]
        self.values = [facula.zeros(shape, dtype=dtype, device=device) for _ in range(layers)]
        self.capacity = capacity
        self.padding = padding
        self.length = 0
        self.incoming = 0
        self.mask: Tensor | None = None

    def open(self, time: int) -> Tensor:
        """Expect `time` more ids; their positions, (time,) or with padding (B, time).   ValueError beyond capacity."""
        if self.length + time > self.capacity:
            raise ValueError(
                f"KeyValueCache: expected at most {self.capacity} ids, got {time} after {self.length} ids. "
                "Make the cache with a larger capacity."
            )
        self.incoming = time
        device = self.keys[0].device
        rows = facula.arange(self.length, self.length + time, device=device)
        if self.padding is None and (not self.length or time == 1):  # causal attention, or one id that sees all
            self.mask = None
            return rows
        columns = facula.arange(self.length + time, device=device)
        if self.padding is None:
            self.mask = columns <= rows.unsqueeze(1)
            return rows
        seen = (columns <= rows.unsqueeze(1)) & (columns >= self.padding.view(-1, 1, 1))  # (B, time, length + time)
        self.mask = (seen | (columns == rows.unsqueeze(1))).unsqueeze(1)  # filling sees itself, so that all is finite
        return (rows - self.padding.unsqueeze(1)).clamp(min=0)

    def append(self, layer: int, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
        """Write the keys and values of the expected ids; those of all ids so far."""
        last = self.length + self.incoming
        self.keys[layer][:, :, self.length : last] = key
        self.values[layer][:, :, self.length : last] = value
        return self.keys[layer][:, :, :last], self.values[layer][:, :, :last]

    def close(self) -> None:
        """Count the expected ids as read."""
        self.length += self.incoming

    def select(self, rows: Tensor) -> None:
        """Continue from other rows, e.g. the best beams."""
        for tensors in (self.keys, self.values):
            for tensor in tensors:
                tensor[:, :, : self.length] = tensor[:, :, : self.length].index_select(0, rows)
        if self.padding is not None:
            self.padding = self.padding.index_select(0, rows)


def attend(
    query: Tensor, key: Tensor, value: Tensor, cache: KeyValueCache | None, layer: int, dropout: float = 0.0
) -> Tensor:
    """Causal attention, through the cache if there is one.   Shape: (B, heads, T, head_dim) -> (B, heads, T, head_dim)."""
    if cache is None:
        return F.scaled_dot_product_attention(query, key, value, is_causal=True, dropout_p=dropout, enable_gqa=True)
    key, value = cache.append(layer, key, value)
    heads = key.shape[1]
    if query.shape[2] == 1 and query.shape[1] > heads:  # queries that share keys stand as if they were several ids
        shared = query.reshape(len(query), heads, -1, query.shape[3])
        return F.scaled_dot_product_attention(shared, key, value, cache.mask, dropout).reshape(query.shape)
    causal = cache.mask is None and not cache.length
    return F.scaled_dot_product_attention(query, key, value, cache.mask, dropout, causal, enable_gqa=True)
