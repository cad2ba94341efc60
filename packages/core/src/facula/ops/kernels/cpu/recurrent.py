"""LSTM: all steps of some sequences in one compiled loop, whose matrix products BLAS does.

Threads take some sequences of the batch each, from the first step to the last: they need not wait for each other. A step is cut
into loops of few arrays each, since among many the compiler would not prove that none overlaps another.
"""

from __future__ import annotations

import numpy as np

from facula.devices.products import product
from facula.devices.threads import single_blas
from facula.ops import recurrent
from facula.ops.kernels.compiled import float32, kernel
from facula.ops.kernels.cpu.products import gemm, serves
from facula.ops.kernels.machine import multiply
from facula.ops.kernels.vector import ONE, ZERO, sigmoid, tanh
from facula.ops.recurrent import lstm_scan_op

_TOGETHER = 16  # sequences that a thread works on


@kernel
def lstm_forward(
    projected: float32[:, ::1], gemm: int, h: float32[:, ::1], c: float32[:, ::1], weights: float32[:, :, ::1],
    gates: float32[:, ::1], cells: float32[:, ::1], hidden: float32[:, ::1], start: int, stop: int,
):  # fmt: skip
    """All steps of some sequences: gates = h W' + projected, which give the states."""
    (batch, n), columns = c.shape, weights.shape[2]
    for first in range(start, projected.shape[0], batch):
        rows = first + stop - start
        before = h[start:stop] if first < batch else hidden[first - batch : rows - batch]
        for k in range(len(weights)):
            multiply(
                gemm, 0, 0, stop - start, columns, n, before.ctypes.data, n, weights[k].ctypes.data, columns, ZERO,
                gates[first, k * columns :].ctypes.data, 4 * n,
            )  # fmt: skip
        for row in range(first, rows):
            a, b, new, out = gates[row], projected[row], cells[row], hidden[row]
            old = cells[row - batch] if row >= batch else c[row]
            a1, a2, a3, b2, b3 = a[n:], a[2 * n :], a[3 * n :], b[2 * n :], b[3 * n :]
            for k in range(2 * old.size):
                a[k] = sigmoid(a[k] + b[k])
            for k in range(old.size):
                a2[k] = tanh(a2[k] + b2[k])
            for k in range(old.size):
                a3[k] = sigmoid(a3[k] + b3[k])
            for k in range(old.size):
                new[k] = a1[k] * old[k] + a[k] * a2[k]
            for k in range(old.size):
                out[k] = a3[k] * tanh(new[k])


@kernel
def lstm_backward(
    gates: float32[:, ::1], gemm: int, c: float32[:, ::1], weights: float32[:, :, ::1], cells: float32[:, ::1],
    g_hidden: float32[:, ::1], g_cells: float32[:, ::1], slope: float32[:, ::1], dh: float32[:, ::1], dc: float32[:, ::1],
    start: int, stop: int,
):  # fmt: skip
    """All steps of some sequences back: the gradients of the gates before activation; dh and dc become those of the first states."""
    (batch, n), columns = c.shape, weights.shape[2]
    for first in range(gates.shape[0] - batch + start, -1, -batch):
        for row in range(first, first + stop - start):
            a, s, cell, d, h = gates[row], slope[row], cells[row], dc[row % batch], dh[row % batch]
            old = cells[row - batch] if row >= batch else c[row]
            a1, a2, a3, s1, s2, s3 = a[n:], a[2 * n :], a[3 * n :], s[n:], s[2 * n :], s[3 * n :]
            if g_hidden.size > 0:
                more = g_hidden[row]
                for k in range(d.size):
                    h[k] += more[k]
            if g_cells.size > 0:
                more = g_cells[row]
                for k in range(d.size):
                    d[k] += more[k]
            for k in range(d.size):
                shown = tanh(cell[k])
                s3[k] = h[k] * shown * a3[k] * (ONE - a3[k])
                d[k] += h[k] * a3[k] * (ONE - shown * shown)
            for k in range(d.size):
                s[k] = d[k] * a2[k] * a[k] * (ONE - a[k])
                s2[k] = d[k] * a[k] * (ONE - a2[k] * a2[k])
            for k in range(d.size):
                s1[k] = d[k] * old[k] * a1[k] * (ONE - a1[k])
                d[k] *= a1[k]
        for k in range(len(weights)):
            multiply(
                gemm, 0, 0, stop - start, columns, 4 * n, slope[first].ctypes.data, 4 * n, weights[k].ctypes.data, columns, ZERO,
                dh[start, k * columns :].ctypes.data, n,
            )  # fmt: skip


def lstm(xp, projected, h, c, weight):
    """The forward of `lstm_scan_op`."""
    if not _serves(projected, weight, h, c):
        return lstm_scan_op.forward(xp, projected, h, c, weight)
    lstm_scan_op.rule.shape(projected, h, c, weight)
    steps, batch, n = len(projected), *h.shape
    hidden, cells = np.empty((steps, batch, n), np.float32), np.empty((steps, batch, n), np.float32)
    gates = np.empty_like(projected)
    _share(lstm_forward, batch, *_rows(projected, h, c), _blocks(weight.T), *_rows(gates, cells, hidden))
    return hidden, cells, gates


def lstm_slope(g, out, h, c, weight, xp):
    """The gradients of `lstm_scan_op` on arrays."""
    (hidden, cells, gates), (g_hidden, g_cells, g_gates) = out, g
    if g_gates is not None or not _serves(gates, cells, weight):
        return recurrent.lstm_array(g, out, h, c, weight, xp)
    _, batch, n = hidden.shape
    none, slope = np.empty((0, n), np.float32), np.empty_like(gates)
    upper = [none if x is None else x for x in (g_hidden, g_cells)]
    dh, dc = np.zeros((batch, n), np.float32), np.zeros((batch, n), np.float32)
    _share(lstm_backward, batch, *_rows(gates, c), _blocks(weight), *_rows(cells, *upper, slope, dh, dc))
    return slope, dh, dc, _from_states(slope, h, hidden)


def _serves(*arrays):
    return serves(arrays[0].dtype) and lstm_forward.serves(arrays[0]) and all(a.dtype == np.float32 for a in arrays)


def _share(loop, batch, first, *arrays):
    with single_blas():
        code = loop.load(first.dtype)
        code.share((first, gemm(first.dtype), *arrays), batch, -(-batch // _TOGETHER))


def _blocks(matrix):
    """(K, N) as (blocks, K, columns): products of a few rows with so few columns need no copies inside of BLAS."""
    rows, columns = matrix.shape
    count = 1
    while columns % (2 * count) == 0 and columns >= 128 * count and _TOGETHER * rows * columns > count << 19:
        count *= 2
    return np.ascontiguousarray(matrix.reshape(rows, count, -1).swapaxes(0, 1))


def _rows(*arrays):
    return [np.ascontiguousarray(a).reshape(-1, a.shape[-1]) for a in arrays]


def _from_states(slope, first, hidden):
    """The gradient of the weights that the states were multiplied with, each step's from the state before it."""
    made = product(slope[1:].reshape(-1, slope.shape[2]).T, hidden[:-1].reshape(-1, hidden.shape[2]))
    made += product(slope[0].T, first)
    return made


lstm_scan_op.kernel("cpu", lstm)
lstm_scan_op.array_vjp(lstm_slope)
