"""Sparse tensors: creation, and what they can do: products, sums, scalings, transposes.

All of it is written with the values as an ordinary tensor; only the product with a dense matrix is a record of its own.
"""

from __future__ import annotations

import numpy as np

from facula import dtypes
from facula.autograd.op import arg, op, sample
from facula.devices.meta import Meta
from facula.ops.gather import index_select
from facula.ops.index import add_at
from facula.ops.join import cat
from facula.ops.sparse_tensor import SparseTensor, row_starts
from facula.tensors.layouts import sparse_coo, sparse_csr
from facula.tensors.tensor import Tensor, wrap


def _made(values, dtype, device, requires_grad):
    from facula.ops.create import as_tensor

    if not isinstance(values, Tensor):
        return as_tensor(values, dtype=dtype, device=device).requires_grad_(requires_grad)
    values = values.to(device=device or values.device, dtype=dtype or values.dtype)
    if values.requires_grad:
        return values.view(values.shape)  # the sparse tensor is a result, the values a leaf
    return values.detach().requires_grad_(requires_grad)


def _integers(name, indices):
    from facula.ops.create import as_tensor

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
        raise RuntimeError(
            f"sparse_coo_tensor: indices must be sparse_dim x nnz, but got: {list(places.shape)}. Give one column per value."
        )
    if not entries.ndim and places.shape[1]:
        entries = entries.expand((places.shape[1],))
    if places.shape[1] != entries.shape[0]:
        raise RuntimeError(
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
        raise RuntimeError(
            f"{name}: number of dimensions must be sparse_dim ({len(places)}) + dense_dim ({len(dense)}) and end in {tuple(dense)}, got {size}. Change it."
        )
    if places.size and places.min() < 0:
        raise RuntimeError(f"{name}: found negative index {places.min()}, expected indices of 0 or more. Correct it.")
    for d, n in enumerate(found):
        if n > size[d]:
            raise RuntimeError(
                f"{name}: size is inconsistent with indices: for dim {d}, size is {size[d]} but found index {n - 1}. Enlarge size."
            )


def sparse_csr_tensor(
    crow_indices,
    col_indices,
    values,
    size=None,
    *,
    dtype=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    check_invariants=None,
):
    """A matrix with compressed rows: row i holds the values from crow_indices[i] up to crow_indices[i + 1].

    Shape: crow_indices (rows + 1,), col_indices (nnz,), values (nnz,).

    >>> import facula
    >>> facula.sparse_csr_tensor([0, 1, 2], [1, 0], [3.0, 4.0]).to_dense()
    tensor([[0., 3.],
            [4., 0.]])
    """
    starts, columns = (_integers("sparse_csr_tensor", x).array for x in (crow_indices, col_indices))
    entries = _made(values, dtype, device, requires_grad)
    if starts.ndim != 1 or columns.ndim != 1 or entries.ndim != 1:
        raise RuntimeError(
            f"sparse_csr_tensor: expected one-dimensional crow_indices, col_indices and values, got shapes {starts.shape}, {columns.shape}, "
            f"{tuple(entries.shape)}. Batches are not there: make a matrix of each."
        )
    if (
        not starts.size
        or starts[0]
        or (np.diff(starts) < 0).any()
        or not starts[-1] == len(columns) == entries.shape[0]
    ):
        raise RuntimeError(
            f"sparse_csr_tensor: expected crow_indices that rise from 0 to nnz, with as many col_indices and values, got {starts.tolist()} for "
            f"{len(columns)} columns and {entries.shape[0]} values. Count the values of each row."
        )
    rows = np.repeat(np.arange(len(starts) - 1), np.diff(starts))
    places = np.stack([rows, columns])
    found = places.max(1) + 1 if places.size else np.zeros(2, np.int64)
    size = (len(starts) - 1, int(found[1])) if size is None else tuple(size)
    if len(size) == 2 and size[0] != len(starts) - 1:
        raise RuntimeError(
            f"sparse_csr_tensor: expected crow_indices of rows + 1 = {size[0] + 1} numbers, got {len(starts)}. Change size."
        )
    _check_places("sparse_csr_tensor", places, found, size, ())
    return SparseTensor(wrap(places), entries, size, True, sparse_csr)


def to_sparse(input, sparse_dim=None, *, layout=None, blocksize=None, dense_dim=None):
    """The elements that are not zero as a COO tensor (or in another sparse layout), with a gradient.

    >>> import facula
    >>> facula.eye(2).to_sparse().values()
    tensor([1., 1.])
    """
    if layout not in (None, sparse_coo, sparse_csr):
        raise NotImplementedError(
            f"to_sparse: expected layout facula.sparse_coo or facula.sparse_csr, got {layout}. Choose one of them."
        )
    n = input.ndim if sparse_dim is None else sparse_dim
    if not 0 < n <= input.ndim:
        raise RuntimeError(
            f"to_sparse: sparse_dim argument must be in [1, {input.ndim}], got {n}. Leave it out for all dimensions."
        )
    array = input.array
    found = (array != 0).reshape(*array.shape[:n], -1).any(-1)
    places = np.stack(np.nonzero(found)).astype(np.int64)
    flat = wrap(np.flatnonzero(found))
    entries = index_select(input.reshape((-1, *input.shape[n:])), 0, flat)
    out = SparseTensor(wrap(places), entries, input.shape, True)
    return out.to_sparse_csr() if layout is sparse_csr else out


def to_sparse_coo(input):
    """The elements that are not zero as a COO tensor."""
    return to_sparse(input)


def to_sparse_csr(input, dense_dim=None):
    """The elements of a matrix that are not zero, with compressed rows.

    >>> import facula
    >>> facula.eye(2).to_sparse_csr().crow_indices()
    tensor([0, 1, 2])
    """
    if input.ndim != 2:
        raise RuntimeError(f"to_sparse_csr: expected a matrix, got shape {tuple(input.shape)}. Use to_sparse().")
    return to_sparse(input).to_sparse_csr()


def to_dense(input, dtype=None, *, masked_grad=None):
    """All elements of a sparse tensor; a dense one as it is."""
    return input if dtype is None else input.to(dtype)


def is_coalesced(input):
    """Whether each place of a COO tensor occurs once."""
    raise RuntimeError(
        "is_coalesced: expected sparse coordinate tensor layout, got facula.strided. Convert it with .to_sparse() first."
    )


def coalesce(input):
    """A COO tensor with each place once."""
    raise RuntimeError(
        "coalesce: expected sparse coordinate tensor layout, got facula.strided. Convert it with .to_sparse() first."
    )


def _product_shape(values, indices, dense, rows, columns):
    if dense.ndim != 2 or dense.shape[0] != columns:
        raise RuntimeError(
            f"mm: expected a dense matrix with {columns} rows for a sparse one of shape {(rows, columns)}, got shape {tuple(dense.shape)}. Transpose one."
        )
    if values.dtype != dense.dtype:
        raise RuntimeError(
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
        raise RuntimeError(
            f"{name}: expected a sparse matrix of two sparse dimensions, got shape {tuple(t.shape)} with sparse_dim {t.sparse_dim()}. Use .to_dense()."
        )
    return t


def _sparse_pair(a, b):
    """Sparse @ sparse: each value of a meets the values in one row of b."""
    if a.shape[1] != b.shape[0]:
        raise RuntimeError(
            f"mm: expected a second matrix with {a.shape[1]} rows, got shapes {tuple(a.shape)} and {tuple(b.shape)}. Transpose one of them."
        )
    b = b.coalesce() if b.is_sparse else b
    (i, k), (r, j) = a._indices().array, b._indices().array
    starts = row_starts(r, b.shape[0])
    counts = np.diff(starts)[k]
    first = np.repeat(np.arange(len(k)), counts)
    within = np.arange(len(first)) - np.repeat(np.cumsum(counts) - counts, counts)
    second = starts[k][first] + within
    entries = index_select(a._values(), 0, wrap(first)) * index_select(b._values(), 0, wrap(second))
    out = SparseTensor(wrap(np.stack([i[first], j[second]])), entries, (a.shape[0], b.shape[1])).coalesce()
    return out.to_sparse_csr() if a.is_sparse_csr else out


def sparse_mm(mat1, mat2, reduce="sum"):
    """mat1 @ mat2 where one of the matrices, or both, is sparse; sparse if both are.

    >>> import facula
    >>> facula.sparse.mm(facula.eye(2).to_sparse() * 3, facula.ones(2, 2))
    tensor([[3., 3.],
            [3., 3.]])
    """
    if reduce != "sum":
        raise NotImplementedError(f"sparse.mm: expected reduce 'sum', got {reduce!r}. Use .to_dense() for others.")
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
        raise RuntimeError(
            f"mm: expected a first matrix with {b.shape[0]} columns, got shapes {tuple(mat1.shape)} and {tuple(b.shape)}. Transpose one of them."
        )
    return sparse_mm_op(b._values(), b._indices().flip(0), mat1.mT, *reversed(b.shape)).mT


def sparse_matmul(input, other):
    """Sparse @ dense matrix or vector, dense @ sparse, or sparse @ sparse."""
    if not isinstance(other, SparseTensor) and other.ndim == 1:
        return sparse_mm(input, other.unsqueeze(1)).squeeze(1)
    if not isinstance(input, SparseTensor) and input.ndim == 1:
        return sparse_mm(input.unsqueeze(0), other).squeeze(0)
    return sparse_mm(input, other)


def sparse_addmm(mat, mat1, mat2, *, beta=1.0, alpha=1.0):
    """beta * mat + alpha * (mat1 @ mat2), for a sparse mat1.

    >>> import facula
    >>> facula.sparse.addmm(facula.ones(2, 2), facula.eye(2).to_sparse(), facula.ones(2, 2), alpha=2.0)
    tensor([[3., 3.],
            [3., 3.]])
    """
    product = sparse_mm(mat1, mat2)
    return beta * mat + (product if alpha == 1 else alpha * product)


def sparse_sum(input, dim=None, dtype=None, *, keepdim=False):
    """The sum over all elements (dense) or over some dimensions (sparse while a sparse one is left).

    >>> import facula
    >>> facula.sparse.sum(facula.eye(2).to_sparse(), 0).to_dense()
    tensor([1., 1.])
    """
    if isinstance(dim, dtypes.dtype):
        dim, dtype = None, dim
    t = input if dtype is None else input.to(dtype)
    if dim is None:
        return t._values().sum()
    if keepdim:
        raise NotImplementedError("sum: expected keepdim=False for a sparse tensor, got True. Call .to_dense() first.")
    if t.is_sparse_csr:
        t = t.to_sparse_coo()
    n = t.ndim
    dims = sorted({_dim("sum", d, n) for d in ([dim] if isinstance(dim, int) else dim)})
    s = t.sparse_dim()
    entries = t._values()
    dense = tuple(d - s + 1 for d in dims if d >= s)
    entries = entries.sum(dense) if dense else entries
    kept = [d for d in range(s) if d not in dims]
    if not kept:
        return entries.sum(0)
    shape = [size for d, size in enumerate(t.shape) if d not in dims]
    same = len(kept) == s
    places = t._indices() if same else wrap(t._indices().array[kept])
    return SparseTensor(places, entries, shape, same and t.is_coalesced()).coalesce()


def _dim(name, d, n):
    if not -n <= d < n:
        raise IndexError(
            f"{name}: Dimension out of range, expected dim in [{-n}, {n - 1}], got {d}. Choose a dimension."
        )
    return d % n


def _transpose(self, dim0, dim1):
    if self.is_sparse_csr:
        raise NotImplementedError(
            "transpose: expected layout facula.sparse_coo, got facula.sparse_csr, whose transpose has compressed columns. Use .to_sparse_coo() or .to_dense()."
        )
    a, b = (_dim("transpose", d, self.ndim) for d in (dim0, dim1))
    s = self.sparse_dim()
    if (a < s) != (b < s):
        raise RuntimeError(
            f"transpose: can't transpose a sparse with a dense dimension, got dims {a} and {b} of sparse_dim {s}. Use .to_dense()."
        )
    shape = list(self.shape)
    shape[a], shape[b] = shape[b], shape[a]
    if a >= s:
        return SparseTensor(self._indices(), self._values().transpose(a - s + 1, b - s + 1), shape, self.is_coalesced())
    order = list(range(s))
    order[a], order[b] = order[b], order[a]
    return SparseTensor(wrap(self._indices().array[order]), self._values(), shape, a == b and self.is_coalesced())


def _t(self):
    if self.ndim > 2:
        raise RuntimeError(f"t: expected a tensor with <= 2 dimensions, got {self.ndim}. Use transpose(dim0, dim1).")
    return _transpose(self, 0, 1) if self.ndim == 2 else self


def _scaled(self, other):
    """Sparse times a number, or times a tensor of its shape at its places."""
    if not isinstance(other, Tensor) or (not isinstance(other, SparseTensor) and not other.ndim):
        return self.with_values(self._values() * other)
    if other.shape != self.shape:
        raise NotImplementedError(
            f"mul: expected a number or a tensor of the sparse one's shape {tuple(self.shape)}, got shape {tuple(other.shape)}. Call .to_dense() first."
        )
    if isinstance(other, SparseTensor):
        return _common(self.coalesce(), other.coalesce())
    many = other.reshape((-1, *self._values().shape[1:]))
    return self.with_values(self._values() * index_select(many, 0, wrap(self.flat())))


def _common(a, b):
    """The product of two coalesced tensors: only places of both are left."""
    _, here, there = np.intersect1d(a.flat(), b.flat(), assume_unique=True, return_indices=True)
    entries = index_select(a._values(), 0, wrap(here)) * index_select(b._values(), 0, wrap(there))
    return SparseTensor(a._indices()[:, wrap(here)], entries, a.shape, True, a.layout)


def _divided(self, other):
    if isinstance(other, Tensor) and (isinstance(other, SparseTensor) or other.ndim):
        raise NotImplementedError(
            "div: expected a number to divide a sparse tensor by, got a tensor. Call .to_dense() first."
        )
    return self.with_values(self._values() / other)


def _sum_of(self, other, *, alpha=1):
    """Sparse plus sparse."""
    if not isinstance(other, SparseTensor):
        raise RuntimeError(
            "add: add(sparse, dense) is not supported, expected two sparse tensors. Use add(dense, sparse) instead."
        )
    if other.shape != self.shape or other.sparse_dim() != self.sparse_dim():
        raise RuntimeError(
            f"add: expected sparse tensors of one shape, got {tuple(self.shape)} and {tuple(other.shape)}. Expand is not there: use .to_dense()."
        )
    entries = other._values() if alpha == 1 else other._values() * alpha
    places = np.concatenate([self._indices().array, other._indices().array], 1)
    out = SparseTensor(wrap(places), cat([self._values(), entries]), self.shape).coalesce()
    return out.to_sparse_csr() if self.is_sparse_csr else out


def _added_to(self, other):
    """Dense plus sparse: dense."""
    if not isinstance(other, Tensor):
        return _sum_of(self, other)
    return other + self.to_dense()


def _less(self, other, *, alpha=1):
    return _sum_of(self, other, alpha=-alpha)


def _keeps_zero(name):
    """A function with f(0) = 0, of the values alone."""

    def method(self, *args, **kwargs):
        whole = self.coalesce() if self.is_sparse else self
        return whole.with_values(getattr(whole._values(), name)(*args, **kwargs))

    method.__name__, method.__doc__ = name, f"`{name}` of the values; zeros stay zeros."
    return method


def _converted(name):
    def method(self):
        return self.with_values(getattr(self._values(), name)())

    method.__name__, method.__doc__ = name, f"The values as {name}."
    return method


def _power(self, exponent):
    if isinstance(exponent, Tensor) or exponent <= 0:
        raise NotImplementedError(
            f"pow: expected a positive number as exponent, got {exponent!r}. Call .to_dense() first."
        )
    return _keeps_zero("pow")(self, exponent)


_ZERO = """
    abs asin asinh atan atanh ceil deg2rad erf erfinv expm1 floor log1p rad2deg relu round sgn sign sin sinh sqrt square
    tan tanh trunc
""".split()
for _name in _ZERO:
    setattr(SparseTensor, _name, _keeps_zero(_name))
for _name in "float double half bfloat16 long int short char bool cfloat cdouble".split():
    setattr(SparseTensor, _name, _converted(_name))
_METHODS = {
    "mm": sparse_mm, "matmul": sparse_matmul, "__matmul__": sparse_matmul, "__rmatmul__": lambda self, other: sparse_matmul(other, self),
    "mv": sparse_matmul, "smm": sparse_mm, "sum": sparse_sum, "transpose": _transpose, "swapaxes": _transpose, "t": _t,
    "mul": _scaled, "__mul__": _scaled, "__rmul__": _scaled, "div": _divided, "__truediv__": _divided, "add": _sum_of,
    "__add__": _sum_of, "__radd__": _added_to, "sub": _less, "__sub__": _less, "__neg__": lambda self: _scaled(self, -1),
    "neg": lambda self: _scaled(self, -1), "__abs__": _keeps_zero("abs"), "pow": _power, "__pow__": _power,
    "T": property(_t), "mT": property(lambda self: _transpose(self, -2, -1)),
}  # fmt: skip
for _name, _method in _METHODS.items():
    setattr(SparseTensor, _name, _method)
smm = spmm = dsmm = sparse_mm
