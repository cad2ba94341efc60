"""Convolutions in which each channel has a kernel of its own: sums of shifted pictures, with no columns.

With a stride of 1 a plane is laid out with its padding; then each place of the kernel is one shift of the whole plane, and
one long loop serves all its lines. The ends of lines give numbers that nobody reads. Other strides go line by line.
"""

from __future__ import annotations

import numpy as np

from facula.devices.threads import ranges, share
from facula.ops.kernels import sequence
from facula.ops.kernels.compiled import F, inline, kernel
from facula.ops.kernels.cpu.columns import span
from facula.ops.kernels.sequence import places
from facula.ops.kernels.workspace import workspace


@inline
def lay(plane, padded, width, pitch, top, left):
    """Copy a plane into the middle of its padded form, whose lines are `pitch` long."""
    for y in range(plane.size // width):
        source, target = plane[y * width : (y + 1) * width], padded[(y + top) * pitch + left :]
        for i in range(source.size):
            target[i] = source[i]


@kernel
def slide_flat(
    x: F[:, ::1], weight: F[:, ::1], bias: F[::1], out: F[:, ::1], padded: F[::1], sums: F[::1], width: int, wide: int,
    reach_down: int, reach_across: int, top: int, left: int, cols: int, pitch: int, start: int, stop: int,
):  # fmt: skip
    """out (N * C, rows * cols): windows of stride 1 of the planes x (N * C, H * W) times the kernels, plus the bias."""
    for i in range(padded.size):
        padded[i] = 0
    for p in range(start, stop):
        c, target = p % weight.shape[0], out[p]
        lay(x[p], padded, width, pitch, top, left)
        for i in range(sums.size):
            sums[i] = bias[c]
        for k in range(0, weight.shape[1], wide):
            line, taps = padded[k // wide * reach_down * pitch :], weight[c, k : k + wide]
            for j in range(0, wide - 2, 3):  # three places at a time: the sums are read and written less often
                a, b, d = line[j * reach_across :], line[(j + 1) * reach_across :], line[(j + 2) * reach_across :]
                f0, f1, f2 = taps[j], taps[j + 1], taps[j + 2]
                for i in range(sums.size):
                    sums[i] += f0 * a[i] + f1 * b[i] + f2 * d[i]
            for j in range(wide - wide % 3, wide):
                a, f0 = line[j * reach_across :], taps[j]
                for i in range(sums.size):
                    sums[i] += f0 * a[i]
        for y in range(target.size // cols):
            line, kept = target[y * cols : (y + 1) * cols], sums[y * pitch :]
            for i in range(line.size):
                line[i] = kept[i]


@kernel
def meet_flat(
    g: F[:, ::1], x: F[:, ::1], slope: F[:, ::1], padded: F[::1], upper: F[::1], width: int, wide: int, reach_down: int,
    reach_across: int, top: int, left: int, cols: int, pitch: int, start: int, stop: int,
):  # fmt: skip
    """The gradient of the kernels for a stride of 1, summed over images."""
    channels = slope.shape[0]
    for i in range(padded.size):
        padded[i] = 0
    for i in range(upper.size):
        upper[i] = 0
    for c in range(start, stop):
        for k in range(slope.shape[1]):
            slope[c, k] = 0
        for p in range(c, x.shape[0], channels):
            lay(x[p], padded, width, pitch, top, left)
            lay(g[p], upper, cols, pitch, 0, 0)
            for k in range(slope.shape[1]):
                lower = padded[k // wide * reach_down * pitch + k % wide * reach_across :]
                total = upper[0] * lower[0]
                for i in range(1, upper.size):
                    total += upper[i] * lower[i]
                slope[c, k] += total


@kernel
def slide(
    x: F[:, ::1], weight: F[:, ::1], bias: F[::1], out: F[:, ::1], height: int, width: int, wide: int, down: int, across: int,
    reach_down: int, reach_across: int, top: int, left: int, rows: int, cols: int, start: int, stop: int,
):  # fmt: skip
    """out (N * C, rows * cols): windows of the planes x (N * C, H * W) times the kernels (C, high * wide), plus the bias."""
    for p in range(start, stop):
        c = p % weight.shape[0]
        source, target = x[p], out[p]
        for i in range(target.size):
            target[i] = bias[c]
        for k in range(weight.shape[1]):
            factor, x0, y0 = weight[c, k], k % wide * reach_across - left, k // wide * reach_down - top
            first, last = span(x0, across, width, cols)
            begin, end = span(y0, down, height, rows)
            for y in range(begin, end):
                into, at = np.uint64(y * cols), np.uint64((y0 + y * down) * width + x0)
                for i in range(np.uint64(first), np.uint64(last)):
                    target[into + i] += factor * source[at + i * np.uint64(across)]


@kernel
def spread(
    g: F[:, ::1], weight: F[:, ::1], slope: F[:, ::1], height: int, width: int, wide: int, down: int, across: int,
    reach_down: int, reach_across: int, top: int, left: int, rows: int, cols: int, start: int, stop: int,
):  # fmt: skip
    """The gradient of x: slope (N * C, H * W) from g (N * C, rows * cols)."""
    for p in range(start, stop):
        c = p % weight.shape[0]
        source, target = g[p], slope[p]
        for i in range(target.size):
            target[i] = 0
        for k in range(weight.shape[1]):
            factor, x0, y0 = weight[c, k], k % wide * reach_across - left, k // wide * reach_down - top
            first, last = span(x0, across, width, cols)
            begin, end = span(y0, down, height, rows)
            for y in range(begin, end):
                at, into = np.uint64(y * cols), np.uint64((y0 + y * down) * width + x0)
                for i in range(np.uint64(first), np.uint64(last)):
                    target[into + i * np.uint64(across)] += factor * source[at + i]


@kernel
def meet(
    g: F[:, ::1], x: F[:, ::1], slope: F[:, ::1], height: int, width: int, wide: int, down: int, across: int,
    reach_down: int, reach_across: int, top: int, left: int, rows: int, cols: int, start: int, stop: int,
):  # fmt: skip
    """The gradient of the weight: slope (C, high * wide), summed over images."""
    channels = slope.shape[0]
    for c in range(start, stop):
        for k in range(slope.shape[1]):
            x0, y0 = k % wide * reach_across - left, k // wide * reach_down - top
            first, last = span(x0, across, width, cols)
            begin, end = span(y0, down, height, rows)
            total = g[0, 0] - g[0, 0]
            for n in range(g.shape[0] // channels):
                upper, lower = g[n * channels + c], x[n * channels + c]
                for y in range(begin, end):
                    at, into = np.uint64(y * cols), np.uint64((y0 + y * down) * width + x0)
                    for i in range(np.uint64(first), np.uint64(last)):
                        total += upper[at + i] * lower[into + i * np.uint64(across)]
            slope[c, k] = total


def _places(size, kernel, stride, padding, dilation, outs):
    (top, _), (left, _) = padding
    return *size, kernel[1], *stride, *dilation, top, left, *outs


def _planes(array):
    return array.reshape(-1, array.shape[2] * array.shape[3])


class _Flat:
    """The padded form of planes for windows of stride 1."""

    def __init__(self, dtype, size, kernel, padding, dilation, outs):
        (top, low), (left, right) = padding
        pitch = size[1] + max(left, 0) + max(right, dilation[1] * (kernel[1] - 1) + outs[1] - size[1] - left, 0)
        self.dtype, self.results = dtype, outs[0] * pitch
        self.room = (size[0] + top + max(low, 0)) * pitch + self.results + dilation[1] * kernel[1]
        self.places = size[1], kernel[1], *dilation, top, left, outs[1], pitch

    def run(self, loop, count, size, *arrays):
        """A loop over planes or channels, shared out; whoever works has memory for a padded plane and a flat one."""
        padded = workspace("depthwise.padded", places(), self.room, dtype=self.dtype)
        flat = workspace("depthwise.flat", places(), self.results, dtype=self.dtype)
        forms = [[[(loop, (*arrays, *own, *self.places))]] for own in zip(padded, flat, strict=True)]
        sequence.run(forms, [(0, i, j) for i, j in ranges(count, size, 1 << 19)], self.dtype)


def _line(x, weight, bias, out, stride, dilation):
    """A single line without padding, in pieces that stay in a cache."""
    (_, step), reach = stride, dilation[1] * (weight.shape[1] - 1) + 1

    def work(start, stop):
        piece = x[:, start * step : (stop - 1) * step + reach]
        places = _places((1, piece.size), weight.shape, stride, ((0, 0),) * 2, dilation, (1, stop - start))
        slide(piece, weight, bias, out[:, start:stop], *places, 0, 1)

    share(work, ranges(out.size, 1, 1 << 13), blas=False)


def convolve(input, weight, bias, stride, padding, dilation, outs):
    """Each channel of `input` slid under its kernel: (N, C, H, W), (C, 1, high, wide) -> (N, C, *outs)."""
    (_, channels, *size), kernel = input.shape, weight.shape[2:]
    out = np.empty((*input.shape[:2], *outs), input.dtype)
    bias = np.zeros(channels, input.dtype) if bias is None else np.ascontiguousarray(bias)
    arrays, cost = (_planes(input), weight.reshape(channels, -1), bias, _planes(out)), weight[0].size * out[0, 0].size
    if tuple(stride) == (1, 1):
        _Flat(input.dtype, size, kernel, padding, dilation, outs).run(slide_flat, len(arrays[0]), cost, *arrays)
    elif len(arrays[0]) == size[0] == outs[0] == 1 and not any(p for pair in padding for p in pair):
        _line(*arrays[:2], bias, arrays[3], stride, dilation)
    else:
        slide.share(len(arrays[0]), cost, *arrays, *_places(size, kernel, stride, padding, dilation, outs))
    return out


def input_slope(g, weight, size, stride, padding, dilation):
    """The gradient of the input; for a stride of 1 the gradient slid under the kernel turned around."""
    kernel = weight.shape[2:]
    before = [d * (k - 1) - low for k, d, (low, _) in zip(kernel, dilation, padding, strict=True)]
    if tuple(stride) == (1, 1) and min(before) >= 0:
        turned = np.ascontiguousarray(weight[:, :, ::-1, ::-1])
        return convolve(g, turned, None, stride, [(b, b) for b in before], dilation, size)
    slope = np.empty((*g.shape[:2], *size), g.dtype)
    places, planes = _places(size, kernel, stride, padding, dilation, g.shape[2:]), _planes(g)
    cost = weight[0].size * planes.shape[1]
    spread.share(len(planes), cost, planes, weight.reshape(len(weight), -1), _planes(slope), *places)
    return slope


def weight_slope(g, input, kernel, stride, padding, dilation):
    """The gradient of the weight."""
    (_, channels, *size), outs = input.shape, g.shape[2:]
    slope = np.empty((channels, kernel[0] * kernel[1]), g.dtype)
    arrays, cost = (_planes(g), _planes(input), slope), slope.shape[1] * g[:, 0].size
    if tuple(stride) == (1, 1):
        _Flat(g.dtype, size, kernel, padding, dilation, outs).run(meet_flat, channels, cost, *arrays)
    else:
        meet.share(channels, cost, *arrays, *_places(size, kernel, stride, padding, dilation, outs))
    return slope.reshape(-1, 1, *kernel)
