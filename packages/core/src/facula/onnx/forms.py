"""The ONNX forms of arithmetic, shapes and reductions that are not one ONNX operator with the same inputs.

`@form("name")` stands over a function of (ex, *inputs, **attrs); the layers' forms are in `forms_nn.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from facula.errors import value_error

FORMS: dict[str, Callable[..., Any]] = {}


def form(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register the decorated function as the form of the named ops."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        FORMS.update(dict.fromkeys(names, function))
        return function

    return add


def form_of(op: Any) -> Callable[..., Any]:
    """An op's form; one named ONNX operator serves as it is."""
    if op.name in FORMS:
        return FORMS[op.name]
    if callable(op.onnx):
        return op.onnx
    if isinstance(op.onnx, str) and op.onnx and op.onnx[0].isupper() and not op.attrs and not op.variadic:
        return lambda ex, *inputs, **attrs: ex.node(op.onnx, inputs)
    raise value_error(
        f"onnx.export: expected ops that have an ONNX form, got {op.name!r}, which has none. Replace it in the exported model by supported ops."
    )


def _axes(dim: Any, ndim: int) -> list[int]:
    dims = range(ndim) if dim is None or dim == () else (dim,) if isinstance(dim, int) else dim
    return [d % max(ndim, 1) for d in dims]


@form("add")
def _add(ex: Any, input: Any, other: Any, alpha: Any) -> Any:
    return ex.Add(input, other if alpha == 1 else ex.Mul(other, alpha))


@form("sub")
def _sub(ex: Any, input: Any, other: Any, alpha: Any) -> Any:
    return ex.Sub(input, other if alpha == 1 else ex.Mul(other, alpha))


@form("remainder")
def _remainder(ex: Any, input: Any, other: Any) -> Any:
    return ex.Sub(input, ex.Mul(other, ex.Floor(ex.Div(input, other))))


@form("rsqrt")
def _rsqrt(ex: Any, input: Any) -> Any:
    return ex.Reciprocal(ex.Sqrt(input))


@form("square")
def _square(ex: Any, input: Any) -> Any:
    return ex.Mul(input, input)


@form("ne")
def _ne(ex: Any, input: Any, other: Any) -> Any:
    return ex.Not(ex.Equal(input, other))


@form("clone", "contiguous", "transfer_op")
def _identity(ex: Any, input: Any, **_: Any) -> Any:
    return ex.Identity(input)


@form("cast_op", "discrete_cast_op")
def _cast(ex: Any, input: Any, dtype: Any, source: Any = None) -> Any:
    return ex.cast(input, dtype)


@form("linear")
def _linear(ex: Any, input: Any, weight: Any, bias: Any = None) -> Any:
    if len(input.shape) == 2 and len(weight.shape) == 2:
        return ex.Gemm(input, weight, bias, transB=1)
    out = ex.MatMul(input, ex.Transpose(weight))
    return out if bias is None else ex.Add(out, bias)


@form("view_op")
def _view(ex: Any, input: Any, shape: Any) -> Any:
    return ex.Reshape(input, ex.shape(input.shape, tuple(shape)))


@form("permute_op")
def _permute(ex: Any, input: Any, dims: Any) -> Any:
    return ex.Transpose(input, perm=list(dims))


@form("insert")
def _insert(ex: Any, input: Any, dim: int) -> Any:
    return ex.Unsqueeze(input, ex.ints(dim))


@form("drop")
def _drop(ex: Any, input: Any, dims: Any) -> Any:
    return ex.Squeeze(input, ex.ints(*dims)) if dims else ex.Identity(input)


@form("expand_op")
def _expand(ex: Any, input: Any, shape: Any) -> Any:
    lead = len(shape) - len(input.shape)
    sizes = [1 if i >= lead and n == input.shape[i - lead] else n for i, n in enumerate(shape)]
    return ex.Expand(input, ex.ints(*sizes))


@form("select_op")
def _select(ex: Any, input: Any, key: Any) -> Any:
    out, dim = input, 0
    starts: list[int] = []
    ends: list[int] = []
    axes: list[int] = []
    steps: list[int] = []
    squeezed: list[int] = []
    inserted: list[int] = []
    consumed = sum(k is not None and k is not Ellipsis for k in key)
    at = 0
    for k in key:
        if k is None:
            inserted.append(at)
            at += 1
        elif k is Ellipsis:
            dim += len(input.shape) - consumed
            at += len(input.shape) - consumed
        elif isinstance(k, slice):
            if k != slice(None):
                a, b, s = k.indices(input.shape[dim])
                starts, ends, axes, steps = [*starts, a], [*ends, b], [*axes, dim], [*steps, s]
            dim, at = dim + 1, at + 1
        else:
            i = int(k) % input.shape[dim]
            starts, ends, axes, steps = [*starts, i], [*ends, i + 1], [*axes, dim], [*steps, 1]
            squeezed.append(dim)
            dim += 1
    if axes:
        out = ex.Slice(out, ex.ints(*starts), ex.ints(*ends), ex.ints(*axes), ex.ints(*steps))
    if squeezed:
        out = ex.Squeeze(out, ex.ints(*squeezed))
    if inserted:
        out = ex.Unsqueeze(out, ex.ints(*inserted))
    return out if out is not input else ex.Identity(input)


@form("index_op")
def _index(ex: Any, input: Any, *indices: Any, positions: Any) -> Any:
    if len(indices) != 1:
        raise value_error("onnx.export: expected indexing by one tensor, got several. Index one dimension at a time.")
    return ex.Gather(input, indices[0], axis=positions[0])


@form("cat_op")
def _cat(ex: Any, *tensors: Any, dim: int) -> Any:
    return ex.Concat(*tensors, axis=dim)


@form("sum_op")
def _sum(ex: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    source = input if np.dtype(input.dtype).kind not in "biu" else ex.cast(input, np.int64)
    return ex.ReduceSum(source, ex.ints(*_axes(dim, len(input.shape))), keepdims=int(keepdim))


@form("mean_op")
def _mean(ex: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    return ex.ReduceMean(input, ex.ints(*_axes(dim, len(input.shape))), keepdims=int(keepdim))


@form("amax")
def _amax(ex: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    return ex.ReduceMax(input, ex.ints(*_axes(dim, len(input.shape))), keepdims=int(keepdim))


@form("amin")
def _amin(ex: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    return ex.ReduceMin(input, ex.ints(*_axes(dim, len(input.shape))), keepdims=int(keepdim))


@form("argmax")
def _argmax(ex: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    if dim is None:
        return ex.Squeeze(ex.ArgMax(ex.Reshape(input, ex.ints(-1)), axis=0, keepdims=1), ex.ints(0))
    return ex.ArgMax(input, axis=dim, keepdims=int(keepdim))


@form("clamp_op", "hardtanh_op")
def _clamp(ex: Any, input: Any, low: Any = None, high: Any = None, min_val: Any = None, max_val: Any = None) -> Any:
    return ex.Clip(input, low if min_val is None else min_val, high if max_val is None else max_val)


@form("tril")
def _tril(ex: Any, input: Any, diagonal: int) -> Any:
    return ex.Trilu(input, ex.constant(np.asarray(diagonal, np.int64)), upper=0)


@form("triu")
def _triu(ex: Any, input: Any, diagonal: int) -> Any:
    return ex.Trilu(input, ex.constant(np.asarray(diagonal, np.int64)), upper=1)


@form("cumsum_op")
def _cumsum(ex: Any, input: Any, dim: int, reverse: bool) -> Any:
    return ex.CumSum(input, ex.constant(np.asarray(dim, np.int64)), reverse=int(reverse))


@form("gather")
def _gather(ex: Any, input: Any, index: Any, dim: int) -> Any:
    return ex.GatherElements(input, index, axis=dim)


@form("repeat")
def _repeat(ex: Any, input: Any, sizes: Any) -> Any:
    lead = len(sizes) - len(input.shape)
    out = ex.Unsqueeze(input, ex.ints(*range(lead))) if lead else input
    return ex.Tile(out, ex.ints(*sizes))


@form("bitwise_not")
def _not(ex: Any, input: Any) -> Any:
    return ex.Not(input) if np.dtype(input.dtype).kind == "b" else ex.BitwiseNot(input)


@form("round")
def _round(ex: Any, input: Any, decimals: int) -> Any:
    factor = np.asarray(10.0**decimals, input.dtype)
    return ex.Round(input) if not decimals else ex.Div(ex.Round(ex.Mul(input, factor)), factor)


@form("trunc")
def _trunc(ex: Any, input: Any) -> Any:
    return ex.Mul(ex.Sign(input), ex.Floor(ex.Abs(input)))


@form("floor_divide")
def _floor_divide(ex: Any, input: Any, other: Any) -> Any:
    return ex.Floor(ex.Div(input, other))


@form("bitwise_and")
def _and(ex: Any, input: Any, other: Any) -> Any:
    return (
        ex.And(input, other) if ex.like is not None and np.dtype(ex.like).kind == "b" else ex.BitwiseAnd(input, other)
    )


@form("bitwise_or")
def _or(ex: Any, input: Any, other: Any) -> Any:
    return ex.Or(input, other) if ex.like is not None and np.dtype(ex.like).kind == "b" else ex.BitwiseOr(input, other)
