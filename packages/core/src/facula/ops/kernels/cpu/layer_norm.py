"""layer_norm: each row is read into the cache once; gradients of weight and bias by blocks of rows, added in order."""

from __future__ import annotations

import math

import numpy as np

from facula.ops.kernels import compiled
from facula.ops.kernels.compiled import float32, kernel
from facula.ops.kernels.rows import squares, total
from facula.ops.kernels.vector import ZERO
from facula.ops.norm import fits, layer_norm_array, layer_norm_op

LEAST_ROW = 64  # numbers of a single row that are worth the call
BLOCKS = 64  # sums of weight gradients: what decides how they round, so it depends on nothing


@kernel
def layer_norm_rows(
    x: float32[:, ::1],
    weight: float32[::1],
    bias: float32[::1],
    out: float32[:, ::1],
    eps: float32,
    start: int,
    stop: int,
):
    for i in range(start, stop):
        row, target = x[i], out[i]
        mean = np.float32(total(row) / row.size)
        scale = np.float32(1 / np.sqrt(squares(row, mean) / row.size + eps))
        for j in range(row.size):
            target[j] = (row[j] - mean) * scale * weight[j] + bias[j]


@kernel
def layer_norm_slopes(
    g: float32[:, ::1],
    x: float32[:, ::1],
    weight: float32[::1],
    slope: float32[:, ::1],
    parts: float32[:, :, ::1],
    eps: float32,
    start: int,
    stop: int,
):
    rows = len(x)
    block = (rows + len(parts) - 1) // len(parts)
    for b in range(start, stop):
        at_weight, at_bias = parts[b, 0], parts[b, 1]
        for j in range(at_weight.size):
            at_weight[j] = ZERO
            at_bias[j] = ZERO
        for i in range(b * block, min((b + 1) * block, rows)):
            upper, row, target = g[i], x[i], slope[i]
            mean = np.float32(total(row) / row.size)
            level, along, spread = ZERO, ZERO, ZERO
            for j in range(row.size):
                unit, above = row[j] - mean, upper[j] * weight[j]
                level += above
                along += above * unit
                spread += unit * unit
            variance = spread / row.size + eps
            scale, shift = np.float32(1 / np.sqrt(variance)), np.float32(level / row.size)
            factor = np.float32(along / (variance * row.size))
            for j in range(row.size):
                target[j] = (upper[j] * weight[j] - shift - (row[j] - mean) * factor) * scale
            for j in range(at_weight.size):
                at_weight[j] += upper[j] * (row[j] - mean) * scale
                at_bias[j] += upper[j]


def _all(size, dtype, value, parameter):
    """A parameter as one row; `value` everywhere where it is missing."""
    return np.full(size, value, dtype) if parameter is None else parameter.reshape(-1)


def layer_norm(xp, input, weight=None, bias=None, normalized_shape=(), eps=1e-5):
    """The forward of `layer_norm_op` as one loop over rows."""
    if input.size == input.shape[-1] >= LEAST_ROW and weight is not None and bias is not None:
        return _row(xp, input, weight, bias, normalized_shape, eps)
    given = [p for p in (weight, bias) if p is not None]
    enough = input.size >= compiled.LEAST and layer_norm_rows.serves(input, *given)
    if not enough or not fits(input, normalized_shape, *given):
        return layer_norm_op.forward(xp, input, weight, bias, normalized_shape, eps)
    size = math.prod(normalized_shape)
    rows, out = input.reshape(-1, size), np.empty_like(input)
    parameters = _all(size, input.dtype, 1, weight), _all(size, input.dtype, 0, bias)
    layer_norm_rows.share(len(rows), size, rows, *parameters, out.reshape(rows.shape), eps)
    return out


def _row(xp, input, weight, bias, shape, eps):
    """A single row, as where a text is written id by id: the same loop in as few steps as can be."""
    same = input.dtype is weight.dtype is bias.dtype and input.dtype in layer_norm_rows.floats
    if not same or not weight.shape == bias.shape == shape == input.shape[-1:] or not compiled.allowed():
        return layer_norm_op.forward(xp, input, weight, bias, shape, eps)
    if not (input.flags.c_contiguous and weight.flags.c_contiguous and bias.flags.c_contiguous):
        return layer_norm_op.forward(xp, input, weight, bias, shape, eps)
    out = np.empty((1, input.size), input.dtype)
    layer_norm_rows.load(input.dtype).share((input.reshape(1, -1), weight, bias, out, eps), 1, 1)
    return out.reshape(input.shape)


def layer_norm_slope(g, input, weight, needs, normalized_shape, eps, xp):
    """The gradients of `layer_norm_op` on arrays."""
    if not layer_norm_slopes.serves(input, g, *(() if weight is None else (weight,))):
        return layer_norm_array(g, input, weight, needs, normalized_shape, eps, xp)
    size = math.prod(normalized_shape)
    rows, slope = input.reshape(-1, size), np.empty_like(input)
    wanted = needs[1] or needs[2]
    parts = np.empty((min(BLOCKS, len(rows)), 2, size if wanted else 0), input.dtype)
    flat = _all(size, input.dtype, 1, weight)
    arrays = g.reshape(rows.shape), rows, flat, slope.reshape(rows.shape), parts
    layer_norm_slopes.share(len(parts), 2 * input.size // len(parts), *arrays, eps)
    if not wanted:
        return slope, None, None
    at_weight, at_bias = parts.sum(axis=0)
    return slope, at_weight.reshape(normalized_shape), at_bias.reshape(normalized_shape)


layer_norm_op.kernel("cpu", layer_norm)
layer_norm_op.array_vjp(layer_norm_slope)
