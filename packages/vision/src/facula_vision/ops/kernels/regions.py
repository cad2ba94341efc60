# mypy: ignore-errors
# a record's arguments are arrays by position, the annotations of a compiled loop are numba's types
"""Regions of feature maps brought to one size: weighted sums over rows and columns, and the greatest values of bins.

`roi_align`, `ps_roi_align` and `ps_roi_pool` differ in nothing but which rows and columns of the map a bin reads and with
which weights. Both are tables (regions, bins, taps), so one record and its adjoint serve all three.
"""

from __future__ import annotations

import numpy as np

from facula.library import F, Meta, arg, int64, kernel, op, sample

ZERO = np.float32(0)
_BATCH = arg(values=np.array([1, 0, 1]))
_TAPS = [arg((3, 2, 4), "int64", 0, 5), arg((3, 2, 4)), arg((3, 3, 4), "int64", 0, 6), arg((3, 3, 4))]


def _sampled_shape(input, batch, rows, row_weights, columns, column_weights, by_place=False):
    bins = rows.shape[1], columns.shape[1]
    channels = input.shape[1] // (bins[0] * bins[1]) if by_place else input.shape[1]
    return Meta((batch.shape[0], channels, *bins), input.dtype)


def _matrices(xp, places, weights, size):
    """Tables of taps as matrices (regions, bins, size)."""
    found = xp.zeros((*places.shape[:2], size), weights.dtype)
    region, bin = xp.arange(places.shape[0])[:, None, None], xp.arange(places.shape[1])[:, None]
    xp.add.at(found, (region, bin, places), weights)
    return found


def _patches(xp, batch, rows, row_weights, columns, column_weights, height, width):
    """For each region: its number, its picture, its part of the map, and the two matrices over that part."""
    down = _matrices(xp, rows, row_weights, height)
    across = _matrices(xp, columns, column_weights, width)
    ends = [f(a, axis=(1, 2)).tolist() for a in (rows, columns) for f in (xp.min, xp.max)]
    for k, (n, top, bottom, left, right) in enumerate(zip(batch.tolist(), *ends, strict=True)):
        part = slice(top, bottom + 1), slice(left, right + 1)
        yield k, n, part, down[k, :, part[0]], across[k, :, part[1]]


@op(
    _sampled_shape,
    samples=[
        sample((2, 3, 5, 6), _BATCH, *_TAPS),
        sample((2, 12, 5, 6), _BATCH, *_TAPS, by_place=True),
    ],
)
def roi_sample_op(xp, input, batch, rows, row_weights, columns, column_weights, /, by_place=False):
    """Sums over rows and columns of the map by their weights; `by_place` each bin reads a channel of its own.

    Shape: (n, c, h, w), (k), (k, p, s), (k, p, s), (k, q, t), (k, q, t) -> (k, c, p, q), or (k, c / (p q), p, q).
    """
    out = xp.empty(
        _sampled_shape(input, batch, rows, row_weights, columns, column_weights, by_place).shape, input.dtype
    )
    if not out.size:
        return out
    tables = batch, rows, row_weights, columns, column_weights
    for k, n, part, down, across in _patches(xp, *tables, *input.shape[2:]):
        patch = input[(n, slice(None), *part)]
        if by_place:
            out[k] = xp.einsum("ph,cpqhw,qw->cpq", down, patch.reshape(*out.shape[1:], *patch.shape[1:]), across)
        else:
            out[k] = down @ (patch @ across.T)
    return out


@op(
    lambda upper, *tables, size, by_place=False: Meta(size, upper.dtype),
    samples=[
        sample((3, 3, 2, 3), _BATCH, *_TAPS, size=(2, 3, 5, 6)),
        sample((3, 2, 2, 3), _BATCH, *_TAPS, size=(2, 12, 5, 6), by_place=True),
    ],
)
def roi_spread_op(xp, upper, batch, rows, row_weights, columns, column_weights, /, size, by_place=False):
    """The adjoint of `roi_sample_op`: each number goes to all that its bin has read, by their weights.

    Shape: (k, c, p, q), (k), (k, p, s), (k, p, s), (k, q, t), (k, q, t) -> size.
    """
    out = xp.zeros(size, upper.dtype)
    if not upper.size:
        return out
    tables = batch, rows, row_weights, columns, column_weights
    for k, n, part, down, across in _patches(xp, *tables, *size[2:]):
        target = out[(n, slice(None), *part)]
        if by_place:
            spread = xp.einsum("ph,cpq,qw->cpqhw", down, upper[k], across)
            target += spread.reshape(target.shape)
        else:
            target += down.T @ (upper[k] @ across)
    return out


@kernel
def merge_taps(
    weights: F[:, :, ::1], places: int64[:, :, ::1], joined: F[:, :, ::1], distinct: int64[:, :, ::1], counts: int64[:, ::1],
    start: int, stop: int,
):  # fmt: skip
    """The distinct places of each bin and the sums of their weights; neighbouring taps read many a row twice."""
    for k in range(start, stop):
        for i in range(places.shape[1]):
            into, where, count = joined[k, i], distinct[k, i], 0
            for t in range(places.shape[2]):
                place, weight = places[k, i, t], weights[k, i, t]
                if weight == ZERO:
                    continue
                at = count - 1
                while at >= 0 and where[at] != place:
                    at -= 1
                if at >= 0:
                    into[at] += weight
                else:
                    where[count], into[count] = place, weight
                    count += 1
            counts[k, i] = count


@kernel
def sample_regions(
    x: F[:, :, :, ::1], out: F[:, :, :, ::1], batch: int64[::1],
    rows: int64[:, :, ::1], row_weights: F[:, :, ::1], row_counts: int64[:, ::1],
    columns: int64[:, :, ::1], column_weights: F[:, :, ::1], column_counts: int64[:, ::1],
    by_place: int, start: int, stop: int,
):  # fmt: skip
    high, wide = out.shape[2], out.shape[3]
    for k in range(start, stop):
        n = batch[k]
        for c in range(out.shape[1]):
            for i in range(high):
                target = out[k, c, i]
                for j in range(wide):
                    target[j] = ZERO
                for s in range(row_counts[k, i]):
                    weight, y = row_weights[k, i, s], np.uint64(rows[k, i, s])
                    for j in range(wide):
                        line = x[n, (c * high + i) * wide + j if by_place else c, y]
                        places, weights, total = columns[k, j], column_weights[k, j], ZERO
                        for t in range(column_counts[k, j]):
                            total += weights[t] * line[np.uint64(places[t])]
                        target[j] += weight * total


@kernel
def spread_regions(
    g: F[:, :, :, ::1], slope: F[:, :, :, ::1], batch: int64[::1],
    rows: int64[:, :, ::1], row_weights: F[:, :, ::1], row_counts: int64[:, ::1],
    columns: int64[:, :, ::1], column_weights: F[:, :, ::1], column_counts: int64[:, ::1],
    by_place: int, start: int, stop: int,
):  # fmt: skip
    """The channels of the map are shared out, so no two threads write into one place."""
    high, wide = g.shape[2], g.shape[3]
    for channel in range(start, stop):
        c = channel // (high * wide) if by_place else channel
        first, last = 0, high * wide
        if by_place:
            first = channel % (high * wide)
            last = first + 1
        for k in range(batch.size):
            plane = slope[batch[k], channel]
            for at in range(first, last):
                i, j = at // wide, at % wide
                places, weights, upper = columns[k, j], column_weights[k, j], g[k, c, i, j]
                for s in range(row_counts[k, i]):
                    line, part = plane[np.uint64(rows[k, i, s])], upper * row_weights[k, i, s]
                    for t in range(column_counts[k, j]):
                        line[np.uint64(places[t])] += part * weights[t]


def _merged(places, weights, dtype):
    """One table with distinct places, in the types that the loops read, and their counts."""
    places, weights = np.ascontiguousarray(places, np.int64), np.ascontiguousarray(weights, dtype)
    joined, distinct, counts = np.empty_like(weights), np.empty_like(places), np.empty(places.shape[:2], np.int64)
    merge_taps.share(len(places), 4 * places[0].size, weights, places, joined, distinct, counts)
    return distinct, joined, counts


def _ready(dtype, batch, rows, row_weights, columns, column_weights):
    """All that the loops read of the tables, and the mean number of products for a channel of a region."""
    down, across = _merged(rows, row_weights, dtype), _merged(columns, column_weights, dtype)
    work = int(down[2].sum() * across[2].sum() // len(batch) ** 2)
    return [np.ascontiguousarray(batch, np.int64), *down, *across], work


def roi_sample(xp, input, *tables_and_place):
    *tables, by_place = tables_and_place
    if not sample_regions.serves(input) or not len(tables[0]):
        return roi_sample_op.forward(xp, input, *tables, by_place)
    out = np.empty(_sampled_shape(input, *tables, by_place).shape, input.dtype)
    tables, work = _ready(input.dtype, *tables)
    sample_regions.share(len(out), out.shape[1] * work, input, out, *tables, int(by_place))
    return out


def roi_spread(xp, upper, *tables_and_rest):
    *tables, size, by_place = tables_and_rest
    if not spread_regions.serves(upper) or not upper.size:
        return roi_spread_op.forward(xp, upper, *tables, size, by_place)
    slope = np.zeros(size, upper.dtype)
    tables, work = _ready(upper.dtype, *tables)
    spread_regions.share(size[1], len(upper) * work, upper, slope, *tables, int(by_place))
    return slope


def _sampled_slope(g, batch, rows, row_weights, columns, column_weights, shapes, by_place):
    return roi_spread_op(g, batch, rows, row_weights, columns, column_weights, size=tuple(shapes[0]), by_place=by_place)


def _sampled_array_slope(g, batch, rows, row_weights, columns, column_weights, shapes, by_place, xp):
    tables = batch, rows, row_weights, columns, column_weights
    form = roi_spread if xp is np else roi_spread_op.forward
    return form(xp, np.ascontiguousarray(g) if xp is np else g, *tables, tuple(shapes[0]), by_place)


roi_sample_op.kernel("cpu", roi_sample)
roi_sample_op.vjp(input=_sampled_slope)
roi_sample_op.array_vjp(input=_sampled_array_slope)
roi_spread_op.kernel("cpu", roi_spread)
roi_spread_op.vjp(
    upper=lambda g, batch, rows, row_weights, columns, column_weights, by_place: roi_sample_op(
        g, batch, rows, row_weights, columns, column_weights, by_place=by_place
    )
)


@op(
    lambda input, batch, tops, bottoms, lefts, rights: Meta(
        (batch.shape[0], input.shape[1], tops.shape[1], lefts.shape[1]), np.int64
    ),
    nondiff=True,
    samples=[
        sample((2, 3, 5, 6), _BATCH, *[arg(values=np.array(v)) for v in ([[0, 2]] * 3, [[2, 5]] * 3, [[0, 3]] * 3, [[3, 3]] * 3)]),
        sample((1, 2, 3, 3), arg(values=np.array([0])), *[arg(values=np.array([[v]])) for v in (0, 3, 1, 3)]),
    ],
)  # fmt: skip
def roi_places_op(xp, input, batch, tops, bottoms, lefts, rights, /):
    """Where the greatest number of each bin stands, counted over the whole input; -1 for an empty bin.

    Shape: (n, c, h, w), (k), (k, p), (k, p), (k, q), (k, q) -> (k, c, p, q).
    """
    _, channels, height, width = input.shape
    high, wide = tops.shape[1], lefts.shape[1]
    out = xp.full((len(batch), channels, high, wide), -1, xp.int64)
    ends = [a.tolist() for a in (tops, bottoms, lefts, rights)]
    for k, n in enumerate(batch.tolist()):
        planes = (n * channels + xp.arange(channels)) * height * width
        top, bottom, left, right = [end[k] for end in ends]
        for i in range(high):
            for j in range(wide):
                part = input[n, :, top[i] : bottom[i], left[j] : right[j]]
                if part.size:
                    best = part.reshape(channels, -1).argmax(axis=1)
                    across = right[j] - left[j]
                    out[k, :, i, j] = planes + (top[i] + best // across) * width + left[j] + best % across
    return out


@kernel
def find_places(
    x: F[:, :, :, ::1], out: int64[:, :, :, ::1], batch: int64[::1], tops: int64[:, ::1], bottoms: int64[:, ::1],
    lefts: int64[:, ::1], rights: int64[:, ::1], start: int, stop: int,
):  # fmt: skip
    channels, height, width = x.shape[1], x.shape[2], x.shape[3]
    for k in range(start, stop):
        n = batch[k]
        for c in range(channels):
            plane, base = x[n, c], (n * channels + c) * height * width
            for i in range(out.shape[2]):
                for j in range(out.shape[3]):
                    found = -1
                    if tops[k, i] < bottoms[k, i] and lefts[k, j] < rights[k, j]:
                        row, column = tops[k, i], lefts[k, j]
                        best = plane[row, column]
                        for y in range(tops[k, i], bottoms[k, i]):
                            line = plane[y]
                            for z in range(lefts[k, j], rights[k, j]):
                                value = line[np.uint64(z)]
                                if value > best or (value != value and best == best):
                                    best, row, column = value, y, z
                        found = base + row * width + column
                    out[k, c, i, j] = found


def roi_places(xp, input, *tables):
    if not find_places.serves(input):
        return roi_places_op.forward(xp, input, *tables)
    batch, tops, bottoms, lefts, rights = tables = [np.ascontiguousarray(table, np.int64) for table in tables]
    out = np.empty((len(batch), input.shape[1], tops.shape[1], lefts.shape[1]), np.int64)
    if out.size:
        mean = (bottoms - tops).sum() * (rights - lefts).sum() // len(batch) ** 2
        find_places.share(len(batch), input.shape[1] * int(mean), input, out, *tables)
    return out


roi_places_op.kernel("cpu", roi_places)
