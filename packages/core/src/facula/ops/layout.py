"""Elements in another order or number: flip, roll, repeat, triangles, grids, combinations."""

from __future__ import annotations

import itertools
import math

import numpy as np

from facula import dtypes
from facula.autograd.op import op, sample
from facula.autograd.primitives import clone
from facula.devices.meta import Meta
from facula.errors import runtime_error
from facula.ops import rules
from facula.ops.create import _place
from facula.ops.index import index_op
from facula.ops.join import cat
from facula.ops.outputs import takes_out
from facula.ops.rules import dims_of, wrap_dim, wrap_size
from facula.ops.shape import broadcast_to, expand, flatten, reshape, size_of, transpose, unsqueeze, view
from facula.tensors.tensor import Tensor, wrap


@op(
    lambda input, dims: Meta(input.shape, input.dtype),
    onnx="flip",
    half=False,
    samples=[sample((3, 4), dims=(0,)), sample((2, 3), dims=(0, 1))],
)
def _flip(xp, input, /, dims):
    """A copy with the order reversed along `dims`."""
    return xp.flip(input, dims).copy()


_flip.vjp(input=lambda g, dims: _flip(g, dims))
_flip.array_vjp(input=lambda g, dims, xp: xp.flip(g, dims).copy())


def flip(input, *dims, **named):
    """A copy with the order of elements reversed along `dims`.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.flip(facula.arange(3), [0])
    tensor([2, 1, 0])
    """
    chosen = size_of(dims or (named.pop("dims"),), "flip")
    return _flip(input, dims_of(chosen, input.ndim, "flip") if chosen and input.ndim else ())


def fliplr(input):
    """A copy with the order of columns (dim 1) reversed.   Shape: (*, n, *) -> the same.

    >>> import facula
    >>> facula.fliplr(facula.tensor([[1, 2], [3, 4]]))
    tensor([[2, 1],
            [4, 3]])
    """
    if input.ndim < 2:
        raise runtime_error(f"fliplr: Input must be >= 2-d, got {input.ndim} dimension(s). Use flip().")
    return flip(input, 1)


def flipud(input):
    """A copy with the order of rows (dim 0) reversed.   Shape: (n, *) -> the same.

    >>> import facula
    >>> facula.flipud(facula.tensor([[1, 2], [3, 4]]))
    tensor([[3, 4],
            [1, 2]])
    """
    if input.ndim < 1:
        raise runtime_error("flipud: Input must be >= 1-d, got a 0-dim tensor. Add a dimension first.")
    return flip(input, 0)


@op(
    lambda input, shifts, dims: Meta(input.shape, input.dtype),
    onnx="roll",
    half=False,
    samples=[sample((3, 4), shifts=(1,), dims=(0,)), sample((2, 3), shifts=(1, -2), dims=(0, 1))],
)
def _roll(xp, input, /, shifts, dims):
    """`input` moved round along `dims`."""
    return xp.roll(input, shifts, dims)


_roll.vjp(input=lambda g, shifts, dims: _roll(g, tuple(-s for s in shifts), dims))
_roll.array_vjp(input=lambda g, shifts, dims, xp: xp.roll(g, tuple(-s for s in shifts), dims))


def roll(input, shifts, dims=()):
    """`input` moved along `dims`; what leaves at one end enters at the other.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.roll(facula.arange(4), 1)
    tensor([3, 0, 1, 2])
    """
    shifts = size_of((shifts,), "roll") if not isinstance(shifts, int) else (shifts,)
    dims = () if dims is None else (dims,) if isinstance(dims, int) else tuple(dims)
    if not shifts:
        raise runtime_error("roll: `shifts` required, expected at least one shift, got none. Pass an int or several.")
    if not dims and len(shifts) == 1:
        return reshape(_roll(reshape(input, -1), shifts, (0,)), input.shape)
    if len(shifts) != len(dims):
        raise runtime_error(
            f"roll: shifts and dimensions must align, got shifts: {len(shifts)}, dims: {len(dims)}. Pass one shift per dim."
        )
    return _roll(input, shifts, tuple(wrap_size(d, input.shape)[0] for d in dims))


def rot90(input, k=1, dims=(0, 1)):
    """`input` turned by 90 degrees k times in the plane of two dims, from the first towards the second.

    Shape: (*, n, *, m, *) -> the same for even k, n and m exchanged for odd.

    >>> import facula
    >>> facula.rot90(facula.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    if len(dims) != 2:
        raise runtime_error(f"rot90: expected total rotation dims == 2, but got dims = {len(dims)}. Pass two dims.")
    if input.ndim < 2:
        raise runtime_error(f"rot90: expected total dims >= 2, but got total dims = {input.ndim}. Add a dimension.")
    a, b = (wrap_dim(d, input.ndim) for d in dims)
    if a == b:
        raise runtime_error(
            f"rot90: expected rotation dims to be different, but got dim0 = {a} and dim1 = {b}. Pass two dims."
        )
    k %= 4
    if k == 2:
        return flip(input, (a, b))
    return clone(input) if not k else transpose(flip(input, b if k == 1 else a), a, b)


def _tiled(input, sizes):
    lead = len(sizes) - input.ndim
    if lead < 0:
        raise runtime_error(
            f"repeat: Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor, expected "
            f"at least {input.ndim}, got {len(sizes)}. Add sizes in front."
        )
    if any(n < 0 for n in sizes):
        raise runtime_error(
            f"repeat: Trying to create tensor with negative dimension, got sizes {list(sizes)}. Use zero or more."
        )
    return Meta(tuple(r * n for r, n in zip(sizes, (*(1,) * lead, *input.shape), strict=True)), input.dtype)


@op(_tiled, onnx="Tile", half=False, samples=[sample((3, 4), sizes=(2, 1)), sample((2,), sizes=(3, 2))])
def _repeat(xp, input, /, sizes):
    """Copies of `input` side by side."""
    if len(sizes) < input.ndim or any(n < 0 for n in sizes):
        _tiled(input, sizes)
    return xp.tile(input, sizes)


def _fold(g, shapes, sizes):
    shape = (*(1,) * (len(sizes) - len(shapes[0])), *shapes[0])
    parts = g.reshape(tuple(n for pair in zip(sizes, shape, strict=True) for n in pair))
    return parts.sum(tuple(range(0, 2 * len(sizes), 2))).reshape(shapes[0]) if sizes else g


_repeat.vjp(input=_fold)
_repeat.array_vjp()


def repeat(self, *sizes, **named):
    """A copy of this tensor laid side by side `sizes` times along each dimension.

    Shape: (d1, ..., dn) -> (d1 r1, ..., dn rn) for sizes (r1, ..., rn).

    >>> import facula
    >>> facula.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    return _repeat(self, size_of(sizes or (named.pop("repeats"),), "repeat"))


def tile(input, *dims, **named):
    """`repeat`, where missing leading counts are 1.

    Shape: (d1, ..., dn) -> (d1 r1, ..., dn rn) for dims (r1, ..., rn).

    >>> import facula
    >>> facula.tile(facula.tensor([1, 2]), (2, 2))
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    sizes = size_of(dims or (named.pop("dims"),), "tile")
    return _repeat(input, (1,) * (input.ndim - len(sizes)) + sizes)


def repeat_interleave(input, repeats=None, dim=None, *, output_size=None):
    """Each element (or entry along `dim`) repeated `repeats` times in place; with one argument, the indices that do so.

    Shape: (*, n, *) -> (*, sum of repeats, *); without dim a vector.

    >>> import facula
    >>> facula.repeat_interleave(facula.tensor([1, 2]), 2)
    tensor([1, 1, 2, 2])
    """
    if repeats is None:
        if input.ndim != 1 or input.array.dtype.kind not in "iu":
            raise runtime_error(
                f"repeat_interleave: repeat_interleave only accept 1D int vectors as repeat, got {input.ndim}D {input.dtype}."
            )
        return wrap(np.repeat(np.arange(len(input.array)), _counts(input)))
    if dim is None:
        input, dim = reshape(input, -1), 0
    d = wrap_dim(dim, input.ndim)
    base = input if input.ndim else reshape(input, 1)
    if not isinstance(repeats, Tensor):
        if repeats < 0:
            raise runtime_error(f"repeat_interleave: Repeats must be non-negative, got {repeats}. Use zero or more.")
        wide = unsqueeze(base, d + 1)
        shape = list(wide.shape)
        shape[d + 1] = int(repeats)
        return clone(flatten(expand(wide, shape), d, d + 1))
    counts = _counts(repeats)
    if counts.size not in (1, base.shape[d]):
        raise runtime_error(
            f"repeat_interleave: repeats must have the same size as input along dim, but got repeats.size(0) = {counts.size} "
            f"and input.size({d}) = {base.shape[d]}. Pass one count per entry."
        )
    where = np.repeat(np.arange(base.shape[d]), counts.reshape(-1))
    if output_size is not None and output_size != where.size:
        raise runtime_error(
            f"repeat_interleave: allocated size does not match required size, expected {where.size}, got {output_size}."
        )
    return index_op(base, wrap(where), positions=(d,))


def _counts(repeats):
    counts = repeats.array
    if counts.size and counts.min() < 0:
        raise runtime_error(f"repeat_interleave: repeats can not be negative, got {counts.min()}. Use zero or more.")
    return counts


def _triangle(name, doc, upper):
    def forward(xp, input, /, diagonal):
        if input.ndim < 2:
            raise runtime_error(
                f"{name}: input tensor must have at least 2 dimensions, got {input.ndim}. Add one with .unsqueeze()."
            )
        return getattr(xp, name)(input, diagonal)

    forward.__name__, forward.__doc__, forward.__module__ = f"_{name}", doc, __name__
    record = op(lambda input, diagonal: Meta(input.shape, input.dtype), onnx="Trilu", half=False, samples=[
        sample((3, 4), diagonal=0), sample((2, 3, 3), diagonal=1), sample((3, 3), diagonal=-1),
    ])(forward)  # fmt: skip
    record.vjp(input=lambda g, diagonal: record(g, diagonal))
    record.array_vjp(input=lambda g, diagonal, xp: getattr(xp, name)(g, diagonal))
    return record


_tril = _triangle("tril", "The part on and below a diagonal.", False)
_triu = _triangle("triu", "The part on and above a diagonal.", True)


@takes_out
def tril(input, diagonal=0):
    """The lower triangle: elements on and below the given diagonal, zeros elsewhere.   Shape: (*, n, m) -> (*, n, m).

    >>> import facula
    >>> facula.tril(facula.ones(2, 2))
    tensor([[1., 0.],
            [1., 1.]])
    """
    return _tril(input, int(diagonal))


@takes_out
def triu(input, diagonal=0):
    """The upper triangle: elements on and above the given diagonal, zeros elsewhere.   Shape: (*, n, m) -> (*, n, m).

    >>> import facula
    >>> facula.triu(facula.ones(2, 2))
    tensor([[1., 1.],
            [0., 1.]])
    """
    return _triu(input, int(diagonal))


def _indices(name, function, row, col, offset, dtype, device):
    if row < 0 or col < 0:
        raise runtime_error(f"{name}: row and col must be non-negative, got {row} and {col}.")
    found = np.stack(function(row, offset, col)).astype(np.int64 if dtype is None else dtypes.numpy_of(dtype))
    return _place(found, device)


def tril_indices(row, col, offset=0, *, dtype=None, device=None, layout=None):
    """Rows and columns of the lower triangle of a row x col matrix, as a (2, N) tensor.   Shape: (2, count), int64.

    >>> import facula
    >>> facula.tril_indices(2, 2)
    tensor([[0, 1, 1],
            [0, 0, 1]])
    """
    return _indices("tril_indices", np.tril_indices, row, col, offset, dtype, device)


def triu_indices(row, col, offset=0, *, dtype=None, device=None, layout=None):
    """Rows and columns of the upper triangle of a row x col matrix, as a (2, N) tensor.   Shape: (2, count), int64.

    >>> import facula
    >>> facula.triu_indices(2, 2)
    tensor([[0, 0, 1],
            [0, 1, 1]])
    """
    return _indices("triu_indices", np.triu_indices, row, col, offset, dtype, device)


def broadcast_tensors(*tensors):
    """Views of all tensors with their common shape.

    Shape: shapes that broadcast together -> views of their common shape.

    >>> import facula
    >>> [t.shape for t in facula.broadcast_tensors(facula.ones(2, 1), facula.ones(3))]
    [facula.Size([2, 3]), facula.Size([2, 3])]
    """
    tensors = _listed(tensors)
    shape = rules.broadcast_shapes(*[t.shape for t in tensors], name="broadcast_tensors")
    return tuple(broadcast_to(t, shape) for t in tensors)


def broadcast_shapes(*shapes):
    """The shape that tensors of these shapes have after broadcasting.   Shape: tuples of ints -> Size.

    >>> import facula
    >>> facula.broadcast_shapes((2, 1), (3,))
    facula.Size([2, 3])
    """
    from facula.tensors.tensor import Size

    return Size(
        rules.broadcast_shapes(*[(s,) if isinstance(s, int) else tuple(s) for s in shapes], name="broadcast_shapes")
    )


def _listed(tensors):
    return tuple(tensors[0]) if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)) else tensors


def meshgrid(*tensors, indexing=None):
    """Views of each vector over the grid that all of them span; `indexing` "ij" (default) or "xy".

    Shape: vectors (n1), ..., (nk) -> k tensors (n1, ..., nk); "xy" exchanges the first two.

    >>> import facula
    >>> x, y = facula.meshgrid(facula.arange(2), facula.arange(3), indexing="ij")
    >>> x
    tensor([[0, 0, 0],
            [1, 1, 1]])
    """
    tensors = _listed(tensors)
    if not tensors:
        raise runtime_error("meshgrid: meshgrid expects a non-empty TensorList, got none. Pass at least one tensor.")
    if indexing not in (None, "ij", "xy"):
        raise runtime_error(
            f'meshgrid: torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}. Choose one.'
        )
    if any(t.ndim > 1 for t in tensors):
        raise runtime_error(
            "meshgrid: torch.meshgrid: Expected 0D or 1D tensor in the tensor list, got more dimensions. Flatten it."
        )
    if any(t.dtype != tensors[0].dtype for t in tensors):
        raise runtime_error(
            "meshgrid: torch.meshgrid expects all tensors to have the same dtype, got several. Convert them with .to()."
        )
    swap = indexing == "xy" and len(tensors) > 1
    order = (tensors[1], tensors[0], *tensors[2:]) if swap else tensors
    shape, n = tuple(t.numel() for t in order), len(order)
    grids = tuple(expand(view(t, (-1,) + (1,) * (n - 1 - i)), shape) for i, t in enumerate(order))
    return (grids[1], grids[0], *grids[2:]) if swap else grids


def cartesian_prod(*tensors):
    """All combinations of one element of each vector, one a row.   Shape: vectors (n1), ..., (nk) -> (n1 ... nk, k).

    >>> import facula
    >>> facula.cartesian_prod(facula.tensor([1, 2]), facula.tensor([8, 9]))
    tensor([[1, 8],
            [1, 9],
            [2, 8],
            [2, 9]])
    """
    tensors = _listed(tensors)
    if any(t.ndim != 1 for t in tensors):
        raise runtime_error(
            "cartesian_prod: Expect a 1D vector, but got one with another number of dimensions. Flatten it."
        )
    if len(tensors) == 1:
        return tensors[0]
    from facula.ops.join import stack

    return stack([reshape(grid, -1) for grid in meshgrid(*tensors, indexing="ij")], 1)


def combinations(input, r=2, with_replacement=False):
    """All choices of `r` elements of a vector, one a row.   Shape: (n) -> (count, r).

    >>> import facula
    >>> facula.combinations(facula.tensor([1, 2, 3]))
    tensor([[1, 2],
            [1, 3],
            [2, 3]])
    """
    if input.ndim != 1:
        raise runtime_error(f"combinations: Expect a 1D vector, but got {input.ndim}D. Flatten it first.")
    if r < 0:
        raise runtime_error(f"combinations: Expect a non-negative number, but got {r}.")
    if not r:
        return input.new_empty((0,))
    choose = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    rows = np.array(list(choose(range(input.shape[0]), r)), np.int64).reshape(-1, r)
    return index_op(input, wrap(rows), positions=(0,))


def block_diag(*tensors):
    """The matrices (numbers and vectors count as one row) along the diagonal of one matrix, zeros elsewhere.

    Shape: (n1, m1), (n2, m2), ... -> (n1 + n2 + ..., m1 + m2 + ...).

    >>> import facula
    >>> facula.block_diag(facula.ones(1, 1), facula.ones(1, 2))
    tensor([[1., 0., 0.],
            [0., 1., 1.]])
    """
    if any(t.ndim > 2 for t in tensors):
        raise runtime_error("block_diag: Input tensors must have 2 or fewer dimensions, got more. Pass matrices.")
    from facula.autograd.primitives import cast

    common = dtypes.result_type(t.array for t in tensors)
    blocks = [cast(reshape(t, (1, -1)) if t.ndim < 2 else t, common) for t in tensors]
    width, start, rows = sum(b.shape[1] for b in blocks), 0, []
    for b in blocks:
        n, m = b.shape
        rows.append(cat([b.new_zeros((n, start)), b, b.new_zeros((n, width - start - m))], 1))
        start += m
    return cat(rows, 0)


def unflatten(input, dim, sizes):
    """A view with one dimension split into several.   Shape: (*, n, *) -> (*, s1, ..., sk, *) with s1 ... sk = n.

    >>> import facula
    >>> facula.unflatten(facula.zeros(2, 6), 1, (3, -1)).shape
    facula.Size([2, 3, 2])
    """
    d = wrap_dim(dim, input.ndim)
    sizes = (sizes,) if isinstance(sizes, int) else tuple(sizes)
    if not sizes:
        raise runtime_error("unflatten: unflatten: sizes must be non-empty, got none. Pass the sizes to split into.")
    n, known = input.shape[d], math.prod(s for s in sizes if s != -1)
    if sizes.count(-1) > 1:
        raise runtime_error(f"unflatten: only one dimension can be inferred, got {list(sizes)}. Give all other sizes.")
    if (-1 in sizes and (not known or n % known)) or (-1 not in sizes and known != n):
        raise runtime_error(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {d} ({n}) in the input tensor. Use -1 for one of them."
        )
    return view(input, (*input.shape[:d], *[n // known if s == -1 else s for s in sizes], *input.shape[d + 1 :]))


def ravel(input):
    """`input` as a vector: a view where memory allows it.   Shape: (*) -> (count of elements).

    >>> import facula
    >>> facula.ravel(facula.tensor([[1, 2], [3, 4]]))
    tensor([1, 2, 3, 4])
    """
    return reshape(input, -1)
