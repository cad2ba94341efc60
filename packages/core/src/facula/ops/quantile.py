"""Order statistics: median, kthvalue, mode, quantile, and their forms that leave nan out."""

from __future__ import annotations

import math

import numpy as np

from facula.autograd.op import op, sample
from facula.autograd.state import whole
from facula.devices.meta import Meta
from facula.errors import runtime_error
from facula.ops.extremes import selected, selected_back
from facula.ops.gather import gather
from facula.ops.outputs import takes_out
from facula.ops.results import result
from facula.ops.rules import wrap_dim
from facula.ops.sort import sort
from facula.tensors.inplace import write_out
from facula.tensors.tensor import Tensor

_median, _nanmedian, _kthvalue, _mode = result("median"), result("nanmedian"), result("kthvalue"), result("mode")
_ALONG = [sample((3, 5), dim=1, keepdim=False), sample((4, 3), dim=0, keepdim=True)]


def _pick(xp, input, order, rank, dim, keepdim):
    """The element whose place in `order` along `dim` is `rank` (an int or an array with one entry per slice)."""
    if isinstance(rank, int):
        shape = [1 if d == dim else n for d, n in enumerate(input.shape)]
        rank = xp.full(shape, rank)
    where = xp.take_along_axis(order, rank, dim)
    values = xp.take_along_axis(input, where, dim)
    where = where.astype(np.int64, copy=False)
    return (values, where) if keepdim else (values.squeeze(dim), where.squeeze(dim))


def _median_rank(xp, input, dim, skip_nan):
    """The place of the lower median; of the first nan where nan counts."""
    n = input.shape[dim]
    if input.dtype.kind != "f":
        return (n - 1) // 2
    valid = n - xp.isnan(input).sum(axis=dim, keepdims=True)
    if skip_nan:
        return xp.maximum(valid - 1, 0) // 2
    return xp.where(valid == n, (n - 1) // 2, valid)


def _selection(name, kind, rank, samples):
    def forward(xp, input, /, dim, keepdim):
        if input.dtype.kind == "c":
            raise NotImplementedError  # the rule says why
        if not input.ndim:
            return input.copy(), xp.zeros((), np.int64)
        order = xp.argsort(input, axis=dim, kind="stable")
        return _pick(xp, input, order, rank(xp, input, dim), dim, keepdim)

    forward.__name__, forward.__module__ = name, __name__
    forward.__doc__ = f"The {name} along `dim`, and where it is."
    record = op(selected(name), returns=kind, keeps=(1,), onnx=None, samples=samples)(forward)
    record.vjp(input=lambda g, out, shapes, dim, keepdim: selected_back(g[0], out[1].detach(), shapes[0], dim, keepdim))
    return record


_median_along = _selection("median", _median, lambda xp, input, dim: _median_rank(xp, input, dim, False), _ALONG)
_nanmedian_along = _selection(
    "nanmedian", _nanmedian, lambda xp, input, dim: _median_rank(xp, input, dim, True), _ALONG
)


def _whole(name, skip_nan):
    @op(lambda input: Meta((), input.dtype), onnx=None, samples=[sample((3, 5)), sample((4,))], name=f"{name}_all")
    def forward(xp, input, /):
        """The lower median of all elements."""
        if not input.size:
            return xp.full((), math.nan if input.dtype.kind == "f" else np.iinfo(input.dtype).min, input.dtype)
        flat = xp.sort(input.reshape(-1))
        rank = _median_rank(xp, flat, 0, skip_nan)
        return flat[rank if isinstance(rank, int) else int(rank[0])].reshape(())

    def back(g, input, out):
        hit = ((input == out) | ((input != input) & (out != out))).to(g.dtype)
        return hit * (g / hit.sum())

    forward.vjp(input=back)
    return forward


_median_all, _nanmedian_all = _whole("median", False), _whole("nanmedian", True)


def median(input, dim=None, keepdim=False, *, out=None):
    """The lower median of all elements; with `dim`, (values, indices) along it. A nan makes the median nan.

    Shape: (*) -> (); with dim two of (*) without it (kept as 1 by keepdim).

    >>> import facula
    >>> facula.median(facula.tensor([3, 1, 4, 2]))
    tensor(2)
    """
    if dim is None:
        return _median_all(input, out=out)
    found = _median_along(input, wrap_dim(dim, input.ndim), keepdim)
    return found if out is None else write_out(out, found)


def nanmedian(input, dim=None, keepdim=False, *, out=None):
    """The lower median of the elements that are not nan; with `dim`, (values, indices) along it.

    Shape: (*) -> (); with dim two of (*) without it (kept as 1 by keepdim).

    >>> import facula
    >>> facula.nanmedian(facula.tensor([1., facula.nan, 3.]))
    tensor(1.)
    """
    if dim is None:
        return _nanmedian_all(input, out=out)
    found = _nanmedian_along(input, wrap_dim(dim, input.ndim), keepdim)
    return found if out is None else write_out(out, found)


def _kth_rule(input, k, dim, keepdim):
    size = input.shape[wrap_dim(dim, input.ndim)] if input.ndim else 1
    if not 1 <= k <= size:
        raise runtime_error(
            f"kthvalue: selected number k out of range for dimension {dim}, expected 1 to {size}, got {k}. Choose k within it."
        )
    return selected("kthvalue")(input, dim, keepdim)


@op(
    _kth_rule,
    returns=_kthvalue,
    keeps=(1,),
    name="kthvalue",
    onnx=None,
    samples=[sample((3, 5), k=2, dim=1, keepdim=False), sample((4, 3), k=4, dim=0, keepdim=True)],
)
def _kthvalue_along(xp, input, /, k, dim, keepdim):
    """The k-th smallest element along `dim`, and where it is."""
    _kth_rule(input, k, dim, keepdim)
    if not input.ndim:
        return input.copy(), xp.zeros((), np.int64)
    return _pick(xp, input, xp.argsort(input, axis=dim, kind="stable"), k - 1, dim, keepdim)


_kthvalue_along.vjp(
    input=lambda g, out, shapes, dim, keepdim: selected_back(g[0], out[1].detach(), shapes[0], dim, keepdim)
)


def kthvalue(input, k, dim=-1, keepdim=False, *, out=None):
    """(values, indices) of the k-th smallest element along `dim`, counted from 1.

    Shape: (*) -> two of (*) without `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.kthvalue(facula.tensor([30, 10, 20]), 2).values
    tensor(20)
    """
    found = _kthvalue_along(input, k, wrap_dim(dim, input.ndim), keepdim)
    return found if out is None else write_out(out, found)


@op(selected("mode"), returns=_mode, keeps=(1,), name="mode", onnx=None, samples=_ALONG)
def _mode_along(xp, input, /, dim, keepdim):
    """The most frequent element along `dim` (the smallest of several), and where it is last."""
    if not input.ndim:
        return input.copy(), xp.zeros((), np.int64)
    order = xp.argsort(input, axis=dim, kind="stable")
    ranked = xp.moveaxis(xp.take_along_axis(input, order, dim), dim, -1)
    places = xp.arange(ranked.shape[-1])
    starts = xp.ones(ranked.shape, bool)
    starts[..., 1:] = ranked[..., 1:] != ranked[..., :-1]
    run = places - xp.maximum.accumulate(xp.where(starts, places, 0), axis=-1)
    last = xp.expand_dims(run.argmax(-1), dim)
    return _pick(xp, input, order, last, dim, keepdim)


_mode_along.vjp(
    input=lambda g, out, shapes, dim, keepdim: selected_back(g[0], out[1].detach(), shapes[0], dim, keepdim)
)


def mode(input, dim=-1, keepdim=False, *, out=None):
    """(values, indices) of the most frequent element along `dim`; the smallest if there are several.

    Shape: (*) -> two of (*) without `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.mode(facula.tensor([2, 1, 2, 3])).values
    tensor(2)
    """
    found = _mode_along(input, wrap_dim(dim, input.ndim), keepdim)
    return found if out is None else write_out(out, found)


_WAYS = ("linear", "lower", "higher", "midpoint", "nearest")


def _checked_quantile(name, input, q, interpolation):
    if input.array.dtype.name not in ("float32", "float64"):
        raise runtime_error(
            f"{name}: {name}() input tensor must be either float or double dtype, got {input.dtype.name}. Convert it with .float()."
        )
    if not input.array.size:
        raise runtime_error(
            f"{name}: {name}() input tensor must be non-empty, got shape {tuple(input.shape)}. Check the data."
        )
    if interpolation not in _WAYS:
        raise runtime_error(
            f"{name}: {name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but got {interpolation}. Use one of these."
        )
    if not isinstance(q, Tensor):
        q = input.new_full((), q)
    if q.array.dtype != input.array.dtype:
        raise runtime_error(
            f"{name}: {name}() q tensor must be same dtype as the input tensor, got {q.dtype.name} and {input.dtype.name}. Convert q with .to()."
        )
    if q.ndim > 1:
        raise runtime_error(f"{name}: {name}() q must be a scalar or 1D tensor, got {q.ndim} dimensions. Flatten it.")
    if q.array.size and not bool(((q >= 0) & (q <= 1)).all().item()):
        raise runtime_error(
            f"{name}: {name}() q must be in the range [0, 1] but got values outside. Give fractions, not per cent."
        )
    return q


def _quantile(name, input, q, dim, keepdim, interpolation, skip_nan):
    q = _checked_quantile(name, input, q, interpolation)
    axis = 0 if dim is None else wrap_dim(dim, input.ndim)
    flat = input.reshape(-1) if dim is None or not input.ndim else input.movedim(axis, -1)
    ranked = sort(flat).values
    size = ranked.shape[-1]
    missing = (ranked != ranked).sum(-1, keepdim=True)
    if skip_nan:
        rank = q * (size - 1 - missing).clamp(min=0).to(q.dtype)
    else:
        rank = (q * (size - 1)).expand((*ranked.shape[:-1], q.array.size)).masked_fill(missing > 0, size - 1)
    rank = rank.expand((*ranked.shape[:-1], q.array.size))
    if interpolation in ("lower", "higher", "nearest"):
        rank = {"lower": rank.floor, "higher": rank.ceil, "nearest": rank.round}[interpolation]()
    below = rank.detach().floor()
    found = gather(ranked, -1, below.long())
    if interpolation in ("linear", "midpoint"):
        above = gather(ranked, -1, rank.detach().ceil().long())
        weight = 0.5 * (rank.detach() != below).to(rank.dtype) if interpolation == "midpoint" else rank - below
        found = found + (above - found) * weight
    found = found.movedim(-1, 0)  # (q, *rest)
    if keepdim:
        found = (
            found.reshape((-1,) + (1,) * input.ndim)
            if dim is None
            else found.unsqueeze(axis + 1)
            if input.ndim
            else found
        )
    return found if q.ndim else found.squeeze(0)


@whole
@takes_out
def quantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    """The `q` quantiles (a fraction, or several in a tensor) of all elements or along `dim`; nan if there is a nan.

    Shape: (*q.shape, *the shape that reducing `dim` leaves).

    >>> import facula
    >>> facula.quantile(facula.tensor([0., 1., 2., 3.]), 0.5)
    tensor(1.5000)
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


@whole
@takes_out
def nanquantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    """`quantile` of the elements that are not nan.   Shape: as `quantile`.

    >>> import facula
    >>> facula.nanquantile(facula.tensor([1., facula.nan, 3.]), 0.5)
    tensor(2.)
    """
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)
