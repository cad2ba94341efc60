"""softmax over the last dimension: each row is read into the cache once."""

from __future__ import annotations

import numpy as np

from facula.ops.kernels.compiled import F, float32, kernel
from facula.ops.kernels.rows import highest
from facula.ops.kernels.vector import ONE, ZERO, exp
from facula.ops.softmax import softmax_array, softmax_op


@kernel
def softmax_rows(x: float32[:, ::1], out: float32[:, ::1], start: int, stop: int):
    for i in range(start, stop):
        row, target = x[i], out[i]
        top = highest(row)
        total = ZERO
        for j in range(row.size):
            target[j] = exp(row[j] - top)
            total += target[j]
        scale = ONE / total
        for j in range(row.size):
            target[j] *= scale


@kernel
def softmax_slopes(g: F[:, ::1], out: F[:, ::1], slope: F[:, ::1], start: int, stop: int):
    for i in range(start, stop):
        row, soft, target = g[i], out[i], slope[i]
        inner = row[0] * soft[0]
        for j in range(1, row.size):
            inner += row[j] * soft[j]
        for j in range(row.size):
            target[j] = (row[j] - inner) * soft[j]


def _rows(array):
    return array.reshape(-1, array.shape[-1])


def _last(array, dim):
    return array.ndim and array.size and dim in (-1, array.ndim - 1)


def softmax(xp, input, dim):
    """The forward of `softmax_op` with a loop over rows where there are enough."""
    if not _last(input, dim) or not softmax_rows.serves(input):
        return softmax_op.forward(xp, input, dim)
    out = np.empty_like(input)
    softmax_rows.share(input.size // input.shape[-1], input.shape[-1], _rows(input), _rows(out))
    return out


def softmax_slope(g, out, dim, xp):
    """The gradient of `softmax_op` on arrays: out * (g - sum(g * out))."""
    if not _last(out, dim) or not softmax_slopes.serves(g, out):
        return softmax_array(g, out, dim, xp)
    slope = np.empty_like(out)
    softmax_slopes.share(out.size // out.shape[-1], out.shape[-1], _rows(g), _rows(out), _rows(slope))
    return slope


softmax_op.kernel("cpu", softmax)
softmax_op.array_vjp(input=softmax_slope)
