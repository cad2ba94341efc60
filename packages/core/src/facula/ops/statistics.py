"""Spread and size: var, std, norm, logsumexp, cov, corrcoef, dist."""

from __future__ import annotations

import math

from facula import dtypes
from facula.autograd.op import op, sample
from facula.autograd.primitives import cast
from facula.autograd.state import whole
from facula.devices.meta import Meta
from facula.errors import runtime_error
from facula.ops.reduce import axes, dims, mean, spread, to_dtype
from facula.ops.rules import dims_of, reduced
from facula.tensors.inplace import write_out
from facula.tensors.tensor import Tensor

_SPREADS = [
    sample((3, 4), dim=None, correction=1, keepdim=False),
    sample((2, 3, 4), dim=(1,), correction=0, keepdim=True),
    sample((2, 3), dim=(0, 1), correction=1, keepdim=False),
]


def _count(shape, dim):
    return math.prod(shape[d] for d in dims_of(dim, len(shape))) if shape else 1


def _freedom(shape, dim, correction):
    """Degrees of freedom, never below zero."""
    n = _count(shape, dim) - correction
    return n if n > 0 else 0


def _real_reduced(name):
    def rule(input, dim, keepdim, **_):
        if not dtypes.is_differentiable(input.dtype):
            raise runtime_error(
                f"{name}: {name} only support floating point and complex dtypes, got {input.dtype.name}. Convert with .float() first."
            )
        return Meta(reduced.shape(input, dim, keepdim).shape, dtypes.real_of(input.dtype))

    return rule


def _var(xp, input, dim, correction, keepdim):
    if not dtypes.is_differentiable(input.dtype):
        raise runtime_error(
            f"var: std and var only support floating point and complex dtypes, got {input.dtype.name}. Convert with .float() first."
        )
    axis = axes(dim, input.ndim)
    n = _count(input.shape, dim)
    scale = input.dtype.type(1) / input.dtype.type(n)
    off = input - input.sum(axis=axis, keepdims=True) * scale
    squares = xp.multiply(off, off, out=off) if off.dtype.kind != "c" else off.real**2 + off.imag**2
    total = squares.sum(axis=axis, keepdims=keepdim)
    return total / total.dtype.type(_freedom(input.shape, dim, correction))


@op(_real_reduced("var"), onnx=None, samples=_SPREADS)
def var_op(xp, input, /, dim, correction, keepdim):
    """The mean square distance from the mean over `dim`, with `correction` taken from the count."""
    return _var(xp, input, dim, correction, keepdim)


def _centred(input, dim):
    return input - mean(input, dims_of(dim, input.ndim), keepdim=True) if input.ndim else input - input


def _ratio(shape, dim, correction, factor):
    n = _freedom(shape, dim, correction)
    return factor / n if n else math.nan


var_op.vjp(
    input=lambda g, input, dim, correction, keepdim: (
        spread(g, input.shape, dim, keepdim) * _ratio(input.shape, dim, correction, 2.0) * _centred(input, dim)
    )
)


def _centred_array(input, dim):
    axis = axes(dim, input.ndim)
    return input - input.sum(axis=axis, keepdims=True) / max(_count(input.shape, dim), 1)


def _var_array(g, input, dim, correction, keepdim):
    return spread(g, input.shape, dim, keepdim) * _ratio(input.shape, dim, correction, 2.0) * _centred_array(input, dim)


var_op.array_vjp(input=_var_array)


@op(_real_reduced("std"), onnx=None, samples=_SPREADS)
def std_op(xp, input, /, dim, correction, keepdim):
    """The square root of the variance; its gradient at 0 is 0."""
    return xp.sqrt(_var(xp, input, dim, correction, keepdim))


def _std_back(g, input, out, dim, correction, keepdim):
    flat = out == 0
    g = (g / out.masked_fill(flat, 1)).masked_fill(flat, 0)
    return spread(g, input.shape, dim, keepdim) * _ratio(input.shape, dim, correction, 1.0) * _centred(input, dim)


def _std_array(g, input, out, dim, correction, keepdim, xp):
    g = xp.where(out == 0, g.dtype.type(0), g / xp.where(out == 0, out.dtype.type(1), out))
    return spread(g, input.shape, dim, keepdim) * _ratio(input.shape, dim, correction, 1.0) * _centred_array(input, dim)


std_op.vjp(input=_std_back)
std_op.array_vjp(input=_std_array)


def _spread_arguments(dim, unbiased, correction):
    """The forms (input, dim, unbiased, keepdim), (input, unbiased) and (input, dim, correction=) in one."""
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is None:
        correction = 1 if unbiased is None else int(unbiased)
    return dims(dim) or None, correction


def var(input, dim=None, unbiased=None, keepdim=False, *, correction=None, out=None, axis=None):
    """The variance over `dim`: sum((x - mean) ** 2) / (n - correction), with correction 1 unless told.

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.var(facula.tensor([1., 2., 3.]))
    tensor(1.)
    """
    if axis is not None:
        dim = axis
    dim, correction = _spread_arguments(dim, unbiased, correction)
    return var_op(input, dim, correction, keepdim, out=out)


def std(input, dim=None, unbiased=None, keepdim=False, *, correction=None, out=None, axis=None):
    """The standard deviation over `dim`: the square root of `var`.

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.std(facula.tensor([1., 3.]), correction=0)
    tensor(1.)
    """
    if axis is not None:
        dim = axis
    dim, correction = _spread_arguments(dim, unbiased, correction)
    return std_op(input, dim, correction, keepdim, out=out)


def var_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """The variance and the mean over `dim`.

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim), twice.

    >>> import facula
    >>> facula.var_mean(facula.tensor([1., 3.]))
    (tensor(2.), tensor(2.))
    """
    return var(input, dim, unbiased, keepdim, correction=correction), mean(
        input, None if isinstance(dim, bool) else dims(dim) or None, keepdim
    )


def std_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """The standard deviation and the mean over `dim`.

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim), twice.

    >>> import facula
    >>> facula.std_mean(facula.tensor([1., 3.]))
    (tensor(1.4142), tensor(2.))
    """
    return std(input, dim, unbiased, keepdim, correction=correction), mean(
        input, None if isinstance(dim, bool) else dims(dim) or None, keepdim
    )


# ord 2 and 1 first: they are what networks use
@op(_real_reduced("norm"), onnx=None, samples=[
    sample((3, 4), ord=2.0, dim=None, keepdim=False), sample((2, 3, 4), ord=1.0, dim=(1,), keepdim=True),
    sample((2, 3), ord=math.inf, dim=(0,), keepdim=False), sample((2, 3), ord=3.0, dim=(0, 1), keepdim=False),
    sample((2, 3), ord=-math.inf, dim=(1,), keepdim=False), sample((2, 3), ord=0.5, dim=None, keepdim=False),
])  # fmt: skip
def vector_norm_op(xp, input, /, ord, dim, keepdim):
    """(sum |x| ** ord) ** (1 / ord) over `dim`; for ord inf and -inf the extreme of |x|, for 0 the count of nonzeros."""
    axis = axes(dim, input.ndim)
    size = xp.abs(input)
    if ord == 2:
        return xp.sqrt((size * size).sum(axis=axis, keepdims=keepdim))
    if ord == 1:
        return size.sum(axis=axis, keepdims=keepdim)
    if ord == 0:
        return (size != 0).sum(axis=axis, keepdims=keepdim).astype(size.dtype)
    if math.isinf(ord):
        if not input.size and not all(input.shape[d] for d in axis):
            raise runtime_error(
                f"norm: cannot compute the {ord} norm on an empty dimension, got shape {input.shape}. The operation has no identity."
            )
        return (size.max if ord > 0 else size.min)(axis=axis, keepdims=keepdim)
    return xp.power(xp.power(size, size.dtype.type(ord)).sum(axis=axis, keepdims=keepdim), size.dtype.type(1 / ord))


def _norm_back(g, input, out, ord, dim, keepdim):
    if ord == 0:
        return g.new_zeros(input.shape) if not input.is_complex() else input * 0
    g, out = spread(g, input.shape, dim, keepdim), spread(out, input.shape, dim, keepdim)
    if ord == 2:
        zero = out == 0
        return input * (g / out.masked_fill(zero, 1)).masked_fill(zero, 0)
    if ord == 1:
        return input.sgn() * g
    size = input.abs()
    if math.isinf(ord):
        hit = (size == out).to(g.dtype)
        return input.sgn() * (hit * (g / hit.sum(dims_of(dim, input.ndim), keepdim=True)) if input.ndim else g)
    zero, none = size == 0, out == 0
    power = size.masked_fill(zero, 1).pow(ord - 1).masked_fill(zero, 0)
    return input.sgn() * power * (g * out.masked_fill(none, 1).pow(1 - ord)).masked_fill(none, 0)


vector_norm_op.vjp(input=_norm_back)


@whole
def norm(input, p="fro", dim=None, keepdim=False, out=None, dtype=None):
    """The p-norm over `dim` (all elements by default); "fro" is p = 2, "nuc" sums the singular values of matrices.

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.norm(facula.tensor([3., 4.]))
    tensor(5.)
    """
    input = to_dtype(input, dtype)
    if not dtypes.is_differentiable(input.array.dtype):
        raise runtime_error(
            f"norm: linalg.vector_norm: Expected a floating point or complex tensor as input, got {input.dtype}. Convert with .float() first."
        )
    if p == "nuc":
        return _nuclear(input, dim, keepdim, out)
    if isinstance(p, str) and p != "fro":
        raise runtime_error(f"norm: expected p to be a number, 'fro' or 'nuc', got {p!r}. Use one of these.")
    order = 2.0 if p is None or p == "fro" else float(p)
    return vector_norm_op(input, order, dims(dim) or None, keepdim, out=out)


def _nuclear(input, dim, keepdim, out):
    from facula import ops

    dims_ = (0, 1) if dim is None else dims(dim)
    if len(dims_) != 2 or (dim is None and input.ndim != 2):
        raise runtime_error(
            f"norm: expected two dimensions for the nuclear norm, got {dims_} of {input.ndim}. Pass dim=(row, column)."
        )
    result = ops.function("linalg_matrix_norm")(input, "nuc", dims_, keepdim)
    return result if out is None else write_out(out, result)


@whole
def dist(input, other, p=2):
    """The p-norm of input - other.   Shape: (*), (*) that broadcast together -> ().

    >>> import facula
    >>> facula.dist(facula.tensor([3., 0.]), facula.tensor([0., 4.]))
    tensor(5.)
    """
    return norm(input - other, float(p))


@op(lambda input, dim, keepdim: Meta(reduced.shape(input, dim, keepdim).shape, input.dtype), promote="float", onnx="ReduceLogSumExp", samples=[
    sample((3, 4), dim=(1,), keepdim=False), sample((2, 3, 4), dim=(0, 2), keepdim=True),
])  # fmt: skip
def logsumexp_op(xp, input, /, dim, keepdim):
    """log(sum(exp(input))) over `dim`, shifted by the maximum so that it never overflows."""
    axis = axes(dim, input.ndim)
    if not input.size:
        return xp.log(xp.exp(input).sum(axis=axis, keepdims=keepdim))
    peak = input.real.max(axis=axis, keepdims=True) if input.dtype.kind == "c" else input.max(axis=axis, keepdims=True)
    peak = xp.where(xp.isfinite(peak), peak, peak.dtype.type(0))
    total = xp.log(xp.exp(input - peak).sum(axis=axis, keepdims=True)) + peak
    return total if keepdim else total.squeeze(axis)


def _logsumexp_back(g, input, out, dim, keepdim):
    g, out = spread(g, input.shape, dim, keepdim), spread(out, input.shape, dim, keepdim)
    out = out.masked_fill(out == -math.inf, 0) if not out.is_complex() else out
    return g * (input - out).exp().conj()


def _logsumexp_array(g, input, out, dim, keepdim, xp):
    g, out = spread(g, input.shape, dim, keepdim), spread(out, input.shape, dim, keepdim)
    return g * xp.exp(input - xp.where(out == -math.inf, out.dtype.type(0), out))


logsumexp_op.vjp(input=_logsumexp_back)
logsumexp_op.array_vjp(input=_logsumexp_array)


def logsumexp(input, dim, keepdim=False, *, out=None):
    """log(sum(exp(input))) over `dim`, without overflow.

    Shape: (*) -> (*) without the dims in `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.logsumexp(facula.tensor([100., 0.]), 0)
    tensor(100.)
    """
    return logsumexp_op(input, dims(dim), keepdim, out=out)


def _weights(name, weights, count):
    if weights is None:
        return None
    if weights.ndim > 1 or weights.array.size != count:
        raise runtime_error(
            f"cov: {name} must have one or less dimensions and as many elements as observations, expected {count}, "
            f"got {tuple(weights.shape)}. Give one per column."
        )
    if name == "fweights" and weights.array.dtype.kind not in "iu":
        raise runtime_error(
            f"cov(): expected fweights to have integral dtype but got fweights with {weights.dtype.name} dtype. Pass them as aweights."
        )
    if not weights.is_meta and (weights < 0).any():
        raise runtime_error(f"cov(): {name} cannot be negative, got some below 0. Clamp them at zero.")
    return weights


def cov(input, *, correction=1, fweights=None, aweights=None):
    """The covariance matrix of variables in rows, observed in columns.

    Shape: (variables, observations) -> (variables, variables); (n) -> ().

    >>> import facula
    >>> facula.cov(facula.tensor([[0., 1., 2.], [2., 1., 0.]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.ndim > 2:
        raise runtime_error(
            f"cov(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions. Reshape it."
        )
    x = input if input.ndim == 2 else input.reshape(1, -1)
    if not dtypes.is_differentiable(x.array.dtype):
        x = cast(x, dtypes.default().numpy)
    count = x.shape[1]
    f, a = _weights("fweights", fweights, count), _weights("aweights", aweights, count)
    if f is None and a is None:
        total, free = count, count - correction
        centred = x - (x.sum(1, keepdim=True) / count if count else x.sum(1, keepdim=True) * math.nan)
        weighted = centred
    else:
        w = f if a is None else a if f is None else f * a
        total = w.sum()
        centred = x - (x * w).sum(1, keepdim=True) / total
        free = total - correction if a is None else total - correction * ((w * a).sum() / total)
        weighted = centred * w
    product = weighted @ centred.mT.conj()
    free = free.clamp(min=0) if isinstance(free, Tensor) else free if free > 0 else 0
    result = product / free
    return result.squeeze() if input.ndim < 2 or product.array.size == 1 else result


def corrcoef(input):
    """Pearson's correlation coefficients of variables in rows, observed in columns.

    Shape: (variables, observations) -> (variables, variables); (n) -> ().

    >>> import facula
    >>> facula.corrcoef(facula.tensor([[1., 2., 3.], [3., 2., 1.]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    if input.ndim > 2:
        raise runtime_error(
            f"corrcoef(): expected input to have two or fewer dimensions but got an input with {input.ndim} dimensions. Reshape it."
        )
    c = cov(input)
    if not c.ndim:
        return c / c
    deviation = c.diagonal().real.sqrt() if c.is_complex() else c.diagonal().sqrt()
    c = c / deviation.unsqueeze(-1) / deviation.unsqueeze(0)
    if not c.is_complex():
        return c.clamp(-1, 1)
    from facula.ops.complex import complex as complex_of

    return complex_of(c.real.clamp(-1, 1), c.imag.clamp(-1, 1))
