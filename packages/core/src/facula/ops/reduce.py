"""Reductions over dimensions: sum, mean, amax, all, argmax, var, norm, ..."""

from __future__ import annotations

import builtins
import math

import numpy as np

from facula import dtypes
from facula.autograd.op import op, sample
from facula.autograd.primitives import cast
from facula.devices.meta import Meta
from facula.errors import index_error, runtime_error
from facula.ops.rules import dims_of, reduced, reduced_to, wrap_dim

_DIMS = [
    sample((3, 4), dim=None, keepdim=False),
    sample((2, 3, 4), dim=(1,), keepdim=True),
    sample((2, 3), dim=(0,), keepdim=False),
]


def axes(dim, ndim):
    """A `dim` argument as the axes that NumPy takes."""
    if ndim == 0:
        dims_of(dim, 0)
        return ()
    return dims_of(dim, ndim)


def _sum_type(d):
    return np.dtype(np.int64) if d.kind in "biu" else d


@op(
    lambda input, dim, keepdim: Meta(reduced.shape(input, dim, keepdim).shape, _sum_type(input.dtype)),
    onnx="ReduceSum",
    samples=_DIMS,
)
def sum_op(xp, input, /, dim, keepdim):
    """The sum over `dim`; integers are summed in int64."""
    kind = _sum_type(input.dtype) if input.dtype.kind in "biu" else None
    if xp is np and input.ndim:  # the ufunc, without the method around it
        return np.add.reduce(input, axis=dim or None, dtype=kind, keepdims=keepdim)
    return input.sum(axis=None if dim is None else axes(dim, input.ndim), keepdims=keepdim, dtype=kind)


def spread(g, shape, dim, keepdim):
    """Expand the gradient of a reduction back over the dimensions that it removed (arrays and tensors)."""
    if not keepdim and shape:
        dims = dims_of(dim, len(shape))
        g = g.reshape(tuple(1 if i in dims else n for i, n in enumerate(shape)))
    return g


def _spread_array(g, shape, dim, keepdim):
    return (
        np.broadcast_to(spread(g, shape, dim, keepdim), shape)
        if type(g) is np.ndarray or isinstance(g, np.generic)
        else spread(g, shape, dim, keepdim) + _zeros(g, shape)
    )


def _zeros(g, shape):
    from facula.devices import base as devices

    return devices.kind_of(g).xp.zeros(shape, g.dtype)


sum_op.vjp(input=lambda g, shapes, dim, keepdim: spread(g, shapes[0], dim, keepdim).expand(shapes[0]))
sum_op.array_vjp(input=lambda g, shapes, dim, keepdim: _spread_array(g, shapes[0], dim, keepdim))


def to_dtype(input, dtype):
    """`input` cast to a reduction's `dtype=` argument (None: as it is)."""
    return input if dtype is None else cast(input, dtypes.numpy_of(dtype))


def dims(dim, name="dim"):
    """A `dim` argument in hashable form: None, or a tuple of ints."""
    return (
        dim if dim is None or isinstance(dim, tuple) else (dim,) if isinstance(dim, (int, np.integer)) else tuple(dim)
    )


def sum(input, dim=None, keepdim=False, *, dtype=None, out=None, axis=None):
    """The sum of all elements, or over `dim`.

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.sum(facula.ones(2, 3), 1)
    tensor([3., 3.])
    """
    if axis is not None:
        dim = axis
    if dtype is not None:
        input = to_dtype(input, dtype)
    return sum_op(input, dim if dim is None else dims(dim), keepdim, out=out)


@op(reduced, onnx="ReduceMean", samples=_DIMS)
def mean_op(xp, input, /, dim, keepdim):
    """The mean over `dim`."""
    if input.dtype.kind in "biu":
        raise runtime_error(
            f"mean: could not infer output dtype. Input dtype must be either a floating point or complex dtype, got {input.dtype.name}. Use .float()."
        )
    return input.mean(axis=None if dim is None else axes(dim, input.ndim), keepdims=keepdim, dtype=input.dtype)


def _count(shape, dim):
    return math.prod(shape[d] for d in dims_of(dim, len(shape))) if shape else 1


mean_op.vjp(
    input=lambda g, shapes, dim, keepdim: spread(g / max(_count(shapes[0], dim), 1), shapes[0], dim, keepdim).expand(
        shapes[0]
    )
)
mean_op.array_vjp(
    input=lambda g, shapes, dim, keepdim: _spread_array(g / max(_count(shapes[0], dim), 1), shapes[0], dim, keepdim)
)


def mean(input, dim=None, keepdim=False, *, dtype=None, out=None, axis=None):
    """The mean of all elements, or over `dim`.

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.mean(facula.tensor([1., 3.]))
    tensor(2.)
    """
    if axis is not None:
        dim = axis
    return mean_op(to_dtype(input, dtype), dims(dim), keepdim, out=out)


def _extreme(name, function, doc, onnx):
    def forward(xp, input, /, dim, keepdim):
        if not input.size and not builtins.all(input.shape[d] for d in axes(dim, input.ndim)):
            raise index_error(
                f"{name}: Expected reduction dim to have non-zero size, got shape {input.shape}. Check that the input is not empty."
            )
        return getattr(xp, function)(input, axis=axes(dim, input.ndim), keepdims=keepdim)

    forward.__name__, forward.__doc__, forward.__module__ = name, doc, __name__
    record = op(reduced, onnx=onnx, samples=_DIMS, name=name)(forward)

    def gradient(g, input, out, dim, keepdim):
        if not input.ndim:
            return g
        hit = input == spread(out, input.shape, dim, keepdim)
        hit = hit.to(g.dtype)
        return hit * (spread(g, input.shape, dim, keepdim) / hit.sum(dims_of(dim, input.ndim), keepdim=True))

    def array_gradient(g, input, out, dim, keepdim, xp):
        if not input.ndim:
            return g
        hit = input == spread(out, input.shape, dim, keepdim)
        count = hit.sum(axis=dims_of(dim, input.ndim), keepdims=True).astype(g.dtype)
        return xp.where(hit, spread(g, input.shape, dim, keepdim) / count, g.dtype.type(0))

    record.vjp(input=gradient)
    record.array_vjp(input=array_gradient)
    return record


_amax = _extreme("amax", "max", "The maximum over `dim`; ties share the gradient.", "ReduceMax")
_amin = _extreme("amin", "min", "The minimum over `dim`; ties share the gradient.", "ReduceMin")


def amax(input, dim=(), keepdim=False, *, out=None, axis=None):
    """The maximum over `dim` (all dimensions by default); ties share the gradient evenly.

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.amax(facula.tensor([[1., 5.], [7., 3.]]), dim=1)
    tensor([5., 7.])
    """
    if axis is not None:
        dim = axis
    return _amax(input, dims(dim), keepdim, out=out)


def amin(input, dim=(), keepdim=False, *, out=None, axis=None):
    """The minimum over `dim` (all dimensions by default); ties share the gradient evenly.

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.amin(facula.tensor([[1., 5.], [7., 3.]]), dim=1)
    tensor([1., 3.])
    """
    if axis is not None:
        dim = axis
    return _amin(input, dims(dim), keepdim, out=out)


def _bool_or_byte(input):
    return np.dtype(np.uint8) if input.dtype == np.uint8 else np.dtype(np.bool_)


def _truth(name, doc):
    def forward(xp, input, /, dim, keepdim):
        return getattr(xp, name)(input, axis=None if dim is None else axes(dim, input.ndim), keepdims=keepdim).astype(
            _bool_or_byte(input)
        )

    forward.__name__, forward.__doc__, forward.__module__ = f"{name}_op", doc, __name__
    rule = lambda input, dim, keepdim: Meta(reduced.shape(input, dim, keepdim).shape, _bool_or_byte(input))
    return op(rule, onnx=None, nondiff=True, samples=_DIMS)(forward)


_all, _any = _truth("all", "Whether all elements are nonzero."), _truth("any", "Whether any element is nonzero.")


def all(input, dim=None, keepdim=False, *, out=None, axis=None):
    """Whether all elements (along `dim`) are nonzero.

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.all(facula.tensor([[True, False], [True, True]]), dim=1)
    tensor([False,  True])
    """
    if axis is not None:
        dim = axis
    return _all(input, dims(dim), keepdim, out=out)


def any(input, dim=None, keepdim=False, *, out=None, axis=None):
    """Whether any element (along `dim`) is nonzero.

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.any(facula.tensor([[False, False], [True, False]]), dim=1)
    tensor([False,  True])
    """
    if axis is not None:
        dim = axis
    return _any(input, dims(dim), keepdim, out=out)


def _arg_extreme(name, doc, onnx):
    def forward(xp, input, /, dim, keepdim):
        if not input.size and (dim is None or not input.shape[wrap_dim(dim, input.ndim)]):
            raise index_error(
                f"{name}: Expected reduction dim to be specified for input.numel() == 0, got shape {input.shape}. Check that the input is not empty."
            )
        if input.dtype.kind == "b":
            input = input.astype(np.uint8)
        if not input.ndim and dim is not None:
            wrap_dim(dim, 0)
            dim = None
        out = getattr(input, name)(axis=dim, keepdims=keepdim)
        return out.astype(np.int64, copy=False) if hasattr(out, "astype") else out

    forward.__name__, forward.__doc__, forward.__module__ = name, doc, __name__
    samples = [sample((3, 4), dim=None, keepdim=False), sample((3, 4), dim=1, keepdim=True)]
    return op(reduced_to(np.int64), onnx=onnx, nondiff=True, samples=samples)(forward)


_argmax, _argmin = (
    _arg_extreme("argmax", "Where the maximum is.", "ArgMax"),
    _arg_extreme("argmin", "Where the minimum is.", "ArgMin"),
)


def argmax(input, dim=None, keepdim=False, *, out=None, axis=None):
    """The index of the maximum of all elements (flattened), or along `dim`.

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.argmax(facula.tensor([[1., 5.], [7., 3.]]), dim=1)
    tensor([1, 0])
    """
    if axis is not None:
        dim = axis
    return _argmax(input, dim, keepdim, out=out)


def argmin(input, dim=None, keepdim=False, *, out=None, axis=None):
    """The index of the minimum of all elements (flattened), or along `dim`.

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.argmin(facula.tensor([[1., 5.], [7., 3.]]), dim=1)
    tensor([0, 1])
    """
    if axis is not None:
        dim = axis
    return _argmin(input, dim, keepdim, out=out)


@op(lambda input, dim, keepdim: Meta(reduced.shape(input, dim, keepdim).shape, _sum_type(input.dtype)), onnx="ReduceProd", samples=[
    sample((3, 4), dim=1, keepdim=False), sample((2, 3, 2), dim=0, keepdim=True),
])  # fmt: skip
def prod_op(xp, input, /, dim, keepdim):
    """The product along `dim`; integers are multiplied in int64."""
    return input.prod(axis=dim if input.ndim else None, keepdims=keepdim, dtype=_sum_type(input.dtype))


def _prod_back(g, input, out, dim, keepdim):
    """g * out / input; with zeros in the input, the product of what stands before and after each element."""
    if not input.ndim:
        return g
    dim = wrap_dim(dim, input.ndim)
    g = spread(g, input.shape, dim, keepdim)
    if not (input == 0).any():
        return g * (spread(out, input.shape, dim, keepdim) / input).conj()
    from facula.ops.join import cat
    from facula.ops.layout import flip
    from facula.ops.scan import cumprod

    n = input.shape[dim]
    one = input.new_ones(tuple(1 if d == dim else s for d, s in enumerate(input.shape)))
    before = cumprod(cat([one, input.narrow(dim, 0, n - 1)], dim), dim)
    after = flip(cumprod(cat([one, flip(input, dim).narrow(dim, 0, n - 1)], dim), dim), dim)
    return g * (before * after).conj()


prod_op.vjp(input=_prod_back)


def prod(input, dim=None, keepdim=False, *, dtype=None, out=None, axis=None):
    """The product of all elements, or along `dim`; integers are multiplied in int64.

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.prod(facula.tensor([2, 3, 4]))
    tensor(24)
    """
    if axis is not None:
        dim = axis
    input = to_dtype(input, dtype)
    if dim is None:
        return prod_op(input.reshape(-1) if input.ndim else input, 0, False, out=out)
    return prod_op(input, wrap_dim(dim, input.ndim), keepdim, out=out)


def nansum(input, dim=None, keepdim=False, *, dtype=None, out=None, axis=None):
    """The sum over `dim` of the elements that are not nan.

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.nansum(facula.tensor([1., float("nan"), 2.]))
    tensor(3.)
    """
    if axis is not None:
        dim = axis
    input = to_dtype(input, dtype)
    if input.array.dtype.kind == "c":
        raise runtime_error(f"nansum: nansum does not support complex inputs, got {input.dtype}. Sum .real and .imag.")
    if dtypes.is_float(input.array.dtype):
        input = input.masked_fill(input != input, 0)
    return sum(input, dim if dim != () else None, keepdim, out=out)


def nanmean(input, dim=None, keepdim=False, *, dtype=None, out=None, axis=None):
    """The mean over `dim` of the elements that are not nan.

    Shape: (*) -> (), or (*) without the dims in `dim` (kept as 1 by keepdim).

    >>> import facula
    >>> facula.nanmean(facula.tensor([1., facula.nan, 3.]))
    tensor(2.)
    """
    if axis is not None:
        dim = axis
    if not dtypes.is_differentiable(input.array.dtype):
        raise runtime_error(
            f"nanmean: expected input to have floating point or complex dtype, got {input.dtype}. Convert with .float() first."
        )
    input = to_dtype(input, dtype)
    missing = (input != input).detach()
    from facula.ops.arithmetic import true_divide

    total = sum(input.masked_fill(missing, 0), dims(dim) or None, keepdim)
    return true_divide(total, sum(~missing, dims(dim) or None, keepdim), out=out)


@op(reduced_to(np.int64), onnx=None, nondiff=True, samples=_DIMS)
def _count_nonzero(xp, input, /, dim, keepdim):
    """The count of nonzero elements over `dim`."""
    return (input != 0).sum(axis=None if dim is None else axes(dim, input.ndim), keepdims=keepdim, dtype=np.int64)


def count_nonzero(input, dim=None):
    """How many elements (over `dim`) are not zero.   Shape: (*) -> (), or (*) without the dims in `dim`, int64.

    >>> import facula
    >>> facula.count_nonzero(facula.tensor([0, 5, 6]))
    tensor(2)
    """
    return _count_nonzero(input, dims(dim) or None, False)
