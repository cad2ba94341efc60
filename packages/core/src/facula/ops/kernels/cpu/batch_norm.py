"""batch_norm in training: each channel's mean, variance and result in one visit, as the numbers lie, (N, C, *).

Channels of many pixels go one by one. Where there are few pixels (or none but one: a matrix), a row of all channels is what
is long, so several channels go together, with a sum for each place of the row.
"""

from __future__ import annotations

import math

import numpy as np

from facula.ops.kernels.compiled import float32, float64, kernel
from facula.ops.kernels.rows import fill, products, squares, together, total
from facula.ops.norm import batch_norm_array, batch_norm_op

FEW = 64  # pixels


@kernel
def batch_norm_channels(
    x: float32[:, :, ::1],
    weight: float32[::1],
    bias: float32[::1],
    out: float32[:, :, ::1],
    moments: float32[:, ::1],
    eps: float32,
    start: int,
    stop: int,
):
    count = x.shape[0] * x.shape[2]
    for c in range(start, stop):
        whole = 0.0
        for n in range(len(x)):
            whole += total(x[n, c])
        mean = np.float32(whole / count)
        spread = 0.0
        for n in range(len(x)):
            spread += squares(x[n, c], mean)
        variance = spread / count
        moments[0, c] = mean
        moments[1, c] = variance
        scale = np.float32(weight[c] / np.sqrt(variance + eps))
        shift = bias[c]
        for n in range(len(x)):
            row, target = x[n, c], out[n, c]
            for j in range(row.size):
                target[j] = (row[j] - mean) * scale + shift


@kernel
def batch_norm_slopes(
    g: float32[:, :, ::1],
    x: float32[:, :, ::1],
    weight: float32[::1],
    moments: float32[:, ::1],
    slope: float32[:, :, ::1],
    slopes: float32[:, ::1],
    eps: float32,
    start: int,
    stop: int,
):
    count = x.shape[0] * x.shape[2]
    for c in range(start, stop):
        mean, rstd = moments[0, c], 1 / np.sqrt(np.float64(moments[1, c]) + eps)
        level, along = 0.0, 0.0
        for n in range(len(x)):
            level += total(g[n, c])
            along += products(g[n, c], x[n, c], mean)
        slopes[0, c] = along * rstd
        slopes[1, c] = level
        scale = np.float32(weight[c] * rstd)
        shift, factor = np.float32(level / count), np.float32(along * rstd * rstd / count)
        for n in range(len(x)):
            upper, row, target = g[n, c], x[n, c], slope[n, c]
            for j in range(row.size):
                target[j] = (upper[j] - shift - (row[j] - mean) * factor) * scale


@kernel
def batch_norm_rows(
    x: float32[:, ::1],
    weight: float32[::1],
    bias: float32[::1],
    out: float32[:, ::1],
    moments: float32[:, ::1],
    sums: float64[:, ::1],
    rows: float32[:, ::1],
    eps: float32,
    start: int,
    stop: int,
):
    pixels = x.shape[1] // len(weight)
    count, first, last = len(x) * pixels, start * pixels, stop * pixels
    at, mean, scale, shift = sums[0, first:last], rows[0, first:last], rows[1, first:last], rows[2, first:last]
    fill(at, 0.0)
    for n in range(len(x)):
        row = x[n, first:last]
        for j in range(row.size):
            at[j] += row[j]
    for c in range(start, stop):
        a, b = c * pixels - first, (c + 1) * pixels - first
        moments[0, c] = together(at[a:b]) / count
        fill(mean[a:b], moments[0, c])
    fill(at, 0.0)
    for n in range(len(x)):
        row = x[n, first:last]
        for j in range(row.size):
            at[j] += (row[j] - mean[j]) * (row[j] - mean[j])
    for c in range(start, stop):
        a, b = c * pixels - first, (c + 1) * pixels - first
        variance = together(at[a:b]) / count
        moments[1, c] = variance
        fill(scale[a:b], weight[c] / np.sqrt(variance + eps))
        fill(shift[a:b], bias[c])
    for n in range(len(x)):
        row, target = x[n, first:last], out[n, first:last]
        for j in range(row.size):
            target[j] = (row[j] - mean[j]) * scale[j] + shift[j]


@kernel
def batch_norm_row_slopes(
    g: float32[:, ::1],
    x: float32[:, ::1],
    weight: float32[::1],
    moments: float32[:, ::1],
    slope: float32[:, ::1],
    slopes: float32[:, ::1],
    sums: float64[:, ::1],
    rows: float32[:, ::1],
    eps: float32,
    start: int,
    stop: int,
):
    pixels = x.shape[1] // len(weight)
    count, first, last = len(x) * pixels, start * pixels, stop * pixels
    level, along, mean = sums[0, first:last], sums[1, first:last], rows[0, first:last]
    scale, shift, factor = rows[1, first:last], rows[2, first:last], rows[3, first:last]
    fill(level, 0.0)
    fill(along, 0.0)
    for c in range(start, stop):
        fill(mean[c * pixels - first : (c + 1) * pixels - first], moments[0, c])
    for n in range(len(x)):
        upper, row = g[n, first:last], x[n, first:last]
        for j in range(row.size):
            level[j] += upper[j]
            along[j] += upper[j] * (row[j] - mean[j])
    for c in range(start, stop):
        a, b = c * pixels - first, (c + 1) * pixels - first
        rstd = 1 / np.sqrt(np.float64(moments[1, c]) + eps)
        slopes[0, c] = together(along[a:b]) * rstd
        slopes[1, c] = together(level[a:b])
        fill(scale[a:b], weight[c] * rstd)
        fill(shift[a:b], slopes[1, c] / count)
        fill(factor[a:b], slopes[0, c] * rstd / count)
    for n in range(len(x)):
        upper, row, target = g[n, first:last], x[n, first:last], slope[n, first:last]
        for j in range(row.size):
            target[j] = (upper[j] - shift[j] - (row[j] - mean[j]) * factor[j]) * scale[j]


def _scratch(row):
    """Sums of two kinds, and four numbers of its channel, for each place of a row of all channels."""
    return np.empty((2, row), np.float64), np.empty((4, row), np.float32)


def batch_norm(xp, input, weight=None, bias=None, eps=1e-5):
    """The forward of `batch_norm_op`, channel by channel."""
    given = [p for p in (weight, bias) if p is not None]
    if not batch_norm_channels.serves(input, *given) or input.ndim < 2 or any(p.size != input.shape[1] for p in given):
        return batch_norm_op.forward(xp, input, weight, bias, eps)
    n, c, pixels = *input.shape[:2], math.prod(input.shape[2:])
    out, moments = np.empty_like(input), np.empty((2, c), input.dtype)
    weight = np.ones(c, input.dtype) if weight is None else weight.reshape(-1)
    bias = np.zeros(c, input.dtype) if bias is None else bias.reshape(-1)
    if pixels < FEW:
        arrays = input.reshape(n, c * pixels), weight, bias, out.reshape(n, c * pixels), moments, *_scratch(c * pixels)
        batch_norm_rows.share(c, n * pixels, *arrays, eps)
    else:
        arrays = input.reshape(n, c, pixels), weight, bias, out.reshape(n, c, pixels), moments
        batch_norm_channels.share(c, n * pixels, *arrays, eps)
    return out, moments[0], moments[1]


def batch_norm_slope(g, out, input, weight, needs, eps, xp):
    """The gradients of `batch_norm_op` on arrays."""
    first, *others = g
    given = () if weight is None else (weight,)
    if first is None or any(o is not None for o in others) or not batch_norm_slopes.serves(input, first, *given):
        return batch_norm_array(g, out, input, weight, needs, eps, xp)
    n, c, pixels = *input.shape[:2], math.prod(input.shape[2:])
    slope, slopes, moments = np.empty_like(input), np.empty((2, c), input.dtype), np.stack(out[1:])
    weight = np.ones(c, input.dtype) if weight is None else weight.reshape(-1)
    if pixels < FEW:
        flat = (n, c * pixels)
        arrays = first.reshape(flat), input.reshape(flat), weight, moments, slope.reshape(flat), slopes
        batch_norm_row_slopes.share(c, n * pixels, *arrays, *_scratch(c * pixels), eps)
    else:
        flat = (n, c, pixels)
        arrays = first.reshape(flat), input.reshape(flat), weight, moments, slope.reshape(flat), slopes
        batch_norm_slopes.share(c, n * pixels, *arrays, eps)
    return slope, slopes[0], slopes[1]


batch_norm_op.kernel("cpu", batch_norm)
batch_norm_op.array_vjp(batch_norm_slope)
