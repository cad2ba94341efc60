"""softmax and log_softmax over the last dimension: each row is read into the cache once."""

from __future__ import annotations

import numpy as np

from facula.ops.kernels.compiled import F, float32, kernel
from facula.ops.kernels.rows import exponentials, highest, total
from facula.ops.kernels.vector import ONE, ZERO, exp
from facula.ops.softmax import log_softmax_array, log_softmax_op, softmax_array, softmax_op


@kernel
def softmax_rows(x: float32[:, ::1], out: float32[:, ::1], start: int, stop: int):
    for i in range(start, stop):
        row, target = x[i], out[i]
        top = highest(row)
        whole = ZERO
        for j in range(row.size):
            target[j] = exp(row[j] - top)
            whole += target[j]
        scale = ONE / whole
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


@kernel
def log_softmax_rows(x: float32[:, ::1], out: float32[:, ::1], start: int, stop: int):
    for i in range(start, stop):
        row, target = x[i], out[i]
        top = highest(row)
        below = np.float32(np.log(exponentials(row, top)))
        for j in range(row.size):
            target[j] = row[j] - top - below


@kernel
def log_softmax_slopes(g: float32[:, ::1], out: float32[:, ::1], slope: float32[:, ::1], start: int, stop: int):
    for i in range(start, stop):
        row, logs, target = g[i], out[i], slope[i]
        whole = np.float32(total(row))
        for j in range(row.size):
            target[j] = row[j] - exp(logs[j]) * whole


def _rows(array):
    return array.reshape(-1, array.shape[-1])


def _last(array, dim):
    return array.ndim and array.size and dim in (-1, array.ndim - 1)


def _forward(loop, record):
    """A record's forward with a loop over rows where there are enough."""

    def forward(xp, input, dim):
        if not _last(input, dim) or not loop.serves(input):
            return record.forward(xp, input, dim)
        out = np.empty_like(input)
        loop.share(input.size // input.shape[-1], input.shape[-1], _rows(input), _rows(out))
        return out

    return forward


def _backward(loop, plain):
    """A record's gradient on arrays, likewise."""

    def slope(g, out, dim, xp):
        if not _last(out, dim) or not loop.serves(g, out):
            return plain(g, out, dim, xp)
        made = np.empty_like(out)
        loop.share(out.size // out.shape[-1], out.shape[-1], _rows(g), _rows(out), _rows(made))
        return made

    return slope


softmax_op.kernel("cpu", _forward(softmax_rows, softmax_op))
softmax_op.array_vjp(input=_backward(softmax_slopes, softmax_array))
log_softmax_op.kernel("cpu", _forward(log_softmax_rows, log_softmax_op))
log_softmax_op.array_vjp(input=_backward(log_softmax_slopes, log_softmax_array))
