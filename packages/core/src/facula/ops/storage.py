"""The memory under tensors: storages, the order of dimensions in memory, the same memory as another class."""

from __future__ import annotations

import numpy as np

from facula.errors import type_error
from facula.tensors.tensor import Tensor


def _root(array):
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


class UntypedStorage:
    """The bytes of a tensor and of all its views; two tensors share memory if their storages have one `data_ptr()`."""

    def __init__(self, tensor):
        self._tensor = tensor
        self._array = _root(tensor.array) if type(tensor.array) is np.ndarray else tensor.array

    @property
    def device(self):
        """Where the memory is."""
        return self._tensor.device

    def data_ptr(self):
        """The address of the first byte."""
        a = self._array
        return int(a.__array_interface__["data"][0]) if type(a) is np.ndarray else self._tensor.data_ptr()

    def nbytes(self):
        """The number of bytes."""
        return int(self._array.nbytes)

    def size(self):
        """The number of elements: of bytes."""
        return self.nbytes()

    def __len__(self):
        return self.size()

    def __eq__(self, other):
        return isinstance(other, UntypedStorage) and self.data_ptr() == other.data_ptr()

    def __hash__(self):
        return hash(self.data_ptr())

    def __repr__(self):
        return f"<UntypedStorage of {self.nbytes()} bytes on {self.device}>"


class TypedStorage(UntypedStorage):
    """The elements of a tensor and of all its views, in the order of memory."""

    @property
    def dtype(self):
        """The type of the elements."""
        return self._tensor.dtype

    def size(self):
        """The number of elements."""
        return self.nbytes() // max(self._tensor.itemsize, 1)

    def element_size(self):
        """The number of bytes of an element."""
        return self._tensor.itemsize

    def untyped(self):
        """The same memory as bytes."""
        return UntypedStorage(self._tensor)

    def tolist(self):
        """The elements."""
        flat = np.frombuffer(memoryview(self._array).cast("B"), np.uint8)
        return flat.view(self._tensor.array.dtype).tolist()

    def __getitem__(self, i):
        return self.tolist()[i]

    def __repr__(self):
        return f"<TypedStorage of {self.size()} elements of {self.dtype} on {self.device}>"


def untyped_storage(self):
    """The bytes under this tensor and its views.

    Shape: (*) -> as many bytes as the memory holds.

    >>> import facula
    >>> x = facula.zeros(2, 3)
    >>> x[0].untyped_storage().nbytes(), x[0].untyped_storage() == x.untyped_storage()
    (24, True)
    """
    return UntypedStorage(self)


def storage(self):
    """The elements under this tensor and its views.

    Shape: (*) -> as many elements as the memory holds.

    >>> import facula
    >>> facula.arange(4)[1:].storage().tolist()
    [0, 1, 2, 3]
    """
    return TypedStorage(self)


def storage_type(self):
    """The class of `storage()`.   Shape: (*) -> a class."""
    return TypedStorage


def const_data_ptr(self):
    """`data_ptr`, for reading.   Shape: (*) -> an address."""
    return self.data_ptr()


def dim_order(self, ambiguity_check=False):
    """The dimensions from the one whose neighbours lie farthest apart in memory to the one whose lie closest.

    Shape: (*) -> as many numbers as dimensions.

    >>> import facula
    >>> facula.zeros(2, 3).t().dim_order()
    (1, 0)
    """
    steps = self.stride()
    return tuple(sorted(range(self.ndim), key=lambda d: -steps[d]))


def as_subclass(self, cls):
    """This memory, with its place on the tape, as a tensor of a subclass.   Shape: (*) -> (*)."""
    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise type_error(
            f"as_subclass: expected a subclass of Tensor, got {cls!r}. Pass a class that inherits from it."
        )
    seen = self.view(self.shape)
    out = object.__new__(cls)
    out.array, out.grad, out.node, out.version = seen.array, None, seen.node, seen.version
    out.root, out.path, out.seen = seen.root, seen.path, seen.seen
    return out


def norm_except_dim(v, pow=2, dim=0):
    """The norm over all dimensions but one (over all for dim=-1).   Shape: (*) -> 1 everywhere but at `dim`.

    >>> import facula
    >>> facula.norm_except_dim(facula.tensor([[3., 4.], [0., 1.]]))
    tensor([[5.],
            [1.]])
    """
    if dim == -1:
        return v.norm(pow)
    return v.norm(pow, [d for d in range(v.ndim) if d != dim], keepdim=True)


def map2_(self, x, y, callable):
    """Replace each element by `callable(element, element of x, element of y)`; slow, for the CPU only.   Shape: (*) -> (*)."""
    pairs = iter(zip(x.expand(self.shape).reshape(-1).tolist(), y.expand(self.shape).reshape(-1).tolist(), strict=True))
    return self.apply_(lambda a: callable(a, *next(pairs)))
