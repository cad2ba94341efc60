"""`SparseTensor`: a tensor that keeps only some elements, as their indices and an ordinary tensor of their values."""

from __future__ import annotations

import sys

import numpy as np

from facula.autograd.op import Op
from facula.ops.gather import index_add, index_select
from facula.tensors.layouts import sparse_coo, sparse_csr, strided
from facula.tensors.printing import _contents, _suffixed
from facula.tensors.tensor import Size, Tensor, wrap

Tensor.layout = strided  # type: ignore[attr-defined]
Tensor.is_sparse_csr = False  # type: ignore[attr-defined]


def _asker():
    """The name of the op (or else of the function) that wants dense memory."""
    frame = sys._getframe(2)
    while frame.f_code.co_name.startswith("<"):  # a comprehension
        frame = frame.f_back
    inside = frame
    for _ in range(6):
        if inside is None:
            break
        op = inside.f_locals.get("op")
        if isinstance(op, Op):
            return op.name.removesuffix("_op")
        inside = inside.f_back
    name = frame.f_locals.get("name")  # functions made from a table
    return (name if isinstance(name, str) else frame.f_code.co_name).strip("_")


class SparseTensor(Tensor):
    """Element (i, j, ...) is the sum of all values whose column of `indices` says (i, j, ...); 0 where there is none.

    The history is that of the values, which are an ordinary tensor: whatever is computed from them has gradients of any order.
    """

    __slots__ = ("_coalesced", "_entries", "_kind", "_places", "_shape")

    def __new__(cls, places, entries, shape, coalesced=False, kind=sparse_coo):
        out = object.__new__(cls)
        out.node = out.root = out.version = None
        out._places, out._entries, out._shape = places, entries, Size(shape)
        out._coalesced, out._kind = coalesced or entries.shape[0] < 2, kind
        return out

    def __init__(self, *args, **kwargs):
        pass

    @property
    def array(self):
        """There is no dense memory: every op that has no sparse form ends here."""
        raise NotImplementedError(
            f"{_asker()}: expected a tensor of layout facula.strided, got one of layout {self._kind} and shape {tuple(self._shape)}. "
            "Convert it with .to_dense() first."
        )

    def with_values(self, entries, coalesced=None):
        """The same places with other values."""
        known = self._coalesced if coalesced is None else coalesced
        return SparseTensor(self._places, entries, self._shape, known, self._kind)

    layout = property(lambda self: self._kind)
    is_sparse = property(lambda self: self._kind is sparse_coo)
    is_sparse_csr = property(lambda self: self._kind is sparse_csr)
    shape = property(lambda self: self._shape)
    ndim = property(lambda self: len(self._shape))
    dtype = property(lambda self: self._entries.dtype)
    device = property(lambda self: self._entries.device)
    itemsize = property(lambda self: self._entries.itemsize)
    is_cpu = property(lambda self: self._entries.is_cpu)
    is_meta = property(lambda self: self._entries.is_meta)
    requires_grad = property(lambda self: self._entries.requires_grad, lambda self, on: self.requires_grad_(on))
    is_leaf = property(lambda self: self._entries.is_leaf)
    grad_fn = property(lambda self: self._entries.grad_fn)
    data = property(lambda self: self.detach())

    @property
    def grad(self):
        found = self._entries.grad
        return None if found is None else self.with_values(found)

    @grad.setter
    def grad(self, value):
        self._entries.grad = None if value is None else value._entries

    def requires_grad_(self, requires_grad=True):
        self._entries.requires_grad_(requires_grad)
        return self

    def detach(self):
        return self.with_values(self._entries.detach())

    def clone(self, *, memory_format=None):
        return self.with_values(self._entries.clone())

    def dim(self):
        return len(self._shape)

    ndimension = dim

    def size(self, dim=None):
        return self._shape if dim is None else self._shape[dim]

    def numel(self):
        return self._shape.numel()

    nelement = numel

    def element_size(self):
        return self.itemsize

    def is_floating_point(self):
        return self._entries.is_floating_point()

    def is_complex(self):
        return self._entries.is_complex()

    def __len__(self):
        return self._shape[0]

    def sparse_dim(self):
        return self._places.shape[0]

    def dense_dim(self):
        return len(self._shape) - self._places.shape[0]

    def _nnz(self):
        return self._entries.shape[0]

    def _indices(self):
        return self._places

    def _values(self):
        return self._entries

    def is_coalesced(self):
        return self._coalesced

    def indices(self):
        """The places of the elements, (sparse_dim, nnz)."""
        self._want("indices", sparse_coo)
        self._want_coalesced("indices")
        return self._places

    def values(self):
        """The elements, (nnz, *dense shape)."""
        self._want_coalesced("values")
        return self._entries.view(self._entries.shape) if self.requires_grad else self._entries

    def crow_indices(self):
        """Where each row of a CSR matrix begins among the values, and where the last one ends."""
        self._want("crow_indices", sparse_csr)
        return wrap(row_starts(self._places.array[0], self._shape[0]))

    def col_indices(self):
        """The column of each value of a CSR matrix."""
        self._want("col_indices", sparse_csr)
        return self._places[1]

    def _want(self, name, kind):
        if self._kind is not kind:
            raise RuntimeError(
                f"{name}: expected sparse tensor of layout {kind}, got layout {self._kind}. Convert it with .to_{kind.name}() first."
            )

    def _want_coalesced(self, name):
        if self._kind is sparse_coo and not self._coalesced:
            raise RuntimeError(
                f"{name}: Cannot get {name} on an uncoalesced tensor, expected each place once. Please call .coalesce() first."
            )

    def flat(self):
        """The places as numbers of the sparse dimensions laid out in one row."""
        sizes = self._shape[: self.sparse_dim()]
        step, total = 1, 0
        for row, n in zip(reversed(list(self._places.array)), reversed(sizes), strict=True):
            total = total + row * step
            step *= n
        return np.asarray(total)

    def coalesce(self):
        """Each place once, in order, with the sum of its values."""
        if self._coalesced:
            return self
        keys, inverse = np.unique(self.flat(), return_inverse=True)
        places = np.stack(np.unravel_index(keys, self._shape[: self.sparse_dim()])).astype(np.int64)
        zeros = self._entries.new_zeros((len(keys), *self._entries.shape[1:]))
        entries = index_add(zeros, 0, wrap(inverse.astype(np.int64)), self._entries)
        return SparseTensor(wrap(places), entries, self._shape, True)

    def to_dense(self, dtype=None, *, masked_grad=None):
        """All elements, zeros included."""
        entries = self._entries if dtype is None else self._entries.to(dtype)
        many = Size(self._shape[: self.sparse_dim()]).numel()
        zeros = entries.new_zeros((many, *entries.shape[1:]))
        return index_add(zeros, 0, wrap(self.flat()), entries).reshape(self._shape)

    def to_sparse_coo(self):
        """The same tensor with the place of each element written out."""
        return SparseTensor(self._places, self._entries, self._shape, self._coalesced)

    def to_sparse(self, *args, **kwargs):
        """The same tensor as COO, or in another sparse layout."""
        chosen = kwargs.get("layout")
        if args and not isinstance(args[0], int):
            chosen = args[0]
        return self.to_sparse_csr() if chosen is sparse_csr else self.to_sparse_coo()

    def to_sparse_csr(self, dense_dim=None):
        """The same matrix with compressed rows."""
        if self._shape[2:] or self.sparse_dim() != 2:
            raise RuntimeError(
                f"to_sparse_csr: expected a matrix with two sparse dimensions, got shape {tuple(self._shape)}. Use to_sparse()."
            )
        whole = self.coalesce()
        return SparseTensor(whole._places, whole._entries, self._shape, True, sparse_csr)

    def to(self, *args, **kwargs):
        """The same places with the values in another type or on another device."""
        entries = self._entries.to(*args, **kwargs)
        return self if entries is self._entries else self.with_values(entries)

    def pick(self, keep):
        """Only the elements where a bool array is true."""
        chosen = wrap(np.flatnonzero(keep))
        return self._places[:, chosen], index_select(self._entries, 0, chosen)

    def __deepcopy__(self, memo):
        return SparseTensor(
            self._places.clone(), self._entries.__deepcopy__(memo), self._shape, self._coalesced, self._kind
        )

    def __reduce_ex__(self, protocol):
        return SparseTensor, (self._places, self._entries, tuple(self._shape), self._coalesced, self._kind)

    def __repr__(self):
        return _text(self)


def row_starts(rows, count):
    """For sorted row numbers: where each row begins, and the end."""
    return np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=count))]).astype(np.int64)


def _part(name, t, indent):
    prefix = f"{name}=tensor("
    if not t.numel():
        return f"{prefix}[], size={tuple(t.shape)})"
    return prefix + _contents(t.detach().numpy(force=True), indent + len(prefix)) + ")"


def _text(t):
    csr = t.is_sparse_csr
    parts = (
        [("crow_indices", t.crow_indices()), ("col_indices", t.col_indices())] if csr else [("indices", t._indices())]
    )
    body = ",\n       ".join(_part(name, x, 7) for name, x in [*parts, ("values", t._values())])
    suffixes = [f"size={tuple(t.shape)}", f"nnz={t._nnz()}"]
    if t.device.type != "cpu":
        suffixes.append(f"device='{t.device}'")
    if t.dtype.name not in ("float32", "int64", "bool", "complex64"):
        suffixes.append(f"dtype={t.dtype}")
    suffixes.append(f"layout={t.layout}")
    if t.grad_fn is not None:
        suffixes.append(f"grad_fn=<{t.grad_fn.name()}>")
    elif t.requires_grad:
        suffixes.append("requires_grad=True")
    if csr:
        return _suffixed("tensor(" + body, suffixes, 7)
    return "tensor(" + body + ",\n       " + _suffixed(suffixes[0], suffixes[1:], 7)
