"""What sparse tensors compute with functions of their own: products, sums, softmax.

All of it is written with the values as an ordinary tensor; only the product with a dense matrix is a record of its own.
"""

from __future__ import annotations

import numpy as np

from facula import dtypes
from facula.autograd.op import arg, op, sample
from facula.devices.meta import Meta
from facula.errors import index_error, not_implemented_error, runtime_error
from facula.ops.gather import index_add, index_select
from facula.ops.index import add_at
from facula.ops.sparse_tensor import SparseTensor, row_starts
from facula.ops.unary import exp, log
from facula.tensors.tensor import wrap


def _product_shape(values, indices, dense, rows, columns):
    if dense.ndim != 2 or dense.shape[0] != columns:
        raise runtime_error(
            f"mm: expected a dense matrix with {columns} rows for a sparse one of shape {(rows, columns)}, got shape {tuple(dense.shape)}. Transpose one."
        )
    if values.dtype != dense.dtype:
        raise runtime_error(
            f"mm: expected both matrices of one type, got {values.dtype.name} and {dense.dtype.name}. Convert one with .to()."
        )
    return Meta((rows, dense.shape[1]), values.dtype)


@op(_product_shape, onnx=None, samples=[
    sample((4,), arg(values=[[0, 1, 1, 2], [2, 0, 0, 1]]), (3, 2), rows=3, columns=3),
    sample((2,), arg(values=[[0, 3], [1, 1]]), (2, 5), rows=4, columns=2),
])  # fmt: skip
def sparse_mm_op(xp, values, indices, dense, /, rows, columns):
    """A @ dense for the matrix A of shape (rows, columns) that holds values[k] at indices[:, k]."""
    if dense.ndim != 2 or dense.shape[0] != columns or values.dtype != dense.dtype:
        _product_shape(values, indices, dense, rows, columns)
    if xp is np:
        from scipy.sparse import coo_array as matrix
    elif xp.__name__ == "cupy":
        from cupyx.scipy.sparse import coo_matrix as matrix
    else:
        zeros = xp.zeros((rows, dense.shape[1]), values.dtype)
        return add_at(xp, zeros, indices[0], values[:, None] * dense[indices[1]])
    wide = values.dtype if values.dtype.kind in "fc" else np.dtype(np.int64)
    whole = matrix((values.astype(wide, copy=False), (indices[0], indices[1])), shape=(rows, columns))
    return (whole.tocsr() @ dense.astype(wide, copy=False)).astype(values.dtype, copy=False)


def _entries_gradient(g, indices, dense):
    return (index_select(g, 0, indices[0]) * index_select(dense, 0, indices[1]).conj()).sum(-1)


sparse_mm_op.vjp(
    values=_entries_gradient,
    dense=lambda g, values, indices, rows, columns: sparse_mm_op(values.conj(), indices.flip(0), g, columns, rows),
)


def _matrix(name, t):
    if t.ndim != 2 or t.sparse_dim() != 2:
        raise runtime_error(
            f"{name}: expected a sparse matrix of two sparse dimensions, got shape {tuple(t.shape)} with sparse_dim {t.sparse_dim()}. Use .to_dense()."
        )
    return t


def _sparse_pair(a, b):
    """Sparse @ sparse: each value of a meets the values in one row of b."""
    if a.shape[1] != b.shape[0]:
        raise runtime_error(
            f"mm: expected a second matrix with {a.shape[1]} rows, got shapes {tuple(a.shape)} and {tuple(b.shape)}. Transpose one of them."
        )
    kind = a.layout
    b = b.to_sparse_coo().coalesce()
    (i, k), (r, j) = a._indices().array, b._indices().array
    starts = row_starts(r, b.shape[0])
    counts = np.diff(starts)[k]
    first = np.repeat(np.arange(len(k)), counts)
    within = np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
    second = starts[k][first] + within
    entries = index_select(a._values(), 0, wrap(first)) * index_select(b._values(), 0, wrap(second))
    out = SparseTensor(wrap(np.stack([i[first], j[second]])), entries, (a.shape[0], b.shape[1])).coalesce()
    return out.to_layout(kind)


def sparse_mm(mat1, mat2, reduce="sum"):
    """mat1 @ mat2 where one of the matrices, or both, is sparse; sparse if both are.   Shape: (n, m), (m, p) -> (n, p).

    >>> import facula
    >>> facula.sparse.mm(facula.eye(2).to_sparse() * 3, facula.ones(2, 2))
    tensor([[3., 3.],
            [3., 3.]])
    """
    if reduce != "sum":
        raise not_implemented_error(f"sparse.mm: expected reduce 'sum', got {reduce!r}. Use .to_dense() for others.")
    sparse = [isinstance(m, SparseTensor) for m in (mat1, mat2)]
    if all(sparse):
        return _sparse_pair(_matrix("mm", mat1), _matrix("mm", mat2))
    if not any(sparse):
        from facula.ops.matmul import mm

        return mm(mat1, mat2)
    if sparse[0]:
        a = _matrix("mm", mat1)
        return sparse_mm_op(a._values(), a._indices(), mat2, *a.shape)
    b = _matrix("mm", mat2)
    if mat1.ndim != 2 or mat1.shape[1] != b.shape[0]:
        raise runtime_error(
            f"mm: expected a first matrix with {b.shape[0]} columns, got shapes {tuple(mat1.shape)} and {tuple(b.shape)}. Transpose one of them."
        )
    return sparse_mm_op(b._values(), b._indices().flip(0), mat1.mT, *reversed(b.shape)).mT


def _batches(a, dense):
    """Each matrix of a COO batch times its dense one: one product with all of them along a diagonal."""
    n, rows, columns = a.shape
    if isinstance(dense, SparseTensor) or a.sparse_dim() != 3 or dense.shape[:2] != (n, columns):
        raise runtime_error(
            f"bmm: expected a COO batch (B, n, m) and a dense one (B, m, p), got shapes {tuple(a.shape)} and {tuple(dense.shape)}. Use .to_dense()."
        )
    b, i, j = a._indices().array
    places = wrap(np.stack([b * rows + i, b * columns + j]))
    out = sparse_mm_op(a._values(), places, dense.reshape((n * columns, dense.shape[2])), n * rows, n * columns)
    return out.reshape((n, rows, dense.shape[2]))


def sparse_matmul(input, other):
    """Sparse @ dense matrix or vector, dense @ sparse, or sparse @ sparse; a batch of sparse matrices with a batch of dense ones."""
    if isinstance(input, SparseTensor) and input.ndim == 3 == other.ndim:
        return _batches(input, other)
    if not isinstance(other, SparseTensor) and other.ndim == 1:
        return sparse_mm(input, other.unsqueeze(1)).squeeze(1)
    if not isinstance(input, SparseTensor) and input.ndim == 1:
        return sparse_mm(input.unsqueeze(0), other).squeeze(0)
    return sparse_mm(input, other)


def sparse_addmm(mat, mat1, mat2, *, beta=1.0, alpha=1.0):
    """beta * mat + alpha * (mat1 @ mat2), for a sparse mat1.   Shape: mat (n, p), (n, m), (m, p) -> (n, p).

    >>> import facula
    >>> facula.sparse.addmm(facula.ones(2, 2), facula.eye(2).to_sparse(), facula.ones(2, 2), alpha=2.0)
    tensor([[3., 3.],
            [3., 3.]])
    """
    product = sparse_mm(mat1, mat2)
    return beta * mat + (product if alpha == 1 else alpha * product)


def sparse_sum(input, dim=None, dtype=None, *, keepdim=False):
    """The sum over all elements (dense) or over some dimensions (sparse while a sparse one is left).

    Shape: (*) -> (), or (*) without the dims in `dim`.

    >>> import facula
    >>> facula.sparse.sum(facula.eye(2).to_sparse(), 0).to_dense()
    tensor([1., 1.])
    """
    if isinstance(dim, dtypes.dtype):
        dim, dtype = None, dim
    t = input if dtype is None else input.to(dtype)
    if dim is None or dim == ():
        return t._values().sum()
    n, t = t.ndim, t.to_sparse_coo()
    dims = sorted({_dim("sum", d, n) for d in ([dim] if isinstance(dim, int) else dim)})
    s = t.sparse_dim()
    entries = t._values()
    dense = tuple(d - s + 1 for d in dims if d >= s)
    entries = entries.sum(dense, keepdim) if dense else entries
    kept = [d for d in range(s) if d not in dims]
    if not kept:
        return entries.sum(0).reshape([1] * s + list(entries.shape[1:])) if keepdim else entries.sum(0)
    shape = [1 if d in dims else size for d, size in enumerate(t.shape) if keepdim or d not in dims]
    places = t._indices().array
    if keepdim:
        places = np.where(np.isin(np.arange(s), dims)[:, None], 0, places)
    elif len(kept) < s:
        places = places[kept]
    return SparseTensor(wrap(places), entries, shape, len(kept) == s and t.is_coalesced()).coalesce()


def _dim(name, d, n):
    if not -n <= d < n:
        raise index_error(
            f"{name}: Dimension out of range, expected dim in [{-n}, {n - 1}], got {d}. Choose a dimension."
        )
    return d % n


def smm(input, mat):
    """input @ mat for a sparse matrix and a dense one, as a sparse matrix.   Shape: (n, m), (m, p) -> (n, p).

    >>> import facula
    >>> facula.smm(facula.eye(2).to_sparse(), facula.ones(2, 2)).is_sparse
    True
    """
    return sparse_mm(input, mat).to_sparse()


def hspmm(mat1, mat2):
    """mat1 @ mat2 for a COO matrix and a dense one, as a COO tensor of the rows of mat1 that are not empty.

    Shape: (n, m), (m, p) -> (n, p).
    """
    rows = wrap(np.unique(_matrix("hspmm", mat1)._indices().array[0]))
    product = sparse_mm(mat1, mat2)
    return SparseTensor(rows.unsqueeze(0), index_select(product, 0, rows), product.shape, True)


def sspaddmm(input, mat1, mat2, *, beta=1, alpha=1):
    """beta * input + alpha * (mat1 @ mat2) for sparse `input` and `mat1`, as a sparse matrix.

    Shape: input (n, p), (n, m), (m, p) -> (n, p).
    """
    return input * beta + smm(mat1, mat2) * alpha


def sampled_addmm(input, mat1, mat2, *, beta=1.0, alpha=1.0):
    """beta * input + alpha * (mat1 @ mat2), only at the places of the sparse `input`.

    Shape: input (n, p), (n, m), (m, p) -> (n, p).

    >>> import facula
    >>> facula.sparse.sampled_addmm(facula.eye(2).to_sparse_csr(), facula.ones(2, 3), facula.ones(3, 2)).values()
    tensor([4., 4.])
    """
    rows, columns = _matrix("sampled_addmm", input)._indices()
    products = (index_select(mat1, 0, rows) * index_select(mat2.mT, 0, columns)).sum(-1)
    return input.with_values(input._values() * beta + products * alpha)


def _groups(t, d):
    """Which values share a line along the sparse dimension d: the number of the line of each, and how many there are."""
    rest = [i for i in range(t.sparse_dim()) if i != d]
    places = t._indices().array[rest]
    if not rest:
        return np.zeros(t._nnz(), np.int64), 1
    _, line = np.unique(np.ravel_multi_index(places, [t.shape[i] for i in rest]), return_inverse=True)
    return line, int(line.max()) + 1 if line.size else 0


def _softmax(name, input, dim, dtype):
    """The dense function of that name for the values that are there; what is not is minus infinity."""
    if not isinstance(input, SparseTensor):
        raise not_implemented_error(f"sparse.{name}: expected a sparse tensor, got a dense one. Use facula.{name}().")
    t = input.to_sparse_coo().coalesce()
    t = t if dtype is None else t.to(dtype)
    d, values = _dim(name, dim, t.ndim), t._values()
    if d >= t.sparse_dim():
        return t.with_values(getattr(values, name)(d - t.sparse_dim() + 1))
    line, lines = _groups(t, d)
    array = values.detach().cpu().array
    top = np.full((lines, *array.shape[1:]), -np.inf, array.dtype)
    np.maximum.at(top, line, array)
    line = wrap(line)
    shifted = values - wrap(top).to(values.device)[line]
    powers = exp(shifted)
    total = index_select(index_add(values.new_zeros(top.shape), 0, line, powers), 0, line)
    return t.with_values(powers / total if name == "softmax" else shifted - log(total))


def sparse_softmax(input, dim, *, dtype=None):
    """The softmax along `dim` over the elements that a COO tensor holds; those that it does not hold count as minus infinity.

    Shape: (*) -> (*).

    >>> import facula
    >>> facula.sparse.softmax(facula.tensor([[1., 0.], [1., 1.]]).to_sparse(), 1).values()
    tensor([1.0000, 0.5000, 0.5000])
    """
    return _softmax("softmax", input, dim, dtype)


def sparse_log_softmax(input, dim, *, dtype=None):
    """The logarithm of `sparse.softmax`, without the rounding of the two steps.   Shape: (*) -> (*)."""
    return _softmax("log_softmax", input, dim, dtype)


def spdiags(diagonals, offsets, shape, layout=None):
    """A sparse matrix whose diagonal number offsets[k] holds row k of `diagonals`, entry j in column j.

    Shape: diagonals (k, n), offsets (k) -> (*shape).

    >>> import facula
    >>> facula.sparse.spdiags(facula.tensor([[1., 2.]]), facula.tensor([0]), (2, 2)).to_dense()
    tensor([[1., 0.],
            [0., 2.]])
    """
    diagonals, offsets = (t.unsqueeze(0) if t.ndim < least else t for t, least in ((diagonals, 2), (offsets, 1)))
    steps = np.asarray(offsets.array)
    if len(steps) != diagonals.shape[0] or len(set(steps.tolist())) != len(steps):
        raise runtime_error(
            f"spdiags: Number of diagonals ({diagonals.shape[0]}) does not match the number of offsets ({len(steps)}), each once. Give one for each."
        )
    width = diagonals.shape[1]
    columns = np.broadcast_to(np.arange(width), (len(steps), width))
    rows = columns - steps[:, None]
    inside = (rows >= 0) & (rows < shape[0]) & (columns < shape[1])
    entries = diagonals.reshape(-1)[wrap(np.flatnonzero(inside))]
    out = SparseTensor(wrap(np.stack([rows[inside], columns[inside]])), entries, shape)
    return out if layout is None else out.to_layout(layout)


spmm = dsmm = sparse_mm
saddmm, hsmm = sparse_addmm, hspmm
