"""LSTM: between the matrix product of a step and that of the next, one loop instead of ten passes."""

from __future__ import annotations

import numpy as np

from facula.ops import recurrent
from facula.ops.kernels.compiled import float32, kernel
from facula.ops.kernels.vector import ONE, sigmoid, tanh
from facula.ops.recurrent import lstm_scan_op


@kernel
def lstm_step(
    gates: float32[:, ::1], projected: float32[:, ::1], c: float32[:, ::1], cells: float32[:, ::1], hidden: float32[:, ::1],
    start: int, stop: int,
):  # fmt: skip
    """One step for rows of the batch: gates = h W', without activation."""
    n = c.shape[1]
    for row in range(start, stop):
        a, b, old, new, out = gates[row], projected[row], c[row], cells[row], hidden[row]
        a1, a2, a3, b1, b2, b3 = a[n:], a[2 * n :], a[3 * n :], b[n:], b[2 * n :], b[3 * n :]
        for k in range(old.size):
            new[k] = sigmoid(a1[k] + b1[k]) * old[k] + sigmoid(a[k] + b[k]) * tanh(a2[k] + b2[k])
        for k in range(old.size):
            out[k] = sigmoid(a3[k] + b3[k]) * tanh(new[k])


@kernel
def lstm_factors(
    gates: float32[:, ::1], projected: float32[:, ::1], before: float32[:, ::1], cells: float32[:, ::1],
    kept: float32[:, ::1], to_cell: float32[:, ::1], start: int, stop: int,
):  # fmt: skip
    """Turn gates without activation into what their gradients are multiplied with; `kept` is the forget gate."""
    n = cells.shape[1]
    for row in range(start, stop):
        a, b, old, c, f, s = gates[row], projected[row], before[row], cells[row], kept[row], to_cell[row]
        a1, a2, a3, b1, b2, b3 = a[n:], a[2 * n :], a[3 * n :], b[n:], b[2 * n :], b[3 * n :]
        for k in range(c.size):
            i, new = sigmoid(a[k] + b[k]), tanh(a2[k] + b2[k])
            a[k] = new * i * (ONE - i)
            a2[k] = i * (ONE - new * new)
        for k in range(c.size):
            keep = sigmoid(a1[k] + b1[k])
            f[k] = keep
            a1[k] = old[k] * keep * (ONE - keep)
        for k in range(c.size):
            o, shown = sigmoid(a3[k] + b3[k]), tanh(c[k])
            a3[k] = shown * o * (ONE - o)
            s[k] = o * (ONE - shown * shown)


@kernel
def lstm_back(
    slope: float32[:, ::1], dh: float32[:, ::1], dc: float32[:, ::1], kept: float32[:, ::1], to_cell: float32[:, ::1],
    start: int, stop: int,
):  # fmt: skip
    """One step back: factors become gradients of the gates; dc becomes that of the step before."""
    n = dc.shape[1]
    for row in range(start, stop):
        a, h, c, f, s = slope[row], dh[row], dc[row], kept[row], to_cell[row]
        a1, a2, a3 = a[n:], a[2 * n :], a[3 * n :]
        for k in range(c.size):
            d = c[k] + h[k] * s[k]
            a[k] *= d
            a1[k] *= d
            a2[k] *= d
            a3[k] *= h[k]
            c[k] = d * f[k]


def lstm(xp, projected, h, c, weight):
    """The forward of `lstm_scan_op`."""
    if not lstm_step.serves(projected, weight) or h.dtype != projected.dtype or c.dtype != projected.dtype:
        return lstm_scan_op.forward(xp, projected, h, c, weight)
    lstm_scan_op.rule.shape(projected, h, c, weight)
    steps, batch, n = len(projected), *h.shape
    hidden, cells = np.empty((2, steps, batch, n), np.float32)
    turned, gates = np.ascontiguousarray(weight.T), np.empty((batch, 4 * n), np.float32)
    h, c = np.ascontiguousarray(h), np.ascontiguousarray(c)
    for t in range(steps):
        np.matmul(h, turned, out=gates)
        lstm_step(gates, projected[t], c, cells[t], hidden[t], 0, batch)
        h, c = hidden[t], cells[t]
    return hidden, cells


def lstm_slope(g, out, projected, h, c, weight, xp):
    """The gradients of `lstm_scan_op` on arrays."""
    (hidden, cells), (g_hidden, g_cells) = out, g
    if not lstm_factors.serves(projected, weight, hidden, cells):
        return recurrent.lstm_array(g, out, projected, h, c, weight, xp)
    steps, batch, n = hidden.shape
    starts, before = recurrent.before(np, h, hidden).reshape(-1, n), recurrent.before(np, c, cells).reshape(-1, n)
    slope = starts @ weight.T
    kept, to_cell = np.empty((2, steps, batch, n), np.float32)
    rows = (
        slope,
        projected.reshape(-1, 4 * n),
        before,
        cells.reshape(-1, n),
        kept.reshape(-1, n),
        to_cell.reshape(-1, n),
    )
    lstm_factors.share(steps * batch, 4 * n, *rows)
    slope = slope.reshape(steps, batch, 4 * n)
    dh, dc = np.zeros((2, batch, n), np.float32)
    for t in range(steps - 1, -1, -1):
        if g_hidden is not None:
            dh += g_hidden[t]
        if g_cells is not None:
            dc += g_cells[t]
        lstm_back(slope[t], dh, dc, kept[t], to_cell[t], 0, batch)
        np.matmul(slope[t], weight, out=dh)
    return slope, dh, dc, slope.reshape(-1, 4 * n).T @ starts


lstm_scan_op.kernel("cpu", lstm)
lstm_scan_op.array_vjp(lstm_slope)
