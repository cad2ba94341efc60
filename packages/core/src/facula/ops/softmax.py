"""softmax and its kin: log_softmax, softmin, gumbel_softmax."""

from __future__ import annotations

import warnings

from facula.autograd.op import op, sample
from facula.autograd.state import whole
from facula.ops.checks import floating, uniform
from facula.ops.reduce import to_dtype
from facula.ops.rules import same, wrap_dim

_DIMS = [sample((3, 4), dim=-1), sample((2, 3, 2), dim=1)]


@op(same, onnx="Softmax", samples=_DIMS)
def softmax_op(xp, input, /, dim):
    """exp(input) / sum(exp(input)) along dim, computed from input - max."""
    floating("softmax", input)
    if not input.size or not input.ndim:
        wrap_dim(dim, input.ndim)
        return xp.exp(input - input)
    if dim in (-1, input.ndim - 1):
        return _softmax_rows(xp, _matrix(input)).reshape(input.shape)
    out = input - input.max(axis=dim, keepdims=True)
    xp.exp(out, out=out)
    out /= out.sum(axis=dim, keepdims=True)
    return out


def _matrix(array):
    return array.reshape(-1, array.shape[-1])


def _sums(xp, rows):
    """The sum of each row as a product with a vector, which BLAS does in one fast pass."""
    return (rows @ xp.ones(rows.shape[1], rows.dtype))[:, None]


def _softmax_rows(xp, rows):
    out = rows - rows.max(axis=1, keepdims=True)
    xp.exp(out, out=out)
    out *= 1 / _sums(xp, out)
    return out


def _softmax_slope_rows(xp, out, g):
    inner = g * out
    inner -= out * _sums(xp, inner)
    return inner


def softmax_array(g, out, dim, xp):
    if not out.ndim:
        return g * 0
    if out.size and dim in (-1, out.ndim - 1):
        return _softmax_slope_rows(xp, _matrix(out), _matrix(g)).reshape(out.shape)
    inner = g * out
    total = inner.sum(axis=dim, keepdims=True)
    inner -= out * total
    return inner


softmax_op.vjp(input=lambda g, out, dim: out * (g - (g * out).sum(dim, keepdim=True)))
softmax_op.array_vjp(input=softmax_array)


@op(same, onnx="LogSoftmax", samples=_DIMS)
def log_softmax_op(xp, input, /, dim):
    """input - log(sum(exp(input))) along dim."""
    floating("log_softmax", input)
    if not input.size or not input.ndim:
        wrap_dim(dim, input.ndim)
        return input - input
    if dim in (-1, input.ndim - 1):
        return _log_softmax_rows(xp, _matrix(input)).reshape(input.shape)
    out = input - input.max(axis=dim, keepdims=True)
    out -= xp.log(xp.exp(out).sum(axis=dim, keepdims=True))
    return out


def _log_softmax_rows(xp, rows):
    out = rows - rows.max(axis=1, keepdims=True)
    out -= xp.log(_sums(xp, xp.exp(out)))
    return out


def _log_softmax_slope_rows(xp, out, g):
    soft = xp.exp(out)
    soft *= _sums(xp, g)
    return xp.subtract(g, soft, out=soft)


def log_softmax_array(g, out, dim, xp):
    if not out.ndim:
        return g * 0
    if out.size and dim in (-1, out.ndim - 1):
        return _log_softmax_slope_rows(xp, _matrix(out), _matrix(g)).reshape(out.shape)
    soft = xp.exp(out)
    soft *= g.sum(axis=dim, keepdims=True)
    return xp.subtract(g, soft, out=soft)


log_softmax_op.vjp(input=lambda g, out, dim: g - out.exp() * g.sum(dim, keepdim=True))
log_softmax_op.array_vjp(input=log_softmax_array)


def _dim_of(name, dim, ndim):
    if dim is not None:
        return dim
    warnings.warn(
        f"{name}: implicit dimension choice has been deprecated. Change the call to include dim=X as an argument.",
        UserWarning,
        stacklevel=3,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input, dim=None, _stacklevel=3, dtype=None, *, out=None):
    """exp(input) / sum(exp(input)) along `dim`; `dtype` casts the input first.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.softmax(facula.tensor([0., 0.]), 0)
    tensor([0.5000, 0.5000])
    """
    if dtype is not None or not isinstance(_stacklevel, int):
        input = to_dtype(input, dtype if isinstance(_stacklevel, int) else _stacklevel)
    return softmax_op(input, _dim_of("softmax", dim, input.ndim) if dim is None else dim, out=out)


def log_softmax(input, dim=None, _stacklevel=3, dtype=None, *, out=None):
    """log(softmax(input)) along `dim`, without the rounding of the two steps.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.log_softmax(facula.tensor([0., 0.]), 0)
    tensor([-0.6931, -0.6931])
    """
    if dtype is not None or not isinstance(_stacklevel, int):
        input = to_dtype(input, dtype if isinstance(_stacklevel, int) else _stacklevel)
    return log_softmax_op(input, _dim_of("log_softmax", dim, input.ndim) if dim is None else dim, out=out)


@whole
def softmin(input, dim=None, _stacklevel=3, dtype=None):
    """softmax(-input) along `dim`.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.nn.functional.softmin(facula.zeros(2), 0)
    tensor([0.5000, 0.5000])
    """
    return softmax(-to_dtype(input, dtype), _dim_of("softmin", dim, input.ndim))


def gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=-1):
    """A sample of the Gumbel-softmax distribution: softmax((logits + noise) / tau) (Jang et al., 2016).

    With `hard` the result is one-hot, and its gradient is that of the soft sample.

    Shape: (*) -> (*).

    >>> import facula
    >>> facula.nn.functional.gumbel_softmax(facula.zeros(3), hard=True).sum()
    tensor(1.)
    """
    noise = -(-(1 - uniform(logits)).log()).log()
    soft = softmax_op((logits + noise) / tau, dim)
    if not hard:
        return soft
    d = wrap_dim(dim, soft.ndim)
    index = soft.detach().argmax(d, keepdim=True)
    shape = [1] * soft.ndim
    shape[d] = soft.shape[d]
    from facula.ops.create import arange

    one_hot = (arange(soft.shape[d], device=soft.device).reshape(shape) == index).to(soft.dtype)
    return one_hot - soft.detach() + soft
