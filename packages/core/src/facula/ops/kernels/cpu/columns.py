"""Convolutions of images as matrix products over columns of windows, in loops that copy whole lines.

The columns have a row for each channel and place of the kernel, and a column for each window. Where they are few, those of all
images are made at once, and threads share every step. Else threads take some images each, whose columns stay in a cache.
"""

from __future__ import annotations

import math

import numpy as np

from facula.devices.products import product
from facula.devices.threads import ranges, share
from facula.ops.kernels.compiled import F, inline, kernel
from facula.ops.kernels.workspace import workspace

_ROOM = 1 << 19  # numbers in the columns of some images
_WHOLE = 1 << 21  # numbers up to which the columns of all images are made at once


@inline
def span(offset, step, size, count):
    """The results whose window, at this place of the kernel, lies inside of the line: from, to."""
    return max(0, -(offset // step)), max(0, min(count, (size - offset + step - 1) // step))


@kernel
def gather(
    x: F[::1], columns: F[:, ::1], images: int, height: int, width: int, high: int, wide: int, down: int, across: int,
    reach_down: int, reach_across: int, top: int, left: int, rows: int, cols: int, start: int, stop: int,
):  # fmt: skip
    """Copy the windows of images (N, C, H, W) to columns (C * high * wide, N * rows * cols)."""
    plane = height * width
    channels = x.size // (images * plane)
    for c in range(start, stop):
        for k in range(high * wide):
            x0, y0 = k % wide * reach_across - left, k // wide * reach_down - top
            first, last = span(x0, across, width, cols)
            begin, end = span(y0, down, height, rows)
            for n in range(images):
                target = columns[c * high * wide + k, n * rows * cols : (n + 1) * rows * cols]
                source = x[(n * channels + c) * plane : (n * channels + c + 1) * plane]
                if last - first < cols or end - begin < rows:
                    for i in range(target.size):
                        target[i] = 0
                for y in range(begin, end):
                    into, at = np.uint64(y * cols), np.uint64((y0 + y * down) * width + x0)
                    for i in range(np.uint64(first), np.uint64(last)):  # unsigned: no index counts from the end
                        target[into + i] = source[at + i * np.uint64(across)]


@kernel
def fold(
    columns: F[:, ::1], x: F[::1], images: int, height: int, width: int, high: int, wide: int, down: int, across: int,
    reach_down: int, reach_across: int, top: int, left: int, rows: int, cols: int, start: int, stop: int,
):  # fmt: skip
    """The adjoint of `gather`: add columns to the windows they came from; the images are written, not added to."""
    plane = height * width
    channels = x.size // (images * plane)
    for c in range(start, stop):
        for n in range(images):
            target = x[(n * channels + c) * plane : (n * channels + c + 1) * plane]
            for i in range(target.size):
                target[i] = 0
            for k in range(high * wide):
                x0, y0 = k % wide * reach_across - left, k // wide * reach_down - top
                first, last = span(x0, across, width, cols)
                begin, end = span(y0, down, height, rows)
                source = columns[c * high * wide + k, n * rows * cols : (n + 1) * rows * cols]
                for y in range(begin, end):
                    at, into = np.uint64(y * cols), np.uint64((y0 + y * down) * width + x0)
                    for i in range(np.uint64(first), np.uint64(last)):
                        target[into + i * np.uint64(across)] += source[at + i]


class _Plan:
    """Sizes of a convolution of images, and how many images have columns at a time."""

    def __init__(self, dtype, images, channels, size, kernel, stride, padding, dilation, groups, outs):
        self.dtype, self.groups = dtype, groups
        self.rows, self.places = channels * math.prod(kernel), math.prod(outs)
        each = self.rows * self.places
        count = 1 if images * each <= _WHOLE else -(-images // max(1, _ROOM // each))
        self.parts = ranges(images, 1, -(-images // count))
        (top, _), (left, _) = padding
        self.channels, self.shape = channels, (*size, *kernel, *stride, *dilation, top, left, *outs)

    def columns(self, images):
        """Memory of this thread for the columns of some images."""
        return workspace("columns", self.rows, images * self.places, dtype=self.dtype)

    def gather(self, part):
        """The columns of images: (groups, rows of a group, windows)."""
        columns = self.columns(len(part))
        gather.share(self.channels, columns.size // self.channels, part.reshape(-1), columns, len(part), *self.shape)
        return columns.reshape(self.groups, self.rows // self.groups, -1)

    def fold(self, columns, part):
        """Add columns up to images."""
        fold.share(self.channels, columns.size // self.channels, columns, part.reshape(-1), len(part), *self.shape)

    def across(self, part):
        """(images, channels, places) as (groups, channels of a group, images * places)."""
        n, count = part.shape[:2]
        if n > 1:
            moved = workspace("across", count, n, self.places, dtype=self.dtype)
            lines = part.reshape(n, count, -1).swapaxes(0, 1)
            share(lambda i, j: moved[i:j].__setitem__(..., lines[i:j]), ranges(count, n * self.places))
            part = moved
        return part.reshape(self.groups, count // self.groups, -1)

    def by_image(self, columns):
        """The columns of some images as (images, groups, rows of a group, places)."""
        return columns.reshape(*columns.shape[:2], -1, self.places).transpose(2, 0, 1, 3)

    @property
    def long(self):
        """Whether lines are longer than columns: products image by image, which copy the weight, need no other copy."""
        return self.rows <= self.places * self.groups


def convolve(input, weight, bias, stride, padding, dilation, groups, outs):
    """Windows of `input` times `weight`."""
    (images, channels, *size), (count, _, *kernel) = input.shape, weight.shape
    plan = _Plan(input.dtype, images, channels, size, kernel, stride, padding, dilation, groups, outs)
    matrix = weight.reshape(groups, count // groups, -1)
    out = np.empty((images, groups, count // groups, plan.places), input.dtype)

    def work(start, stop):
        columns, target = plan.gather(input[start:stop]), out[start:stop]
        lines = plan.by_image(columns)
        if stop - start == 1:
            product(matrix, columns, target[0])
        elif not plan.long:
            made = workspace("product", groups, count // groups, columns.shape[2], dtype=input.dtype)
            lines = plan.by_image(product(matrix, columns, made))

        def finish(first, last):
            if stop - start > 1 and plan.long:
                np.matmul(matrix, lines[first:last], out=target[first:last])
            elif stop - start > 1:
                target[first:last] = lines[first:last]
            if bias is not None:
                target[first:last] += bias.reshape(groups, -1, 1)

        share(finish, ranges(stop - start, count * plan.places))

    share(work, plan.parts)
    return out.reshape(images, count, *outs)


def input_slope(g, weight, size, stride, padding, dilation, groups):
    """The gradient of the input: each window's gradient times the weight, added up where windows overlap."""
    (images, count, *outs), (_, channels, *kernel) = g.shape, weight.shape
    plan = _Plan(g.dtype, images, channels * groups, size, kernel, stride, padding, dilation, groups, outs)
    matrix = weight.reshape(groups, count // groups, -1).swapaxes(1, 2)
    upper = g.reshape(images, groups, count // groups, plan.places)
    slope = np.empty((images, channels * groups, *size), g.dtype)

    def work(start, stop):
        columns = plan.columns(stop - start).reshape(groups, plan.rows // groups, -1)
        if stop - start > 1 and plan.long:
            into, lines = plan.by_image(columns), upper[start:stop]
            share(
                lambda i, j: np.matmul(matrix, lines[i:j], out=into[i:j]),
                ranges(stop - start, plan.rows * plan.places),
            )
        else:
            product(matrix, plan.across(g[start:stop]), columns)
        plan.fold(columns.reshape(plan.rows, -1), slope[start:stop])

    share(work, plan.parts)
    return slope


def weight_slope(g, input, kernel, stride, padding, dilation, groups):
    """The gradient of the weight: the sum over all windows of gradient times window."""
    (images, count, *outs), (_, channels, *size) = g.shape, input.shape
    plan = _Plan(g.dtype, images, channels, size, kernel, stride, padding, dilation, groups, outs)
    shape = groups, count // groups, plan.rows // groups
    sums = max(1, min(len(plan.parts), 8, (1 << 22) // math.prod(shape)))  # the same for any number of threads
    totals = np.empty((sums, *shape), g.dtype)

    def work(k, _):
        part = workspace("part", *shape, dtype=g.dtype)
        for i, (start, stop) in enumerate(plan.parts[k::sums]):
            columns = plan.gather(input[start:stop])
            product(plan.across(g[start:stop]), columns.swapaxes(1, 2), part if i else totals[k])
            if i:
                totals[k] += part

    share(work, [(k, k + 1) for k in range(sums)])
    for part in totals[1:]:
        totals[0] += part
    return totals[0].reshape(count, channels // groups, *kernel)
