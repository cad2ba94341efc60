"""New tensors, with the standard's arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from facula import dtypes, ops
from facula.errors import value_error
from facula.tensors.tensor import Tensor

tril, triu, from_dlpack = ops.function("tril"), ops.function("triu"), ops.function("from_dlpack")


def asarray(obj: Any, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor of what `obj` holds; it shares memory unless it must not (`copy=True`) or cannot."""
    if not isinstance(obj, Tensor) and isinstance(obj, (list, tuple)) and any(isinstance(x, Tensor) for x in obj):
        obj = ops.function("stack")([asarray(x) for x in obj])
    if isinstance(obj, Tensor):
        found = obj.to(device=device or obj.device, dtype=dtype or obj.dtype)
        if found is not obj and copy is False:
            raise value_error("asarray: unable to avoid copy, expected the same dtype and device. Leave copy=None.")
        return found.clone() if copy and found is obj else found
    if (
        isinstance(obj, np.ndarray)
        and copy is not False
        and not (obj.flags.writeable and min(obj.strides, default=0) >= 0)
    ):
        obj = obj.copy()
    return ops.function("asarray")(obj, dtype=dtype, device=device, copy=copy)


def arange(start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None) -> Tensor:
    """start, start + step, ... below `stop`.   Shape: (n,)."""
    first, last = (0, start) if stop is None else (start, stop)
    if (last - first) * step <= 0:
        whole = all(isinstance(x, int) for x in (first, last, step))
        return empty((0,), dtype=dtype or (dtypes.int64 if whole else None), device=device)
    return ops.function("arange")(first, last, step, dtype=dtype, device=device)


def linspace(
    start: Any, stop: Any, /, num: int, *, dtype: Any = None, device: Any = None, endpoint: bool = True
) -> Tensor:
    """`num` numbers at equal distances from `start` to `stop`.   Shape: (num,)."""
    if endpoint:
        return ops.function("linspace")(start, stop, num, dtype=dtype, device=device)
    return ops.function("linspace")(start, stop, num + 1, dtype=dtype, device=device)[:num]


def _shape(shape: Any) -> tuple[int, ...]:
    return (shape,) if isinstance(shape, int) else tuple(shape)


def empty(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Uninitialised memory of a shape."""
    return ops.function("empty")(_shape(shape), dtype=dtype, device=device)


def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Zeros of a shape."""
    return ops.function("zeros")(_shape(shape), dtype=dtype, device=device)


def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Ones of a shape."""
    return ops.function("ones")(_shape(shape), dtype=dtype, device=device)


def full(shape: Any, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """One number everywhere."""
    return ops.function("full")(_shape(shape), fill_value, dtype=dtype, device=device)


def empty_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Uninitialised memory in the shape of `x`."""
    return ops.function("empty_like")(x, dtype=dtype, device=device)


def zeros_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Zeros in the shape of `x`."""
    return ops.function("zeros_like")(x, dtype=dtype, device=device)


def ones_like(x: Tensor, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Ones in the shape of `x`."""
    return ops.function("ones_like")(x, dtype=dtype, device=device)


def full_like(x: Tensor, /, fill_value: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """One number everywhere, in the shape of `x`."""
    return ops.function("full_like")(x, fill_value, dtype=dtype, device=device)


def eye(n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None) -> Tensor:
    """Ones on diagonal `k` of a matrix of zeros.   Shape: (n_rows, n_cols)."""
    n_cols = n_rows if n_cols is None else n_cols
    out = zeros((n_rows, n_cols), dtype=dtype, device=device)
    if -n_rows < k < n_cols:
        out.diagonal(k).fill_(1)
    return out


def meshgrid(*arrays: Tensor, indexing: str = "xy") -> tuple[Tensor, ...]:
    """Coordinates of a grid from coordinates along its axes."""
    return tuple(ops.function("meshgrid")(*arrays, indexing=indexing)) if arrays else ()
