"""Pooling to a given size, at random places, and back: adaptive, fractional and un-pooling."""

from __future__ import annotations

import numpy as np

from facula.autograd.op import arg, op, sample
from facula.autograd.primitives import cast
from facula.autograd.state import whole
from facula.devices import base as devices
from facula.devices.meta import Meta
from facula.errors import runtime_error, value_error
from facula.ops.checks import sizes, uniform
from facula.ops.pool import avg_pool_op, gather_flat_op, max_pool_op, window_argmax
from facula.tensors.tensor import wrap


def _targets(name, rank, input, output_size):
    """The wanted size of each dimension; None keeps it."""
    if input.ndim not in (rank + 1, rank + 2):
        listed = rank > 1 and isinstance(output_size, (tuple, list)) and input.ndim <= rank
        refuse = value_error if listed else runtime_error
        raise refuse(  # as PyTorch does
            f"{name}: Expected {rank + 1}D or {rank + 2}D tensor, but got {list(input.shape)}. Reshape it."
        )
    given = (
        (output_size,) * rank
        if output_size is None or isinstance(output_size, (int, np.integer))
        else tuple(output_size)
    )
    given = given * rank if len(given) == 1 else given
    if len(given) != rank:
        raise runtime_error(
            f"{name}: output_size must be {rank}, got {len(given)} numbers. Give one number per dimension."
        )
    found = tuple(int(n) if m is None else int(m) for n, m in zip(input.shape[-rank:], given, strict=True))
    if min(found) < 0:
        raise runtime_error(
            f"{name}: elements of output_size must be greater than or equal to 0, but got {list(found)}. Use positive "
            "numbers."
        )
    for d, n in enumerate(input.shape[-rank:]):
        if not n:
            raise runtime_error(
                f"{name}: Expected input to have non-zero size for non-batch dimensions, but input has sizes "
                f"{list(input.shape)} with dimension {d} being empty. Check the data."
            )
    return found


def _bins(n, m):
    """Where each of m bins begins and ends."""
    i = np.arange(m)
    return i * n // m, -(-(i + 1) * n // m)


def _averaging(n, m):
    """The matrix that takes the mean of each bin."""
    start, end = _bins(n, m)
    at = np.arange(n)
    inside = (at >= start[:, None]) & (at < end[:, None])
    return inside / (end - start)[:, None]


def _even(input, rank, wanted):
    """Kernel sizes if every dimension is a multiple of what is wanted."""
    if all(m and n % m == 0 for n, m in zip(input.shape[-rank:], wanted, strict=True)):
        return tuple(n // m for n, m in zip(input.shape[-rank:], wanted, strict=True))
    return None


def _adaptive_avg(rank, input, output_size):
    wanted = _targets(f"adaptive_avg_pool{rank}d", rank, input, output_size)
    if kernel := _even(input, rank, wanted):
        return avg_pool_op(input, kernel, kernel, ((0, 0),) * rank, False, True, None)
    for d, m in enumerate(wanted):
        axis = input.ndim - rank + d
        if input.shape[axis] != m:
            if input.is_meta:
                matrix = wrap(Meta((input.shape[axis], m), input.array.dtype))
            else:
                matrix = cast(wrap(devices.move(_averaging(input.shape[axis], m).T, input.device)), input.array.dtype)
            input = (input.transpose(axis, -1) @ matrix).transpose(axis, -1)
    return input.contiguous()


@whole
def adaptive_avg_pool1d(input, output_size):
    """Means of `output_size` bins that cover the input evenly.   Shape: (N, C, L) or (C, L) -> (N, C, output_size) or (C, output_size).

    >>> import facula
    >>> facula.nn.functional.adaptive_avg_pool1d(facula.tensor([[[1., 3., 2., 0.]]]), 2)
    tensor([[[2., 1.]]])
    """
    return _adaptive_avg(1, input, output_size)


@whole
def adaptive_avg_pool2d(input, output_size):
    """Means of bins that cover images evenly, `output_size` in each dimension (None keeps it).

    Shape: (N, C, H, W) or (C, H, W) -> (N, C, *output_size) or (C, *output_size).

    >>> import facula
    >>> facula.nn.functional.adaptive_avg_pool2d(facula.arange(16.).view(1, 1, 4, 4), 1)
    tensor([[[[7.5000]]]])
    """
    return _adaptive_avg(2, input, output_size)


@whole
def adaptive_avg_pool3d(input, output_size):
    """Means of bins that cover volumes evenly, `output_size` in each dimension (None keeps it).

    Shape: (N, C, D, H, W) or (C, D, H, W) -> (N, C, *output_size) or (C, *output_size).

    >>> import facula
    >>> facula.nn.functional.adaptive_avg_pool3d(facula.ones(1, 2, 4, 4, 4), 2).shape
    facula.Size([1, 2, 2, 2, 2])
    """
    return _adaptive_avg(3, input, output_size)


@op(lambda input, size: Meta((*input.shape[: input.ndim - len(size)], *size), np.int64), onnx=None, nondiff=True, half=False, samples=[
    sample((2, 3, 7), size=(3,)), sample((2, 5, 4), size=(2, 3)),
])  # fmt: skip
def adaptive_indices_op(xp, input, /, size):
    """Where the maximum of each of evenly spread bins is."""
    rank = len(size)
    if not all(size):
        return xp.zeros((*input.shape[:-rank], *size), np.int64)
    places = []
    for n, m in zip(input.shape[-rank:], size, strict=True):
        start, end = _bins(n, m)
        places.append(np.minimum(start[:, None] + np.arange((end - start).max()), end[:, None] - 1))
    return window_argmax(xp, input.astype(np.float32) if input.dtype.kind == "V" else input, places)


def _adaptive_max(rank, input, output_size, return_indices):
    wanted = _targets(f"adaptive_max_pool{rank}d", rank, input, output_size)
    kernel = None if return_indices else _even(input, rank, wanted)
    if kernel:
        return max_pool_op(input, kernel, kernel, ((0, 0),) * rank, (1,) * rank, False)
    indices = adaptive_indices_op(input, wanted)
    values = gather_flat_op(input, indices, rank)
    return (values, indices) if return_indices else values


def adaptive_max_pool1d(input, output_size, return_indices=False):
    """Maxima of `output_size` bins that cover the input evenly.   Shape: (N, C, L) or (C, L) -> (N, C, output_size) or (C, output_size).

    >>> import facula
    >>> facula.nn.functional.adaptive_max_pool1d(facula.tensor([[1., 5., 2., 3.]]), 2)
    tensor([[5., 3.]])
    """
    return _adaptive_max(1, input, output_size, return_indices)


def adaptive_max_pool2d(input, output_size, return_indices=False):
    """Maxima of bins that cover images evenly.   Shape: (N, C, H, W) or (C, H, W) -> (N, C, *output_size) or (C, *output_size).

    >>> import facula
    >>> facula.nn.functional.adaptive_max_pool2d(facula.arange(16.).view(1, 1, 4, 4), 2)
    tensor([[[[ 5.,  7.],
              [13., 15.]]]])
    """
    return _adaptive_max(2, input, output_size, return_indices)


@whole
def adaptive_max_pool3d(input, output_size, return_indices=False):
    """Maxima of bins that cover volumes evenly.   Shape: (N, C, D, H, W) or (C, D, H, W) -> (N, C, *output_size) or (C, *output_size)."""
    return _adaptive_max(3, input, output_size, return_indices)


def adaptive_max_pool1d_with_indices(input, output_size, return_indices=False):
    """`adaptive_max_pool1d` and where each maximum is.   Shape: as `adaptive_max_pool1d`, twice."""
    return _adaptive_max(1, input, output_size, True)


def adaptive_max_pool2d_with_indices(input, output_size, return_indices=False):
    """`adaptive_max_pool2d` and where each maximum is.   Shape: as `adaptive_max_pool2d`, twice."""
    return _adaptive_max(2, input, output_size, True)


def adaptive_max_pool3d_with_indices(input, output_size, return_indices=False):
    """`adaptive_max_pool3d` and where each maximum is.   Shape: as `adaptive_max_pool3d`, twice."""
    return _adaptive_max(3, input, output_size, True)


def _fractional_shape(input, samples, kernel, size):
    for n, k, m in zip(input.shape[-len(size) :], kernel, size, strict=True):
        if m + k - 1 > n:
            raise runtime_error(
                f"fractional_max_pool{len(size)}d: pool size {k} with output size {m} is too large relative to input "
                f"size {n} of {tuple(input.shape)}. Choose smaller ones."
            )
    return Meta((*input.shape[: input.ndim - len(size)], *size), np.int64)


@op(_fractional_shape, onnx=None, nondiff=True, half=False, samples=[
    sample((1, 2, 7), arg((1, 2, 1), low=0.0, high=0.99), kernel=(2,), size=(3,)),
    sample((1, 2, 6, 5), arg((1, 2, 2), low=0.0, high=0.99), kernel=(2, 2), size=(3, 2)),
])  # fmt: skip
def fractional_indices_op(xp, input, samples, /, kernel, size):
    """Where the maximum of each window is; windows begin at steps of one or the other size around (n - kernel) / (size - 1)."""
    _fractional_shape(input, samples, kernel, size)
    rank, lead = len(size), input.shape[: input.ndim - len(size)]
    rows = int(np.prod(lead))
    spatial = input.shape[-rank:]
    drawn = samples.reshape(rows, rank)
    flat = xp.zeros((rows, *(1,) * (2 * rank)), np.int64)
    for d, (n, k, m) in enumerate(zip(spatial, kernel, size, strict=True)):
        u = drawn[:, d if rank == 3 else rank - 1 - d]  # PyTorch lists a plane's two samples from the last dimension
        start = xp.full((rows, m), n - k, np.int64)
        if m > 1:
            alpha = u.dtype.type((n - k) / (m - 1))
            i = xp.arange(m - 1)[None, :].astype(u.dtype)
            start[:, :-1] = ((i + u[:, None]) * alpha).astype(np.int64) - (u[:, None] * alpha).astype(np.int64)
        place = start[:, :, None] + xp.arange(k)
        shape = [rows, *(1,) * (2 * rank)]
        shape[1 + d], shape[1 + rank + d] = m, k
        flat = flat * n + place.reshape(shape)
    outs = int(np.prod(size))
    cells = int(np.prod(kernel))
    flat = flat.reshape(rows, outs, cells)
    values = xp.take_along_axis(
        input.reshape(rows, int(np.prod(spatial))), flat.reshape(rows, outs * cells), axis=1
    ).reshape(flat.shape)
    best = values.argmax(axis=-1)
    return xp.take_along_axis(flat, best[..., None], axis=-1).reshape(*lead, *size)


def _fractional(rank, input, kernel_size, output_size, output_ratio, return_indices, samples):
    name = f"fractional_max_pool{rank}d"
    if output_size is None and output_ratio is None:
        raise value_error(
            f"{name}: {name} requires specifying either an output_size or an output_ratio, got neither. Pass one."
        )
    if input.ndim not in (rank + 1, rank + 2):
        raise runtime_error(
            f"{name}: Expected {rank + 1}D or {rank + 2}D tensor, but got: {list(input.shape)}. Reshape it."
        )
    if output_size is None:
        ratios = (output_ratio,) * rank if isinstance(output_ratio, float) else tuple(output_ratio)
        output_size = tuple(int(n * r) for n, r in zip(input.shape[-rank:], ratios, strict=True))
    kernel, size = sizes(kernel_size, rank, name, "kernel_size"), sizes(output_size, rank, name, "output_size")
    if samples is None:
        lead = (1, input.shape[0]) if input.ndim == rank + 1 else tuple(input.shape[:2])
        samples = uniform(input, (*lead, rank))
    elif input.ndim == rank + 1:
        samples = samples[:1]  # one instance uses the first instance's samples
    indices = fractional_indices_op(input, samples, kernel, size)
    values = gather_flat_op(input, indices, rank)
    return (values, indices) if return_indices else values


@whole
def fractional_max_pool2d(
    input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None
):
    """Maxima of windows at random places, so that sizes shrink by fractions (Graham, 2014).

    Shape: (N, C, H, W) or (C, H, W) -> (N, C, *output_size) or (C, *output_size).

    >>> import facula
    >>> facula.nn.functional.fractional_max_pool2d(facula.ones(1, 1, 6, 6), 2, output_size=4).shape
    facula.Size([1, 1, 4, 4])
    """
    return _fractional(2, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)


@whole
def fractional_max_pool3d(
    input, kernel_size, output_size=None, output_ratio=None, return_indices=False, _random_samples=None
):
    """Maxima of windows at random places in volumes.   Shape: (N, C, D, H, W) or (C, D, H, W) -> (N, C, *output_size) or (C, *output_size)."""
    return _fractional(3, input, kernel_size, output_size, output_ratio, return_indices, _random_samples)


def fractional_max_pool2d_with_indices(
    input, kernel_size, output_size=None, output_ratio=None, return_indices=True, _random_samples=None
):
    """`fractional_max_pool2d` and where each maximum is.   Shape: as `fractional_max_pool2d`, twice."""
    return _fractional(2, input, kernel_size, output_size, output_ratio, True, _random_samples)


def fractional_max_pool3d_with_indices(
    input, kernel_size, output_size=None, output_ratio=None, return_indices=True, _random_samples=None
):
    """`fractional_max_pool3d` and where each maximum is.   Shape: as `fractional_max_pool3d`, twice."""
    return _fractional(3, input, kernel_size, output_size, output_ratio, True, _random_samples)


def _unpool_shape(input, indices, size):
    return Meta((*input.shape[: input.ndim - len(size)], *size), input.dtype)


@op(
    _unpool_shape,
    onnx="MaxUnpool",
    half=False,
    samples=[
        sample((2, 3), arg(values=[[0, 2, 5], [4, 1, 3]]), size=(6,)),
        sample((1, 2, 2), arg(values=[[[0, 2], [5, 4]]]), size=(2, 3)),
    ],
)
def unpool_op(xp, input, indices, /, size):
    """Zeros of `size` with each element put at its index into the flattened last dimensions."""
    rank = len(size)
    lead = input.shape[: input.ndim - rank]
    rows, total = int(np.prod(lead)), int(np.prod(size))
    if indices.size and (indices.min() < 0 or indices.max() >= total):
        raise runtime_error(
            f"max_unpool{rank}d: Found an invalid max index: {int(indices.max())} (output volumes are of size "
            f"{'x'.join(map(str, size))}). Pass output_size."
        )
    out = xp.zeros((rows, total), input.dtype)
    out[xp.arange(rows)[:, None], indices.reshape(rows, -1)] = input.reshape(rows, -1)
    return out.reshape(*lead, *size)


unpool_op.vjp(input=lambda g, indices, size: gather_flat_op(g, indices, len(size)))


def _unpool(rank, input, indices, kernel_size, stride, padding, output_size):
    name = f"max_unpool{rank}d"
    if indices.array.dtype != np.int64:
        raise runtime_error(
            f"{name}: elements in indices should be type int64 but got: {indices.dtype}. Convert with .long()."
        )
    if tuple(input.shape) != tuple(indices.shape):
        raise runtime_error(
            f"{name}: Expected shape of indices to be same as that of the input tensor ({list(input.shape)}) but got "
            f"indices tensor with shape: {list(indices.shape)}. Pass both results of the pooling."
        )
    kernel = sizes(kernel_size, rank, name, "kernel_size")
    stride = kernel if stride is None else sizes(stride, rank, name, "stride")
    pads = sizes(padding, rank, name, "padding")
    usual = tuple((n - 1) * s + k - 2 * p for n, s, k, p in zip(input.shape[-rank:], stride, kernel, pads, strict=True))
    if output_size is None:
        return unpool_op(input, indices, usual)
    size = tuple(int(n) for n in output_size)
    size = size[-rank:] if len(size) in (rank + 1, rank + 2) else size
    if len(size) != rank:
        raise value_error(
            f"{name}: output_size should be a sequence containing {rank} or {rank + 2} elements, but it has a length "
            f"of '{len(size)}'. Give one number per dimension."
        )
    for d, (m, u, s) in enumerate(zip(size, usual, stride, strict=True)):
        if not u - s < m < u + s:
            raise value_error(
                f'{name}: invalid output_size "{list(size)}" (dim {d} must be between {u - s} and {u + s}). Use a size that the pooling could have had.'
            )
    return unpool_op(input, indices, size)


@whole
def max_unpool1d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Puts maxima back where `max_pool1d` found them, zeros elsewhere.   Shape: (N, C, L') or (C, L'), indices of the same shape -> (N, C, L) or (C, L).

    >>> import facula
    >>> x, where = facula.nn.functional.max_pool1d(facula.tensor([[1., 5., 2., 3.]]), 2, return_indices=True)
    >>> facula.nn.functional.max_unpool1d(x, where, 2)
    tensor([[0., 5., 0., 3.]])
    """
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


@whole
def max_unpool2d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Puts maxima back where `max_pool2d` found them, zeros elsewhere.

    Shape: (N, C, H', W'), (N, C, H', W') -> (N, C, H, W).

    >>> import facula
    >>> x, where = facula.nn.functional.max_pool2d(facula.arange(4.).view(1, 1, 2, 2), 2, return_indices=True)
    >>> facula.nn.functional.max_unpool2d(x, where, 2)
    tensor([[[[0., 0.],
              [0., 3.]]]])
    """
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


@whole
def max_unpool3d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """Puts maxima back where `max_pool3d` found them, zeros elsewhere.

    Shape: (N, C, D', H', W'), (N, C, D', H', W') -> (N, C, D, H, W).
    """
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)
