"""Attention tile by tile: some rows of the scores of some heads live in a core's cache, and are gone when their result is there.

BLAS multiplies, one thread for each tile; the loops here make weights of scores. The backward makes the weights again, so
nothing is kept but the operands. Causal tiles leave out the keys that none of their rows sees.
"""

from __future__ import annotations

import numpy as np

from facula.devices.threads import share
from facula.ops.attention import attention_array, attention_op
from facula.ops.kernels import compiled, native
from facula.ops.kernels.compiled import float32, kernel
from facula.ops.kernels.rows import fill, highest
from facula.ops.kernels.vector import ONE, ZERO, exp

TILE = 1 << 16  # scores
ROWS = 64  # that a tile has at least
ALONE = 16  # times as many scores make tiles pay where each head has a single row


@kernel
def attention_weights(scores: float32[:, ::1], rows: int, first: int, start: int, stop: int):
    """Scores become weights; row i sees `first + i % rows + 1` keys, the others get 0."""
    for i in range(start, stop):
        seen = min(first + i % rows + 1, scores.shape[1])
        row = scores[i, :seen]
        top, whole = highest(row), ZERO
        for j in range(row.size):
            row[j] = exp(row[j] - top)
            whole += row[j]
        scale = ONE / whole
        for j in range(row.size):
            row[j] *= scale
        fill(scores[i, seen:], ZERO)


@kernel
def attention_slopes(scores: float32[:, ::1], slopes: float32[:, ::1], rows: int, first: int, start: int, stop: int):
    """Scores become weights, and the gradients of weights those of scores."""
    for i in range(start, stop):
        seen = min(first + i % rows + 1, scores.shape[1])
        row, slope = scores[i, :seen], slopes[i, :seen]
        top, whole, inner = highest(row), ZERO, ZERO
        for j in range(row.size):
            row[j] = exp(row[j] - top)
            whole += row[j]
            inner += row[j] * slope[j]
        scale = ONE / whole
        inner *= scale
        for j in range(row.size):
            row[j] *= scale
            slope[j] = row[j] * (slope[j] - inner)
        fill(scores[i, seen:], ZERO)
        fill(slopes[i, seen:], ZERO)


@kernel
def attend_one(
    query: float32[:, ::1], keys: float32[::1], values: float32[::1], out: float32[:, ::1], scores: float32[::1], seen: int,
    key: int, key_head: int, key_row: int, value: int, value_head: int, value_row: int, scale: float32, start: int, stop: int,
):  # fmt: skip
    """A single query of each head; keys and values are flat, with where the first number, a head and a row of it lie."""
    for h in range(start, stop):
        q, target, row = query[h], out[h], scores[h * seen : (h + 1) * seen]
        for i in range(seen):
            line, total = keys[key + h * key_head + i * key_row :], ZERO
            for j in range(q.size):
                total += q[j] * line[j]
            row[i] = total * scale
        top, whole = highest(row), ZERO
        for i in range(seen):
            row[i] = exp(row[i] - top)
            whole += row[i]
        fill(target, ZERO)
        for i in range(seen):
            line, weight = values[value + h * value_head + i * value_row :], row[i]
            for j in range(target.size):
                target[j] += weight * line[j]
        scale_of = ONE / whole
        for j in range(target.size):
            target[j] *= scale_of


def _flat(array):
    """The whole memory that a view of (batch, heads, length, width) is a part of, and where its first number, a head and a row lie.

    None if that memory is not plain, or the heads of all batches do not lie at even distances.
    """
    n, heads = array.shape[:2]
    whole = array if array.base is None else array.base
    per_batch, per_head, per_row, step = array.strides
    even = n == 1 or per_batch == heads * per_head
    if (
        type(whole) is not np.ndarray
        or whole.dtype is not array.dtype
        or not whole.flags.c_contiguous
        or not even
        or step != 4
    ):
        return None
    return whole.reshape(-1), (native.address(array) - native.address(whole)) // 4, per_head // 4, per_row // 4


def _one(xp, query, key, value, scale):
    """The forward for a single query of each head, as where a text is written id by id; None if it cannot be done here."""
    if not (query.dtype is key.dtype is value.dtype and query.dtype in attend_one.floats and compiled.allowed()):
        return None
    at_key, at_value = _flat(key), _flat(value)
    if at_key is None or at_value is None or not query.flags.c_contiguous:
        return None
    heads, seen = query.shape[0] * query.shape[1], key.shape[2]
    out = np.empty((heads, value.shape[3]), np.float32)
    arrays = query.reshape(heads, -1), at_key[0], at_value[0], out, np.empty(heads * seen, np.float32)
    attend_one.share(heads, 4 * seen * query.shape[3], *arrays, seen, *at_key[1:], *at_value[1:], scale)
    return out.reshape(*query.shape[:3], -1)


def _four(array):
    """With two dimensions before those of a matrix: (batch, heads, length, width)."""
    return array[(None,) * (4 - array.ndim)] if array.ndim < 4 else array.reshape(-1, *array.shape[-3:])


def _room(shape):
    """An empty array; with heads, these lie side by side for each place, where the next layer wants them."""
    if len(shape) != 4:
        return np.empty(shape, np.float32)
    n, heads, length, width = shape
    return np.empty((n, length, heads, width), np.float32).transpose(0, 2, 1, 3)


def _tiles(query, key, causal):
    """Ranges of heads, and ranges of rows with the number of keys that these see."""
    length, keys = query.shape[2], key.shape[2]
    rows = min(max(TILE // keys, ROWS), length)
    heads = max(TILE // (rows * keys), 1)
    groups = [(n, slice(h, h + heads)) for n in range(len(query)) for h in range(0, query.shape[1], heads)]
    blocks = [
        (slice(a, a + rows), min(a + rows, keys) if causal else keys, a if causal else keys)
        for a in range(0, length, rows)
    ]
    return groups, blocks


def _serves(query, key, *others):
    """Whether tiles pay: enough scores, of NumPy arrays in single precision, contiguous or not."""
    least = compiled.LEAST * (ALONE if query.shape[-2] == 1 else 1)
    if query.size // max(query.shape[-1], 1) * key.shape[-2] < least:
        return False
    plain = all(type(a) is np.ndarray and a.dtype == np.float32 and a.size for a in (query, key, *others))
    return plain and compiled.allowed()


def _product(left, right):
    """A product for one tile, and its rows as a matrix."""
    made = np.matmul(left, right)
    return made, made.reshape(-1, made.shape[-1])


def attention(xp, query, key, value, scale, causal):
    """The forward of `attention_op`."""
    if query.ndim == key.ndim == value.ndim == 4 and query.shape[2] == 1 and key.size and not causal:
        out = _one(xp, query, key, value, scale)
        if out is not None:
            return out
    if not _serves(query, key, value):
        return attention_op.forward(xp, query, key, value, scale, causal)
    out = _room((*query.shape[:-1], value.shape[-1]))
    q, k, v, target = _four(query), _four(key), _four(value), _four(out)
    groups, blocks = _tiles(q, k, causal)
    pieces = [(group, block) for group in groups for block in blocks]

    def work(start, stop):
        for group, (rows, seen, first) in pieces[start:stop]:
            upper = q[group][:, rows] * np.float32(scale)
            scores, flat = _product(upper, k[group][:, :seen].swapaxes(1, 2))
            attention_weights(flat, upper.shape[1], first, 0, len(flat))
            target[group][:, rows] = np.matmul(scores, v[group][:, :seen])

    share(work, [(i, i + 1) for i in range(len(pieces))])
    return out


def attention_slope(g, query, key, value, scale, causal, xp):
    """The gradients of `attention_op` on arrays."""
    if not _serves(query, key, value, g):
        return attention_array(g, query, key, value, scale, causal, xp)
    slopes = [_room(a.shape) for a in (query, key, value)]
    upper, q, k, v, at_q, at_k, at_v = (_four(a) for a in (g, query, key, value, *slopes))
    groups, blocks = _tiles(q, k, causal)

    def work(start, stop):
        for group in groups[start:stop]:
            at_k[group], at_v[group] = 0, 0
            for rows, seen, first in blocks:
                keys = k[group][:, :seen]
                left, above = q[group][:, rows] * np.float32(scale), upper[group][:, rows]
                weights, flat = _product(left, keys.swapaxes(1, 2))
                inner, flat_inner = _product(above, v[group][:, :seen].swapaxes(1, 2))
                attention_slopes(flat, flat_inner, left.shape[1], first, 0, len(flat))
                at_q[group][:, rows] = np.matmul(inner, keys) * np.float32(scale)
                at_k[group][:, :seen] += np.matmul(inner.swapaxes(1, 2), left)
                at_v[group][:, :seen] += np.matmul(weights.swapaxes(1, 2), above)

    share(work, [(i, i + 1) for i in range(len(groups))])
    return tuple(slopes)


attention_op.kernel("cpu", attention)
attention_op.array_vjp(attention_slope)
