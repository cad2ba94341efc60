"""Pooling over windows: max_pool, avg_pool, lp_pool, with indices and back (max_unpool)."""

from __future__ import annotations

import math
from functools import reduce as _fold

import numpy as np

from facula.autograd.op import arg, op, sample
from facula.autograd.state import whole
from facula.devices.meta import Meta
from facula.errors import runtime_error
from facula.ops.checks import refused, sizes
from facula.ops.conv import padded


def pooled_size(n, k, stride, low, high, dilation, ceil_mode):
    """The number of windows; with ceil_mode a last partial window counts if it starts inside the input or the padding before it."""
    span = n + low + high - dilation * (k - 1) - 1
    count = (-(-span // stride) if ceil_mode else span // stride) + 1
    if ceil_mode and (count - 1) * stride >= n + low:
        count -= 1
    return count


def _outs(input, kernel, stride, padding, dilation, ceil_mode):
    lead = len(input.shape) - len(kernel)
    return tuple(
        pooled_size(n, k, s, *p, d, ceil_mode)
        for n, k, s, p, d in zip(input.shape[lead:], kernel, stride, padding, dilation, strict=True)
    )


def _pool_shape(name, input, kernel, stride, padding, dilation, ceil_mode):
    rank = len(kernel)
    if any(k <= 0 for k in kernel) or any(s <= 0 for s in stride) or any(d <= 0 for d in dilation):
        raise runtime_error(
            f"{name}: kernel size, stride and dilation should be greater than zero, but got {kernel}, {stride} and "
            f"{dilation}. Use positive numbers."
        )
    for k, (low, _), d in zip(kernel, padding, dilation, strict=True):
        if low < 0:
            raise runtime_error(f"{name}: pad must be non-negative, but got pad: {low}. Crop the input instead.")
        if low > (d * (k - 1) + 1) // 2:
            raise runtime_error(
                f"{name}: pad should be at most half of effective kernel size, but got pad={low}, kernel_size={k} and "
                f"dilation={d}. Pad less."
            )
    outs = _outs(input, kernel, stride, padding, dilation, ceil_mode)
    if min(outs) <= 0:
        raise runtime_error(
            f"{name}: Given input size: {tuple(input.shape[-rank:])}. Calculated output size: {outs}. Output size is "
            "too small. Use a smaller kernel."
        )
    return Meta((*input.shape[:-rank], *outs), input.dtype)


def _max_shape(input, kernel, stride, padding, dilation, ceil_mode):
    return _pool_shape(f"max_pool{len(kernel)}d", input, kernel, stride, padding, dilation, ceil_mode)


def _lowest(dtype):
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min if dtype.kind in "iu" else False


def _reach(shape, kernel, stride, padding, dilation, outs):
    """Padding such that every window lies inside."""
    return tuple(
        (low, max((o - 1) * s + d * (k - 1) + 1 - n - low, 0))
        for n, k, s, (low, _), d, o in zip(shape, kernel, stride, padding, dilation, outs, strict=True)
    )


def _along(array, axis, first, stride, count):
    """Every stride-th element along an axis."""
    key = [slice(None)] * array.ndim
    key[axis] = slice(first, first + stride * (count - 1) + 1, stride)
    return array[tuple(key)]


def _slide(array, combine, kernel, stride, dilation, outs):
    """Combine the elements of each window, one dimension after the other."""
    lead = array.ndim - len(kernel)
    for axis in range(array.ndim - 1, lead - 1, -1):
        k, s, d, o = (x[axis - lead] for x in (kernel, stride, dilation, outs))
        out = _along(array, axis, 0, s, o)
        for i in range(1, k):
            part = _along(array, axis, i * d, s, o)
            out = combine(out, part) if i == 1 else combine(out, part, out=out)
        array = out
    return array


_MAX = [
    sample((2, 3, 6), kernel=(2,), stride=(2,), padding=((0, 0),), dilation=(1,), ceil_mode=False),
    sample((2, 2, 5, 6), kernel=(3, 2), stride=(2, 1), padding=((1, 1), (0, 0)), dilation=(1, 2), ceil_mode=True),
]


@op(_max_shape, onnx="MaxPool", samples=_MAX)
def max_pool_op(xp, input, /, kernel, stride, padding, dilation, ceil_mode):
    """The maximum of each window; nan wins."""
    if input.dtype.kind not in "fiu":
        raise refused(f"max_pool{len(kernel)}d", input)
    outs = _max_shape(input, kernel, stride, padding, dilation, ceil_mode).shape[-len(kernel) :]
    array = padded(
        xp, input, _reach(input.shape[-len(kernel) :], kernel, stride, padding, dilation, outs), _lowest(input.dtype)
    )
    out = _slide(array, xp.maximum, kernel, stride, dilation, outs)
    return out.copy() if out.base is not None else out


def _max_slope(g, input, kernel, stride, padding, dilation, ceil_mode):
    indices = max_indices_op(input, kernel, stride, padding, dilation, ceil_mode)
    return scatter_flat_op(g, indices, tuple(input.shape[-len(kernel) :]))


def max_array(g, out, input, kernel, stride, padding, dilation, ceil_mode, xp):
    """Each window's gradient goes to its first maximum."""
    rank = len(kernel)
    outs, sizes_ = out.shape[-rank:], input.shape[-rank:]
    reach = _reach(sizes_, kernel, stride, padding, dilation, outs)
    array = padded(xp, input, reach, _lowest(input.dtype))
    slope, free, nans = xp.zeros(array.shape, g.dtype), None, bool(xp.isnan(out).any())
    apart = all(s >= d * (k - 1) + 1 for k, s, d in zip(kernel, stride, dilation, strict=True))
    for at in np.ndindex(*kernel):
        key = (
            ...,
            *(slice(i * d, i * d + s * (o - 1) + 1, s) for i, d, s, o in zip(at, dilation, stride, outs, strict=True)),
        )
        part = xp.ascontiguousarray(array[key])
        hit = part == out
        if nans:
            hit |= xp.isnan(part)
        if free is None:
            free = ~hit
        else:
            hit &= free
            free ^= hit
        if apart:
            slope[key] = g * hit
        else:
            slope[key] += g * hit
    inner = (..., *(slice(low, low + n) for n, (low, _) in zip(sizes_, reach, strict=True)))
    return slope if slope.shape == input.shape else xp.ascontiguousarray(slope[inner])


max_pool_op.vjp(input=_max_slope)
max_pool_op.array_vjp(input=max_array)


def window_argmax(xp, array, positions, valid=None):
    """Where the maximum of each window is, as an index into the flattened last dimensions.

    positions: for each dimension an (outs, kernel) array of places; valid: which of them are inside (all if None).
    """
    rank = len(positions)
    lead, spatial = array.shape[: array.ndim - rank], array.shape[array.ndim - rank :]
    outs, kernel = [p.shape[0] for p in positions], [p.shape[1] for p in positions]
    flat = xp.zeros((1,) * (2 * rank), np.int64)
    inside = xp.ones((1,) * (2 * rank), bool)
    for d, p in enumerate(positions):
        shape = [1] * (2 * rank)
        shape[d], shape[rank + d] = p.shape
        flat = flat * spatial[d] + xp.asarray(p).reshape(shape)
        if valid is not None:
            inside = inside & xp.asarray(valid[d]).reshape(shape)
    flat = xp.broadcast_to(flat, (*outs, *kernel)).reshape(math.prod(outs), -1)
    values = array.reshape(math.prod(lead), math.prod(spatial))[:, flat]
    if valid is not None:
        values = xp.where(xp.broadcast_to(inside, (*outs, *kernel)).reshape(flat.shape), values, _lowest(array.dtype))
    best = values.argmax(axis=-1)
    if valid is not None:  # a window of nothing but -inf still names a place inside
        first = xp.broadcast_to(inside, (*outs, *kernel)).reshape(flat.shape).argmax(axis=-1)
        best = (
            xp.where(values.max(axis=-1) == _lowest(array.dtype), xp.maximum(best, first), best)
            if values.size
            else best
        )
    return flat[xp.arange(flat.shape[0]), best].reshape(*lead, *outs)


@op(lambda *a, **k: Meta(_max_shape(*a, **k).shape, np.int64), onnx=None, nondiff=True, half=False, samples=_MAX)
def max_indices_op(xp, input, /, kernel, stride, padding, dilation, ceil_mode):
    """Where each window's maximum is, in the flattened image."""
    if input.dtype.kind not in "fiu":
        input = input.astype(np.float32)
    rank = len(kernel)
    outs = _max_shape(input, kernel, stride, padding, dilation, ceil_mode).shape[-rank:]
    places = [
        np.arange(o)[:, None] * s - low + np.arange(k) * d
        for o, s, (low, _), k, d in zip(outs, stride, padding, kernel, dilation, strict=True)
    ]
    spatial = input.shape[-rank:]
    valid = [(p >= 0) & (p < n) for p, n in zip(places, spatial, strict=True)]
    clipped = [p.clip(0, n - 1) for p, n in zip(places, spatial, strict=True)]
    return window_argmax(xp, input, clipped, None if all(v.all() for v in valid) else valid)


def _flat_shape(input, indices, size):
    return Meta((*input.shape[: input.ndim - len(size)], *size), input.dtype)


_SCATTER = [
    sample((2, 3), arg(values=[[0, 2, 5], [1, 1, 3]]), size=(6,)),
    sample((2, 2, 2), arg(values=[[[0, 2], [5, 4]], [[1, 3], [1, 0]]]), size=(2, 3)),
]


@op(_flat_shape, onnx=None, half=False, samples=_SCATTER)
def scatter_flat_op(xp, input, indices, /, size):
    """Zeros of `size` with each element added at its index into the flattened last dimensions."""
    rank, total = len(size), math.prod(size)
    lead = input.shape[: input.ndim - rank]
    rows = math.prod(lead)
    at = indices.reshape(rows, math.prod(indices.shape[input.ndim - rank :])) + xp.arange(rows)[:, None] * total
    dtype = input.dtype
    if dtype.kind == "f":
        out = xp.bincount(at.ravel(), weights=input.reshape(-1), minlength=rows * total).astype(dtype)
    else:
        out = xp.zeros(rows * total, dtype)
        np.add.at(out, at.ravel(), input.reshape(-1))
    return out.reshape(*lead, *size)


def _gather_shape(input, indices, rank):
    return Meta(indices.shape, input.dtype)


@op(
    _gather_shape,
    onnx=None,
    half=False,
    samples=[
        sample((2, 6), arg(values=[[0, 2, 5], [1, 1, 3]]), rank=1),
        sample((2, 2, 3), arg(values=[[[0, 5]], [[1, 1]]]), rank=2),
    ],
)
def gather_flat_op(xp, input, indices, /, rank):
    """The elements at indices into the flattened last `rank` dimensions."""
    lead = input.shape[: input.ndim - rank]
    rows = math.prod(lead)
    spatial = math.prod(input.shape[input.ndim - rank :])
    return xp.take_along_axis(
        input.reshape(rows, spatial), indices.reshape(rows, math.prod(indices.shape[input.ndim - rank :])), axis=1
    ).reshape(indices.shape)


scatter_flat_op.vjp(input=lambda g, indices, size: gather_flat_op(g, indices, len(size)))
gather_flat_op.vjp(input=lambda g, indices, shapes, rank: scatter_flat_op(g, indices, tuple(shapes[0][-rank:])))


def _settings(name, rank, input, kernel_size, stride, padding, dilation=1):
    if input.ndim not in (rank + 1, rank + 2):
        raise runtime_error(
            f"{name}: Expected {rank + 1}D or {rank + 2}D (batch mode) tensor for input, but got input of size: "
            f"{list(input.shape)}. Reshape it."
        )
    kernel = sizes(kernel_size, rank, name, "kernel_size")
    if stride is None or (not isinstance(stride, int) and not tuple(stride)):
        stride = kernel
    pads = tuple((p, p) for p in sizes(padding, rank, name, "padding"))
    return kernel, sizes(stride, rank, name, "stride"), pads, sizes(dilation, rank, name, "dilation")


def _max_pool(rank, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices):
    settings = *_settings(f"max_pool{rank}d", rank, input, kernel_size, stride, padding, dilation), bool(ceil_mode)
    if not return_indices:
        return max_pool_op(input, *settings)
    indices = max_indices_op(input, *settings)
    return gather_flat_op(input, indices, rank), indices


def max_pool1d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The maximum of each window of (N, C, L); with return_indices also where it is.

    Shape: (N, C, L) or (C, L) -> (N, C, L') or (C, L'), L' = (L + 2 padding - dilation (kernel_size - 1) - 1) / stride + 1.

    >>> import facula
    >>> facula.nn.functional.max_pool1d(facula.tensor([[[1., 3., 2., 0.]]]), 2)
    tensor([[[3., 2.]]])
    """
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The maximum of each window of (N, C, H, W); with return_indices also where it is.

    Shape: (N, C, H, W) or (C, H, W) -> (N, C, H', W') or (C, H', W').

    >>> import facula
    >>> facula.nn.functional.max_pool2d(facula.arange(16.).view(1, 1, 4, 4), 2)
    tensor([[[[ 5.,  7.],
              [13., 15.]]]])
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@whole
def max_pool3d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
    """The maximum of each window of (N, C, D, H, W); with return_indices also where it is.

    Shape: (N, C, D, H, W) or (C, D, H, W) -> (N, C, D', H', W') or (C, D', H', W').

    >>> import facula
    >>> facula.nn.functional.max_pool3d(facula.ones(1, 2, 4, 4, 4), 2).shape
    facula.Size([1, 2, 2, 2, 2])
    """
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


def max_pool1d_with_indices(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=True
):
    """`max_pool1d` and where each maximum is.   Shape: as `max_pool1d`, twice."""
    return _max_pool(1, input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool2d_with_indices(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=True
):
    """`max_pool2d` and where each maximum is.   Shape: as `max_pool2d`, twice.

    >>> import facula
    >>> facula.nn.functional.max_pool2d_with_indices(facula.arange(4.).view(1, 1, 2, 2), 2)
    (tensor([[[[3.]]]]), tensor([[[[3]]]]))
    """
    return _max_pool(2, input, kernel_size, stride, padding, dilation, ceil_mode, True)


def max_pool3d_with_indices(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=True
):
    """`max_pool3d` and where each maximum is.   Shape: as `max_pool3d`, twice."""
    return _max_pool(3, input, kernel_size, stride, padding, dilation, ceil_mode, True)


def counts_along(shape, kernel, stride, padding, outs, include):
    """How many numbers of each dimension a window holds: an array for each dimension."""
    per_dim = []
    for n, k, s, (low, high), o in zip(shape, kernel, stride, padding, outs, strict=True):
        start = np.arange(o) * s - low
        end = np.minimum(start + k, n + high)
        if not include:
            start, end = np.maximum(start, 0), np.minimum(end, n)
        per_dim.append(end - start)
    return per_dim


def _counts(xp, shape, kernel, stride, padding, outs, include, override, dtype):
    """What each window's sum is divided by: a number, or an array of the windows' shape."""
    if override is not None:
        return override
    per_dim = counts_along(shape, kernel, stride, padding, outs, include)
    if all((c == c[0]).all() for c in per_dim):
        return math.prod(int(c[0]) for c in per_dim)
    grid = _fold(np.multiply.outer, per_dim)
    return xp.asarray(grid.astype(dtype))


def _avg_shape(input, kernel, stride, padding, ceil_mode, count_include_pad=True, divisor_override=None):
    return _pool_shape(f"avg_pool{len(kernel)}d", input, kernel, stride, padding, (1,) * len(kernel), ceil_mode)


_AVG = {"count_include_pad": True, "divisor_override": None}


@op(_avg_shape, onnx="AveragePool", samples=[
    sample((2, 3, 6), kernel=(2,), stride=(2,), padding=((0, 0),), ceil_mode=False, **_AVG),
    sample((2, 2, 5, 6), kernel=(3, 2), stride=(2, 1), padding=((1, 1), (0, 0)), ceil_mode=True, count_include_pad=False, divisor_override=None),
])  # fmt: skip
def avg_pool_op(xp, input, /, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override):
    """The mean of each window."""
    rank = len(kernel)
    outs = _avg_shape(input, kernel, stride, padding, ceil_mode).shape[-rank:]
    ones, spatial = (1,) * rank, input.shape[-rank:]
    array = padded(xp, input, _reach(spatial, kernel, stride, padding, ones, outs))
    counts = _counts(xp, spatial, kernel, stride, padding, outs, count_include_pad, divisor_override, input.dtype)
    out = _slide(array, xp.add, kernel, stride, ones, outs)
    if input.dtype.kind in "iu":
        return xp.trunc(out / counts).astype(input.dtype)
    return out / counts


@op(lambda upper, size, *_, **__: Meta((*upper.shape[: upper.ndim - len(size)], *size), upper.dtype), onnx=None, samples=[
    sample((2, 3, 3), size=(6,), kernel=(2,), stride=(2,), padding=((0, 0),), ceil_mode=False, **_AVG),
    sample((2, 2, 3, 5), size=(5, 6), kernel=(3, 2), stride=(2, 1), padding=((1, 1), (0, 0)), ceil_mode=False, count_include_pad=False, divisor_override=None),
])  # fmt: skip
def avg_spread_op(xp, upper, /, size, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override):
    """The adjoint of `avg_pool_op`: each number spread evenly over its window."""
    rank = len(kernel)
    outs = upper.shape[-rank:]
    reach = _reach(size, kernel, stride, padding, (1,) * rank, outs)
    counts = _counts(xp, size, kernel, stride, padding, outs, count_include_pad, divisor_override, upper.dtype)
    part = upper / counts
    lead = part.ndim - rank
    for axis in range(lead, part.ndim):
        d = axis - lead
        shape = list(part.shape)
        shape[axis] = max(size[d] + sum(reach[d]), (outs[d] - 1) * stride[d] + kernel[d])
        whole = xp.zeros(tuple(shape), part.dtype)
        for i in range(kernel[d]):
            target = _along(whole, axis, i, stride[d], outs[d])
            target += part
        low = reach[d][0]
        part = _along(whole, axis, low, 1, size[d])
    return xp.ascontiguousarray(part)


avg_pool_op.vjp(
    input=lambda g, shapes, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override: avg_spread_op(
        g, tuple(shapes[0][-len(kernel) :]), kernel, stride, padding, ceil_mode, count_include_pad, divisor_override
    )
)
avg_pool_op.array_vjp(
    input=lambda g, shapes, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override, xp: (
        avg_spread_op.forward(
            xp,
            g,
            tuple(shapes[0][-len(kernel) :]),
            kernel,
            stride,
            padding,
            ceil_mode,
            count_include_pad,
            divisor_override,
        )
    )
)
avg_spread_op.vjp(
    upper=lambda g, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override: avg_pool_op(
        g, kernel, stride, padding, ceil_mode, count_include_pad, divisor_override
    )
)


def _avg_pool(rank, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override=None):
    kernel, stride, pads, _ = _settings(f"avg_pool{rank}d", rank, input, kernel_size, stride, padding)
    if divisor_override == 0:
        raise runtime_error(f"avg_pool{rank}d: divisor must be not zero, got 0. Leave divisor_override out.")
    return avg_pool_op(input, kernel, stride, pads, bool(ceil_mode), bool(count_include_pad), divisor_override)


def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """The mean of each window of (N, C, L).

    Shape: (N, C, L) or (C, L) -> (N, C, L') or (C, L'), L' = (L + 2 padding - kernel_size) / stride + 1.

    >>> import facula
    >>> facula.nn.functional.avg_pool1d(facula.tensor([[[1., 3., 2., 0.]]]), 2)
    tensor([[[2., 1.]]])
    """
    return _avg_pool(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad)


def avg_pool2d(
    input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None
):
    """The mean of each window of (N, C, H, W).   Shape: (N, C, H, W) or (C, H, W) -> (N, C, H', W') or (C, H', W').

    >>> import facula
    >>> facula.nn.functional.avg_pool2d(facula.arange(16.).view(1, 1, 4, 4), 2)
    tensor([[[[ 2.5000,  4.5000],
              [10.5000, 12.5000]]]])
    """
    return _avg_pool(2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


@whole
def avg_pool3d(
    input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None
):
    """The mean of each window of (N, C, D, H, W).   Shape: (N, C, D, H, W) or (C, D, H, W) -> (N, C, D', H', W') or (C, D', H', W').

    >>> import facula
    >>> facula.nn.functional.avg_pool3d(facula.ones(1, 2, 4, 4, 4), 2).shape
    facula.Size([1, 2, 2, 2, 2])
    """
    return _avg_pool(3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)


def _lp_pool(rank, input, norm_type, kernel_size, stride, ceil_mode):
    kernel = sizes(kernel_size, rank, f"lp_pool{rank}d", "kernel_size")
    mean = _avg_pool(rank, input**norm_type, kernel, stride, 0, ceil_mode, True)
    positive = mean.abs().masked_fill(mean < 0, 0)
    return (mean.sign() * positive * math.prod(kernel)) ** (1.0 / norm_type)


def lp_pool1d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """The p-norm of each window of (N, C, L).   Shape: (N, C, L) or (C, L) -> (N, C, L') or (C, L').

    >>> import facula
    >>> facula.nn.functional.lp_pool1d(facula.tensor([[3., 4., 6., 8.]]), 2, 2)
    tensor([[ 5., 10.]])
    """
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """The p-norm of each window of (N, C, H, W).   Shape: (N, C, H, W) or (C, H, W) -> (N, C, H', W') or (C, H', W').

    >>> import facula
    >>> facula.nn.functional.lp_pool2d(facula.ones(1, 1, 4, 4), 2, 2)
    tensor([[[[2., 2.],
              [2., 2.]]]])
    """
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """The p-norm of each window of (N, C, D, H, W).   Shape: (N, C, D, H, W) or (C, D, H, W) -> (N, C, D', H', W') or (C, D', H', W')."""
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)
