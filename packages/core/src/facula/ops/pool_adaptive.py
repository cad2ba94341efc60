"""Pooling to a given size, at random places, and back: adaptive, fractional and un-pooling."""

from __future__ import annotations

import numpy as np

from facula.autograd.op import op, sample
from facula.autograd.primitives import cast
from facula.devices import base as devices
from facula.devices.generator import default_generator
from facula.devices.meta import Meta
from facula.ops.checks import sizes
from facula.ops.pool import avg_pool_op, gather_flat_op, max_pool_op, scatter_flat_op, window_argmax
from facula.tensors.tensor import wrap


def _targets(name, rank, input, output_size):
    """The wanted size of each dimension; None keeps it."""
    if input.ndim not in (rank + 1, rank + 2):
        raise RuntimeError(f"{name}: Expected {rank + 1}D or {rank + 2}D tensor, but got {list(input.shape)}. Reshape it.")
    given = (output_size,) * rank if output_size is None or isinstance(output_size, (int, np.integer)) else tuple(output_size)
    given = given * rank if len(given) == 1 else given
    if len(given) != rank:
        raise RuntimeError(f"{name}: output_size must be {rank}, got {len(given)} numbers. Give one number per dimension.")
    found = tuple(int(n) if m is None else int(m) for n, m in zip(input.shape[-rank:], given, strict=True))
    if min(found) < 0:
        raise RuntimeError(f"{name}: elements of output_size must be greater than or equal to 0, but got {list(found)}. Use positive numbers.")
    for d, n in enumerate(input.shape[-rank:]):
        if not n:
            raise RuntimeError(f"{name}: Expected input to have non-zero size for non-batch dimensions, but input has sizes {list(input.shape)} with dimension {d} being empty. Check the data.")
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
            matrix = cast(wrap(devices.move(_averaging(input.shape[axis], m).T, "cpu" if input.is_meta else input.device)), input.array.dtype)
            if input.is_meta:
                matrix = wrap(Meta(matrix.shape, matrix.array.dtype))
            input = (input.transpose(axis, -1) @ matrix).transpose(axis, -1)
    return input.contiguous()


def adaptive_avg_pool1d(input, output_size):
    """Means of `output_size` bins that cover the input evenly.

    >>> import facula
    >>> facula.nn.functional.adaptive_avg_pool1d(facula.tensor([[[1., 3., 2., 0.]]]), 2)
    tensor([[[2., 1.]]])
    """
    return _adaptive_avg(1, input, output_size)


def adaptive_avg_pool2d(input, output_size):
    """Means of bins that cover images evenly, `output_size` in each dimension (None keeps it)."""
    return _adaptive_avg(2, input, output_size)


def adaptive_avg_pool3d(input, output_size):
    """Means of bins that cover volumes evenly, `output_size` in each dimension (None keeps it)."""
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
    """Maxima of `output_size` bins that cover the input evenly."""
    return _adaptive_max(1, input, output_size, return_indices)


def adaptive_max_pool2d(input, output_size, return_indices=False):
    """Maxima of bins that cover images evenly."""
    return _adaptive_max(2, input, output_size, return_indices)


def adaptive_max_pool3d(input, output_size, return_indices=False):
    """Maxima of bins that cover volumes evenly."""
    return _adaptive_max(3, input, output_size, return_indices)


def adaptive_max_pool1d_with_indices(input, output_size, return_indices=True):
    """`adaptive_max_pool1d` and where each maximum is."""
    return _adaptive_max(1, input, output_size, True)


def adaptive_max_pool2d_with_indices(input, output_size, return_indices=True):
    """`adaptive_max_pool2d` and where each maximum is."""
    return _adaptive_max(2, input, output_size, True)


def adaptive_max_pool3d_with_indices(input, output_size, return_indices=True):
    """`adaptive_max_pool3d` and where each maximum is."""
    return _adaptive_max(3, input, output_size, True)
