"""Views: other shapes over the same memory."""

from __future__ import annotations

import math

import numpy as np

from facula.autograd.op import op, sample
from facula.devices.meta import Meta
from facula.errors import runtime_error, type_error
from facula.ops.rules import dims_of, wrap_dim
from facula.tensors.tensor import Tensor


def size_of(shape, name="shape"):
    """Sizes given one by one, or as one sequence, as a tuple of ints."""
    if len(shape) == 1 and not isinstance(shape[0], (int, np.integer, Tensor)):
        shape = shape[0]
    try:
        return tuple([n if type(n) is int else n.__index__() for n in shape])
    except (TypeError, AttributeError):
        raise type_error(f"{name}: expected ints, got {tuple(shape)!r}. Pass sizes such as (2, 3).") from None


def _fitting(shape, numel):
    """The shape with its last size that can be changed so that the count of elements is right."""
    for i in reversed(range(len(shape))):
        rest = math.prod(n for j, n in enumerate(shape) if j != i)
        if rest > 0 and numel % rest == 0:
            return f"Use {(*shape[:i], numel // rest, *shape[i + 1 :])}"
    return f"Choose sizes whose product is {numel}"


def infer_size(shape, numel, name="view"):
    """Replace one -1 by the size that makes the count of elements right."""
    if -1 not in shape:
        if math.prod(shape) != numel or min(shape, default=0) < 0:
            raise runtime_error(
                f"{name}: shape '{list(shape)}' is invalid for input of size {numel}. {_fitting(shape, numel)}."
            )
        return shape
    if min(shape) < -1:
        raise runtime_error(
            f"{name}: invalid shape dimension {min(shape)}, got {list(shape)}. Use -1 for one unknown size."
        )
    known = abs(math.prod(shape))
    if shape.count(-1) > 1:
        raise runtime_error(f"{name}: only one dimension can be inferred, got {list(shape)}. Give all other sizes.")
    if known == 0:
        raise runtime_error(
            f"{name}: cannot reshape tensor of {numel} elements into shape {list(shape)} because the unspecified dimension size -1 "
            "can be any value. Give all sizes."
        )
    if numel % known:
        raise runtime_error(
            f"{name}: shape '{list(shape)}' is invalid for input of size {numel}. {_fitting(shape, numel)}."
        )
    return tuple(numel // known if n == -1 else n for n in shape)


@op(
    lambda input, shape: Meta(infer_size(shape, input.size), input.dtype),
    view=True,
    onnx="Reshape",
    samples=[sample((3, 4), shape=(2, 6)), sample((2, 3), shape=(6,))],
)
def view_op(xp, input, /, shape):
    """The same memory seen with another shape."""
    if type(input) is np.ndarray:
        try:
            return input.reshape(shape, copy=False)
        except ValueError:
            infer_size(shape, input.size)
            raise runtime_error(
                f"view: view size is not compatible with input tensor's size and stride, got shape {input.shape} with strides "
                f"{tuple(s // input.itemsize for s in input.strides)}. Use .reshape(...) instead."
            ) from None
    return input.reshape(shape)


view_op.vjp(input=lambda g, shapes: g.reshape(shapes[0]))
view_op.array_vjp()


def view(self, *shape):
    """This memory with another shape (or, given a dtype, another type).

    Shape: (*) -> (*shape), the count of elements being the same.

    >>> import facula
    >>> facula.arange(6).view(2, -1).shape
    facula.Size([2, 3])
    """
    if len(shape) == 1 and hasattr(shape[0], "numpy") and hasattr(shape[0], "category"):
        return _view_dtype(self, shape[0].numpy)
    return view_op(self, infer_size(size_of(shape, "view"), self.array.size))


@op(lambda input, dtype: Meta((*input.shape[:-1], input.shape[-1] * input.dtype.itemsize // dtype.itemsize) if input.ndim else (), dtype),
    view=True, nondiff=True, samples=[sample((2, 4), dtype=np.dtype("int64")), sample((3,), dtype=np.dtype("int32"))])  # fmt: skip
def view_dtype(xp, input, /, dtype):
    """The same bytes read as another type."""
    return input.view(dtype)


def _view_dtype(self, dtype):
    return self if self.array.dtype == dtype else view_dtype(self, dtype)


def view_as(self, other):
    """This memory with the shape of `other`.   Shape: (*), other (*s) -> (*s).

    >>> import facula
    >>> facula.arange(6).view_as(facula.zeros(2, 3)).shape
    facula.Size([2, 3])
    """
    return view(self, other.shape)


def reshape(input, *shape):
    """`input` with another shape: a view where the strides allow it, else a copy.

    Shape: (*) -> (*shape), the count of elements being the same.

    >>> import facula
    >>> facula.reshape(facula.arange(4), (2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    size = infer_size(size_of(shape if shape else ((),), "reshape"), input.array.size, "reshape")
    a = input.array
    if a.flags.c_contiguous if type(a) is np.ndarray else True:
        return view_op(input, size)
    try:
        np.reshape(a, size, copy=False)
    except ValueError:
        out = view_op(_contiguous(input), size)
        out.root = None  # nobody else sees the copy
        return out
    return view_op(input, size)


def reshape_as(self, other):
    """`reshape` to the shape of `other`.   Shape: (*), other (*s) -> (*s).

    >>> import facula
    >>> facula.arange(6).reshape_as(facula.zeros(2, 3)).shape
    facula.Size([2, 3])
    """
    return reshape(self, other.shape)


def contiguous(self, memory_format=None):
    """This tensor if its memory is contiguous, else a contiguous copy.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.ones(2, 3).t().contiguous().stride()
    (2, 1)
    """
    return self if type(self.array) is not np.ndarray or self.array.flags.c_contiguous else _contiguous(self)


@op(lambda input: Meta(input.shape, input.dtype), onnx="Identity", half=False, samples=[sample((3, 4)), sample((2,))])
def _contiguous(xp, input, /):
    """The elements of `input` in contiguous memory."""
    return input.copy(order="C")


_contiguous.vjp(input=lambda g: g)
_contiguous.array_vjp()


@op(lambda input, dims: Meta(tuple(input.shape[d] for d in dims), input.dtype, tuple(input.strides[d] for d in dims)),
    view=True, onnx="Transpose", samples=[sample((2, 3, 4), dims=(2, 0, 1)), sample((2, 3), dims=(1, 0))])  # fmt: skip
def permute_op(xp, input, /, dims):
    """The dimensions in another order."""
    return input.transpose(dims)


def _inverse(dims):
    order = [0] * len(dims)
    for i, d in enumerate(dims):
        order[d] = i
    return tuple(order)


permute_op.vjp(input=lambda g, dims: permute_op(g, _inverse(dims)))
permute_op.array_vjp(input=lambda g, dims: g.transpose(_inverse(dims)))


_ALL_DIMS = [set(range(n)) for n in range(8)]


def permute(input, *dims):
    """A view with the dimensions in the order `dims`.   Shape: (d0, d1, ...) -> the same sizes in the order `dims`.

    >>> import facula
    >>> facula.permute(facula.zeros(2, 3, 5), (2, 0, 1)).shape
    facula.Size([5, 2, 3])
    """
    order = size_of(dims, "permute")
    n = input.array.ndim
    if n < len(_ALL_DIMS) and set(order) == _ALL_DIMS[n] and len(order) == n:
        return permute_op(input, order)
    if len(order) != n:
        raise runtime_error(
            f"permute: number of dimensions in the tensor input does not match the length of the desired "
            f"ordering: expected {n}, got {len(order)}. Name each dim once."
        )
    return permute_op(input, dims_of(order, n, "permute") if n else ())


def transpose(input, dim0, dim1):
    """A view with two dimensions exchanged.   Shape: (*, n, *, m, *) -> (*, m, *, n, *).

    >>> import facula
    >>> facula.transpose(facula.zeros(2, 3, 4), 0, 2).shape
    facula.Size([4, 3, 2])
    """
    n = input.array.ndim
    a, b = wrap_dim(dim0, n), wrap_dim(dim1, n)
    order = list(range(n))
    if n:
        order[a], order[b] = order[b], order[a]
    return permute_op(input, tuple(order))


def t(input):
    """The transpose of a matrix (a vector stays as it is).   Shape: (n, m) -> (m, n); (n) -> (n).

    >>> import facula
    >>> facula.t(facula.tensor([[1, 2], [3, 4]]))
    tensor([[1, 3],
            [2, 4]])
    """
    if input.ndim > 2:
        raise runtime_error(
            f"t: t() expects a tensor with <= 2 dimensions, but self is {input.ndim}D. Use .mT instead."
        )
    return transpose(input, 0, 1) if input.ndim == 2 else permute_op(input, tuple(range(input.ndim)))


def adjoint(input):
    """The conjugate of `input` with its last two dimensions exchanged.   Shape: (*, n, m) -> (*, m, n).

    >>> import facula
    >>> facula.adjoint(facula.tensor([[1j, 2]]))
    tensor([[0.-1.j],
            [2.-0.j]])
    """
    if input.ndim < 2:
        raise runtime_error(
            f"adjoint: tensor.adjoint() is only supported on matrices or batches of matrices. Got {input.ndim}-D tensor."
        )
    return transpose(input.conj(), -2, -1)


def movedim(input, source, destination):
    """A view with dimension(s) moved to other positions, the rest in order.

    Shape: (*) -> the same sizes in another order.

    >>> import facula
    >>> facula.movedim(facula.zeros(2, 3, 4), 0, -1).shape
    facula.Size([3, 4, 2])
    """
    n = input.ndim
    src, dst = (
        dims_of((source,) if isinstance(source, int) else source, n),
        dims_of((destination,) if isinstance(destination, int) else destination, n),
    )
    if len(src) != len(dst):
        raise runtime_error(
            f"movedim: Invalid source or destination dims: source ({list(src)}) and destination ({list(dst)}) should contain the same number of dims."
        )
    if not n:
        return permute_op(input, ())
    rest = iter(d for d in range(n) if d not in src)
    place = dict(zip(dst, src, strict=True))
    return permute_op(input, tuple(place[i] if i in place else next(rest) for i in range(n)))


moveaxis, swapaxes, swapdims = movedim, transpose, transpose


def unsqueeze(input, dim):
    """A view with a dimension of size 1 inserted at `dim`.   Shape: (*) -> (*) with a 1 at `dim`.

    >>> import facula
    >>> facula.unsqueeze(facula.zeros(2, 3), 1).shape
    facula.Size([2, 1, 3])
    """
    d = wrap_dim(dim, input.array.ndim + 1)
    shape = input.array.shape
    return _insert(input, d) if type(input.array) is np.ndarray else view_op(input, (*shape[:d], 1, *shape[d:]))


@op(
    lambda input, dim: Meta((*input.shape[:dim], 1, *input.shape[dim:]), input.dtype),
    view=True,
    onnx="Unsqueeze",
    samples=[sample((3, 4), dim=1), sample((2,), dim=0)],
)
def _insert(xp, input, /, dim):
    """A view with a dimension of size 1 at `dim`."""
    return input[(slice(None),) * dim + (None,)]


_insert.vjp(input=lambda g, dim: _drop(g, (dim,)))
_insert.array_vjp(input=lambda g, shapes: g.reshape(shapes[0]))


@op(
    lambda input, dims: Meta(tuple(n for i, n in enumerate(input.shape) if i not in dims), input.dtype),
    view=True,
    onnx="Squeeze",
    samples=[sample((3, 1, 4), dims=(1,)), sample((1, 2), dims=(0,))],
)
def _drop(xp, input, /, dims):
    """A view without the dimensions `dims`, which have size 1."""
    return input.squeeze(dims)


_drop.vjp(input=lambda g, shapes: g.reshape(shapes[0]))
_drop.array_vjp()


def squeeze(input, *dim):
    """A view without dimensions of size 1 (only those in `dim`, if given).   Shape: (*) -> (*) without 1s.

    >>> import facula
    >>> facula.squeeze(facula.zeros(2, 1, 3)).shape
    facula.Size([2, 3])
    """
    shape = input.array.shape
    if not dim:
        return _drop(input, tuple(i for i, n in enumerate(shape) if n == 1))
    chosen = dims_of(size_of(dim, "squeeze"), len(shape)) if dim != ((),) else ()
    return _drop(input, tuple(d for d in chosen if shape and shape[d] == 1))


def _expand_shape(input, shape):
    lead = len(shape) - input.ndim
    if lead < 0:
        raise runtime_error(
            f"expand: the number of sizes provided ({len(shape)}) must be greater or equal to the number of dimensions "
            f"in the tensor ({input.ndim}). Add sizes in front."
        )
    sizes = []
    for i, n in enumerate(shape):
        have = input.shape[i - lead] if i >= lead else None
        if n == -1:
            if have is None:
                raise runtime_error(
                    f"expand: -1 is not allowed in a leading, non-existing dimension {i}, got {tuple(shape)}. Give a size there."
                )
            n = have
        if have not in (None, 1, n):
            raise runtime_error(
                f"expand: The expanded size of the tensor ({n}) must match the existing size ({have}) at non-singleton "
                f"dimension {i}. Target sizes: {list(shape)}. Tensor sizes: {list(input.shape)}. Copy it with .repeat() instead."
            )
        sizes.append(n)
    return Meta(tuple(sizes), input.dtype)


@op(_expand_shape, view=True, onnx="Expand", samples=[sample((3, 1), shape=(2, 3, 4)), sample((4,), shape=(3, 4))])
def expand_op(xp, input, /, shape):
    """`input` repeated along dimensions of size 1 without copying."""
    out = xp.broadcast_to(input, shape)
    if xp is np and input.flags.writeable:
        out.flags.writeable = True  # a write checks itself that no two elements share memory
    return out


expand_op.vjp(input=lambda g: g)
expand_op.array_vjp()


def expand(self, *sizes, implicit=False):
    """A view of this tensor with dimensions of size 1 repeated; -1 keeps a size.

    Shape: (*) -> (*sizes), where sizes differ from 1 only as the input allows.

    >>> import facula
    >>> facula.ones(3, 1).expand(-1, 4).shape
    facula.Size([3, 4])
    """
    return expand_op(self, _expand_shape(self.array, size_of(sizes, "expand")).shape)


def expand_as(self, other):
    """`expand` to the shape of `other`.   Shape: (*), other (*s) -> (*s).

    >>> import facula
    >>> facula.ones(2, 1).expand_as(facula.zeros(2, 3)).shape
    facula.Size([2, 3])
    """
    return expand(self, other.shape)


def broadcast_to(input, size):
    """`input` repeated without copying to the shape `size`.   Shape: (*) -> (*size).

    >>> import facula
    >>> facula.broadcast_to(facula.tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    return expand(input, *size)


def flatten(input, start_dim=0, end_dim=-1):
    """`input` with the dimensions from `start_dim` to `end_dim` joined into one.

    Shape: (*, d1, ..., dk, *) -> (*, d1 ... dk, *).

    >>> import facula
    >>> facula.flatten(facula.zeros(2, 3, 5), 1).shape
    facula.Size([2, 15])
    """
    shape = input.array.shape
    if not shape:
        return reshape(input, 1)
    a, b = wrap_dim(start_dim, len(shape)), wrap_dim(end_dim, len(shape))
    if a > b:
        raise runtime_error(
            f"flatten: flatten() has invalid args: start_dim cannot come after end_dim, got {start_dim} and {end_dim}. Exchange them."
        )
    return input if a == b else reshape(input, *shape[:a], math.prod(shape[a : b + 1]), *shape[b + 1 :])
