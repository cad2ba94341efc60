"""max_pool and avg_pool of rows and images: each window's rows are joined on vector registers, then its columns.

An item is one plane (a channel of an image). A row of windows is first made one row of numbers with room for the padding.
"""

from __future__ import annotations

import math

import numpy as np

from facula.ops import pool
from facula.ops.kernels.compiled import float32, inline, int64, kernel
from facula.ops.kernels.cpu.columns import span
from facula.ops.kernels.vector import INF, ZERO
from facula.ops.pool import avg_pool_op, avg_spread_op, max_pool_op


@inline
def higher(a, b):
    """The higher of two numbers; nan wins."""
    return b if (b > a) | (b != b) else a


@inline
def raise_to(target, source, offset, step, size):
    """target[j] = the higher of itself and source[offset + j * step], where that lies within."""
    first, last = span(offset, step, size, target.size)
    for j in range(np.uint64(first), np.uint64(last)):
        target[j] = higher(target[j], source[np.uint64(offset) + j * np.uint64(step)])


@kernel
def max_planes(
    x: float32[:, :, ::1], out: float32[:, :, ::1], joined: float32[:, ::1], how: int64[::1], start: int, stop: int
):
    tall, wide, down, right, top, left, apart, beside = how[0], how[1], how[2], how[3], how[4], how[5], how[6], how[7]
    width = x.shape[2]
    for p in range(start, stop):
        for i in range(out.shape[1]):
            inside, target = joined[p], out[p, i]
            if tall == 1 and 0 <= i * down - top < x.shape[1]:
                inside = x[p, i * down - top]
            else:
                for j in range(width):
                    inside[j] = -INF
                for k in range(tall):
                    y = i * down - top + k * apart
                    if 0 <= y < x.shape[1]:
                        row = x[p, y]
                        for j in range(width):
                            inside[j] = higher(inside[j], row[j])
            begin = 0
            if left == 0 and (target.size - 1) * right < width:  # nothing outside: the first place is where to begin
                begin = 1
                for j in range(np.uint64(target.size)):
                    target[j] = inside[j * np.uint64(right)]
            else:
                for j in range(target.size):
                    target[j] = -INF
            for k in range(begin, wide):
                if right == 2:  # a step that the compiler knows
                    raise_to(target, inside, k * beside - left, 2, width)
                else:
                    raise_to(target, inside, k * beside - left, right, width)


@inline
def hand_out(row, line, best, rest, offset, step):
    """What is left of each window's gradient goes to its number at this place, if that is the highest."""
    first, last = span(offset, step, line.size, best.size)
    for j in range(np.uint64(first), np.uint64(last)):
        at = np.uint64(offset) + j * np.uint64(step)
        value, left = line[at], rest[j]
        hit = (value == best[j]) | (value != value)
        row[at] = left if hit else ZERO
        rest[j] = ZERO if hit else left


@kernel
def max_slopes_apart(
    g: float32[:, :, ::1], out: float32[:, :, ::1], x: float32[:, :, ::1], slope: float32[:, :, ::1], rests: float32[:, ::1],
    how: int64[::1], start: int, stop: int,
):  # fmt: skip
    """`max_slopes` where windows lie apart: place by place of all windows of a row."""
    tall, wide, down, right, top, left, apart, beside = how[0], how[1], how[2], how[3], how[4], how[5], how[6], how[7]
    for p in range(start, stop):
        plane, rest = slope[p], rests[p]
        for y in range(plane.shape[0]):
            for j in range(plane.shape[1]):
                plane[y, j] = ZERO
        for i in range(out.shape[1]):
            for j in range(rest.size):
                rest[j] = g[p, i, j]
            for k in range(tall):
                y = i * down - top + k * apart
                if 0 <= y < x.shape[1]:
                    for n in range(wide):
                        if right == 2:
                            hand_out(plane[y], x[p, y], out[p, i], rest, n * beside - left, 2)
                        else:
                            hand_out(plane[y], x[p, y], out[p, i], rest, n * beside - left, right)


@kernel
def max_slopes(
    g: float32[:, :, ::1], out: float32[:, :, ::1], x: float32[:, :, ::1], slope: float32[:, :, ::1],
    how: int64[::1], start: int, stop: int,
):  # fmt: skip
    """Each window's gradient goes to its first maximum."""
    tall, wide, down, right, top, left, apart, beside = how[0], how[1], how[2], how[3], how[4], how[5], how[6], how[7]
    for p in range(start, stop):
        plane = slope[p]
        for y in range(plane.shape[0]):
            for j in range(plane.shape[1]):
                plane[y, j] = ZERO
        for i in range(out.shape[1]):
            for j in range(out.shape[2]):
                best, row, column = out[p, i, j], 0, 0
                for k in range(tall - 1, -1, -1):  # from the last to the first, without a branch that depends on values
                    y = i * down - top + k * apart
                    if 0 <= y < x.shape[1]:
                        line = x[p, y]
                        for n in range(wide - 1, -1, -1):
                            at = j * right - left + n * beside
                            if 0 <= at < line.size:
                                hit = (line[at] == best) | (line[at] != line[at])
                                row, column = y if hit else row, at if hit else column
                plane[row, column] += g[p, i, j]


@kernel
def mean_planes(
    x: float32[:, :, ::1], out: float32[:, :, ::1], joined: float32[:, ::1], rows: float32[::1], columns: float32[::1],
    how: int64[::1], start: int, stop: int,
):  # fmt: skip
    """Sums of windows over rows[i] * columns[j]."""
    tall, wide, down, right, top, left = how[0], how[1], how[2], how[3], how[4], how[5]
    for p in range(start, stop):
        whole = joined[p]
        for j in range(whole.size):
            whole[j] = ZERO
        inside = whole[left : left + x.shape[2]]
        for i in range(out.shape[1]):
            for j in range(inside.size):
                inside[j] = ZERO
            for k in range(tall):
                y = i * down - top + k
                if 0 <= y < x.shape[1]:
                    row = x[p, y]
                    for j in range(inside.size):
                        inside[j] += row[j]
            target, count = out[p, i], rows[i]
            for j in range(target.size):
                sum = whole[j * right]
                for k in range(1, wide):
                    sum += whole[j * right + k]
                target[j] = sum / (count * columns[j])


@kernel
def mean_slopes(
    g: float32[:, :, ::1], slope: float32[:, :, ::1], joined: float32[:, ::1], rows: float32[::1],
    columns: float32[::1], how: int64[::1], start: int, stop: int,
):  # fmt: skip
    """The adjoint: each number, over its count, to all of its window."""
    tall, wide, down, right, top, left = how[0], how[1], how[2], how[3], how[4], how[5]
    for p in range(start, stop):
        plane, whole = slope[p], joined[p]
        inside = whole[left : left + plane.shape[1]]
        for y in range(plane.shape[0]):
            for j in range(plane.shape[1]):
                plane[y, j] = ZERO
        for i in range(g.shape[1]):
            source, count = g[p, i], rows[i]
            for j in range(whole.size):
                whole[j] = ZERO
            for j in range(source.size):
                part = source[j] / (count * columns[j])
                for k in range(wide):
                    whole[j * right + k] += part
            for k in range(tall):
                y = i * down - top + k
                if 0 <= y < plane.shape[0]:
                    row = plane[y]
                    for j in range(inside.size):
                        row[j] += inside[j]


def _planes(array, rank):
    """An array as planes, rows and columns."""
    rows = array.shape[-2] if rank == 2 else 1
    return array.reshape(math.prod(array.shape[: array.ndim - rank]), rows, array.shape[-1])


def _how(kernel, stride, padding, dilation):
    """The windows in both directions: size, stride, padding before, dilation."""
    pairs = zip(kernel, stride, [low for low, _ in padding], dilation, strict=True)
    both = [*[(1, 1, 0, 1)] * (2 - len(kernel)), *pairs]
    return np.array([pair[k] for k in range(4) for pair in both], np.int64)


def _room(planes, width, outs, how):
    """Memory for one joined row of each plane: all that its windows reach."""
    _, wide, _, right, _, left, _, beside = how
    return np.empty((planes, max(left + width, (outs[-1] - 1) * right + (wide - 1) * beside + 1)), np.float32)


def max_pool(xp, input, kernel, stride, padding, dilation, ceil_mode):
    rank = len(kernel)
    if rank > 2 or not max_planes.serves(input):
        return max_pool_op.forward(xp, input, kernel, stride, padding, dilation, ceil_mode)
    out = np.empty(max_pool_op.rule.shape(input, kernel, stride, padding, dilation, ceil_mode).shape, np.float32)
    x, how = _planes(input, rank), _how(kernel, stride, padding, dilation)
    joined = np.empty((len(x), x.shape[2]), np.float32)
    max_planes.share(len(x), x[0].size * 2, x, _planes(out, rank), joined, how)
    return out


def max_slope(g, out, input, kernel, stride, padding, dilation, ceil_mode, xp):
    rank = len(kernel)
    overlapping = any(s < d * (k - 1) + 1 for k, s, d in zip(kernel, stride, dilation, strict=True))
    if rank > 2 or not max_slopes.serves(g, out, input):
        return pool.max_array(g, out, input, kernel, stride, padding, dilation, ceil_mode, xp)
    slope = np.empty_like(input)
    x, how = _planes(input, rank), _how(kernel, stride, padding, dilation)
    arrays, cost = (_planes(g, rank), _planes(out, rank), x, _planes(slope, rank)), 2 * x[0].size
    if overlapping:
        max_slopes.share(len(x), cost, *arrays, how)
    else:
        max_slopes_apart.share(len(x), cost, *arrays, np.empty((len(x), out.shape[-1]), np.float32), how)
    return slope


def _counts(size, outs, kernel, stride, padding, include, override):
    """What sums are divided by, as a product of one number for the row and one for the column."""
    counts = [np.ones(1, np.float32)] * (2 - len(kernel))
    counts += pool.counts_along(size, kernel, stride, padding, outs, include)
    if override is not None:
        counts = [np.full(len(c), n, np.float32) for c, n in zip(counts, (override, 1), strict=True)]
    return [c.astype(np.float32) for c in counts]


def avg_pool(xp, input, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override):
    rank = len(kernel)
    if rank > 2 or not mean_planes.serves(input):
        return avg_pool_op.forward(xp, input, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override)
    out = np.empty(avg_pool_op.rule.shape(input, kernel, stride, padding, ceil_mode).shape, np.float32)
    x, how = _planes(input, rank), _how(kernel, stride, padding, (1,) * rank)
    outs = out.shape[-rank:]
    counts = _counts(input.shape[-rank:], outs, kernel, stride, padding, count_include_pad, divisor_override)
    joined = _room(len(x), x.shape[2], outs, how)
    mean_planes.share(len(x), x[0].size * 2, x, _planes(out, rank), joined, *counts, how)
    return out


def avg_spread(xp, upper, size, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override):
    rank = len(kernel)
    if rank > 2 or not mean_slopes.serves(upper):
        return avg_spread_op.forward(
            xp, upper, size, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override
        )
    slope = np.empty((*upper.shape[: upper.ndim - rank], *size), np.float32)
    g, target, how = _planes(upper, rank), _planes(slope, rank), _how(kernel, stride, padding, (1,) * rank)
    outs = upper.shape[-rank:]
    counts = _counts(size, outs, kernel, stride, padding, count_include_pad, divisor_override)
    joined = _room(len(g), size[-1], outs, how)
    mean_slopes.share(len(g), target[0].size * 2, g, target, joined, *counts, how)
    return slope


def avg_slope(g, shapes, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override, xp):
    size = tuple(shapes[0][-len(kernel) :])
    return avg_spread(xp, g, size, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override)


max_pool_op.kernel("cpu", max_pool)
max_pool_op.array_vjp(input=max_slope)
avg_pool_op.kernel("cpu", avg_pool)
avg_pool_op.array_vjp(input=avg_slope)
avg_spread_op.kernel("cpu", avg_spread)
