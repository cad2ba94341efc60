"""Tensors in another type or in other memory: to, type_as, cpu, cuda, float, half, long, ..."""

from __future__ import annotations

from facula import dtypes
from facula.autograd.primitives import cast, clone
from facula.devices import base as devices
from facula.ops.maker import named
from facula.tensors.tensor import Tensor, wrap


def _moved(self, device):
    """A recorded copy on another device; the gradient comes back."""
    to = devices.device(device)
    array = devices.move(self.array, to)
    if array is self.array:
        return self
    if self.node is None:
        return wrap(array)
    from facula.ops.transfer import transfer

    return transfer(self, to)


def to(self, *args, **kwargs):
    """This tensor with another type and/or on another device; itself if nothing changes.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.ones(2).to(facula.float64).dtype
    facula.float64
    """
    dtype, device = kwargs.get("dtype"), kwargs.get("device")
    for a in args[:2]:
        if isinstance(a, Tensor):
            dtype, device = a.dtype, a.device
        elif isinstance(a, (str, int, devices.device)) and not isinstance(a, bool):
            device = a
        elif a is not None and not isinstance(a, bool):
            dtype = a
    if "other" in kwargs:
        dtype, device = kwargs["other"].dtype, kwargs["other"].device
    out = self if device is None else _moved(self, device)
    if dtype is not None:
        out = cast(out, dtypes.numpy_of(dtype))
    flags = [a for a in args if isinstance(a, bool)]  # non_blocking, copy
    copy = kwargs.get("copy", len(flags) > 1 and flags[1])
    return clone(out) if copy is True and out is self else out


def _convert(name, dtype):
    def convert(self, memory_format=None):
        return cast(self, dtype.numpy)

    named(convert, name, __name__)
    convert.__doc__ = f"This tensor converted to {dtype.name}."
    return convert


CONVERSIONS = {
    name: _convert(name, d)
    for name, d in {
        "float": dtypes.float32, "double": dtypes.float64, "half": dtypes.float16, "bfloat16": dtypes.bfloat16, "int": dtypes.int32, "long": dtypes.int64,
        "short": dtypes.int16, "char": dtypes.int8, "byte": dtypes.uint8, "bool": dtypes.bool_, "cfloat": dtypes.complex64, "cdouble": dtypes.complex128,
    }.items()
}  # fmt: skip


def type_as(self, other):
    """This tensor with the type of `other`.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.tensor([1, 2]).type_as(facula.ones(1))
    tensor([1., 2.])
    """
    return cast(self, other.array.dtype)


def cpu(self, memory_format=None):
    """This tensor in host memory.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.ones(2).cpu().device
    device(type='cpu')
    """
    return _moved(self, "cpu")


def cuda(self, device=None, non_blocking=False, memory_format=None):
    """This tensor on a GPU.   Shape: (*) -> (*)."""
    return _moved(self, "cuda" if device is None else device)
