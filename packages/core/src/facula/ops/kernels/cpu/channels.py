"""Each channel times its weight plus its bias, as batch_norm in evaluation and the other norms do: one pass."""

from __future__ import annotations

import math

import numpy as np

from facula.ops.kernels.compiled import float32, kernel
from facula.ops.kernels.rows import products, total
from facula.ops.kernels.vector import ZERO
from facula.ops.norm import channel_affine_array, channel_affine_op

LEAST_PIXELS = 8  # fewer make too short a loop


@kernel
def channel_affine_rows(
    x: float32[:, ::1], weight: float32[::1], bias: float32[::1], out: float32[:, ::1], start: int, stop: int
):
    for i in range(start, stop):
        row, target, scale, shift = x[i], out[i], weight[i % weight.size], bias[i % weight.size]
        for j in range(row.size):
            target[j] = row[j] * scale + shift


@kernel
def channel_affine_slopes(
    g: float32[:, :, ::1],
    x: float32[:, :, ::1],
    weight: float32[::1],
    slope: float32[:, :, ::1],
    sums: float32[:, ::1],
    start: int,
    stop: int,
):
    for c in range(start, stop):
        along, level, scale = 0.0, 0.0, weight[c]
        for n in range(len(x)):
            row, target = g[n, c], slope[n, c]
            along += products(row, x[n, c], ZERO)
            level += total(row)
            for j in range(row.size):
                target[j] = row[j] * scale
        sums[0, c] = along
        sums[1, c] = level


def _serves(loop, weight, *arrays):
    return loop.serves(*arrays, weight) and math.prod(arrays[0].shape[2:]) >= LEAST_PIXELS


def channel_affine(xp, input, weight, bias):
    """The forward of `channel_affine_op`."""
    if not _serves(channel_affine_rows, weight, input, bias):
        return channel_affine_op.forward(xp, input, weight, bias)
    out, pixels = np.empty_like(input), math.prod(input.shape[2:])
    rows = input.reshape(-1, pixels)
    channel_affine_rows.share(len(rows), pixels, rows, weight, bias, out.reshape(rows.shape))
    return out


def channel_affine_slope(g, input, weight, needs, xp):
    """The gradients of `channel_affine_op` on arrays."""
    if not _serves(channel_affine_slopes, weight, input, g):
        return channel_affine_array(g, input, weight, needs, xp)
    slope, sums = np.empty_like(input), np.empty((2, weight.size), np.float32)
    shape = (*input.shape[:2], math.prod(input.shape[2:]))
    arrays = g.reshape(shape), input.reshape(shape), weight, slope.reshape(shape), sums
    channel_affine_slopes.share(shape[1], shape[0] * shape[2], *arrays)
    return slope, sums[0], sums[1]


channel_affine_op.kernel("cpu", channel_affine)
channel_affine_op.array_vjp(channel_affine_slope)
