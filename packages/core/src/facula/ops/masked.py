"""Reductions and normalisations that skip masked-out elements: what `facula.masked` offers.

Each replaces the elements where `mask` is False by the value that its reduction leaves as it is, and reduces.
"""

from __future__ import annotations

import math

import numpy as np

from facula import dtypes
from facula.autograd.primitives import cast
from facula.errors import index_error, not_implemented_error
from facula.ops.arithmetic import maximum
from facula.ops.rules import dims_of


def _op(name):
    from facula.ops import function

    return function(name)


def _typed(input, dtype):
    return input if dtype is None else cast(input, dtypes.numpy_of(dtype))


def _over(name, mask, input):
    """The mask with the shape of the input."""
    if mask is None:
        return None
    if mask.array.dtype != np.bool_:
        mask = mask.bool()
    if mask.ndim > input.ndim:
        raise index_error(
            f"masked.{name}: expected mask dimensionality <= the input's {input.ndim}, got {mask.ndim}. Drop dimensions of the mask."
        )
    return mask.expand(input.shape)


def _least(dtype):
    """The smallest value of a type (-inf for floating-point types)."""
    if dtype.kind == "b":
        return False
    return int(np.iinfo(dtype).min) if dtype.kind in "iu" else -math.inf


def _greatest(dtype):
    if dtype.kind == "b":
        return True
    return int(np.iinfo(dtype).max) if dtype.kind in "iu" else math.inf


def _filled(name, input, mask, value):
    mask = _over(name, mask, input)
    return input if mask is None else input.masked_fill(~mask, value)


def _dims(dim):
    return dim if dim is None or isinstance(dim, int) else tuple(dim)


def _count(name, input, dim, keepdim, mask):
    """How many elements take part in each result."""
    mask = _over(name, mask, input)
    if mask is None:
        return math.prod(input.shape[d] for d in dims_of(dim, input.ndim)) if input.ndim else 1
    return mask.sum(_dims(dim), keepdim=keepdim)


def masked_sum(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The sum of the elements where `mask` holds.

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.masked.sum(facula.tensor([1., 2.]), 0, mask=facula.tensor([True, False]))
    tensor(1.)
    """
    return _filled("sum", _typed(input, dtype), mask, 0).sum(_dims(dim), keepdim=keepdim)


def masked_prod(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The product of the elements where `mask` holds.

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.masked.prod(facula.tensor([2., 3., 9.]), mask=facula.tensor([True, True, False]))
    tensor(6.)
    """
    x = _filled("prod", _typed(input, dtype), mask, 1)
    chosen = sorted(dims_of(_dims(dim), x.ndim), reverse=True)
    prod = _op("prod")
    if not x.ndim:
        return prod(x)
    for d in chosen:
        x = prod(x, d, keepdim=keepdim)
    return x


def masked_mean(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The mean of the elements where `mask` holds (nan where there are none).

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.masked.mean(facula.tensor([1., 2., 9.]), mask=facula.tensor([True, True, False]))
    tensor(1.5000)
    """
    x = _typed(input, dtype)
    if dtypes.category(x.array.dtype) < dtypes.FLOATING:
        x = cast(x, dtypes.default().numpy)
    return masked_sum(x, dim, keepdim=keepdim, mask=mask) / _count("mean", x, dim, keepdim, mask)


def masked_amax(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The maximum of the elements where `mask` holds.

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.masked.amax(facula.tensor([2., 3., 9.]), mask=facula.tensor([True, True, False]))
    tensor(3.)
    """
    x = _typed(input, dtype)
    return _filled("amax", x, mask, _least(x.array.dtype)).amax(_dims(dim) if dim is not None else (), keepdim)


def masked_amin(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The minimum of the elements where `mask` holds.

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.masked.amin(facula.tensor([2., 3., 1.]), mask=facula.tensor([True, True, False]))
    tensor(2.)
    """
    x = _typed(input, dtype)
    return _filled("amin", x, mask, _greatest(x.array.dtype)).amin(_dims(dim) if dim is not None else (), keepdim)


def masked_argmax(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """Where the maximum of the elements is where `mask` holds, in the input's type (or `dtype`).

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).
    """
    x = _typed(input, dtype)
    return cast(_filled("argmax", x, mask, _least(x.array.dtype)).argmax(dim, keepdim=keepdim), x.array.dtype)


def masked_argmin(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """Where the minimum of the elements is where `mask` holds, in the input's type (or `dtype`).

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).
    """
    x = _typed(input, dtype)
    return cast(_filled("argmin", x, mask, _greatest(x.array.dtype)).argmin(dim, keepdim=keepdim), x.array.dtype)


def masked_median(input, dim=-1, *, keepdim=False, dtype=None, mask=None):
    """The (lower) median of the elements where `mask` holds.   Shape: (*) -> (*) without `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.masked.median(facula.tensor([1., 2., 9.]), mask=facula.tensor([True, True, False]))
    tensor(1.)
    """
    x = _typed(input, dtype)
    if not dtypes.is_float(x.array.dtype):
        raise not_implemented_error(
            f"masked.median: expected a floating-point tensor, got {x.dtype}. Convert it with .float()."
        )
    return _op("nanmedian")(_filled("median", x, mask, math.nan), dim, keepdim)[0]


def masked_norm(input, ord=2.0, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The vector norm of the elements where `mask` holds.

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.masked.norm(facula.tensor([3., 4., 9.]), 2., mask=facula.tensor([True, True, False]))
    tensor(5.)
    """
    x = _typed(input, dtype)
    order = float(ord)
    return _op("linalg_vector_norm")(
        _filled("norm", x, mask, 0 if order >= 0 else math.inf), order, _dims(dim), keepdim
    )


def masked_var(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """The variance of the elements where `mask` holds.

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.masked.var(facula.tensor([1., 3., 9.]), mask=facula.tensor([True, True, False]))
    tensor(2.)
    """
    x = _typed(input, dtype)
    if dtypes.category(x.array.dtype) < dtypes.FLOATING:
        x = cast(x, dtypes.default().numpy)
    correction = (1 if unbiased is None else int(unbiased)) if correction is None else correction
    count = _count("var", x, dim, True, mask)
    centred = x - masked_sum(x, dim, keepdim=True, mask=mask) / count
    squares = masked_sum(
        (centred * centred.conj()).real if x.is_complex() else centred * centred, dim, keepdim=keepdim, mask=mask
    )
    if mask is None:
        return squares / max(count - correction, 0) if count > correction else squares / 0.0
    count = count if keepdim else count.reshape(squares.shape)
    return squares / maximum(cast(count, squares.array.dtype) - correction, 0)


def masked_std(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """The standard deviation of the elements where `mask` holds.

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.masked.std(facula.tensor([1., 3., 9.]), mask=facula.tensor([True, True, False]))
    tensor(1.4142)
    """
    return masked_var(input, dim, unbiased, correction=correction, keepdim=keepdim, dtype=dtype, mask=mask).sqrt()


def masked_logsumexp(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """log(sum(exp(x))) of the elements where `mask` holds, in the input's type (or `dtype`).

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).
    """
    x = _typed(input, dtype)
    to = x.array.dtype
    if dtypes.category(to) < dtypes.FLOATING:
        x = cast(x, dtypes.default().numpy)
    over = dims_of(_dims(dim), x.ndim) if x.ndim else 0
    return cast(_op("logsumexp")(_filled("logsumexp", x, mask, -math.inf), over, keepdim), to)


def masked_logaddexp(input, other, *, dtype=None, input_mask=None, other_mask=None):
    """log(exp(input) + exp(other)), where masked-out elements count as exp(-inf) = 0.

    Shape: (*), (*) that broadcast together -> their common shape.
    """
    a = _filled("logaddexp", _typed(input, dtype), input_mask, -math.inf)
    return _op("logaddexp")(a, _filled("logaddexp", _typed(other, dtype), other_mask, -math.inf))


def masked_cumsum(input, dim, *, dtype=None, mask=None):
    """The running sum, where masked-out elements count as 0.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.masked.cumsum(facula.tensor([1., 2., 3.]), 0, mask=facula.tensor([True, False, True]))
    tensor([1., 1., 4.])
    """
    return _op("cumsum")(_filled("cumsum", _typed(input, dtype), mask, 0), dim)


def masked_cumprod(input, dim, *, dtype=None, mask=None):
    """The running product, where masked-out elements count as 1.   Shape: (*) -> (*)."""
    return _op("cumprod")(_filled("cumprod", _typed(input, dtype), mask, 1), dim)


def masked_softmax(input, dim, *, dtype=None, mask=None):
    """The softmax over the elements where `mask` holds.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.masked.softmax(facula.tensor([1., 1., 9.]), 0, mask=facula.tensor([True, True, False]))
    tensor([0.5000, 0.5000, 0.0000])
    """
    return _op("softmax")(_filled("softmax", _typed(input, dtype), mask, -math.inf), dim)


def masked_log_softmax(input, dim, *, dtype=None, mask=None):
    """The logarithm of `softmax` over the elements where `mask` holds.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.masked.log_softmax(facula.tensor([1., 1., 9.]), 0, mask=facula.tensor([True, True, False]))
    tensor([-0.6931, -0.6931,    -inf])
    """
    return _op("log_softmax")(_filled("log_softmax", _typed(input, dtype), mask, -math.inf), dim)


def masked_softmin(input, dim, *, dtype=None, mask=None):
    """The softmax of -input over the elements where `mask` holds.   Shape: (*) -> (*)."""
    return _op("softmax")(-_filled("softmin", _typed(input, dtype), mask, math.inf), dim)


def masked_normalize(input, ord, dim, *, eps=1e-12, dtype=None, mask=None):
    """input / max(norm, eps), with the norm taken where `mask` holds.   Shape: (*) -> (*)."""
    x = _typed(input, dtype)
    size = maximum(masked_norm(x, ord, dim, keepdim=True, mask=mask), eps)
    return _filled("normalize", x, mask, 0) / size
