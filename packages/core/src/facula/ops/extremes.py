"""The largest and the smallest: max and min in their three forms, aminmax, cummax and cummin."""

from __future__ import annotations

import numpy as np

from facula.autograd.op import op, sample
from facula.devices.meta import Meta
from facula.errors import index_error, not_implemented_error, runtime_error
from facula.ops.arithmetic import maximum, minimum
from facula.ops.gather import scatter_add
from facula.ops.maker import named
from facula.ops.reduce import amax, amin
from facula.ops.results import result
from facula.ops.rules import reduced, wrap_dim
from facula.tensors.inplace import write_out
from facula.tensors.tensor import Tensor

_ALONG = [sample((3, 4), dim=1, keepdim=False), sample((2, 3), dim=0, keepdim=True)]
_max, _min, _aminmax = result("max"), result("min"), result("aminmax", "min max")
_cummax, _cummin = result("cummax"), result("cummin")


def selected(name):
    """The rule of reductions that choose one element along `dim`: (values, indices)."""

    def rule(input, dim, keepdim, **_):
        if input.dtype.kind == "c":
            raise not_implemented_error(
                f"{name}: \"{name}\" not implemented for '{input.dtype.name}', expected real numbers. Compare .abs() instead."
            )
        if input.ndim and not input.shape[wrap_dim(dim, input.ndim)]:
            raise index_error(
                f"{name}: Expected reduction dim {dim} to have non-zero size, got shape {input.shape}. Check that the input is not empty."
            )
        meta = reduced.shape(input, dim, keepdim) if input.ndim else input
        return meta, Meta(meta.shape, np.int64)

    return rule


def selected_back(g, index, shape, dim, keepdim):
    """The gradient of chosen elements, back where they were."""
    if g is None:
        return None
    if not shape:
        return g
    dim = wrap_dim(dim, len(shape))
    if not keepdim:
        g, index = g.unsqueeze(dim), index.unsqueeze(dim)
    return scatter_add(g.new_zeros(shape), dim, index, g)


def put_back(xp, g, index, shape, dim, keepdim):
    """`selected_back` for arrays; no index occurs twice."""
    if g is None or not shape:
        return g
    out = xp.zeros(shape, g.dtype)
    xp.put_along_axis(
        out, index if keepdim else xp.expand_dims(index, dim), g if keepdim else xp.expand_dims(g, dim), dim
    )
    return out


def _along(name, kind):
    arg = f"arg{name}"

    def forward(xp, input, /, dim, keepdim):
        if input.dtype.kind == "c":
            raise NotImplementedError  # the rule says why
        if not input.ndim:
            wrap_dim(dim, 0)
            return input.copy(), xp.zeros((), np.int64)
        where = getattr(input, arg)(axis=dim, keepdims=keepdim)
        values = getattr(xp, f"{name}imum").reduce(input, axis=dim, keepdims=keepdim)
        return values, where if where.dtype == np.int64 else where.astype(np.int64)

    forward.__name__, forward.__doc__, forward.__module__ = (
        name,
        f"The {name}imum along `dim` and where it is.",
        __name__,
    )
    record = op(selected(name), returns=kind, keeps=(1,), onnx=None, samples=_ALONG)(forward)
    record.vjp(input=lambda g, out, shapes, dim, keepdim: selected_back(g[0], out[1].detach(), shapes[0], dim, keepdim))
    record.array_vjp(input=lambda g, out, shapes, dim, keepdim, xp: put_back(xp, g[0], out[1], shapes[0], dim, keepdim))
    return record


_max_along, _min_along = _along("max", _max), _along("min", _min)


def _three_forms(name, whole, along, pair):
    def function(input, dim=None, keepdim=False, *, other=None, out=None):
        if isinstance(dim, Tensor):
            other = dim
        if other is not None:
            return pair(input, other, out=out)
        if dim is not None:
            found = along(input, dim, keepdim)
            return found if out is None else write_out(out, found)
        if not input.array.size:
            raise runtime_error(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. Specify the reduction dim with the 'dim' argument."
            )
        return whole(input, out=out)

    named(function, name, __name__)
    function.__doc__ = f"""The {name}imum of all elements; with `dim`, (values, indices) along it; with a tensor, elementwise.

    Shape: (*) -> (); with dim two of (*) without it (kept as 1 by keepdim); two tensors: their common shape.

    >>> import facula
    >>> facula.{name}(facula.tensor([[1, 5], [7, 2]]), dim=1).values
    tensor([{"5, 7" if name == "max" else "1, 2"}])
    """
    return function


max, min = _three_forms("max", amax, _max_along, maximum), _three_forms("min", amin, _min_along, minimum)


def aminmax(input, *, dim=None, keepdim=False, out=None):
    """(min, max) of all elements, or along `dim`; ties share the gradient.

    Shape: (*) -> two of (), or of (*) without `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.aminmax(facula.tensor([3, 1, 2])).max
    tensor(3)
    """
    if not input.array.size and (dim is None or not input.array.shape[wrap_dim(dim, input.ndim)]):
        raise (runtime_error if dim is None else index_error)(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no identity. Name a dim with elements."
        )
    over = () if dim is None else dim
    if dim is None and keepdim:
        over = tuple(range(input.ndim))
    found = _aminmax(amin(input, over, keepdim), amax(input, over, keepdim))
    return found if out is None else write_out(out, found)


def _running_rule(input, dim):
    if input.ndim:
        wrap_dim(dim, input.ndim)
    return input, Meta(input.shape, np.int64)


def _running(name, kind, better):
    """cummax and cummin: the extreme so far and its index, the last one among equals."""

    def forward(xp, input, /, dim):
        if not input.ndim:
            wrap_dim(dim, 0)
            return input.copy(), xp.zeros((), np.int64)
        values = getattr(xp, better).accumulate(input, axis=dim)
        shape = [1] * input.ndim
        shape[dim] = input.shape[dim]
        places = xp.arange(input.shape[dim]).reshape(shape)
        hit = (input == values) | ((input != input) & (values != values))
        return values, xp.maximum.accumulate(xp.where(hit, places, 0), axis=dim)

    forward.__name__, forward.__module__ = f"{name}_op", __name__
    forward.__doc__ = (
        f"The {'largest' if name == 'cummax' else 'smallest'} element so far along `dim`, and where it is."
    )
    record = op(
        _running_rule, returns=kind, keeps=(1,), onnx=None, samples=[sample((3, 4), dim=1), sample((2, 3), dim=0)]
    )(forward)

    def back(g, out, shapes, dim):
        if g[0] is None or not shapes[0]:
            return g[0]
        return scatter_add(g[0].new_zeros(shapes[0]), dim, out[1].detach(), g[0])

    record.vjp(input=back)

    def function(input, dim, *, out=None):
        found = record(input, wrap_dim(dim, input.ndim))
        return found if out is None else write_out(out, found)

    named(function, name, __name__)
    function.__doc__ = f"""{forward.__doc__}   Shape: (*) -> (*), (*).

    >>> import facula
    >>> facula.{name}(facula.tensor([2, 3, 1]), 0).values
    tensor([{"2, 3, 3" if name == "cummax" else "2, 2, 1"}])
    """
    return function


cummax, cummin = _running("cummax", _cummax, "maximum"), _running("cummin", _cummin, "minimum")
