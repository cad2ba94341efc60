"""What records compute on sparse tensors: a table from the record's name to its sparse form.

`bind` hands every call with a sparse input to `compute`. A form takes the record's inputs and attributes. What has no form is refused.
"""

from __future__ import annotations

import numpy as np

from facula.autograd.bind import layouts
from facula.errors import index_error, not_implemented_error, runtime_error
from facula.ops.gather import index_select
from facula.ops.join import cat
from facula.ops.matmul import matmul
from facula.ops.sparse import at_places, empty_sparse
from facula.ops.sparse_math import sparse_matmul, sparse_mm, sparse_sum
from facula.ops.sparse_tensor import SparseTensor, row_starts
from facula.tensors.layouts import sparse_coo, sparse_csc, sparse_csr
from facula.tensors.tensor import Tensor, wrap

FORMS = {}
_LINEAR = "cast_op clone conj_physical deg2rad discrete_cast_op neg rad2deg".split()
_ZERO = """
    abs angle asin asinh atan atanh ceil erf erfinv expm1 floor frac isinf isnan isneginf isposinf log1p nan_to_num relu round
    sgn sign signbit sin sinh sqrt square tan tanh trunc
""".split()


def compute(op, inputs, attrs):
    """An op on inputs of which one at least is sparse."""
    if op.name in _LINEAR:  # sums of values that share a place may wait
        return inputs[0].with_values(op.bind((inputs[0]._values(),), attrs))
    if op.name in _ZERO:
        whole = inputs[0].coalesce()
        return whole.with_values(op.bind((whole._values(),), attrs))
    if op.name not in FORMS:
        t = next(x for x in inputs if isinstance(x, SparseTensor))
        raise not_implemented_error(
            f"{op.name.removesuffix('_op')}: expected a tensor of layout facula.strided, got one of layout {t.layout} and shape {tuple(t.shape)}. "
            "Convert it with .to_dense() first."
        )
    return FORMS[op.name](*inputs, **dict(zip(op.attrs, attrs, strict=True)))


def form(function):
    """Let a function named as a record, with an underscore in front, be its sparse form."""
    FORMS[function.__name__[1:]] = function
    return function


FORMS["matmul"] = sparse_matmul


@form
def _linear(input, weight, bias=None):
    out = sparse_mm(input, weight.mT) if input.ndim == 2 else sparse_mm(input.reshape((-1, input.shape[-1])), weight.mT)
    out = out.reshape((*input.shape[:-1], weight.shape[0])) if input.ndim != 2 else out
    return out if bias is None else out + bias


@form
def _add(input, other, alpha=1):
    if isinstance(input, SparseTensor) and isinstance(other, SparseTensor):
        return _sum_of(input, other, alpha)
    if isinstance(input, SparseTensor):
        raise runtime_error(
            "add: add(sparse, dense) is not supported, expected two sparse tensors. Use add(dense, sparse) instead."
        )
    if not isinstance(input, Tensor):
        return _add(other * alpha, input)
    return input + other.to_dense() * alpha if alpha != 1 else input + other.to_dense()


@form
def _sub(input, other, alpha=1):
    return _add(input, other, -alpha)


def _sum_of(a, b, alpha):
    if b.shape != a.shape or b.sparse_dim() != a.sparse_dim():
        raise runtime_error(
            f"add: expected sparse tensors of one shape, got {tuple(a.shape)} and {tuple(b.shape)}. Expand is not there: use .to_dense()."
        )
    entries = b._values() if alpha == 1 else b._values() * alpha
    places = np.concatenate([a._indices().array, b._indices().array], 1)
    return SparseTensor(wrap(places), cat([a._values(), entries]), a.shape).coalesce().to_layout(a.layout)


@form
def _mul(input, other):
    """Sparse times a number, or times a tensor at its places."""
    if not isinstance(input, SparseTensor):
        input, other = other, input
    if not isinstance(other, Tensor) or (not isinstance(other, SparseTensor) and not other.ndim):
        return input.with_values(input._values() * other)
    if isinstance(other, SparseTensor):
        if other.shape != input.shape:
            raise not_implemented_error(
                f"mul: expected sparse tensors of one shape, got {tuple(input.shape)} and {tuple(other.shape)}. Call .to_dense() first."
            )
        return _common(input.coalesce(), other.coalesce())
    try:
        other = other.expand(input.shape)
    except RuntimeError:
        raise not_implemented_error(
            f"mul: expected a number or a tensor that broadcasts to the sparse one's shape {tuple(input.shape)}, got shape {tuple(other.shape)}. "
            "Call .to_dense() first."
        ) from None
    return input.with_values(input._values() * at_places(other, input))


def _common(a, b):
    """The product of two coalesced tensors: only places of both are left."""
    _, here, there = np.intersect1d(a.flat(), b.flat(), assume_unique=True, return_indices=True)
    entries = index_select(a._values(), 0, wrap(here)) * index_select(b._values(), 0, wrap(there))
    return SparseTensor(a._indices()[:, wrap(here)], entries, a.shape, True).to_layout(a.layout)


@form
def _true_divide(input, other):
    if isinstance(other, SparseTensor) or (isinstance(other, Tensor) and other.ndim):
        raise not_implemented_error(
            "div: expected a number to divide a sparse tensor by, got a tensor. Call .to_dense() first."
        )
    return input.with_values(input._values() / other)


@form
def _pow(input, exponent):
    if isinstance(exponent, Tensor) or exponent <= 0:
        raise not_implemented_error(
            f"pow: expected a positive number as exponent, got {exponent!r}. Call .to_dense() first."
        )
    whole = input.coalesce()
    return whole.with_values(whole._values() ** exponent)


@form
def _sum_op(input, dim, keepdim):
    return sparse_sum(input, dim, keepdim=keepdim)


@form
def _permute_op(input, dims):
    """Dimensions in another order; a matrix with compressed rows becomes one with compressed columns."""
    s = input.sparse_dim()
    if any((d < s) != (i < s) for i, d in enumerate(dims)):
        raise runtime_error(
            f"transpose: can't transpose a sparse with a dense dimension, got the order {dims} with sparse_dim {s}. Use .to_dense()."
        )
    shape = [input.shape[d] for d in dims]
    entries = input._values()
    if dims[s:] != tuple(range(s, len(dims))):
        entries = entries.permute(0, *[d - s + 1 for d in dims[s:]])
    if dims[:s] == tuple(range(s)):
        return SparseTensor(input._indices(), entries, shape, input.is_coalesced(), input.layout)
    places = wrap(input._indices().array[list(dims[:s])])
    if input.layout is sparse_coo:
        return SparseTensor(places, entries, shape)
    return SparseTensor(places, entries, shape, True, sparse_csc if input.layout is sparse_csr else sparse_csr)


def _coo(name, t):
    if t.layout is not sparse_coo:
        raise not_implemented_error(
            f"{name}: expected layout facula.sparse_coo, got {t.layout}. Convert it with .to_sparse_coo() first."
        )
    return t


@form
def _cat_op(*tensors, dim):
    for i, t in enumerate(tensors):
        if not isinstance(t, SparseTensor):
            raise runtime_error(
                f"cat: Concatenating sparse tensors, but a dense tensor was found at position {i}. Convert all to one layout."
            )
        _coo("cat", t)
    first = tensors[0]
    s, sizes = first.sparse_dim(), [t.shape[dim] for t in tensors]
    if any(
        t.sparse_dim() != s or t.shape[:dim] + t.shape[dim + 1 :] != first.shape[:dim] + first.shape[dim + 1 :]
        for t in tensors
    ):
        raise runtime_error(
            f"cat: All tensors must have the same shape, expected {tuple(first.shape)} except in dim {dim}, got {[tuple(t.shape) for t in tensors]}."
        )
    starts = np.concatenate([[0], np.cumsum(sizes)])
    shape = [*first.shape[:dim], int(starts[-1]), *first.shape[dim + 1 :]]
    entries = [t._values() for t in tensors]
    places = [t._indices().array for t in tensors]
    if dim < s:
        places = [p + (np.arange(s) == dim)[:, None] * start for p, start in zip(places, starts[:-1], strict=True)]
    else:
        axis = dim - s + 1
        entries = [_padded(e, axis, start, shape[dim]) for e, start in zip(entries, starts[:-1], strict=True)]
    return SparseTensor(wrap(np.concatenate(places, 1)), cat(entries), shape)


def _padded(entries, axis, start, total):
    """`entries` between zeros along an axis."""
    sides = [int(start), total - int(start) - entries.shape[axis]]
    zeros = [entries.new_zeros([n if d == axis else m for d, m in enumerate(entries.shape)]) for n in sides]
    return cat([zeros[0], entries, zeros[1]], axis)


@form
def _view_op(input, shape):
    """Only what unsqueeze asks: a dimension of size 1 more."""
    d = next((i for i in range(len(shape)) if shape[i] == 1 and shape[:i] + shape[i + 1 :] == tuple(input.shape)), None)
    if d is None:
        raise not_implemented_error(
            f"view: expected a tensor of layout facula.strided, got one of layout {input.layout} and shape {tuple(input.shape)}. "
            "Convert it with .to_dense() first."
        )
    s = _coo("unsqueeze", input).sparse_dim()
    if d > s:
        return SparseTensor(input._indices(), input._values().unsqueeze(d - s + 1), shape, input.is_coalesced())
    places = np.insert(input._indices().array, d, 0, axis=0)
    return SparseTensor(wrap(places), input._values(), shape, input.is_coalesced())


@form
def _drop(input, dims):
    s = _coo("squeeze", input).sparse_dim()
    entries = input._values().squeeze([d - s + 1 for d in dims if d >= s])
    places = np.delete(input._indices().array, [d for d in dims if d < s], axis=0)
    return SparseTensor(
        wrap(places), entries, [n for d, n in enumerate(input.shape) if d not in dims], input.is_coalesced()
    )


@form
def _select_op(input, key):
    """Ints and slices: the values whose places are chosen, at their new places."""
    t = _coo("select", input)
    key = _whole(key, t.ndim)
    s, places, keep, kept, shape = t.sparse_dim(), t._indices().array, np.ones(t._nnz(), bool), [], []
    for row, k, n in zip(places, key[:s], t.shape, strict=False):
        if isinstance(k, slice):
            start, stop, step = k.indices(n)
            keep &= (row >= start) & (row < stop) & ((row - start) % step == 0)
            kept.append((row - start) // step)
            shape.append(len(range(start, stop, step)))
        else:
            keep &= row == int(k) % max(n, 1)
    entries = index_select(t._values(), 0, wrap(np.flatnonzero(keep)))
    entries = entries[(slice(None), *key[s:])] if key[s:] else entries
    if not kept:
        return entries.sum(0)
    return SparseTensor(wrap(np.stack(kept)[:, keep]), entries, [*shape, *entries.shape[1:]], t.is_coalesced())


def _whole(key, n):
    """A key with an entry for each dimension."""
    if None in key:
        raise not_implemented_error(
            "getitem: expected ints and slices to choose from a sparse tensor, got None. Call .unsqueeze() instead."
        )
    key = key if ... in key else (*key, ...)
    at = key.index(...)
    return (*key[:at], *[slice(None)] * (n - len(key) + 1), *key[at + 1 :])


@form
def _index_op(input, *indices, positions):
    """index_select: the values at each of the chosen places."""
    if (
        len(indices) > 1
        or isinstance(indices[0], SparseTensor)
        or indices[0].ndim != 1
        or indices[0].array.dtype == bool
    ):
        raise not_implemented_error(
            "getitem: expected one vector of indices for a sparse tensor, got another key. Convert it with .to_dense() first."
        )
    t, d, index = _coo("index_select", input), positions[0], indices[0].array
    shape = [len(index) if i == d else n for i, n in enumerate(t.shape)]
    if d >= t.sparse_dim():
        return SparseTensor(
            t._indices(), index_select(t._values(), d - t.sparse_dim() + 1, indices[0]), shape, t.is_coalesced()
        )
    if index.size and (index.min() < -t.shape[d] or index.max() >= t.shape[d]):
        raise index_error(
            f"index_select: index out of range in self, expected 0 to {t.shape[d] - 1}, got {index.tolist()}. Correct it."
        )
    index = index % max(t.shape[d], 1)
    order = np.argsort(index, kind="stable")
    starts = row_starts(index, t.shape[d])
    row = t._indices().array[d]
    counts = np.diff(starts)[row]
    which = np.repeat(np.arange(len(row)), counts)
    within = np.arange(len(which)) - np.repeat(np.cumsum(counts) - counts, counts)
    places = t._indices().array[:, which]
    places[d] = order[starts[row][which] + within]
    return SparseTensor(wrap(places), index_select(t._values(), 0, wrap(which)), shape)


def _in_place(name):
    base = getattr(Tensor, name.removesuffix("_"))

    def method(self, *args, **kwargs):
        return self.become(base(self, *args, **kwargs), name)

    method.__name__, method.__doc__ = name, f"In-place version of `{name.removesuffix('_')}`."
    return method


def _zero_(self):
    """Forget all elements."""
    return self.become(empty_sparse("zero_", self.layout, self.shape, self.dtype, self.device, False), "zero_")


for _name in [*_ZERO, "neg", "add", "sub", "mul", "div", "pow", "t", "transpose", "deg2rad", "rad2deg"]:
    if hasattr(Tensor, f"{_name}_"):
        setattr(SparseTensor, f"{_name}_", _in_place(f"{_name}_"))
for _name in ("add", "sub", "mul", "truediv", "pow"):
    setattr(SparseTensor, f"__i{_name}__", _in_place({"truediv": "div_"}.get(_name, f"{_name}_")))
for _name, _method in {
    "zero_": _zero_,
    "copy_": lambda self, src, non_blocking=False: self.become(src.clone(), "copy_"),
    "__rmatmul__": lambda self, other: matmul(other, self),
}.items():
    setattr(SparseTensor, _name, _method)
layouts[SparseTensor] = compute
