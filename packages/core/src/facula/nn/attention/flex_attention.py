"""`torch.nn.attention.flex_attention`: attention whose scores and masks are functions of the places of query and key.

Such a function is called once, with tensors of places that broadcast against each other, so it may compute with them and look
things up in tensors, but may not branch on them with `if`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from facula.errors import not_implemented_error, value_error
from facula.ops import arange, full, logical_and, logical_or, logsumexp, ones, where
from facula.tensors.tensor import Tensor

__all__ = ["BlockMask", "and_masks", "create_block_mask", "create_mask", "flex_attention", "noop_mask", "or_masks"]

Mod = Callable[..., Any]


def noop_mask(batch: Tensor, head: Tensor, token_q: Tensor, token_kv: Tensor) -> Tensor:
    """The mask that lets every query see every key.

    >>> import facula
    >>> facula.nn.attention.flex_attention.noop_mask(*[facula.tensor(0)] * 4)
    tensor(True)
    """
    return ones((), device=batch.device).bool()


def and_masks(*mask_mods: Mod) -> Mod:
    """The mask of what all masks let see.

    >>> import facula
    >>> flex = facula.nn.attention.flex_attention
    >>> window = flex.and_masks(lambda b, h, q, k: q >= k, lambda b, h, q, k: q - k < 2)
    >>> flex.create_mask(window, None, None, 3, 3)[0, 0].int()
    tensor([[1, 0, 0],
            [1, 1, 0],
            [0, 1, 1]], dtype=facula.int32)
    """

    def both(b: Tensor, h: Tensor, q: Tensor, kv: Tensor) -> Tensor:
        seen = noop_mask(b, h, q, kv)
        for mod in mask_mods:
            seen = logical_and(seen, mod(b, h, q, kv))
        return seen

    return both


def or_masks(*mask_mods: Mod) -> Mod:
    """The mask of what at least one mask lets see.

    >>> import facula
    >>> flex = facula.nn.attention.flex_attention
    >>> prefix = flex.or_masks(lambda b, h, q, k: q >= k, lambda b, h, q, k: k < 2)
    >>> flex.create_mask(prefix, None, None, 2, 3)[0, 0].int()
    tensor([[1, 1, 0],
            [1, 1, 0]], dtype=facula.int32)
    """

    def either(b: Tensor, h: Tensor, q: Tensor, kv: Tensor) -> Tensor:
        seen = ~noop_mask(b, h, q, kv)
        for mod in mask_mods:
            seen = logical_or(seen, mod(b, h, q, kv))
        return seen

    return either


def _places(sizes: tuple[int, ...], device: Any) -> tuple[Tensor, ...]:
    """The numbers of batch, head, query and key, each along its own dimension."""
    return tuple(arange(n, device=device).reshape([-1 if d == i else 1 for d in range(4)]) for i, n in enumerate(sizes))


def create_mask(mod_fn: Mod, B: int | None, H: int | None, Q_LEN: int, KV_LEN: int, device: Any = None) -> Tensor:
    """A mask function's answers for all places, as booleans.   Shape: (B, H, Q_LEN, KV_LEN); 1 for a size of None.

    >>> import facula
    >>> facula.nn.attention.flex_attention.create_mask(lambda b, h, q, k: q >= k, None, None, 2, 2).shape
    facula.Size([1, 1, 2, 2])
    """
    sizes = (B or 1, H or 1, Q_LEN, KV_LEN)
    mask: Tensor = mod_fn(*_places(sizes, device)).expand(sizes).clone()
    return mask


@dataclasses.dataclass
class BlockMask:
    """A mask function for sequences of given lengths, and which blocks of queries and keys it leaves anything in.

    PyTorch's kernels skip empty blocks; here the whole mask is computed where it is used.

    >>> import facula
    >>> flex = facula.nn.attention.flex_attention
    >>> mask = flex.create_block_mask(lambda b, h, q, k: q >= k, None, None, 256, 256)
    >>> mask.to_dense()[0, 0], mask.sparsity()
    (tensor([[1, 0],
            [1, 1]], dtype=facula.int32), 25.0)
    """

    mask_mod: Mod
    shape: tuple[int, ...]
    BLOCK_SIZE: tuple[int, int]
    blocks: Tensor

    @property
    def seq_lengths(self) -> tuple[int, ...]:
        """The lengths of queries and keys."""
        return self.shape[-2:]

    def numel(self) -> int:
        """How many pairs of places there are."""
        b, h, length, width = self.shape
        return b * h * length * width

    def to_dense(self) -> Tensor:
        """1 for each block that is not empty, 0 for the others."""
        return self.blocks

    def sparsity(self) -> float:
        """What empty blocks leave out of all pairs, in per cent; blocks at the end count as whole ones."""
        rows, columns = self.BLOCK_SIZE
        return 100.0 * (1.0 - int(self.blocks.sum()) * rows * columns / self.numel())


def create_block_mask(
    mask_mod: Mod,
    B: int | None,
    H: int | None,
    Q_LEN: int,
    KV_LEN: int,
    device: Any = None,
    BLOCK_SIZE: int | tuple[int, int] = 128,
    _compile: bool = False,
    separate_full_blocks: bool = True,
) -> BlockMask:
    """The mask of `mask_mod(b, h, q_idx, kv_idx)` for sequences of these lengths.

    >>> import facula
    >>> facula.nn.attention.flex_attention.create_block_mask(lambda b, h, q, k: q >= k, 2, None, 8, 8).shape
    (2, 1, 8, 8)
    """
    rows, columns = (BLOCK_SIZE, BLOCK_SIZE) if isinstance(BLOCK_SIZE, int) else BLOCK_SIZE
    mask = create_mask(mask_mod, B, H, Q_LEN, KV_LEN, device)
    high, wide = -(-Q_LEN // rows), -(-KV_LEN // columns)
    padded = full((*mask.shape[:2], high * rows, wide * columns), False, device=device)
    padded[:, :, :Q_LEN, :KV_LEN] = mask
    blocks = padded.reshape(*mask.shape[:2], high, rows, wide, columns).any(5).any(3).int()
    return BlockMask(mask_mod, tuple(mask.shape), (rows, columns), blocks)


def flex_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    score_mod: Mod | None = None,
    block_mask: BlockMask | None = None,
    scale: float | None = None,
    enable_gqa: bool = False,
    return_lse: bool = False,
    kernel_options: Any = None,
) -> Any:
    """softmax(score_mod(query @ key.T * scale, b, h, q_idx, kv_idx), masked) @ value; zeros where a query sees no key.

    `enable_gqa` lets several heads of queries share one of keys and values; `return_lse` also returns the logarithm of each
    softmax's divisor. Source: Dong et al., Flex Attention, 2024.

    Shape: (B, Hq, L, E), (B, H, S, E), (B, H, S, Ev) -> (B, Hq, L, Ev), and (B, Hq, L) for the logarithms.
    Errors: NotImplementedError unless all have 4 dimensions; ValueError for embeddings of different sizes, or heads that do not divide.

    >>> import facula
    >>> flex = facula.nn.attention.flex_attention
    >>> q = facula.ones(1, 2, 4, 8)
    >>> flex.flex_attention(q, q, q, score_mod=lambda score, b, h, q_idx, kv_idx: score + (q_idx - kv_idx)).shape
    facula.Size([1, 2, 4, 8])
    """
    _check(query, key, value, enable_gqa)
    heads = query.shape[1] // key.shape[1]
    if heads > 1:
        key, value = key.repeat_interleave(heads, 1), value.repeat_interleave(heads, 1)
    scores = query @ key.mT * (query.shape[-1] ** -0.5 if scale is None else scale)
    places = _places(tuple(scores.shape), query.device)
    if score_mod is not None:
        scores = score_mod(scores, *places)
    if block_mask is not None:
        scores = where(block_mask.mask_mod(*places), scores, float("-inf"))
    lse = logsumexp(scores, -1)
    seen = lse != float("-inf")
    weights = where(seen.unsqueeze(-1), (scores - where(seen, lse, 0.0).unsqueeze(-1)).exp(), 0.0)
    out = weights.to(value.dtype) @ value
    return (out, lse) if return_lse else out


def _check(query: Tensor, key: Tensor, value: Tensor, enable_gqa: bool) -> None:
    if not query.ndim == key.ndim == value.ndim == 4:
        raise not_implemented_error(
            f"flex_attention: query, key, and value must be 4D tensors, got {query.ndim}, {key.ndim} and "
            f"{value.ndim}. Give them as (B, heads, length, E)."
        )
    if query.shape[-1] != key.shape[-1]:
        raise value_error(
            "flex_attention: Expect query and key/value to have the same embedding dimension but got "
            f"E={query.shape[-1]} and E={key.shape[-1]}. Project one of them."
        )
    q_heads, kv_heads = query.shape[1], key.shape[1]
    if q_heads != kv_heads and not (enable_gqa and q_heads % kv_heads == 0):
        raise value_error(
            f"flex_attention: expected as many heads of query as of key and value, got {q_heads} and {kv_heads}. "
            "Set enable_gqa=True if one number divides the other."
        )
