"""Sets and sorted sequences: unique, unique_consecutive, isin, searchsorted, bucketize."""

from __future__ import annotations

import math

import numpy as np

from facula.autograd.op import arg, op, sample
from facula.autograd.state import lanewise
from facula.devices import base as devices
from facula.devices.meta import Meta
from facula.errors import runtime_error, type_error
from facula.ops.outputs import takes_out
from facula.ops.rules import wrap_dim
from facula.tensors.tensor import Tensor, wrap


def _returned(input, values, inverse, counts, return_inverse, return_counts):
    """The tensors that the caller asked for."""
    wrapped = [
        wrap(devices.move(np.ascontiguousarray(x), input.device))
        for x in (values, inverse.astype(np.int64), counts.astype(np.int64))
    ]
    asked = [x for x, want in zip(wrapped, (True, return_inverse, return_counts), strict=True) if want]
    return asked[0] if len(asked) == 1 else tuple(asked)


def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The different elements (or slices along `dim`) in order, and if asked where each element went, and the counts.

    Shape: (*) -> (k); with dim (*, n, *) -> (*, k, *); inverse (*) or (n), counts (k).

    >>> import facula
    >>> facula.unique(facula.tensor([3, 1, 3]))
    tensor([1, 3])
    """
    x = devices.to_host(input.array)
    if dim is None:
        values, inverse, counts = np.unique(x, return_inverse=True, return_counts=True, equal_nan=False)
        return _returned(input, values, inverse.reshape(x.shape), counts, return_inverse, return_counts)
    dim = wrap_dim(dim, x.ndim)
    rows = np.moveaxis(x, dim, 0)
    flat = rows.reshape(len(rows), math.prod(rows.shape[1:]))
    if not flat.shape[1]:
        order, starts = np.arange(len(flat)), np.arange(len(flat)) == 0
    else:
        order = np.lexsort(flat.T[::-1])
        ranked = flat[order]
        starts = np.concatenate([np.ones(min(1, len(flat)), bool), (ranked[1:] != ranked[:-1]).any(1)])
    group = np.cumsum(starts) - 1
    inverse = np.empty(len(flat), np.int64)
    inverse[order] = group
    values = np.moveaxis(rows[order[starts]], 0, dim)
    return _returned(input, values, inverse, np.bincount(group), return_inverse, return_counts)


def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """`input` with one element (or slice along `dim`) left of each run of equal ones.

    Shape: (*) -> (k); with dim (*, n, *) -> (*, k, *); inverse (*) or (n), counts (k).

    >>> import facula
    >>> facula.unique_consecutive(facula.tensor([1, 1, 2, 1]))
    tensor([1, 2, 1])
    """
    x = devices.to_host(input.array)
    rows = x.reshape(-1) if dim is None else np.moveaxis(x, wrap_dim(dim, x.ndim), 0)
    flat = rows.reshape(len(rows), math.prod(rows.shape[1:]))
    starts = np.ones(len(rows), bool)
    starts[1:] = (flat[1:] != flat[:-1]).any(1)
    group = np.cumsum(starts) - 1
    values = rows[starts] if dim is None else np.moveaxis(rows[starts], 0, wrap_dim(dim, x.ndim))
    inverse = group.reshape(x.shape) if dim is None else group
    return _returned(input, values, inverse, np.bincount(group), return_inverse, return_counts)


@lanewise
def isin(elements, test_elements, *, assume_unique=False, invert=False, out=None):
    """Which `elements` occur in `test_elements`.   Shape: (*), (*t) -> (*), bool.

    >>> import facula
    >>> facula.isin(facula.tensor([1, 2, 3]), facula.tensor([2]))
    tensor([False,  True, False])
    """
    found = _isin(elements, test_elements, invert)
    if out is None:
        return found
    from facula.tensors.inplace import write_out

    return write_out(out, found)


def _isin(elements, test_elements, invert):
    if not any(isinstance(x, Tensor) for x in (elements, test_elements)):
        raise type_error("isin(): argument 'elements' must be Tensor, not two numbers. Wrap one with facula.tensor().")
    place = next(x for x in (elements, test_elements) if isinstance(x, Tensor))
    a, b = (devices.to_host(x.array) if isinstance(x, Tensor) else np.asarray(x) for x in (elements, test_elements))
    return wrap(devices.move(np.asarray(np.isin(a, b, invert=invert)), place.device))


def _searched(input, sequence, right, kind):
    return Meta(input.shape, kind)


@op(_searched, onnx=None, nondiff=True, samples=[
    sample(arg((3, 4)), arg(values=[-1.0, 0.0, 1.5]), right=False, kind=np.dtype("int64")),
    sample(arg((2, 4)), arg(values=[[-1.0, 0.0, 1.5], [0.0, 0.5, 1.0]]), right=True, kind=np.dtype("int32")),
])  # fmt: skip
def _searchsorted(xp, input, sequence, /, right, kind):
    """Where each element goes in the sorted sequence of its row."""
    side = "right" if right else "left"
    if sequence.ndim == 1:
        return xp.searchsorted(sequence, input, side=side).astype(kind)
    count = math.prod(sequence.shape[:-1])
    rows, queries = sequence.reshape(count, sequence.shape[-1]), input.reshape(count, input.shape[-1])
    out = [xp.searchsorted(r, q, side=side) for r, q in zip(rows, queries, strict=True)]
    return (xp.stack(out) if out else xp.zeros(input.shape)).reshape(input.shape).astype(kind)


@takes_out
def searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None, sorter=None):
    """The index at which each element of `input` can be put into `sorted_sequence` so that it stays in order.

    Shape: sorted_sequence (*, n) or (n,), input (*, m); the result has the shape of input.

    >>> import facula
    >>> facula.searchsorted(facula.tensor([1, 3, 5]), facula.tensor([3, 6]))
    tensor([1, 3])
    """
    if side not in (None, "left", "right"):
        raise runtime_error(f"searchsorted: side can only be 'left' or 'right' but got {side}. Use one of these.")
    if side == "left" and right:
        raise runtime_error(
            "searchsorted: side and right can't be set to opposites, got side of left while right was True. Use one of them."
        )
    if not isinstance(input, Tensor):
        input = sorted_sequence.new_full((), input)
    if sorter is not None:
        from facula.ops.gather import gather

        if sorter.array.shape != sorted_sequence.array.shape:
            raise runtime_error(
                f"searchsorted: boundary and sorter must have the same size, but got {tuple(sorted_sequence.shape)} and {tuple(sorter.shape)}. Use argsort()."
            )
        sorted_sequence = gather(sorted_sequence, -1, sorter)
    if sorted_sequence.ndim != 1 and sorted_sequence.shape[:-1] != input.shape[:-1]:
        raise runtime_error(
            "searchsorted: boundaries tensor should be 1 dimension or the first N-1 dimensions of boundaries tensor and input value tensor must "
            f"match, but got {list(sorted_sequence.shape)} and {list(input.shape)}. Expand one of them."
        )
    kind = np.dtype(np.int32 if out_int32 else np.int64)
    return _searchsorted(input, sorted_sequence, bool(right or side == "right"), kind)


@takes_out
def bucketize(input, boundaries, *, out_int32=False, right=False):
    """The index of the bucket between sorted `boundaries` that each element falls into.

    Shape: (*), boundaries (n) -> (*), int64.

    >>> import facula
    >>> facula.bucketize(facula.tensor([0.5, 2.5]), facula.tensor([1., 2., 3.]))
    tensor([0, 2])
    """
    if boundaries.ndim != 1:
        raise runtime_error(
            f"bucketize: boundaries tensor must be 1 dimension, but got dim({boundaries.ndim}). Use searchsorted() for rows."
        )
    if not isinstance(input, Tensor):
        input = boundaries.new_full((), input)
    return _searchsorted(input, boundaries, bool(right), np.dtype(np.int32 if out_int32 else np.int64))
