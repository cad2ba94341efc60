"""Sparse tensors: how they are made, and what they are turned into. What is computed with them stands in `sparse_math` and `sparse_forms`."""

from __future__ import annotations

import numpy as np

from facula import dtypes
from facula.errors import not_implemented_error, runtime_error
from facula.ops.gather import index_select
from facula.ops.index import index_op
from facula.ops.sparse_tensor import SparseTensor, blocks
from facula.tensors.layouts import sparse_coo, sparse_csc, sparse_csr
from facula.tensors.tensor import Tensor, wrap


def _made(values, dtype, device, requires_grad):
    from facula.ops.share import as_tensor

    if not isinstance(values, Tensor):
        return as_tensor(values, dtype=dtype, device=device).requires_grad_(requires_grad)
    values = values.to(device=device or values.device, dtype=dtype or values.dtype)
    if values.requires_grad:
        return values.view(values.shape)  # the sparse tensor is a result, the values a leaf
    return values.detach().requires_grad_(requires_grad)


def _integers(name, indices):
    from facula.ops.share import as_tensor

    t = indices if isinstance(indices, Tensor) else as_tensor(indices, dtype=dtypes.int64)
    if t.numel() and t.array.dtype.kind not in "iu":
        t = t.long()
    return wrap(t.array.astype(np.int64, copy=False))


def sparse_coo_tensor(
    indices,
    values=None,
    size=None,
    *,
    dtype=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    check_invariants=None,
    is_coalesced=None,
):
    """A tensor that holds `values[k]` at the place `indices[:, k]`; values of one place are added up.

    Shape: indices (sparse_dim, nnz), values (nnz, *dense shape); without `size`, the smallest that holds all places.

    >>> import facula
    >>> facula.sparse_coo_tensor([[0, 1], [2, 0]], [3.0, 4.0], (2, 3)).to_dense()
    tensor([[0., 0., 3.],
            [4., 0., 0.]])
    """
    if values is None:
        size = tuple(indices) if size is None else tuple(size)
        indices, values = np.zeros((len(size), 0), np.int64), np.zeros(0, dtypes.default().numpy)
        places, entries = wrap(indices), _made(wrap(values), dtype, device, requires_grad)
    else:
        places, entries = _integers("sparse_coo_tensor", indices), _made(values, dtype, device, requires_grad)
    if places.ndim != 2:
        raise runtime_error(
            f"sparse_coo_tensor: indices must be sparse_dim x nnz, but got: {list(places.shape)}. Give one column per value."
        )
    if not entries.ndim and places.shape[1]:
        entries = entries.expand((places.shape[1],))
    if places.shape[1] != entries.shape[0]:
        raise runtime_error(
            f"sparse_coo_tensor: indices and values must have same nnz, but got nnz from indices: {places.shape[1]}, nnz from values: {entries.shape[0]}. "
            "Give one column of indices per value."
        )
    found = places.array.max(1) + 1 if places.numel() else np.zeros(places.shape[0], np.int64)
    if size is None:
        size = (*map(int, found), *entries.shape[1:])
    size = tuple(size)
    _check_places("sparse_coo_tensor", places.array, found, size, entries.shape[1:])
    return SparseTensor(places, entries, size, bool(is_coalesced))


def _check_places(name, places, found, size, dense):
    if len(size) != len(places) + len(dense) or tuple(size[len(places) :]) != tuple(dense):
        raise runtime_error(
            f"{name}: number of dimensions must be sparse_dim ({len(places)}) + dense_dim ({len(dense)}) and end in {tuple(dense)}, got {size}. Change it."
        )
    if places.size and places.min() < 0:
        raise runtime_error(f"{name}: found negative index {places.min()}, expected indices of 0 or more. Correct it.")
    for d, n in enumerate(found):
        if n > size[d]:
            raise runtime_error(
                f"{name}: size is inconsistent with indices: for dim {d}, size is {size[d]} but found index {n - 1}. Enlarge size."
            )


def _compressed(name, starts, others, values, size, kind, dtype, device, requires_grad):
    """A matrix with compressed rows or columns; `starts` counts along them."""
    starts_name, others_name = (
        ("crow_indices", "col_indices") if kind is sparse_csr else ("ccol_indices", "row_indices")
    )
    line = "row" if kind is sparse_csr else "column"
    starts, others = (_integers(name, x).array for x in (starts, others))
    entries = _made(values, dtype, device, requires_grad)
    if starts.ndim != 1 or others.ndim != 1 or entries.ndim != 1:
        raise runtime_error(
            f"{name}: expected one-dimensional {starts_name}, {others_name} and values, got shapes {starts.shape}, {others.shape}, "
            f"{tuple(entries.shape)}. Batches are not there: make a matrix of each."
        )
    if not starts.size or starts[0] or (np.diff(starts) < 0).any() or not starts[-1] == len(others) == entries.shape[0]:
        raise runtime_error(
            f"{name}: expected {starts_name} that rise from 0 to nnz, with as many {others_name} and values, got {starts.tolist()} for "
            f"{len(others)} {others_name} and {entries.shape[0]} values. Count the values of each {line}."
        )
    places = np.stack([np.repeat(np.arange(len(starts) - 1), np.diff(starts)), others])
    places = places if kind is sparse_csr else places[::-1].copy()
    along = 0 if kind is sparse_csr else 1
    found = places.max(1) + 1 if places.size else np.zeros(2, np.int64)
    found[along] = len(starts) - 1
    size = tuple(map(int, found)) if size is None else tuple(size)
    if len(size) == 2 and size[along] != len(starts) - 1:
        raise runtime_error(
            f"{name}: expected {starts_name} of {line}s + 1 = {size[along] + 1} numbers, got {len(starts)}. Change size."
        )
    _check_places(name, places, found, size, ())
    return SparseTensor(wrap(places), entries, size, True, kind)


def sparse_csr_tensor(
    crow_indices, col_indices, values, size=None, *, dtype=None, device=None, pin_memory=False, requires_grad=False, check_invariants=None
):  # fmt: skip
    """A matrix with compressed rows: row i holds the values from crow_indices[i] up to crow_indices[i + 1].

    Shape: crow_indices (rows + 1,), col_indices (nnz,), values (nnz,).

    >>> import facula
    >>> facula.sparse_csr_tensor([0, 1, 2], [1, 0], [3.0, 4.0]).to_dense()
    tensor([[0., 3.],
            [4., 0.]])
    """
    return _compressed(
        "sparse_csr_tensor", crow_indices, col_indices, values, size, sparse_csr, dtype, device, requires_grad
    )


def sparse_csc_tensor(
    ccol_indices, row_indices, values, size=None, *, dtype=None, device=None, pin_memory=False, requires_grad=False, check_invariants=None
):  # fmt: skip
    """A matrix with compressed columns: column j holds the values from ccol_indices[j] up to ccol_indices[j + 1].

    Shape: ccol_indices (columns + 1,), row_indices (nnz,), values (nnz,).

    >>> import facula
    >>> facula.sparse_csc_tensor([0, 1, 2], [1, 0], [3.0, 4.0]).to_dense()
    tensor([[0., 4.],
            [3., 0.]])
    """
    return _compressed(
        "sparse_csc_tensor", ccol_indices, row_indices, values, size, sparse_csc, dtype, device, requires_grad
    )


def sparse_compressed_tensor(compressed_indices, plain_indices, values, size=None, *, layout, **options):
    """`sparse_csr_tensor` or `sparse_csc_tensor`, by `layout`.

    Shape: starts (n + 1), others (nnz), values (nnz) -> (n, m) or (m, n).
    """
    if layout not in (sparse_csr, sparse_csc):
        raise blocks("sparse_compressed_tensor")
    make = sparse_csr_tensor if layout is sparse_csr else sparse_csc_tensor
    return make(compressed_indices, plain_indices, values, size, **options)


def _no_blocks(name):
    def function(*args, **kwargs):
        raise blocks(name)

    function.__name__, function.__doc__ = name, "Refused: layouts of blocks are not there.   Shape: (*) -> an error."
    function.__module__ = __name__
    return function


sparse_bsr_tensor, sparse_bsc_tensor = _no_blocks("sparse_bsr_tensor"), _no_blocks("sparse_bsc_tensor")
to_sparse_bsr, to_sparse_bsc = _no_blocks("to_sparse_bsr"), _no_blocks("to_sparse_bsc")


def empty_sparse(name, layout, size, dtype, device, requires_grad):
    """A sparse tensor of zeros: what the factories make where a sparse layout is asked for."""
    made = sparse_coo_tensor(size, dtype=dtype, device=device, requires_grad=requires_grad)
    return made.to_layout(layout)


def to_sparse(input, sparse_dim=None, *, layout=None, blocksize=None, dense_dim=None):
    """The elements that are not zero as a COO tensor (or in another sparse layout), with a gradient.

    Shape: (*) -> (*).

    >>> import facula
    >>> facula.eye(2).to_sparse().values()
    tensor([1., 1.])
    """
    if layout not in (None, sparse_coo, sparse_csr, sparse_csc):
        raise not_implemented_error(
            f"to_sparse: expected layout facula.sparse_coo, facula.sparse_csr or facula.sparse_csc, got {layout}. Choose one of them."
        )
    n = input.ndim if sparse_dim is None else sparse_dim
    if not 0 < n <= input.ndim:
        raise runtime_error(
            f"to_sparse: sparse_dim argument must be in [1, {input.ndim}], got {n}. Leave it out for all dimensions."
        )
    array = input.array
    found = (array != 0).reshape(*array.shape[:n], -1).any(-1)
    places = np.stack(np.nonzero(found)).astype(np.int64)
    flat = wrap(np.flatnonzero(found))
    entries = index_select(input.reshape((-1, *input.shape[n:])), 0, flat)
    out = SparseTensor(wrap(places), entries, input.shape, True)
    return out.to_layout(layout)


def to_sparse_coo(input):
    """The elements that are not zero as a COO tensor.   Shape: (*) -> (*)."""
    return to_sparse(input)


def to_sparse_csr(input, dense_dim=None):
    """The elements of a matrix that are not zero, with compressed rows.   Shape: (n, m) -> (n, m).

    >>> import facula
    >>> facula.eye(2).to_sparse_csr().crow_indices()
    tensor([0, 1, 2])
    """
    return _matrix_to("to_sparse_csr", input).to_layout(sparse_csr)


def to_sparse_csc(input, dense_dim=None):
    """The elements of a matrix that are not zero, with compressed columns.   Shape: (n, m) -> (n, m).

    >>> import facula
    >>> facula.eye(2).to_sparse_csc().ccol_indices()
    tensor([0, 1, 2])
    """
    return _matrix_to("to_sparse_csc", input).to_layout(sparse_csc)


def _matrix_to(name, input):
    if input.ndim != 2:
        raise runtime_error(f"{name}: expected a matrix, got shape {tuple(input.shape)}. Use to_sparse().")
    return to_sparse(input)


def to_dense(input, dtype=None, *, masked_grad=None):
    """All elements of a sparse tensor; a dense one as it is.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.eye(2).to_sparse().to_dense()
    tensor([[1., 0.],
            [0., 1.]])
    """
    return input if dtype is None else input.to(dtype)


def is_coalesced(input):
    """Whether each place of a COO tensor occurs once.   Shape: (*) -> bool.

    >>> import facula
    >>> facula.sparse_coo_tensor([[0, 0]], [1., 2.], (2,)).is_coalesced()
    False
    """
    raise runtime_error(
        "is_coalesced: expected sparse coordinate tensor layout, got facula.strided. Convert it with .to_sparse() first."
    )


def coalesce(input):
    """A COO tensor with each place once.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.sparse_coo_tensor([[0, 0]], [1., 2.], (2,)).coalesce().values()
    tensor([3.])
    """
    raise runtime_error(
        "coalesce: expected sparse coordinate tensor layout, got facula.strided. Convert it with .to_sparse() first."
    )


def sparse_mask(self, mask):
    """The elements of this tensor at the places of a sparse one.   Shape: (*), mask (*) -> (*).

    >>> import facula
    >>> facula.arange(4).view(2, 2).sparse_mask(facula.eye(2).to_sparse()).values()
    tensor([0, 3])
    """
    if not isinstance(mask, SparseTensor):
        raise runtime_error(
            "sparse_mask: expected mask to have a sparse layout, got facula.strided. Convert it with .to_sparse()."
        )
    if self.shape != mask.shape:
        raise runtime_error(
            f"sparse_mask: operands have incompatible sizes; expected a mask of shape {tuple(self.shape)}, got {tuple(mask.shape)}. Reshape it."
        )
    if isinstance(self, SparseTensor):
        self = self.to_dense()
    return mask.with_values(at_places(self, mask))


def at_places(dense, sparse):
    """The elements (or rows) of a dense tensor at the places of a sparse one of its shape."""
    rows = list(sparse._indices().array)
    return index_op(dense, *map(wrap, rows), positions=tuple(range(len(rows))))


def sparse_dim(self):
    """The number of sparse dimensions: none in a dense tensor.   Shape: (*) -> int."""
    return 0


def dense_dim(self):
    """The number of dense dimensions.   Shape: (*) -> int."""
    return self.ndim


SHAPES = {
    "indices": "(sparse dims, nnz).", "values": "(nnz), or (nnz, *dense dims).", "crow_indices": "(n + 1).", "ccol_indices": "(m + 1).",
    "row_indices": "(nnz).", "col_indices": "(nnz).",
}  # fmt: skip


def _only_sparse(name, kind):
    def method(self):
        raise runtime_error(
            f"{name}: expected a tensor of layout {kind}, got facula.strided. Convert it with .to_{kind.name}() first."
        )

    method.__name__, method.__doc__, method.__module__ = (
        name,
        f"`{name}` of a sparse tensor.   Shape: {SHAPES[name]}",
        __name__,
    )
    return method


indices, values = _only_sparse("indices", sparse_coo), _only_sparse("values", sparse_coo)
crow_indices, col_indices = _only_sparse("crow_indices", sparse_csr), _only_sparse("col_indices", sparse_csr)
ccol_indices, row_indices = _only_sparse("ccol_indices", sparse_csc), _only_sparse("row_indices", sparse_csc)


def _copied(name):
    def function(input):
        return getattr(input, name)().clone()

    function.__name__, function.__doc__, function.__module__ = (
        f"{name}_copy",
        f"A copy of `{name}`.   Shape: that of `{name}`.",
        __name__,
    )
    return function


indices_copy, values_copy = _copied("indices"), _copied("values")
crow_indices_copy, col_indices_copy = _copied("crow_indices"), _copied("col_indices")
ccol_indices_copy, row_indices_copy = _copied("ccol_indices"), _copied("row_indices")
