"""Views by strides and diagonals, and the writes into them: diagonal, unfold, as_strided, *_scatter, resize_."""

from __future__ import annotations

import math
import weakref

import numpy as np

from facula.autograd.op import op, sample
from facula.autograd.primitives import cast, clone, region
from facula.autograd.state import lanewise, state
from facula.autograd.tape import version_of
from facula.devices.meta import Meta
from facula.errors import index_error, runtime_error
from facula.ops.index import index_op, narrow, put_op, select_op
from facula.ops.maker import named
from facula.ops.outputs import takes_out
from facula.ops.rules import wrap_dim
from facula.ops.shape import permute_op, reshape, size_of, squeeze, transpose, unsqueeze
from facula.tensors.inplace import bump, check_writable
from facula.tensors.tensor import wrap


def _writable(view, base):
    """NumPy marks some views read-only; ours are written like any other."""
    if type(view) is np.ndarray and not view.flags.writeable and base.flags.writeable:
        view.flags.writeable = True
    return view


def _diagonal_rule(input, offset, dim1, dim2):
    n, m = input.shape[dim1], input.shape[dim2]
    size = max(min(n, m - offset) if offset >= 0 else min(n + offset, m), 0)
    return Meta((*[s for i, s in enumerate(input.shape) if i not in (dim1, dim2)], size), input.dtype)


@op(_diagonal_rule, view=True, onnx="diagonal", samples=[
    sample((3, 4), offset=0, dim1=0, dim2=1), sample((2, 3, 3), offset=1, dim1=1, dim2=2), sample((3, 3), offset=-1, dim1=1, dim2=0),
])  # fmt: skip
def _diagonal(xp, input, /, offset, dim1, dim2):
    """A view of the diagonal of two dims as a new last dimension."""
    return _writable(xp.diagonal(input, offset, dim1, dim2), input)


_diagonal.vjp(
    input=lambda g, shapes, offset, dim1, dim2: region(g.new_zeros(shapes[0]), g, ((_diagonal, (offset, dim1, dim2)),))
)


def _planes(name, input, dim1, dim2):
    a, b = wrap_dim(dim1, input.ndim), wrap_dim(dim2, input.ndim)
    if a == b:
        raise runtime_error(f"{name}: diagonal dimensions cannot be identical {dim1}, {dim2}. Choose two dims.")
    return a, b


def diagonal(input, offset=0, dim1=0, dim2=1):
    """A view of the diagonal of two dims, as a new last dimension.   Shape: (*, n, m) -> (*, length of the diagonal).

    >>> import facula
    >>> facula.diagonal(facula.arange(4).view(2, 2))
    tensor([0, 3])
    """
    a, b = _planes("diagonal", input, dim1, dim2)
    return _diagonal(input, int(offset), a, b)


def linalg_diagonal(A, *, offset=0, dim1=-2, dim2=-1):
    """`diagonal` of the last two dimensions by default.   Shape: (*, n, m) -> (*, length of the diagonal).

    >>> import facula
    >>> facula.linalg.diagonal(facula.eye(2))
    tensor([1., 1.])
    """
    return diagonal(A, offset, dim1, dim2)


def _written(name, input, src, path):
    """`input` with the region of a view replaced by `src`."""
    shape = input.array
    meta = path[0][0].rule.shape(Meta(shape.shape, shape.dtype), *path[0][1])
    if tuple(src.shape) != meta.shape:
        raise runtime_error(
            f"{name}: expected src to have a size equal to the slice of self. src sizes = {list(src.shape)}, slice sizes = {list(meta.shape)}"
        )
    return region(input, cast(src, input.array.dtype), path)


def diagonal_scatter(input, src, offset=0, dim1=0, dim2=1):
    """`input` with `src` written on a diagonal.   Shape: (*, n, m), src like its diagonal -> (*, n, m).

    >>> import facula
    >>> facula.diagonal_scatter(facula.zeros(2, 2), facula.tensor([1., 2.]))
    tensor([[1., 0.],
            [0., 2.]])
    """
    a, b = _planes("diagonal_scatter", input, dim1, dim2)
    return _written("diagonal_scatter", input, src, ((_diagonal, (int(offset), a, b)),))


def diag_embed(input, offset=0, dim1=-2, dim2=-1):
    """Zeros with the last dimension of `input` on the diagonal of two new dims.

    Shape: (*, n) -> (*, n + abs(offset), n + abs(offset)).

    >>> import facula
    >>> facula.diag_embed(facula.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    n = input.ndim + 1
    a, b = wrap_dim(dim1, n), wrap_dim(dim2, n)
    if a == b:
        raise runtime_error(f"diag_embed: diagonal dimensions cannot be identical {dim1}, {dim2}. Choose two dims.")
    size = input.shape[-1] + abs(offset)
    shape = list(input.shape[:-1])
    for d in sorted((a, b)):
        shape.insert(d, size)
    return region(input.new_zeros(shape), input, ((_diagonal, (int(offset), a, b)),))


@takes_out
def diag(input, diagonal=0):
    """A matrix with the vector `input` on its diagonal; of a matrix, its diagonal.

    Shape: (n) -> (n, n) (larger with an offset); (n, m) -> (length of the diagonal).

    >>> import facula
    >>> facula.diag(facula.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    if input.ndim == 1:
        return diag_embed(input, diagonal)
    if input.ndim != 2:
        raise runtime_error(f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D. Use diagonal() or diag_embed().")
    return clone(_diagonal(input, int(diagonal), 0, 1))


def diagflat(input, offset=0):
    """A matrix with the flattened `input` on its diagonal.

    Shape: (*) -> (n, n), n the count of elements (larger with an offset).

    >>> import facula
    >>> facula.diagflat(facula.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    return diag_embed(reshape(input, -1), offset)


def _step(input, dim, start, end, step):
    d = wrap_dim(dim, input.ndim)
    if step <= 0:
        raise runtime_error(f"slice: slice step must be positive, got {step}. Use flip() to reverse.")
    return ((slice(None),) * d + (slice(start, end, step),),)


def slice_scatter(input, src, dim=0, start=None, end=None, step=1):
    """`input` with `src` written at start:end:step along `dim`.   Shape: (*), src like the slice -> (*).

    >>> import facula
    >>> facula.slice_scatter(facula.zeros(4), facula.ones(2), 0, 1, 3)
    tensor([0., 1., 1., 0.])
    """
    return _written("slice_scatter", input, src, ((select_op, _step(input, dim, start, end, step)),))


def select_scatter(input, src, dim, index):
    """`input` with `src` written at `index` along `dim`.   Shape: (*), src (*) without `dim` -> (*).

    >>> import facula
    >>> facula.select_scatter(facula.zeros(2, 2), facula.ones(2), 0, 1)
    tensor([[0., 0.],
            [1., 1.]])
    """
    d = wrap_dim(dim, input.ndim)
    if not -input.shape[d] <= index < input.shape[d]:
        raise index_error(
            f"select_scatter: index {index} out of range for tensor of size {list(input.shape)} at dimension {d}."
        )
    return _written("select_scatter", input, src, ((select_op, ((slice(None),) * d + (int(index),),)),))


@takes_out
def narrow_copy(input, dim, start, length):
    """A copy of `narrow`.   Shape: (*) -> (*) with `length` at `dim`.

    >>> import facula
    >>> facula.narrow_copy(facula.arange(5), 0, 1, 3)
    tensor([1, 2, 3])
    """
    return clone(narrow(input, dim, start, length))


def _unfold_rule(input, dimension, size, step):
    if not input.ndim:
        return Meta((size,), input.dtype)
    count = (input.shape[dimension] - size) // step + 1
    return Meta((*input.shape[:dimension], count, *input.shape[dimension + 1 :], size), input.dtype)


@op(
    _unfold_rule,
    view=True,
    onnx="unfold",
    samples=[sample((7, 2), dimension=0, size=3, step=2), sample((2, 5), dimension=1, size=2, step=1)],
)
def _unfold(xp, input, /, dimension, size, step):
    """A view of all windows along a dimension."""
    strides = input.strides
    shape = _unfold_rule(input, dimension, size, step).shape
    steps = (*strides[:dimension], strides[dimension] * step, *strides[dimension + 1 :], strides[dimension])
    flat, start = _memory(input) if xp is np else (input, 0)
    if flat.ndim == 1 and math.prod(shape) and xp is np:
        return _strides_of(xp, flat, start, shape, steps)
    return xp.lib.stride_tricks.as_strided(input, shape, steps)


@op(lambda windows, shape, dimension, size, step: Meta(shape, windows.dtype), onnx=None, samples=[
    sample((3, 2, 3), shape=(7, 2), dimension=0, size=3, step=2), sample((2, 4, 2), shape=(2, 5), dimension=1, size=2, step=1),
])  # fmt: skip
def _unfold_back(xp, windows, /, shape, dimension, size, step):
    """Windows added up where they overlap: the adjoint of `unfold`."""
    out = xp.zeros(shape, windows.dtype)
    last = (windows.shape[dimension] - 1) * step + 1
    for k in range(size):
        out[(slice(None),) * dimension + (slice(k, k + last, step),)] += windows[..., k]
    return out


_unfold.vjp(input=lambda g, shapes, dimension, size, step: _unfold_back(g, shapes[0], dimension, size, step))
_unfold_back.vjp(windows=lambda g, dimension, size, step: _unfold(g, dimension, size, step))


def unfold(self, dimension, size, step):
    """A view of all windows of `size` along `dimension`, `step` apart; the window is a new last dimension.

    Shape: (*, n, *) -> (*, (n - size) / step + 1, *, size).

    >>> import facula
    >>> facula.arange(4).unfold(0, 2, 1)
    tensor([[0, 1],
            [1, 2],
            [2, 3]])
    """
    d = wrap_dim(dimension, self.ndim)
    n = self.shape[d] if self.ndim else 1
    if size < 0 or size > n:
        raise runtime_error(
            f"unfold: maximum size for tensor at dimension {d} is {n} but size is {size}. Use a smaller window."
        )
    if step <= 0:
        raise runtime_error(f"unfold: step is {step} but must be > 0. Use a positive step.")
    if not self.ndim:
        return reshape(self, 1)[:size]
    return _unfold(self, d, int(size), int(step))


def _memory(array):
    """The whole allocation under an array, as a vector of its type."""
    owner = array
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    flat = owner.transpose(np.argsort(owner.strides, kind="stable")[::-1]) if not owner.flags.c_contiguous else owner
    if not flat.flags.c_contiguous:
        return array.reshape(-1), 0
    flat = flat.reshape(-1)
    flat = flat if flat.dtype == array.dtype else flat.view(array.dtype)
    offset = (array.__array_interface__["data"][0] - flat.__array_interface__["data"][0]) // max(array.itemsize, 1)
    return flat, offset


def _strided_rule(input, size, stride, storage_offset, lies):
    return Meta(size, input.dtype, tuple(s * input.dtype.itemsize for s in stride))


@op(_strided_rule, view=True, onnx=None, samples=[
    sample((6,), size=(2, 2), stride=(2, 1), storage_offset=1, lies=((1,), 0, 6)),
    sample((2, 3), size=(3, 2), stride=(1, 2), storage_offset=0, lies=((3, 1), 0, 6)),
])  # fmt: skip
def _as_strided(xp, input, /, size, stride, storage_offset, lies):
    """A view of the storage under `input` by sizes, strides and offset; `lies` is for the gradient."""
    flat, own = _memory(input) if xp is np else (input.reshape(-1), 0)
    start = own if storage_offset is None else storage_offset
    last = start + sum((n - 1) * s for n, s in zip(size, stride, strict=True))
    if math.prod(size) and last >= flat.size:
        raise runtime_error(
            f"as_strided: setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {start} are out of bounds for storage "
            f"of size {flat.size}. Use smaller sizes."
        )
    return _strides_of(xp, flat, start, size, tuple(s * input.itemsize for s in stride))


def _strides_of(xp, flat, start, shape, strides):
    """A view into a vector by byte strides; with NumPy, one whose `base` still leads to the memory."""
    if xp is not np or not flat.size:
        return xp.lib.stride_tricks.as_strided(flat[start:], shape, strides)
    return np.ndarray(shape, flat.dtype, flat.view(np.uint8), start * flat.itemsize, strides)


def _positions(size, stride, start):
    """Where each element lies in the storage."""
    where = np.full((), start, np.int64)
    for i, (n, s) in enumerate(zip(size, stride, strict=True)):
        where = where + (np.arange(n) * s).reshape((n,) + (1,) * (len(size) - 1 - i))
    return where.reshape(-1)


def _lies(input):
    """Where a tensor lies in its storage: strides and offset in elements, and the count of all elements there."""
    if type(input.array) is not np.ndarray:
        return input.stride(), 0, input.numel()
    flat, own = _memory(input.array)
    return input.stride(), own, flat.size


def _strided_back(g, shapes, size, stride, storage_offset, lies):
    """Add the gradient up in a copy of the storage, then read it where `input` lies; shared elements split it."""
    strides, own, count = lies
    mine = _positions(shapes[0], strides, own)
    theirs = _positions(size, stride, own if storage_offset is None else storage_offset)
    storage = g.new_zeros((count,))
    if theirs.size:
        storage = put_op(storage, reshape(g, -1), wrap(theirs), positions=(0,), accumulate=True)
    shared = np.bincount(mine, minlength=count)
    if mine.size and shared.max() > 1:
        storage = storage / wrap(np.maximum(shared, 1).astype(g.array.dtype))
    return reshape(index_op(storage, wrap(mine), positions=(0,)), shapes[0])


_as_strided.vjp(input=_strided_back)


@lanewise
def as_strided(input, size, stride, storage_offset=None):
    """A view of the storage under `input` with any sizes, strides and offset, all counted in elements.

    Shape: (*) -> (*size).

    >>> import facula
    >>> facula.as_strided(facula.arange(5), (2, 3), (1, 1))
    tensor([[0, 1, 2],
            [1, 2, 3]])
    """
    size, stride = size_of((size,), "as_strided"), size_of((stride,), "as_strided")
    if len(size) != len(stride):
        raise runtime_error(
            f"as_strided: mismatch in length of strides and shape, got {len(stride)} and {len(size)}. Give one stride per size."
        )
    if any(s < 0 for s in stride):
        raise runtime_error(
            f"as_strided: Negative strides are not supported at the moment, got strides: {list(stride)}. Use flip()."
        )
    return _as_strided(input, size, stride, storage_offset, _lies(input))


def as_strided_scatter(input, src, size, stride, storage_offset=None):
    """`input` with `src` written into the view that `as_strided` gives.   Shape: (*), src (*size) -> (*)."""
    size, stride = size_of((size,), "as_strided_scatter"), size_of((stride,), "as_strided_scatter")
    path = ((_as_strided, (size, stride, 0 if storage_offset is None else storage_offset, _lies(input))),)
    return _written("as_strided_scatter", input, src, path)


def sum_to_size(self, *size):
    """This tensor summed over the dimensions that broadcasting `size` to its shape would have added.

    Shape: (*) -> (*size), which broadcasts to (*).

    >>> import facula
    >>> facula.ones(2, 3).sum_to_size(1, 3)
    tensor([[2., 2., 2.]])
    """
    size = size_of(size, "sum_to_size")
    lead = self.ndim - len(size)
    if lead < 0 or any(n not in (1, have) for n, have in zip(size, self.shape[max(lead, 0) :], strict=False)):
        raise runtime_error(
            f"sum_to_size: size {{{list(size)}}} is not expandable to size {{{list(self.shape)}}}. Check the sizes."
        )
    if not size:
        return self.sum()
    dims = [*range(lead), *(i + lead for i, n in enumerate(size) if n == 1 and self.shape[i + lead] != 1)]
    return reshape(self.sum(dims), size) if dims else self


def _become(self, view, name):
    """Let a tensor be a view of what it was: its memory, history and other views stay."""
    check_writable(self, False, name)
    if not state.grad and self.root is None:
        self.array = view.array
        bump(self, name)
        return self
    if self.root is None:
        base = wrap(self.array)
        base.node, base.version, base.face = self.node, version_of(self), weakref.ref(self)
        view.root = base
    self.array, self.node = view.array, view.node
    self.root, self.path, self.seen = view.root, view.path, view.seen
    bump(self, name)
    self.seen = self.root.version.count
    return self


def _self_view(name, function, doc):
    def method(self, *args, **kwargs):
        view = function(self, *args, **kwargs)
        return self if view is self else _become(self, view, name)

    named(method, name, __name__)
    method.__doc__ = doc
    return method


squeeze_ = _self_view("squeeze_", squeeze, "Drop dimensions of size 1 from this tensor itself.")
unsqueeze_ = _self_view("unsqueeze_", unsqueeze, "Insert a dimension of size 1 into this tensor itself.")
transpose_ = _self_view("transpose_", transpose, "Exchange two dimensions of this tensor itself.")
swapaxes_ = _self_view("swapaxes_", transpose, "Exchange two dimensions of this tensor itself.")
swapdims_ = _self_view("swapdims_", transpose, "Exchange two dimensions of this tensor itself.")
t_ = _self_view("t_", lambda self: permute_op(self, tuple(range(self.ndim))[::-1]), "Transpose this matrix itself.")
as_strided_ = _self_view("as_strided_", as_strided, "Give this tensor itself other sizes and strides over its storage.")


def resize_(self, *sizes, memory_format=None):
    """Give this tensor another shape; memory grows if it must, and new elements are whatever it holds.

    Shape: (*) -> (*sizes).

    >>> import facula
    >>> facula.arange(4).resize_(2, 2)
    tensor([[0, 1],
            [2, 3]])
    """
    shape = size_of(sizes, "resize_")
    if self.requires_grad:
        raise runtime_error("resize_: cannot resize variables that require grad. Use .detach() or reshape().")
    if any(n < 0 for n in shape):
        raise runtime_error(
            f"resize_: negative dimension in requested shape {list(shape)}. Sizes must be zero or more."
        )
    count = math.prod(shape)
    flat, start = _memory(self.array)
    if flat.size - start >= count:
        self.array = flat[start : start + count].reshape(shape)
    else:
        grown = np.empty(count, self.array.dtype)
        grown[: flat.size - start] = flat[start:]
        self.array = grown.reshape(shape)
    bump(self, "resize_")
    return self


def resize_as_(self, the_template, memory_format=None):
    """`resize_` to the shape of another tensor.   Shape: (*) -> the shape of the other."""
    return resize_(self, the_template.shape)


def resize(self, *sizes):
    """A view of this tensor with another shape (the count of elements must stay).   Shape: (*) -> (*sizes)."""
    return self.view(*sizes)


def fill_diagonal_(self, fill_value, wrap=False):
    """Write a number on the main diagonal of this tensor (with `wrap`, again after each block of a tall matrix).

    Shape: (n, m), or (n, ..., n) -> the same.

    >>> import facula
    >>> facula.zeros(2, 2).fill_diagonal_(5)
    tensor([[5., 0.],
            [0., 5.]])
    """
    if self.ndim < 2:
        raise runtime_error(f"fill_diagonal_: dimensions must larger than 1, got {self.ndim}. Use a matrix.")
    if self.ndim > 2 and len(set(self.shape)) > 1:
        raise runtime_error(f"fill_diagonal_: all dimensions of input must be of equal length, got {list(self.shape)}.")
    n, steps = min(self.shape), sum(self.stride())
    if wrap and self.ndim == 2 and self.shape[0] > self.shape[1] + 1:
        rows = np.arange(0, self.shape[0] * self.shape[1], self.shape[1] + 1)
        self[np.unravel_index(rows, tuple(self.shape))] = fill_value
        return self
    as_strided(self, (n,), (steps,), self.storage_offset()).fill_(fill_value)
    return self


def is_same_size(self, other):
    """Whether both tensors have the same shape.   Shape: (*), (*) -> bool."""
    return self.shape == other.shape
