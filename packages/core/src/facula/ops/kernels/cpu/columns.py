"""Convolutions of images as matrix products over columns of windows, in loops that copy whole lines.

The columns have a row for each channel and place of the kernel, and a column for each window. Where they are few, those of all
images are made at once, and threads share every step. Else threads take some images each, whose columns stay in a cache.
"""

from __future__ import annotations

import math

import numpy as np

from facula.devices.products import product
from facula.devices.threads import ranges, share, single_blas
from facula.ops.kernels.compiled import F, inline, kernel
from facula.ops.kernels.cpu.products import gemm, serves
from facula.ops.kernels.machine import multiply
from facula.ops.kernels.rows import fill
from facula.ops.kernels.workspace import workspace

_ROOM = 1 << 19  # numbers in the columns of some images
_LONG = 16  # windows of an image from which on it has a product of its own ...
_PAYS = 1 << 14  # ... and numbers of the weight for each of them up to which that pays
_WHOLE = 1 << 21  # numbers up to which the columns of all images are made at once


@inline
def span(offset, step, size, count):
    """The results whose window, at this place of the kernel, lies inside of the line: from, to."""
    return max(0, -(offset // step)), max(0, min(count, (size - offset + step - 1) // step))


@inline
def gather_channel(
    x, columns, c, height, width, high, wide, down, across, reach_down, reach_across, top, left, rows, cols
):
    """Copy the windows of a plane to its rows of columns (C * high * wide, rows * cols or more)."""
    for k in range(high * wide):
        x0, y0 = k % wide * reach_across - left, k // wide * reach_down - top
        first, last = span(x0, across, width, cols)
        begin, end = span(y0, down, height, rows)
        target = columns[c * high * wide + k]
        if last - first < cols or end - begin < rows:
            for i in range(rows * cols):
                target[i] = 0
        for y in range(begin, end):
            into, at = np.uint64(y * cols), np.uint64((y0 + y * down) * width + x0)
            for i in range(np.uint64(first), np.uint64(last)):  # unsigned: no index counts from the end
                target[into + i] = x[at + i * np.uint64(across)]


@inline
def fold_channel(
    columns, x, c, height, width, high, wide, down, across, reach_down, reach_across, top, left, rows, cols
):
    """The adjoint of `gather_channel`; the plane is written, not added to."""
    for i in range(height * width):
        x[i] = 0
    for k in range(high * wide):
        x0, y0 = k % wide * reach_across - left, k // wide * reach_down - top
        first, last = span(x0, across, width, cols)
        begin, end = span(y0, down, height, rows)
        source = columns[c * high * wide + k]
        for y in range(begin, end):
            at, into = np.uint64(y * cols), np.uint64((y0 + y * down) * width + x0)
            for i in range(np.uint64(first), np.uint64(last)):
                x[into + i * np.uint64(across)] += source[at + i]


@kernel
def gather(
    x: F[::1], columns: F[:, ::1], images: int, height: int, width: int, high: int, wide: int, down: int, across: int,
    reach_down: int, reach_across: int, top: int, left: int, rows: int, cols: int, start: int, stop: int,
):  # fmt: skip
    """Copy the windows of images (N, C, H, W) to columns (C * high * wide, N * rows * cols)."""
    plane = height * width
    channels = x.size // (images * plane)
    for c in range(start, stop):
        for n in range(images):
            gather_channel(
                x[(n * channels + c) * plane :], columns[:, n * rows * cols :], c, height, width, high, wide, down, across,
                reach_down, reach_across, top, left, rows, cols,
            )  # fmt: skip


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
            fold_channel(
                columns[:, n * rows * cols :], x[(n * channels + c) * plane :], c, height, width, high, wide, down, across,
                reach_down, reach_across, top, left, rows, cols,
            )  # fmt: skip


@kernel
def convolve_images(
    x: F[:, ::1], gemm: int, weight: F[:, ::1], bias: F[::1], columns: F[:, :, ::1], out: F[:, :, ::1], height: int, width: int,
    high: int, wide: int, down: int, across: int, reach_down: int, reach_across: int, top: int, left: int, rows: int, cols: int,
    start: int, stop: int,
):  # fmt: skip
    """Image by image: columns[n] = the windows of x[n], out[n] = weight columns[n] + bias."""
    count, inner, places, plane = weight.shape[0], weight.shape[1], rows * cols, height * width
    for n in range(start, stop):
        image, made, target = x[n], columns[n], out[n]
        for c in range(inner // (high * wide)):
            gather_channel(
                image[c * plane :], made, c, height, width, high, wide, down, across, reach_down, reach_across, top, left, rows,
                cols,
            )  # fmt: skip
        for row in range(bias.size):
            fill(target[row], bias[row])
        multiply(
            gemm, 0, 0, count, places, inner, weight.ctypes.data, inner, made.ctypes.data, places,
            weight.dtype.type(bias.size > 0),
            target.ctypes.data, places,
        )  # fmt: skip


@kernel
def image_slopes(
    g: F[:, :, ::1], gemm: int, weight: F[:, ::1], columns: F[:, :, ::1], slope: F[:, ::1], height: int, width: int, high: int,
    wide: int, down: int, across: int, reach_down: int, reach_across: int, top: int, left: int, rows: int, cols: int, start: int,
    stop: int,
):  # fmt: skip
    """Image by image: columns[n] = weight' g[n], which are added up to slope[n]."""
    count, inner, places, plane = weight.shape[0], weight.shape[1], rows * cols, height * width
    for n in range(start, stop):
        made, image = columns[n], slope[n]
        multiply(
            gemm, 1, 0, inner, places, count, weight.ctypes.data, inner, g[n].ctypes.data, places, weight.dtype.type(0),
            made.ctypes.data, places,
        )  # fmt: skip
        for c in range(inner // (high * wide)):
            fold_channel(
                made, image[c * plane :], c, height, width, high, wide, down, across, reach_down, reach_across, top, left, rows,
                cols,
            )  # fmt: skip


@kernel
def weight_sums(
    g: F[:, :, ::1], gemm: int, x: F[:, ::1], columns: F[:, :, ::1], sums: F[:, :, ::1], height: int, width: int, high: int,
    wide: int, down: int, across: int, reach_down: int, reach_across: int, top: int, left: int, rows: int, cols: int, start: int,
    stop: int,
):  # fmt: skip
    """sums[k] = the sum of g[n] columns[n]' over every len(sums)-th image from the k-th on; without columns images are their own."""
    count, inner, places, plane = g.shape[1], sums.shape[2], rows * cols, height * width
    for k in range(start, stop):
        for n in range(k, len(x), len(sums)):
            image = x[n]
            lines = image.ctypes.data
            if columns.size > 0:
                made = columns[n]
                lines = made.ctypes.data
                for c in range(inner // (high * wide)):
                    gather_channel(
                        image[c * plane :], made, c, height, width, high, wide, down, across, reach_down, reach_across, top, left,
                        rows, cols,
                    )  # fmt: skip
            beta = sums.dtype.type(0 if n == k else 1)
            multiply(
                gemm, 0, 1, count, inner, places, g[n].ctypes.data, places, lines, places, beta, sums[k].ctypes.data,
                inner,
            )  # fmt: skip


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
        self.images = images

    def at_once(self, count):
        """Whether to do all in one go: compiled code may call BLAS, and products for single images, which copy the weight, pay."""
        small = self.rows * count <= self.places * _PAYS
        return (
            len(self.parts) == self.groups == 1 < self.images and self.places >= _LONG and small and serves(self.dtype)
        )

    def go(self, loop, count, first, *arrays):
        """Run one of the loops over images, or over sums of them, whose cost is that of its products."""
        size = 4 * self.rows * self.places * len(first) // count  # a column costs more than to copy it
        with single_blas():
            loop.share(count, size, first, gemm(self.dtype), *arrays, *self.shape)

    def each(self, images):
        """Memory of this thread for the columns of each image."""
        return workspace("columns", images, self.rows, self.places, dtype=self.dtype)

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
    if plan.at_once(count):
        shift = np.empty(0, input.dtype) if bias is None else np.ascontiguousarray(bias)
        flat, columns = input.reshape(images, -1), plan.each(images)
        plan.go(convolve_images, images, flat, matrix[0], shift, columns, out[:, 0])
        return out.reshape(images, count, *outs)

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
    if plan.at_once(count):
        flat = slope.reshape(images, -1)
        plan.go(image_slopes, images, upper[:, 0], weight.reshape(count, -1), plan.each(images), flat)
        return slope

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
    if plan.at_once(count):
        sums = min(images, 8)
    totals = np.empty((sums, *shape), g.dtype)

    def work(k, _):
        part = workspace("part", *shape, dtype=g.dtype)
        for i, (start, stop) in enumerate(plan.parts[k::sums]):
            columns = plan.gather(input[start:stop])
            product(plan.across(g[start:stop]), columns.swapaxes(1, 2), part if i else totals[k])
            if i:
                totals[k] += part

    if plan.at_once(count):
        arrays = input.reshape(images, -1), plan.each(images), totals[:, 0]
        plan.go(weight_sums, sums, g.reshape(images, count, -1), *arrays)
    else:
        share(work, [(k, k + 1) for k in range(sums)])
    for part in totals[1:]:
        totals[0] += part
    return totals[0].reshape(count, channels // groups, *kernel)
