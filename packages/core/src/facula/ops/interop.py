"""How tensors meet the world outside: NumPy and DLPack protocols, host and shared memory, type(), new(), fill_ and zero_."""

from __future__ import annotations

import importlib

import numpy as np

from facula import dtypes
from facula.autograd.op import op, sample
from facula.autograd.primitives import cast
from facula.devices import shared
from facula.devices.meta import Meta
from facula.errors import runtime_error, value_error
from facula.ops.create import as_scalar_tensor
from facula.tensors import dlpack
from facula.tensors.inplace import write
from facula.tensors.tensor import Tensor, wrap


def fill_(self, value):
    """Write one number into every element of this tensor.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.zeros(2).fill_(3)
    tensor([3., 3.])
    """
    if isinstance(value, Tensor):
        if value.ndim:
            raise runtime_error(
                f"fill_: fill only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions. Use copy_()."
            )
        value = cast(value, self.array.dtype)
    else:
        if isinstance(value, complex) and not self.is_complex():
            raise runtime_error(
                f"fill_: value cannot be converted to type {self.dtype} without overflow, got {value}. Use a real number."
            )
        value = as_scalar_tensor(value, self.array.dtype, self)
    return write(self, _filled(self, value), "fill_") if self.numel() else self


def zero_(self):
    """Write zeros into every element of this tensor.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.ones(2).zero_()
    tensor([0., 0.])
    """
    return write(self, _filled(self, as_scalar_tensor(0, self.array.dtype, self)), "zero_") if self.numel() else self


def fill(input, value):
    """A tensor like `input` with one number everywhere.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.fill(facula.ones(2), 5)
    tensor([5., 5.])
    """
    return fill_(input.clone(), value)


@op(
    lambda input, value: Meta(input.shape, input.dtype),
    onnx=None,
    half=False,
    samples=[sample((3, 4), ()), sample((2,), ())],
)
def _filled(xp, input, value, /):
    """One number everywhere, with the shape and type of `input`."""
    return xp.full(input.shape, value, input.dtype)


_filled.vjp(input=lambda g: g * 0, value=lambda g: g.sum())


def type(self, dtype=None, non_blocking=False, **kwargs):
    """The name of this tensor's type, or (with an argument) this tensor converted to a type.

    Shape: (*) -> (*), or a string without `dtype`.

    >>> import facula
    >>> facula.ones(2).type()
    'facula.FloatTensor'
    """
    if dtype is None:
        prefix = "facula.cuda." if self.is_cuda else "facula."
        return prefix + _NAMES[self.dtype.name]
    if isinstance(dtype, str):
        wanted = dtype.split(".")[-1]
        found = next((name for name, title in _NAMES.items() if title == wanted), None)
        if found is None:
            raise value_error(
                f"type: invalid type: '{dtype}', expected e.g. 'facula.FloatTensor'. Use a dtype such as facula.float32."
            )
        return cast(self, dtypes.by_name(found).numpy)
    return cast(self, dtypes.numpy_of(getattr(dtype, "dtype", dtype) if not isinstance(dtype, np.dtype) else dtype))


_NAMES = {
    "float32": "FloatTensor", "float64": "DoubleTensor", "float16": "HalfTensor", "bfloat16": "BFloat16Tensor", "uint8": "ByteTensor",
    "int8": "CharTensor", "int16": "ShortTensor", "int32": "IntTensor", "int64": "LongTensor", "bool": "BoolTensor",
    "complex64": "ComplexFloatTensor", "complex128": "ComplexDoubleTensor", "uint16": "UInt16Tensor", "uint32": "UInt32Tensor",
    "uint64": "UInt64Tensor",
}  # fmt: skip


def new(self, *args):
    """Uninitialised memory of the given sizes, or the given data, with this tensor's type and device.

    Shape: (*sizes).
    """
    if len(args) == 1 and not isinstance(args[0], (int, np.integer)) and not isinstance(args[0], tuple):
        return self.new_tensor(args[0])
    return self.new_empty(*args) if args else self.new_empty((0,))


def pin_memory(self, device=None):
    """This tensor; host memory is not page-locked here.   Shape: (*) -> (*)."""
    return self


def is_pinned(self, device=None):
    """Whether the memory is page-locked: it never is here.   Shape: (*) -> bool."""
    return False


def share_memory_(self):
    """Move this tensor's memory to where other processes can map it, and write it together with this one; returns the tensor.

    Views taken earlier keep the old memory: share first, then take views.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.ones(2).share_memory_().is_shared()
    True
    """
    if self.is_cpu and not is_shared(self):
        array = shared.empty(self.array.shape, self.array.dtype)
        array[...] = self.array
        self.array = array
    return self


def is_shared(self):
    """Whether other processes can map this tensor's memory.   Shape: (*) -> bool.

    >>> import facula
    >>> facula.ones(2).is_shared()
    False
    """
    return shared.place_of(self.array) is not None


def apply_(self, callable):
    """Replace each element by `callable(element)`; slow, for the CPU only.   Shape: (*) -> (*).

    >>> import facula
    >>> facula.tensor([1., 2.]).apply_(lambda x: x + 1)
    tensor([2., 3.])
    """
    flat = [callable(x) for x in self.detach().reshape(-1).tolist()]
    return write(self, wrap(np.array(flat, self.array.dtype).reshape(self.array.shape)), "apply_")


def map_(self, tensor, callable):
    """Replace each element by `callable(element, element of tensor)`; slow, for the CPU only.

    Shape: (*), tensor that broadcasts to it -> (*).

    >>> import facula
    >>> facula.tensor([1., 2.]).map_(facula.tensor([3., 4.]), lambda a, b: a * b)
    tensor([3., 8.])
    """
    other = tensor.expand(self.shape).reshape(-1).tolist()
    flat = [callable(x, y) for x, y in zip(self.detach().reshape(-1).tolist(), other, strict=True)]
    return write(self, wrap(np.array(flat, self.array.dtype).reshape(self.array.shape)), "map_")


def set_(self, source=None):
    """Let this tensor use the memory of `source` (or none).   Shape: (*) -> the shape of `source`, or (*size)."""
    self.array = np.empty(0, self.array.dtype) if source is None else source.array
    self.root = None
    return self


def is_nonzero(input):
    """Whether the one element of `input` is not zero.   Shape: one element -> bool.

    >>> import facula
    >>> facula.is_nonzero(facula.tensor([2.]))
    True
    """
    return bool(input)


def from_dlpack(ext_tensor, *, device=None, copy=None):
    """A tensor over the memory of an object that speaks DLPack, or of a capsule.   Shape: the shape of the object.

    `copy=True` copies; `copy=False` refuses where another device is asked for.

    >>> import facula, numpy
    >>> facula.from_dlpack(numpy.ones(2))
    tensor([1., 1.], dtype=facula.float64)
    """
    if isinstance(ext_tensor, Tensor):
        found = ext_tensor.detach()
    else:
        found = wrap(dlpack.array_of(ext_tensor))
    moved = found if device is None else found.to(device)
    if copy is False and moved is not found:
        raise value_error(
            f"from_dlpack: unable to avoid copy, expected device {found.device}, got {device}. Leave copy=None."
        )
    return moved.clone() if copy and moved is found else moved


def to_dlpack(tensor):
    """A DLPack capsule of the memory of `tensor`.   Shape: (*) -> capsule."""
    return tensor.__dlpack__()


def _as_array(self, dtype=None, copy=None):
    """What `numpy.asarray(tensor)` shares, and `numpy.array(tensor)` copies."""
    array = self.numpy()
    if dtype is not None and array.dtype != dtype:
        if copy is False:
            raise value_error(
                f"__array__: unable to avoid copy, expected dtype {array.dtype}, got {np.dtype(dtype)}. Leave copy=None."
            )
        return array.astype(dtype)
    return array.copy() if copy else array


def _dlpack(self, *, stream=None, max_version=None, dl_device=None, copy=None):
    if self.requires_grad:
        raise BufferError(
            "__dlpack__: Can't export tensors that require gradient, use tensor.detach(). Detach it first."
        )
    return dlpack.capsule_of(self.array, stream=stream, max_version=max_version, dl_device=dl_device, copy=copy)


def _dlpack_device(self):
    return self.array.__dlpack_device__()


def _cuda_array_interface(self):
    """The memory of a tensor on a GPU, for Numba, CuPy and others."""
    if not self.is_cuda:
        raise AttributeError(
            f"__cuda_array_interface__: Can't get it on non-CUDA tensor type: {self.type()}, expected device cuda. "
            "Use .cuda() to move it to a GPU first."
        )
    if self.requires_grad:
        raise runtime_error(
            "__cuda_array_interface__: Can't get it on a tensor that requires grad. Use tensor.detach() first."
        )
    return self.array.__cuda_array_interface__


def _to_device(self, device, /, *, stream=None):
    """This tensor on another device, under the array API's name."""
    return self.to(device)


def _wrapped(self, array, context=None, return_scalar=False):
    return wrap(array)


def _array_namespace(self, /, *, api_version=None):
    """The array API standard for tensors; it is built on the operators, so it is named here and not imported."""
    space = importlib.import_module("facula.array_api")
    if api_version is not None and api_version > space.__array_api_version__:
        raise value_error(
            f"__array_namespace__: expected a version up to {space.__array_api_version__}, got {api_version!r}. Ask for that one."
        )
    return space


for _name, _value in (
    ("__array__", _as_array),
    ("__array_wrap__", _wrapped),
    ("__array_namespace__", _array_namespace),
    ("__dlpack__", _dlpack),
    ("__dlpack_device__", _dlpack_device),
    ("__cuda_array_interface__", property(_cuda_array_interface)),
    ("to_device", _to_device),
):
    setattr(Tensor, _name, _value)
