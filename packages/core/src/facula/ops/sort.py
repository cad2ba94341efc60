"""Order: sort, argsort, msort, topk."""

from __future__ import annotations

import numpy as np

from facula.autograd.op import op, sample
from facula.devices.meta import Meta
from facula.errors import runtime_error
from facula.ops.extremes import put_back
from facula.ops.gather import scatter_add
from facula.ops.results import result
from facula.ops.rules import wrap_dim
from facula.tensors.inplace import write_out

_sorted, _topk = result("sort"), result("topk")


def _order(xp, input, dim, descending):
    """The stable order along `dim`, nan counting as the largest."""
    if not descending:
        return xp.argsort(input, axis=dim, kind="stable")
    back = (slice(None),) * dim + (slice(None, None, -1),)
    return input.shape[dim] - 1 - xp.argsort(input[back], axis=dim, kind="stable")[back]


def _sort_rule(input, dim, descending):
    if input.dtype.kind == "c":
        raise runtime_error(
            f"sort: Sort currently does not support complex dtypes, got {input.dtype.name}. Sort .abs() instead."
        )
    if input.ndim:
        wrap_dim(dim, input.ndim)
    return input, Meta(input.shape, np.int64)


def _scattered(g, out, shapes, dim):
    if g[0] is None or not shapes[0] or (g[0].shape == shapes[0] and not g[0].numel()):
        return g[0]
    return scatter_add(g[0].new_zeros(shapes[0]), dim, out[1].detach(), g[0])


@op(
    _sort_rule,
    returns=_sorted,
    keeps=(1,),
    onnx=None,
    samples=[sample((3, 4), dim=1, descending=False), sample((3, 4), dim=0, descending=True)],
)
def sort_op(xp, input, /, dim, descending):
    """The elements in order along `dim`, and where each came from."""
    if not input.ndim:
        return input.copy(), xp.zeros((), np.int64)
    order = _order(xp, input, dim, descending).astype(np.int64, copy=False)
    return xp.take_along_axis(input, order, dim), xp.ascontiguousarray(order)


sort_op.vjp(input=_scattered)
sort_op.array_vjp(input=lambda g, out, shapes, dim, xp: put_back(xp, g[0], out[1], shapes[0], dim, True))


def sort(input, dim=-1, descending=False, stable=False, *, out=None):
    """(values, indices) in order along `dim`; equal elements keep their order, and nan is the largest.

    Shape: (*) -> (*), (*).

    >>> import facula
    >>> facula.sort(facula.tensor([3, 1, 2])).indices
    tensor([1, 2, 0])
    """
    if input.array.dtype.kind == "c":
        raise runtime_error(
            f"sort: Sort currently does not support complex dtypes, got {input.dtype}. Sort .abs() instead."
        )
    found = sort_op(input, wrap_dim(dim, input.ndim), bool(descending))
    return found if out is None else write_out(out, found)


def argsort(input, dim=-1, descending=False, stable=False):
    """The indices that put `input` in order along `dim`.   Shape: (*) -> (*), int64.

    >>> import facula
    >>> facula.argsort(facula.tensor([3, 1, 2]))
    tensor([1, 2, 0])
    """
    return sort(input.detach(), dim, descending).indices


def msort(input, *, out=None):
    """`input` in order along its first dimension.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.msort(facula.tensor([3, 1, 2]))
    tensor([1, 2, 3])
    """
    found = sort(input, 0).values
    return found if out is None else write_out(out, found)


def _topk_rule(input, k, dim, largest):
    if input.dtype.kind == "c":
        raise runtime_error(
            f"topk: topk does not support complex dtypes on CPU, got {input.dtype.name}. Use .abs() instead."
        )
    size = input.shape[wrap_dim(dim, input.ndim)] if input.ndim else 1
    if not 0 <= k <= size:
        raise runtime_error(f"topk: selected index k out of range, expected 0 to {size}, got {k}. Use k={size}.")
    shape = (
        input.shape
        if not input.ndim
        else tuple(k if d == wrap_dim(dim, input.ndim) else n for d, n in enumerate(input.shape))
    )
    return Meta(shape, input.dtype), Meta(shape, np.int64)


@op(
    _topk_rule,
    returns=_topk,
    keeps=(1,),
    onnx="TopK",
    samples=[sample((3, 4), k=2, dim=1, largest=True), sample((5, 2), k=3, dim=0, largest=False)],
)
def topk_op(xp, input, /, k, dim, largest):
    """The k largest (or smallest) elements along `dim`, in order, and where they are."""
    _topk_rule(input, k, dim, largest)
    if not input.ndim:
        return input.copy(), xp.zeros((), np.int64)
    head = (slice(None),) * dim + (slice(0, k),)
    n = input.shape[dim]
    if xp is np and 0 < k < n // 4 and input.dtype.kind in "iuf" and (not largest or not np.isnan(input).any()):
        near = np.argpartition(input, n - k if largest else k - 1, axis=dim)
        near = np.sort(near[(slice(None),) * dim + (slice(n - k, None) if largest else slice(0, k),)], axis=dim)
        order = np.take_along_axis(near, _order(np, np.take_along_axis(input, near, dim), dim, largest), dim)
    else:
        order = xp.ascontiguousarray(_order(xp, input, dim, largest)[head])
    return xp.take_along_axis(input, order, dim), order.astype(np.int64, copy=False)


topk_op.vjp(input=_scattered)
topk_op.array_vjp(input=lambda g, out, shapes, dim, xp: put_back(xp, g[0], out[1], shapes[0], dim, True))


def topk(input, k, dim=-1, largest=True, sorted=True, *, out=None):
    """(values, indices) of the `k` largest (or smallest) elements along `dim`, in order.

    Shape: (*, n, *) -> two of (*, k, *).

    >>> import facula
    >>> facula.topk(facula.tensor([1, 4, 2]), 2).values
    tensor([4, 2])
    """
    found = topk_op(input, int(k), wrap_dim(dim, input.ndim), bool(largest))
    return found if out is None else write_out(out, found)
