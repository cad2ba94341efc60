"""Windows of stride 1 as long runs: over a flattened padded image each kernel element sees one contiguous stretch.

A run also crosses the ends of rows, so it holds a few windows that do not exist, whose results are dropped: a few more
products, and every copy a long one.
"""

from __future__ import annotations

import math

_WASTE = 1.15  # how much longer than the windows a run may be


def flat_steps(spatial):
    """The strides, in elements, of contiguous dimensions."""
    return tuple(math.prod(spatial[i + 1 :]) for i in range(len(spatial)))


def run_length(spatial, kernel, stride, outs):
    """The length of the runs over padded images of size `spatial`, or 0 if columns of single windows are better."""
    if max(stride, default=1) != 1 or len(spatial) < 2 or math.prod(kernel) == 1 or not math.prod(outs):
        return 0
    length = 1 + sum((o - 1) * step for o, step in zip(outs, flat_steps(spatial), strict=True))
    return length if length <= _WASTE * math.prod(outs) else 0


def _strided(xp, array, shape, steps):
    return xp.lib.stride_tricks.as_strided(array, shape, tuple(s * array.itemsize for s in steps))


def run_columns(xp, array, kernel, dilation, length, groups):
    """(groups, channels * kernel, images * length) of contiguous padded images."""
    (n, channels), spatial = array.shape[:2], array.shape[2:]
    inner, size = flat_steps(spatial), math.prod(spatial)
    steps = (size, *(s * d for s, d in zip(inner, dilation, strict=True)), channels * size, 1)
    columns = xp.empty((channels, *kernel, n, length), array.dtype)
    columns[...] = _strided(xp, array, columns.shape, steps)
    return columns.reshape(groups, -1, n * length)


def from_runs(xp, product, target, spatial):
    """Copy the windows that exist in a product (groups, channels, images * length) to `target`."""
    n = len(target)
    length = product.shape[-1] // n
    target[...] = _strided(xp, product, target.shape, (length, n * length, *flat_steps(spatial)))
