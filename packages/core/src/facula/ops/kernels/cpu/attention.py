"""Attention tile by tile: some rows of the scores of some heads live in a core's cache, and are gone when their result is there.

Compiled loops take each tile through BLAS's products and what lies between them. The backward makes the weights again, so nothing
is kept but the operands. Causal tiles leave out the keys that none of their rows sees.
"""

from __future__ import annotations

import numpy as np

from facula.devices.threads import ranges, single_blas
from facula.ops.attention import attention_array, attention_op
from facula.ops.kernels import compiled, native, sequence
from facula.ops.kernels.compiled import float32, inline, int64, kernel
from facula.ops.kernels.cpu.products import gemm, serves
from facula.ops.kernels.machine import multiply
from facula.ops.kernels.rows import fill, highest
from facula.ops.kernels.sequence import places
from facula.ops.kernels.vector import ONE, ZERO, exp
from facula.ops.kernels.workspace import workspace

TILE = 1 << 16  # scores
ROWS = 64  # that a tile has at least
ALONE = 16  # times as many scores make tiles pay where each head has a single row


@inline
def weigh(row, seen, scale):
    """Scores become exponentials; those from `seen` on become 0. The sum of all."""
    part, whole = row[:seen], ZERO
    for j in range(part.size):
        part[j] *= scale
    top = highest(part)
    for j in range(part.size):
        part[j] = exp(part[j] - top)
        whole += part[j]
    fill(row[seen:], ZERO)
    return whole


@inline
def at(places, k, n, h, row):
    """The address of a row of head h of batch n of the k-th array."""
    return places[k, 0] + n * places[k, 1] + h * places[k, 2] + row * places[k, 3]


@inline
def step(places, k):
    """Numbers from a row of the k-th array to the next."""
    return places[k, 3] // 4


@kernel
def attend_heads(
    places: int64[:, ::1], scores: float32[:, ::1], gemm: int, heads: int, length: int, keys: int, width: int, wide: int, rows: int,
    causal: int, scale: float32, start: int, stop: int,
):  # fmt: skip
    """Tiles of rows of heads: the product of weights and values.

    `places`: for query, key, value and result the address, and the bytes from a batch, a head and a row to the next.
    """
    blocks = (length + rows - 1) // rows
    for tile in range(start, stop):
        n, h, first = tile // blocks // heads, tile // blocks % heads, tile % blocks * rows
        count, flat = min(rows, length - first), scores[0]
        seen = min(first + count, keys) if causal else keys
        room, query, key = flat.ctypes.data, at(places, 0, n, h, first), at(places, 1, n, h, 0)
        multiply(gemm, 0, 1, count, seen, width, query, step(places, 0), key, step(places, 1), ZERO, room, seen)
        for i in range(count):
            row = flat[i * seen : (i + 1) * seen]
            part = ONE / weigh(row, min(first + i + 1, seen) if causal else seen, scale)
            for j in range(row.size):
                row[j] *= part
        value, target = at(places, 2, n, h, 0), at(places, 3, n, h, first)
        multiply(gemm, 0, 0, count, wide, seen, room, seen, value, step(places, 2), ZERO, target, step(places, 3))


@kernel
def slopes_of_heads(
    places: int64[:, ::1], scores: float32[:, ::1], gemm: int, heads: int, length: int, keys: int, width: int, wide: int, rows: int,
    causal: int, scale: float32, start: int, stop: int,
):  # fmt: skip
    """The gradients of whole heads; `places`: of query, key, value and upper gradient, then of the three gradients."""
    for head in range(start, stop):
        n, h, before = head // heads, head % heads, 0
        weights, inner = scores[0], scores[1]
        room, other = weights.ctypes.data, inner.ctypes.data
        key, value = at(places, 1, n, h, 0), at(places, 2, n, h, 0)
        for first in range(0, length, rows):
            count = min(rows, length - first)
            seen = min(first + count, keys) if causal else keys
            query, upper = at(places, 0, n, h, first), at(places, 3, n, h, first)
            multiply(gemm, 0, 1, count, seen, width, query, step(places, 0), key, step(places, 1), ZERO, room, seen)
            multiply(gemm, 0, 1, count, seen, wide, upper, step(places, 3), value, step(places, 2), ZERO, other, seen)
            for i in range(count):
                row, slope = weights[i * seen : (i + 1) * seen], inner[i * seen : (i + 1) * seen]
                part, level = ONE / weigh(row, min(first + i + 1, seen) if causal else seen, scale), ZERO
                for j in range(row.size):
                    row[j] *= part
                    level += row[j] * slope[j]
                for j in range(row.size):
                    slope[j] = row[j] * (slope[j] - level) * scale
            target = at(places, 4, n, h, first)
            multiply(gemm, 0, 0, count, width, seen, other, seen, key, step(places, 1), ZERO, target, step(places, 4))
            for new in range(2):  # the keys that earlier rows saw, to whose gradients is added, and new ones
                begin, end, beta = (before, seen, ZERO) if new else (0, before, ONE)
                if end > begin:
                    more, into = end - begin, 4 * begin
                    multiply(
                        gemm, 1, 0, more, width, count, other + into, seen, query, step(places, 0), beta,
                        at(places, 5, n, h, begin), step(places, 5),
                    )  # fmt: skip
                    multiply(
                        gemm, 1, 0, more, wide, count, room + into, seen, upper, step(places, 3), beta,
                        at(places, 6, n, h, begin), step(places, 6),
                    )  # fmt: skip
            before = seen


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


def _serves(query, key, *others):
    """Whether tiles pay: enough scores, of NumPy arrays in single precision, contiguous or not."""
    least = compiled.LEAST * (ALONE if query.shape[-2] == 1 else 1)
    if query.size // max(query.shape[-1], 1) * key.shape[-2] < least:
        return False
    plain = all(type(a) is np.ndarray and a.dtype == np.float32 and a.size for a in (query, key, *others))
    return plain and serves(query.dtype)


def _lying(array):
    """In four dimensions, with the numbers of a row side by side."""
    array = _four(array)
    plain = array.strides[3] == 4 and array.strides[2] >= 4 * array.shape[3] and array.strides[2] % 4 == 0
    return array if plain else np.ascontiguousarray(array)


def _run(loop, arrays, slopes, scale, causal, kinds):
    """A loop over tiles of heads, or over heads; whoever works has memory for `kinds` tiles of scores."""
    inputs = [_lying(a) for a in arrays]
    (query, key, value), outs = inputs[:3], [_four(a) for a in slopes]
    length, keys = query.shape[2], key.shape[2]
    rows = min(max(TILE // keys, ROWS), length)
    table = np.array([(native.address(a), *a.strides[:3]) for a in (*inputs, *outs)], np.int64)
    heads = len(query) * query.shape[1]
    count = heads * -(-length // rows) if loop is attend_heads else heads
    sizes = query.shape[1], length, keys, query.shape[3], value.shape[3], rows, int(causal), scale
    forms = [
        [[(loop, (table, tile, gemm(query.dtype), *sizes))]]
        for tile in workspace("attention", places(), kinds, rows * keys)
    ]
    with single_blas():
        sequence.run(forms, [(0, i, j) for i, j in ranges(count, 1, -(-count // (4 * places())))])


def attention(xp, query, key, value, scale, causal):
    """The forward of `attention_op`."""
    if query.ndim == key.ndim == value.ndim == 4 and query.shape[2] == 1 and key.size and not causal:
        out = _one(xp, query, key, value, scale)
        if out is not None:
            return out
    if not _serves(query, key, value):
        return attention_op.forward(xp, query, key, value, scale, causal)
    out = _room((*query.shape[:-1], value.shape[-1]))
    _run(attend_heads, (query, key, value), [out], scale, causal, 1)
    return out


def attention_slope(g, query, key, value, scale, causal, xp):
    """The gradients of `attention_op` on arrays."""
    if not _serves(query, key, value, g):
        return attention_array(g, query, key, value, scale, causal, xp)
    slopes = [_room(a.shape) for a in (query, key, value)]
    if causal:
        for unseen in slopes[1:]:
            unseen[..., query.shape[-2] :, :] = 0
    _run(slopes_of_heads, (query, key, value, g), slopes, scale, causal, 2)
    return tuple(slopes)


attention_op.kernel("cpu", attention)
attention_op.array_vjp(attention_slope)
