"""DLPack: memory handed from library to library without a copy.

NumPy and CuPy read and write the capsules. What NumPy cannot is added here, by looking into the capsule's record of the memory
(https://dmlc.github.io/dlpack/latest/c_api.html): capsules without an object around them, and bfloat16.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from facula.devices import base as devices

_CPU, _CUDA, _CUDA_HOST = 1, 2, 3
_INT, _BFLOAT = 0, 4  # codes of types


class _Memory(ctypes.Structure):
    """DLTensor."""

    _fields_ = (
        ("data", ctypes.c_void_p), ("device_type", ctypes.c_int32), ("device_id", ctypes.c_int32), ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
    )  # fmt: skip


class _Versioned(ctypes.Structure):
    """DLManagedTensorVersioned."""

    _fields_ = (
        ("major", ctypes.c_uint32), ("minor", ctypes.c_uint32), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64), ("memory", _Memory),
    )  # fmt: skip


_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
_is_valid = ctypes.pythonapi.PyCapsule_IsValid
_is_valid.restype, _is_valid.argtypes = ctypes.c_int, (ctypes.py_object, ctypes.c_char_p)


class _Held:
    """A capsule, and the record of the memory in it, as an object that speaks DLPack."""

    def __init__(self, capsule: Any) -> None:
        self.capsule = capsule
        self.versioned = bool(_is_valid(capsule, b"dltensor_versioned"))
        if self.versioned:
            self.memory = _Versioned.from_address(_pointer(capsule, b"dltensor_versioned")).memory
        elif _is_valid(capsule, b"dltensor"):
            self.memory = _Memory.from_address(_pointer(capsule, b"dltensor"))
        else:
            raise BufferError(
                "from_dlpack: expected a DLPack capsule that nobody has taken, got a used one. Make a new one with to_dlpack()."
            )

    def __dlpack__(self, **_: Any) -> Any:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.memory.device_type, self.memory.device_id


def _held(source: Any) -> _Held:
    if not hasattr(source, "__dlpack__"):
        return _Held(source)
    try:
        return _Held(source.__dlpack__(max_version=(1, 0)))
    except TypeError:
        return _Held(source.__dlpack__())


def array_of(source: Any) -> Any:
    """An array over the memory of an object that speaks DLPack, or of a capsule."""
    if hasattr(source, "__dlpack_device__") and source.__dlpack_device__()[0] not in (_CPU, _CUDA_HOST):
        return devices.kind("cuda").xp.from_dlpack(source)
    held = _held(source)
    if held.memory.device_type not in (_CPU, _CUDA_HOST):
        return devices.kind("cuda").xp.from_dlpack(held)
    brain = held.memory.code == _BFLOAT
    if brain:
        held.memory.code = _INT
    found = np.from_dlpack(held)
    if not held.versioned:
        found = _writable(found)
    if brain:
        import ml_dtypes

        found = found.view(ml_dtypes.bfloat16)
    return found


def _writable(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """NumPy takes what an old capsule holds for read-only, since it does not say; libraries that made such ones meant to share."""
    if not array.size or min(array.strides, default=0) < 0:
        return array
    extent = array.itemsize + sum((n - 1) * s for n, s in zip(array.shape, array.strides, strict=True))
    memory = (ctypes.c_char * extent).from_address(array.__array_interface__["data"][0])
    memory.owner = array
    return np.ndarray(array.shape, array.dtype, memory, 0, array.strides)


def capsule_of(array: Any, **options: Any) -> Any:
    """A capsule of an array's memory."""
    if type(array) is not np.ndarray or array.dtype.name != "bfloat16":
        return array.__dlpack__(**options)
    capsule = array.view(np.int16).__dlpack__(**options)
    _Held(capsule).memory.code = _BFLOAT
    return capsule
