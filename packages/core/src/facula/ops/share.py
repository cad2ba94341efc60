"""Tensors over memory that somebody else made: arrays, buffers, what speaks DLPack."""

from __future__ import annotations

import warnings

import numpy as np

from facula import dtypes
from facula.errors import type_error, value_error
from facula.ops.create import tensor
from facula.tensors import dlpack
from facula.tensors.tensor import Tensor, wrap


def as_tensor(data, dtype=None, device=None):
    """`data` as a tensor, sharing its memory where that is possible.   Shape: the shape of `data`.

    >>> import facula
    >>> facula.as_tensor([1, 2])
    tensor([1, 2])
    """
    if isinstance(data, Tensor):
        return data if dtype is None and device is None else data.to(device=device, dtype=dtype)
    if isinstance(data, np.ndarray):
        out = from_numpy(data)
    elif hasattr(data, "__dlpack__"):
        out = wrap(dlpack.array_of(data))
    else:
        return tensor(data, dtype=dtype, device=device)
    return out if dtype is None and device is None else out.to(device=device, dtype=dtype)


def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=False):
    """`obj` as a tensor; `copy` forces (True) or forbids (False) a copy.   Shape: the shape of `obj`.

    >>> import facula
    >>> facula.asarray([1.5, 2])
    tensor([1.5000, 2.0000])
    """
    out = as_tensor(obj, dtype, device)
    source = obj.array if isinstance(obj, Tensor) else obj if isinstance(obj, np.ndarray) else None
    shared = source is not None and np.shares_memory(source, out.array)
    if copy is True and shared:
        out = out.clone()
    if copy is False and not shared:
        raise value_error(f"asarray: can't alias {type(obj).__name__} without a copy. Leave copy=None to allow one.")
    return out.detach().requires_grad_() if requires_grad else out


def from_numpy(ndarray):
    """A tensor over the memory of a NumPy array: a write to either is seen by both.   Shape: the shape of the array.

    >>> import facula, numpy
    >>> a = numpy.zeros(2); t = facula.from_numpy(a); a[0] = 1
    >>> t
    tensor([1., 0.], dtype=facula.float64)
    """
    if not isinstance(ndarray, np.ndarray):
        raise type_error(
            f"from_numpy: expected np.ndarray (got {type(ndarray).__name__}). Use facula.tensor() for other data."
        )
    dtypes.of(ndarray.dtype)
    if any(s < 0 for s in ndarray.strides):
        raise value_error(
            "from_numpy: At least one stride in the given numpy array is negative, expected none. Use array.copy() first."
        )
    if not ndarray.dtype.isnative:
        raise value_error(
            "from_numpy: given numpy array has byte order different from the native byte order, expected the native one. "
            "Convert it with array.astype(array.dtype.newbyteorder('='))."
        )
    if not ndarray.flags.writeable:
        warnings.warn(
            "from_numpy: The given NumPy array is not writable, expected one that is, since a write to the tensor will fail. "
            "Copy it first, e.g. with facula.tensor().",
            UserWarning,
            stacklevel=2,
        )
    return wrap(np.asarray(ndarray))


def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False):
    """A one-dimensional tensor over the memory of a buffer.   Shape: (count), or as many as the buffer holds.

    >>> import facula
    >>> facula.frombuffer(bytes([1, 0, 2, 0]), dtype=facula.int16)
    tensor([1, 2], dtype=facula.int16)
    """
    out = wrap(np.frombuffer(buffer, dtypes.numpy_of(dtype), count, offset))
    return out.requires_grad_() if requires_grad else out
