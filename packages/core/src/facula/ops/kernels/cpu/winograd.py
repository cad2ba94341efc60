"""3 x 3 convolutions of stride 1 by Winograd's algorithm F(4 x 4, 3 x 3): 36 products for 16 results instead of 144.

An output tile of 4 x 4 is A' [(G w G') * (B' d B)] A, where d is the 6 x 6 tile of the input under it. Summed over channels,
the product in the middle is one matrix product for each of the 36 places of a tile. The gradients have the same form: the
input's is a convolution with the weight turned around, the weight's is G' [sum over tiles of (B' d B) * (A g A')] G.

The loops go over rows of tiles and over 64 channels at a time, one channel in each lane of the vector registers. Their
scratch has a fixed layout, so that the compiler sees that nothing overlaps: a strip of columns, each with 6 rows of 64
channels, and the 36 rows of one tile.

Source: Lavin and Gray, "Fast algorithms for convolutional neural networks", 2016.
"""

from __future__ import annotations

import math

import numpy as np

from facula.devices.threads import ranges, single_blas
from facula.ops.kernels import native, sequence
from facula.ops.kernels.compiled import float32, inline, kernel
from facula.ops.kernels.cpu.products import STACK, gemm, product_pieces, serves
from facula.ops.kernels.sequence import places
from facula.ops.kernels.workspace import workspace

LEAST_CHANNELS, LEAST_TILES = 16, 32
SMALL_WEIGHT, TILES_OF_SMALL = (
    1 << 16,
    16,
)  # pairs of channels whose 36 matrices stay in a cache, and the tiles that pay then
_FEW = 1 << 18  # numbers in tiles at a time, for the second cache
_MANY = 1 << 20  # for the third cache, where the fewer sums are to be added up the better
LANES, COLUMN, TILE = 64, 6 * 64, 36 * 64
_NONE = np.empty(0, np.float32)
f = np.float32
TWO, FOUR, FIVE, EIGHT = f(2), f(4), f(5), f(8)
QUARTER, SIXTH, TWELFTH, TWENTY_FOURTH = f(1 / 4), f(1 / 6), f(1 / 12), f(1 / 24)


@inline
def fetch(strip, source, base, plane, lanes, height, width, y0, x0, columns, rows):
    """Turn rows y0 .. y0 + rows of `lanes` planes into columns of the strip; outside of the picture there are zeros.

    Eight planes at a time: one store of eight numbers is cheaper than eight stores.
    """
    first, last = max(0, -x0), min(columns, width - x0)
    for i in range(rows):
        inside = 0 <= y0 + i < height
        for x in range(columns):
            if not inside or x < first or x >= last:
                cell = strip[x * COLUMN + i * LANES :]
                for c in range(64):
                    cell[c] = 0
        if inside and last > first:
            at, cells = base + (y0 + i) * width + x0 + first, strip[first * COLUMN + i * LANES :]
            n = last - first
            for c in range(0, lanes - 7, 8):
                a = source[at : at + n], source[at + plane : at + plane + n]
                b = source[at + 2 * plane : at + 2 * plane + n], source[at + 3 * plane : at + 3 * plane + n]
                d = source[at + 4 * plane : at + 4 * plane + n], source[at + 5 * plane : at + 5 * plane + n]
                e = source[at + 6 * plane : at + 6 * plane + n], source[at + 7 * plane : at + 7 * plane + n]
                for x in range(n):
                    cell = cells[x * COLUMN + c : x * COLUMN + c + 8]
                    cell[0], cell[1], cell[2], cell[3] = a[0][x], a[1][x], b[0][x], b[1][x]
                    cell[4], cell[5], cell[6], cell[7] = d[0][x], d[1][x], e[0][x], e[1][x]
                at += 8 * plane
            for c in range(lanes - lanes % 8, lanes):
                line = source[at : at + n]
                for x in range(n):
                    cells[x * COLUMN + c] = line[x]
                at += plane


@inline
def store(out, at, cells, bias, plane, lanes, width):
    """Turn the columns of one row of results into a row of each of `lanes` planes, and add the bias."""
    for c in range(0, lanes - 7, 8):
        a = out[at : at + width], out[at + plane : at + plane + width]
        b = out[at + 2 * plane : at + 2 * plane + width], out[at + 3 * plane : at + 3 * plane + width]
        d = out[at + 4 * plane : at + 4 * plane + width], out[at + 5 * plane : at + 5 * plane + width]
        e = out[at + 6 * plane : at + 6 * plane + width], out[at + 7 * plane : at + 7 * plane + width]
        for x in range(width):
            cell, add = cells[x * COLUMN + c : x * COLUMN + c + 8], bias[c : c + 8]
            a[0][x], a[1][x], b[0][x], b[1][x] = cell[0] + add[0], cell[1] + add[1], cell[2] + add[2], cell[3] + add[3]
            d[0][x], d[1][x], e[0][x], e[1][x] = cell[4] + add[4], cell[5] + add[5], cell[6] + add[6], cell[7] + add[7]
        at += 8 * plane
    for c in range(lanes - lanes % 8, lanes):
        line = out[at : at + width]
        for x in range(width):
            line[x] = cells[x * COLUMN + c] + bias[c]
        at += plane


@inline
def put_tile(tile, tiles, t, first, lanes):
    """Copy the 36 rows of a tile to where the matrix products read them."""
    for k in range(36):
        target, row = tiles[k, t, first : first + lanes], tile[k * LANES :]
        for c in range(target.size):
            target[c] = row[c]


@kernel
def input_tiles(
    x: float32[::1], tiles: float32[:, :, ::1], scratch: float32[::1], channels: int, height: int, width: int,
    top: int, left: int, down: int, across: int, origin: int, start: int, stop: int,
):  # fmt: skip
    """B' d B of rows of tiles: x (N, C, H, W) flat -> tiles (36, rows * across, C), from row `origin` on (-1: from the first); a picture has `down` rows."""
    tile, strip, plane = scratch[:TILE], scratch[TILE:], height * width
    origin = start if origin < 0 else origin
    for row in range(start, stop):
        for first in range(0, channels, LANES):
            lanes, columns = min(LANES, channels - first), 4 * across + 2
            base = (row // down * channels + first) * plane
            fetch(strip, x, base, plane, lanes, height, width, row % down * 4 - top, -left, columns, 6)
            for k in range(columns):
                s = strip[k * COLUMN : (k + 1) * COLUMN]
                for c in range(64):
                    d0, d1, d2, d3, d4, d5 = s[c], s[64 + c], s[128 + c], s[192 + c], s[256 + c], s[320 + c]
                    a, b, e, g = d4 - FOUR * d2, d3 - FOUR * d1, d4 - d2, TWO * (d3 - d1)
                    s[c] = FOUR * d0 - FIVE * d2 + d4
                    s[64 + c] = a + b
                    s[128 + c] = a - b
                    s[192 + c] = e + g
                    s[256 + c] = e - g
                    s[320 + c] = FOUR * d1 - FIVE * d3 + d5
            for tx in range(across):
                for i in range(6):
                    s = strip[tx * 4 * COLUMN + i * LANES :]
                    o = tile[i * COLUMN : (i + 1) * COLUMN]
                    for c in range(64):
                        d0, d1, d2, d3 = s[c], s[384 + c], s[768 + c], s[1152 + c]
                        d4, d5 = s[1536 + c], s[1920 + c]
                        a, b, e, g = d4 - FOUR * d2, d3 - FOUR * d1, d4 - d2, TWO * (d3 - d1)
                        o[c] = FOUR * d0 - FIVE * d2 + d4
                        o[64 + c] = a + b
                        o[128 + c] = a - b
                        o[192 + c] = e + g
                        o[256 + c] = e - g
                        o[320 + c] = FOUR * d1 - FIVE * d3 + d5
                put_tile(tile, tiles, (row - origin) * across + tx, first, lanes)


@kernel
def slope_tiles(
    g: float32[::1], tiles: float32[:, :, ::1], scratch: float32[::1], channels: int, height: int, width: int,
    down: int, across: int, origin: int, start: int, stop: int,
):  # fmt: skip
    """A g A' of rows of tiles of a gradient: g (N, O, H, W) flat -> tiles (36, rows * across, O)."""
    tile, strip, plane = scratch[:TILE], scratch[TILE:], height * width
    for row in range(start, stop):
        for first in range(0, channels, LANES):
            lanes, columns = min(LANES, channels - first), 4 * across
            base = (row // down * channels + first) * plane
            fetch(strip, g, base, plane, lanes, height, width, row % down * 4, 0, columns, 4)
            for k in range(columns):
                s = strip[k * COLUMN : (k + 1) * COLUMN]
                for c in range(64):
                    d0, d1, d2, d3 = s[c], s[64 + c], s[128 + c], s[192 + c]
                    a, b, e, h = d0 + d2, d1 + d3, d0 + FOUR * d2, TWO * d1 + EIGHT * d3
                    s[64 + c] = a + b
                    s[128 + c] = a - b
                    s[192 + c] = e + h
                    s[256 + c] = e - h
                    s[320 + c] = d3
            for tx in range(across):
                for i in range(6):
                    s = strip[tx * 4 * COLUMN + i * LANES :]
                    o = tile[i * COLUMN : (i + 1) * COLUMN]
                    for c in range(64):
                        d0, d1, d2, d3 = s[c], s[384 + c], s[768 + c], s[1152 + c]
                        a, b, e, h = d0 + d2, d1 + d3, d0 + FOUR * d2, TWO * d1 + EIGHT * d3
                        o[c] = d0
                        o[64 + c] = a + b
                        o[128 + c] = a - b
                        o[192 + c] = e + h
                        o[256 + c] = e - h
                        o[320 + c] = d3
                put_tile(tile, tiles, (row - origin) * across + tx, first, lanes)


@kernel
def output_tiles(
    tiles: float32[:, :, ::1], out: float32[::1], bias: float32[::1], scratch: float32[::1], offset: int, total: int,
    height: int, width: int, down: int, across: int, origin: int, start: int, stop: int,
):  # fmt: skip
    """A' m A + bias of rows of tiles: (36, rows * across, O) -> channels from `offset` on of out (N, total, H, W) flat."""
    tile, strip, plane, channels = scratch[:TILE], scratch[TILE:], height * width, tiles.shape[2]
    origin = start if origin < 0 else origin
    for row in range(start, stop):
        y0 = row % down * 4
        for first in range(0, channels, LANES):
            lanes = min(LANES, channels - first)
            for tx in range(across):
                for k in range(36):
                    source, target = tiles[k, (row - origin) * across + tx, first : first + lanes], tile[k * LANES :]
                    for c in range(source.size):
                        target[c] = source[c]
                for j in range(6):
                    s = tile[j * LANES :]
                    for c in range(64):
                        d0, d1, d2, d3 = s[c], s[384 + c], s[768 + c], s[1152 + c]
                        d4, d5 = s[1536 + c], s[1920 + c]
                        a, b, e, g = d1 + d2, d1 - d2, d3 + d4, d3 - d4
                        s[c] = d0 + a + e
                        s[384 + c] = b + TWO * g
                        s[768 + c] = a + FOUR * e
                        s[1152 + c] = b + EIGHT * g + d5
                for i in range(4):
                    s, o = tile[i * COLUMN : (i + 1) * COLUMN], strip[tx * 4 * COLUMN + i * LANES :]
                    for c in range(64):
                        d0, d1, d2, d3, d4, d5 = s[c], s[64 + c], s[128 + c], s[192 + c], s[256 + c], s[320 + c]
                        a, b, e, g = d1 + d2, d1 - d2, d3 + d4, d3 - d4
                        o[c] = d0 + a + e
                        o[384 + c] = b + TWO * g
                        o[768 + c] = a + FOUR * e
                        o[1152 + c] = b + EIGHT * g + d5
            for i in range(min(4, height - y0)):
                at, cells = ((row // down) * total + offset + first) * plane + (y0 + i) * width, strip[i * LANES :]
                store(out, at, cells, bias[offset + first :], plane, lanes, width)


@kernel
def weight_tiles(
    weight: float32[::1], tiles: float32[:, :, ::1], scratch: float32[::1], row_step: int, lane_step: int, turned: int,
    start: int, stop: int,
):  # fmt: skip
    """G w G' of every kernel: element (r, l) of the 36 matrices is of the kernel at r * row_step + l * lane_step."""
    tile, s, count = scratch[:TILE], scratch[TILE:], tiles.shape[2]
    for row in range(start, stop):
        for first in range(0, count, LANES):
            lanes = min(LANES, count - first)
            for c in range(lanes):
                at = row * row_step + (first + c) * lane_step
                source = weight[at : at + 9]
                for k in range(9):
                    s[k * LANES + c] = source[8 - k if turned else k]
            for j in range(3):
                r, o = s[j * LANES :], s[(9 + j) * LANES :]
                for c in range(64):
                    d0, d1, d2 = r[c], r[192 + c], r[384 + c]
                    a, b, e, g = SIXTH * (d0 + d2), SIXTH * d1, TWENTY_FOURTH * d0 + SIXTH * d2, TWELFTH * d1
                    o[c] = QUARTER * d0
                    o[192 + c] = -a - b
                    o[384 + c] = b - a
                    o[576 + c] = e + g
                    o[768 + c] = e - g
                    o[960 + c] = d2
            for i in range(6):
                r, o = s[(9 + 3 * i) * LANES :], tile[i * COLUMN : (i + 1) * COLUMN]
                for c in range(64):
                    d0, d1, d2 = r[c], r[64 + c], r[128 + c]
                    a, b, e, g = SIXTH * (d0 + d2), SIXTH * d1, TWENTY_FOURTH * d0 + SIXTH * d2, TWELFTH * d1
                    o[c] = QUARTER * d0
                    o[64 + c] = -a - b
                    o[128 + c] = b - a
                    o[192 + c] = e + g
                    o[256 + c] = e - g
                    o[320 + c] = d2
            put_tile(tile, tiles, row, first, lanes)


@kernel
def weight_slopes(
    tiles: float32[:, :, ::1], slope: float32[::1], scratch: float32[::1], start: int, stop: int,
):  # fmt: skip
    """G' m G: tiles (36, C, O) -> the gradient (O, C, 3, 3) of the weight, flat."""
    tile, s, count = scratch[:TILE], scratch[TILE:], tiles.shape[2]
    for row in range(start, stop):
        for first in range(0, count, LANES):
            lanes = min(LANES, count - first)
            for k in range(36):
                source, target = tiles[k, row, first : first + lanes], tile[k * LANES :]
                for c in range(source.size):
                    target[c] = source[c]
            for j in range(6):
                r, o = tile[j * LANES :], s[j * LANES :]
                for c in range(64):
                    d0, d1, d2, d3, d4, d5 = r[c], r[384 + c], r[768 + c], r[1152 + c], r[1536 + c], r[1920 + c]
                    a, b, e, g = d1 + d2, d2 - d1, d3 + d4, d3 - d4
                    o[c] = QUARTER * d0 - SIXTH * a + TWENTY_FOURTH * e
                    o[384 + c] = SIXTH * b + TWELFTH * g
                    o[768 + c] = SIXTH * (e - a) + d5
            for i in range(3):
                r = s[i * COLUMN : (i + 1) * COLUMN]
                for c in range(64):
                    d0, d1, d2, d3, d4, d5 = r[c], r[64 + c], r[128 + c], r[192 + c], r[256 + c], r[320 + c]
                    a, b, e, g = d1 + d2, d2 - d1, d3 + d4, d3 - d4
                    r[c] = QUARTER * d0 - SIXTH * a + TWENTY_FOURTH * e
                    r[64 + c] = SIXTH * b + TWELFTH * g
                    r[128 + c] = SIXTH * (e - a) + d5
            for c in range(lanes):
                at = ((first + c) * tiles.shape[1] + row) * 9
                target = slope[at : at + 9]
                for k in range(9):
                    target[k] = s[k // 3 * COLUMN + k % 3 * LANES + c]


def suits(kernel, stride, dilation, groups, channels, outs, *arrays):
    """Whether the algorithm pays: enough channels to fill the lanes, enough tiles to make up for the weight's transform.

    `channels`: of the input and the output; `outs`: (images, height, width) of the output.
    """
    least = TILES_OF_SMALL if math.prod(channels) <= SMALL_WEIGHT else LEAST_TILES
    return (
        tuple(kernel) == (3, 3)
        and tuple(stride) == tuple(dilation) == (1, 1)
        and groups == 1
        and min(channels) >= LEAST_CHANNELS
        and outs[0] * -(-outs[1] // 4) * -(-outs[2] // 4) >= least
        and input_tiles.serves(*arrays)
        and serves(arrays[0].dtype)
    )


class _Rows:
    """The rows of tiles of all images of results (height, width), some at a time so that their products stay in a cache."""

    def __init__(self, images, height, width, channels, count, room):
        self.down, self.across = -(-height // 4), -(-width // 4)
        total, tiles = images * self.down, max(LEAST_TILES, channels * count // 512, room // (36 * (channels + count)))
        step = min(total, -(-tiles // self.across))
        self.parts = ranges(total, 1, step)
        self.room = step * self.across + 1  # one more, so that the 36 planes do not fall on the same lines of a cache

    def tiles(self, name, places, channels):
        """Memory for tiles of so many channels, of each who works."""
        return workspace(f"winograd.{name}", places, 36, self.room, channels)

    def scratch(self):
        """What a loop works on, of each who works."""
        return _scratch(TILE + COLUMN * (4 * self.across + 2))


def _scratch(size, name="winograd.scratch"):
    return workspace(name, places(), size)


def _pieces(n, size):
    """Cut n rows, each of so many numbers, into items of a sequence of one form."""
    return [(0, start, stop) for start, stop in ranges(n, size, 1 << 16)]


def _weights(weight, turned):
    """G w G' as 36 matrices (C, O), or (O, C) of the kernels turned around."""
    outs, ins = weight.shape[:2]
    rows, lanes, steps = (outs, ins, (9 * ins, 9)) if turned else (ins, outs, (9, 9 * ins))
    tiles = np.empty((36, rows, lanes), np.float32)
    forms = [
        [[(weight_tiles, (weight.reshape(-1), tiles, scratch, *steps, int(turned)))]]
        for scratch in _scratch(TILE + 27 * LANES)
    ]
    sequence.run(forms, _pieces(rows, 36 * lanes))
    return tiles


def _product(source, kernels, made, tiles):
    """The 36 products of tiles with matrices."""
    (_, rows, inner), count = source.shape, kernels.shape[2]
    order = native.address(source), source.strides[0], 0, inner, native.address(kernels), kernels.strides[0], 0, count
    return product_pieces, (
        gemm(made.dtype),
        *order,
        made.reshape(36 * rows, count),
        _NONE,
        tiles,
        rows,
        inner,
        STACK,
        0,
    )


def convolve(input, weight, bias, padding, outs, turned=False):
    """Windows of `input` times `weight`; `turned`: times the weight turned around, from its results to its inputs."""
    (images, channels, *size), count = input.shape, weight.shape[1 if turned else 0]
    bias = np.zeros(count, np.float32) if bias is None else np.ascontiguousarray(bias)
    out, ((top, _), (left, _)) = np.empty((images, count, *outs), np.float32), padding
    plan = _Rows(images, *outs, channels, count, _FEW)
    before, after = (channels, *size, top, left, plan.down, plan.across, -1), (count, *outs, plan.down, plan.across, -1)
    with single_blas():
        run = _by_results if len(plan.parts) == 1 else _by_parts
        run(plan, input.reshape(-1), weight, turned, bias, out.reshape(-1), before, after)
    return out


def _by_parts(plan, x, weight, turned, bias, out, before, after):
    """Each part of the tiles from its transform to its results, by matrices made once."""
    kernels = _weights(weight, turned)
    channels, count = kernels.shape[1:]
    heights = sorted({stop - start for start, stop in plan.parts})
    memory = zip(
        plan.tiles("input", places(), channels), plan.tiles("output", places(), count), plan.scratch(), strict=True
    )
    forms = [
        [
            [
                (input_tiles, (x, source, scratch, *before)),
                _product(source, kernels, made, height * plan.across),
                (output_tiles, (made, out, bias, scratch, 0, *after)),
            ]
            for height in heights
        ]
        for source, made, scratch in memory
    ]
    sequence.run(forms, [(heights.index(j - i), i, j, 0, 36, i, j) for i, j in plan.parts])


def _by_results(plan, x, weight, turned, bias, out, before, after):
    """Of few tiles 64 channels of the results at a time: their matrices are made where they are used, and never leave a cache."""
    channels, count, (((_, rows),)) = before[0], after[0], plan.parts
    (source,), flat = plan.tiles("input", 1, channels), weight.reshape(-1)
    forms = [[[(input_tiles, (x, source, scratch, *before[:-1], 0))]] for scratch in plan.scratch()]
    sequence.run(forms, [(0, i, j) for i, j in ranges(rows, 1, -(-rows // 4))])
    blocks, steps = ranges(count, 1, LANES), (9 * count, 9) if turned else (9, 9 * channels)
    memory = zip(
        workspace("winograd.kernels", places(), 36, channels, LANES), plan.tiles("output", places(), LANES),
        plan.scratch(), _scratch(TILE + 27 * LANES, "winograd.other"), strict=True,
    )  # fmt: skip

    def form(own, first, last):
        kernels, made = (a.reshape(-1)[: a.size // LANES * (last - first)].reshape(*a.shape[:2], -1) for a in own[:2])
        part = flat[first * steps[1] :]
        return [
            (weight_tiles, (part, kernels, own[3], *steps, int(turned))),
            _product(source, kernels, made, rows * plan.across),
            (output_tiles, (made, out, bias, own[2], first, *after)),
        ]

    forms = [[form(own, *block) for block in blocks] for own in memory]
    sequence.run(forms, [(k, 0, channels, 0, 36, 0, rows) for k in range(len(blocks))])


def weight_slope(g, input, padding):
    """The gradient of the weight: (N, O, H', W'), (N, C, H, W) -> (O, C, 3, 3)."""
    (images, channels, *size), (count, *outs) = input.shape, g.shape[1:]
    slope, (top, _), (left, _) = np.empty((count, channels, 3, 3), np.float32), *padding
    plan = _Rows(images, *outs, channels, count, _MANY)
    total, dtype = np.empty((36, channels, count), np.float32), input.dtype
    (source,), (slopes,) = plan.tiles("input", 1, channels), plan.tiles("output", 1, count)
    for start, stop in plan.parts:
        shape = plan.down, plan.across, start
        forms = [
            [
                [
                    (input_tiles, (input.reshape(-1), source, scratch, channels, *size, top, left, *shape)),
                    (slope_tiles, (g.reshape(-1), slopes, scratch, count, *outs, *shape)),
                ]
            ]
            for scratch in plan.scratch()
        ]
        step = max(1, (stop - start) // 8)
        sequence.run(
            forms, [(0, i, j, i, j) for i, j in ((start + a, start + b) for a, b in ranges(stop - start, 1, step))]
        )
        strides = source.strides[0], 1, channels, native.address(slopes), slopes.strides[0], 0, count
        arguments = (
            gemm(dtype), native.address(source), *strides, total.reshape(-1, count), _NONE, channels, channels,
            (stop - start) * plan.across, STACK, int(start > 0),
        )  # fmt: skip
        with single_blas():
            product_pieces.load(dtype).share(arguments, 36, 6)
    forms = [[[(weight_slopes, (total, slope.reshape(-1), scratch))]] for scratch in _scratch(TILE + 27 * LANES)]
    sequence.run(forms, _pieces(channels, 36 * count))
    return slope
