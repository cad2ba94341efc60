"""`SparseTensor`: a tensor that keeps only some elements, as their indices and an ordinary tensor of their values."""

from __future__ import annotations

import sys

import numpy as np

from facula import dtypes
from facula.autograd.op import Op
from facula.autograd.state import state
from facula.errors import not_implemented_error, runtime_error
from facula.ops.gather import index_add, index_select
from facula.tensors.layouts import sparse_coo, sparse_csc, sparse_csr, strided
from facula.tensors.printing import _contents, _suffixed
from facula.tensors.tensor import Size, Tensor, wrap

Tensor.layout = strided  # type: ignore[attr-defined]
Tensor.is_sparse_csr = False  # type: ignore[attr-defined]


def _asker():
    """The name of the op (or else of the function) that wants dense memory."""
    frame = sys._getframe(3)
    while frame.f_code.co_name.startswith("<") and frame.f_back is not None:  # a comprehension
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


class SparseArray:
    """What stands where the memory of a sparse tensor would be: a shape and a type, and the way back to the tensor.

    So the checks of an operator, which ask for shapes and types, need not know that sparse tensors exist; who asks for elements is refused.
    """

    __slots__ = ("tensor",)
    base = None

    def __init__(self, tensor):
        self.tensor = tensor

    shape = property(lambda self: tuple(self.tensor._shape))
    dtype = property(lambda self: self.tensor._entries.array.dtype)
    ndim = property(lambda self: len(self.tensor._shape))
    size = property(lambda self: self.tensor._shape.numel())
    itemsize = property(lambda self: self.dtype.itemsize)
    device = property(lambda self: self.tensor.device)
    array = property(lambda self: self)  # errors describe what has an array
    stands_for = property(lambda self: self.tensor._entries.array)  # it is where the values are

    def __add__(self, other):
        """Backward adds gradients up: sparse ones stay sparse, with a dense one the sum is dense."""
        if isinstance(other, SparseArray):
            return (self.tensor + other.tensor).array
        return (wrap(other) + self.tensor).array

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **kwargs):
        if ufunc is not np.add or method != "__call__":
            raise _refused(self.tensor)
        total = self + next(x for x in inputs if x is not self)
        if out is None:
            return total
        out[0][...] = total
        return out[0]

    def astype(self, dtype, copy=True):
        return self.tensor.to(dtypes.of(dtype)).array

    def copy(self):
        return self.tensor.clone().array

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        raise _refused(self.tensor)


def _refuse(self, *args, **kwargs):
    raise _refused(self.tensor)


for _name in "array array_function getitem setitem len iter bool float int index sub mul truediv floordiv mod pow matmul neg abs invert " \
        "eq ne lt le gt ge and or xor rsub rmul rtruediv rfloordiv rmod rpow rmatmul rand ror rxor".split():  # fmt: skip
    setattr(SparseArray, f"__{_name}__", _refuse)


def _refused(tensor, name=None):
    return not_implemented_error(
        f"{name or _asker()}: expected a tensor of layout facula.strided, got one of layout {tensor.layout} and shape {tuple(tensor.shape)}. "
        "Convert it with .to_dense() first."
    )


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

    array = property(SparseArray)

    def with_values(self, entries, coalesced=None):
        """The same places with other values."""
        known = self._coalesced if coalesced is None else coalesced
        return SparseTensor(self._places, entries, self._shape, known, self._kind)

    layout = property(lambda self: self._kind)
    is_sparse = property(lambda self: self._kind is sparse_coo)
    is_sparse_csr = property(lambda self: self._kind is sparse_csr)
    nbytes = property(lambda self: self._entries.nbytes + self._places.nbytes)
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

    def become(self, other, writer):
        """An in-place operation: take over the places and values of its result."""
        if state.grad and self.requires_grad and self.is_leaf:
            raise runtime_error(
                f"{writer}: a leaf Variable that requires grad is being used in an in-place operation. Use no_grad(), or write to a clone."
            )
        if other.dtype != self.dtype:
            other = other.to(self.dtype)
        if other._kind is not self._kind:
            other = other.to_layout(self._kind)
        self._places, self._entries, self._shape, self._coalesced = (
            other._places,
            other._entries,
            other._shape,
            other._coalesced,
        )
        return self

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

    def ccol_indices(self):
        """Where each column of a CSC matrix begins among the values, and where the last one ends."""
        self._want("ccol_indices", sparse_csc)
        return wrap(row_starts(self._places.array[1], self._shape[1]))

    def row_indices(self):
        """The row of each value of a CSC matrix."""
        self._want("row_indices", sparse_csc)
        return self._places[0]

    def _want(self, name, kind):
        if self._kind is not kind:
            raise runtime_error(
                f"{name}: expected sparse tensor of layout {kind}, got layout {self._kind}. Convert it with .to_{kind.name}() first."
            )

    def _want_coalesced(self, name):
        if self._kind is sparse_coo and not self._coalesced:
            raise runtime_error(
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
        if self._kind is sparse_csc:
            return SparseTensor(self._places, self._entries, self._shape).coalesce()
        return SparseTensor(self._places, self._entries, self._shape, self._coalesced)

    def to_layout(self, kind):
        """The same tensor in a sparse layout."""
        if kind is None or kind is sparse_coo:
            return self.to_sparse_coo()
        if kind not in (sparse_csr, sparse_csc):
            raise blocks(f"to_{kind.name}")
        if self._kind is kind:
            return self
        if self._shape[2:] or self.sparse_dim() != 2:
            raise runtime_error(
                f"to_{kind.name}: expected a matrix with two sparse dimensions, got shape {tuple(self._shape)}. Use to_sparse()."
            )
        whole = self.to_sparse_coo().coalesce()
        if kind is sparse_csc:
            order = wrap(np.argsort(whole._places.array[1], kind="stable"))
            return SparseTensor(
                whole._places[:, order], index_select(whole._entries, 0, order), self._shape, True, kind
            )
        return SparseTensor(whole._places, whole._entries, self._shape, True, kind)

    def to_sparse(self, *args, **kwargs):
        """The same tensor as COO, or in another sparse layout."""
        chosen = kwargs.get("layout")
        return self.to_layout(args[0] if args and not isinstance(args[0], int) else chosen)

    def to_sparse_csr(self, dense_dim=None):
        """The same matrix with compressed rows."""
        return self.to_layout(sparse_csr)

    def to_sparse_csc(self, dense_dim=None):
        """The same matrix with compressed columns."""
        return self.to_layout(sparse_csc)

    def to(self, *args, **kwargs):
        """The same places with the values in another type or on another device."""
        args = [x._entries if isinstance(x, SparseTensor) else x for x in args]
        entries = self._entries.to(*args, **kwargs)
        return self if entries is self._entries else self.with_values(entries)

    def cpu(self):
        return self.to("cpu")

    def cuda(self, device=None):
        return self.to("cuda" if device is None else device)

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


def blocks(name):
    """The error for block layouts."""
    return not_implemented_error(
        f"{name}: expected layout facula.sparse_coo, facula.sparse_csr or facula.sparse_csc, got one of blocks, which is not there. "
        "Use to_sparse_csr()."
    )


def _refusing(name):
    def method(self, *args, **kwargs):
        raise _refused(self, name)

    method.__name__, method.__doc__ = name, "Refused: there is no dense memory."
    return method


for _name in "numpy tolist stride storage_offset data_ptr is_contiguous contiguous __array__ __dlpack__ __dlpack_device__".split():
    setattr(SparseTensor, _name, _refusing(_name))


def row_starts(rows, count):
    """For sorted row numbers: where each row begins, and the end."""
    return np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=count))]).astype(np.int64)


def _part(name, t, indent):
    prefix = f"{name}=tensor("
    if not t.numel():
        return f"{prefix}[], size={tuple(t.shape)})"
    return prefix + _contents(t.detach().numpy(force=True), indent + len(prefix)) + ")"


def _text(t):
    if t.layout is sparse_csr:
        parts = [("crow_indices", t.crow_indices()), ("col_indices", t.col_indices())]
    elif t.layout is sparse_csc:
        parts = [("ccol_indices", t.ccol_indices()), ("row_indices", t.row_indices())]
    else:
        parts = [("indices", t._indices())]
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
    if t.layout is not sparse_coo:
        return _suffixed("tensor(" + body, suffixes, 7)
    return "tensor(" + body + ",\n       " + _suffixed(suffixes[0], suffixes[1:], 7)
