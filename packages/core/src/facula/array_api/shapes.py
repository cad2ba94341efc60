"""Other shapes, orders and choices of elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from facula import dtypes, ops
from facula.errors import index_error, value_error
from facula.tensors.tensor import Tensor

broadcast_to, take_along = ops.function("broadcast_to"), ops.function("take_along_dim")


def broadcast_arrays(*arrays: Tensor) -> tuple[Tensor, ...]:
    """Views of one common shape."""
    return tuple(ops.function("broadcast_tensors")(*arrays))


def concat(arrays: Sequence[Tensor], /, *, axis: int | None = 0) -> Tensor:
    """Tensors joined along an axis; flattened first if it is None."""
    parts = [a.reshape(-1) for a in arrays] if axis is None else list(arrays)
    return ops.function("cat")(parts, axis or 0)


def stack(arrays: Sequence[Tensor], /, *, axis: int = 0) -> Tensor:
    """Tensors joined along a new axis."""
    return ops.function("stack")(list(arrays), axis)


def unstack(x: Tensor, /, *, axis: int = 0) -> tuple[Tensor, ...]:
    """The parts along an axis, without it."""
    return ops.function("unbind")(x, axis)


def expand_dims(x: Tensor, /, *, axis: int = 0) -> Tensor:
    """A view with an axis of size 1 inserted."""
    return x.unsqueeze(axis)


def squeeze(x: Tensor, /, axis: Any) -> Tensor:
    """A view without the axes of size 1 that are named."""
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    for a in axes:
        if x.shape[a] != 1:
            raise value_error(f"squeeze: expected axis {a} of size 1, got {x.shape[a]}. Name an axis of size 1.")
    return ops.function("squeeze")(x, axes)


def flip(x: Tensor, /, *, axis: Any = None) -> Tensor:
    """The order of elements reversed along axes (all by default)."""
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    return ops.function("flip")(x, tuple(axes))


def moveaxis(x: Tensor, source: Any, destination: Any, /) -> Tensor:
    """A view with axes moved to other places."""
    return ops.function("movedim")(x, source, destination)


def permute_dims(x: Tensor, /, axes: Sequence[int]) -> Tensor:
    """A view with the axes in another order."""
    return x.permute(tuple(axes))


def repeat(x: Tensor, repeats: Any, /, *, axis: int | None = None) -> Tensor:
    """Each element several times, one after the other."""
    if axis is None:
        x, axis = x.reshape(-1), 0
    if isinstance(repeats, Tensor) and not repeats.ndim:
        repeats = int(repeats)
    return ops.function("repeat_interleave")(x, repeats, axis)


def reshape(x: Tensor, /, shape: Sequence[int], *, copy: bool | None = None) -> Tensor:
    """Another shape: a view if `copy` is False, a copy if it is True, what is cheaper if it is None."""
    out = x.view(tuple(shape)) if copy is False else x.reshape(tuple(shape))
    return out.clone() if copy else out


def roll(x: Tensor, /, shift: Any, *, axis: Any = None) -> Tensor:
    """Elements moved along axes; what leaves at one end enters at the other."""
    if axis is None:
        return ops.function("roll")(x, shift)
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    shifts = (shift,) * len(axes) if isinstance(shift, int) else tuple(shift)
    return ops.function("roll")(x, shifts, axes)


def tile(x: Tensor, repetitions: Sequence[int], /) -> Tensor:
    """The whole repeated along axes."""
    return ops.function("tile")(x, tuple(repetitions))


def take(x: Tensor, indices: Tensor, /, *, axis: int | None = None) -> Tensor:
    """The parts of `x` at `indices` along an axis."""
    if axis is None:
        if x.ndim != 1:
            raise index_error(f"take: expected an axis for {x.ndim} dimensions, got None. Name the axis.")
        axis = 0
    axis %= x.ndim
    return x[(*[slice(None)] * axis, indices.to(dtypes.int64))]


def take_along_axis(x: Tensor, indices: Tensor, /, *, axis: int = -1) -> Tensor:
    """The elements at `indices` along an axis, each in its own row."""
    wrapped = ops.function("where")(indices < 0, indices + x.shape[axis], indices)
    return take_along(x, wrapped.to(dtypes.int64), axis % x.ndim)
