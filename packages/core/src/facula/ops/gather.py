"""Reading and writing at index tensors: gather, scatter and their reductions, index_*, take, put."""

from __future__ import annotations

import math

import numpy as np

from facula.autograd.op import arg, op, sample
from facula.autograd.primitives import cast
from facula.devices.meta import Meta
from facula.errors import index_error, located, runtime_error
from facula.ops.arithmetic import maximum
from facula.ops.compare import where
from facula.ops.create import as_scalar_tensor, zeros_like
from facula.ops.index import add_at, index_op, put_op
from facula.ops.outputs import takes_out
from facula.ops.rules import broadcast_shapes, wrap_dim
from facula.ops.shape import broadcast_to, reshape
from facula.tensors.inplace import write_out
from facula.tensors.tensor import Tensor, wrap

_ROWS = arg(values=[[0, 2, 1], [2, 2, 0]])


def _check_shapes(name, input, index, dim, src=None):
    """What gather and scatter ask of their index, in PyTorch's words."""
    if index.dtype not in (np.int64, np.int32):
        raise runtime_error(
            f"{name}(): Expected dtype int32/int64 for index, got {index.dtype.name}. Convert it with .long()."
        )
    if input.ndim != index.ndim:
        raise runtime_error(
            f"{name}: Index tensor must have the same number of dimensions as self tensor, expected {input.ndim}, "
            f"got {index.ndim}. Reshape the index, e.g. with .unsqueeze(-1)."
        )
    if src is not None and any(n > have for n, have in zip(index.shape, src.shape, strict=True)):
        raise runtime_error(
            f"{name}: Expected index {list(index.shape)} to be no larger than src {list(src.shape)}, got a larger one. "
            f"Crop the index."
        )
    if any(d != dim and n > have for d, (n, have) in enumerate(zip(index.shape, input.shape, strict=True))):
        raise runtime_error(
            f"{name}: Size does not match at dimension {dim} expected index {list(index.shape)} to be no larger than "
            f"self {list(input.shape)} apart from dimension {dim}. Crop the index."
        )


def _check_range(name, index, size, error=RuntimeError):
    """Indices must lie in [0, size): negative ones do not count from the end here."""
    if index.size:
        once = index[tuple(slice(None) if step else slice(1) for step in index.strides)]  # not what expand repeats
        low, high = once.min(), once.max()
        if low < 0 or high >= size:
            bad = high if high >= size else low
            raise located(
                error(
                    f"{name}: index {bad} is out of bounds, expected 0 to {size - 1} (index out of range in self). Clamp the indices."
                )
            )


def _mesh(xp, index, dim):
    """The key that pairs `index` along `dim` with every position along the other dimensions."""
    n = index.ndim
    return tuple(
        index if d == dim else xp.arange(size).reshape((size,) + (1,) * (n - 1 - d))
        for d, size in enumerate(index.shape)
    )


def _flat(xp, index, shape, dim):
    """The positions that `_mesh` names, counted through a contiguous array of `shape`."""
    flat, step = None, 1
    for d in range(len(shape) - 1, -1, -1):
        part = index if d == dim else xp.arange(index.shape[d]).reshape((index.shape[d],) + (1,) * (index.ndim - 1 - d))
        flat = part * step if flat is None else flat + part * step
        step *= shape[d]
    return xp.broadcast_to(flat, index.shape)


def _whole_rows(index, shape, dim):
    """The rows that an index expanded over all other dimensions names, or None: `ids[:, None].expand(-1, width)`."""
    if dim or index.ndim < 2 or index.shape[1:] != tuple(shape[1:]) or any(index.strides[1:]) or not index.size:
        return None
    return index[(slice(None), *[0] * (index.ndim - 1))]


def _prepare(name, input, index, dim, src=None):
    _check_shapes(name, input, index, dim, src)
    _check_range(name, index, input.shape[dim])


def _gather_rule(input, index, dim):
    _check_shapes("gather", input, index, dim)
    return Meta(index.shape, input.dtype)


@op(_gather_rule, onnx="GatherElements", half=False, samples=[
    sample((3, 4), _ROWS, dim=0), sample((2, 3), arg(values=[[0, 2, 1, 1], [2, 2, 0, 1]]), dim=1),
])  # fmt: skip
def _gather(xp, input, index, /, dim):
    """The elements of `input` at `index` along `dim`."""
    _prepare("gather", input, index, dim)
    rows = _whole_rows(index, input.shape, dim)
    return input[_mesh(xp, index, dim)] if rows is None else input.take(rows, axis=0)


def _gather_back(g, index, shapes, dim):
    return _scatter_add(g.new_zeros(shapes[0]), g, index, dim)


_gather.vjp(input=_gather_back)
_gather.array_vjp(
    input=lambda g, index, shapes, dim, xp: _scatter_add.forward(xp, xp.zeros(shapes[0], g.dtype), g, index, dim)
)


def _scatter_rule(name):
    def rule(input, src, index, dim):
        _check_shapes(name, input, index, dim, src)
        return Meta(input.shape, input.dtype)

    return rule


_SCATTERED = [
    sample((3, 4), (2, 3), _ROWS, dim=0),
    sample((2, 3), (2, 4), arg(values=[[0, 2, 1, 1], [2, 2, 0, 1]]), dim=1),
]


@op(_scatter_rule("scatter"), onnx="ScatterElements", half=False, samples=[
    sample((3, 4), (2, 3), arg(values=[[0, 2, 1], [1, 0, 2]]), dim=0), sample((2, 3), (2, 2), arg(values=[[0, 2], [2, 1]]), dim=1),
])  # fmt: skip
def _scatter(xp, input, src, index, /, dim):
    """`input` with `src` written at `index` along `dim`."""
    _prepare("scatter", input, index, dim, src)
    out = input.copy(order="C")
    out[_mesh(xp, index, dim)] = src
    return out


_scatter.vjp(
    input=lambda g, src, index, dim: _scatter(g, zeros_like(src, dtype=g.dtype), index, dim),
    src=lambda g, index, dim: _gather(g, index, dim),
)


@op(_scatter_rule("scatter_add"), onnx="ScatterElements", half=False, samples=_SCATTERED)
def _scatter_add(xp, input, src, index, /, dim):
    """`input` with `src` added at `index` along `dim`."""
    _prepare("scatter_add", input, index, dim, src)
    out = input.copy(order="C")
    rows = _whole_rows(index, out.shape, dim)
    if rows is not None:
        return add_at(xp, out, rows, src)
    add_at(xp, out.reshape(-1), _flat(xp, index, out.shape, dim).reshape(-1), src.reshape(-1))
    return out


_scatter_add.vjp(input=lambda g: g, src=lambda g, index, dim: _gather(g, index, dim))


def _places(xp, input, src, index, dim, reduce, include_self):
    out = input.copy(order="C")
    flat, where = out.reshape(-1), _flat(xp, index, out.shape, dim).reshape(-1)
    ufunc = {"prod": xp.multiply, "amax": xp.maximum, "amin": xp.minimum}[reduce]
    if not include_self:
        flat[where] = _identity(reduce, out.dtype)
    ufunc.at(flat, where, src.reshape(-1))
    return out


def _identity(reduce, dtype):
    """The value that a reduction leaves as it is."""
    if reduce == "prod":
        return 1
    if dtype.kind == "b":
        return reduce == "amin"
    if dtype.kind in "iu":
        return np.iinfo(dtype).min if reduce == "amax" else np.iinfo(dtype).max
    return -math.inf if reduce == "amax" else math.inf


def _reduce_rule(input, src, index, dim, reduce, include_self):
    _check_shapes("scatter_reduce", input, index, dim, src)
    return Meta(input.shape, input.dtype)


@op(_reduce_rule, onnx="ScatterElements", samples=[
    sample((3, 4), (2, 3), _ROWS, dim=0, reduce=r, include_self=s) for r in ("prod", "amax", "amin") for s in (True, False)
])  # fmt: skip
def _scatter_reduce(xp, input, src, index, /, dim, reduce, include_self):
    """`input` with `src` multiplied in, or the extreme of both taken, at `index` along `dim`."""
    _prepare("scatter_reduce", input, index, dim, src)
    return _places(xp, input, src, index, dim, reduce, include_self)


@_scatter_reduce.vjp
def _scatter_reduce_back(g, input, src, index, out, dim, reduce, include_self):
    if reduce == "prod":
        return (*_prod_back(g, input, src, index, dim, include_self), None)
    hit = (input == out).to(g.dtype)
    if not include_self:
        hit = _scatter(hit, zeros_like(src), index, dim)
    source_hit = (src == _gather(out, index, dim)).to(g.dtype)
    share = g / maximum(_scatter_add(hit, source_hit, index, dim), 1)
    return hit * share, source_hit * _gather(share, index, dim), None


def _prod_back(g, input, src, index, dim, include_self):
    """Each factor's gradient is the product of the others: of those that are not zero, by division, times that of the zeros.

    A single zero stands in it as itself, so that the gradient has a derivative by it.
    """
    ones = input.new_ones(input.shape)
    if not include_self:
        input = _scatter(input, src.new_ones(src.shape), index, dim)
    of_sources = _scatter_reduce(ones, src, index, dim, "prod", True)
    own = g * of_sources.conj()
    if not include_self:
        own = _scatter(own, src.new_zeros(src.shape), index, dim)
    zero_in, zero_src = input == 0, src == 0
    count = _gather(_scatter_add(zero_in.to(g.dtype), zero_src.to(g.dtype), index, dim), index, dim)
    alone = count - zero_src.to(g.dtype)
    lone = src.masked_fill(~zero_src, 0)
    zero = _gather(_scatter_add(input.masked_fill(~zero_in, 0), lone, index, dim), index, dim) - lone
    rest = _scatter_reduce(input.masked_fill(zero_in, 1), src.masked_fill(zero_src, 1), index, dim, "prod", True)
    of_zeros = where(alone == 1, zero, (alone == 0).to(g.dtype))
    others = _gather(rest, index, dim) / src.masked_fill(zero_src, 1) * of_zeros
    return own, _gather(g, index, dim) * others.conj()


def _lifted(*tensors):
    """0-dim tensors as vectors of one element, since an index along a dimension needs one."""
    return tuple(t.reshape(1) if not t.ndim else t for t in tensors)


def _crop(src, index):
    """The corner of `src` that an index of smaller sizes reads."""
    if src.ndim != index.ndim or src.shape == index.shape:
        return src
    if any(n > have for n, have in zip(index.shape, src.shape, strict=True)):
        return src
    return src[tuple(slice(0, n) for n in index.shape)]


@takes_out
def gather(input, dim, index, *, sparse_grad=False):
    """out[i][j] = input[index[i][j]][j] for dim=0, and so on for other dims.

    Shape: index may be smaller than input in every dimension but `dim`; the result has the shape of index.

    >>> import facula
    >>> facula.gather(facula.tensor([[1, 2], [3, 4]]), 1, facula.tensor([[0, 0], [1, 0]]))
    tensor([[1, 1],
            [4, 3]])
    """
    d, shape = wrap_dim(dim, input.ndim), index.shape
    if not index.array.size:
        return reshape(reshape(input, -1)[:0], shape)
    input, index = _lifted(input, index)
    return _gather(input, index, d).reshape(shape)


def _sources(name, input, dim, index, src, cast_src=False):
    d = wrap_dim(dim, input.ndim)
    if not isinstance(src, Tensor):
        src = as_scalar_tensor(src, input.array.dtype, input).expand(index.shape)
    elif src.array.dtype != input.array.dtype:
        if not cast_src:
            raise runtime_error(
                f"{name}(): Expected self.dtype to be equal to src.dtype, got {input.dtype} and {src.dtype}. "
                f"Convert src with .to()."
            )
        src = cast(src, input.array.dtype)
    input, index, src = _lifted(input, index, src)
    if src.ndim != index.ndim:
        raise runtime_error(
            f"{name}: Index tensor must have the same number of dimensions as src tensor, expected {src.ndim}, "
            f"got {index.ndim}. Reshape one of them."
        )
    return d, input, index, _crop(src, index)


def scatter(input, dim, index, src=None, *, value=None, reduce=None, out=None):
    """`input` with `src` (a tensor or a number) written at the positions `index` along `dim`.

    Shape: index and src (*i), not larger than input (*) in any dimension -> (*).

    >>> import facula
    >>> facula.scatter(facula.zeros(3), 0, facula.tensor([2, 0]), facula.tensor([5., 6.]))
    tensor([6., 0., 5.])
    """
    if reduce not in (None, "add", "multiply"):
        raise runtime_error(
            f"scatter: reduce argument must be either add or multiply, got {reduce!r}. Use scatter_reduce()."
        )
    d, base, index, src = _sources("scatter", input, dim, index, value if src is None else src)
    if not index.array.size:
        result = base.clone()
    elif reduce is None:
        result = _scatter(base, src, index, d)
    elif reduce == "add":
        result = _scatter_add(base, src, index, d)
    else:
        result = _scatter_reduce(base, src, index, d, "prod", True)
    result = result if input.ndim else result.reshape(())
    return result if out is None else write_out(out, result)


@takes_out
def scatter_add(input, dim, index, src):
    """`input` with `src` added at the positions `index` along `dim`; repeated positions add up.

    Shape: index (*i), src not smaller in any dimension, input (*) -> (*).

    >>> import facula
    >>> facula.zeros(3).scatter_add(0, facula.tensor([0, 0, 2]), facula.ones(3))
    tensor([2., 0., 1.])
    """
    d, base, index, src = _sources("scatter_add", input, dim, index, src)
    result = _scatter_add(base, src, index, d) if index.array.size else base.clone()
    return result if input.ndim else result.reshape(())


def _reduced_at(input, d, index, src, reduce, include_self):
    if not index.array.size:
        return input.clone()
    if reduce in ("prod", "amax", "amin"):
        return _scatter_reduce(input, src, index, d, reduce, include_self)
    start = input if include_self else _scatter(input, zeros_like(src), index, d)
    total = _scatter_add(start, src, index, d)
    if reduce == "sum":
        return total
    ones = src.detach().new_ones(src.shape)
    count = input.detach().new_ones(input.shape)
    if not include_self:
        count = _scatter(count, zeros_like(ones), index, d)
    count = maximum(_scatter_add(count, ones, index, d), 1)
    if total.array.dtype.kind in "biu":
        return cast(total.div(count, rounding_mode="floor"), total.array.dtype)
    return total / count


@takes_out
def scatter_reduce(input, dim, index, src, reduce, *, include_self=True):
    """`input` reduced with `src` at the positions `index`: "sum", "prod", "mean", "amax" or "amin".

    `include_self=False` leaves the old values at those positions out of the reduction.

    Shape: as `scatter_add`.

    >>> import facula
    >>> facula.zeros(2).scatter_reduce(0, facula.tensor([0, 0, 1]), facula.tensor([1., 5., 2.]), "amax")
    tensor([5., 2.])
    """
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise runtime_error(
            f"scatter_reduce: reduce argument must be either sum, prod, mean, amax or amin, got {reduce!r}. Use one of these."
        )
    d, base, index, src = _sources("scatter_reduce", input, dim, index, src)
    return _reduced_at(base, d, index, src, reduce, include_self).reshape(input.shape)


def _vector_index(name, input, dim, index, source=None, wraps=False):
    """Check the one-dimensional index of the index_* functions; 0-dim tensors become vectors."""
    d = wrap_dim(dim, input.ndim)
    if index.ndim > 1:
        raise index_error(
            f"{name}(): Index is supposed to be a vector, expected at most 1 dimension, got {index.ndim}. Flatten it first."
        )
    if index.array.dtype not in (np.int64, np.int32):
        raise runtime_error(
            f"{name}(): Expected dtype int32/int64 for index, got {index.dtype}. Convert it with .long()."
        )
    input, index = _lifted(input, index)
    if type(index.array) is np.ndarray and not wraps:
        _check_range(name, index.array, input.shape[d], IndexError)
    if source is None:
        return d, input, index
    if source.array.dtype != input.array.dtype:
        raise runtime_error(
            f"{name}(): self and source expected to have the same dtype, but got {input.dtype} and {source.dtype}. Convert source with .to()."
        )
    (source,) = _lifted(source)
    if source.ndim == input.ndim and source.shape[d] != index.shape[0]:
        raise runtime_error(
            f"{name}(): Number of indices ({index.shape[0]}) should be equal to source.size(dim): ({source.shape[d]}). Give one index per slice."
        )
    return d, input, index, source.expand((*input.shape[:d], index.shape[0], *input.shape[d + 1 :]))


@takes_out
def index_select(input, dim, index):
    """The entries of `input` along `dim` at the positions `index`.   Shape: (*, n, *), index (k) -> (*, k, *).

    >>> import facula
    >>> facula.index_select(facula.tensor([[1, 2], [3, 4]]), 0, facula.tensor([1]))
    tensor([[3, 4]])
    """
    d, base, index = _vector_index("index_select", input, dim, index)
    out = index_op(base, index, positions=(d,))
    return out if input.ndim else out.reshape(())


@takes_out
def index_add(input, dim, index, source, *, alpha=1):
    """`input` with alpha * `source` added at the positions `index` along `dim`.

    Shape: (*, n, *), index (k), source (*, k, *) -> (*, n, *).

    >>> import facula
    >>> facula.zeros(3).index_add(0, facula.tensor([0, 2]), facula.tensor([1., 2.]))
    tensor([1., 0., 2.])
    """
    if input.ndim and source.ndim not in (0, input.ndim):
        raise runtime_error(
            "index_add: source tensor shape must match self tensor shape, excluding the specified dimension. Got self.shape = "
            f"{list(input.shape)} source.shape = {list(source.shape)}. Reshape the source."
        )
    d, base, index, source = _vector_index("index_add", input, dim, index, source)
    source = source if alpha == 1 else cast(source * alpha, source.array.dtype)
    return put_op(base, source, index, positions=(d,), accumulate=True).reshape(input.shape)


@takes_out
def index_copy(input, dim, index, source):
    """`input` with the entries of `source` written at the positions `index` along `dim`.

    Shape: (*, n, *), index (k), source (*, k, *) -> (*, n, *).

    >>> import facula
    >>> facula.zeros(3).index_copy(0, facula.tensor([0, 2]), facula.tensor([1., 2.]))
    tensor([1., 0., 2.])
    """
    d, base, index, source = _vector_index("index_copy", input, dim, index, source)
    return put_op(base, source, index, positions=(d,), accumulate=False).reshape(input.shape)


def index_fill(input, dim, index, value):
    """`input` with `value` at the positions `index` along `dim`.   Shape: (*, n, *), index (k), value () -> (*, n, *).

    >>> import facula
    >>> facula.zeros(3).index_fill(0, facula.tensor([0, 2]), 7)
    tensor([7., 0., 7.])
    """
    if isinstance(value, Tensor) and value.ndim:
        raise runtime_error(
            f"index_fill: index_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
        )
    if isinstance(value, complex) and not input.is_complex():
        raise runtime_error(
            "index_fill: index_fill_(): Converting complex Scalar to non-complex type is not supported."
        )
    d, base, index = _vector_index("index_fill", input, dim, index, wraps=True)
    dtype = input.array.dtype
    if type(index.array) is np.ndarray:
        index = wrap(np.unique(index.array % base.shape[d]))  # each position takes the value once
    value = cast(value, dtype) if isinstance(value, Tensor) else as_scalar_tensor(value, dtype, input)
    value = value.expand((*base.shape[:d], index.shape[0], *base.shape[d + 1 :]))
    return put_op(base, value, index, positions=(d,), accumulate=False).reshape(input.shape)


@takes_out
def index_reduce(input, dim, index, source, reduce, *, include_self=True):
    """`input` reduced with `source` at the positions `index` along `dim`: "prod", "mean", "amax" or "amin".

    Shape: (*, n, *), index (k), source (*, k, *) -> (*, n, *).

    >>> import facula
    >>> facula.ones(2).index_reduce(0, facula.tensor([0, 0]), facula.tensor([2., 3.]), "prod")
    tensor([6., 1.])
    """
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise runtime_error(
            f"index_reduce(): Expected reduce to be one of prod, mean, amax or amin, got {reduce!r}. Use one of these."
        )
    d, base, index, source = _vector_index("index_reduce", input, dim, index, source)
    index = index.reshape([-1 if i == d else 1 for i in range(base.ndim)]).expand(source.shape)
    return _reduced_at(base, d, index, source, reduce, include_self).reshape(input.shape)


def _whole(name, input, index):
    """The flattened input with its index flattened too (negative ones count from the end), checked."""
    if index.array.dtype not in (np.int64, np.int32):
        raise runtime_error(
            f"{name}(): Expected a long tensor for index, but got {index.dtype}. Convert it with .long()."
        )
    n = input.numel()
    a = index.array
    if type(a) is np.ndarray and a.size and (a.max() >= n or a.min() < -n):
        bad = a.max() if a.max() >= n else a.min()
        raise index_error(f"{name}: out of range: tried to access index {bad} on a tensor of {n} elements.")
    return reshape(input, -1), reshape(index, -1)


@takes_out
def take(input, index):
    """The elements of the flattened `input` at `index`.   Shape: (*), index (*i) -> (*i).

    >>> import facula
    >>> facula.take(facula.tensor([[4, 3], [5, 6]]), facula.tensor([0, 2]))
    tensor([4, 5])
    """
    flat, where = _whole("take", input, index)
    return index_op(flat, where, positions=(0,)).reshape(index.shape)


def put(input, index, source, accumulate=False):
    """`input` with the elements of `source` written (or added) at `index` of the flattened tensor.

    Shape: (*), index (*i), source (*i) -> (*).

    >>> import facula
    >>> facula.zeros(3).put(facula.tensor([0, 2]), facula.tensor([1., 2.]))
    tensor([1., 0., 2.])
    """
    if source.array.dtype != input.array.dtype:
        raise runtime_error(
            f"put: put_(): self and source expected to have the same dtype, but got {input.dtype} and {source.dtype}. Convert source with .to()."
        )
    if index.numel() != source.numel():
        raise runtime_error(
            f"put: put_(): Expected source and index to have the same number of elements, but got source.numel() = "
            f"{source.numel()}, index.numel() = {index.numel()}."
        )
    flat, where = _whole("put", input, index)
    return put_op(flat, reshape(source, -1), where, positions=(0,), accumulate=accumulate).reshape(input.shape)


@takes_out
def take_along_dim(input, indices, dim=None):
    """`gather` with broadcasting; without `dim`, of the flattened tensors.

    Shape: (*), indices that broadcast to it except at `dim` -> the indices' common shape.

    >>> import facula
    >>> facula.take_along_dim(facula.tensor([[3, 1]]), facula.tensor([[1, 0]]), 1)
    tensor([[1, 3]])
    """
    if indices.array.dtype != np.int64:
        raise runtime_error(
            f"take_along_dim: torch.take_along_dim(): dtype of indices should be Long but got {indices.dtype}. Use .long()."
        )
    if dim is None:
        return gather(reshape(input, -1), 0, _from_the_end(reshape(indices, -1), input.numel()))
    if input.ndim != indices.ndim:
        raise runtime_error(
            f"take_along_dim: torch.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{input.ndim} dimensions for input, and {indices.ndim} dimensions for indices."
        )
    d = wrap_dim(dim, input.ndim)
    one = lambda t: [1 if i == d else n for i, n in enumerate(t.shape)]
    both = broadcast_shapes(one(input), one(indices), name="take_along_dim")
    at = lambda t: (*both[:d], t.shape[d], *both[d + 1 :])
    return gather(broadcast_to(input, at(input)), d, _from_the_end(broadcast_to(indices, at(indices)), input.shape[d]))


def _from_the_end(indices, size):
    """Let negative indices count from the end."""
    a = indices.array
    if type(a) is np.ndarray and (not a.size or a.min() >= 0):
        return indices
    return indices + (indices < 0) * size
