"""dropout in one pass: the random numbers are made where they are used, by their places, and never stored."""

from __future__ import annotations

import numpy as np

from facula.ops.dropout import FIRST, GOLDEN, SECOND, dropout_op
from facula.ops.kernels.compiled import float32, int64, kernel
from facula.ops.kernels.vector import ZERO

STEP, TIMES, AGAIN = np.uint64(GOLDEN), np.uint64(FIRST), np.uint64(SECOND)
A, B, C, HALF_WORD, LOW = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32), np.uint64(0xFFFFFFFF)


@kernel
def dropout_pairs(x: float32[::1], out: float32[::1], key: int64, limit: int64, scale: float32, start: int, stop: int):
    """Pairs (i, half + i) of numbers, which share one mixed word."""
    half = (x.size + 1) // 2
    first, second, low, high = (
        x[start:stop],
        x[half + start : half + stop],
        out[start:stop],
        out[half + start : half + stop],
    )
    least = np.uint64(limit)
    for i in range(second.size):
        z = np.uint64(key) + np.uint64(start + i + 1) * STEP
        z = (z ^ (z >> A)) * TIMES
        z = (z ^ (z >> B)) * AGAIN
        z = z ^ (z >> C)
        low[i] = first[i] * (scale if (z & LOW) >= least else ZERO)
        high[i] = second[i] * (scale if (z >> HALF_WORD) >= least else ZERO)
    for i in range(second.size, first.size):  # the middle of an odd number of them
        z = np.uint64(key) + np.uint64(start + i + 1) * STEP
        z = (z ^ (z >> A)) * TIMES
        z = (z ^ (z >> B)) * AGAIN
        z = z ^ (z >> C)
        low[i] = first[i] * (scale if (z & LOW) >= least else ZERO)


def dropout(xp, input, p, key):
    """The forward of `dropout_op`."""
    if not dropout_pairs.serves(input):
        return dropout_op.forward(xp, input, p, key)
    out = np.empty_like(input)
    half = (input.size + 1) // 2
    dropout_pairs.share(half, 2, input.reshape(-1), out.reshape(-1), key, int(p * 2**32), 1 / (1 - p))
    return out


dropout_op.kernel("cpu", dropout)
dropout_op.array_vjp(input=lambda g, p, key, xp: dropout(xp, g, p, key))
