"""Masks and positions: masked_select, masked_scatter, nonzero, argwhere, unravel_index."""

from __future__ import annotations

import numpy as np

from facula.devices import base as devices
from facula.errors import not_implemented_error, runtime_error, value_error
from facula.ops.index import index_op, put_op
from facula.ops.join import stack
from facula.ops.outputs import takes_out
from facula.ops.rules import broadcast_shapes
from facula.ops.shape import broadcast_to, reshape
from facula.tensors.inplace import write_out
from facula.tensors.tensor import wrap


def _found(mask):
    """The positions of what is nonzero, one index tensor per dimension."""
    if mask.is_meta:
        raise not_implemented_error(
            "nonzero: expected a tensor with data, got one on the meta device. The count is not known there."
        )
    xp = devices.kind_of(mask.array).xp
    return tuple(wrap(i) for i in xp.nonzero(mask.array.reshape(1) if not mask.ndim else mask.array))


@takes_out
def masked_select(input, mask):
    """The elements of `input` where `mask` holds, as a vector.

    Shape: (*), mask that broadcasts with it -> (count of True).

    >>> import facula
    >>> facula.masked_select(facula.tensor([1, 2, 3]), facula.tensor([True, False, True]))
    tensor([1, 3])
    """
    _check_mask("masked_select", mask)
    shape = broadcast_shapes(input.shape, mask.shape, name="masked_select")
    (where,) = _found(reshape(broadcast_to(mask, shape), -1))
    return index_op(reshape(broadcast_to(input, shape), -1), where, positions=(0,))


def _check_mask(name, mask):
    if mask.array.dtype != np.bool_:
        raise runtime_error(f"{name}: expected BoolTensor for mask, got {mask.dtype}. Convert it with .bool().")


@takes_out
def masked_scatter(input, mask, source):
    """`input` with consecutive elements of `source` where `mask` holds.

    Shape: (*), mask that broadcasts to it, source with enough elements -> (*).

    >>> import facula
    >>> facula.zeros(3).masked_scatter(facula.tensor([True, False, True]), facula.tensor([1., 2.]))
    tensor([1., 0., 2.])
    """
    _check_mask("masked_scatter", mask)
    if source.array.dtype != input.array.dtype:
        raise runtime_error(
            f"masked_scatter: expected self and source to have same dtypes but got {input.dtype} and {source.dtype}."
        )
    shape = broadcast_shapes(input.shape, mask.shape, name="masked_scatter")
    (where,) = _found(reshape(broadcast_to(mask, shape), -1))
    n = where.shape[0]
    if source.numel() < n:
        raise runtime_error(
            f"masked_scatter: Number of elements of source < number of ones in mask, expected at least {n}, got {source.numel()}."
        )
    base = reshape(broadcast_to(input, shape), -1)
    return put_op(base, reshape(source, -1)[:n], where, positions=(0,), accumulate=False).reshape(shape)


def nonzero(input, *, out=None, as_tuple=False):
    """Where `input` is not zero: one row of indices per element, or (`as_tuple`) one tensor per dimension.

    Shape: (d1, ..., dn) -> (count, n), int64; n vectors (count) with as_tuple.

    >>> import facula
    >>> facula.nonzero(facula.tensor([0, 3, 4]))
    tensor([[1],
            [2]])
    """
    found = _found(input)
    if as_tuple:
        return found
    if not input.ndim:
        return wrap(np.zeros((len(found[0].array), 0), np.int64))
    result = stack(found, 1)
    return result if out is None else write_out(out, result)


def argwhere(input):
    """`nonzero` as rows of indices.   Shape: (d1, ..., dn) -> (count, n), int64.

    >>> import facula
    >>> facula.argwhere(facula.tensor([0, 3, 5]))
    tensor([[1],
            [2]])
    """
    return nonzero(input)


@takes_out
def nonzero_static(input, *, size, fill_value=-1):
    """The first `size` rows of `nonzero`, filled up with `fill_value`.   Shape: (d1, ..., dn) -> (size, n), int64.

    >>> import facula
    >>> facula.nonzero_static(facula.tensor([0, 3]), size=2)
    tensor([[ 1],
            [-1]])
    """
    if size < 0:
        raise runtime_error(f"nonzero_static: nonzero_static: 'size' must be an non-negative integer, got {size}.")
    rows = nonzero(input).array
    result = np.full((size, rows.shape[1]), fill_value, np.int64)
    result[: min(size, len(rows))] = rows[:size]
    return wrap(result)


def unravel_index(indices, shape):
    """The coordinates, one tensor per dimension, of positions in a flattened tensor of `shape`.

    Shape: (*) -> one (*) per dimension of `shape`.

    >>> import facula
    >>> facula.unravel_index(facula.tensor([4]), (2, 3))
    (tensor([1]), tensor([1]))
    """
    if indices.array.dtype.kind not in "iu":
        raise value_error(
            f"unravel_index: expected 'indices' to be integer dtype, but got {indices.dtype}. Convert it with .long()."
        )
    sizes = (shape,) if isinstance(shape, int) else tuple(shape)
    if any(n < 0 for n in sizes):
        raise value_error(f"unravel_index: 'shape' cannot have negative values, but got {sizes}. Use zero or more.")
    found = []
    for n in reversed(sizes):
        found.append(indices.remainder(n))
        indices = indices.div(n, rounding_mode="floor")
    return tuple(reversed(found))
