"""`make_tensor`: random tensors for tests."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from facula import dtypes
from facula.devices import base as devices
from facula.devices.generator import rng_of
from facula.tensors.tensor import Tensor, wrap


def _range(dtype: dtypes.dtype, low: float | None, high: float | None) -> tuple[float, float]:
    """The asked range, or that of the type, kept within what the type can hold."""
    if any(x is not None and math.isnan(x) for x in (low, high)):
        raise ValueError(f"`low` and `high` cannot be NaN, but got low={low} and high={high}. Give numbers.")
    start, stop = {dtypes.BOOL: (0, 2), dtypes.INTEGER: (-9 if dtype.is_signed else 0, 10)}.get(dtype.category, (-9, 9))
    low, high = start if low is None else low, stop if high is None else high
    if low > high or (low == high and dtype.category < dtypes.FLOATING):
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}. Exchange them.")
    if dtype.category == dtypes.BOOL:
        return max(low, 0), min(high, 2)
    if dtype.category == dtypes.INTEGER:
        limits = dtypes.iinfo(dtype)
        return max(math.ceil(low), limits.min), min(math.ceil(high), limits.max + 1)
    real = dtypes.finfo(dtype)
    return max(low, real.min), min(high, real.max)


def _draw(shape: tuple[int, ...], dtype: dtypes.dtype, low: float, high: float) -> np.ndarray[Any, Any]:
    rng = rng_of(None)
    if dtype.category < dtypes.FLOATING:
        kind = np.uint64 if high > 2**63 else np.int64
        return rng.integers(int(low), int(high), shape, dtype=kind).astype(dtype.numpy)
    values = np.asarray(low + (high - low) * rng.random(shape))
    if dtype.is_complex:
        values = values + 1j * (low + (high - low) * rng.random(shape))
    return np.asarray(values).astype(dtype.numpy)


def make_tensor(
    *shape: Any,
    dtype: dtypes.dtype,
    device: Any,
    low: float | None = None,
    high: float | None = None,
    requires_grad: bool = False,
    noncontiguous: bool = False,
    exclude_zero: bool = False,
    memory_format: Any = None,
) -> Tensor:
    """A tensor of a shape with random elements, uniform in [low, high): [-9, 9) for floats, -9 to 9 for integers.

    Errors: ValueError for an empty range, a gradient of integers, or options that exclude each other.

    >>> import facula
    >>> facula.testing.make_tensor(2, 3, dtype=facula.float32, device="cpu").shape
    facula.Size([2, 3])
    """
    sizes = tuple(shape[0]) if len(shape) == 1 and not isinstance(shape[0], int) else tuple(shape)
    if requires_grad and dtype.category < dtypes.FLOATING:
        raise ValueError(
            f"`requires_grad=True` is not supported for boolean and integral dtypes, but got dtype={dtype}. Use a float."
        )
    if noncontiguous and memory_format is not None:
        raise ValueError(
            "The parameters `noncontiguous` and `memory_format` are mutually exclusive, "
            f"but got noncontiguous={noncontiguous} and memory_format={memory_format}. Choose one."
        )
    array = _draw(sizes, dtype, *_range(dtype, low, high))
    if exclude_zero:
        small = 1 if dtype.category < dtypes.FLOATING else dtypes.finfo(dtype).tiny
        array = np.asarray(np.where(array == 0, np.asarray(small, dtype.numpy), array))
    out = wrap(devices.move(np.ascontiguousarray(array).reshape(sizes), devices.device(device)))
    if noncontiguous and array.size > 1:
        out.array = spread(out.array)
    if memory_format is not None:
        out = out.to(memory_format=memory_format)
    return out.requires_grad_() if requires_grad else out


def spread(array: Any) -> Any:
    """The same elements with a gap after each in memory: a non-contiguous array."""
    xp = devices.kind_of(array).xp
    if xp is None or not array.ndim:
        return array
    wide = xp.zeros((*array.shape, 2), array.dtype)
    wide[..., 0] = array
    return wide[..., 0]
