"""cross_entropy of class indices: the forward keeps nothing, the backward writes its gradient and no other matrix."""

from __future__ import annotations

import numpy as np

from facula.ops.kernels.compiled import float32, int64, kernel
from facula.ops.kernels.rows import exponentials, fill, highest
from facula.ops.kernels.vector import ZERO, exp
from facula.ops.loss_class import class_rows, class_scale, cross_entropy_array, cross_entropy_op, reduced


@kernel
def cross_entropy_rows(x: float32[:, ::1], picked: int64[::1], loss: float32[::1], start: int, stop: int):
    for i in range(start, stop):
        row = x[i]
        top = highest(row)
        loss[i] = np.log(exponentials(row, top)) - (row[picked[i]] - top)


@kernel
def cross_entropy_slopes(
    x: float32[:, ::1], picked: int64[::1], scale: float32[::1], slope: float32[:, ::1], start: int, stop: int
):
    for i in range(start, stop):
        row, target = x[i], slope[i]
        if scale[i] == ZERO:
            fill(target, ZERO)
            continue
        top = highest(row)
        whole = ZERO
        for j in range(row.size):
            target[j] = exp(row[j] - top)
            whole += target[j]
        factor = scale[i] / whole
        for j in range(row.size):
            target[j] *= factor
        target[picked[i]] -= scale[i]


def _serves(loop, input, target):
    return (
        loop.serves(input)
        and input.ndim == 2
        and target.shape == input.shape[:1]
        and type(target) is np.ndarray
        and target.dtype == np.int64
        and target.flags.c_contiguous
    )


def cross_entropy(xp, input, target, ignore_index, reduction):
    """The forward of `cross_entropy_op` as a loop over rows."""
    if not _serves(cross_entropy_rows, input, target):
        return cross_entropy_op.forward(xp, input, target, ignore_index, reduction)
    _, picked, counted = class_rows(xp, input, target, ignore_index, "cross_entropy")
    loss = np.empty(len(input), input.dtype)
    cross_entropy_rows.share(len(input), input.shape[1], input, picked, loss)
    return reduced(xp, loss, counted, reduction)


def cross_entropy_slope(g, input, target, ignore_index, reduction, xp):
    """The gradient of `cross_entropy_op` on arrays."""
    if not _serves(cross_entropy_slopes, input, target):
        return cross_entropy_array(g, input, target, ignore_index, reduction, xp)
    _, picked, _ = class_rows(xp, input, target, ignore_index, "cross_entropy")
    scale = np.ascontiguousarray(class_scale(g, target, ignore_index, reduction)[:, 0], input.dtype)
    slope = np.empty_like(input)
    cross_entropy_slopes.share(len(input), input.shape[1], input, picked, scale, slope)
    return slope


cross_entropy_op.kernel("cpu", cross_entropy)
cross_entropy_op.array_vjp(input=cross_entropy_slope)
