# mypy: ignore-errors
# a record's arguments are arrays by position, the annotations of a compiled loop are numba's types
"""Convolution at places that data decide: each tap reads between four pixels, then everything is matrix products.

The taps of some pixels of an image at a time become columns (channels * kernel, pixels). The backward makes them again.
"""

from __future__ import annotations

import math

import numpy as np

import facula
from facula.library import F, Meta, arg, int64, kernel, op, sample

ZERO = np.float32(0)
_PIECE = 1 << 20  # numbers of columns at a time: they should stay in the cache


def _outs(input, weight, stride, padding, dilation):
    """Height and width of the result."""
    sizes = zip(input.shape[2:], weight.shape[2:], stride, padding, dilation, strict=True)
    return tuple((n + 2 * p - d * (k - 1) - 1) // s + 1 for n, k, s, p, d in sizes)


def _shape(input, offset, weight, mask=None, bias=None, stride=(1, 1), padding=(0, 0), dilation=(1, 1)):
    """The rule: what is wrong with the arguments, or the result's shape."""
    name, taps = "deform_conv2d", math.prod(weight.shape[2:])
    if input.ndim != 4 or weight.ndim != 4 or offset.ndim != 4:
        raise RuntimeError(
            f"{name}: expected input, offset and weight of 4 dimensions, got {input.ndim}, {offset.ndim} and {weight.ndim}. "
            "Reshape them."
        )
    if offset.shape[1] % (2 * taps) or not offset.shape[1]:
        raise RuntimeError(
            f"{name}: the shape of the offset tensor at dimension 1 is not valid, expected a multiple of 2 * weight.size[2] * "
            f"weight.size[3] = {2 * taps}, got {offset.shape[1]}. Give two numbers for each tap."
        )
    groups = offset.shape[1] // (2 * taps)
    if (
        input.shape[1] % weight.shape[1]
        or input.shape[1] % groups
        or weight.shape[0] % (input.shape[1] // weight.shape[1])
    ):
        raise RuntimeError(
            f"{name}: expected channels that weight {tuple(weight.shape)} and {groups} groups of offsets divide, got "
            f"{input.shape[1]}. Change the weight or the offsets."
        )
    outs = _outs(input, weight, stride, padding, dilation)
    if min(outs) <= 0 or (input.shape[0], *outs) != (offset.shape[0], *offset.shape[2:]):
        raise RuntimeError(
            f"{name}: expected offset output dims: {(input.shape[0], *outs)}, got "
            f"{(offset.shape[0], *offset.shape[2:])}. Give an offset for each pixel of the result."
        )
    if mask is not None and tuple(mask.shape) != (input.shape[0], groups * taps, *outs):
        raise RuntimeError(
            f"{name}: mask.shape is not valid, expected {(input.shape[0], groups * taps, *outs)}, got {tuple(mask.shape)}. "
            "Give one number for each tap."
        )
    return Meta((input.shape[0], weight.shape[0], *outs), input.dtype)


class _Taps:
    """Where one image is read: four pixels for each tap, their weights, and how the weights change with the place."""

    def __init__(self, xp, offset, mask, size, weight, stride, padding, dilation):
        height, width = size
        (tall, wide), (rows, columns) = weight.shape[2:], offset.shape[1:]
        kind = offset.dtype.type
        groups = offset.shape[0] // (2 * tall * wide)
        self.shape = groups, tall * wide, rows * columns
        moves = offset.reshape(groups, tall, wide, 2, rows, columns)
        down = xp.arange(rows) * stride[0] - padding[0] + xp.arange(tall)[:, None] * dilation[0]
        across = xp.arange(columns) * stride[1] - padding[1] + xp.arange(wide)[:, None] * dilation[1]
        y = down.astype(kind)[:, None, :, None] + moves[:, :, :, 0]
        x = across.astype(kind)[None, :, None, :] + moves[:, :, :, 1]
        self.mask = None if mask is None else mask.reshape(self.shape)
        top, left = xp.floor(y), xp.floor(x)
        self.at, self.weights, self.slopes = [], [], []  # of the four pixels
        for low_y, low_x in ((1, 1), (1, 0), (0, 1), (0, 0)):
            row, column = top + (1 - low_y), left + (1 - low_x)
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            part_y, part_x = (row - y, column - x)
            part_y, part_x = (part_y + 1 if low_y else 1 - part_y), (part_x + 1 if low_x else 1 - part_x)
            place = xp.where(inside, row * width + column, 0).astype(xp.int64)
            self.at.append(place.reshape(self.shape))
            self.weights.append((part_y * part_x * inside).reshape(self.shape))
            signs = -1 if low_y else 1, -1 if low_x else 1
            self.slopes.append(
                [(s * p * inside).reshape(self.shape) for s, p in zip(signs, (part_x, part_y), strict=True)]
            )
        self.at, self.weights = xp.stack(self.at), xp.stack(self.weights)
        self.scaled = self.weights if self.mask is None else self.weights * self.mask

    def pieces(self, channels):
        """Ranges of pixels whose columns are few enough."""
        _, taps, pixels = self.shape
        step = max(1, min(pixels, _PIECE // (channels * taps)))
        return [slice(p, min(p + step, pixels)) for p in range(0, pixels, step)]


@kernel
def gather_columns(
    x: F[:, ::1], columns: F[:, :, ::1], at: int64[:, :, :, ::1], weights: F[:, :, :, ::1], first: int, start: int, stop: int
):  # fmt: skip
    """columns[channel, tap, pixel], for the pixels from `first` on."""
    each = x.shape[0] // at.shape[1]
    for c in range(start, stop):
        group, line = c // each, x[c]
        for k in range(columns.shape[1]):
            target = columns[c, k]
            p0, p1, p2, p3 = (
                at[0, group, k, first:],
                at[1, group, k, first:],
                at[2, group, k, first:],
                at[3, group, k, first:],
            )
            w0, w1 = weights[0, group, k, first:], weights[1, group, k, first:]
            w2, w3 = weights[2, group, k, first:], weights[3, group, k, first:]
            for p in range(target.size):
                total = w0[p] * line[np.uint64(p0[p])] + w1[p] * line[np.uint64(p1[p])]
                target[p] = total + w2[p] * line[np.uint64(p2[p])] + w3[p] * line[np.uint64(p3[p])]


@kernel
def spread_columns(
    g: F[:, :, ::1], slope: F[:, ::1], at: int64[:, :, :, ::1], weights: F[:, :, :, ::1], first: int, start: int, stop: int
):  # fmt: skip
    """The adjoint: columns back to the pixels that they have read."""
    each = slope.shape[0] // at.shape[1]
    for c in range(start, stop):
        group, line = c // each, slope[c]
        for k in range(g.shape[1]):
            source = g[c, k]
            for corner in range(4):
                places, parts = at[corner, group, k, first:], weights[corner, group, k, first:]
                for p in range(source.size):
                    line[np.uint64(places[p])] += parts[p] * source[p]


@kernel
def join_columns(
    x: F[:, ::1], g: F[:, :, ::1], sums: F[:, :, :, ::1], at: int64[:, :, :, ::1], first: int, start: int, stop: int
):  # fmt: skip
    """sums[corner, group, tap, pixel] of the gradient times the pixel, over the channels; items are taps of groups."""
    taps = g.shape[1]
    each = x.shape[0] // at.shape[1]
    for item in range(start, stop):
        group, k = item // taps, item % taps
        for corner in range(4):
            target, places = sums[corner, group, k, first:], at[corner, group, k, first:]
            for c in range(group * each, group * each + each):
                line, source = x[c], g[c, k]
                for p in range(source.size):
                    target[p] += source[p] * line[np.uint64(places[p])]


def _gathered(xp, x, taps, piece):
    """(channels, taps, pixels of the piece) of one image (channels, height * width)."""
    groups, kernel_size, _ = taps.shape
    columns = xp.empty((len(x), kernel_size, piece.stop - piece.start), x.dtype)
    if xp is np and gather_columns.serves(columns, x[:0]):
        size = columns[0].size * 8
        gather_columns.share(len(x), size, x, columns, taps.at, taps.scaled, piece.start)
        return columns
    each = len(x) // groups
    for group in range(groups):
        mine = slice(group * each, group * each + each)
        for corner in range(4):
            part = taps.scaled[corner, group, :, piece] * x[mine][:, taps.at[corner, group, :, piece]]
            columns[mine] = part if corner == 0 else columns[mine] + part
    return columns


def _spread(xp, g, slope, taps, piece):
    """Columns of gradients into one image's."""
    if xp is np and spread_columns.serves(g, slope[:0]):
        spread_columns.share(len(slope), g[0].size * 8, g, slope, taps.at, taps.scaled, piece.start)
        return
    each = len(slope) // taps.shape[0]
    for group in range(taps.shape[0]):
        mine = slice(group * each, group * each + each)
        for corner in range(4):
            part = taps.scaled[corner, group, :, piece] * g[mine]
            xp.add.at(slope[mine], (slice(None), taps.at[corner, group, :, piece]), part)


def _joined(xp, x, g, sums, taps, piece):
    """Add to sums (corner, group, tap, pixel)."""
    if xp is np and join_columns.serves(x, g):
        join_columns.share(taps.shape[0] * taps.shape[1], g.size // taps.shape[1] * 4, x, g, sums, taps.at, piece.start)
        return
    each = len(x) // taps.shape[0]
    for group in range(taps.shape[0]):
        mine = slice(group * each, group * each + each)
        for corner in range(4):
            part = (g[mine] * x[mine][:, taps.at[corner, group, :, piece]]).sum(axis=0)
            sums[corner, group, :, piece] += part


_SAMPLES = [
    sample((2, 4, 5, 5), arg((2, 16, 2, 3), low=-1.4, high=1.4), (4, 2, 2, 2), (2, 8, 2, 3), (4,), stride=(2, 2), padding=(0, 1), dilation=(1, 1)),
    sample((1, 2, 4, 3), arg((1, 18, 4, 3), low=-2.3, high=2.3), (3, 2, 3, 3), padding=(2, 2), dilation=(2, 2)),
]  # fmt: skip


@op(_shape, samples=_SAMPLES)
def deform_conv_op(
    xp, input, offset, weight, mask=None, bias=None, /, stride=(1, 1), padding=(0, 0), dilation=(1, 1)
):  # fmt: skip
    """Sums over taps of `weight` times `mask` times the input between four pixels.

    Shape: (n, c, h, w), (n, 2 a k, p, q), (o, c / g, *kernel), (n, a k, p, q), (o) -> (n, o, p, q).
    """
    shape = _shape(input, offset, weight, mask, bias, stride, padding, dilation).shape
    out, groups = xp.empty(shape, input.dtype), input.shape[1] // weight.shape[1]
    flat = weight.reshape(groups, shape[1] // groups, -1)
    for n in range(shape[0]):
        taps = _Taps(
            xp, offset[n], None if mask is None else mask[n], input.shape[2:], weight, stride, padding, dilation
        )
        pixels, target = xp.ascontiguousarray(input[n]).reshape(input.shape[1], -1), out[n].reshape(*flat.shape[:2], -1)
        for piece in taps.pieces(len(pixels)):
            columns = _gathered(xp, pixels, taps, piece)
            target[:, :, piece] = xp.matmul(flat, columns.reshape(groups, flat.shape[2], -1))
    if bias is not None:
        out += bias.reshape(-1, 1, 1)
    return out


@deform_conv_op.array_vjp
def _array_slopes(g, input, offset, weight, mask, shapes, stride, padding, dilation, needs, xp):
    groups = input.shape[1] // weight.shape[1]
    flat = weight.reshape(groups, weight.shape[0] // groups, -1)
    of_input, of_offset, of_weight = (
        xp.zeros(input.shape, g.dtype),
        xp.empty_like(offset),
        xp.zeros(flat.shape, g.dtype),
    )
    of_mask = None if mask is None else xp.empty_like(mask)
    for n in range(len(input)):
        taps = _Taps(
            xp, offset[n], None if mask is None else mask[n], input.shape[2:], weight, stride, padding, dilation
        )
        pixels = xp.ascontiguousarray(input[n]).reshape(input.shape[1], -1)
        upper = xp.ascontiguousarray(g[n]).reshape(*flat.shape[:2], -1)
        sums, slope = xp.zeros((4, *taps.shape), g.dtype), of_input[n].reshape(len(pixels), -1)
        for piece in taps.pieces(len(pixels)):
            part = upper[:, :, piece]
            if needs[2]:
                columns = _gathered(xp, pixels, taps, piece).reshape(groups, flat.shape[2], -1)
                of_weight += xp.matmul(part, columns.transpose(0, 2, 1))
            if any(needs[:2]) or needs[3]:
                back = xp.matmul(flat.transpose(0, 2, 1), part).reshape(len(pixels), taps.shape[1], -1)
                if needs[0]:
                    _spread(xp, back, slope, taps, piece)
                _joined(xp, pixels, back, sums, taps, piece)
        moves = [sum(taps.slopes[corner][axis] * sums[corner] for corner in range(4)) for axis in range(2)]
        moves = [move if taps.mask is None else move * taps.mask for move in moves]
        of_offset[n] = xp.stack(moves, axis=2).reshape(offset.shape[1:])
        if of_mask is not None:
            of_mask[n] = (taps.weights * sums).sum(axis=0).reshape(mask.shape[1:])
    of_bias = g.sum(axis=(0, 2, 3)) if needs[4] else None
    return of_input, of_offset, of_weight.reshape(weight.shape), of_mask, of_bias


@deform_conv_op.vjp
def _slopes(g, input, offset, weight, mask, stride, padding, dilation, needs):
    """Through the same sums made of differentiable parts, so that gradients have gradients."""
    inputs = [input, offset, weight, mask]
    wanted = [i for i in range(4) if inputs[i] is not None and needs[i]]
    with facula.enable_grad():
        out = composed(*inputs, stride, padding, dilation)
        found = facula.autograd.grad(out, [inputs[i] for i in wanted], g, create_graph=True) if wanted else ()
    slopes = [None] * 4
    for i, slope in zip(wanted, found, strict=True):
        slopes[i] = slope
    return (*slopes, g.sum((0, 2, 3)) if needs[4] else None)


def composed(input, offset, weight, mask, stride, padding, dilation):
    """`deform_conv_op` made of other operators."""
    images, channels, height, width = input.shape
    tall, wide = weight.shape[2:]
    rows, columns = offset.shape[2:]
    moves = offset.reshape(images, -1, tall, wide, 2, rows, columns)
    groups = moves.shape[1]
    like = {"dtype": input.dtype, "device": input.device}
    down = (facula.arange(rows, **like) * stride[0] - padding[0]) + facula.arange(tall, **like)[:, None] * dilation[0]
    across = (facula.arange(columns, **like) * stride[1] - padding[1]) + facula.arange(wide, **like)[
        :, None
    ] * dilation[1]
    y = down[:, None, :, None] + moves[:, :, :, :, 0]
    x = across[:, None, :] + moves[:, :, :, :, 1]
    top, left = y.detach().floor(), x.detach().floor()
    planes = input.reshape(images, groups, channels // groups, height * width)
    total = 0.0
    for low_y in (0, 1):
        for low_x in (0, 1):
            row, column = top + low_y, left + low_x
            inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            part = (1 - (row - y).abs()) * (1 - (column - x).abs()) * inside
            at = (
                facula.where(inside, row * width + column, 0)
                .long()
                .flatten(2)[:, :, None]
                .expand(*planes.shape[:3], -1)
            )
            total = total + planes.gather(3, at) * part.flatten(2)[:, :, None]
    if mask is not None:
        total = total * mask.reshape(images, groups, 1, -1)
    split = channels // weight.shape[1]
    taken = total.reshape(images, split, -1, rows * columns)  # (images, groups, channels / groups * taps, pixels)
    return (weight.reshape(split, weight.shape[0] // split, -1) @ taken).reshape(images, -1, rows, columns)
