"""Running sums and products along a dimension: cumsum, cumprod, logcumsumexp, diff, trapezoid."""

from __future__ import annotations

import numpy as np

from facula import dtypes
from facula.autograd.op import Rule, op, sample
from facula.devices.meta import Meta
from facula.errors import runtime_error, type_error
from facula.ops.reduce import to_dtype
from facula.ops.rules import wrap_dim

_ALONG = [sample((3, 4), dim=1), sample((2, 3, 2), dim=0)]


def _scan_type(d):
    return np.dtype(np.int64) if d.kind in "biu" else d


def _scan_rule(input, dim, **_):
    if input.ndim:
        wrap_dim(dim, input.ndim)
    return Meta(input.shape, _scan_type(input.dtype))


def _reversed(array, dim):
    return array[(slice(None),) * dim + (slice(None, None, -1),)]


@op(_scan_rule, onnx="CumSum", samples=[sample((3, 4), dim=1, reverse=False), sample((2, 3, 2), dim=0, reverse=True)])
def cumsum_op(xp, input, /, dim, reverse):
    """The sums of all elements up to each one (`reverse`: from each one on) along `dim`."""
    if not input.ndim:
        return input.astype(_scan_type(input.dtype))
    source = _reversed(input, dim) if reverse else input
    out = xp.cumsum(source, axis=dim, dtype=_scan_type(input.dtype))
    return _reversed(out, dim) if reverse else out


cumsum_op.vjp(input=lambda g, dim, reverse: cumsum_op(g, dim, not reverse))
cumsum_op.array_vjp(input=lambda g, dim, reverse, xp: cumsum_op.forward(xp, g, dim, not reverse))


def cumsum(input, dim, *, dtype=None, out=None):
    """out[i] = input[0] + ... + input[i] along `dim`; integers are summed in int64.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.cumsum(facula.tensor([1, 2, 3]), 0)
    tensor([1, 3, 6])
    """
    return cumsum_op(to_dtype(input, dtype), wrap_dim(dim, input.ndim), False, out=out)


@op(_scan_rule, onnx=None, samples=_ALONG)
def cumprod_op(xp, input, /, dim):
    """The products of all elements up to each one along `dim`."""
    if not input.ndim:
        return input.astype(_scan_type(input.dtype))
    return xp.cumprod(input, axis=dim, dtype=_scan_type(input.dtype))


def _cumprod_back(g, input, out, dim):
    """sum over j >= i of g_j out_j / input_i; where input has zeros, what stands before each element times a running sum."""
    if not input.ndim or input.shape[dim] < 2:
        return g
    if not (input == 0).any():
        return cumsum_op(g * out.conj(), dim, True) / input.conj()
    before = _neighbour(out, dim, False, 1)
    return before.conj() * _decaying_sum(g, _neighbour(input, dim, True).conj(), dim, True)


cumprod_op.vjp(input=_cumprod_back)


def cumprod(input, dim, *, dtype=None, out=None):
    """out[i] = input[0] * ... * input[i] along `dim`; integers are multiplied in int64.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.cumprod(facula.tensor([1, 2, 3]), 0)
    tensor([1, 2, 6])
    """
    return cumprod_op(to_dtype(input, dtype), wrap_dim(dim, input.ndim), out=out)


@op(Rule(_scan_rule), onnx=None, samples=[sample((3, 4), dim=1, reverse=False), sample((2, 3, 2), dim=0, reverse=True)])
def logcumsumexp_op(xp, input, /, dim, reverse):
    """log of the running sum of exp, by running log-add-exp (for complex numbers by a shifted sum)."""
    if not input.ndim:
        return input.copy()
    source = _reversed(input, dim) if reverse else input
    if input.dtype.kind == "c":
        peak = source.real.max(axis=dim, keepdims=True)
        peak = xp.where(xp.isfinite(peak), peak, 0)
        out = xp.log(xp.cumsum(xp.exp(source - peak), axis=dim)) + peak
    else:
        out = xp.logaddexp.accumulate(source, axis=dim)
    return _reversed(out, dim) if reverse else out


def _decay_rule(input, decay, dim, reverse):
    return Meta(input.shape, input.dtype)


@op(
    _decay_rule,
    onnx=None,
    samples=[sample((3, 4), (3, 4), dim=1, reverse=True), sample((3, 2), (3, 2), dim=0, reverse=False)],
)
def _decaying_sum(xp, input, decay, /, dim, reverse):
    """out[i] = input[i] + decay[i] * out[i - 1] along `dim` (`reverse`: out[i + 1])."""
    out = input.copy()
    x, d = xp.moveaxis(out, dim, 0), xp.moveaxis(decay, dim, 0)
    n = len(x)
    for i in range(n - 2, -1, -1) if reverse else range(1, n):
        x[i] += d[i] * x[i + 1 if reverse else i - 1]
    return out


def _neighbour(t, dim, reverse, outside=0):
    """Each element's neighbour towards the start (`reverse`: the end) of `dim`."""
    from facula.ops.join import cat

    n = t.shape[dim]
    edge = t.new_full((*t.shape[:dim], 1, *t.shape[dim + 1 :]), outside)
    return cat([_slice(t, dim, 1, None), edge], dim) if reverse else cat([edge, _slice(t, dim, 0, n - 1)], dim)


@_decaying_sum.vjp
def _decaying_sum_back(g, decay, out, dim, reverse):
    flow = _decaying_sum(g, _neighbour(decay, dim, not reverse).conj(), dim, not reverse)
    return flow, flow * _neighbour(out, dim, reverse).conj()


def _logcumsumexp_back(g, input, out, dim, reverse):
    """sum over j >= i of g_j exp(input_i - out_j), from one running sum to the next: no exponent is positive."""
    if not input.ndim or not input.shape[dim]:
        return g
    empty = (out.real if out.is_complex() else out) == float("-inf")
    share = (input - out).exp().masked_fill(empty, 0)
    decay = (out - _neighbour(out, dim, not reverse)).masked_fill(empty, 0)
    edge = slice(0, 1) if reverse else slice(-1, None)
    ends = decay.new_zeros(decay.shape, dtype=dtypes.bool_)
    ends.array[(slice(None),) * dim + (edge,)] = True
    decay = decay.masked_fill(ends, 0).exp().masked_fill(empty | ends, 0)
    return _decaying_sum(g, decay.conj(), dim, not reverse) * share.conj()


logcumsumexp_op.vjp(input=_logcumsumexp_back)


def logcumsumexp(input, dim, *, out=None):
    """log(exp(input[0]) + ... + exp(input[i])) along `dim`, computed without overflow.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.logcumsumexp(facula.zeros(2), 0)
    tensor([0.0000, 0.6931])
    """
    return logcumsumexp_op(input, wrap_dim(dim, input.ndim), False, out=out)


def _slice(t, dim, start, stop):
    return t[(slice(None),) * dim + (slice(start, stop),)]


def diff(input, n=1, dim=-1, prepend=None, append=None, *, out=None):
    """input[i + 1] - input[i] along `dim`, `n` times; `prepend` and `append` are joined to the input first.

    Shape: (*, m, *) -> (*, m - n, *).

    >>> import facula
    >>> facula.diff(facula.tensor([1, 3, 2]))
    tensor([ 2, -1])
    """
    from facula.ops.join import cat

    if not input.ndim:
        raise runtime_error(
            "diff: diff expects input to be at least one-dimensional, got a 0-dim tensor. Use .reshape(1)."
        )
    if n < 0:
        raise runtime_error(f"diff: order must be non-negative but got {n}. Pass n >= 0.")
    dim = wrap_dim(dim, input.ndim)
    parts = [p for p in (prepend, input, append) if p is not None]
    for p in parts:
        if p.ndim != input.ndim:
            raise runtime_error(
                f"diff: diff expects prepend or append to be the same dimension as input, got {p.ndim} and {input.ndim}. Unsqueeze it."
            )
    found = cat(parts, dim) if len(parts) > 1 else input
    n = n if n <= found.shape[dim] else found.shape[dim]
    if not n and found is input:
        found = input.clone()
    for _ in range(n):
        later, earlier = _slice(found, dim, 1, None), _slice(found, dim, 0, found.shape[dim] - 1)
        found = later ^ earlier if found.array.dtype == np.bool_ else later - earlier
    if out is None:
        return found
    from facula.tensors.inplace import write_out

    return write_out(out, found)


def _steps(name, y, x, dx, dim):
    """The distances between neighbours along `dim`, shaped to multiply pairs of y."""
    if x is None:
        return 1 if dx is None else dx
    if dx is not None:
        raise type_error(f"{name}: expected x or dx, got both. Leave one away.")
    if x.ndim == 1 and y.ndim > 1:
        if x.shape[0] != y.shape[dim]:
            raise runtime_error(
                f"{name}: There must be one `x` value for each sample point, expected {y.shape[dim]}, got {x.shape[0]}. Give x the size of y."
            )
        return diff(x).reshape((-1,) + (1,) * (y.ndim - 1 - dim))
    along = dim - y.ndim + x.ndim
    return diff(x, dim=along) if x.ndim and x.shape[along] > 1 else diff(x.expand(y.shape), dim=dim) if x.ndim else 0


def _areas(name, y, x, dx, dim):
    dim = wrap_dim(dim, y.ndim)
    if not y.shape[dim]:
        return dim, None
    steps = _steps(name, y, x, dx, dim)
    pairs = _slice(y, dim, 0, y.shape[dim] - 1) + _slice(y, dim, 1, None)
    return dim, pairs * steps / 2


def trapezoid(y, x=None, *, dx=None, dim=-1):
    """The integral of `y` along `dim` by the trapezoidal rule, at points `x` or steps `dx`.

    Shape: (*, n, *) -> (*, *).

    >>> import facula
    >>> facula.trapezoid(facula.tensor([1., 5., 10.]))
    tensor(10.5000)
    """
    dim, areas = _areas("trapezoid", y, x, dx, dim)
    return y.sum(dim) * 0.0 if areas is None else areas.sum(dim)


trapz = trapezoid


def cumulative_trapezoid(y, x=None, *, dx=None, dim=-1):
    """The running integral of `y` along `dim` by the trapezoidal rule.   Shape: (*, n, *) -> (*, n - 1, *).

    >>> import facula
    >>> facula.cumulative_trapezoid(facula.tensor([1., 1., 1.]))
    tensor([1., 2.])
    """
    dim, areas = _areas("cumulative_trapezoid", y, x, dx, dim)
    return y * 1.0 if areas is None else cumsum(areas, dim)
