"""Indexing: views by ints and slices, picking by tensors, masks, and the writes of each."""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from facula.autograd.op import arg, op, sample
from facula.autograd.primitives import cast
from facula.autograd.state import state
from facula.devices.meta import Meta
from facula.errors import index_error, runtime_error, value_error
from facula.ops.rules import wrap_dim
from facula.tensors.inplace import bump, write
from facula.tensors.tensor import Tensor, wrap

_IDS: Any = {"dtype": "int64", "low": 0}
_MANY = 4096  # numbers from which on a sparse product adds faster than NumPy's add.at


def _select_shape(input, key):
    ghost = np.broadcast_to(np.empty((), input.dtype), input.shape)[key]
    return Meta(ghost.shape, input.dtype)


@op(
    _select_shape,
    view=True,
    onnx="Slice",
    samples=[
        sample((3, 4), key=(1,)),
        sample((3, 4), key=(slice(None), slice(0, 4, 2))),
        sample((3, 4), key=(None, Ellipsis, 0)),
    ],
)
def select_op(xp, input, /, key):
    """A view of `input` chosen by ints, slices, None and Ellipsis."""
    return input[key if ... in key else (*key, ...)]  # the Ellipsis makes NumPy return a 0-dim view, not a number


def _scatter_view(g, shapes, key):
    from facula.autograd.primitives import region

    return region(g.new_zeros(shapes[0]), g, ((select_op, (key,)),))


def _scatter_array(g, shapes, key, xp):
    out = xp.zeros(shapes[0], g.dtype)
    out[key] = g
    return out


select_op.vjp(input=_scatter_view)
select_op.array_vjp(input=_scatter_array)


def _put_shape(input, values, *indices, **_):
    return Meta(input.shape, input.dtype)


def _full_key(indices, positions, ndim):
    key = [slice(None)] * ndim
    for p, i in zip(positions, indices, strict=True):
        key[p] = i
    return tuple(key)


def _index_shape(input, *indices, positions):
    try:
        sizes = np.broadcast_shapes(*[i.shape for i in indices])
    except ValueError:
        raise index_error(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {', '.join(str(tuple(i.shape)) for i in indices)}. "
            "To pair all with all, index with i[:, None] and j."
        ) from None
    rest = [n for d, n in enumerate(input.shape) if d not in positions]
    together = list(positions) == list(range(positions[0], positions[0] + len(positions)))
    at = positions[0] if together else 0
    return Meta((*rest[:at], *sizes, *rest[at:]), input.dtype)


@op(_index_shape, onnx="index", half=False, samples=[
    sample((5, 4), arg((3,), **_IDS, high=4), positions=(0,)), sample((2, 5, 3), arg((2, 2), **_IDS, high=4), arg((2,), **_IDS, high=2), positions=(1, 2)),
])  # fmt: skip
def index_op(xp, input, /, *indices, positions):
    """The elements of `input` at integer index tensors that stand at `positions` (whole dimensions elsewhere)."""
    return input[_full_key(indices, positions, input.ndim)]


index_op.vjp(
    input=lambda g, indices, shapes, positions: put_op(
        g.new_zeros(shapes[0]), g, *indices, positions=positions, accumulate=True
    )
)
index_op.array_vjp(
    input=lambda g, indices, shapes, positions, xp: add_at(
        xp, xp.zeros(shapes[0], g.dtype), _full_key(indices, positions, len(shapes[0])), g
    )
)


def add_at(xp, array, key, values):
    """array[key] += values where indices may repeat; returns the array."""
    if xp is not np or not _add_rows(array, key if isinstance(key, tuple) else (key,), values):
        xp.add.at(array, key, values)
    return array


def _add_rows(array, key, values):
    """`add_at` where the indices stand first and name whole rows, twenty times as fast; False if they do not."""
    indices = [k for k in key if isinstance(k, np.ndarray)]
    k = len(indices)
    lead, width = array.shape[:k], math.prod(array.shape[k:])
    whole = all(isinstance(i, np.ndarray) for i in key[:k]) and all(i == slice(None) for i in key[k:])
    if not whole or width < 2 or array.dtype.char not in "fdFD" or not array.flags.c_contiguous:
        return False
    sizes = np.broadcast_shapes(*[i.shape for i in indices])
    n = math.prod(sizes)
    if n * width < _MANY:
        return False
    wrapped = [np.where(i < 0, i + size, i) for i, size in zip(indices, lead, strict=True)]
    rows = np.broadcast_to(np.ravel_multi_index(wrapped, lead), sizes).reshape(-1)
    g = np.broadcast_to(values, (*sizes, *array.shape[k:])).reshape(n, width).astype(array.dtype, copy=False)
    table = array.reshape(-1, width)
    if 4 * n < len(table):
        used, rows = np.unique(rows, return_inverse=True)
        table[used] += row_sums(g, rows, len(used))
    else:
        table += row_sums(g, rows, len(table))
    return True


def row_sums(g, indices, rows):
    """out[i] = the sum of all g[k] with indices[k] == i, as the product with a sparse matrix of ones."""
    from scipy.sparse import csc_array

    n = indices.size
    return csc_array((np.ones(n, g.dtype), indices, np.arange(n + 1)), shape=(rows, n)) @ g


@op(_put_shape, onnx=None, half=False, samples=[
    sample((5, 4), (3, 4), arg(values=[0, 2, 4]), positions=(0,), accumulate=False),
    sample((5, 4), (2, 4), arg(values=[1, 1]), positions=(0,), accumulate=True),
])  # fmt: skip
def put_op(xp, input, values, /, *indices, positions, accumulate):
    """`input` with `values` written (or added) at integer index tensors."""
    out = input.copy(order="C")
    key = _full_key(indices, positions, input.ndim)
    if accumulate:
        return add_at(xp, out, key, values)
    out[key] = values
    return out


def _put_input(g, values, indices, positions, accumulate):
    return (
        g if accumulate else put_op(g, values.new_zeros(values.shape), *indices, positions=positions, accumulate=False)
    )


put_op.vjp(input=_put_input, values=lambda g, indices, positions: index_op(g, *indices, positions=positions))


def _is_basic(part):
    return (
        part is None or part is Ellipsis or (isinstance(part, (slice, int, np.integer)) and not isinstance(part, bool))
    )


def _plain_slice(s):
    parts = [p if p is None or type(p) is int else p.__index__() for p in (s.start, s.stop, s.step)]
    if parts[2] is not None and parts[2] <= 0:
        raise value_error(f"step must be greater than zero, got {parts[2]}. Use .flip() to reverse a dimension.")
    return slice(*parts)


def _parts(key, ndim, shape):
    """A user's key as (a basic key, the tensors that index what remains, their positions there)."""
    key = list(key) if isinstance(key, tuple) else [key]
    for i, part in enumerate(key):
        if isinstance(part, Tensor) and not part.ndim and part.array.dtype.kind in "iu":
            key[i] = int(part.item()) if not part.is_meta else part
        elif isinstance(part, (list, np.ndarray)):
            from facula.ops.create import tensor

            key[i] = (
                wrap(part) if isinstance(part, np.ndarray) else tensor(part) if part else wrap(np.zeros(0, np.int64))
            )
        elif isinstance(part, range):
            key[i] = wrap(np.arange(part.start, part.stop, part.step))
        elif isinstance(part, (bool, np.bool_)):
            key[i] = wrap(np.asarray(part))
        elif not (_is_basic(part) or isinstance(part, Tensor)):
            raise index_error(
                f"only integers, slices (`:`), ellipsis (`...`), None and long, byte or bool Tensors are valid indices "
                f"(got {type(part).__name__}). Convert it with facula.as_tensor()."
            )
    used = builtins.sum(
        0 if k is None or k is Ellipsis else k.ndim if isinstance(k, Tensor) and k.array.dtype.kind == "b" else 1
        for k in key
    )
    if used > ndim:
        raise index_error(
            f"too many indices for tensor of dimension {ndim}, got {used} for shape {tuple(shape)}. {_fewer(ndim)}."
        )
    return _split(key, ndim - used, shape)


def _fewer(ndim):
    return f"Give at most {ndim}" if ndim else "Use .item() for its number"


def _split(key, missing, shape):
    basic, indices, positions = [], [], []
    dim = at = 0
    if not any(k is Ellipsis for k in key):
        key = [*key, Ellipsis]
    for part in key:
        if part is Ellipsis:
            basic += [slice(None)] * missing
            dim, at = dim + missing, at + missing
        elif part is None:
            basic.append(None)
            at += 1
        elif isinstance(part, slice):
            basic.append(_plain_slice(part))
            dim, at = dim + 1, at + 1
        elif isinstance(part, Tensor):
            mask = part.array.dtype.kind == "b" or part.array.dtype == np.uint8
            if part.array.dtype.kind not in "iub":
                raise index_error(
                    f"tensors used as indices must be long, int, byte or bool tensors, got {part.dtype}. Convert with .long()."
                )
            if mask and not part.ndim:
                basic.append(None)
                indices.append(wrap(np.nonzero(part.array.reshape(1))[0]))
                positions.append(at)
                at += 1
                continue
            n = part.ndim if mask else 1
            if mask and tuple(part.shape) != tuple(shape[dim : dim + n]):
                raise index_error(
                    f"The shape of the mask {list(part.shape)} at index 0 does not match the shape of the indexed "
                    f"tensor {list(shape)} at index {dim}. Use a mask of shape {list(shape[dim : dim + n])}."
                )
            found = [wrap(i) for i in np.nonzero(part.array)] if mask else [part]
            basic += [slice(None)] * n
            indices += found
            positions += range(at, at + n)
            dim, at = dim + n, at + n
        else:
            size = shape[dim]
            if not -size <= part < size:
                raise index_error(
                    f"index {part} is out of bounds for dimension {dim} with size {size}. Use {-size} to {size - 1}."
                )
            basic.append(int(part))
            dim += 1
    return tuple(basic), indices, tuple(positions)


def _checked(indices, positions, shape):
    for i, p in zip(indices, positions, strict=True):
        a = i.array
        if type(a) is np.ndarray and a.size and (a.max() >= shape[p] or a.min() < -shape[p]):
            bad = a.max() if a.max() >= shape[p] else a.min()
            raise index_error(
                f"index {bad} is out of bounds for dimension {p} with size {shape[p]}. Use {-shape[p]} to {shape[p] - 1}."
            )
    return indices


def _plain(key, shape):
    """Whether a key is nothing but ints and slices of ints within a shape: NumPy reads such a one as it stands."""
    if len(key) > len(shape):
        return False
    for part, size in zip(key, shape, strict=False):
        if type(part) is slice:
            start, stop, step = part.start, part.stop, part.step
            known = (start is None or type(start) is int) and (stop is None or type(stop) is int)
            if not (known and (step is None or (type(step) is int and step > 0))):
                return False
        elif type(part) is not int or not -size <= part < size:
            return False
    return True


def _trivial(basic):
    return all(isinstance(k, slice) and k == slice(None) for k in basic)


def getitem(self, key):
    """`self[key]` with ints, slices, None, Ellipsis, tensors, masks, lists in any mixture.

    Shape: (*) -> an int drops its dimension, a slice shortens it, None adds one, index tensors give theirs.

    >>> import facula
    >>> facula.tensor([[1, 2], [3, 4]])[:, 1]
    tensor([2, 4])
    """
    if type(key) is int and self.array.ndim:
        n = self.array.shape[0]
        if not -n <= key < n:
            raise index_error(f"index {key} is out of bounds for dimension 0 with size {n}. Use {-n} to {n - 1}.")
        return select_op(self, (key,))
    if type(key) is tuple and _plain(key, self.array.shape):
        return select_op(self, key)
    basic, indices, positions = _parts(key, self.array.ndim, self.array.shape)
    out = select_op(self, basic) if not indices or not _trivial(basic) else self
    if not indices:
        return out
    return index_op(out, *_checked(indices, positions, out.array.shape), positions=positions)


def setitem(self, key, value):
    """`self[key] = value`, recorded when gradients are.   Shape: `value` broadcasts to the shape of `self[key]`."""
    if type(key) is tuple and _plain(key, self.array.shape):
        basic, indices, positions = key, (), ()
    else:
        basic, indices, positions = _parts(key, self.array.ndim, self.array.shape)
    if not isinstance(value, Tensor):
        value = (
            wrap(np.asarray(value).astype(self.array.dtype)) if type(self.array) is np.ndarray else _beside(value, self)
        )
    recorded = state.grad and (value.requires_grad or self.requires_grad)
    if (
        not recorded
        and not state.interpreters
        and type(self.array) is np.ndarray
        and type(value.array) is np.ndarray
        and not indices
    ):
        target = self.array[(*basic, ...)]
        _write_array(target, value.array)
        bump(self, "__setitem__")
        return
    target = select_op(self, basic)
    if indices:
        index_put_(target, _checked(indices, positions, target.array.shape), value, positions=positions)
        return
    while value.ndim > target.ndim and value.shape[0] == 1:
        value = value[0]
    write(target, cast(value, self.array.dtype).expand(target.shape), "__setitem__")


def _write_array(target, value):
    while value.ndim > target.ndim and value.shape[0] == 1:
        value = value[0]
    try:
        if value.dtype is target.dtype:
            target[...] = value
        else:
            with np.errstate(all="ignore"):
                target[...] = value
    except ValueError:
        raise runtime_error(
            f"__setitem__: The expanded size of the tensor {target.shape} must match the existing size {value.shape} of the value. Reshape the value."
        ) from None


def _beside(value, like):
    from facula.ops.create import tensor

    return tensor(value, dtype=like.dtype, device=like.device)


def index_put_(self, indices, values, accumulate=False, *, positions=None):
    """Write (or add) `values` at index tensors, in place.

    Shape: self (*), index tensors that broadcast to (*i), values that broadcast to (*i, dims not indexed) -> (*).
    """
    if positions is None:
        _, indices, positions = _parts(tuple(slice(None) if i is None else i for i in indices), self.ndim, self.shape)
    shape = _index_shape(self.array, *[i.array for i in indices], positions=positions).shape
    values = cast(values, self.array.dtype) if values.array.dtype != self.array.dtype else values
    while values.ndim > len(shape) and values.shape[0] == 1:
        values = values[0]
    if tuple(values.shape) != tuple(shape):
        if any(n not in (1, have) for n, have in zip(values.shape[::-1], shape[::-1], strict=False)):
            raise runtime_error(
                f"expected values of shape {tuple(shape)}, got {tuple(values.shape)}. Give one value per index."
            )
        values = values.expand(shape)
    recorded = state.grad and (values.requires_grad or self.requires_grad)
    if not recorded and type(self.array) is np.ndarray and not state.interpreters:
        key = _full_key([i.array for i in indices], positions, self.ndim)
        if accumulate:
            add_at(np, self.array, key, values.array)
        else:
            self.array[key] = values.array
        bump(self, "index_put_")
        return self
    return write(self, put_op(self, values, *indices, positions=positions, accumulate=accumulate), "index_put_")


def index_put(input, indices, values, accumulate=False):
    """`input` with `values` written (or added) at index tensors.   Shape: as `index_put_`.

    >>> import facula
    >>> facula.index_put(facula.zeros(3), (facula.tensor([0, 2]),), facula.tensor([1., 2.]))
    tensor([1., 0., 2.])
    """
    return index_put_(input.clone(), indices, values, accumulate)


def select(input, dim, index):
    """The view of `input` at `index` along `dim`, without that dimension.   Shape: (*) -> (*) without `dim`.

    >>> import facula
    >>> facula.select(facula.arange(6).view(2, 3), 1, 0)
    tensor([0, 3])
    """
    if not input.ndim:
        raise index_error("select: select() cannot be applied to a 0-dim tensor. Index a tensor with dimensions.")
    d, i = wrap_dim(dim, input.ndim), int(index)
    n = input.shape[d]
    if not -n <= i < n:
        raise index_error(
            f"select: index {i} out of range for tensor of size {list(input.shape)} at dimension {d}. Use {-n} to {n - 1}."
        )
    return select_op(input, ((slice(None),) * d + (i,)))


def narrow(input, dim, start, length):
    """The view of `length` positions from `start` along `dim`.   Shape: (*) -> (*) with `length` at `dim`.

    >>> import facula
    >>> facula.narrow(facula.arange(5), 0, 1, 3)
    tensor([1, 2, 3])
    """
    if not input.ndim:
        raise runtime_error(
            "narrow: narrow() cannot be applied to a 0-dim tensor. Give it a dimension with .reshape(1)."
        )
    if isinstance(start, Tensor) and (start.ndim or start.array.dtype.kind not in "iu"):
        raise runtime_error(
            f"narrow: start must be an 0-dim integral Tensor, got {start.dtype} of shape {tuple(start.shape)}. Pass an int."
        )
    d = wrap_dim(dim, input.ndim)
    n, start = input.shape[d], int(start)
    if not -n <= start <= n:
        raise index_error(
            f"narrow: start ({start}) + length ({length}) exceeds dimension size ({n}). Start within the dimension."
        )
    start = start + n if start < 0 else start
    if length < 0 or start + length > n:
        raise runtime_error(
            f"narrow: start ({start}) + length ({length}) exceeds dimension size ({n}). Use a length of at most {n - start}."
        )
    return select_op(input, ((slice(None),) * d + (slice(start, start + length),)))


def masked_fill(input, mask, value):
    """`input` with `value` where `mask` holds.   Shape: (*), mask that broadcasts to (*) -> (*).

    >>> import facula
    >>> facula.masked_fill(facula.ones(3), facula.tensor([True, False, True]), 9.)
    tensor([9., 1., 9.])
    """
    from facula.ops.compare import _where
    from facula.ops.create import as_scalar_tensor

    if mask.array.dtype != np.bool_:
        raise runtime_error(
            f"masked_fill: expected mask dtype to be Bool but got {mask.dtype}. Convert it with .bool()."
        )
    if isinstance(value, Tensor) and value.ndim:
        raise runtime_error(
            f"masked_fill: value must be a 0-dimensional tensor, but got tensor with {value.ndim} dimension(s). Use where()."
        )
    if not isinstance(value, Tensor) and isinstance(value, complex) and not input.is_complex():
        raise runtime_error(
            "masked_fill: value cannot be converted to type without overflow, got a complex number for a real tensor. Use a real value."
        )
    value = (
        cast(value, input.array.dtype)
        if isinstance(value, Tensor)
        else as_scalar_tensor(value, input.array.dtype, input)
    )
    return _where(mask, value, input)
