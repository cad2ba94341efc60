"""Joining and splitting along a dimension: cat, stack, split, chunk, unbind."""

from __future__ import annotations

import itertools

import numpy as np

from facula import dtypes
from facula.autograd.op import op, sample
from facula.autograd.primitives import cast
from facula.autograd.tape import ONE_OF_SEVERAL, one_of_several
from facula.devices.meta import Meta
from facula.errors import runtime_error, type_error, value_error
from facula.ops.index import narrow, select_op
from facula.ops.rules import wrap_dim, wrap_size
from facula.tensors.tensor import Tensor


def _other_dim(a, b):
    """Along which dim two shapes can be joined."""
    unlike = [i for i, (m, n) in enumerate(zip(a, b, strict=True)) if m != n]
    return f"Join them along dim={unlike[0]}" if len(unlike) == 1 else "Crop or pad them to one size"


def _cat_shape(*tensors, dim):
    first = tensors[0].shape
    for t in tensors[1:]:
        if t.ndim != len(first):
            raise runtime_error(
                f"cat: Tensors must have same number of dimensions, expected {tuple(first)}, got {tuple(t.shape)}. "
                "Add the missing ones, e.g. with .unsqueeze(0)."
            )
        if any(a != b for i, (a, b) in enumerate(zip(first, t.shape, strict=True)) if i != dim):
            raise runtime_error(
                f"cat: Sizes of tensors must match except in dimension {dim}, expected {tuple(first)}, got {tuple(t.shape)}. "
                f"{_other_dim(first, t.shape)}."
            )
    return Meta((*first[:dim], sum(t.shape[dim] for t in tensors), *first[dim + 1 :]), tensors[0].dtype)


@op(
    _cat_shape,
    onnx="Concat",
    half=False,
    samples=[sample((2, 3), (4, 3), dim=0), sample((2, 3), (2, 1), (2, 2), dim=1)],
)
def cat_op(xp, *tensors, dim):
    """Tensors one after the other along `dim`."""
    return xp.concatenate(tensors, axis=dim)


def _cat_back(g, shapes, dim):
    parts, start = [], 0
    for s in shapes:
        parts.append(g[(slice(None),) * dim + (slice(start, start + s[dim]),)])
        start += s[dim]
    return parts


cat_op.vjp(tensors=_cat_back)
cat_op.array_vjp()


def _together(name, tensors):
    if isinstance(tensors, Tensor):
        raise type_error(f"{name}: expected a list of Tensors, got one Tensor. Put them into a list: [a, b].")
    tensors = list(tensors)
    if not tensors:
        raise (value_error if name == "cat" else runtime_error)(
            f"{name}: expected a non-empty list of Tensors, got none. Pass at least one."
        )
    for i, t in enumerate(tensors):
        if not isinstance(t, Tensor):
            raise type_error(
                f"{name}: expected Tensor as element {i} in argument 0, but got {type(t).__name__}. Convert it with facula.as_tensor()."
            )
    if any(t.array.dtype != tensors[0].array.dtype for t in tensors):
        common = dtypes.result_type(t.array for t in tensors)
        tensors = [cast(t, common) for t in tensors]
    return tensors


def cat(tensors, dim=0, *, out=None):
    """`tensors` joined along an existing dimension.   Shape: (*, n, *), (*, m, *), ... -> (*, n + m + ..., *).

    >>> import facula
    >>> facula.cat([facula.zeros(1), facula.ones(2)])
    tensor([0., 1., 1.])
    """
    tensors = _together("cat", tensors)
    kept = [t for t in tensors if t.array.ndim != 1 or t.array.shape[0]] or tensors[:1]
    if not kept[0].ndim:
        raise runtime_error("cat: zero-dimensional tensor (at position 0) cannot be concatenated. Use stack() instead.")
    result = cat_op(*kept, dim=wrap_dim(dim, kept[0].ndim))
    if out is None:
        return result
    from facula.tensors.inplace import write_out

    return write_out(out, result)


concat = concatenate = cat


def stack(tensors, dim=0, *, out=None):
    """`tensors` of one shape joined along a new dimension.   Shape: n tensors (*) -> (*) with an n at `dim`.

    >>> import facula
    >>> facula.stack([facula.tensor([1, 2]), facula.tensor([3, 4])], dim=1)
    tensor([[1, 3],
            [2, 4]])
    """
    tensors = _together("stack", tensors)
    first = tensors[0].shape
    for i, t in enumerate(tensors):
        if t.shape != first:
            raise runtime_error(
                f"stack: stack expects each tensor to be equal size, but got {list(first)} at entry 0 and {list(t.shape)} at entry {i}. Pad them first."
            )
    d = wrap_dim(dim, len(first) + 1)
    return cat([t.unsqueeze(d) for t in tensors], d, out=out)


def split(tensor, split_size_or_sections, dim=0):
    """Views of `tensor` along `dim`: pieces of one size, or of the sizes in a list.

    Shape: (*, n, *) -> views (*, size, *).

    >>> import facula
    >>> facula.split(facula.arange(5), 2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    if not tensor.ndim:
        raise runtime_error(
            "split: split expects at least a 1-dimensional tensor, got one without dimensions. Give it one with "
            ".reshape(1)."
        )
    d = wrap_dim(dim, tensor.ndim)
    n = tensor.shape[d]
    if isinstance(split_size_or_sections, (int, np.integer)):
        size = int(split_size_or_sections)
        if size < 0 or (size == 0 and n):
            raise runtime_error(
                f"split: split_size can only be 0 if dimension size is 0, but got dimension size of {n}. Use a positive size."
            )
        starts = range(0, n, size) if n else [0]
        return _pieces(tensor, d, [slice(start, min(start + size, n)) for start in starts])
    sizes = [int(s) for s in split_size_or_sections]
    if sum(sizes) != n:
        raise runtime_error(
            f"split: split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at dimension {d}), "
            f"but got split_sizes={sizes}. Make their sum {n}."
        )
    if min(sizes, default=0) < 0:
        raise runtime_error(
            f"split: split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes={sizes}. "
            "Give the size of each piece."
        )
    stops = [*itertools.accumulate(sizes)]
    return _pieces(tensor, d, [slice(stop - size, stop) for size, stop in zip(sizes, stops, strict=True)])


def _pieces(tensor, d, places):
    """The views of a tensor at these ints or slices of a dimension, all within it."""
    before = (slice(None),) * d
    return one_of_several(tuple([select_op(tensor, (*before, place)) for place in places]))


def chunk(input, chunks, dim=0):
    """At most `chunks` views of equal size (the last may be smaller) along `dim`.

    Shape: (*, n, *) -> views (*, n / chunks rounded up, *).

    >>> import facula
    >>> facula.chunk(facula.arange(5), 2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    if chunks <= 0:
        raise runtime_error(
            f"chunk: chunk expects `chunks` to be greater than 0, got: {chunks}. Pass a positive count."
        )
    n = input.shape[wrap_dim(dim, input.ndim)]
    size = -(-n // chunks)
    return tuple(narrow(input, dim, 0, 0) for _ in range(chunks)) if not n else split(input, size, dim)


def unbind(input, dim=0):
    """All views along `dim`, without that dimension.   Shape: (*, n, *) -> n views (*, *).

    >>> import facula
    >>> facula.unbind(facula.tensor([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    """
    d, n = wrap_size(dim, input.shape)
    return _pieces(input, d, range(n))


def _listed(tensors):
    return tuple(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors


def _for_each(function, tensors):
    """Apply to one tensor, or to each of several."""
    if len(tensors) == 1 and isinstance(tensors[0], Tensor):
        return function(tensors[0])
    return tuple(function(t) for t in _listed(tensors))


def _at_least_1d(t):
    return t if t.ndim else t.reshape(1)


def _at_least_2d(t):
    return t if t.ndim > 1 else t.reshape(1, -1)


def _at_least_3d(t):
    return t if t.ndim > 2 else t.unsqueeze(-1) if t.ndim == 2 else t.reshape(1, -1, 1)


def atleast_1d(*tensors):
    """Views with at least one dimension.   Shape: () -> (1), others as they are.

    >>> import facula
    >>> facula.atleast_1d(facula.tensor(3))
    tensor([3])
    """
    return _for_each(_at_least_1d, tensors)


def atleast_2d(*tensors):
    """Views with at least two dimensions (a vector becomes a row).

    Shape: () -> (1, 1), (n) -> (1, n), others as they are.

    >>> import facula
    >>> facula.atleast_2d(facula.tensor([1, 2]))
    tensor([[1, 2]])
    """
    return _for_each(_at_least_2d, tensors)


def atleast_3d(*tensors):
    """Views with at least three dimensions.

    Shape: () -> (1, 1, 1), (n) -> (1, n, 1), (n, m) -> (n, m, 1), others as they are.

    >>> import facula
    >>> facula.atleast_3d(facula.tensor([1, 2])).shape
    facula.Size([1, 2, 1])
    """
    return _for_each(_at_least_3d, tensors)


def hstack(tensors, *, out=None):
    """Tensors side by side: joined along dim 1 (vectors along dim 0).

    Shape: (*, n, *), (*, m, *), ... -> (*, n + m + ..., *) at dim 1.

    >>> import facula
    >>> facula.hstack([facula.tensor([1]), facula.tensor([2, 3])])
    tensor([1, 2, 3])
    """
    tensors = [_at_least_1d(t) for t in _together("hstack", tensors)]
    return cat(tensors, 0 if tensors[0].ndim == 1 else 1, out=out)


def vstack(tensors, *, out=None):
    """Tensors on top of each other: joined along dim 0 (vectors are rows).

    Shape: (n, *), (m, *), ... -> (n + m + ..., *).

    >>> import facula
    >>> facula.vstack((facula.arange(2), facula.arange(2)))
    tensor([[0, 1],
            [0, 1]])
    """
    return cat([_at_least_2d(t) for t in _together("vstack", tensors)], 0, out=out)


row_stack = vstack


def dstack(tensors, *, out=None):
    """Tensors behind each other: joined along dim 2.   Shape: (*, n), (*, m), ... -> (*, n + m + ...) at dim 2.

    >>> import facula
    >>> facula.dstack([facula.zeros(2, 3), facula.zeros(2, 3)]).shape
    facula.Size([2, 3, 2])
    """
    return cat([_at_least_3d(t) for t in _together("dstack", tensors)], 2, out=out)


def column_stack(tensors, *, out=None):
    """Tensors side by side, where vectors are columns.   Shape: (n) or (n, m), ... -> (n, sum of widths).

    >>> import facula
    >>> facula.column_stack([facula.tensor([1, 2]), facula.tensor([3, 4])])
    tensor([[1, 3],
            [2, 4]])
    """
    return hstack([t.reshape(-1, 1) if t.ndim < 2 else t for t in _together("column_stack", tensors)], out=out)


def tensor_split(input, indices_or_sections, dim=0):
    """Views of `input` along `dim`: as many as asked (sizes differ by at most 1), or cut before each index.

    Shape: (*, n, *) -> views (*, part, *).

    >>> import facula
    >>> [len(t) for t in facula.tensor_split(facula.arange(7), 3)]
    [3, 2, 2]
    """
    if not input.ndim:
        raise runtime_error(
            "tensor_split: tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims."
        )
    d = wrap_dim(dim, input.ndim)
    n, cuts = input.shape[d], indices_or_sections
    if isinstance(cuts, Tensor):
        cuts = cuts.tolist()
    if not isinstance(cuts, (int, np.integer, list, tuple)):
        raise type_error(
            f"tensor_split(): argument 'indices_or_sections' must be int or a list of ints, not {type(cuts).__name__}. Pass e.g. 2."
        )
    if isinstance(cuts, (int, np.integer)):
        if cuts <= 0:
            raise runtime_error(
                f"tensor_split: number of sections must be larger than 0, got {cuts}. Pass a positive count."
            )
        small, more = divmod(n, int(cuts))
        sizes = [small + (i < more) for i in range(cuts)]
        return tuple(narrow(input, d, sum(sizes[:i]), size) for i, size in enumerate(sizes))
    key = (slice(None),) * d
    return tuple(input[(*key, slice(a, b))] for a, b in zip([0, *cuts], [*cuts, n], strict=True))


def _dim_split(name, input, cuts, dim, least):
    if input.ndim < least:
        raise runtime_error(
            f"{name}: torch.{name} requires a tensor with at least {least} dimension, but got a tensor with {input.ndim} dimensions! "
            "Give it one with .unsqueeze(0)."
        )
    if isinstance(cuts, int) and (cuts == 0 or input.shape[dim] % cuts):
        raise runtime_error(
            f"{name}: torch.{name} attempted to split along dimension {dim}, but the size of the dimension "
            f"{input.shape[dim]} is not divisible by the split_size {cuts}! Use tensor_split()."
        )
    return tensor_split(input, cuts, dim)


def hsplit(input, indices_or_sections):
    """`tensor_split` along dim 1 (dim 0 of a vector).   Shape: (*, n, *) -> views (*, part, *) along dim 1.

    >>> import facula
    >>> facula.hsplit(facula.tensor([[1, 2], [3, 4]]), 2)
    (tensor([[1],
            [3]]), tensor([[2],
            [4]]))
    """
    return _dim_split("hsplit", input, indices_or_sections, 0 if input.ndim == 1 else 1, 1)


def vsplit(input, indices_or_sections):
    """`tensor_split` along dim 0.   Shape: (n, *) -> views (part, *).

    >>> import facula
    >>> facula.vsplit(facula.tensor([[1, 2], [3, 4]]), 2)
    (tensor([[1, 2]]), tensor([[3, 4]]))
    """
    return _dim_split("vsplit", input, indices_or_sections, 0, 2)


def dsplit(input, indices_or_sections):
    """`tensor_split` along dim 2.   Shape: (d0, d1, n, *) -> views (d0, d1, part, *).

    >>> import facula
    >>> [part.shape for part in facula.dsplit(facula.zeros(2, 3, 4), 2)]
    [facula.Size([2, 3, 2]), facula.Size([2, 3, 2])]
    """
    return _dim_split("dsplit", input, indices_or_sections, 2, 3)


def split_with_sizes(input, split_sizes, dim=0):
    """Views of the given sizes along `dim`.   Shape: (*, n, *) -> views (*, size, *), one per size.

    >>> import facula
    >>> facula.split_with_sizes(facula.arange(5), [2, 3])
    (tensor([0, 1]), tensor([2, 3, 4]))
    """
    return split(input, list(split_sizes), dim)


def _unfenced(views):
    """The same views, which may be written one by one."""
    for v in views:
        if v.root is not None:
            v.path = tuple(step for step in v.path if step is not ONE_OF_SEVERAL)
    return views


def unsafe_chunk(input, chunks, dim=0):
    """`chunk`, whose pieces may be written in place.   Shape: (*, n, *) -> views (*, ceil(n / chunks), *).

    >>> import facula
    >>> facula.unsafe_chunk(facula.arange(4), 2)
    (tensor([0, 1]), tensor([2, 3]))
    """
    return _unfenced(chunk(input, chunks, dim))


def unsafe_split(tensor, split_size_or_sections, dim=0):
    """`split`, whose pieces may be written in place.   Shape: (*, n, *) -> views (*, size, *).

    >>> import facula
    >>> facula.unsafe_split(facula.arange(3), 2)
    (tensor([0, 1]), tensor([2]))
    """
    return _unfenced(split(tensor, split_size_or_sections, dim))


def unsafe_split_with_sizes(input, split_sizes, dim=0):
    """`split_with_sizes`, whose pieces may be written in place.   Shape: (*, n, *) -> views (*, size, *), one per size.

    >>> import facula
    >>> facula.unsafe_split_with_sizes(facula.arange(3), [1, 2])
    (tensor([0]), tensor([1, 2]))
    """
    return _unfenced(split(input, list(split_sizes), dim))
